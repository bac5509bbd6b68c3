import type { TimelineEvent, TimelineKind } from '../../verify/model/timeline.ts';
import type { StreamReport } from '../../verify/verdict/report.ts';
import { grouped } from '../words/verdict-words.ts';
import { brief, cutNote, type Limits } from './limits.ts';
import { html, type Markup } from './markup.ts';
import { timelineDrawing } from './timeline-drawing.ts';

/** The timeline: a picture, and the same as a table. */
export function timelineSection(stream: StreamReport, id: string, { events: most }: Limits, heading: Markup): Markup {
  const { events, counts } = stream.timeline;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (total === 0) return html`<section>${heading}<p>Nothing was read that has a time.</p></section>`;
  const said = described(stream);
  const shown = mostTelling(events, most);
  return html`<section>${heading}
<p>${said}. Times are UTC, by the writer’s clock; they are what the log says, and as reliable as the entry that says it.</p>
${timelineDrawing(stream, id, said)}
<p class="legend">Filled: checked with a key of yours. Dashed or pale: not checked. Triangle: a start; with a hollow centre: after a crash. Square: a close. Short line: the next file, or one of very many starts and ends.</p>
<details><summary>The timeline as a table</summary>
<div class="scroll" role="region" aria-label="The timeline as a table" tabindex="0"><table>
<thead><tr><th scope="col">Time (UTC)</th><th scope="col">Entry</th><th scope="col">What happened</th></tr></thead>
<tbody>${shown.map((event) => html`<tr><td class="time">${event.time ?? '—'}</td><td class="number">${grouped(event.seq)}</td><td>${eventText(event)}</td></tr>`)}</tbody>
</table></div>
${total > shown.length && cutNote(`${grouped(shown.length)} of ${grouped(total)} events are listed, evenly chosen`)}
</details></section>`;
}

const NAMES: Readonly<Record<TimelineKind, readonly [string, string]>> = {
  open: ['opening entry', 'opening entries'],
  hand_over: ['hand-over', 'hand-overs'],
  gap: ['gap', 'gaps'],
  checkpoint: ['checkpoint', 'checkpoints'],
  close: ['close', 'closes'],
};

/** What the picture shows, in words. */
function described({ timeline, keys, runs }: StreamReport): string {
  const count = (number: number, [one, many]: readonly [string, string]): string =>
    `${grouped(number)} ${number === 1 ? one : many}`;
  const parts = (['hand_over', 'gap', 'checkpoint'] as const).flatMap((kind) =>
    timeline.counts[kind] > 0 ? [count(timeline.counts[kind], NAMES[kind])] : [],
  );
  return [
    count(keys.length, ['key period', 'key periods']),
    count(runs, ['start of the writer', 'starts of the writer']),
    ...parts,
  ].join(', ');
}

/** Checkpoints are many and alike: they make room first, then all kinds evenly. */
function mostTelling(events: readonly TimelineEvent[], most: number): readonly TimelineEvent[] {
  if (events.length <= most) return events;
  const others = events.filter(({ kind }) => kind !== 'checkpoint');
  const room = most - others.length;
  if (room < 2) return evenly(others, most);
  const checkpoints = new Set(
    evenly(
      events.filter(({ kind }) => kind === 'checkpoint'),
      room,
    ),
  );
  return events.filter((event) => event.kind !== 'checkpoint' || checkpoints.has(event));
}

/** The first, the last, and evenly chosen ones between. */
function evenly<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, at) => all[Math.round((at * (all.length - 1)) / (most - 1))] as T);
}

const OPENS: Readonly<Record<string, string>> = {
  new: 'The log begins',
  resumed: 'The writer starts again, after a close',
  recovered: 'The writer starts again, without a close before: after a crash or a kill, or behind a rotation',
  rotated: 'The next file begins',
  conflict: 'The log begins in place of another one, whose state contradicted its files',
};

const GAPS: Readonly<Record<string, string>> = {
  key_service: 'the key service was away',
  overflow: 'more lines came than could wait',
  disk: 'the disk took nothing',
  suspended: 'the host was suspended',
  transport: 'the way from the application was broken',
};

const CLOSES: Readonly<Record<string, string>> = {
  shutdown: 'The log is closed',
  rotated: 'The file is closed',
  continued: 'The log is closed, and another one continues it',
};

function eventText({ kind, why = '', keyId, dropped = 0, checkedBy = [], seq, file }: TimelineEvent): string {
  const period = keyId === undefined ? '' : `, key period ${brief(keyId)}`;
  switch (kind) {
    case 'open':
      return `${known(OPENS, why, 'An opening entry')}${period}${file === undefined ? '' : ` (${brief(file)})`}`;
    case 'hand_over':
      return `Hand-over to another key${period}`;
    case 'gap':
      return `Gap: ${known(GAPS, why, 'something was not sealed')}${dropped > 0 ? `; ${grouped(dropped)} ${dropped === 1 ? 'line' : 'lines'} lost` : ''}`;
    case 'close':
      return known(CLOSES, why, 'A close');
    case 'checkpoint':
      return `Checkpoint of ${grouped(seq)} entries, ${checkedBy.length === 0 ? 'checked by no key of yours' : `checked by ${checkedBy.map((by) => (by === 'mac' ? 'MAC' : by)).join(' and ')}`}`;
  }
}

function known(words: Readonly<Record<string, string>>, why: string, otherwise: string): string {
  return Object.hasOwn(words, why) ? (words[why] ?? otherwise) : `${otherwise} (${brief(why)})`;
}
