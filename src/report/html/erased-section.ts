import type { StreamReport } from '../../verify/verdict/report.ts';
import { erasedClause } from '../words/erased.ts';
import { capital, grouped } from '../words/verdict-words.ts';
import { brief, capped, cutNote, type Limits } from './limits.ts';
import { html, type Markup } from './markup.ts';

/** Who erased which records, when and why; nothing if none is erased. */
export function erasedSection(stream: StreamReport, { erased: most }: Limits, heading: Markup): Markup | undefined {
  const { erased } = stream;
  if (erased === undefined || erased.records === 0) return undefined;
  const { shown } = capped(erased.list, most, 'records');
  const rest = erased.list.length - shown.length;
  const unrecorded = erased.records - erased.list.length;
  return html`<section>${heading}<p>${capital(erasedClause(stream, grouped) ?? '')}. What these records said is not in this log any more. Their places are, and the commitments that the signatures cover. Who, when and why is what the erasure log says.</p>
${
  shown.length > 0 &&
  html`<div class="scroll" role="region" aria-label="Erased records" tabindex="0"><table>
<thead><tr><th scope="col">Entry</th><th scope="col">Erased by</th><th scope="col">Time (UTC)</th><th scope="col">Reason</th></tr></thead>
<tbody>${shown.map(({ seq, who, time, reason }) => html`<tr><td class="number">${grouped(seq)}</td><th scope="row">${brief(who)}</th><td class="time">${time}</td><td>${brief(reason)}</td></tr>`)}</tbody>
</table></div>`
}${rest > 0 && cutNote(`and ${grouped(rest)} more records, not shown here: the JSON report has the first 1,000`)}${unrecorded > 0 && cutNote(`${grouped(unrecorded)} more erased ${unrecorded === 1 ? 'record is' : 'records are'} not listed: no erasure log that you have records ${unrecorded === 1 ? 'it' : 'them'}, or there are too many`)}</section>`;
}
