import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { schemaProblem, withoutInput } from './schema-problem.ts';

/** What is known of streams from before (M8.27), and the text of the file that says it. */

/** Two notes for each stream: room for a hundred thousand streams, in bytes. */
export const KNOWN_LIMIT: number = 64 * 1024 * 1024;

const note = v.pipe(
  v.string(),
  v.check((text) => parseSignedCheckpoint(text) !== undefined, 'no signed checkpoint'),
);
const entry = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const stream = v.strictObject({ first: note, newest: note, from: v.optional(entry) });
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
  /** The first entry that was ever seen: a log that begins later has lost some. Absent in a file of an earlier version. */
  readonly from?: number | undefined;
}

/** Known checkpoints by origin. */
export type KnownStreams = ReadonlyMap<string, KnownStream>;

/** Reads the text of such a file. `path` is for the message. @throws {@link TamperError} `FORMAT_INVALID` */
export function parseKnown(text: string, path: string): KnownStreams {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text, withoutInput);
  if (parsed.success) return new Map(parsed.output.streams);
  const problem = schemaProblem(parsed.issues, 'the file');
  throw new TamperError('FORMAT_INVALID', `${path} is not a file of known checkpoints: ${problem}`, {
    hint: 'Do not repair it by hand: without it, a log that was rolled back looks correct. Restore it from a backup.',
  });
}

/** The text of such a file. */
export function formatKnown(known: KnownStreams): string {
  return `${JSON.stringify({ version: 1, streams: Object.fromEntries(known) }, undefined, 2)}\n`;
}

/** Takes the newest checkpoint of a verified stream; the first one, and the first entry, stay for ever. */
function advanceKnown(known: KnownStreams, { origin, first, newest, from }: SeenStream): KnownStreams {
  const before = known.get(origin);
  const sizeOf = (text: string | undefined): number =>
    text === undefined ? 0 : (parseSignedCheckpoint(text)?.size ?? 0);
  const latest = sizeOf(newest) >= sizeOf(before?.newest) ? newest : (before?.newest ?? newest);
  const earliest = Math.min(from, before?.from ?? from);
  return new Map([...known, [origin, { first: before?.first ?? first, newest: latest, from: earliest }]]);
}

/** Of a stream that was verified, the first and the newest checkpoint of this run, and the entry that it begins with. */
export interface SeenStream {
  readonly origin: string;
  readonly first: string;
  readonly newest: string;
  readonly from: number;
}

/** Takes what a run has seen. */
export function advanceAll(known: KnownStreams, seen: readonly SeenStream[]): KnownStreams {
  return seen.reduce(advanceKnown, known);
}
