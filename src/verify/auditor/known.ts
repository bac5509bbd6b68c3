import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import * as v from 'valibot';
import { isTamperError, systemCode, TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { replaceFile } from '../../foundation/durable-replace.ts';
import { causeAbout, shown } from '../../foundation/key-like.ts';
import { readText } from '../../foundation/read-text.ts';
import { KnownLock } from './known-lock.ts';
import { schemaProblem, withoutInput } from './schema-problem.ts';

/**
 * The file of `--known` (spec 8, M8.27): like known_hosts, per origin the first and the newest checkpoint that verified. Each run
 * demands consistency with both and advances only on verdict ok.
 */

/** Two notes for each stream: room for a hundred thousand streams, in bytes. */
const KNOWN_LIMIT = 64 * 1024 * 1024;

const note = v.pipe(
  v.string(),
  v.check((text) => parseSignedCheckpoint(text) !== undefined, 'no signed checkpoint'),
);
const stream = v.strictObject({ first: note, newest: note });
// no record of valibot's: that would drop a stream whose name is also a member of every object
const schema = v.strictObject({
  version: v.literal(1),
  streams: v.pipe(
    v.custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'no streams'),
    v.transform((streams) => Object.entries(streams) as [string, unknown][]),
    v.array(v.tuple([v.string(), stream])),
  ),
});

/** The checkpoints that are known of one stream, as signed notes. */
export interface KnownStream {
  readonly first: string;
  readonly newest: string;
}

/** Known checkpoints by origin. */
export type KnownStreams = ReadonlyMap<string, KnownStream>;

/** Reads the file; one that does not exist yet knows nothing. @throws {@link TamperError} `FORMAT_INVALID`, `READ_FAILED` */
export async function loadKnown(path: string): Promise<KnownStreams> {
  let text: string;
  try {
    text = await readText(path, KNOWN_LIMIT);
  } catch (error) {
    if (isTamperError(error, 'NOT_FOUND')) return new Map();
    throw error;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text, withoutInput);
  if (parsed.success) return new Map(parsed.output.streams);
  const problem = schemaProblem(parsed.issues[0], 'the file');
  throw new TamperError('FORMAT_INVALID', `${path} is not a file of known checkpoints: ${problem}`, {
    hint: 'Do not repair it by hand: without it, a log that was rolled back looks correct. Restore it from a backup.',
  });
}

/** Takes the newest checkpoint of a verified stream; the first one stays for ever. */
export function advanceKnown(known: KnownStreams, origin: string, first: string, newest: string): KnownStreams {
  const before = known.get(origin);
  const sizeOf = (text: string | undefined): number =>
    text === undefined ? 0 : (parseSignedCheckpoint(text)?.size ?? 0);
  const latest = sizeOf(newest) >= sizeOf(before?.newest) ? newest : (before?.newest ?? newest);
  return new Map([...known, [origin, { first: before?.first ?? first, newest: latest }]]);
}

/** Whether another verifier changed what is known of one of these streams. */
function differs(known: KnownStreams, fresh: KnownStreams, origins: readonly string[]): boolean {
  return origins.some((origin) => {
    const [one, other] = [known.get(origin), fresh.get(origin)];
    return one?.first !== other?.first || one?.newest !== other?.newest;
  });
}

/** What one verification with the known checkpoints came to. */
export interface KnownRun<T> {
  readonly result: T;
  readonly ok: boolean;
  /** Of every stream that was verified, the first and the newest checkpoint of this run. */
  readonly seen: readonly { readonly origin: string; readonly first: string; readonly newest: string }[];
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

function advanceAll(known: KnownStreams, seen: KnownRun<unknown>['seen']): KnownStreams {
  return seen.reduce((all, { origin, first, newest }) => advanceKnown(all, origin, first, newest), known);
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
  const text = `${JSON.stringify({ version: 1, streams: Object.fromEntries(known) }, undefined, 2)}\n`;
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
