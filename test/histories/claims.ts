import type { VerifyReport } from '../../src/index.ts';
import { Draft, type Item, isEntry, kindOf } from '../interop/differential/draft.ts';
import { otherRecord } from '../interop/differential/mutate-members.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, type History } from './history.ts';
import type { World } from './world.ts';

/**
 * Somebody without keys changes records, and hides that behind a hole, or before the first open that is left: nothing of what was
 * changed may pass as proven, whatever else is proven.
 */

export interface Claim extends History {
  readonly origin: string;
  /** The entries that were changed, by seq. */
  readonly changed: readonly number[];
}

/** Undefined where no stream of the world has a file that another one follows. */
export function makeClaim(random: Random, world: World): Claim | undefined {
  if (world.has.has('ABANDONED') || world.has.has('TORN_TAIL') || world.cited.size > 0) return undefined;
  const places = world.files.flatMap(({ origin }, at) => (world.files[at + 1]?.origin === origin ? [at] : []));
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const { origin, name } = world.files[at] as World['files'][0];
  const items = [...Draft.of([world.files[at] as World['files'][0]]).items];
  const isEnd = random.chance(0.7);
  const left = 1 + random.int(items.length - 1);
  const kept = isEnd ? items.slice(0, left) : items.slice(-left);
  const changed: number[] = [];
  const rest = kept.map((item) => {
    const seq = random.chance(0.3) ? seqOfRecord(item) : undefined;
    const bytes = seq === undefined ? undefined : otherRecord(item, item.bytes.lastIndexOf('"integrity"'));
    if (seq === undefined || bytes === undefined) return item;
    changed.push(seq);
    return { ...item, bytes };
  });
  if (changed.length === 0) return undefined;
  const publicOnly = world.mode === 'hash' || (world.mode === 'both' && random.chance(0.6));
  return {
    ...asSealed(world, publicOnly ? [] : world.dataKeys),
    what: [isEnd ? 'changed before a hole' : 'changed before an open'],
    files: world.files.flatMap((file, one) => (one === at ? new Draft(rest, [name]).toFiles() : [file])),
    demux: random.chance(0.2),
    origin,
    changed,
  };
}

function seqOfRecord(item: Item): number | undefined {
  const read = isEntry(item) ? kindOf(item) : undefined;
  return read?.type === 'record' ? read.seq : undefined;
}

/** What a verifier must not say of it. */
export function claimViolations({ origin, changed }: Claim, { verdict, streams }: VerifyReport): string[] {
  if (verdict === 'ok') return ['ok'];
  const stream = streams.find((one) => one.origin === origin);
  if (stream === undefined) return [];
  const named = stream.findings.filter(({ severity }) => severity !== 'warning');
  const unproven = stream.unproven ?? [];
  return changed.flatMap((seq) => {
    const isIn = ({ firstSeq, lastSeq }: { firstSeq: number; lastSeq: number }): boolean =>
      firstSeq <= seq && seq <= lastSeq;
    const isNamed = named.some(({ seq: first = 0, lastSeq = first, within }) =>
      isIn(within ?? { firstSeq: first, lastSeq }),
    );
    if (isNamed) return [];
    const isClaimed = seq <= stream.provenSize && !unproven.some(isIn);
    const isChecked = unproven.some((range) => range.macChecked && isIn(range));
    return [
      ...(isClaimed ? [`entry ${seq} is changed and proven`] : []),
      ...(isChecked ? [`entry ${seq} is changed, and its MAC was checked`] : []),
    ];
  });
}
