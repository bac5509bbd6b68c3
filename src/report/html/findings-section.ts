import type { Finding, FindingCode, Severity } from '../../verify/model/findings.ts';
import type { QuotedLine } from '../../verify/model/quoted-line.ts';
import type { StreamReport } from '../../verify/verdict/report.ts';
import { FINDING_WORDS } from '../words/finding-words.ts';
import { offsetWord } from '../words/place-words.ts';
import { entriesOf, grouped } from '../words/verdict-words.ts';
import { brief, capped, cutNote, type Limits, type QuoteAllowance } from './limits.ts';
import { html, type Markup } from './markup.ts';

const RANK: Readonly<Record<Severity, number>> = { tampered: 0, undecided: 1, warning: 2 };
const SEVERITY: Readonly<Record<Severity, string>> = {
  tampered: 'Counts as tampering',
  undecided: 'Leaves the log undecided',
  warning: 'For your information',
};
/** A message may repeat what a log says. */
const MESSAGE = 1_000;
/** A year of daily restarts is one finding to read. */
const WARNING_PLACES = 5;

/** From so many kinds of findings on, a list of them comes first. */
const CONTENTS = 4;

/** What was found, by code, the worst first: what it means, what to do next, and each place with its line. */
export function findingsSection(
  stream: StreamReport,
  id: string,
  limits: Limits,
  heading: (text: string) => Markup,
  level: 3 | 4,
): Markup {
  const kinds = [...grouping(stream.findings)]
    .map(([code, group]) => kindOf(code, group, stream.more[code] ?? 0, `${id}-${code}`))
    .sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  if (kinds.length === 0) return html`<section>${heading('Findings')}<p>Nothing was found.</p></section>`;
  const count = kinds.reduce((sum, one) => sum + one.count, 0);
  return html`<section>${heading(`Findings (${grouped(count)})`)}${kinds.length >= CONTENTS && contents(kinds)}
${kinds.map((kind) => kindMarkup(kind, limits, level))}</section>`;
}

/** Findings of one code. */
interface Kind {
  readonly code: FindingCode;
  readonly group: readonly Finding[];
  /** With those that the report does not hold. */
  readonly count: number;
  readonly severity: Severity;
  readonly title: string;
  readonly id: string;
}

function kindOf(code: FindingCode, group: readonly Finding[], more: number, id: string): Kind {
  const severity = group.reduce<Severity>(
    (worst, one) => (RANK[one.severity] < RANK[worst] ? one.severity : worst),
    'warning',
  );
  const { title } = FINDING_WORDS[code];
  const name = title.charAt(0).toUpperCase() + title.slice(1);
  return { code, group, count: group.length + more, severity, title: name, id };
}

function contents(kinds: readonly Kind[]): Markup {
  return html`<nav aria-label="Kinds of findings"><ul class="contents">${kinds.map(
    ({ id, title, count, severity }) =>
      html`<li class="${severity}"><a href="#${id}">${title}</a> <span class="quiet">${SEVERITY[severity]}, ${count === 1 ? 'once' : `${grouped(count)} times`}</span></li>`,
  )}</ul></nav>`;
}

function grouping(findings: readonly Finding[]): Map<FindingCode, Finding[]> {
  const byCode = new Map<FindingCode, Finding[]>();
  for (const finding of findings) {
    const group = byCode.get(finding.code);
    if (group === undefined) byCode.set(finding.code, [finding]);
    else group.push(finding);
  }
  return byCode;
}

function kindMarkup(
  { code, group, count, severity, title, id }: Kind,
  { places, quotes }: Limits,
  level: 3 | 4,
): Markup {
  const { means, next } = FINDING_WORDS[code];
  const { shown } = capped(group, severity === 'warning' ? Math.min(places, WARNING_PLACES) : places, 'places');
  const rest = count - shown.length;
  return html`<article class="finding ${severity}" id="${id}">
${level === 3 ? html`<h3>${title}</h3>` : html`<h4>${title}</h4>`}
<p class="code"><span class="severity">${SEVERITY[severity]}</span> <code>${code}</code>${count > 1 && `, ${grouped(count)} times`}</p>
<p>${means}</p><p><strong>What to do next.</strong> ${next}</p>
<ul class="places">${shown.map((finding) => placeMarkup(finding, quotes))}</ul>
${rest > 0 && cutNote(`and ${grouped(rest)} more of this kind, not shown here`)}</article>`;
}

function placeMarkup(finding: Finding, quotes: QuoteAllowance): Markup {
  const { quoted } = finding;
  return html`<li>${placeText(finding)}${quoted !== undefined && quoteMarkup(finding, quoted, quotes)}</li>`;
}

/** What was found in one place, and where that is. */
export function placeText(finding: Omit<Finding, 'code' | 'quoted'>): Markup {
  return html`<p>${brief(asSentence(finding.message), MESSAGE)}</p>${whereMarkup(finding)}`;
}

function asSentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('?') ? '' : '.'}`;
}

function whereMarkup(finding: Omit<Finding, 'code' | 'quoted'>): Markup | undefined {
  const { file, line, offset, previousSealTime: from, nextSealTime: until } = finding;
  const entries = entriesOf(finding);
  const parts: Value[] = [];
  if (entries !== '') parts.push(entries);
  if (file !== undefined) {
    const at = [
      line === undefined ? '' : `, line ${grouped(line)}`,
      offset === undefined ? '' : `, ${offsetWord(file)} ${grouped(offset)}`,
    ];
    parts.push(html`<code>${brief(file)}</code>${at.join('')}`);
  }
  if (from !== undefined || until !== undefined) {
    parts.push(`between the seals of ${from ?? 'the beginning'} and ${until ?? 'the end'}`);
  }
  if (parts.length === 0) return undefined;
  return html`<p class="where">At: ${parts.map((part, index) => html`${index > 0 && '; '}${part}`)}</p>`;
}

type Value = string | Markup;

function quoteMarkup({ file = '', line = 0 }: Finding, quoted: QuotedLine, quotes: QuoteAllowance): Markup {
  if (!quotes.take()) return cutNote('The line is not shown: there are too many in this report');
  const { head, tail, bytes } = quoted;
  const cut = tail === undefined ? '' : ', cut in the middle';
  return html`<figure class="quote"><figcaption>Text of the log, which an attacker may have written: line ${grouped(line)} of ${brief(file)}, ${grouped(bytes)} bytes${cut}</figcaption>
<blockquote><code>${head}${tail !== undefined && html`</code><span class="omitted"> … cut … </span><code>${tail}`}</code></blockquote></figure>`;
}
