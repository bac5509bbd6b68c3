import type { DataKeyReport, Finding, KeyReport, SignerReport, StreamReport, Verdict, VerifyReport } from '../index.ts';
import { erasedClause, erasedCount, erasedText } from '../report/words/erased.ts';
import { forgersOf, takenOverUnchecked } from '../report/words/forgers.ts';
import { causeOf, offsetWord, rangesText } from '../report/words/verdict-words.ts';
import { printable } from './output.ts';

/** The report as people read it. Nothing from a file reaches a terminal raw (spec 8.12). */

export type Level = 'quiet' | 'normal' | 'verbose';

/** Findings of one code, other than warnings, that the normal report shows. */
const SHOWN_PER_CODE = 5;
/** What matters most comes first. */
const RANK = { tampered: 0, undecided: 1, warning: 2 } as const;
/** Keys that it shows. */
const SHOWN_KEYS = 8;

const HEADLINE = {
  ok: 'OK',
  tampered: 'TAMPERED',
  undecided: 'UNDECIDED',
} as const;

/** R2.4: an OK says how many records are erased. */
function headline(verdict: Verdict, streams: readonly StreamReport[]): string {
  const erased = erasedCount(streams);
  return `${HEADLINE[verdict]}${verdict === 'ok' && erased > 0 ? `, ${erasedText(erased)}` : ''}`;
}

function place({ file, line, seq, lastSeq, offset, within, previousSealTime, nextSealTime }: Finding): string {
  const parts: string[] = [];
  if (file !== undefined) parts.push(line === undefined ? file : `${file}:${line}`);
  if (seq !== undefined) parts.push(lastSeq === undefined || lastSeq === seq ? `seq ${seq}` : `seq ${seq}-${lastSeq}`);
  if (offset !== undefined) parts.push(`${offsetWord(file)} ${offset}`);
  if (within !== undefined) {
    parts.push(`within seq ${within.firstSeq}-${within.lastSeq}`);
    if (previousSealTime !== undefined && nextSealTime !== undefined) {
      parts.push(`sealed after ${previousSealTime} and by ${nextSealTime}`);
    }
  }
  return parts.join(', ');
}

/** The findings by code, worst first: a year of daily restarts is one line, and never hides the one that matters. */
function findingLines(findings: readonly Finding[], more: Readonly<Record<string, number>>, level: Level): string[] {
  const byCode = new Map<string, Finding[]>();
  for (const finding of findings) byCode.set(finding.code, [...(byCode.get(finding.code) ?? []), finding]);
  const worst = (group: readonly Finding[]): number => Math.min(...group.map(({ severity }) => RANK[severity]));
  const groups = [...byCode.values()].sort((a, b) => worst(a) - worst(b));
  return groups.flatMap((group) => groupLines(group, more[group[0]?.code ?? ''] ?? 0, level));
}

function groupLines(group: readonly Finding[], more: number, level: Level): string[] {
  const total = group.length + more;
  const warnings = group.every(({ severity }) => severity === 'warning');
  const [first] = group;
  const last = group.at(-1);
  if (first === undefined || last === undefined) return [];
  // who erased what is always told
  if (level !== 'verbose' && warnings && total > 1 && first.code !== 'ERASED') {
    const from = first.seq === undefined ? '' : `, first at entry ${first.seq}`;
    const to = more > 0 || last.seq === undefined ? '' : `, last at entry ${last.seq}`;
    return [
      `  ${first.severity.padEnd(9)} ${first.code}: ${total} times${from}${to} (--verbose lists them); the first:`,
      `            ${first.message}`,
    ];
  }
  const shown = level === 'verbose' ? group : group.slice(0, SHOWN_PER_CODE);
  const lines = shown.flatMap((finding) => {
    const where = place(finding);
    const line = `  ${finding.severity.padEnd(9)} ${finding.code}: ${finding.message}`;
    return where === '' ? [line] : [line, `            at ${where}`];
  });
  if (total > shown.length) lines.push(`            and ${total - shown.length} more ${first.code}`);
  return lines;
}

