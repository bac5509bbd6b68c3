import type { AuditCode, AuditFinding, StreamOutcome, StreamResult } from '../../audit/check/stream-result.ts';
import type { AuditSummary } from '../../audit/run/summary.ts';
import type { FindingCode } from '../../verify/model/findings.ts';
import type { Verdict } from '../../verify/verdict/report.ts';
import type { ReportAbout } from '../about.ts';
import { erasedText } from '../words/erased.ts';
import { type Explanation, FINDING_WORDS } from '../words/finding-words.ts';
import { grouped } from '../words/verdict-words.ts';
import { renderDocument } from './document.ts';
import { leftOut } from './files-section.ts';
import { placeText } from './findings-section.ts';
import { brief, cutNote } from './limits.ts';
import { html, type Markup, type Value } from './markup.ts';
import { badge } from './summary.ts';

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

function sentence({ streams, verdict, verdicts, names, erased = 0 }: AuditSummary): string {
  if (streams === 0) return 'There was no stream to check.';
  if (verdict === 'ok' && names.every((named) => named.streams >= named.min)) {
    const but = erased > 0 ? ` but for ${grouped(erased)} erased ${erased === 1 ? 'record' : 'records'}` : ''; // R2.4
    return streams === 1
      ? `The one stream is as it was sealed${but}.`
      : `All ${grouped(streams)} streams are as they were sealed${but}.`;
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
function row({ stream, verdict, result, files, lastSeq, sealed, erased }: StreamRow): Markup {
  const name = stream === '' ? `${grouped(files)} files of no named stream` : brief(stream);
  return html`<tr><td>${verdict.toUpperCase()}${erased !== undefined && `, ${erasedText(erased, grouped)}`}</td><th scope="row">${name}</th><td>${result}</td><td class="number">${lastSeq === 0 ? '—' : grouped(lastSeq)}</td><td class="time">${sealed ?? '—'}</td></tr>
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

/** What became of a stream, in words. */
const OUTCOME_WORDS: Readonly<Record<StreamOutcome, string>> = {
  new: 'was not here before',
  grown: 'has new entries',
  unchanged: 'has the same files as at the last audit',
  rewritten: 'has the same entries in other files: renamed, compressed or copied',
  removed: 'files that were checked are gone',
  stopped: 'nothing new has come for too long',
  vanished: 'was here before, and none of its files is now',
  rolled_back: 'no longer reaches what was seen of it before',
  forked: 'two files, or a file and what was seen before, contradict each other',
  replaced: 'changes faster than it can be read',
  missing: 'is named by the auditor, and is not here; of places: holds no log',
  unclaimed: 'files that belong to no stream that was named',
  failed: 'could not be audited',
};

const AUDIT_WORDS: Readonly<Record<AuditCode, Explanation>> = {
  STOPPED: {
    title: 'the stream has stopped',
    means:
      'Its newest proven seal is older than the auditor allows. What is here is as it was sealed; but a writer that was stopped, or whose files no longer arrive, looks the same as one that has nothing to say.',
    next: 'Look at the writer and at what ships its files. If it was retired on purpose, take it out of the policy.',
  },
  REPLACED: {
    title: 'the stream changes faster than it can be read',
    means: 'Each time when its files were looked at again they were others, so nothing can be said of them.',
    next: 'Audit finished files, in a folder of their own, or at a quieter time.',
  },
  EXPIRED: {
    title: 'the whole stream is gone, as its retention allows',
    means:
      'None of its files is here any more, and its last entry is older than the retention that the auditor named. Nothing can be checked of it now; it was in order when it was checked last.',
    next: 'Confirm that the stream was retired. Then remove what is remembered of it, or keep being told.',
  },
  JOURNAL_CONTRADICTED: {
    title: "what is remembered is not what the auditor's journal says",
    means:
      'The memory of the audit is ahead of the journal, or holds no checkpoint of it. Either somebody changed one of the two, or an audit used this memory without the journal.',
    next: 'Ask who ran an audit without the journal. If nobody did, restore the memory from a copy and compare the stream with another copy.',
  },
  JOURNAL_WRONG: {
    title: "the auditor's journal contradicts itself",
    means:
      'A record of the journal is no record of a night, or a list is not the one that was sealed, or leaves out what the list before it has.',
    next: 'Restore the list from a copy. Until then nothing is sealed or remembered.',
  },
  JOURNAL_LIST_MISSING: {
    title: "a list of the auditor's journal is missing",
    means:
      'The list of one of the last two nights is not beside the journal, so this audit could not be compared with it.',
    next: 'Restore the list from a copy; its name is its root.',
  },
  JOURNAL_UNFINISHED: {
    title: 'an earlier audit did not end',
    means: 'An audit began, and nothing of what it found was sealed or remembered: it was stopped, or failed.',
    next: 'Look at why it ended. A night that is run again until its result is good leaves this behind each time.',
  },
  JOURNAL_RETIRED: {
    title: 'streams are not audited any more',
    means: 'Streams are not named any more, or were removed from the memory after they had vanished.',
    next: 'Confirm that they were retired on purpose.',
  },
};

/** A finding of an audit in words. */
function auditFindingWords(code: FindingCode | AuditCode): Explanation {
  return code in AUDIT_WORDS ? AUDIT_WORDS[code as AuditCode] : FINDING_WORDS[code as FindingCode];
}

/** What of each stream is kept for the report until the last one is done: of ten thousand, a line each. */

/** A line of the table of all streams. */
type StreamRow = Pick<StreamResult, 'stream' | 'result' | 'verdict' | 'files' | 'lastSeq' | 'sealed' | 'erased'>;

/** Streams whose findings are shown, of each kind. */
const DETAILED_STREAMS = 300;
/** Rows of the table, of each kind. */
const STREAM_ROWS = 20_000;

/** What kind of stream one is, in the order in which they are shown. */
const KINDS = ['tampered', 'undecided', 'warned', 'ok'] as const;
type Kind = (typeof KINDS)[number];

/** Results, those with findings before the others. */
class KeptResults {
  readonly #rows = new Map<Kind, StreamRow[]>();
  readonly #detailed = new Map<Kind, StreamResult[]>();
  readonly #codes = new Set<AuditFinding['code']>();
  #streams = 0;
  #withFindings = 0;

  add(result: StreamResult): void {
    const kind = kindOf(result);
    this.#streams++;
    const rows = room(this.#rows, kind);
    if (rows.length < STREAM_ROWS) rows.push(rowOf(result));
    if (kind === 'ok') return;
    this.#withFindings++;
    const detailed = room(this.#detailed, kind);
    if (detailed.length === DETAILED_STREAMS) return;
    detailed.push(result);
    for (const { code } of result.findings) this.#codes.add(code);
  }

  /** The codes of all findings that are shown, in the order of the alphabet. */
  get codes(): readonly AuditFinding['code'][] {
    return [...this.#codes].sort();
  }

  /** Lines, the worst first, by name; and how many are left out. */
  rows(): { readonly shown: readonly StreamRow[]; readonly more: number } {
    const shown = KINDS.flatMap((kind) => [...(this.#rows.get(kind) ?? [])].sort(byName)).slice(0, STREAM_ROWS);
    return { shown, more: this.#streams - shown.length };
  }

  /** Streams with findings, the worst first, by name; and how many are left out. */
  detailed(): { readonly shown: readonly StreamResult[]; readonly more: number } {
    const shown = KINDS.flatMap((kind) => [...(this.#detailed.get(kind) ?? [])].sort(byName)).slice(
      0,
      DETAILED_STREAMS,
    );
    return { shown, more: this.#withFindings - shown.length };
  }
}

function kindOf({ verdict, findings, error }: StreamResult): Kind {
  const kinds: Readonly<Record<Verdict, Kind>> = {
    tampered: 'tampered',
    undecided: 'undecided',
    ok: findings.length > 0 || error !== undefined ? 'warned' : 'ok',
  };
  return kinds[verdict];
}

function rowOf({ stream, result, verdict, files, lastSeq, sealed, erased }: StreamResult): StreamRow {
  return {
    stream,
    result,
    verdict,
    files,
    lastSeq,
    ...(sealed !== undefined && { sealed }),
    ...(erased !== undefined && { erased }),
  };
}

function room<T>(all: Map<Kind, T[]>, kind: Kind): T[] {
  const own = all.get(kind) ?? [];
  all.set(kind, own);
  return own;
}

function byName(one: StreamRow, other: StreamRow): number {
  const [a, b] = [`${one.stream} ${one.result}`, `${other.stream} ${other.result}`];
  return a < b ? -1 : Number(a > b);
}
