import { type Draft, type Item, isEntry, kindOf, placesOf } from './draft.ts';
import type { Holder } from './honest-log.ts';
import { authOf, continuedIn, controlLeaf, lineOf, type Members, saidBy } from './leaf.ts';
import { changedControl } from './mutate-members.ts';
import type { Random } from './random.ts';
import { type Powers, Resealer } from './reseal.ts';

/** Changes by somebody who holds keys, and logs that were cut and gone on with. */

export interface Forged {
  readonly draft: Draft;
  /** Data keys of epochs that the change has renumbered or added. */
  readonly extraKeys: Readonly<Record<string, string>>;
}

type Change = (random: Random, draft: Draft, holder: Holder) => Promise<Forged | undefined>;

const powers = (random: Random): Powers =>
  random.pick([
    { mac: true, sign: true },
    { mac: true, sign: true },
    { mac: true, sign: false },
  ]);

/** All that follows from a line on, again by somebody who holds keys. */
export async function resealed(
  random: Random,
  draft: Draft,
  holder: Holder,
  from: number,
  renumber: boolean,
): Promise<Forged> {
  const resealer = new Resealer(holder, powers(random));
  const items: Item[] = [];
  for (const [at, item] of draft.items.entries()) {
    if (at < from) {
      resealer.feed(item);
      items.push(item);
    } else {
      items.push(await resealer.again(item, renumber, at === from && !renumber));
    }
  }
  return { draft: draft.with(items), extraKeys: resealer.extraKeys };
}

/** A member of a control entry is another one, and all that follows fits it. */
const member: Change = async (random, draft, holder) => {
  const changed = changedControl(random, draft);
  if (changed === undefined) return undefined;
  const { at, said } = changed;
  const line = lineOf(controlLeaf(said), authOf((draft.items[at] as Item).bytes));
  return resealed(random, draft.spliced(at, 1, line), holder, at, false);
};

/** Entries are dropped, repeated or swapped, and all that follows is numbered and sealed anew. */
const entries: Change = async (random, draft, holder) => {
  const kind = random.pick(['open', 'seal', 'key', 'gap', 'close', 'record', 'checkpoint']);
  const places = placesOf(draft, kind);
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const item = draft.items[at] as Item;
  const what = random.int(3);
  if (what === 0) return resealed(random, draft.spliced(at, 1), holder, at, true);
  if (what === 1) return resealed(random, draft.spliced(at + 1, 0, item.bytes), holder, at + 1, true);
  const next = draft.items[at + 1];
  if (next === undefined) return undefined;
  return resealed(random, draft.spliced(at, 2, next.bytes, item.bytes), holder, at, true);
};

/** The log is cut, and goes on with lines of somebody who has the data key, or nothing. */
const cutAndAppend: Change = async (random, draft, holder) => {
  const places = placesOf(draft, random.chance(0.7) ? 'checkpoint' : 'control');
  if (places.length === 0) return undefined;
  const kept = draft.items.slice(0, random.pick(places) + 1);
  const last = kept.findLast(isEntry);
  const opens = kept.filter((item) => {
    const read = kindOf(item);
    return read.type === 'control' && read.kind === 'open';
  });
  const opened = opens.at(-1);
  if (last === undefined || opened === undefined) return undefined;
  const read = kindOf(last);
  if (!('tag' in read)) return undefined;
  const resealer = new Resealer(
    holder,
    random.pick([
      { mac: false, sign: false },
      { mac: true, sign: false },
      { mac: true, sign: true },
    ]),
  );
  for (const item of kept) resealer.feed(item);
  const items = [...kept];
  const writer = new Writer(random, resealer, saidBy(opened.bytes).members, read.tag, last.file, timeOf(kept));
  for (const what of random.pick(SCRIPTS)) items.push(await writer.write(what));
  return { draft: draft.with(items.filter(({ bytes }) => bytes.length > 0)), extraKeys: resealer.extraKeys };
};

