import type { Finding } from '../../verify/model/findings.ts';
import type { StreamReport, Verdict, VerifyReport } from '../../verify/verdict/report.ts';
import { erasedCount, erasedText } from './erased.ts';
import { FINDING_WORDS } from './finding-words.ts';
import { type EntryRange, takenOverUnchecked } from './forgers.ts';

/** The verdict in one sentence, for whoever signs it off. */
export function verdictSentence({ streams, verdict }: VerifyReport): string {
  const [only] = streams;
  if (only === undefined) return 'There was no log to check.';
  if (streams.length === 1) return streamSentence(only);
  const logs = streams.filter(({ origin }) => origin !== '');
  const worst = [...logs, ...streams].find((stream) => stream.verdict === verdict) ?? only;
  const of = (one: Verdict): number => logs.filter((stream) => stream.verdict === one).length;
  const counts: readonly (readonly [number, string])[] = [
    [of('tampered'), 'not as sealed'],
    [of('undecided'), 'undecided'],
    [of('ok'), 'as sealed'],
  ];
  const parts = counts.flatMap(([count, what]) => (count > 0 ? [`${grouped(count)} ${what}`] : []));
  if (verdict === 'ok') return `All ${grouped(streams.length)} logs are as they were sealed${caveats(streams)}.`;
  const counted = logs.length > 1 ? `Of ${grouped(logs.length)} logs: ${parts.join(', ')}. ` : '';
  return `${counted}${streamSentence(worst)}`;
}

/** What of many logs cannot be said of each. */
function caveats(streams: readonly StreamReport[]): string {
  const unchecked = streams.filter((stream) => takenOverUnchecked(stream).count > 0).length;
  const lost = streams.reduce((sum, { droppedLines }) => sum + droppedLines, 0);
  const open = streams.filter(({ provenSize, lastSeq }) => provenSize < lastSeq).length;
  const erased = erasedCount(streams);
  return [
    unchecked > 0 && `, but for entries of ${grouped(unchecked)} that a restart took over and nobody had checked`,
    open > 0 && `; of ${grouped(open)} the newest entries are not proven yet`,
    lost > 0 && `; ${lostText(lost)} before they were sealed`,
    erased > 0 && `; ${erasedText(erased, grouped)}, which erasure logs record`,
  ]
    .filter((text) => text !== false)
    .join('');
}

/** The same of one log. */
export function streamSentence(stream: StreamReport): string {
  const { verdict, origin } = stream;
  const name = origin === '' ? 'what belongs to no log that you named' : `the log ${origin}`;
  if (verdict === 'ok') return okSentence(stream, capital(name));
  const cause = causeOf(stream);
  if (cause === undefined) return `${capital(name)} has warnings, and you asked that warnings count.`;
  if (verdict === 'undecided') return ended(`It cannot be decided whether ${name} is as it was sealed: ${cause}`);
  return ended(`${capital(name)} is not ${isBesideEntries(stream) ? 'accepted' : 'as it was sealed'}: ${cause}`);
}

const ended = (text: string): string => (text.endsWith('?') ? text : `${text}.`);

/** Whether nothing but a manifest, or what the policy demands, makes a log tampered: no entry contradicts its seals. */
export function isBesideEntries({ findings }: StreamReport): boolean {
  return !findings.some(
    ({ code, severity }) => severity === 'tampered' && code !== 'MANIFEST_WRONG' && code !== 'RECORDS_FLOOR',
  );
}

/** Why a log is not ok: the finding that the others follow from, and how many kinds there are. Undefined without one. */
export function causeOf(stream: StreamReport): string | undefined {
  const { verdict, findings } = stream;
  const reasons = findings.filter(({ severity }) => severity === verdict);
  const [first] = reasons;
  if (first === undefined) return undefined;
  const exact = alteredText(stream);
  if (exact !== undefined) return exact;
  const rest = new Set(reasons.map(({ code }) => code)).size - 1;
  const same = reasons.filter(({ code }) => code === first.code);
  return `${removedText(same, stream) ?? reason(first, same.length - 1 + (stream.more[first.code] ?? 0))}${rest > 0 ? `; there ${rest === 1 ? 'is 1 more kind of finding' : `are ${rest} more kinds of finding`}` : ''}`;
}

