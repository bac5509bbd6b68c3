import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { classifyLine } from '../format/entry.ts';
import { erasedForm } from '../format/leaf.ts';

/** The lines of a file as they are, and what of it does not change by an erasure. */

const LF = 0x0a;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** Whether a file is compressed. It throws what the system says. */
export async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(GZIP.length), 0, GZIP.length, 0);
    return bytesRead === GZIP.length && buffer.equals(GZIP);
  } finally {
    await file.close();
  }
}

/** The lines of a file, decompressed, each with its LF but perhaps the last one. */
export async function* linesOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path);
  const bytes = (await isGzip(path)) ? pipeline(file, createGunzip(), () => undefined) : file; // a failure ends the loop
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    let held: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let lf = held.indexOf(LF); lf >= 0; lf = held.indexOf(LF)) {
      yield held.subarray(0, lf + 1);
      held = held.subarray(lf + 1);
    }
    rest = Buffer.from(held);
  }
  if (rest.length > 0) yield rest;
}

/** A line without its LF. */
export const withoutLf = (line: Buffer): Buffer => (line[line.length - 1] === LF ? line.subarray(0, -1) : line);

/** SHA-256 of a file in which every record with a salt is erased: equal for a file before and after an erasure. */
export async function digestAsErased(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const line of linesOf(path)) {
    const own = withoutLf(line);
    hash.update(erasedForm(own, classifyLine(own)));
    if (own.length < line.length) hash.update('\n');
  }
  return hash.digest('hex');
}
