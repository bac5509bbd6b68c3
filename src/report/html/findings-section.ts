import type { Finding, FindingCode, Severity } from '../../verify/model/findings.ts';
import type { QuotedLine } from '../../verify/model/quoted-line.ts';
import type { StreamReport } from '../../verify/verdict/report.ts';
import { FINDING_WORDS } from '../words/finding-words.ts';
import { capital, entriesOf, grouped, offsetWord } from '../words/verdict-words.ts';
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

/** So many kinds of findings have a list of them before them. */
const MANY_KINDS = 5;

interface Group {
  readonly code: FindingCode;
  readonly findings: readonly Finding[];
  /** The worst of them. */
  readonly severity: Severity;
  readonly count: number;
  readonly id: string;
}

/** What was found, by code, the worst first: what it means, what to do next, and each place with its line. */
export function findingsSection(
  stream: StreamReport,
  id: string,
  limits: Limits,
  heading: Markup,
  level: 3 | 4,
): Markup {
  const groups = [...grouping(stream.findings)].map(([code, findings]): Group => {
    const [first = 'warning', ...others] = findings.map(({ severity }) => severity);
    const severity = others.reduce<Severity>((worst, one) => (RANK[one] < RANK[worst] ? one : worst), first);
    return { code, findings, severity, count: findings.length + (stream.more[code] ?? 0), id: `${id}-${code}` };
  });
  groups.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  if (groups.length === 0) return html`<section>${heading}<p>Nothing was found.</p></section>`;
  const all = groups.map((group) => groupMarkup(group, limits, level));
  if (groups.length < MANY_KINDS) return html`<section>${heading}${all}</section>`;
  return html`<section>${heading}${contents(groups)}${filtered(groups, id, all)}</section>`;
}

function contents(groups: readonly Group[]): Markup {
  const items = groups.map(
    ({ code, count, id }) =>
      html`<li><a href="#${id}">${capital(FINDING_WORDS[code].title)}</a>${count > 1 && html` <span class="quiet">${grouped(count)} times</span>`}</li>`,
  );
  return html`<nav class="contents" aria-label="Kinds of findings"><ul>${items}</ul></nav>`;
}

/** Some of them can be left out on the screen; that needs no program. */
function filtered(groups: readonly Group[], id: string, all: readonly Markup[]): Markup {
  const severities = (Object.keys(RANK) as Severity[]).filter((one) => groups.some(({ severity }) => severity === one));
  if (severities.length === 1) return html`${all}`;
  const choice = (what: string, text: string, checked: Markup | false): Markup =>
    html`<input type="radio" class="pick ${what}" name="${id}-pick" id="${id}-pick-${what}"${checked}><label for="${id}-pick-${what}">${text}</label>`;
  return html`<fieldset><legend>Show</legend>${choice('all', 'All', html` checked`)}${severities.map((one) => choice(one, SEVERITY[one], false))}
${all}</fieldset>`;
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

function groupMarkup({ code, findings, severity, count, id }: Group, { places, quotes }: Limits, level: 3 | 4): Markup {
  const { title, means, next } = FINDING_WORDS[code];
  const { shown } = capped(findings, severity === 'warning' ? Math.min(places, WARNING_PLACES) : places, 'places');
  const rest = count - shown.length;
  const name = capital(title);
  return html`<article class="finding ${severity}" id="${id}">
${level === 3 ? html`<h3>${name}</h3>` : html`<h4>${name}</h4>`}
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
  return `${capital(message)}${message.endsWith('?') ? '' : '.'}`;
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
