/** Entries that a restart found without a signature on them, and took over (spec 6, "Adoption"; M8.15). */
export interface TakenOver {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Whether the MACs of all of them were checked; where not, nothing shows whether they were changed before the restart. */
  readonly macChecked: boolean;
}

/** Adds what the newest restart took over; of entries that an earlier one took over too, the newest one counts. */
export function addTakenOver(ranges: TakenOver[], range: TakenOver): void {
  while ((ranges.at(-1)?.firstSeq ?? 0) >= range.firstSeq) ranges.pop();
  const last = ranges.at(-1);
  if (last !== undefined && last.lastSeq >= range.firstSeq) {
    ranges.splice(-1, 1, { ...last, lastSeq: range.firstSeq - 1 });
  }
  ranges.push(range);
}
