import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import type { OnProblem } from './sources.ts';

/**
 * M8.23: Compressed files (RFC 1952): several members are one file, bytes after the last one are a finding. Node's own gunzip
 * drops what it decompressed when such bytes follow, so the members are walked here and only their data is Node's.
 */

const CHUNK = 1024 * 1024;
const FIXED_HEADER = 10;
const TRAILER = 8;
/** A header may carry a name and a comment; longer than this it is damage. */
const MAX_HEADER = 64 * 1024;

class Damaged extends Error {}

/** The length of the member header that `bytes` begin with, or undefined where they begin with none. */
function headerLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED_HEADER || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) return undefined;
  const flags = bytes[3] as number;
  if ((flags & 0xe0) !== 0) return undefined;
  let at = FIXED_HEADER;
  if (flags & 0x04) at += 2 + (at + 2 <= bytes.length ? bytes.readUInt16LE(at) : MAX_HEADER);
  for (const zeroTerminated of [flags & 0x08, flags & 0x10]) {
    if (zeroTerminated === 0) continue;
    const zero = bytes.indexOf(0, at);
    if (zero < 0) return undefined;
    at = zero + 1;
  }
  if (flags & 0x02) at += 2;
  return at <= bytes.length ? at : undefined;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

/** The data of the member at `start`; returns the offset after it. */
async function* readMember(file: FileHandle, path: string, start: number): AsyncGenerator<Buffer, number> {
  const inflate = createInflateRaw({ chunkSize: CHUNK });
  const raw = createReadStream(path, { start, highWaterMark: CHUNK });
  raw.on('error', (error) => inflate.destroy(error));
  raw.pipe(inflate);
  let check = 0;
  let length = 0;
  try {
    for await (const chunk of inflate) {
      const bytes = chunk as Buffer;
      check = crc32(bytes, check);
      length += bytes.length;
      yield bytes;
    }
  } finally {
    raw.destroy();
    inflate.destroy();
  }
  const end = start + inflate.bytesWritten;
  const trailer = await readAt(file, end, TRAILER);
  if (trailer.length < TRAILER) throw new Damaged('it ends inside a member');
  if (trailer.readUInt32LE(0) !== check || trailer.readUInt32LE(4) !== length % 2 ** 32) {
    throw new Damaged('its checksum is wrong');
  }
  return end + TRAILER;
}

/** The decompressed bytes of a file, at most `maxBytes`. */
export async function* readGzip(path: string, maxBytes: number, onProblem: OnProblem): AsyncIterable<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    let position = 0;
    let bytes = 0;
    while (position < size) {
      const header = headerLength(await readAt(file, position, MAX_HEADER));
      if (header === undefined) {
        onProblem(position === 0 ? 'UNREADABLE' : 'GZIP_TRAILING', `no gzip member begins at byte ${position}`);
        return;
      }
      const member = readMember(file, path, position + header);
      let step = await member.next();
      while (step.done !== true) {
        bytes += step.value.length;
        if (bytes > maxBytes) {
          await member.return(0);
          onProblem('LIMIT', `it expands to more than ${maxBytes} bytes`);
          return;
        }
        yield step.value;
        step = await member.next();
      }
      position = step.value;
    }
  } catch (error) {
    const zlibFailed = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
    if (!zlibFailed && !(error instanceof Damaged)) throw error;
    onProblem('UNREADABLE', `the compressed data is damaged: ${error.message}`);
  } finally {
    await file.close();
  }
}
