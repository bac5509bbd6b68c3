import * as v from 'valibot';
import { isJson } from './entry.ts';
import { isTime } from './members.ts';
import { isOrigin } from './origin.ts';

/** A record of an erasure log (spec/erasure.md, 1): which record was erased, by whom, when and why. */

/** What became of the old bytes of the file: overwritten where they stood, or not surely. */
export const STORAGES = ['in-place', 'not-in-place'] as const;

/** One erased record, or part of one. */
export interface Erasure {
  /** `commit` is C of the record, 43 base64url characters (M1.12). */
  readonly erased: { readonly origin: string; readonly seq: number; readonly commit: string };
  readonly reason: string;
  readonly who: string;
  /** UTC, by the clock of who erased it. */
  readonly time: string;
  /** The base name of the file, and the SHA-256 of all of it, uncompressed, in hex. */
  readonly file: { readonly name: string; readonly before: string; readonly after: string };
  readonly storage: (typeof STORAGES)[number];
}

/** The most characters of a reason, and of a name. */
const LONGEST = 1_000;

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(LONGEST));
const hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const erasure: v.GenericSchema<unknown, Erasure> = v.strictObject({
  erased: v.strictObject({
    origin: v.pipe(v.string(), v.check(isOrigin)),
    seq: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    commit: v.pipe(v.string(), v.regex(/^[\w-]{42}[AEIMQUYcgkosw048]$/)),
  }),
  reason: text,
  who: text,
  time: v.pipe(v.string(), v.check(isTime)),
  file: v.strictObject({ name: v.pipe(v.string(), v.minLength(1)), before: hex, after: hex }),
  storage: v.picklist(STORAGES),
});

/** Its line, in the one spelling. */
export function formatErasure({ erased, reason, who, time, file, storage }: Erasure): string {
  const { origin, seq, commit } = erased;
  const { name, before, after } = file;
  return JSON.stringify({ erased: { origin, seq, commit }, reason, who, time, file: { name, before, after }, storage });
}

/** Reads a line; undefined where it is none in its one spelling (R1.1). */
export function readErasure(line: string): Erasure | undefined {
  if (!isJson(line)) return undefined;
  const parsed = v.safeParse(erasure, JSON.parse(line));
  return parsed.success && formatErasure(parsed.output) === line ? parsed.output : undefined;
}

/** Why a reason, or a name, cannot stand in an erasure log; undefined where it can. */
export const textProblem = (value: string): string | undefined =>
  v.is(text, value) ? undefined : `it must have 1 to ${LONGEST} characters`;
