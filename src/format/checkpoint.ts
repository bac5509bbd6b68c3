import { type Digest, digestBytes, digestFrom } from '../core/hash.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { isOrigin } from './origin.ts';

/** Checkpoints: C2SP tlog-checkpoint in a C2SP signed note, without extension lines (spec 4). */

/** A note is at most so long, in bytes (spec 4). */
export const MAX_NOTE = 65_536;
const DASH = '—';

/** A statement about a stream: its first `size` entries have this root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Digest;
}

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes as 8 hex digits. */
  readonly keyId: string;
  readonly bytes: Buffer;
}

/** A checkpoint with its signatures. */
export interface SignedCheckpoint extends Checkpoint {
  /** The signed bytes as text: three lines, each with its LF. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** `origin LF size LF base64(root) LF`: what is signed. */
export function formatCheckpointText(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${encodeBase64(digestBytes(checkpoint.root))}\n`;
}

/** One signature line, with its LF. */
export function formatSignatureLine(name: string, keyId: Uint8Array, signature: Uint8Array): string {
  return `${DASH} ${name} ${encodeBase64(Buffer.concat([keyId, signature]))}\n`;
}

/** The signature lines of the log itself, each with its LF: those under its origin (M4.2). */
export function ownSignatureLines({ origin, signatures }: SignedCheckpoint): string[] {
  return signatures
    .filter(({ name }) => name === origin)
    .map(({ name, keyId, bytes }) => formatSignatureLine(name, Buffer.from(keyId, 'hex'), bytes));
}

/** A signed note from its text and signature lines. */
export function formatNote(text: string, signatureLines: readonly string[]): string {
  return `${text}\n${signatureLines.join('')}`;
}

function parseText(text: string): Checkpoint | undefined {
  const match = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text);
  if (match === null) return undefined;
  const [, origin, digits, encoded] = match as unknown as [string, string, string, string];
  const size = Number(digits);
  const root = decodeBase64(encoded);
  if (!isOrigin(origin) || !Number.isSafeInteger(size) || root === undefined) return undefined;
  return { origin, size, root: digestFrom(root) };
}

const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/;
/**
 * With whatever other encodings make of the dash: other characters, a stand-in, an escape, or nothing. The name begins behind the
 * last character that no name has, so that a long line is not tried from each of its first bytes on.
 */
const CONVERTED_LINE = /^(?:.{0,95}[\s+\\])?([^\s+\\]+) ([A-Za-z0-9+/]+={0,2})$/s;

function parseSignatureLine(line: string, form: RegExp): NoteSignature | undefined {
  const match = form.exec(line);
  if (match === null) return undefined;
  const [, name, encoded] = match as unknown as [string, string, string];
  const bytes = decodeBase64(encoded);
  if (bytes === undefined || bytes.length < 5) return undefined;
  return { name, keyId: bytes.toString('hex', 0, 4), bytes: bytes.subarray(4) };
}

/** Reads a signed checkpoint, or says undefined where it is not one in its one spelling. Nothing is verified here (M4.1). */
export function parseSignedCheckpoint(note: string, form: RegExp = SIGNATURE_LINE): SignedCheckpoint | undefined {
  if (Buffer.byteLength(note) > MAX_NOTE) return undefined;
  const split = note.indexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) return undefined;
  const text = note.slice(0, split + 1);
  const checkpoint = parseText(text);
  if (checkpoint === undefined) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const signature = parseSignatureLine(line, form);
    if (signature === undefined) return undefined;
    signatures.push(signature);
  }
  // the spread is last: each member behind one costs Node.js 20 a hidden class, which only a full collection frees
  return { text, signatures, ...checkpoint };
}

/**
 * Reads a note that {@link parseSignedCheckpoint} refuses because a program wrote it in another encoding: of all that is in one
 * the dash alone is beyond ASCII. It proves nothing (M8.33).
 *
 * @param note - as latin1 if its bytes are not UTF-8 any more
 */
export const parseConverted = (note: string): SignedCheckpoint | undefined =>
  parseSignedCheckpoint(note, CONVERTED_LINE);
