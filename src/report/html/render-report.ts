import type { StreamReport, Verdict, VerifyReport } from '../../verify/verdict/report.ts';
import type { ReportAbout } from '../about.ts';
import { erasedClause } from '../words/erased.ts';
import { causeOf, grouped, streamSentence, verdictSentence } from '../words/verdict-words.ts';
import { renderDocument } from './document.ts';
import { erasedSection } from './erased-section.ts';
import { evidenceRows, evidenceSection } from './evidence-section.ts';
import { filesSection, leftOut } from './files-section.ts';
import { findingsSection } from './findings-section.ts';
import { keysSection } from './keys-section.ts';
import { brief, capped, cutNote, DETAILED_LOGS, type Limits, limitsFor, OVERVIEW_ROWS } from './limits.ts';
import { html, type Markup, type Value } from './markup.ts';
import { badge, facts, forgers, localTime, meaning } from './summary.ts';
import { timelineSection } from './timeline-section.ts';

const RANK = { tampered: 0, undecided: 1, ok: 2 } as const;

/**
 * The report on a verification as one HTML file, for people: it asks for nothing, runs nothing, and everything that comes
 * from the log is text in it. Its length is bounded, whatever the log is; what is left out is said.
 */
export function renderReport(report: VerifyReport, about: ReportAbout): string {
  const [only, ...others] = report.streams.filter(({ origin }) => origin !== '');
  const subject = others.length === 0 ? (only?.origin ?? '') : `${others.length + 1} logs`;
  const title = `${report.verdict.toUpperCase()}: ${brief(subject, 100)} – verification report`;
  return renderDocument(title, renderMain(report, about));
}

/** The same without a document around it: the `main` element, for a page that has `REPORT_STYLE` already. */
export function renderReportMain(report: VerifyReport, about: ReportAbout): string {
  return renderMain(report, about).toString();
}

function renderMain(report: VerifyReport, about: ReportAbout): Markup {
  const { streams, verdict } = report;
  const { checkedAt, timeZone, version } = about;
  const [only] = streams;
  const local = localTime(checkedAt, timeZone);
  return html`<main class="report">
<header class="${verdict}"><p class="label">Verification of a sealed log</p>
<p>${badge(verdict)}</p><h1>${brief(verdictSentence(report), 1_000)}</h1>
<p class="quiet">Checked on <time datetime="${checkedAt}">${checkedAt}</time>${local !== '' && ` (${local})`} with fapilog-tamper ${version}</p>
${streams.length === 1 && only !== undefined && facts(only, timeZone)}</header>
${meaning(report, html`<h2>What this means</h2>`)}
${streams.length === 1 && only !== undefined ? streamSections(only, 'log-1', limitsFor(1), 2) : many(streams, timeZone)}
${basis(report, about)}
${signOff(verdict)}
<footer><p>Nothing in this report shows what came after the last entry. It is a copy of what a program printed: anyone who has the files, the keys and fapilog-tamper can make the check again, and should, where it matters.</p></footer>
</main>`;
}

/** On paper: who stands for what was checked. */
function signOff(verdict: Verdict): Markup {
  const rows = ['Name and role', 'What I decided', 'Date and place', 'Signature'];
  return html`<section class="sign-off"><h2>Sign-off</h2><p>I have read this report, whose verdict is ${badge(verdict)}.</p>
<dl class="facts">${rows.map((row) => html`<div><dt>${row}</dt><dd></dd></div>`)}</dl></section>`;
}

function many(all: readonly StreamReport[], timeZone: string | undefined): Markup {
  const streams = [...all].sort((a, b) => RANK[a.verdict] - RANK[b.verdict]);
  const detailed = streams.slice(0, DETAILED_LOGS);
  const limits = limitsFor(detailed.length);
  const { shown, rest } = capped(streams, OVERVIEW_ROWS, 'logs');
  const cut = streams.length - detailed.length;
  return html`<section><h2>Overview</h2>
<div class="scroll" role="region" aria-label="Overview" tabindex="0"><table class="overview">
<thead><tr><th scope="col">Verdict</th><th scope="col">Log</th><th scope="col">Entries</th><th scope="col">Last time (UTC)</th></tr></thead>
<tbody>${shown.map((stream, at) => overviewRow(stream, at < detailed.length ? `log-${at + 1}` : undefined))}</tbody>
</table></div>${rest}</section>
${detailed.map((stream, at) => streamPart(stream, `log-${at + 1}`, limits, timeZone))}
${cut > 0 && cutNote(`${grouped(cut)} more logs have no part of their own here: those come first that are not ok. The JSON report has them all`)}`;
}