/** How many entries were removed, and which or after which; undefined if more were than findings name. */
function removedText(findings: readonly Finding[], { more }: StreamReport): string | undefined {
  const ranges = findings.flatMap(({ seq, lastSeq }) => (seq === undefined ? [] : [[seq, lastSeq ?? seq] as const]));
  const [[first, last] = [0, 0]] = ranges;
  if (first === 0 || findings[0]?.code !== 'ENTRIES_MISSING' || (more['ENTRIES_MISSING'] ?? 0) > 0) return undefined;
  const count = ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  if (count === 1) return `entry ${grouped(first)} was removed`;
  const which =
    ranges.length === 1 ? ` (${grouped(first)} to ${grouped(last)})` : `, the first after entry ${grouped(first - 1)}`;
  return `${grouped(count)} entries were removed${which}`;
}

/** Ranges of altered entries that are named in one sentence. */
const ALTERED_RANGES = 20;

/**
 * Where nothing is wrong but altered entries: how many, which, and that every other one is as it was sealed (spec M8.32). With
 * MACs each entry shows that by itself. Undefined if that cannot be said.
 */
function alteredText(stream: StreamReport): string | undefined {
  const { findings, more, keys, firstSeq, lastSeq, provenSize } = stream;
  const altered = findings.filter(({ severity }) => severity !== 'warning');
  const codes = new Set(altered.map(({ code }) => code));
  const [code] = codes;
  if (codes.size !== 1 || (code !== 'CHECKSUM_WRONG' && code !== 'AUTH_WRONG')) return undefined;
  const unchecked = code === 'AUTH_WRONG' && keys.some(({ checkedBy }) => !checkedBy.includes('mac'));
  const last = code === 'AUTH_WRONG' ? lastSeq : provenSize;
  const seqs = altered.map(({ seq = 0 }) => seq);
  if (unchecked || takenOverUnchecked(stream).count > 0 || seqs.some((seq) => seq > last)) return undefined;
  // behind a seal that was changed, MACs of entries that were not are wrong too
  if (code === 'AUTH_WRONG' && seqs.some((seq, at) => seq - 1 === seqs[at - 1])) return undefined;
  const count = seqs.length + (more[code] ?? 0);
  if (count > seqs.length && last < lastSeq) return undefined; // one that is not named may never have been sealed
  const rest = count > seqs.length ? ` and ${grouped(count - seqs.length)} more` : '';
  const which = `${rangesText(rangesOf(seqs), grouped, ALTERED_RANGES)}${rest}`;
  const were =
    count === 1
      ? `1 entry was changed after it was sealed (${which})`
      : `${grouped(count)} entries were changed after they were sealed (${which})`;
  const other = `every other one from ${grouped(firstSeq)} to ${grouped(last)}`;
  return `${were}; ${other} ${code === 'AUTH_WRONG' ? 'has the MAC that it was sealed with' : 'is as it was sealed'}`;
}

/** Ascending numbers as ranges. */
function rangesOf(seqs: readonly number[]): EntryRange[] {
  const ranges: EntryRange[] = [];
  for (const seq of seqs) {
    const last = ranges.at(-1);
    if (last?.lastSeq === seq - 1) ranges.splice(-1, 1, { ...last, lastSeq: seq });
    else ranges.push({ firstSeq: seq, lastSeq: seq });
  }
  return ranges;
}

/** Of these the message says which of several causes it is, and which entries. */
const SAY_THEMSELVES: ReadonlySet<Finding['code']> = new Set([
  'START_UNPROVEN',
  'END_UNPROVEN',
  'KNOWN_CONTRADICTED',
  'LINK_CONTRADICTED',
  'MANIFEST_WRONG',
  'UNREADABLE',
  'NOT_SEALED',
  'RESERIALIZED',
  'ENCODING_CONVERTED',
  'TORN_TAIL',
  'LIMIT',
]);

function reason(finding: Finding, more: number): string {
  const { code, file, seq, message } = finding;
  const isFile = seq === undefined && file !== undefined;
  const place = isFile ? (isOfTopic(file) ? file : file.slice(file.lastIndexOf('/') + 1)) : '';
  const says =
    SAY_THEMSELVES.has(code) || (seq === undefined && (code === 'NO_KEY' || code === 'LINE_ENDINGS_CONVERTED'));
  const one = says || isFile ? place : entriesOf(finding);
  const where = more === 0 || one === '' ? one : `${one} and ${grouped(more)} other ${more === 1 ? 'place' : 'places'}`;
  return `${says ? message : FINDING_WORDS[code].title}${where === '' ? '' : ` (${where})`}`;
}

