import { familyId } from '../memory/family.ts';
import type { IndexedFamily } from '../memory/memory-index.ts';

/**
 * Which streams are read again although nothing of them has changed. The times and the number of a file do not show every change of
 * its bytes: a disk loses bits, and a page that was mapped into memory and written to before an audit may be written once more.
 */

/** How much is read again. */
export interface Rereading {
  /** Every file is read again within this time, in milliseconds; `Infinity`: never. Default 30 days. */
  readonly rereadMs?: number | undefined;
  /**
   * At most so many bytes in one audit; those that have waited longest come first. A file counts as at least 1 MiB, because a
   * small object costs a request too. Default 256 GiB.
   */
  readonly rereadBytes?: number | undefined;
}

const DEFAULT_MS = 30 * 86_400_000;
const DEFAULT_BYTES = 256 * 2 ** 30;
const LEAST_BYTES = 2 ** 20;

/** The families whose turn it is. Each has a moment of its own in every period, so that about as many are due each night. */
export function dueFamilies(
  families: Iterable<IndexedFamily>,
  now: Date,
  { rereadMs = DEFAULT_MS, rereadBytes = DEFAULT_BYTES }: Rereading,
): ReadonlySet<string> {
  if (rereadMs === Number.POSITIVE_INFINITY) return new Set();
  const periodOf = (family: string, time: number): number => {
    const own = Number.parseInt(familyId(family).slice(0, 8), 16) / 2 ** 32;
    return Math.floor(time / rereadMs - own);
  };
  const due = [...families].flatMap((one) => {
    const whole = one.whole === undefined ? undefined : Date.parse(one.whole);
    const isDue = whole !== undefined && periodOf(one.family, whole) < periodOf(one.family, now.getTime());
    return isDue ? [{ ...one, whole }] : [];
  });
  due.sort((a, b) => a.whole - b.whole);
  const taken = new Set<string>();
  let left = rereadBytes;
  for (const { family, files, bytes } of due) {
    left -= Math.max(bytes, files * LEAST_BYTES);
    if (left < 0 && taken.size > 0) break;
    taken.add(family);
  }
  return taken;
}
