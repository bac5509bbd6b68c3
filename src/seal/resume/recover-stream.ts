import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { TamperError } from '../../errors.ts';
import { pause } from '../../keys/retry.ts';
import { isNamedAfter, resolveNames, STDOUT, type StreamNames, streamFiles } from '../disk/names.ts';
import { placeOf, prepareDirectories, seekerOf } from './site-opening.ts';
import { beginNewStream } from './stream-site.ts';

/** What `fapilog-tamper recover` does: apart from the writer, which never needs it. */

/**
 * Ends a stream that cannot go on, on purpose: the next start begins a new one that cites it (spec 6).
 *
 * @param reason - why, for whoever reads the state later
 * @returns the origin of the stream that is given up, and the new stream's origin and file
 * @throws {@link TamperError} `NOT_FOUND` if there is neither a state of that name nor the file; `LOCKED` if a writer
 * runs; `UNSAFE_PATH`, `READ_FAILED`, `WRITE_FAILED`
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

function checkIsThere({ origin, base, stateDir, stream }: StreamNames): void {
  if (existsSync(streamFiles(stateDir, stream).state) || (base !== STDOUT && (existsSync(base) || hasFiles(base))))
    return;
  throw new TamperError('NOT_FOUND', `there is no stream ${origin}: neither its state in ${stateDir} nor ${base}`, {
    hint: 'Give --origin and --state-dir (or --config) as the writer has them.',
  });
}
