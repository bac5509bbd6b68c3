import { type Draft, type Item, kindOf, placesOf } from './draft.ts';
import type { Holder } from './honest-log.ts';
import { checked, startOf } from './leaf.ts';
import { type Forged, resealed } from './mutate-keys.ts';
import type { Random } from './random.ts';
import { erasedLine, proofOf, randomSalt, withSalt, withText } from './salted.ts';
import { introducedBy, withSaltedKey } from './salted-log.ts';

/** Changes of salts and of what is salted, and records that are erased (spec 1, M1.12, M1.13). */

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Another letter with the same bits, of those that count, as a reader may take it. */
const loose = (value: string): string =>
  value.slice(0, -1) + LETTERS.charAt(LETTERS.indexOf(value.at(-1) as string) + 1);

const digest = (random: Random): string => Buffer.concat([salt(random), salt(random)]).toString('base64url');

const salt = (random: Random): Buffer => Buffer.from(randomSalt(random), 'base64url');

type RecordChange = (random: Random, line: Buffer, value: string) => Buffer | undefined;

/** Of a record that has a salt. */
const ofSalted: Readonly<Record<string, RecordChange>> = {
  changed: (random, line, value) =>
    withSalt(line, random.chance(0.5) ? randomSalt(random) : `${value.startsWith('A') ? 'B' : 'A'}${value.slice(1)}`),
  removed: (_random, line) => withText(line, ''),
  loose: (_random, line, value) => withSalt(line, loose(value)),
  length: (random, line, value) => withSalt(line, random.pick([value.slice(4), `${value}AA`, value.slice(1), ''])),
  twice: (_random, line, value) => withText(line, `,"salt":"${value}","salt":"${value}"`),
  erased: (_random, line) => erasedLine(line),
  looseCommit: (_random, line) => {
    const erased = erasedLine(line);
    const commit = erased && proofOf(erased)?.value;
    return erased && withText(erased, `,"commit":"${loose(commit ?? '')}"`);
  },
  shown: (random, line) => {
    const { memberStart } = proofOf(line) as { memberStart: number };
    const member = erasedLine(line)?.subarray(1);
    const before = random.pick([line.subarray(0, memberStart), '{"n":1,', '{ ', ' {', '{"integrity":{"seq":1},']);
    return member && Buffer.concat([Buffer.from(before), member]);
  },
};

/** Of a record, whether it has a salt or not. */
const ofAny: Readonly<Record<string, RecordChange>> = {
  madeUp: (random, line) => erasedLine(line, digest(random)),
  both: (random, line, value) => {
    const texts = [`,"salt":"${value || randomSalt(random)}"`, `,"commit":"${digest(random)}"`];
    const both = withText(line, (random.chance(0.5) ? texts : texts.reverse()).join(''));
    const { memberStart } = proofOf(line) as { memberStart: number };
    return both && random.chance(0.5) ? Buffer.concat([Buffer.from('{'), both.subarray(memberStart)]) : both;
  },
};

const ofUnsalted: Readonly<Record<string, RecordChange>> = {
  added: (random, line) => withSalt(line, randomSalt(random)),
};

/** A line and what it is changed to; its auth is the old one. */
type Change = (random: Random, draft: Draft) => { at: number; line: Buffer } | undefined;

/** Changes of one record; `hasSalt`: which ones they are for. */
function ofRecords(changes: Readonly<Record<string, RecordChange>>, hasSalt?: boolean): [string, Change][] {
  return Object.entries(changes).map(([name, change]) => [
    name,
    (random, draft) => {
      const places = placesOf(draft, 'record').filter(
        (at) => hasSalt === undefined || hasSalt === (proofOf((draft.items[at] as Item).bytes)?.kind === 'salt'),
      );
      if (places.length === 0) return undefined;
      const at = random.pick(places);
      const { bytes } = draft.items[at] as Item;
      const line = change(random, bytes, proofOf(bytes)?.value ?? '');
      return line && { at, line };
    },
  ]);
}

const recordChanges = [...ofRecords(ofSalted, true), ...ofRecords(ofAny), ...ofRecords(ofUnsalted, false)];

/** An open or `key` whose key reference says the opposite. */
function changedReference(random: Random, draft: Draft): { at: number; line: Buffer; kid: string } | undefined {
  const places = placesOf(draft, random.chance(0.6) ? 'open' : 'key');
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const { bytes } = draft.items[at] as Item;
  const kid = introducedBy(bytes);
  return kid === undefined ? undefined : { at, line: withSaltedKey(bytes, !isSalted(bytes)), kid };
}

const isSalted = (line: Buffer): boolean => line.includes('"salted":true');

/** In a hash epoch somebody without a key may make the checksum anew. */
function perhapsChecked(random: Random, old: Item, line: Buffer): Buffer {
  const read = kindOf(old);
  return 'member' in read && read.member === 'hash' && random.chance(0.6) ? checked(startOf(line)) : line;
}

type DraftChange = (random: Random, draft: Draft) => Draft | undefined;

const plainChange =
  (change: Change): DraftChange =>
  (random, draft) => {
    const changed = change(random, draft);
    if (changed === undefined) return undefined;
    return draft.spliced(changed.at, 1, perhapsChecked(random, draft.items[changed.at] as Item, changed.line));
  };

/** What anybody may erase: several records at once, a run of them among them. */
const several: DraftChange = (random, draft) => {
  const places = placesOf(draft, 'record').filter((at) => proofOf((draft.items[at] as Item).bytes)?.kind === 'salt');
  if (places.length === 0) return undefined;
  const from = random.int(places.length);
  const some = random.chance(0.5) ? random.some(places, 0.3) : places.slice(from, from + 1 + random.int(8));
  const gone = new Set(some.length > 0 ? some : places.slice(0, 1));
  return draft.with(
    draft.items.map((item, at) => (gone.has(at) ? { ...item, bytes: erasedLine(item.bytes) ?? item.bytes } : item)),
  );
};

export const saltChanges: Readonly<Record<string, DraftChange>> = {
  ...Object.fromEntries(recordChanges.map(([name, change]) => [name, plainChange(change)])),
  reference: plainChange(changedReference),
  several,
};

type KeyChange = (random: Random, draft: Draft, holder: Holder) => Promise<Forged | undefined>;

/** A change, and all that follows fits it. */
const sealedChange =
  (change: Change): KeyChange =>
  async (random, draft, holder) => {
    const changed = change(random, draft);
    if (changed === undefined) return undefined;
    const { at, line } = changed;
    return resealed(random, draft.spliced(at, 1, line), holder, at, random.chance(0.3));
  };

/** A whole key period with salts, or without, as its writer may have made it. */
const period: KeyChange = async (random, draft, holder) => {
  const changed = changedReference(random, draft);
  if (changed === undefined) return undefined;
  const salted = isSalted(changed.line);
  const items = draft.items.map((item) => {
    const read = kindOf(item);
    const isOwn = read.type === 'record' && `${read.tag}.${read.epoch}` === changed.kid;
    const bytes = isOwn
      ? withText(item.bytes, salted ? `,"salt":"${randomSalt(random)}"` : '')
      : introducedBy(item.bytes) === changed.kid
        ? withSaltedKey(item.bytes, salted)
        : undefined;
    return bytes === undefined ? item : { ...item, bytes };
  });
  return resealed(random, draft.with(items), holder, 0, true);
};

export const saltKeyChanges: Readonly<Record<string, KeyChange>> = {
  salt: async (random, draft, holder) => sealedChange(random.pick(recordChanges)[1])(random, draft, holder),
  reference: sealedChange(changedReference),
  period,
};
