import type { StreamReport } from '../../verify/verdict/report.ts';

/** What a report says of erased records (spec/erasure.md, R2.4): an ok is never given without their number. */

/** How many records of these streams are erased. */
export function erasedCount(streams: readonly StreamReport[]): number {
  return streams.reduce((sum, { erased }) => sum + (erased?.records ?? 0), 0);
}

/** `3 records erased` */
export function erasedText(count: number, number: (count: number) => string = String): string {
  return `${number(count)} ${count === 1 ? 'record' : 'records'} erased`;
}

/** `3 of 10 records are erased (30 %), at most 2 in a row`; undefined if none is. */
export function erasedClause(
  { erased, records: all }: StreamReport,
  number: (count: number) => string = String,
): string | undefined {
  if (erased === undefined || erased.records === 0) return undefined;
  const { records, longestRun } = erased;
  const run = records > 1 ? `, at most ${number(longestRun)} in a row` : '';
  const are = `${all === 1 ? 'record' : 'records'} ${records === 1 ? 'is' : 'are'}`;
  return `${number(records)} of ${number(all)} ${are} erased (${percent(records / all)})${run}`;
}

/** Rounded, but never to none or to all. */
function percent(share: number): string {
  const rounded = Math.round(share * 100);
  if (rounded === 0) return 'under 1 %';
  return rounded >= 100 && share < 1 ? 'over 99 %' : `${rounded} %`;
}