/** The entries that a finding is about, `entry 7` or `within entries 6 to 8`; empty where it names none. */
export function entriesOf({ code, seq, lastSeq, within }: Partial<Finding>): string {
  // the line is none of the entries, and one with the next number may not exist
  if (code === 'FOREIGN_LINE') return seq === undefined || seq <= 1 ? '' : `after entry ${grouped(seq - 1)}`;
  if (within !== undefined && within.firstSeq !== within.lastSeq) {
    return `within entries ${grouped(within.firstSeq)} to ${grouped(within.lastSeq)}`;
  }
  if (seq === undefined) return '';
  return lastSeq === undefined || lastSeq === seq
    ? `entry ${grouped(seq)}`
    : `entries ${grouped(seq)} to ${grouped(lastSeq)}`;
}

/** Nothing is said of an entry that was not checked: not one behind the proven end, and not one that a restart took over. */
function okSentence(stream: StreamReport, name: string): string {
  const { firstSeq, lastSeq, provenSize, droppedLines } = stream;
  const { count, ranges } = takenOverUnchecked(stream);
  const last = Math.min(provenSize, lastSeq);
  const whole = firstSeq === 1 && last === lastSeq;
  const entries = Math.max(last - firstSeq + 1, 0);
  const range = `entries ${grouped(firstSeq)} to ${grouped(last)}`;
  const all = whole ? `all its ${grouped(entries)} entries were` : `its ${range} were`;
  const other = `its other entries${whole ? '' : ` of ${grouped(firstSeq)} to ${grouped(last)}`} were`;
  const but =
    count === 0
      ? ''
      : ` but for ${entriesText(count)} (${rangesText(ranges)}) that a restart took over and nobody had checked, which you accept`;
  const checked = count > 0 ? other : entries === 1 ? 'its one entry was' : all;
  const none = droppedLines > 0 ? 'no sealed entry is missing' : 'none is missing';
  const unproven = last < lastSeq ? `; nothing is proven yet of what comes after entry ${grouped(last)}` : '';
  const lost = droppedLines > 0 ? `; ${lostText(droppedLines)} before they were sealed, as it says itself` : '';
  const gone = erasedCount([stream]);
  const erased = gone === 0 ? '' : `, with ${erasedText(gone, grouped)}`;
  return `${name} is as it was sealed${erased}${but}: ${checked} checked, and ${none}, changed, added or out of order${unproven}${lost}${erasedNote(stream)}.`;
}

function erasedNote(stream: StreamReport): string {
  return erasedCount([stream]) === 0 ? '' : '; an erasure log records who erased what, when and why';
}

function entriesText(count: number): string {
  return count === 1 ? '1 entry' : `${grouped(count)} entries`;
}

function lostText(lines: number): string {
  return `the writer lost ${lines === 1 ? '1 line' : `${grouped(lines)} lines`}`;
}

/** Ranges that are named; more are counted. */
const RANGES = 3;

/** Ranges of entries, `1 to 9, 12 and 2 more ranges`. */
export function rangesText(
  ranges: readonly EntryRange[],
  number: (seq: number) => string = grouped,
  most: number = RANGES,
): string {
  const shown = ranges
    .slice(0, most)
    .map(({ firstSeq, lastSeq }) =>
      firstSeq === lastSeq ? number(firstSeq) : `${number(firstSeq)} to ${number(lastSeq)}`,
    );
  const more = ranges.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${number(more)} more ${more === 1 ? 'range' : 'ranges'}` : ''}`;
}

/** The text as a sentence begins. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A number with its thousands apart. */
export function grouped(number: number): string {
  return number.toString().replaceAll(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** Whether lines were read from a topic of Kafka, whose partitions stand where files do. */
export function isOfTopic(file: string): boolean {
  return file.startsWith('kafka://');
}

/** What the number behind a line's is. */
export function offsetWord(file: string | undefined): 'byte' | 'offset' {
  return file !== undefined && isOfTopic(file) ? 'offset' : 'byte';
}
