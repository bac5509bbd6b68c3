import { closeSync, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { systemCode, TamperError } from '../../errors.ts';
import { pause } from '../../keys/retry.ts';
import { isNamedAfter, resolveNames, STDOUT, type StreamNames, streamFiles } from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import { LINE_LIMIT, readLines } from './line-reader.ts';
import { openIn } from './recovery.ts';
import { placeOf, prepareDirectories, seekerOf } from './site-opening.ts';
import { beginNewStream } from './stream-site.ts';

/** What `fapilog-tamper recover` does: apart from the writer, which never needs it. */

/**
 * Ends a stream that cannot go on, on purpose: the next start begins a new one that cites it (spec 6).
 *
 * @param reason - why, for whoever reads the state later
 * @returns the origin of the stream that is given up, and the new stream's origin and file
 * @throws {@link TamperError} `NOT_FOUND` if there is neither a state of that name nor the file, or the file is of another
 * stream; `USAGE` if it is a directory; `LOCKED` if a writer runs; `UNSAFE_PATH`, `READ_FAILED`, `WRITE_FAILED`
 */
export async function abandonStream(
  config: ResolvedConfig,
  reason: string,
  now: number,
): Promise<{ before: string; origin: string; file: string }> {
  const names = resolveNames(config);
  checkIsThere(names);
  prepareDirectories(names);
  const seeker = seekerOf(names, undefined);
  let lock = seeker.attempt();
  for (; lock === undefined; lock = seeker.attempt()) await pause(seeker.pause, 'waiting for the lock');
  try {
    return { before: names.origin, ...beginNewStream(placeOf(names, lock), now, reason) };
  } finally {
    lock.release();
  }
}

/**
 * Takes a stream's lock from its holder without waiting for its lease to end, and gives it up. A holder that lives stops
 * with `LOCKED` when it next looks, at the latest after 7.5 seconds; what it writes until then may collide with the next
 * writer's, and both stop with `FOREIGN_WRITE`.
 *
 * @returns whether there was one
 * @throws {@link TamperError} `LOCKED` where another starter was quicker; `READ_FAILED`, `WRITE_FAILED`
 */
export function breakLock(config: ResolvedConfig): boolean {
  const names = resolveNames(config);
  checkIsThere(names);
  prepareDirectories(names);
  const isLock = (name: string): boolean => name.startsWith(names.stream) && /\.\d+\.lock$/.test(name);
  if (!readdirSync(names.stateDir).some(isLock)) return false;
  const lock = seekerOf(names, undefined).force();
  if (lock === undefined)
    throw new TamperError('LOCKED', `another writer of ${names.origin} is starting at the same moment`);
  lock.release();
  return true;
}

/** Whether there is a file of this log, whatever somebody has renamed it to. */
function hasFiles(base: string): boolean {
  const directory = dirname(base);
  return existsSync(directory) && readdirSync(directory).some((name) => isNamedAfter(base, name));
}

const AS_WRITER = 'Give --origin and --state-dir (or --config) as the writer has them.';

function checkIsFile(path: string): void {
  if (!statSync(path).isDirectory()) return;
  throw new TamperError('USAGE', `${path} is a directory`, { hint: 'Name the log itself, as the option file has it.' });
}

/** Of a stream without a state, the first entry of its file says whose it is. */
function checkIsOf(origin: string, path: string): void {
  const other = originIn(path);
  if (other === undefined || other === origin || other.startsWith(`${origin}/`)) return;
  throw new TamperError('NOT_FOUND', `${path} is a log of ${other}, not of ${origin}`, { hint: AS_WRITER });
}

/** The stream that the first open of a file names; undefined if the file does not begin with an open. */
function originIn(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openRegular(path);
    const [first] = readLines(fd, 0, LINE_LIMIT);
    return first && openIn(first.bytes)?.origin;
  } catch (cause) {
    if (cause instanceof TamperError) throw cause;
    throw new TamperError('READ_FAILED', `cannot read ${path} (${systemCode(cause)})`, { cause });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function checkIsThere({ origin, base, stateDir, stream }: StreamNames): void {
  const isThere = base !== STDOUT && existsSync(base);
  if (isThere) checkIsFile(base);
  if (existsSync(streamFiles(stateDir, stream).state)) return;
  if (isThere) checkIsOf(origin, base);
  if (isThere || (base !== STDOUT && hasFiles(base))) return;
  throw new TamperError('NOT_FOUND', `there is no stream ${origin}: neither its state in ${stateDir} nor ${base}`, {
    hint: AS_WRITER,
  });
}