const SCRIPTS = [
  ['shutdown'],
  ['shutdown', 'checkpoint'],
  ['seal', 'checkpoint'],
  ['rotated', 'next file'],
  ['rotated', 'checkpoint', 'next file'],
  ['recovered', 'seal', 'checkpoint'],
  ['recovered', 'seal', 'checkpoint', 'shutdown', 'checkpoint'],
  ['recovered', 'seal', 'shutdown', 'checkpoint'],
  ['resumed', 'seal', 'checkpoint', 'shutdown', 'checkpoint'],
  ['recovered', 'seal', 'recovered', 'seal', 'checkpoint', 'shutdown', 'checkpoint'],
  ['rotated', 'recovered', 'seal', 'checkpoint', 'shutdown', 'checkpoint'],
  ['continued', 'checkpoint'],
  ['key', 'seal', 'checkpoint', 'shutdown', 'checkpoint'],
  ['key', 'recovered', 'seal', 'checkpoint', 'shutdown', 'checkpoint'],
] as const;

function timeOf(items: readonly Item[]): number {
  let latest = 0;
  for (const item of items) {
    const read = kindOf(item);
    if (read.type !== 'control') continue;
    const { time } = saidBy(item.bytes).members;
    if (typeof time === 'string') latest = Math.max(latest, Date.parse(time));
  }
  return latest;
}

/** Writes entries that fit where the log was cut. */
class Writer {
  readonly #random: Random;
  readonly #resealer: Resealer;
  readonly #opened: Members;
  readonly #tag: string;
  readonly #file: string;
  #clock: number;
  #epoch: number | undefined;

  constructor(random: Random, resealer: Resealer, opened: Members, tag: string, file: string, clock: number) {
    this.#random = random;
    this.#resealer = resealer;
    this.#opened = opened;
    this.#tag = tag;
    this.#file = file;
    this.#clock = clock;
  }

  async write(what: (typeof SCRIPTS)[number][number]): Promise<Item> {
    this.#clock += 1000;
    const time = new Date(this.#clock).toISOString();
    const { step, records, inFile } = this.#resealer.facts(this.#tag);
    const append = (kind: string, members: Members, kid?: string): Item =>
      this.#resealer.append(this.#file, this.#tag, kind, members, kid);
    const times = inFile > 0 ? { first_time: time, last_time: time } : {};
    switch (what) {
      case 'checkpoint':
        return this.#resealer.checkpoint(this.#file, this.#tag);
      case 'seal':
        return append('seal', { step, time, records, dropped: 0 });
      case 'shutdown':
      case 'rotated':
        return append('close', { step, time, records: inFile, ...times, why: what });
      case 'continued':
        return append('close', {
          step,
          time,
          records: inFile,
          ...times,
          why: what,
          ...continuedIn('audit.example.com/test/next'),
        });
      case 'key':
        return append('key', { next: this.#nextKid(), key: this.#opened['key'] });
      case 'next file':
        return append('open', this.#open('rotated', time));
      case 'recovered':
      case 'resumed':
        return append('open', this.#open(what, time), this.#nextKid());
    }
  }

  #nextKid(): string {
    const { kid } = this.#resealer.facts(this.#tag);
    const [tag, number] = kid.split('.');
    this.#epoch = Math.max(this.#epoch ?? 0, Number(number)) + 1 + this.#random.int(2);
    return `${tag}.${this.#epoch}`;
  }

  #open(why: string, time: string): Members {
    const { size, frontier, step, first, origin } = this.#resealer.facts(this.#tag);
    const { checkpoint, torn, adopted_from: _adopted, after, every, key, ...rest } = this.#opened;
    const run = why !== 'rotated';
    const cited = checkpoint as { size: number } | undefined;
    const promise = this.#random.chance(0.5) ? every : { records: 1000, seconds: 60, idle_seconds: 10 ** 9 };
    const signers = (key as { signers?: unknown[] }).signers !== undefined;
    const adopted = run && signers && this.#random.chance(0.8) ? { adopted_from: (cited?.size ?? 0) + 1 } : {};
    return {
      ...rest,
      origin,
      time,
      why,
      size,
      frontier,
      ...(cited && { checkpoint: cited }),
      key,
      epoch_seq: run ? size + 1 : first,
      step: run ? 0 : step,
      every: promise,
      ...adopted,
      ...(after !== undefined && size === 0 && { after }),
      ...(torn !== undefined && run && { torn }),
    };
  }
}

export const keyChanges: Readonly<Record<string, Change>> = { member, entries, cutAndAppend };
