import type { TimelineEvent } from '../../verify/model/timeline.ts';
import type { KeyReport, StreamReport } from '../../verify/verdict/report.ts';
import { checkedHow, divided, type EntryRange, uncheckedWithin } from '../words/forgers.ts';
import { html, type Markup } from './markup.ts';

/** The timeline as a picture: one lane for each kind of thing. */

const WIDTH = 960;
const LEFT = 132;
const RIGHT = 24;
const LANE = 34;
const TOP = 8;
/** More key periods are drawn as one bar where they are narrower than this. */
const NARROW = 3;
/** More starts and ends are drawn as lines. */
const CROWDED = 80;

interface Lane {
  readonly label: string;
  readonly marks: readonly Markup[];
}

/** The picture; undefined where there is nothing to draw. `id` is unique in the document. */
export function timelineDrawing(stream: StreamReport, id: string, described: string): Markup | undefined {
  if (stream.timeline.events.length === 0) return undefined;
  const scale = timelineScale(stream);
  const x = (seq: number, time?: string): number => LEFT + scale.at(seq, time) * (WIDTH - LEFT - RIGHT);
  const lanes = lanesOf(stream, x).filter(({ marks }) => marks.length > 0);
  const bottom = TOP + lanes.length * LANE;
  return html`<div class="scroll" role="region" aria-label="Timeline" tabindex="0"><svg class="timeline" role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${WIDTH} ${bottom + 30}">
<title id="${id}-title">Timeline</title><desc id="${id}-desc">${described}</desc>
${lanes.map(({ label, marks }, at) => laneMarkup(label, marks, TOP + at * LANE))}
${axis(scale, bottom)}
</svg></div>`;
}

function laneMarkup(label: string, marks: readonly Markup[], y: number): Markup {
  const middle = y + LANE / 2;
  return html`<g transform="translate(0 ${y})"><text class="lane" x="0" y="${LANE / 2 + 4}">${label}</text>${marks}</g><line class="rule" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${middle + LANE / 2}" y2="${middle + LANE / 2}"/>`;
}

function axis({ ticks }: TimelineScale, y: number): Markup {
  return html`${ticks.map(({ at, label }) => {
    const x = LEFT + at * (WIDTH - LEFT - RIGHT);
    const anchor = at === 0 ? 'start' : at === 1 ? 'end' : 'middle';
    return html`<line class="tick" x1="${px(x)}" x2="${px(x)}" y1="${y}" y2="${y + 6}"/><text class="axis" x="${px(x)}" y="${y + 22}" text-anchor="${anchor}">${label}</text>`;
  })}`;
}

type Place = (seq: number, time?: string) => number;

function lanesOf(stream: StreamReport, x: Place): Lane[] {
  const { events } = stream.timeline;
  const of = (kinds: readonly TimelineEvent['kind'][]): TimelineEvent[] =>
    events.filter(({ kind }) => kinds.includes(kind));
  return [
    { label: 'Key periods', marks: periodBars(stream, x) },
    { label: 'Starts and ends', marks: startsAndEnds(of(['open', 'close']), x) },
    { label: 'Hand-overs', marks: of(['hand_over']).map((event) => diamond(x(event.seq, event.time))) },
    { label: 'Gaps', marks: of(['gap']).map((event) => gap(x(event.seq, event.time))) },
    { label: 'Checkpoints', marks: of(['checkpoint']).map((event) => checkpoint(event, x)) },
    { label: 'Findings', marks: findingMarks(stream, x) },
  ];
}

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly checked: boolean;
  readonly label: string;
}

/** Periods side by side; many narrow ones that were checked alike are one bar. */
function periodBars(stream: StreamReport, x: Place): Markup[] {
  const bars: Bar[] = [];
  for (const { key, firstSeq, lastSeq, checked } of stream.keys.flatMap((key) => partsOf(key, stream))) {
    const from = x(firstSeq, firstSeq === key.firstSeq ? key.startTime : undefined);
    const to = Math.max(x(lastSeq, lastSeq === key.lastSeq ? key.endTime : undefined), from);
    const last = bars.at(-1);
    const joins =
      last?.checked === checked && to - from < NARROW && from - last.to < NARROW && last.to - last.from < 12;
    if (joins) bars.splice(-1, 1, { ...last, to: Math.max(last.to, to), label: '' });
    else bars.push({ from, to, checked, label: /\.(\d{1,16})$/.exec(key.keyId)?.[1] ?? '' });
  }
  return bars.map(({ from, to, checked, label }) => {
    const width = Math.max(to - from - 1, 2);
    const name = width > 10 + label.length * 8 && label !== '';
    return html`<rect class="${checked ? 'period' : 'period unchecked'}" x="${px(from)}" y="7" width="${px(width)}" height="20" rx="2"/>${name && html`<text class="${checked ? 'in' : 'in unchecked'}" x="${px(from + width / 2)}" y="21" text-anchor="middle">${label}</text>`}`;
  });
}

