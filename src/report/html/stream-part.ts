import type { StreamReport } from '../../verify/verdict/report.ts';
import { grouped, streamSentence } from '../words/verdict-words.ts';
import { evidenceSection } from './evidence-section.ts';
import { filesSection } from './files-section.ts';
import { findingsSection } from './findings-section.ts';
import { keysSection } from './keys-section.ts';
import { brief, type Limits } from './limits.ts';
import { html, type Markup } from './markup.ts';
import { badge, facts, forgers } from './summary.ts';
import { timelineSection } from './timeline/section.ts';

/** What is said of one log besides its verdict. `level` is that of its headings. */
export function streamSections(stream: StreamReport, id: string, limits: Limits, level: 2 | 3): Markup {
  const heading = (text: string): Markup => (level === 2 ? html`<h2>${text}</h2>` : html`<h3>${text}</h3>`);
  return html`${findingsSection(stream, id, limits, heading, level === 2 ? 3 : 4)}
${forgers(stream, heading('Who could have forged this log'))}
${timelineSection(stream, id, limits, heading('Timeline'))}
${keysSection(stream, limits, heading('Keys'))}
${evidenceSection(stream, limits, heading('Time stamps and witnesses'))}
${filesSection(stream, limits, heading(stream.files.length === 0 ? 'Files examined' : `Files examined (${grouped(stream.files.length)})`))}
${stream.checkpoint !== undefined && checkpointSection(stream.checkpoint, heading('Checkpoint to keep'))}`;
}

/** One of many logs; those that are ok are folded. */
export function streamPart(stream: StreamReport, id: string, limits: Limits): Markup {
  const body = html`<p class="sentence">${brief(streamSentence(stream), 1_000)}</p>${facts(stream)}${streamSections(stream, id, limits, 3)}`;
  const name = stream.origin === '' ? 'Files that belong to no named log' : brief(stream.origin);
  return html`<article class="log" id="${id}"><h2>${badge(stream.verdict)} ${name}</h2>${
    stream.verdict === 'ok' ? html`<details><summary>Details of this log</summary>${body}</details>` : body
  }</article>`;
}

/** M8.27: what makes the next verification stronger than this one. */
function checkpointSection(note: string, heading: Markup): Markup {
  const lines = note.split('\n');
  return html`<section>${heading}<p>The newest checkpoint that was checked. Keep it apart from the log and give it to the next verification (<code>--since</code>): a log that was cut or rewritten below it cannot be ok then.</p>
<pre class="note" tabindex="0" role="region" aria-label="Checkpoint"><code>${lines.map((line, at) => html`${line}${at < lines.length - 1 && html`\n`}`)}</code></pre></section>`;
}
