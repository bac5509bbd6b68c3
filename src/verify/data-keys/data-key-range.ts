import { serviceOfName } from '../../keys/identity.ts';
import type { DataKeyName, KeyLimit, RefusedDataKey } from './named-data-keys.ts';

/** For which entries the name of a data key counts. */

/** Whether a name counts for this entry. */
export function countsFrom({ fromSeq = 1, untilSeq = Number.MAX_SAFE_INTEGER }: DataKeyName, seq: number): boolean {
  return seq >= fromSeq && seq <= untilSeq;
}

/** The last entry that one of these ranges of one key counts for without a gap from this one on. */
function countsUntil(names: readonly DataKeyName[], seq: number): number {
  let until = seq;
  for (const one of [...names].sort((a, b) => (a.fromSeq ?? 1) - (b.fromSeq ?? 1))) {
    if (countsFrom(one, until) || one.fromSeq === until + 1) {
      until = Math.max(until, one.untilSeq ?? Number.MAX_SAFE_INTEGER);
    }
  }
  return until;
}

/** What the auditor is told where a key counts for the beginning of a key period alone. */
export function limitedTo(names: readonly DataKeyName[], seq: number): KeyLimit | undefined {
  const untilSeq = countsUntil(names, seq);
  const last = names.find((one) => one.untilSeq === untilSeq);
  return last === undefined ? undefined : { untilSeq, why: refusedBy(last).refused };
}

/** A name that the policy has for other streams alone: here it counts for nothing. */
export function elsewhere(key: Pick<DataKeyName, 'name' | 'source'>): DataKeyName {
  return { ...key, fromSeq: 1, untilSeq: 0 };
}

/** The source that a name is of; undefined where it may be of any. */
export function sourceOf({ name, source }: DataKeyName): string | undefined {
  return source ?? serviceOfName(name);
}

/** Why a key that a policy names for other entries does not count. */
export function refusedBy({ name, fromSeq = 1, untilSeq = Number.MAX_SAFE_INTEGER }: DataKeyName): RefusedDataKey {
  const begins = `your policy names the data key ${name} for`;
  if (untilSeq === 0) return { refused: `${begins} other streams` };
  const until = untilSeq === Number.MAX_SAFE_INTEGER ? 'and later' : `to ${untilSeq}`;
  return { refused: `${begins} entries ${fromSeq} ${until}` };
}

/** Why a key does not count that may be one which the policy names for other entries. */
export function perhapsRefusedBy(own: DataKeyName, other: DataKeyName): RefusedDataKey {
  const why = refusedBy(other).refused;
  return { refused: `${why}, and ${own.name} may be that key: give it under the name that the policy uses` };
}
