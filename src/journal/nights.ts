import * as v from 'valibot';
import { type Digest, digestBytes, sha256 } from '../core/hash.ts';
import { hashLeaf, hashNode } from '../core/tree.ts';
import { decodeBase64, encodeBase64 } from '../format/base64.ts';
import { isJson } from '../format/entry.ts';
import { isTime } from '../format/members.ts';
import { isOrigin } from '../format/origin.ts';

/** The texts of a journal (spec/journal.md): the two records of a night, its list of streams, and the tree over them. */

const STATES = ['ok', 'tampered', 'undecided', 'absent', 'retired', 'unnamed'] as const;

/** What a list says of a stream. */
export type StreamState = (typeof STATES)[number];

/** A checkpoint of a stream: the root, standard base64, of its first `size` entries. */
export interface Head {
  readonly size: number;
  readonly root: string;
}

/** What the list of a night says of one stream (J1.3). */
export interface JournalEntry {
  readonly origin: string;
  readonly state: StreamState;
  /** Its newest checkpoint, where that was proven; else absent. */
  readonly head?: Head | undefined;
  /** The newest one of the nights before. */
  readonly since?: Head | undefined;
  /** A newer one, which verified while the stream was undecided. */
  readonly seen?: Head | undefined;
  /** The first entry that it has; absent: 1. */
  readonly first?: number | undefined;
  /** SHA-256 of what the memory holds of its family after this night, standard base64; absent: nothing. */
  readonly memory?: string | undefined;
}

/** The last head of a stream (J2.4): the newest checkpoint that any night has proven. */
export const lastHead = ({ head, since }: Pick<JournalEntry, 'head' | 'since'>): Head | undefined => head ?? since;

/** Whether two heads are one. */
export const isSame = (one: Head | undefined, other: Head | undefined): boolean =>
  one?.size === other?.size && one?.root === other?.root;

/** Sealed before the first stream of a night is read. */
export interface NightBegins {
  readonly night: string;
  /** Digests of what was asked and of the policy, standard base64. */
  readonly config: string;
  readonly policy: string;
  /** Name and version of the program. */
  readonly verifier: string;
}

/** Sealed when all streams of a night were audited. */
export interface NightEnds {
  readonly night: string;
  /** SEQ of the record with which it began. */
  readonly of: number;
  readonly streams: number;
  /** 2^bits buckets. */
  readonly bits: number;
  /** Standard base64. */
  readonly root: string;
}

/** A tree has at most 2^24 buckets. */
const MOST_BITS = 24;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const seq = v.pipe(count, v.minValue(1));
const digest = v.pipe(
  v.string(),
  v.check((text) => decodeBase64(text)?.length === 32),
);
const origin = v.pipe(v.string(), v.check(isOrigin));
const time = v.pipe(v.string(), v.check(isTime));
const head = v.optional(v.strictObject({ size: count, root: digest }));
const entry = v.strictObject({
  origin,
  state: v.picklist(STATES),
  size: v.optional(count),
  root: v.optional(digest),
  since: head,
  seen: head,
  first: v.optional(v.pipe(count, v.minValue(2))),
  memory: v.optional(digest),
});
const begins = v.strictObject({
  journal: v.literal(1),
  night: time,
  begins: v.literal(true),
  config: digest,
  policy: digest,
  verifier: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
});
const ends = v.pipe(
  v.strictObject({ journal: v.literal(1), night: time, of: seq, streams: count, bits: count, root: digest }),
  v.check(({ streams, bits }) => bits === bitsFor(streams)),
);

/** An entry in its one spelling. */
export function formatEntry({ origin: name, state, head: own, ...more }: JournalEntry): string {
  const { since, seen, first, memory } = more;
  return JSON.stringify({ origin: name, state, ...own, since, seen, first, memory }); // without what is undefined
}

/** Reads an entry; undefined where it is none in its one spelling. */
export function readEntry(line: string): JournalEntry | undefined {
  const read = parsed(entry, line);
  if (read === undefined) return undefined;
  const { size, root, ...more } = read;
  const own = { ...more, head: size === undefined || root === undefined ? undefined : { size, root } };
  return formatEntry(own) === line ? own : undefined;
}

/** The record with which a night begins (J1.1). */
export function formatBegins({ night, config, policy, verifier }: NightBegins): string {
  return JSON.stringify({ journal: 1, night, begins: true, config, policy, verifier });
}

