import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { isTamperError, systemCode, TamperError } from '../../errors.ts';
import { replaceFile } from '../../foundation/durable-replace.ts';
import { causeAbout, shown } from '../../foundation/key-like.ts';
import { readText } from '../../foundation/read-text.ts';
import { KnownLock } from './known-lock.ts';
import {
  advanceAll,
  formatKnown,
  KNOWN_LIMIT,
  type KnownStreams,
  parseKnown,
  type SeenStream,
} from './known-streams.ts';

/**
 * The file of `--known` (spec 8, M8.27): like known_hosts, per origin the first and the newest checkpoint that verified, and the
 * first entry that was seen. Each run demands consistency with all of them and advances only on verdict ok.
 */

/** Reads the file; one that does not exist yet knows nothing. @throws {@link TamperError} `FORMAT_INVALID`, `READ_FAILED` */
export async function loadKnown(path: string): Promise<KnownStreams> {
  let text: string;
  try {
    text = await readText(path, KNOWN_LIMIT);
  } catch (error) {
    if (isTamperError(error, 'NOT_FOUND')) return new Map();
    throw error;
  }
  return parseKnown(text, path);
}

/** Whether another verifier changed what is known of one of these streams. */
function differs(known: KnownStreams, fresh: KnownStreams, origins: readonly string[]): boolean {
  return origins.some((origin) => {
    const [one, other] = [known.get(origin), fresh.get(origin)];
    return one?.first !== other?.first || one?.newest !== other?.newest || one?.from !== other?.from;
  });
}

/** What one verification with the known checkpoints came to. */
export interface KnownRun<T> {
  readonly result: T;
  readonly ok: boolean;
  /** Every stream that was verified. */
  readonly seen: readonly SeenStream[];
}

/**
 * Verifies with a file of known checkpoints, and advances it on ok (M8.27). Several verifiers may do so at once: what
 * another one recorded meanwhile stays, and where that is of the same stream, this verdict rests on too little and is made
 * again, alone.
 *
 * @param once - whether the input can be read but once
 * @throws {@link TamperError} `FORMAT_INVALID`, `READ_FAILED`, `WRITE_FAILED`, `LOCKED`
 */
export async function withKnown<T>(
  path: string,
  once: boolean,
  run: (known: KnownStreams) => Promise<KnownRun<T>>,
): Promise<T> {
  if (!once) {
    const known = await loadKnown(path);
    const { result, ok, seen } = await run(known);
    if (!ok) return result;
    const origins = seen.map(({ origin }) => origin);
    const advanced = await locked(path, async (lock) => {
      const fresh = await loadKnown(path);
      if (differs(known, fresh, origins)) return false;
      await saveKnown(path, advanceAll(fresh, seen), lock);
      return true;
    });
    if (advanced) return result;
  }
  return locked(path, async (lock) => {
    const known = await loadKnown(path);
    const { result, ok, seen } = await run(known);
    if (ok) await saveKnown(path, advanceAll(known, seen), lock);
    return result;
  });
}

async function locked<T>(path: string, action: (lock: KnownLock) => Promise<T>): Promise<T> {
  const lock = await KnownLock.take(path);
  try {
    return await action(lock);
  } finally {
    lock.release();
  }
}

/**
 * Replaces the file: a new one beside it, flushed, then renamed, then the directory flushed.
 *
 * @throws {@link TamperError} `WRITE_FAILED`; `LOCKED` where the lock is held no more
 */
export async function saveKnown(path: string, known: KnownStreams, lock?: KnownLock): Promise<void> {
  const text = formatKnown(known);
  const beside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  const put = (): void => {
    lock?.assertHeld();
    renameSync(beside, path);
  };
  try {
    await replaceFile({ path, temporary: beside, mode: 0o644, put }, (file) => file.writeFile(text));
  } catch (error) {
    const code = systemCode(error);
    if (code === '') throw error;
    throw new TamperError('WRITE_FAILED', `${shown(path)} cannot be written (${code})`, causeAbout(path, error));
  }
}
