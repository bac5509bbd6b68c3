import type { Finding } from '../../verify/model/findings.ts';
import type { StreamReport, Verdict, VerifyReport } from '../../verify/verdict/report.ts';
import { FINDING_WORDS } from './finding-words.ts';

/** The verdict in one sentence, for whoever signs it off. */
export function verdictSentence({ streams, verdict }: VerifyReport): string {
  const [only] = streams;
  if (only === undefined) return 'There was no log to check.';
  if (streams.length === 1) return streamSentence(only);
  const of = (one: Verdict): number => streams.filter((stream) => stream.verdict === one).length;
  const counts: readonly (readonly [number, string])[] = [
    [of('tampered'), 'not as sealed'],
    [of('undecided'), 'undecided'],
    [of('ok'), 'as sealed'],
  ];
  const parts = counts.flatMap(([count, what]) => (count > 0 ? [`${grouped(count)} ${what}`] : []));
  return verdict === 'ok'
    ? `All ${grouped(streams.length)} logs are as they were sealed.`
    : `Of ${grouped(streams.length)} logs: ${parts.join(', ')}.`;
}

/** The same of one log. */
export function streamSentence(stream: StreamReport): string {
  const { verdict, origin, findings } = stream;
  const name = origin === '' ? 'files that belong to no named log' : `the log ${origin}`;
  if (verdict === 'ok') {
    return `${capital(name)} is as it was sealed: ${provenText(stream)} checked, and none is missing, changed, added or out of order.`;
  }
  const reasons = findings.filter(({ severity }) => severity === verdict);
  const [first] = reasons;
  const rest = new Set(reasons.map(({ code }) => code)).size - 1;
  const more = rest > 0 ? `, and ${rest} more ${rest === 1 ? 'finding' : 'kinds of finding'}` : '';
  if (verdict === 'tampered') {
    return `${capital(name)} is not as it was sealed: ${reason(first)}${more}.`;
  }
  if (first === undefined) return `${capital(name)} has warnings, and you asked that warnings count.`;
  return `It cannot be decided whether ${name} is as it was sealed: ${reason(first)}${more}.`;
}

function reason(finding: Finding | undefined): string {
  if (finding === undefined) return 'see the findings';
  const { title } = FINDING_WORDS[finding.code];
  const where = entriesOf(finding);
  return where === '' ? title : `${title} (${where})`;
}

/** The entries that a finding is about, `entry 7` or `within entries 6 to 8`; empty where it names none. */
export function entriesOf({ seq, lastSeq, within }: Finding): string {
  if (within !== undefined && within.firstSeq !== within.lastSeq) {
    return `within entries ${grouped(within.firstSeq)} to ${grouped(within.lastSeq)}`;
  }
  if (seq === undefined) return '';
  return lastSeq === undefined || lastSeq === seq
    ? `entry ${grouped(seq)}`
    : `entries ${grouped(seq)} to ${grouped(lastSeq)}`;
}

/** What of a log that is ok was proven, as the subject of a sentence up to its verb. */
function provenText({ firstSeq, lastSeq, provenSize }: StreamReport): string {
  const last = Math.min(provenSize, lastSeq);
  const count = Math.max(last - firstSeq + 1, 0);
  if (count === 1) return 'its one entry was';
  const whole = firstSeq === 1 && last === lastSeq;
  return whole ? `all its ${grouped(count)} entries were` : `its entries ${grouped(firstSeq)} to ${grouped(last)} were`;
}

/** What a verdict means, and what it does not: each one sentence. */
export const VERDICT_MEANING: Readonly<
  Record<Verdict, { readonly yes: readonly string[]; readonly no: readonly string[] }>
> = {
  ok: {
    yes: [
      'Every entry is here, in its order, byte for byte as the writer sealed it, and was checked with keys that you named.',
      'Whoever changed, removed, inserted or reordered an entry would have needed the keys that are named below.',
    ],
    no: [
      'It does not show that what the application wrote is true, or that it wrote everything.',
      'It does not show what came after the last entry.',
      'Times are those of the clock of the writer.',
    ],
  },
  tampered: {
    yes: [
      'The files are not what was sealed. At least one thing contradicts the seals, and this report says what and where.',
      'Entries up to the one that is proven, other than those that a finding names, are as they were sealed.',
    ],
    no: [
      'It does not show who did it, or why: damage of a disk, or a tool that rewrites lines, can look the same as intent.',
      'It does not show what the entries said before, unless another copy exists.',
      'It does not show what came after the last entry.',
    ],
  },
  undecided: {
    yes: [
      'Something that is needed to decide is missing: a key, a file, a signature, an end. The findings say what.',
      'Once it is there, the check can be made again and may then be ok, or not.',
    ],
    no: [
      'It is not an accusation: nothing here contradicts the seals.',
      'It is not an ok either: what was not checked may have been changed.',
      'It does not show what came after the last entry.',
    ],
  },
};

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A number with its thousands apart. */
export function grouped(number: number): string {
  return number.toString().replaceAll(/\B(?=(\d{3})+$)/g, '\u202f');
}
