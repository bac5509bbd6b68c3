import { type Draft, type Item, isEntry, kindOf, placesOf } from './draft.ts';
import type { Random } from './random.ts';

/** Changes of whole lines, as somebody without a key can make them. */

type Change = (random: Random, draft: Draft, other: Draft) => Draft | undefined;

function entriesOf(draft: Draft): number[] {
  return [...draft.items.keys()].filter((at) => isEntry(draft.items[at] as Item));
}

const any = (random: Random, draft: Draft): number => random.int(draft.items.length);

const drop: Change = (random, draft) => draft.spliced(any(random, draft), random.chance(0.7) ? 1 : 1 + random.int(6));

const dropKind: Change = (random, draft) => {
  const places = placesOf(draft, random.pick(['open', 'seal', 'key', 'gap', 'close', 'checkpoint', 'checkpoint']));
  return places.length === 0 ? undefined : draft.spliced(random.pick(places), 1);
};

const dropCheckpoints: Change = (random, draft) => {
  const places = placesOf(draft, 'checkpoint');
  if (places.length === 0) return undefined;
  const from = random.chance(0.5) ? 0 : random.int(places.length);
  const gone = new Set(random.chance(0.5) ? places.slice(from) : random.some(places, 0.5));
  return draft.with(draft.items.filter((_, at) => !gone.has(at)));
};

const swap: Change = (random, draft) => {
  const one = any(random, draft);
  const other = random.chance(0.5) ? one + 1 : any(random, draft);
  const [first, second] = [draft.items[one], draft.items[other]];
  if (first === undefined || second === undefined || one === other) return undefined;
  const items = [...draft.items];
  items[one] = { file: first.file, bytes: second.bytes };
  items[other] = { file: second.file, bytes: first.bytes };
  return draft.with(items);
};

const again: Change = (random, draft) => {
  const from = any(random, draft);
  const block = draft.items.slice(from, from + (random.chance(0.6) ? 1 : 1 + random.int(8)));
  const to = random.chance(0.4) ? from + block.length : any(random, draft);
  return draft.spliced(to, 0, ...block.map(({ bytes }) => bytes));
};

const move: Change = (random, draft) => {
  const places = random.chance(0.4) ? placesOf(draft, 'checkpoint') : [...draft.items.keys()];
  if (places.length === 0) return undefined;
  const from = random.pick(places);
  const [moved] = draft.items.slice(from, from + 1);
  if (moved === undefined) return undefined;
  const rest = draft.spliced(from, 1);
  return rest.items.length === 0 ? undefined : rest.spliced(any(random, rest), 0, moved.bytes);
};

const replace: Change = (random, draft) => {
  const from = draft.items[any(random, draft)] as Item;
  return draft.spliced(any(random, draft), 1, from.bytes);
};

const foreignEntry: Change = (random, draft, other) => {
  const [first] = other.items;
  if (first === undefined) return undefined;
  const line = (other.items[any(random, other)] as Item).bytes;
  return draft.spliced(any(random, draft), random.int(2), line);
};

/** An entry of another epoch or run, at the place of the one with its number or the same kind. */
const otherEpoch: Change = (random, draft) => {
  const entries = entriesOf(draft);
  if (entries.length < 2) return undefined;
  const to = random.pick(entries);
  const read = kindOf(draft.items[to] as Item);
  const others = entries.filter((at) => {
    const one = kindOf(draft.items[at] as Item);
    if (at === to || !('epoch' in one) || !('epoch' in read)) return false;
    return one.type === read.type && one.epoch !== read.epoch;
  });
  if (others.length === 0) return undefined;
  return draft.spliced(to, 1, (draft.items[random.pick(others)] as Item).bytes);
};

const foreignLine: Change = (random, draft) => {
  const lines = [
    '{"level":30,"msg":"never sealed"}',
    'plain text',
    '',
    '\r',
    '{"integrity":{"seq":3}}',
    '{"integrity":{"kind":"checkpoint","note":"x"}}',
  ];
  return draft.spliced(any(random, draft), 0, Buffer.from(random.pick(lines)));
};

const cut: Change = (random, draft) => {
  const places = random.chance(0.5) ? placesOf(draft, 'checkpoint') : [...draft.items.keys()];
  return places.length === 0 ? undefined : draft.with(draft.items.slice(0, random.pick(places) + 1));
};

const cutStart: Change = (random, draft) => {
  const places = random.chance(0.5) ? placesOf(draft, 'open') : [...draft.items.keys()];
  return places.length === 0 ? undefined : draft.with(draft.items.slice(random.pick(places)));
};

const carriageReturns: Change = (random, draft) => {
  const all = random.chance(0.5);
  const place = any(random, draft);
  return draft.with(
    draft.items.map((item, at) =>
      all || at === place ? { ...item, bytes: Buffer.concat([item.bytes, Buffer.from('\r')]) } : item,
    ),
  );
};

const written: Change = (random, draft) => {
  const all = random.chance(0.3);
  const place = any(random, draft);
  const again = (bytes: Buffer): Buffer => {
    try {
      return Buffer.from(
        JSON.stringify(JSON.parse(bytes.toString('utf8')), undefined, all ? undefined : 1).replace(/\n/g, ' '),
      );
    } catch (error) {
      if (error instanceof SyntaxError) return bytes;
      throw error;
    }
  };
  return draft.with(
    draft.items.map((item, at) => (all || at === place ? { ...item, bytes: again(item.bytes) } : item)),
  );
};

export const lineChanges: Readonly<Record<string, Change>> = {
  drop,
  dropKind,
  dropCheckpoints,
  swap,
  again,
  move,
  replace,
  foreignEntry,
  otherEpoch,
  foreignLine,
  cut,
  cutStart,
  carriageReturns,
  written,
};

/** Changes of single bits and bytes. */
export const byteChanges: Readonly<Record<string, Change>> = {
  bit: (random, draft) => {
    const at = any(random, draft);
    const bytes = Buffer.from((draft.items[at] as Item).bytes);
    if (bytes.length === 0) return undefined;
    const place = random.int(bytes.length);
    bytes[place] = (bytes[place] as number) ^ (1 << random.int(8));
    return draft.spliced(at, 1, bytes);
  },
  byte: (random, draft) => {
    const at = any(random, draft);
    const { bytes } = draft.items[at] as Item;
    const place = random.int(bytes.length + 1);
    const put = Buffer.from(random.pick(['"', '}', ',', ' ', 'A', '0', '1', '\\', '\u0000', '\r', '{', '=', '']));
    return draft.spliced(at, 1, Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + random.int(2))]));
  },
  auth: (random, draft) => {
    const entries = entriesOf(draft);
    if (entries.length === 0) return undefined;
    const at = random.pick(entries);
    const { bytes } = draft.items[at] as Item;
    const forged = random.pick([
      '"},"amount":1000000,"x":{"y":"zzzzzzzzzzzzz',
      'A'.repeat(43),
      'B'.repeat(43),
      'A'.repeat(42),
      'A'.repeat(44),
    ]);
    return draft.spliced(at, 1, Buffer.concat([bytes.subarray(0, -46), Buffer.from(forged), bytes.subarray(-3)]));
  },
};