/** The parts of a key period that were checked, and those that were not: nothing after the proven end was. */
function partsOf(key: KeyReport, stream: StreamReport): (EntryRange & { key: KeyReport; checked: boolean })[] {
  const how = checkedHow(key);
  const end = Math.min(key.lastSeq, stream.provenSize);
  const unchecked = uncheckedWithin(stream, how, key.firstSeq, end);
  const parts = [...divided(key.firstSeq, end, unchecked)].map(([firstSeq, lastSeq, isUnchecked]) => ({
    key,
    firstSeq,
    lastSeq,
    checked: how !== 'nothing' && !isUnchecked,
  }));
  const rest = Math.max(end + 1, key.firstSeq);
  return rest > key.lastSeq ? parts : [...parts, { key, firstSeq: rest, lastSeq: key.lastSeq, checked: false }];
}

/** Very many are lines, which do not cover one another. */
function startsAndEnds(events: readonly TimelineEvent[], x: Place): Markup[] {
  const crowded = events.length > CROWDED;
  return events.map((event) => {
    if (!crowded || event.why === 'conflict') return startOrEnd(event, x);
    const at = px(x(event.seq, event.time));
    return html`<line class="minor" x1="${at}" x2="${at}" y1="10" y2="24"/>`;
  });
}

function startOrEnd({ kind, why, seq, time }: TimelineEvent, x: Place): Markup {
  const at = px(x(seq, time));
  if (kind === 'close') {
    return why === 'rotated'
      ? html`<line class="minor" x1="${at}" x2="${at}" y1="12" y2="22"/>`
      : html`<rect class="mark" x="${px(Number(at) - 5)}" y="12" width="10" height="10"/>`;
  }
  if (why === 'rotated') return html`<line class="minor" x1="${at}" x2="${at}" y1="12" y2="22"/>`;
  const style = why === 'recovered' ? 'mark crash' : why === 'conflict' ? 'mark conflict' : 'mark';
  return html`<path class="${style}" d="M${px(Number(at) - 5)} 10l10 7-10 7z"/>`;
}

function diamond(x: number): Markup {
  return html`<path class="mark" d="M${px(x)} 9l7 8-7 8-7-8z"/>`;
}

function gap(x: number): Markup {
  return html`<rect class="gap" x="${px(x - 3)}" y="9" width="6" height="16"/>`;
}

function checkpoint({ seq, time, checkedBy = [] }: TimelineEvent, x: Place): Markup {
  const at = px(x(seq, time));
  return html`<line class="${checkedBy.length > 0 ? 'checkpoint' : 'checkpoint unchecked'}" x1="${at}" x2="${at}" y1="9" y2="25"/>`;
}

/** What stands at an entry, and is more than a warning. */
function findingMarks({ findings }: StreamReport, x: Place): Markup[] {
  const drawn = new Set<string>();
  const worstLast = [...findings].sort((a, b) => Number(a.severity === 'tampered') - Number(b.severity === 'tampered'));
  return worstLast.flatMap(({ severity, seq, lastSeq = seq, within }) => {
    if (severity === 'warning' || seq === undefined || lastSeq === undefined) return [];
    const from = x(within?.firstSeq ?? seq) - 4;
    const to = x(within?.lastSeq ?? lastSeq) + 4;
    const mark = html`<rect class="${severity}" x="${px(from)}" y="9" width="${px(to - from)}" height="16" rx="2"/>`;
    if (drawn.has(mark.toString())) return [];
    drawn.add(mark.toString());
    return [mark];
  });
}

/** A position that a file need not keep more precisely. */
function px(position: number): string {
  return (Math.round(position * 10) / 10).toString();
}

/** Where something stands on a timeline, by its time, or by its entry where the log has no two times. */
interface TimelineScale {
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
function timelineScale({ timeline, firstSeq, lastSeq }: StreamReport): TimelineScale {
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
