import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Digest, digestFrom } from '../core/hash.ts';

const CHUNK = 1_048_576;

/** What recovery cut off, and where it was copied to. */
export interface TornTail {
  readonly bytes: number;
  readonly sha256: Digest;
  readonly file: string;
}

/** Copies what stands from `from` on to a file of its own, makes the copy durable, and cuts it off (spec 6, M6.2). */
export function setAside(fd: number, file: string, from: number, stamp: string): TornTail | undefined {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK);
  let at = from;
  let count = readSync(fd, chunk, 0, chunk.length, at);
  if (count === 0) return undefined;
  const path = unusedName(`${file}.torn-${stamp}`);
  const copy = openSync(path, 'wx', 0o600);
  try {
    for (; count > 0; count = readSync(fd, chunk, 0, chunk.length, at)) {
      const piece = chunk.subarray(0, count);
      hash.update(piece);
      for (let done = 0; done < count; ) done += writeSync(copy, piece, done);
      at += count;
    }
    fsyncSync(copy);
  } finally {
    closeSync(copy);
  }
  syncDirectory(dirname(path));
  ftruncateSync(fd, from);
  fsyncSync(fd);
  return { bytes: at - from, sha256: digestFrom(hash.digest()), file: path };
}

/** Makes the names in a directory durable. Windows has no such call and needs none. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** `path`, or `path-2` and so on where `path` + `extension` (or its compressed form) is taken. */
export function unusedName(path: string, extension = ''): string {
  let name = path;
  for (let number = 2; existsSync(name + extension) || existsSync(`${name}${extension}.gz`); number++) {
    name = `${path}-${number}`;
  }
  return name;
}
