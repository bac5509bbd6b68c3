import { type Draft, type Item, kindOf, placesOf } from './draft.ts';
import {
  authOf,
  checked,
  checksum,
  continuedIn,
  controlLeaf,
  lineOf,
  type Members,
  type Said,
  saidBy,
  startOf,
} from './leaf.ts';
import type { Random } from './random.ts';

/** Changes of a control entry's members: another valid value, removed, added, reordered. */

const WHYS = [
  'new',
  'resumed',
  'recovered',
  'rotated',
  'conflict',
  'shutdown',
  'continued',
  'key_service',
  'overflow',
  'disk',
  'suspended',
  'transport',
  'sideways',
]; // prettier-ignore

function otherNumber(random: Random, value: number): number {
  return random.pick([value + 1, Math.max(0, value - 1), 0, 1, 2, value * 2, value + 1000, Number.MAX_SAFE_INTEGER]);
}

function otherTime(random: Random, value: string): string {
  const seconds = random.pick([1, -1, 60, -60, 500, 3_600, -3_600, 86_400 * 40, -86_400 * 40]);
  return new Date(Date.parse(value) + seconds * 1000).toISOString();
}

function otherText(random: Random, value: string): string {
  if (/^\d{4}-.*Z$/.test(value)) return otherTime(random, value);
  if (WHYS.includes(value)) return random.pick(WHYS);
  if (/^[\w-]{43}$/.test(value)) return random.chance(0.5) ? 'A'.repeat(43) : `${value.slice(0, 42)}A`;
  if (/^[\w-]{8}\.\d+$/.test(value))
    return value.replace(/\d+$/, (epoch) => String(Number(epoch) + random.pick([1, 3, -1])));
  return random.pick([`${value}x`, value.slice(1), `${value}\u2028\u00e9`, 'hash', 'mac', 'ed25519']);
}

/** Another value of the same type. */
function otherValue(random: Random, value: unknown): unknown {
  if (typeof value === 'number') return otherNumber(random, value);
  if (typeof value === 'boolean') return random.pick([!value, 1, 'true']);
  if (typeof value === 'string') return otherText(random, value);
  if (Array.isArray(value)) {
    if (value.length === 0) return ['A'.repeat(43)];
    return random.chance(0.5)
      ? value.toSpliced(random.int(value.length), 1)
      : value.with(random.int(value.length), otherValue(random, random.pick(value)));
  }
  if (value !== null && typeof value === 'object') return changedMembers(random, value as Members, []);
  return value;
}

/** A change of one member, here or further in. `pool`: what such an entry says elsewhere. */
function changedMembers(random: Random, members: Members, pool: readonly Members[]): Members {
  // which data key is asked for is the key service's side, which the Python verifier leaves out
  const names = Object.keys(members).filter(
    (one) => !('nonce' in members && ['source', 'identity', 'wrapped'].includes(one)),
  );
  const name = names.length > 0 ? random.pick(names) : undefined;
  const what = random.int(10);
  if (what === 0 && name !== undefined) {
    const { [name]: _gone, ...rest } = members;
    return rest;
  }
  if (what === 1) return Object.fromEntries(Object.entries(members).reverse());
  if (what === 2)
    return random.chance(0.3) ? { ...members, later: 1 } : { ...members, ...continuedIn('audit.example.com/next') };
  if (what === 3 && pool.length > 0) {
    const from = random.pick(pool);
    const [borrowed] = random.some(Object.keys(from), 0.3);
    return borrowed === undefined ? { ...from } : inOrder({ ...members, [borrowed]: from[borrowed] });
  }
  if (what === 4) {
    return inOrder({
      ...members,
      ...random.pick<Members>([
        { adopted_from: 1 + random.int(9) },
        { torn: { bytes: 3 } },
        { torn: { bytes: 3, sha256: 'A'.repeat(43) } },
        { salted: true },
        { after: { origin: 'audit.example.com/before', size: 4, root: 'A'.repeat(43) } },
        { checkpoint: { size: 2, root: 'A'.repeat(43) } },
        { dropped: 1 },
      ]),
    });
  }
  return name === undefined ? members : { ...members, [name]: otherValue(random, members[name]) };
}

const ORDER = [
  'format',
  'origin',
  'time',
  'since',
  'why',
  'size',
  'frontier',
  'checkpoint',
  'next',
  'key',
  'epoch_seq',
  'step',
  'every',
  'torn',
  'adopted_from',
  'after',
]; // prettier-ignore

/** The members of an open or key in the order of the format. */
function inOrder(members: Members): Members {
  const rank = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  if (!('format' in members)) return members;
  return Object.fromEntries(Object.entries(members).sort(([one], [other]) => rank(one) - rank(other)));
}

/** A control entry and what it says after the change; its auth is not yet made. */
export function changedControl(random: Random, draft: Draft): { at: number; said: Said } | undefined {
  const kind = random.pick(['open', 'open', 'open', 'seal', 'seal', 'close', 'close', 'key', 'gap', 'control']);
  const places = placesOf(draft, kind);
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const said = saidBy((draft.items[at] as Item).bytes);
  const pool = placesOf(draft, said.kind).map((place) => saidBy((draft.items[place] as Item).bytes).members);
  const what = random.int(16);
  if (what === 0) return { at, said: { ...said, seq: otherNumber(random, said.seq) } };
  if (what === 1) return { at, said: { ...said, kid: otherText(random, said.kid) } };
  if (what === 2) return { at, said: { ...said, mode: said.mode === 'mac' ? 'hash' : 'mac' } };
  if (what === 3) return { at, said: { ...said, kind: random.pick(['open', 'seal', 'close', 'gap', 'key', 'later']) } };
  return { at, said: { ...said, members: changedMembers(random, said.members, pool) } };
}

/** Without a key: the old MAC stays, a checksum is made anew. */
export function changeMembers(random: Random, draft: Draft): Draft | undefined {
  const changed = changedControl(random, draft);
  if (changed === undefined) return undefined;
  const item = draft.items[changed.at] as Item;
  const leaf = controlLeaf(changed.said);
  const auth = changed.said.mode === 'hash' ? checksum(leaf) : authOf(item.bytes);
  return draft.spliced(changed.at, 1, lineOf(leaf, auth));
}

/** A record's payload is another one; in a hash epoch the checksum is made anew. */
export function changeRecord(random: Random, draft: Draft): Draft | undefined {
  const places = placesOf(draft, 'record');
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const other = otherRecord(draft.items[at] as Item);
  return other && draft.spliced(at, 1, other);
}

/** A record with another digit before `end`, and a checksum of its own if it has one; undefined if there is no digit. */
export function otherRecord(item: Item, end?: number): Buffer | undefined {
  const read = kindOf(item);
  const start = Buffer.from(startOf(item.bytes));
  const digit = start.subarray(0, end).findIndex((byte, place) => place > 3 && byte >= 0x30 && byte <= 0x39);
  if (digit < 0) return undefined;
  start[digit] = start[digit] === 0x39 ? 0x38 : 0x39;
  return 'member' in read && read.member === 'hash' ? checked(start) : lineOf(start, authOf(item.bytes));
}
