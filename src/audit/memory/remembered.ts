import { hash } from 'node:crypto';
import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { isOrigin } from '../../format/origin.ts';
import { schemaProblem, withoutInput } from '../../verify/auditor/schema-problem.ts';
import { familyId, familyOf } from './family.ts';

/** What is remembered of a family of streams, and its text. */

const text = v.pipe(v.string(), v.nonEmpty());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const time = v.pipe(
  v.string(),
  v.check((one) => !Number.isNaN(Date.parse(one)), 'a time'),
);
const origin = v.pipe(v.string(), v.check(isOrigin, 'the name of a stream'));
const note = v.pipe(
  v.string(),
  v.check((one) => parseSignedCheckpoint(one) !== undefined, 'a signed checkpoint'),
);
const content = { name: text, size: count, version: text };
const file = v.strictObject({
  ...content,
  manifest: v.optional(v.strictObject(content)),
  firstSeq: v.optional(count),
  lastSeq: v.optional(count),
  by: v.optional(time),
  earlier: v.optional(v.array(text)),
  erased: v.optional(count),
});
const stream = v.strictObject({
  origin,
  verdict: v.picklist(['ok', 'tampered', 'undecided']),
  basis: text,
  first: v.optional(note),
  newest: v.optional(note),
  seen: v.optional(note),
  firstSeq: count,
  lastSeq: count,
  sealed: v.optional(time),
  end: v.picklist(['closed', 'continued', 'open']),
  continuedBy: v.optional(origin),
  counts: v.strictObject({ adopted: count, abandoned: count, dropped: count }),
  checked: time,
  whole: v.optional(time),
  files: v.array(file),
});
const run = v.strictObject({ id: text, results: v.string() });
const schema = v.strictObject({
  version: v.picklist([1, 2]),
  family: origin,
  streams: v.array(stream),
  run: v.optional(run),
});
const json = v.pipe(v.string(), v.parseJson(), schema);

/** A file as it was read when its stream was checked last. */
export interface RememberedFile {
  readonly name: string;
  readonly size: number;
  readonly version: string;
  readonly manifest?: { readonly name: string; readonly size: number; readonly version: string } | undefined;
  /** Its first and last entry; absent if it has none or was not read to its end. A copy of another file has no `lastSeq`. */
  readonly firstSeq?: number | undefined;
  readonly lastSeq?: number | undefined;
  /** Its last entry was written by this time, UTC, by the writer's clock. */
  readonly by?: string | undefined;
  /** Digests of the checkpoint lines in it that are about entries before its first one; they were checked. */
  readonly earlier?: readonly string[] | undefined;
  /** How many of its records erasure logs recorded as erased; absent: none. */
  readonly erased?: number | undefined;
}

/** A stream as it was when it was checked last. */
export interface RememberedStream {
  readonly origin: string;
  readonly verdict: 'ok' | 'tampered' | 'undecided';
  /** A digest of what the verdict rested on besides the log. */
  readonly basis: string;
  /** The first and the newest checkpoint of a check that was ok, as signed notes; they stay when a later one is not. */
  readonly first?: string | undefined;
  readonly newest?: string | undefined;
  /** A newer one that verified when the stream was undecided: what it says was signed, so a log without it was rolled back. */
  readonly seen?: string | undefined;
  /** The first and the last entry. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Time of the newest proven seal, UTC, by the writer's clock. */
  readonly sealed?: string | undefined;
  readonly end: 'closed' | 'continued' | 'open';
  readonly continuedBy?: string | undefined;
  /** What a policy may limit, as far as it was seen; entries that were read twice may be counted twice. */
  readonly counts: { readonly adopted: number; readonly abandoned: number; readonly dropped: number };
  /** When it was checked, UTC. */
  readonly checked: string;
  /** When all of its files were read last, UTC; absent if that was not remembered yet. */
  readonly whole?: string | undefined;
  readonly files: readonly RememberedFile[];
}

/** What is remembered of one family. */
export interface RememberedFamily {
  readonly version: 2;
  readonly family: string;
  readonly streams: readonly RememberedStream[];
  /**
   * The digest of the job of a queue that has changed what was there before, and its results as text: if a worker was killed before
   * it could hand them over, the next one says the same.
   */
  readonly run?: { readonly id: string; readonly results: string } | undefined;
}

/** The basis of a stream that was remembered by an earlier version: no verdict rests on it. */
const OLDER = 'version 1';

/** The last member is the digest of all before it: a text that was damaged, and is still well formed, is not taken for true. */
const WITH_DIGEST = /^(.*),"digest":"([0-9a-f]{64})"\}\n$/s;

/** Reads what is remembered under an id. `place` is for the message. @throws {@link TamperError} `FORMAT_INVALID` */
export function parseRemembered(given: string, id: string, place: string): RememberedFamily {
  const [, before, digest] = WITH_DIGEST.exec(given) ?? [];
  if (before === undefined) throw damaged(place, 'it does not end with its digest');
  if (hash('sha256', before, 'hex') !== digest) throw damaged(place, 'its digest is that of another text');
  const parsed = v.safeParse(json, `${before}}`, withoutInput);
  if (!parsed.success) throw damaged(place, schemaProblem(parsed.issues, 'the text'));
  const { version, family, streams, ...rest } = parsed.output;
  if (familyId(family) !== id) throw damaged(place, 'it is that of another stream');
  for (const one of streams) {
    if (familyOf(one.origin) !== family) throw damaged(place, 'it names a stream that does not belong here');
    for (const held of [one.first, one.newest, one.seen]) {
      if (held !== undefined && parseSignedCheckpoint(held)?.origin !== one.origin)
        throw damaged(place, 'a checkpoint in it is of another stream');
    }
  }
  if (new Set(streams.map((one) => one.origin)).size < streams.length)
    throw damaged(place, 'a stream stands in it twice');
  // version 1 remembered what was listed, which need not be what was read: nothing of it counts as checked
  const own = version === 1 ? streams.map((one) => ({ ...one, basis: OLDER })) : streams;
  return { version: 2, family, streams: own, ...rest };
}

/** The text of what is remembered. */
export function formatRemembered(family: RememberedFamily): string {
  const before = JSON.stringify(family).slice(0, -1);
  return `${before},"digest":"${hash('sha256', before, 'hex')}"}\n`;
}

/** The size of a signed note; 0 without one. */
export function sizeOf(one: string | undefined): number {
  return one === undefined ? 0 : (parseSignedCheckpoint(one)?.size ?? 0);
}

function damaged(place: string, problem: string): TamperError {
  return new TamperError('FORMAT_INVALID', `${place} is not what an auditor remembers: ${problem}`, {
    hint: 'Restore it from a backup. Without it a log that was rolled back looks correct; remove it only if you accept that.',
  });
}
