import type { StreamReport } from '../../../verify/verdict/report.ts';

/** Where something stands on a timeline, by its time, or by its entry where the log has no two times. */
export interface TimelineScale {
  /** From 0 to 1. */
  at(seq: number, time?: string): number;
  /** Positions with their labels, from left to right. */
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
  readonly unit: 'time' | 'entry';
}

interface Known {
  readonly seq: number;
  readonly time: number;
}

const DAY = 86_400_000;
const TICKS = 5;

/** The scale of a log; by entry where fewer than two different times are known. */
export function timelineScale({ timeline, firstSeq, lastSeq }: StreamReport): TimelineScale {
  const known: Known[] = [];
  for (const { seq, time, kind } of timeline.events) {
    const moment = time === undefined || kind === 'gap' ? Number.NaN : Date.parse(time);
    if (!Number.isNaN(moment)) known.push({ seq, time: Math.max(moment, known.at(-1)?.time ?? 0) });
  }
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || last.time <= first.time) return byEntry(firstSeq, lastSeq);
  const span = last.time - first.time;
  const within = (moment: number): number => clamped((moment - first.time) / span);
  return {
    unit: 'time',
    at: (seq, time) => within(time === undefined ? interpolated(known, seq) : Date.parse(time)),
    ticks: evenly((part) => timeLabel(first.time + part * span, span)),
  };
}

function byEntry(firstSeq: number, lastSeq: number): TimelineScale {
  const span = Math.max(lastSeq - firstSeq, 1);
  return {
    unit: 'entry',
    at: (seq) => clamped((seq - firstSeq) / span),
    ticks: evenly((part) => Math.round(firstSeq + part * span).toString()),
  };
}

function evenly(label: (part: number) => string): { at: number; label: string }[] {
  return Array.from({ length: TICKS }, (_, index) => index / (TICKS - 1)).map((at) => ({ at, label: label(at) }));
}

function timeLabel(moment: number, span: number): string {
  const text = new Date(moment).toISOString();
  if (span >= TICKS * DAY) return text.slice(0, 10);
  if (span >= 600_000) return `${text.slice(5, 10)} ${text.slice(11, 16)}`;
  return span >= 10_000 ? text.slice(11, 19) : text.slice(11, 23);
}

/** The time of an entry that has none: between those of its neighbours. */
function interpolated(known: readonly Known[], seq: number): number {
  let [low, high] = [0, known.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((known[middle] as Known).seq <= seq) low = middle;
    else high = middle - 1;
  }
  const before = known[low] as Known;
  const after = known[low + 1];
  if (after === undefined || seq <= before.seq) return before.time;
  return before.time + ((seq - before.seq) / (after.seq - before.seq)) * (after.time - before.time);
}

function clamped(part: number): number {
  return Number.isFinite(part) ? Math.min(Math.max(part, 0), 1) : 0;
}
