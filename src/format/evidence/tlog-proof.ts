import { type Digest, digestBytes, digestFrom } from '../../core/hash.ts';
import { inclusionProofLength } from '../../core/inclusion-proof.ts';
import { decodeBase64, encodeBase64 } from '../base64.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../checkpoint.ts';
import { decodeUtf8 } from '../entry.ts';

/**
 * C2SP tlog-proof: a leaf's inclusion proof with the signed checkpoint of its tree, as text. What is read is only the one
 * spelling of what it says.
 */

/** What the first line of every version begins with. */
const ANY_VERSION = 'c2sp.org/tlog-proof@';
const HEADER = `${ANY_VERSION}v1\n`;
const EXTRA = 'extra ';
/** A line of the proof: 32 bytes in standard padded base64. */
const HASH = /^[A-Za-z0-9+/]{43}=$/;

/** The proof of one leaf. */
export interface TlogProof {
  /** Data of the application, which nothing in this format authenticates; absent if there is none. */
  readonly extra?: Buffer;
  /** The leaf's index, from 0. */
  readonly index: number;
  /** The sibling's hash first, the root's child last (RFC 6962 section 2.1.1). */
  readonly proof: readonly Digest[];
  /** The signed note of the checkpoint, as the log published it. */
  readonly note: string;
}

/** A proof as it was read, with what its note says. */
export interface ReadTlogProof extends TlogProof {
  readonly checkpoint: SignedCheckpoint;
}

/** A proof, or why the bytes are none; `otherVersion`: it is one of a version that is not known here. */
export type TlogProofReading =
  | { readonly proof: ReadTlogProof }
  | { readonly problem: string; readonly otherVersion?: true };

/** Whether a file that begins with these bytes says that it is a proof, of whatever version. */
export function beginsLikeProof(bytes: Uint8Array): boolean {
  return (
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 0, ANY_VERSION.length) ===
    ANY_VERSION
  );
}

/** One hash as a line, without its LF. */
export function formatHash(hash: Digest): string {
  return encodeBase64(digestBytes(hash));
}

/** The hash of a line in its one spelling, or undefined. */
export function readHash(line: string): Digest | undefined {
  const bytes = HASH.test(line) ? decodeBase64(line) : undefined;
  return bytes === undefined ? undefined : digestFrom(bytes);
}

/** The text of a proof. */
export function formatTlogProof({ extra, index, proof, note }: TlogProof): string {
  const data = extra === undefined ? '' : `${EXTRA}${encodeBase64(extra)}\n`;
  return `${HEADER}${data}index ${index}\n${proof.map((hash) => `${formatHash(hash)}\n`).join('')}\n${note}`;
}

/** Reads a proof; nothing of it is verified here, but that it has as many hashes as its index and size demand (E1.1). */
export function parseTlogProof(bytes: Uint8Array): TlogProofReading {
  const text = decodeUtf8(bytes);
  if (text === undefined) return { problem: 'it is not UTF-8' };
  if (!text.startsWith(HEADER)) {
    if (text.startsWith(`${HEADER.slice(0, -1)}\r\n`)) return { problem: 'its lines end with CR LF' };
    const later = /^c2sp\.org\/tlog-proof@v[0-9]+\n/.test(text);
    return { problem: 'its first line is not c2sp.org/tlog-proof@v1', ...(later && { otherVersion: true }) };
  }
  const body = text.slice(HEADER.length);
  const end = body.indexOf('\n\n');
  if (end < 0) return { problem: 'there is no empty line before the checkpoint' };
  const lines = body.slice(0, end).split('\n');
  const [first = ''] = lines;
  const given = first.startsWith(EXTRA) ? lines.shift()?.slice(EXTRA.length) : undefined;
  const extra = given === undefined ? undefined : decodeBase64(given);
  if (given === '' || (given !== undefined && extra === undefined)) {
    return { problem: 'its "extra" line is not canonical base64 of at least one byte' };
  }
  const index = readIndex(lines.shift() ?? '');
  if (index === undefined) return { problem: 'there is no "index" line with a decimal number where one is required' };
  const proof: Digest[] = [];
  for (const line of lines) {
    const hash = readHash(line);
    if (hash === undefined) return { problem: 'a line of the proof is not the canonical base64 of 32 bytes' };
    proof.push(hash);
  }
  const note = body.slice(end + 2);
  const checkpoint = parseSignedCheckpoint(note);
  if (checkpoint === undefined) return { problem: 'what follows the empty line is not a signed checkpoint' };
  if (index >= checkpoint.size) return { problem: `a tree of ${checkpoint.size} entries has no entry ${index + 1}` };
  const expected = inclusionProofLength(index, checkpoint.size);
  if (proof.length !== expected) return { problem: `it has ${proof.length} hashes, but its place takes ${expected}` };
  return { proof: { ...(extra !== undefined && { extra }), index, proof, note, checkpoint } };
}

function readIndex(line: string): number | undefined {
  const digits = /^index (0|[1-9][0-9]{0,15})$/.exec(line)?.[1];
  const index = Number(digits ?? Number.NaN);
  return Number.isSafeInteger(index) ? index : undefined;
}