/** The record with which a night ends (J1.2). */
export function formatEnds({ night, of, streams, bits, root }: NightEnds): string {
  return JSON.stringify({ journal: 1, night, of, streams, bits, root });
}

/** Reads one of both; undefined where it is none in its one spelling. */
export function readNight(line: string): NightBegins | NightEnds | undefined {
  const [begun, ended] = [parsed(begins, line), parsed(ends, line)];
  if (begun !== undefined) return formatBegins(begun) === line ? begun : undefined;
  return ended !== undefined && formatEnds(ended) === line ? ended : undefined;
}

const laterNight = v.looseObject({ journal: v.pipe(count, v.minValue(2)) });

/** Whether a record is of a later version of the journal, of which nothing can be said. */
export const isLaterNight = (line: string): boolean => parsed(laterNight, line) !== undefined;

function parsed<S extends v.GenericSchema>(schema: S, line: string): v.InferOutput<S> | undefined {
  const result = isJson(line) ? v.safeParse(schema, JSON.parse(line)) : undefined;
  return result?.success === true ? result.output : undefined;
}

/** An entry as it stands in its bucket. */
export interface BucketItem {
  /** SHA-256 of the origin. */
  readonly key: Digest;
  readonly leaf: Digest;
}

/** How many buckets there are of so many streams, as a power of two (J1.4). */
function bitsFor(streams: number): number {
  let bits = 0;
  while (2 ** bits < streams && bits < MOST_BITS) bits++;
  return bits;
}

/** The key of a stream. */
export const keyOf = (name: string): Digest => sha256(name);

/** The bucket of a key: its first bits. */
export function bucketOf(key: Digest, bits: number): number {
  return bits === 0 ? 0 : digestBytes(key).readUInt32BE(0) >>> (32 - bits);
}

/** An entry's line as an item. */
export function itemOf(name: string, line: string): BucketItem {
  return { key: keyOf(name), leaf: hashLeaf(Buffer.from(line, 'utf8')) };
}

/** Why items are not those of one bucket; undefined where they are. */
export function bucketProblem(items: readonly BucketItem[], bucket: number, bits: number): string | undefined {
  if (items.some(({ key }) => bucketOf(key, bits) !== bucket)) return 'a key of another bucket stands in it';
  return items.every(({ key }, at) => at === 0 || (items[at - 1] as BucketItem).key < key)
    ? undefined
    : 'its keys do not ascend';
}

/** The leaf of a bucket: SHA-256(0x00 ‖ each key ‖ leaf). */
export function bucketLeaf(items: readonly BucketItem[]): Digest {
  return hashLeaf(Buffer.concat(items.flatMap(({ key, leaf }) => [digestBytes(key), digestBytes(leaf)])));
}

/** The tree over the buckets of a night (J1.4). */
export class NightTree {
  readonly bits: number;
  readonly #items: readonly BucketItem[];
  /** From the leaves up. */
  readonly #levels: Digest[][] = [];

  /** @param items - of all streams, their keys strictly ascending */
  constructor(items: readonly BucketItem[]) {
    this.#items = items;
    this.bits = bitsFor(items.length);
    let at = 0;
    let level = Array.from({ length: 2 ** this.bits }, (_, bucket) => {
      const from = at;
      while (at < items.length && bucketOf((items[at] as BucketItem).key, this.bits) === bucket) at++;
      return bucketLeaf(items.slice(from, at));
    });
    for (this.#levels.push(level); level.length > 1; this.#levels.push(level)) level = above(level);
  }

  get streams(): number {
    return this.#items.length;
  }

  get root(): Digest {
    return this.#levels.at(-1)?.[0] as Digest;
  }

  /** The items of a bucket. */
  bucket(bucket: number): readonly BucketItem[] {
    return this.#items.filter(({ key }) => bucketOf(key, this.bits) === bucket);
  }

  /** The inclusion proof of a bucket, the sibling first (RFC 6962, 2.1.1). */
  path(bucket: number): Digest[] {
    return this.#levels.slice(0, -1).map((level, height) => level[(bucket >> height) ^ 1] as Digest);
  }
}

function above(level: readonly Digest[]): Digest[] {
  return Array.from({ length: level.length / 2 }, (_, at) =>
    hashNode(level[2 * at] as Digest, level[2 * at + 1] as Digest),
  );
}

/** A digest as texts have it. */
export const base64Of = (one: Digest): string => encodeBase64(digestBytes(one));
