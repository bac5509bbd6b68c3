import { randomBytes } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import * as v from 'valibot';
import { isTamperError, systemCode, TamperError } from '../errors.ts';
import { parseSignedCheckpoint } from '../format/checkpoint.ts';
import { readText } from './read-text.ts';
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
  throw new TamperError('FORMAT_INVALID', `${path} is no file of known checkpoints: ${problem}`, {
    hint: 'Do not repair it by hand: without it a log that was rolled back looks right. Restore it from a backup.',
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

/** Replaces the file: a new one beside it, flushed, then renamed. @throws {@link TamperError} `WRITE_FAILED` */
export async function saveKnown(path: string, known: KnownStreams): Promise<void> {
  const text = `${JSON.stringify({ version: 1, streams: Object.fromEntries(known) }, undefined, 2)}\n`;
  const beside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(beside, 'wx', 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    const code = systemCode(error);
    if (code === '') throw error;
    throw new TamperError('WRITE_FAILED', `${path} cannot be written (${code})`, { cause: error });
  }
}
