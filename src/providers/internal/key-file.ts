import { type BigIntStats, closeSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { systemCode, TamperError, type TamperErrorCode } from '../../errors.ts';
import { causeAbout, shown } from '../../foundation/key-like.ts';
import { numbersOf, openRegularSync, openStated } from '../../foundation/regular-file.ts';
import { checkSecretFile } from '../../foundation/secret-file.ts';
import { inTime, type Steps, waitFor } from '../../foundation/steps.ts';
import { malformed } from './key-text.ts';

/** No key text is longer, in bytes. */
export const MAX_KEY_FILE = 8192;

/** So much is asked for at least, in bytes. */
const SMALL = 4096;

/**
 * The bytes of a regular file that nobody but its owner may read, in memory of their own, which the caller overwrites.
 *
 * @param limit - the most bytes that such a file has
 * @throws {@link TamperError} `KEY_NOT_FOUND`, `ACCESS_DENIED`, `READ_FAILED`, `KEY_FILE_PERMISSIONS`, `KEY_MALFORMED` where it
 *   is longer, or no regular file
 */
export function readKeyFile(path: string, limit: number): Promise<Buffer> {
  return inTime(bytesOfKeyFile(path, limit));
}

/** {@link readKeyFile}. */
export function* bytesOfKeyFile(path: string, limit: number): Steps<Buffer> {
  const opened = yield* openKeyFile(path);
  const place = `file ${path}`;
  let buffer: Buffer | undefined;
  try {
    const { size, ...owned } = numbersOf(opened.stats);
    checkSecretFile('key file', path, owned);
    if (size > limit) throw malformed(place, `is longer than ${limit} bytes`);
    buffer = Buffer.alloc(Math.min(Math.max(size, SMALL), limit) + 1);
    const length = yield* readAll(opened, buffer);
    if (length > limit) throw malformed(place, `is longer than ${limit} bytes`);
    if (length === buffer.length) throw malformed(place, 'grew while it was read');
    const bytes = Buffer.alloc(length);
    bytes.set(buffer.subarray(0, length));
    return bytes;
  } catch (cause) {
    throw cause instanceof TamperError ? cause : fileError(path, cause);
  } finally {
    buffer?.fill(0);
    yield* waitFor(
      async () => opened.file?.close(),
      () => closeSync(opened.fd),
    );
  }
}

/** `file`: how it is used where there is time. */
interface OpenKeyFile {
  readonly fd: number;
  readonly file?: FileHandle;
  readonly stats: BigIntStats;
}

function* openKeyFile(path: string): Steps<OpenKeyFile> {
  try {
    return yield* waitFor<OpenKeyFile>(
      async () => {
        const { file, stats } = await openStated(path);
        return { fd: file.fd, file, stats };
      },
      () => openRegularSync(path),
    );
  } catch (cause) {
    throw fileError(path, cause);
  }
}

function* readAll({ fd, file }: OpenKeyFile, buffer: Buffer): Steps<number> {
  let length = 0;
  while (length < buffer.length) {
    const [from, left] = [length, buffer.length - length];
    const bytesRead = yield* waitFor(
      async () => (await file?.read(buffer, from, left, from))?.bytesRead ?? 0,
      () => readSync(fd, buffer, from, left, from),
    );
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** What the system says of a key file, as an error of ours. */
export function fileError(path: string, error: unknown): TamperError {
  const reason = systemCode(error) || 'unknown';
  const place = shown(path);
  const cause = causeAbout(path, error);
  const known = fileErrors.get(reason);
  if (known === undefined) return new TamperError('READ_FAILED', `cannot read the key file ${place}: ${reason}`, cause);
  return new TamperError(known.code, `${known.problem}: ${place}`, { ...cause, hint: known.hint });
}

const fileErrors: ReadonlyMap<string, { code: TamperErrorCode; problem: string; hint: string }> = new Map([
  [
    'ENOENT',
    {
      code: 'KEY_NOT_FOUND',
      problem: 'there is no key file',
      hint: 'Check key_file_path; `fapilog-tamper keygen` makes a key',
    },
  ],
  [
    'not a regular file',
    { code: 'KEY_MALFORMED', problem: 'the key file is not a regular file', hint: 'Name the file that holds the key' },
  ],
  ['ENOTDIR', { code: 'KEY_NOT_FOUND', problem: 'there is no key file', hint: 'Part of the path is not a directory' }],
  [
    'EACCES',
    {
      code: 'ACCESS_DENIED',
      problem: 'we may not read the key file',
      hint: 'Make the user that runs this process its owner',
    },
  ],
  [
    'EPERM',
    {
      code: 'ACCESS_DENIED',
      problem: 'we may not read the key file',
      hint: 'Make the user that runs this process its owner',
    },
  ],
]);
