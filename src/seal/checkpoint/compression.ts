import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { syncDirectoryLater } from '../disk/set-aside.ts';

/**
 * Replaces a closed file by `<file>.gz`. The original goes only when the copy is whole and durable; verification reads
 * either (spec 8).
 *
 * @returns the path of the compressed file
 */
export async function compress(file: string): Promise<string> {
  const path = `${file}.gz`;
  const temporary = `${path}.tmp`;
  await rm(temporary, { force: true });
  // wx: neither a link nor a file that somebody else has put there
  await pipeline(createReadStream(file), createGzip(), createWriteStream(temporary, { mode: 0o640, flags: 'wx' }));
  const handle = await open(temporary, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectoryLater(dirname(path)); // for a moment both are there, with equal bytes
  await unlink(file);
  return path;
}