function overviewRow(stream: StreamReport, id: string | undefined): Markup {
  const { verdict, origin, firstSeq, lastSeq, endTime } = stream;
  const cause = verdict === 'ok' ? erasedClause(stream, grouped) : causeOf(stream);
  const name = origin === '' ? 'of no name' : brief(origin);
  return html`<tr><td>${badge(verdict)}</td><th scope="row">${id === undefined ? name : html`<a href="#${id}">${name}</a>`}${cause !== undefined && html`<br><span class="quiet">${brief(cause)}</span>`}</th>
<td class="number">${lastSeq === 0 ? '—' : `${grouped(firstSeq)} to ${grouped(lastSeq)}`}</td><td class="time">${endTime ?? '—'}</td></tr>`;
}

/** What the verdict rests on besides the log: what the auditor brought, and what was left out. */
function basis(
  { streams, ignored, unwrapped, topic }: VerifyReport,
  { version, sha256, checkedAt, given, withoutLines }: ReportAbout,
): Markup {
  const rows: (readonly [string, Value])[] = [
    ['Tool', `fapilog-tamper ${version}${sha256 === undefined ? '' : `, which says that its SHA-256 is ${sha256}`}`],
    ['Time of the check', `${checkedAt} (clock of the auditor’s machine)`],
    ...given.map(({ what, value }) => [what, brief(value)] as const),
    ...evidenceRows(streams),
  ];
  if (unwrapped !== undefined) {
    rows.push([
      'Taken out of',
      `${brief(unwrapped.carrier)}; ${grouped(unwrapped.beside)} lines of something else were left out`,
    ]);
  }
  if (topic !== undefined) {
    const { name, cluster, partitions, leftOut } = topic;
    const read = partitions.map(({ partition, next }) => `${partition}: ${next}`).join(', ');
    const begun = partitions.flatMap(({ partition, first }) => (first === undefined ? [] : [`${partition}: ${first}`]));
    rows.push(
      ['Topic', `${brief(name)} of the cluster ${brief(cluster)}`],
      ['Next offset of each partition', brief(read)],
      ...(begun.length > 0
        ? [['First offset of a partition with deleted records', brief(begun.join(', '))] as const]
        : []),
      ['Records of other streams', `${grouped(leftOut)}, left out`],
    );
  }
  if (withoutLines === true) rows.push(['Lines of the log', 'left out of this report on purpose']);
  return html`<section><h2>What the verdict rests on</h2>
<p>Keys and names come from you, never from the log. Anyone who reads this report should be able to get the same from elsewhere.</p>
<dl class="facts">${rows.map(([what, value]) => html`<div><dt>${what}</dt><dd>${value}</dd></div>`)}</dl>
${leftOut(ignored)}</section>`;
}

/** What is said of one log besides its verdict. `level` is that of its headings. */
function streamSections(stream: StreamReport, id: string, limits: Limits, level: 2 | 3): Markup {
  const heading = (text: string): Markup => (level === 2 ? html`<h2>${text}</h2>` : html`<h3>${text}</h3>`);
  return html`${findingsSection(stream, id, limits, heading('Findings'), level === 2 ? 3 : 4)}
${erasedSection(stream, limits, heading('Erased records'))}
${forgers(stream, heading('Who could have forged this log'))}
${timelineSection(stream, id, limits, heading('Timeline'))}
${keysSection(stream, limits, heading('Keys'))}
${evidenceSection(stream, limits, heading('Time stamps and witnesses'))}
${filesSection(stream, limits, heading('Files examined'))}
${stream.checkpoint !== undefined && checkpointSection(stream.checkpoint, heading('Checkpoint to keep'))}`;
}

/** One of many logs; those that are ok are folded. */
function streamPart(stream: StreamReport, id: string, limits: Limits, timeZone?: string): Markup {
  const body = html`<p class="sentence">${brief(streamSentence(stream), 1_000)}</p>${facts(stream, timeZone)}${streamSections(stream, id, limits, 3)}`;
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
