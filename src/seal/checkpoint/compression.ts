import { createReadStream } from 'node:fs';
import { rm, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { replaceFile } from '../../foundation/durable-replace.ts';

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
  await replaceFile({ path, temporary, mode: 0o640 }, async (copy) => {
    let refused: unknown; // the pipeline says only that it was aborted
    try {
      await pipeline(createReadStream(file), createGzip(), async (compressed: AsyncIterable<Buffer>) => {
        for await (const chunk of compressed)
          await copy.writeFile(chunk).catch((error: unknown) => {
            refused = error;
            throw error;
          });
      });
    } catch (error) {
      throw refused ?? error;
    }
  });
  // for a moment both are there, with equal bytes
  await unlink(file);
  return path;
}
