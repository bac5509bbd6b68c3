/** Entries that a restart found without a signature on them, and took over (spec 6, "Adoption"; M8.15). */
export interface TakenOver {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Whether the MACs of all of them were checked; where not, nothing shows whether they were changed before the restart. */
  readonly macChecked: boolean;
}

/** Entries before a missing part, or without an open, that no later checkpoint proves (M8.24). */
export interface Unproven {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Whether their MACs were checked; false if they have none, or no open says which key is theirs. */
  readonly macChecked: boolean;
}

const length = ({ firstSeq, lastSeq }: TakenOver): number => lastSeq - firstSeq + 1;

/**
 * Adds what the newest restart took over; of entries that an earlier one took over too, the newest one counts.
 *
 * @returns how many entries of it none before had taken over
 */
export function addTakenOver(ranges: TakenOver[], range: TakenOver): number {
  let more = length(range);
  for (let last = ranges.at(-1); last !== undefined && last.firstSeq >= range.firstSeq; last = ranges.at(-1)) {
    more -= length(last);
    ranges.pop();
  }
  const last = ranges.at(-1);
  if (last !== undefined && last.lastSeq >= range.firstSeq) {
    more -= last.lastSeq - range.firstSeq + 1;
    ranges.splice(-1, 1, { ...last, lastSeq: range.firstSeq - 1 });
  }
  ranges.push(range);
  return more;
}