function keyText(key: KeyReport): string {
  const { keyId, records, firstSeq, lastSeq, checkedBy, status } = key;
  const how = checkedBy.length === 0 ? 'not checked' : `checked by ${checkedBy.join(' and ')}`;
  return `  ${keyId}: entries ${firstSeq}-${lastSeq}, ${records}, ${how}, ${status}; ${keyTexts([key]).join('; ')}`;
}

/** Ranges of entries that were checked in different ways, each with who could have forged it. */
function forgers(stream: StreamReport): string[] {
  const groups = forgersOf(stream);
  const could = `${stream.verdict === 'tampered' ? 'what no finding names ' : ''}could have been forged`;
  if (groups.length === 1) return groups.map(({ brief }) => `  ${could} by ${brief}`);
  return [`  ${could}:`, ...groups.map(({ ranges, brief }) => `    entries ${rangesText(ranges, String)} by ${brief}`)];
}

/** What the verdict does not cover, though it may be ok. */
function caveats(stream: StreamReport): string[] {
  const { count, ranges } = takenOverUnchecked(stream);
  const { droppedLines } = stream;
  const lines: string[] = [];
  if (count > 0) {
    const were = count === 1 ? '1 entry was' : `${count} entries were`;
    lines.push(`  ${were} taken over by a restart and not checked by anyone: ${rangesText(ranges, String)}`);
  }
  const unproven = (stream.unproven ?? []).filter(({ firstSeq }) => firstSeq <= stream.provenSize);
  if (unproven.length > 0)
    lines.push(`  nothing proves entries ${rangesText(unproven, String)}: no checkpoint of them is here`);
  const erased = erasedClause(stream);
  if (erased !== undefined) lines.push(`  ${erased}`);
  if (droppedLines > 0) {
    lines.push(
      `  ${droppedLines === 1 ? '1 line was' : `${droppedLines} lines were`} lost by the writer (gap entries)`,
    );
  }
  return lines;
}

/** Nothing after the proven end passes as checked. */
function provenText({ firstSeq, lastSeq, provenSize }: StreamReport): string {
  if (provenSize >= lastSeq) return '';
  if (provenSize < firstSeq) return '; none of them is proven';
  return `; proven up to entry ${provenSize}, nothing is proven of what comes after it`;
}

function witnessLines({ witnessed }: StreamReport): string[] {
  if (witnessed === undefined) return [];
  const { required, grouped, size, witnesses } = witnessed;
  const enough = grouped === true ? 'enough' : required;
  return [
    `  cosigned up to entry ${size} by ${enough} of ${witnesses.length} witnesses`,
    ...witnesses.map(({ name, keyId, size: own, time }) => {
      const when = time === undefined ? '' : `, seen ${time}`;
      return `    ${name}+${keyId}: ${own === 0 ? 'no cosignature' : `entry ${own}${when}`}`;
    }),
  ];
}

/** The last ones say the most. */
function datedLines({ dated = [], verdict }: StreamReport): string[] {
  const but = verdict === 'tampered' ? ', but for what a finding names,' : '';
  return dated
    .slice(-SHOWN_PER_CODE)
    .map(
      ({ size, time, authority, validUntil }) =>
        `  entries up to ${size}${but} existed at ${time} (time stamp of ${authority}); its certificate is valid until ${validUntil}`,
    );
}

function shortened(keys: readonly string[]): readonly string[] {
  if (keys.length <= SHOWN_KEYS) return keys;
  return [...keys.slice(0, SHOWN_KEYS - 1), `and ${keys.length - SHOWN_KEYS + 1} more keys (--verbose lists them)`];
}

function recordsText(count: number): string {
  return count === 1 ? '1 record' : `${count} records`;
}

