import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/**
 * Replaces a closed file by `<file>.gz`. The original goes only when the copy is whole and durable; verification reads
 * either (spec 8).
 *
 * @returns the path of the compressed file
 */
export async function compress(file: string): Promise<string> {
  const path = `${file}.gz`;
  const temporary = `${path}.tmp`;
  await pipeline(createReadStream(file), createGzip(), createWriteStream(temporary, { mode: 0o640 }));
  const handle = await open(temporary, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await unlink(file);
  return path;
}
