import { gunzipSync } from 'node:zlib';
import { parseSignedCheckpoint } from '../../../src/format/checkpoint.ts';
import { classifyLine } from '../../../src/format/entry.ts';
import { classified } from './leaf.ts';

/** One file of a log. A manifest stands beside the file that its name says. */
export interface LogFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What signs and authenticates again what a holder of the keys has changed. */
export interface Holder {
  /** Data keys by KID, as hex. */
  readonly dataKeys: Readonly<Record<string, string>>;
  /** What signs, by the public key as base64url. */
  readonly signers: ReadonlyMap<string, (text: Uint8Array) => Promise<Buffer>>;
}

/** A log that nobody has touched, with all that an auditor may know about it. */
export interface HonestLog {
  readonly name: string;
  readonly mode: string;
  /** The streams in it, the first one first. */
  readonly origins: readonly string[];
  readonly files: readonly LogFile[];
  readonly manifests: readonly LogFile[];
  readonly vkeys: readonly string[];
  /** Milliseconds since 1970 at which it was copied. */
  readonly now: number;
  /** The writer was still running, or had crashed. */
  readonly open: boolean;
  readonly holder: Holder;
}

export const plainOf = (bytes: Buffer): Buffer => (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes);

/** The lines of a file without their LF, empty ones too; what follows the last LF is the last one. */
export function linesOf(bytes: Buffer): Buffer[] {
  const plain = plainOf(bytes);
  const lines: Buffer[] = [];
  let from = 0;
  for (let lf = plain.indexOf(10); lf >= 0; lf = plain.indexOf(10, from)) {
    lines.push(plain.subarray(from, lf));
    from = lf + 1;
  }
  if (from < plain.length) lines.push(plain.subarray(from));
  return lines;
}

/** The checkpoint notes in a log's files, as an auditor may hold them. */
export function notesOf(files: readonly LogFile[]): string[] {
  return files.flatMap(({ bytes }) =>
    linesOf(bytes).flatMap((line) => {
      const read = classifyLine(line);
      const held =
        read.type === 'checkpoint' && read.note !== undefined && parseSignedCheckpoint(read.note) !== undefined;
      return held ? [read.note as string] : [];
    }),
  );
}

/** The seq of a file's first entry. */
export function firstSeqOf(file: LogFile): number {
  for (const line of linesOf(file.bytes)) {
    const read = classified(line);
    if (read.type === 'record' || read.type === 'control') return read.seq;
  }
  return 0;
}
