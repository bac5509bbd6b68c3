import type { StreamReport, Verdict, VerifyReport } from '../../verify/verdict/report.ts';
import { erasedClause } from '../words/erased.ts';
import { forgersOf, hostCould, takenOverUnchecked } from '../words/forgers.ts';
import { meaningOf } from '../words/meaning.ts';
import { capital, grouped, rangesText } from '../words/verdict-words.ts';
import { brief } from './limits.ts';
import { html, type Markup, type Value } from './markup.ts';

const NAMES: Readonly<Record<Verdict, string>> = { ok: 'OK', tampered: 'TAMPERED', undecided: 'UNDECIDED' };
const ICONS: Readonly<Record<Verdict, string>> = {
  ok: 'M4 12.5l5 5L20 6.5',
  tampered: 'M6 6l12 12M18 6L6 18',
  undecided: 'M8.5 9a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1.1-1.5 2.3M12 18.2v.2',
};

/** The verdict as a word and a sign, which does not rest on colour. */
export function badge(verdict: Verdict): Markup {
  return html`<span class="badge ${verdict}"><svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="${ICONS[verdict]}"/></svg>${NAMES[verdict]}</span>`;
}

/** What a verdict means, and what it does not. */
export function meaning(report: VerifyReport, heading: Markup): Markup {
  const { yes, no } = meaningOf(report);
  const list = (sentences: readonly string[]): Markup =>
    html`<ul>${sentences.map((one) => html`<li>${one}</li>`)}</ul>`;
  return html`<section>${heading}<div class="columns"><div><p class="label">It means</p>${list(yes)}</div><div><p class="label">It does not mean</p>${list(no)}</div></div></section>`;
}

/** A time in the auditor's zone, for people; empty in UTC, and for what is no time. */
export function localTime(time: string, timeZone = 'UTC'): string {
  const at = new Date(time);
  if (timeZone === 'UTC' || Number.isNaN(at.getTime())) return '';
  return at.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'long', timeZone });
}

/** Origin, range, times and numbers of one log. */
export function facts(stream: StreamReport, timeZone?: string): Markup {
  const { origin, firstSeq, lastSeq, records, end, continuedBy, after, runs, endTime, timeline } = stream;
  const begin = timeline.events[0]?.time;
  const rows: (readonly [string, Value])[] = [
    ['Log', html`<code>${brief(origin === '' ? 'of no name' : origin)}</code>`],
  ];
  if (lastSeq > 0) {
    rows.push([
      'Entries',
      `${grouped(firstSeq)} to ${grouped(lastSeq)}, of which ${grouped(records)} are lines of the application`,
    ]);
    if (begin !== undefined && endTime !== undefined) {
      rows.push(['Time', html`${begin} to ${endTime} <span class="quiet">(UTC, by the writer’s clock)</span>`]);
      const local = localTime(begin, timeZone);
      if (local !== '') rows.push([`Time in ${timeZone}`, `${local} to ${localTime(endTime, timeZone)}`]);
    }
    rows.push(['Proven up to', provenText(stream)]);
    rows.push(['End', endText(end, continuedBy)]);
    rows.push(['Starts of the writer', grouped(runs)]);
  }
  if (after !== undefined)
    rows.push(['Continues', html`<code>${brief(after.origin)}</code> after entry ${grouped(after.size)}`]);
  for (const [what, count] of lost(stream)) if (count > 0) rows.push([what, grouped(count)]);
  const erased = erasedClause(stream, grouped);
  if (erased !== undefined) rows.push(['Erasures', erased]);
  const { count, ranges } = takenOverUnchecked(stream);
  if (count > 0)
    rows.push(['Taken over by a restart, not checked by anyone', `${grouped(count)}: entries ${rangesText(ranges)}`]);
  return html`<dl class="facts">${rows.map(([what, value]) => html`<div><dt>${what}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function provenText({ provenSize, unproven = [] }: StreamReport): string {
  if (provenSize === 0) return 'nothing';
  const but = unproven.filter(({ firstSeq }) => firstSeq <= provenSize);
  return `entry ${grouped(provenSize)}${but.length === 0 ? '' : `, but not entries ${rangesText(but)}`}`;
}

function lost({ droppedLines, abandonedEntries }: StreamReport): (readonly [string, number])[] {
  return [
    ['Lines that the writer lost', droppedLines],
    ['Entries that a crash abandoned', abandonedEntries],
  ];
}

function endText(end: StreamReport['end'], continuedBy: string | undefined): Value {
  if (end === 'closed') return 'closed';
  return end === 'open' ? 'not closed' : html`continued by <code>${brief(continuedBy ?? '')}</code>`;
}

/** Who could have forged a log without being found. */
export function forgers(stream: StreamReport, heading: Markup): Markup {
  const groups = forgersOf(stream);
  const host = hostCould(stream);
  const lead = stream.verdict === 'tampered' && html`<p>What no finding names could have been forged by:</p>`;
  return html`<section>${heading}${lead}<ul>${groups.map(({ who, ranges }) => html`<li>${groups.length > 1 && html`<strong>Entries ${rangesText(ranges)}:</strong> `}${sentence(who)}</li>`)}
${host.map((could) => html`<li>Anyone who took over the host of the writer ${could}.</li>`)}</ul></section>`;
}

function sentence(clause: string): string {
  return `${capital(clause)}.`;
}
