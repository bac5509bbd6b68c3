import type { StreamResult } from '../../fleet/check/stream-result.ts';
import type { AuditSummary } from '../../fleet/run/summary.ts';
import type { ReportAbout } from '../about.ts';
import { renderDocument } from '../html/document.ts';
import { leftOut } from '../html/files-section.ts';
import { placeText } from '../html/findings-section.ts';
import { brief, cutNote } from '../html/limits.ts';
import { html, type Markup, type Value } from '../html/markup.ts';
import { badge } from '../html/summary.ts';
import { grouped } from '../words/verdict-words.ts';
import { KeptResults, type StreamRow } from './kept-results.ts';
import { auditFindingWords, OUTCOME_WORDS } from './outcome-words.ts';

/**
 * The report on an audit of many streams as one HTML file, for people. It takes results as they come and keeps little of each;
 * its length is bounded, and what is left out is said.
 */
export class AuditReport {
  readonly #kept = new KeptResults();

  add(result: StreamResult): void {
    this.#kept.add(result);
  }

  render(summary: AuditSummary, about: ReportAbout): string {
    const subject = summary.streams === 1 ? '1 stream' : `${summary.streams} streams`;
    const title = `${summary.verdict.toUpperCase()}: ${subject} – audit report`;
    return renderDocument(title, mainOf(this.#kept, summary, about));
  }
}

function mainOf(kept: KeptResults, summary: AuditSummary, about: ReportAbout): Markup {
  const { verdict } = summary;
  return html`<main class="report">
<header class="${verdict}"><p class="label">Audit of sealed logs</p>
<p>${badge(verdict)}</p><h1>${sentence(summary)}</h1>
<p class="quiet">As of <time datetime="${summary.time}">${summary.time}</time>, checked with fapilog-tamper ${about.version}</p>
${factsOf(summary)}</header>
${outcomes(summary)}
${withFindings(kept)}
${glossary(kept)}
${allStreams(kept)}
${basis(summary, about)}
<footer><p>Nothing in this report shows what came after the last entry of a stream. Of streams that are unchanged the verdict is that of an earlier audit. It is a copy of what a program printed: anyone who has the files, the keys and fapilog-tamper can make the check again, and should, where it matters.</p></footer>
</main>`;
}

function sentence({ streams, verdict, verdicts, names }: AuditSummary): string {
  if (streams === 0) return 'There was no stream to check.';
  if (verdict === 'ok' && names.every((named) => named.streams >= named.min)) {
    return streams === 1
      ? 'The one stream is as it was sealed.'
      : `All ${grouped(streams)} streams are as they were sealed.`;
  }
  const parts = [
    verdicts.tampered > 0 && `${grouped(verdicts.tampered)} not as sealed, or gone`,
    verdicts.undecided > 0 && `${grouped(verdicts.undecided)} undecided`,
    verdicts.ok > 0 && `${grouped(verdicts.ok)} as sealed`,
  ];
  return `Of ${grouped(streams)} ${streams === 1 ? 'stream' : 'streams'}: ${parts.filter((part) => part !== false).join(', ')}.`;
}

function factsOf({ streams, verdicts, read, shard }: AuditSummary): Markup {
  return list([
    ['Streams', grouped(streams)],
    ['Not as sealed, or gone', grouped(verdicts.tampered)],
    ['Undecided', grouped(verdicts.undecided)],
    ['As sealed', grouped(verdicts.ok)],
    ['Read for this audit', `${grouped(read.files)} files, ${grouped(read.bytes)} bytes`],
    ...(shard.count > 1
      ? [['Part of the audit', `${shard.index} of ${shard.count}, from 0: other streams are in other reports`] as const]
      : []),
  ]);
}

function outcomes({ results }: AuditSummary): Markup {
  const rows = (Object.keys(OUTCOME_WORDS) as (keyof typeof OUTCOME_WORDS)[]).flatMap((outcome) => {
    const count = results[outcome];
    return count === undefined
      ? []
      : [
          html`<tr><th scope="row"><code>${outcome}</code></th><td class="number">${grouped(count)}</td><td>${OUTCOME_WORDS[outcome]}</td></tr>`,
        ];
  });
  return html`<section><h2>What happened to them</h2>
${table(
  'What happened to them',
  html`<th scope="col">Result</th><th scope="col">Streams</th><th scope="col">Means</th>`,
  rows,
)}</section>`;
}

function withFindings(kept: KeptResults): Markup {
  const { shown, more } = kept.detailed();
  if (shown.length === 0) return html`<section><h2>Streams with findings</h2><p>Nothing was found.</p></section>`;
  return html`<section><h2>Streams with findings</h2>${shown.map(article)}
${more > 0 && cutNote(`and ${grouped(more)} more with findings, not shown here: the JSON output has them all`)}</section>`;
}

function article({ stream, verdict, result, files, findings, more, error }: StreamResult): Markup {
  const name = stream === '' ? `${grouped(files)} files of no named stream` : brief(stream);
  return html`<article class="log"><h3>${badge(verdict)} ${name}</h3><p class="sentence"><code>${result}</code>: ${OUTCOME_WORDS[result]}</p>
${findings.map(
  (finding) =>
    html`<div class="finding ${finding.severity}"><p class="code"><code>${finding.code}</code> ${auditFindingWords(finding.code).title}</p>${placeText(finding)}</div>`,
)}
${error !== undefined && html`<p><code>${error.code}</code>: ${brief(error.message, 1_000)}${error.hint !== undefined && html`<br>${brief(error.hint, 1_000)}`}</p>`}
${more > 0 && cutNote(`and ${grouped(more)} more findings of this stream`)}</article>`;
}

/** Said once for each code, however many streams have it. */
function glossary({ codes }: KeptResults): Markup | false {
  if (codes.length === 0) return false;
  return html`<section><h2>What the findings mean</h2>${codes.map((code) => {
    const { title, means, next } = auditFindingWords(code);
    return html`<h3><code>${code}</code>: ${title}</h3><p>${means}</p><p><strong>What to do next.</strong> ${next}</p>`;
  })}</section>`;
}

function allStreams(kept: KeptResults): Markup {
  const { shown, more } = kept.rows();
  const head = html`<th scope="col">Verdict</th><th scope="col">Stream</th><th scope="col">Result</th><th scope="col">Entries</th><th scope="col">Newest seal (UTC)</th>`;
  return html`<section><h2>All streams</h2>
${table('All streams', head, shown.map(row))}
${more > 0 && cutNote(`and ${grouped(more)} more streams, not shown here: the JSON output has them all`)}</section>`;
}

/** There may be twenty thousand of them, so a verdict is a word without its sign. */
function row({ stream, verdict, result, files, lastSeq, sealed }: StreamRow): Markup {
  const name = stream === '' ? `${grouped(files)} files of no named stream` : brief(stream);
  return html`<tr><td>${verdict.toUpperCase()}</td><th scope="row">${name}</th><td>${result}</td><td class="number">${lastSeq === 0 ? '—' : grouped(lastSeq)}</td><td class="time">${sealed ?? '—'}</td></tr>
`;
}

function basis({ ignored }: AuditSummary, { version, checkedAt, given }: ReportAbout): Markup {
  return html`<section><h2>What the verdict rests on</h2>
<p>Keys and names come from you, never from the logs. Anyone who reads this report should be able to get the same from elsewhere.</p>
${list([
  ['Tool', `fapilog-tamper ${version}`],
  ['Time of the audit', `${checkedAt} (clock of the auditor’s machine)`],
  ...given.map(({ what, value }) => [what, brief(value)] as const),
])}
${leftOut(ignored)}</section>`;
}

function list(rows: readonly (readonly [string, Value])[]): Markup {
  return html`<dl class="facts">${rows.map(([what, value]) => html`<div><dt>${what}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function table(label: string, head: Markup, rows: readonly Markup[]): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table class="overview">
<thead><tr>${head}</tr></thead>
<tbody>${rows}</tbody>
</table></div>`;
}
