import { TamperError } from '../errors.ts';
import { parseConverted, parseSignedCheckpoint } from './checkpoint.ts';
import { decodeUtf8 } from './entry.ts';
import { type MemberProblem, Members } from './members.ts';
import { type NoteAlgorithm, SIGNATURE_ALGORITHMS } from './vkey.ts';

/**
 * The manifest beside a closed file (spec 7): an index and never an authority. Whoever reads one recomputes every field.
 *
 *     <file>.manifest.json    one JSON object, members in the order below, LF at the end
 */

/** What stands in `signature_algo` where a note has no signature of a key: our own MAC (spec 4). */
export const RATCHET_ALGORITHM = 'ratchet-hmac-sha256';
const SIGNATURES: readonly (NoteAlgorithm | typeof RATCHET_ALGORITHM)[] = [...SIGNATURE_ALGORITHMS, RATCHET_ALGORITHM];
/** What an entry's authenticator is: HMAC-SHA-256 under the data key's schedule, or a SHA-256 checksum. */
const ALGORITHMS = ['hmac-sha256', 'sha256'] as const;

/** The note in one has at most 64 KiB; no manifest is longer, in bytes. */
export const MANIFEST_LIMIT: number = 1024 * 1024;

/** The tree before a file's first entry. */
export interface ManifestOrigin {
  readonly origin: string;
  readonly size: number;
  /** Standard padded base64. */
  readonly root: string;
}

/** A manifest, its members as they are spelled in the file. */
export interface Manifest {
  readonly version: 1;
  readonly origin: string;
  /** Base name of the file, as it was before it was compressed. */
  readonly file: string;
  /** `time` of the file's first `open` and of its `close`. */
  readonly created_ts: string;
  readonly closed_ts: string;
  /** Record lines of the whole file, of all runs that wrote to it. */
  readonly record_count: number;
  /** Seq of the file's first and last entry. */
  readonly first_seq: number;
  readonly last_seq: number;
  /** When the first and the last record since the file's last `open` were taken: the times of its `close`. Absent without records. */
  readonly first_ts?: string;
  readonly last_ts?: string;
  /** Size and root of the tree after the last entry; root in standard padded base64. */
  readonly size: number;
  readonly root: string;
  readonly algo: 'hmac-sha256' | 'sha256';
  /** KID of the last entry. */
  readonly key_id: string;
  /** The tree before the file's first entry; of another stream where this one continues it. Absent at a stream's beginning. */
  readonly continues_from?: ManifestOrigin;
  /** Length of the file, uncompressed: all of it as it was closed, the checkpoint lines after its `close` too. */
  readonly bytes: number;
  /** SHA-256 of the file's first {@link Manifest.bytes} bytes, uncompressed: 64 hex digits. */
  readonly sha256: string;
  /** The signed note of size {@link Manifest.size}. */
  readonly checkpoint: string;
  /** The algorithm and value (standard padded base64, without the key id) of the note's first signature. */
  readonly signature_algo: NoteAlgorithm | typeof RATCHET_ALGORITHM;
  readonly signature: string;
}

/** The text of a manifest file. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(
    {
      version: manifest.version,
      origin: manifest.origin,
      file: manifest.file,
      created_ts: manifest.created_ts,
      closed_ts: manifest.closed_ts,
      record_count: manifest.record_count,
      first_seq: manifest.first_seq,
      last_seq: manifest.last_seq,
      first_ts: manifest.first_ts,
      last_ts: manifest.last_ts,
      size: manifest.size,
      root: manifest.root,
      algo: manifest.algo,
      key_id: manifest.key_id,
      continues_from: manifest.continues_from,
      bytes: manifest.bytes,
      sha256: manifest.sha256,
      checkpoint: manifest.checkpoint,
      signature_algo: manifest.signature_algo,
      signature: manifest.signature,
    },
    undefined,
    2,
  )}\n`;
}

function readContinuesFrom(members: Members): ManifestOrigin {
  const from = { origin: members.string('origin'), size: members.number('size'), root: members.string('root') };
  members.end();
  return from;
}

function readMembers(members: Members): Manifest {
  if (members.number('version') !== 1) members.unsupported('another "version"');
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
