import { tagOf } from '../../format/origin.ts';
import type { Peek } from '../input/peek.ts';

/** What is said where a stream that the auditor named is not there: perhaps its name is misspelt. */

/** How much of two names is the same, from both ends: all but the one place where most slips are. */
function likeness(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  let before = 0;
  while (before < length && one[before] === other[before]) before++;
  let after = 0;
  while (after < length - before && one.at(-1 - after) === other.at(-1 - after)) after++;
  return (before + after) / Math.max(one.length, other.length);
}

/** The stream that the files claim to be of, as a question; nothing of it is trusted. Empty where they claim none. */
export function didYouMean(pattern: string, peeks: readonly Pick<Peek, 'tag' | 'origin'>[]): string {
  const claimed = peeks.flatMap(({ tag, origin }) => (origin !== undefined && tagOf(origin) === tag ? [origin] : []));
  const [best] = [...new Set(claimed)].sort((a, b) => likeness(pattern, b) - likeness(pattern, a));
  if (best !== undefined) return `; did you mean ${best}?`;
  const tags = [...new Set(peeks.flatMap(({ tag }) => tag ?? []))];
  return tags.length === 0 ? '' : `; the files belong to streams with the tags ${tags.slice(0, 5).join(', ')}`;
}
