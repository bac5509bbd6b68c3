import type { Finding, FindingCode } from './findings.ts';

/** What explains what: the first thing that is said of a log is the one that the others follow from. */

/** Undecided findings in the order in which they explain one another; all others stand between these and the last ones. */
const ORDER: readonly (readonly FindingCode[])[] = [
  // what was read is not what was written
  [
    'UNREADABLE',
    'NOT_SEALED',
    'RESERIALIZED',
    'ENCODING_CONVERTED',
    'LINE_ENDINGS_CONVERTED',
    'GZIP_TRAILING',
    'LIMIT',
    'UNSUPPORTED',
    'KEY_SERVICE',
  ],
  // a part is not here
  ['FILES_MISSING', 'START_UNPROVEN', 'TORN_TAIL'],
  // it could not be checked
  ['NO_KEY', 'WRONG_KEY', 'KEY_NOT_NAMED'],
];
const LAST: readonly (readonly FindingCode[])[] = [
  // who answers for a key period follows from what is signed and taken over
  ['UNVOUCHED'],
  // so does how far all of it is proven
  ['END_UNPROVEN', 'UNWITNESSED'],
];

function rankOf(code: FindingCode, isOpen: boolean): number {
  if (isOpen && code === 'END_UNPROVEN') return ORDER.length; // a log without its end has no signature for it either
  const isHere = (codes: readonly FindingCode[]): boolean => codes.includes(code);
  const at = ORDER.findIndex(isHere);
  return at >= 0 ? at : ORDER.length + 2 + LAST.findIndex(isHere);
}

/**
 * The findings as they are told. Those of `following` may be consequences: they are left out where something is found that
 * they can follow from: a change, a part that is not here, a key that is missing. Among the undecided ones the cause comes
 * before what follows from it; all others stay where they are. `isOpen`: the log is signed, and not closed.
 */
export function rootCauseFirst(
  findings: readonly Finding[],
  following: ReadonlySet<Finding>,
  isOpen: boolean,
): Finding[] {
  const rank = ({ code }: Finding): number => rankOf(code, isOpen);
  const isCause = (finding: Finding): boolean =>
    !following.has(finding) &&
    (finding.severity === 'tampered' || (finding.severity === 'undecided' && rank(finding) < ORDER.length));
  const told = findings.some(isCause) ? findings.filter((finding) => !following.has(finding)) : [...findings];
  const undecided = told
    .filter(({ severity }) => severity === 'undecided')
    .sort((one, other) => rank(one) - rank(other));
  // a checkpoint stands before what it covers because that is missing or was moved
  const tampered = told
    .filter(({ severity }) => severity === 'tampered')
    .sort((one, other) => Number(one.code === 'CHECKPOINT_EARLY') - Number(other.code === 'CHECKPOINT_EARLY'));
  const queues: Readonly<Partial<Record<Finding['severity'], Finding[]>>> = { undecided, tampered };
  return told.map((finding) => queues[finding.severity]?.shift() ?? finding);
}
