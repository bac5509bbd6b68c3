import { TamperError } from '../errors.ts';
import { parseConverted, parseSignedCheckpoint } from './checkpoint.ts';
import { decodeUtf8 } from './entry.ts';
import { type Manifest, type ManifestOrigin, RATCHET_ALGORITHM } from './manifest.ts';
import { type MemberProblem, Members } from './members.ts';
import { type NoteAlgorithm, SIGNATURE_ALGORITHMS } from './vkey.ts';

/** How a manifest is read: by verifiers alone, so that no writer loads it. */

const SIGNATURES: readonly (NoteAlgorithm | typeof RATCHET_ALGORITHM)[] = [...SIGNATURE_ALGORITHMS, RATCHET_ALGORITHM];
/** What an entry's authenticator is: HMAC-SHA-256 under the data key's schedule, or a SHA-256 checksum. */
const ALGORITHMS = ['hmac-sha256', 'sha256'] as const;

/** The note in one has at most 64 KiB; no manifest is longer, in bytes. */
export const MANIFEST_LIMIT: number = 1024 * 1024;

function readContinuesFrom(members: Members): ManifestOrigin {
  const from = { origin: members.string('origin'), size: members.number('size'), root: members.string('root') };
  members.end();
  return from;
}

function readMembers(members: Members): Manifest {
  members.format('version', 1);
  const manifest: Manifest = {
    version: 1,
    origin: members.string('origin'),
    file: members.string('file'),
    created_ts: members.time('created_ts'),
    closed_ts: members.time('closed_ts'),
    record_count: members.number('record_count'),
    first_seq: members.number('first_seq'),
    last_seq: members.number('last_seq'),
    ...(members.has('first_ts') && { first_ts: members.time('first_ts') }),
    ...(members.has('last_ts') && { last_ts: members.time('last_ts') }),
    size: members.number('size'),
    root: members.string('root'),
    algo: members.oneOf('algo', ALGORITHMS),
    key_id: members.string('key_id'),
    ...(members.has('continues_from') && { continues_from: readContinuesFrom(members.object('continues_from')) }),
    bytes: members.number('bytes'),
    sha256: members.string('sha256'),
    checkpoint: members.string('checkpoint'),
    signature_algo: members.oneOf('signature_algo', SIGNATURES),
    signature: members.string('signature'),
  };
  members.end();
  if (members.problem === undefined && parseSignedCheckpoint(manifest.checkpoint) === undefined) {
    members.malformed('"checkpoint" is not a signed note');
  }
  return manifest;
}

/**
 * A manifest, why the text is none, or why the bytes are no text that could be one, as a download that broke or a conversion
 * leaves them. Nothing in it is verified here.
 */
export type ManifestReading =
  | { readonly manifest: Manifest }
  | { readonly problem: MemberProblem }
  | { readonly unreadable: string };

/** Reads the bytes of a manifest file. Formatting and order do not matter; members and their types do. */
export function readManifest(bytes: Uint8Array): ManifestReading {
  const [first = 1, second] = bytes;
  if (first >= 0xfe || first === 0 || second === 0) return { unreadable: 'it was converted to UTF-16' };
  const text = decodeUtf8(bytes);
  if (text === undefined) return { unreadable: 'it is not UTF-8' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw new TamperError('INTERNAL', 'JSON.parse failed', { cause: error });
    return { unreadable: first === 0xef ? 'a byte order mark was put before it' : 'it is cut, or not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: { code: 'CONTROL_MALFORMED', message: 'it is not an object' } };
  }
  const members = new Members(value);
  const manifest = readMembers(members);
  if (members.problem === undefined) return { manifest };
  const { checkpoint } = manifest;
  if (parseSignedCheckpoint(checkpoint) === undefined && parseConverted(checkpoint) !== undefined)
    return { unreadable: 'a program wrote it in another encoding' };
  return { problem: members.problem };
}
