import type { FileHandle } from 'node:fs/promises';
import { TamperError } from '../errors.ts';
import { openRegular, readError } from './regular-file.ts';

/** No line of our own files is longer, in bytes: what is longer is something else, such as a device or a file of zeros. */
const LINE_LIMIT: number = 16 * 1024 * 1024;
const LF = 0x0a;

/**
 * The lines of a regular file, one after another, without their ends, as UTF-8.
 *
 * @param hint - what to do if it cannot be read
 * @throws {@link TamperError} `NOT_FOUND`; `READ_FAILED`, also for a line of more than 16 MiB
 */
export async function* readLines(path: string, hint: string): AsyncGenerator<string> {
  let file: FileHandle | undefined;
  try {
    file = await openRegular(path);
    let rest: Buffer[] = [];
    let length = 0;
    for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
        yield Buffer.concat([...rest, chunk.subarray(from, end)]).toString('utf8');
        rest = [];
        length = 0;
        from = end + 1;
      }
      length += chunk.length - from;
      if (length > LINE_LIMIT) {
        throw new TamperError('READ_FAILED', `${path} has a line of more than ${LINE_LIMIT} bytes`, { hint });
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
    }
    if (length > 0) yield Buffer.concat(rest).toString('utf8');
  } catch (error) {
    throw readError(path, error, hint);
  } finally {
    await file?.close();
  }
}
