import type { FileHandle } from 'node:fs/promises';
import { TamperError } from '../errors.ts';
import { numbersOf, type OnRead, openRegular, openStated, readError } from './regular-file.ts';
import type { SecretFileStats } from './secret-file.ts';

type CheckFile = (path: string, stats: SecretFileStats) => void;

/** A policy, a note, verifier keys: nothing of that kind is longer, in bytes. */
const TEXT_LIMIT: number = 16 * 1024 * 1024;

/** A byte that is no UTF-8 must not be read as a character that it is not. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a file that stands beside a log or that somebody named: a regular file of at most `limit` bytes (default
 * 16 MiB), in UTF-8. `check` refuses it for what the system says of the open file, by an error of its own.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, with the path
 */
export async function readText(path: string, limit: number = TEXT_LIMIT, check?: CheckFile): Promise<string> {
  const bytes = await readBytes(path, limit, undefined, check);
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new TamperError('READ_FAILED', `${path} is not UTF-8`, { cause, hint: 'Save it as UTF-8.' });
  }
}

/** As {@link readText}, the bytes themselves. `onRead` gets what the system says of the open file before and after. */
export async function readBytes(
  path: string,
  limit: number = TEXT_LIMIT,
  onRead?: OnRead,
  check?: CheckFile,
): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    const opened = await openStated(path);
    file = opened.file;
    const { size, ...owned } = numbersOf(opened.stats);
    check?.(path, owned);
    const bytes = size > limit ? undefined : await readUpTo(file, size, limit + 1);
    if (onRead !== undefined) onRead(path, opened.stats, await file.stat({ bigint: true }));
    if (bytes !== undefined && bytes.length <= limit) return bytes;
  } catch (error) {
    throw readError(path, error, 'Check the path, and that you may read it.');
  } finally {
    await file?.close();
  }
  throw new TamperError('READ_FAILED', `${path} is longer than ${limit} bytes`, {
    hint: 'No file of this kind is that long: check what it is.',
  });
}

/** The size says how much to ask for first; what a file of the kernel's holds it does not say. */
async function readUpTo(file: FileHandle, size: number, limit: number): Promise<Buffer> {
  let bytes = Buffer.allocUnsafe(Math.min(Math.max(size + 1, 4096), limit));
  let length = 0;
  for (;;) {
    if (length === bytes.length) {
      if (length === limit) return bytes;
      bytes = Buffer.concat([bytes], Math.min(length * 2, limit));
    }
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) return bytes.subarray(0, length);
    length += bytesRead;
  }
}

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
