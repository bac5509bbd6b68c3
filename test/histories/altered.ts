import type { Finding, StreamReport, VerifyReport } from '../../src/index.ts';
import { Draft, type Item, isEntry, kindOf, placesOf } from '../interop/differential/draft.ts';
import { checksum, leafOf, lineOf } from '../interop/differential/leaf.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, type History } from './history.ts';
import type { World } from './world.ts';

/** Records of signed logs are altered under the checksums that stand in their lines (M8.32): what is said of each entry? */

export interface Altered extends History {
  /** The same log as it was sealed. */
  readonly honest: History;
  /** Entries of which the bytes do not fit the checksum, by origin. */
  readonly stale: ReadonlyMap<string, ReadonlySet<number>>;
  /** Entries whose checksum was made anew for other bytes. */
  readonly rewritten: ReadonlyMap<string, ReadonlySet<number>>;
}

const MEMBER = Buffer.from(',"integrity":{"seq":');

/** The leaf with another payload: our member, which comes last, stays. */
function otherLeaf(random: Random, leaf: Buffer): Buffer {
  const end = Math.max(leaf.lastIndexOf(MEMBER), 1);
  const [payload, member] = [leaf.subarray(0, end), leaf.subarray(end)];
  const at = 1 + random.int(payload.length);
  const made = random.pick([
    () => Buffer.concat([payload.subarray(0, at), Buffer.from('0'), payload.subarray(at)]),
    () => Buffer.concat([payload.subarray(0, at), payload.subarray(at + 1)]),
    () => Buffer.from(payload).fill(0x78, at - 1, at),
    () => Buffer.from('{"n":0,"msg":"payment refused"'),
    () => Buffer.from('{'.concat('"a":1,'.repeat(random.int(40)), '"b":2')),
  ])();
  return Buffer.concat([made, member]);
}

/** A record with the checksum, and in the place, of a control entry: the tree is as it was signed. */
function mask(item: Item, read: { readonly seq: number; readonly epoch: number; readonly tag: string }): Buffer {
  const auth = item.bytes.subarray(-46, -3).toString('latin1');
  const leaf = `{"a":1,"integrity":{"seq":${read.seq},"key_id":"${read.tag}.${read.epoch}","hash":"`;
  return lineOf(Buffer.from(leaf), auth);
}

type Kind = 'stale' | 'rewritten' | 'masked';

/** 1 to 20 altered records; `also` says what else is done. Undefined where the world has none that could be. */
export function makeAltered(random: Random, world: World, also?: 'rewritten' | 'masked'): Altered | undefined {
  if (world.mode !== 'hash' || world.open || world.has.has('ABANDONED') || world.has.has('TORN_TAIL')) return undefined;
  const draft = Draft.of(world.files);
  const records = placesOf(draft, 'record');
  const chosen = new Map<number, Kind>();
  for (let n = 1 + random.int(20); n > 0 && records.length > 0; n--) chosen.set(random.pick(records), 'stale');
  if (chosen.size === 0) return undefined;
  if (also === 'rewritten') chosen.set(random.pick(records), also);
  if (also === 'masked') chosen.set(random.pick(placesOf(draft, 'control')), also);

  const originOf = new Map(world.files.map(({ name, origin }) => [name, origin]));
  const stale = new Map<string, Set<number>>();
  const rewritten = new Map<string, Set<number>>();
  const items = draft.items.map((item, at): Item => {
    const kind = chosen.get(at);
    const read = kindOf(item);
    if (kind === undefined || (read.type !== 'record' && read.type !== 'control')) return item;
    const leaf = otherLeaf(random, leafOf(item.bytes));
    if (kind !== 'masked' && leaf.equals(leafOf(item.bytes))) return item;
    const of = kind === 'rewritten' ? rewritten : stale;
    const origin = originOf.get(item.file) ?? '';
    of.set(origin, (of.get(origin) ?? new Set()).add(read.seq));
    if (kind === 'masked') return { ...item, bytes: mask(item, read) };
    return { ...item, bytes: lineOf(leaf, kind === 'stale' ? read.auth : checksum(leaf)) };
  });
  if (
    stale.size + rewritten.size === 0 ||
    !items.every((item, at) => isEntry(item) === isEntry(draft.items[at] as Item))
  )
    return undefined;

  const what = [`${chosen.size} altered`, ...(also === undefined ? [] : [also])];
  const honest: History = { ...asSealed(world, []), what };
  return { ...honest, files: draft.with(items).toFiles(), honest, stale, rewritten };
}

const placeOf = ({ code, seq, lastSeq }: Finding): string => `${code} ${seq}-${lastSeq}`;

/** What a verifier must not say: too much or too little is named, proven, or found besides. */
export function alteredViolations(
  { honest, stale, rewritten }: Altered,
  report: VerifyReport,
  before: VerifyReport,
): string[] {
  const violations: string[] = [];
  if (report.verdict !== 'tampered') violations.push(report.verdict);
  const exact = rewritten.size === 0 && !honest.what.includes('masked');
  for (const stream of report.streams) {
    const { origin, provenSize, findings, more } = stream;
    const altered = [...(stale.get(origin) ?? [])].sort((a, b) => a - b);
    const named = findings.filter(({ code }) => code === 'CHECKSUM_WRONG').map(({ seq }) => seq);
    if (named.some((seq) => !altered.includes(seq ?? 0)) || more['CHECKSUM_WRONG'] !== undefined)
      violations.push('named others');
    const unnamed = [...altered.filter((seq) => !named.includes(seq)), ...(rewritten.get(origin) ?? [])];
    // without an open nothing is proven up to the next one, which that finding says
    const begins = findings.some(({ code }) => code === 'OPEN_MISSING' || code === 'START_UNPROVEN');
    if (!begins && unnamed.some((seq) => seq <= provenSize)) violations.push('proven and not named');
    if (!exact) continue;
    if (unnamed.length > 0) violations.push('not named');
    const was = before.streams.find((one) => one.origin === origin) as StreamReport;
    if (provenSize !== was.provenSize) violations.push(`proven ${provenSize}, was ${was.provenSize}`);
    const others = findings.filter(({ code }) => code !== 'CHECKSUM_WRONG').map(placeOf);
    if (others.join() !== was.findings.map(placeOf).join()) violations.push(`also says ${others.join()}`);
  }
  return [...new Set(violations)];
}
