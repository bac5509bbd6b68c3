import type { DataKeyName, RefusedDataKey } from './data-keys.ts';

/** For which key periods the name of a data key counts. */

/** Whether a name counts for a key period introduced at this seq. */
export function countsFrom({ fromSeq = 1, untilSeq = Number.MAX_SAFE_INTEGER }: DataKeyName, seq: number): boolean {
  return seq >= fromSeq && seq <= untilSeq;
}

/** A name that the policy has for other streams alone: here it counts for nothing. */
export function elsewhere(name: string): DataKeyName {
  return { name, fromSeq: 1, untilSeq: 0 };
}

/** Why a key that a policy names for other entries does not count. */
export function refusedBy({ name, fromSeq = 1, untilSeq = Number.MAX_SAFE_INTEGER }: DataKeyName): RefusedDataKey {
  const begins = `your policy names the data key ${name} for`;
  if (untilSeq === 0) return { refused: `${begins} other streams` };
  const until = untilSeq === Number.MAX_SAFE_INTEGER ? 'on' : `to ${untilSeq}`;
  return { refused: `${begins} key periods introduced from entry ${fromSeq} ${until}` };
}

/** Why a key does not count that may be one which the policy names for other entries. */
export function perhapsRefusedBy(own: DataKeyName, other: DataKeyName): RefusedDataKey {
  const why = refusedBy(other).refused;
  return { refused: `${why}, and ${own.name} may be that key: give it under the name that the policy has for it` };
}
