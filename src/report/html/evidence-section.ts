import type { StreamReport } from '../../verify/verdict/report.ts';
import { grouped } from '../words/verdict-words.ts';
import { brief, capped, type Limits } from './limits.ts';
import { html, type Markup, type Value } from './markup.ts';

/** What others than the writer say of a log: time stamps and cosignatures of witnesses; nothing where there are none. */
export function evidenceSection(
  { dated = [], witnessed }: StreamReport,
  { keys: most }: Limits,
  heading: Markup,
): Markup | undefined {
  if (dated.length === 0 && witnessed === undefined) return undefined;
  const stamps = dated.map(({ authority, size, time, validUntil }) =>
    row('Time stamp', `${brief(authority)}; certificate valid until ${validUntil}`, `up to ${grouped(size)}`, time),
  );
  const witnesses = (witnessed?.witnesses ?? []).map(({ name, keyId, size, time }) =>
    row('Witness', `${brief(name)}+${keyId}`, size === 0 ? 'no cosignature' : `up to ${grouped(size)}`, time),
  );
  // the last time stamps say the most
  const { shown, rest } = capped([...witnesses, ...stamps.reverse()], most, 'witnesses and time stamps');
  return html`<section>${heading}${witnessed !== undefined && html`<p>${witnessedText(witnessed)}.</p>`}${dated.length > 0 && html`<p>The entries up to a time stamp existed by its time, by the clock of its authority, and were not rewritten since.</p>`}
<div class="scroll" role="region" aria-label="Time stamps and witnesses" tabindex="0"><table>
<thead><tr><th scope="col">What</th><th scope="col">Of whom</th><th scope="col">Entries</th><th scope="col">Time (UTC)</th></tr></thead>
<tbody>${shown}</tbody>
</table></div>${rest}</section>`;
}

function row(what: string, who: string, entries: string, time: string | undefined): Markup {
  return html`<tr><th scope="row">${what}</th><td>${brief(who)}</td><td class="number">${entries}</td><td class="time">${time ?? '—'}</td></tr>`;
}

function witnessedText({
  required,
  grouped: inGroups,
  size,
  witnesses,
}: NonNullable<StreamReport['witnessed']>): string {
  const of = `${inGroups === true ? 'enough' : grouped(required)} of ${grouped(witnesses.length)} witnesses`;
  return size === 0 ? `No entry is cosigned by ${of}` : `Cosigned up to entry ${grouped(size)} by ${of}`;
}

/** The same in a few rows, for what the verdict on these logs rests on. */
export function evidenceRows(streams: readonly StreamReport[]): (readonly [string, Value])[] {
  const name = ({ origin }: StreamReport): string => (streams.length > 1 ? `${brief(origin)}: ` : '');
  const rows = streams.flatMap((stream): (readonly [string, Value])[] => {
    const { dated = [], witnessed } = stream;
    const last = dated.at(-1);
    return [
      ...(last === undefined
        ? []
        : [
            [
              'Time stamp',
              `${name(stream)}entries up to ${grouped(last.size)} existed at ${last.time} (${brief(last.authority)}; certificate valid until ${last.validUntil})`,
            ] as const,
          ]),
      ...(witnessed === undefined ? [] : [['Witnesses', `${name(stream)}${witnessedText(witnessed)}`] as const]),
    ];
  });
  const more = rows.length - ROWS;
  return more > 0 ? [...rows.slice(0, ROWS), ['Others', `${grouped(more)} more, in the parts of the logs`]] : rows;
}

/** Rows of what the verdict rests on; each log has its own in its part. */
const ROWS = 20;