function streamLines(stream: StreamReport, level: Level): string[] {
  const { origin, verdict, firstSeq, lastSeq, records, endTime, end, continuedBy, keys } = stream;
  const name = origin === '' ? 'what belongs to no named stream' : origin;
  const lines = [`${headline(verdict, [stream])}  ${name}`];
  if (level === 'quiet') return lines;
  const cause = causeOf(stream);
  if (cause !== undefined && verdict !== 'ok') lines.push(`  ${cause}`);
  if (lastSeq > 0) {
    lines.push(...forgers(stream));
    const until = endTime === undefined ? '' : `, up to ${endTime}`;
    lines.push(
      `  entries ${firstSeq} to ${lastSeq}, ${recordsText(records)}${until}; ${continuedBy === undefined ? end : `continued by ${continuedBy}`}${provenText(stream)}`,
      ...caveats(stream),
    );
  }
  lines.push(...witnessLines(stream), ...datedLines(stream));
  if (level === 'verbose') lines.push(...keys.map(keyText));
  else lines.push(...shortened(keyTexts(keys)).map((text) => `  ${text}`));
  lines.push(...findingLines(stream.findings, stream.more, level));
  return lines;
}

/** Files in the directories given that are no logs. */
function ignoredLines({ files, more }: VerifyReport['ignored'], level: Level): string[] {
  const count = files.length + more;
  if (count === 0) return [];
  const shown = level === 'verbose' ? files : files.slice(0, SHOWN_PER_CODE);
  const rest = count - shown.length;
  return [
    `left out ${count} ${count === 1 ? 'file that is' : 'files that are'} not part of a log:`,
    ...shown.map(({ file, why }) => `  ${file} (${why})`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}

/** What a carrier's files held besides the log. */
function unwrappedLines({ unwrapped }: VerifyReport): string[] {
  if (unwrapped === undefined || unwrapped.beside === 0) return [];
  const { beside, carrier } = unwrapped;
  return [`left out ${beside} ${beside === 1 ? 'line' : 'lines'} of ${carrier} that are not standard output`];
}

/** What a topic holds besides the streams that were named. */
function topicLines({ topic }: VerifyReport): string[] {
  if (topic === undefined) return [];
  const { name, partitions, leftOut } = topic;
  const lines = partitions.flatMap(({ partition, first }) =>
    first === undefined
      ? []
      : [
          `partition ${partition} of ${name} begins at offset ${first}: a stream that was deleted before that leaves no trace`,
        ],
  );
  if (leftOut > 0) lines.push(`left out ${recordsText(leftOut)} of ${name} of streams that you did not name`);
  return lines;
}

/** The report as text, with a line feed at its end. */
export function verdictText(report: VerifyReport, level: Level): string {
  const isNameless = ({ origin }: StreamReport): number => Number(origin === '');
  const streams = [...report.streams].sort((one, other) => isNameless(one) - isNameless(other));
  const lines = streams.flatMap((stream) => streamLines(stream, level));
  if (streams.length !== 1) lines.push(`${headline(report.verdict, streams)}  ${streams.length} streams`);
  if (level !== 'quiet') {
    lines.push(...ignoredLines(report.ignored, level), ...unwrappedLines(report), ...topicLines(report));
    lines.push('This says nothing about what was logged after these entries, if anything.');
  }
  return `${lines.map(printable).join('\n')}\n`;
}

/** The keys of a report, each once, with where the auditor has it from: a key that nobody meant must not pass unseen. */
function keyTexts(periods: readonly KeyReport[]): string[] {
  const fingerprints = new Map<string, Set<string>>();
  const take = (what: string, key: DataKeyReport | SignerReport, checked: boolean): void => {
    const from = key.givenBy === undefined ? '' : `, from ${key.givenBy}`;
    const text = `${what} ${key.source} ${key.identity}${from}${checked ? '' : ' (not checked)'}`;
    const known = fingerprints.get(text) ?? new Set();
    if (key.fingerprint !== undefined && key.fingerprint !== key.identity) known.add(key.fingerprint);
    fingerprints.set(text, known);
  };
  for (const { dataKey, signers, checkedBy } of periods) {
    if (dataKey !== undefined) take('data key', dataKey, checkedBy.includes('mac'));
    for (const signer of signers) take('signer', signer, checkedBy.includes('signature'));
  }
  return [...fingerprints].map(([text, known]) => text + fingerprintText([...known]));
}

/** A data key has another fingerprint in each key period. */
function fingerprintText(known: readonly string[]): string {
  const [first] = known;
  if (first === undefined) return '';
  return known.length === 1
    ? `, fingerprint ${first}`
    : `, fingerprints ${first} to ${known.at(-1) ?? ''} (${known.length})`;
}
