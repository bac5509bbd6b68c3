import type { FindingCode } from '../../verify/model/findings.ts';
import type { TakenOver } from '../../verify/model/taken-over.ts';
import type { KeyReport, StreamReport } from '../../verify/verdict/report.ts';

/** How the entries of a key period were checked: it decides who could have forged them. */
export type CheckedHow = 'both' | 'mac' | 'signature' | 'nothing';

/** The same of a range: what a restart took over was checked before it by the MACs alone, or by nobody. */
export type ForgedHow =
  | CheckedHow
  | 'mac behind a hole'
  | 'uncovered'
  | 'unwitnessed'
  | 'taken over with macs'
  | 'taken over';

/** Who could have forged which entries without being found. */
export interface Forgers {
  readonly how: ForgedHow;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** A sentence without its stop. */
  readonly who: string;
  /** The same in a few words. */
  readonly brief: string;
}

/** How a key period was checked. */
export function checkedHow({ checkedBy }: KeyReport): CheckedHow {
  const mac = checkedBy.includes('mac');
  if (checkedBy.includes('signature')) return mac ? 'both' : 'signature';
  return mac ? 'mac' : 'nothing';
}

const WHO: Readonly<Record<ForgedHow, Pick<Forgers, 'who' | 'brief'>>> = {
  both: {
    who: 'only someone who holds the data key and may also sign with the signing key; one of the two is not enough',
    brief: 'someone who both holds the data key and may sign with the signing key',
  },
  mac: {
    who: 'anyone who holds the data key, or may have the key service unwrap it: the writer, and every auditor who checks with it',
    brief: 'anyone who holds the data key, including the auditor',
  },
  signature: {
    who: 'anyone who may sign with the signing key; an auditor, who has only the public key, could not',
    brief: 'anyone who may sign with the signing key',
  },
  nothing: {
    who: 'anyone who could write to the files: no key of yours checks these entries',
    brief: 'anyone who could write to the files: no key of yours checks it',
  },
  'mac behind a hole': {
    who: 'anyone who holds the data key, and perhaps anyone who could write to the files: after a missing or changed seal, the MACs up to the next one could not be checked',
    brief:
      'anyone who holds the data key, and perhaps anyone who could write to the files: after a missing seal, MACs could not be checked',
  },
  uncovered: {
    who: 'perhaps anyone who could write to the files: no checkpoint that a key of yours signed proves these entries as they are here',
    brief:
      'anyone who could write to the files, as far as your keys show: no checkpoint that one of them signed proves it as it is here',
  },
  unwitnessed: {
    who: 'perhaps anyone who could write to the files: no checkpoint that the witnesses you asked for have cosigned covers these entries',
    brief:
      'anyone who could write to the files, as far as you can tell: no checkpoint with the cosignatures you asked for covers it',
  },
  'taken over with macs': {
    who: 'anyone who held the data key and could write to the files before the restart that took these entries over: the data key alone is enough, because nothing had signed them until then',
    brief:
      'anyone who holds the data key: it alone is enough, because nothing had signed them before a restart took them over',
  },
  'taken over': {
    who: 'anyone who could write to the files between the crash and the restart: nothing had signed these entries, and the restart took them over as it found them',
    brief: 'anyone who could write to the files between the crash and the restart, which took them over unchecked',
  },
};

/** Entries that a restart took over and nobody had checked: how many, and where. */
export function takenOverUnchecked({ takenOver = [] }: StreamReport): { count: number; ranges: readonly EntryRange[] } {
  const ranges = takenOver.filter(({ macChecked }) => !macChecked);
  return { count: ranges.reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0), ranges };
}

/** Entries from one to another, both included. */
export interface EntryRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** A group of people who could have forged ranges of a log; see {@link Forgers}. */
export interface ForgerGroup extends Omit<Forgers, keyof EntryRange> {
  readonly ranges: readonly EntryRange[];
}

/** Who could have forged a log: each group once, with its ranges, the one of the first range first. */
export function forgersOf(stream: StreamReport): ForgerGroup[] {
  const groups = new Map<ForgedHow, ForgerGroup & { ranges: EntryRange[] }>();
  for (const { how, who, brief, firstSeq, lastSeq } of whoCouldHaveForged(stream)) {
    const group = groups.get(how);
    if (group === undefined) groups.set(how, { how, who, brief, ranges: [{ firstSeq, lastSeq }] });
    else group.ranges.push({ firstSeq, lastSeq });
  }
  return [...groups.values()];
}

/** What may leave MACs unchecked up to the next seal: which step they are of is not known (spec M8.24). */
const HOLES: readonly FindingCode[] = [
  'ENTRIES_MISSING',
  'OUT_OF_ORDER',
  'CONTROL_MALFORMED',
  'KEY_ID_WRONG',
  'MODE_WRONG',
  'FINGERPRINT_ALTERED',
];

/** Where the first hole is; the largest number without one. */
function firstHole({ findings }: StreamReport): number {
  const holes = findings.filter(({ code }) => HOLES.includes(code));
  return Math.min(Number.MAX_SAFE_INTEGER, ...holes.map(({ seq = 1 }) => seq));
}

/**
 * Who could have forged a log, by range, other than what is found to be changed: neighbouring key periods that were checked
 * alike are one. A signature counts up to the proven end alone: nothing covers what comes after it; and for nothing that a
 * restart took over, whose signature is younger.
 */
export function whoCouldHaveForged(stream: StreamReport): Forgers[] {
  const { keys, firstSeq, lastSeq, provenSize, takenOver = [], unproven: notProven = [], witnessed } = stream;
  const hole = Math.max(firstHole(stream), provenSize + 1);
  const ranges: Forgers[] = [];
  const add = (how: ForgedHow, from: number, to: number): void => {
    const last = ranges.at(-1);
    if (to < from) return;
    if (last?.how === how) ranges.splice(-1, 1, { ...last, lastSeq: Math.max(last.lastSeq, to) });
    else ranges.push({ how, firstSeq: from, lastSeq: to, ...WHO[how] });
  };
  const unproven = witnessed !== undefined ? 'unwitnessed' : 'uncovered';
  const withoutMacs = notProven.filter(({ macChecked }) => !macChecked);
  const addMac = (from: number, to: number): void => {
    for (const [begin, end, isWithout] of divided(from, to, withoutMacs)) {
      if (isWithout) add(unproven, begin, end);
      else {
        add('mac', begin, Math.min(end, hole - 1));
        add('mac behind a hole', Math.max(begin, hole), end);
      }
    }
  };
  const unsigned = [...unsignedRanges(stream), ...notProven].sort((a, b) => a.firstSeq - b.firstSeq);
  // a signature may cover what comes after entries that it does not answer for
  const addSigned = (how: 'both' | 'signature', from: number, to: number): void => {
    for (const [begin, end, isUnsigned] of divided(from, to, unsigned)) {
      if (!isUnsigned) add(how, begin, end);
      else if (how === 'both') addMac(begin, end);
      else add(unproven, begin, end);
    }
  };
  let covered = firstSeq - 1;
  const told = new Map<string, number>();
  for (const key of keys) {
    const how = checkedHow(key);
    // behind a hole its key period is there once more
    const from = Math.max(key.firstSeq, firstSeq, (told.get(key.keyId) ?? 0) + 1);
    told.set(key.keyId, key.lastSeq);
    if (key.lastSeq < from) continue; // it never came into force
    // entries whose key period is not known: what began it is missing or malformed
    if (covered > 0) add(unproven, covered + 1, from - 1);
    covered = Math.max(covered, key.lastSeq);
    if (how === 'mac') {
      addMac(from, key.lastSeq);
      continue;
    }
    if (how === 'nothing') {
      // its signature may be there
      add(key.signers.some(({ givenBy }) => givenBy !== undefined) ? unproven : how, from, key.lastSeq);
      continue;
    }
    const to = Math.min(key.lastSeq, provenSize);
    for (const [begin, end, isTaken] of divided(from, to, takenOverWithin({ takenOver }, from, to))) {
      if (isTaken) add(how === 'both' ? 'taken over with macs' : 'taken over', begin, end);
      else addSigned(how, begin, end);
    }
    const rest = Math.max(from, provenSize + 1);
    if (how === 'both') addMac(rest, key.lastSeq);
    else add(unproven, rest, key.lastSeq);
  }
  if (ranges.length > 0) add(unproven, covered + 1, lastSeq);
  return ranges.length > 0 ? ranges : [{ how: 'nothing', firstSeq, lastSeq, ...WHO.nothing }];
}

/** These entries in parts, each inside one of the ranges or outside of all. The ranges are in the order in which they begin. */
export function* divided(from: number, to: number, ranges: Iterable<EntryRange>): Generator<[number, number, boolean]> {
  let next = from;
  for (const { firstSeq, lastSeq } of ranges) {
    if (lastSeq < next || firstSeq > to) continue;
    if (next < firstSeq) yield [next, firstSeq - 1, false];
    const last = Math.min(lastSeq, to);
    yield [Math.max(firstSeq, next), last, true];
    next = last + 1;
  }
  if (next <= to) yield [next, to, false];
}

/** Entries that no signature covers, although later ones are proven by MACs; all after the last that is named, if more are not. */
function unsignedRanges({ findings, more }: StreamReport): EntryRange[] {
  const ranges = findings.flatMap(({ code, seq, lastSeq = seq }) =>
    code === 'UNSIGNED' && seq !== undefined && lastSeq !== undefined ? [{ firstSeq: seq, lastSeq }] : [],
  );
  const last = ranges.at(-1);
  const hasMore = (more['UNSIGNED'] ?? 0) > 0;
  return last === undefined || !hasMore
    ? ranges
    : [...ranges.slice(0, -1), { ...last, lastSeq: Number.MAX_SAFE_INTEGER }];
}

/** What restarts took over of these entries. The ranges are in order, and may be very many. */
function* takenOverWithin(
  { takenOver = [] }: Pick<StreamReport, 'takenOver'>,
  firstSeq: number,
  lastSeq: number,
): Generator<TakenOver> {
  let [low, high] = [0, takenOver.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((takenOver[middle] as TakenOver).lastSeq < firstSeq) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < takenOver.length; at++) {
    const taken = takenOver[at] as TakenOver;
    if (taken.firstSeq > lastSeq) return;
    yield taken;
  }
}

/** Which of these entries of a key period are not checked, although later ones are proven; in order. */
export function uncheckedWithin(
  { takenOver, unproven = [] }: StreamReport,
  how: ReturnType<typeof checkedHow>,
  firstSeq: number,
  lastSeq: number,
): EntryRange[] {
  const isSigned = how === 'signature';
  const taken = isSigned && takenOver !== undefined ? takenOverWithin({ takenOver }, firstSeq, lastSeq) : [];
  const holes = unproven.filter(
    (one) => (isSigned || !one.macChecked) && one.lastSeq >= firstSeq && one.firstSeq <= lastSeq,
  );
  return [...taken, ...holes].sort((a, b) => a.firstSeq - b.firstSeq);
}

const LOCAL_SOURCES: readonly string[] = ['env', 'file'];

const HOST = {
  local: 'held the keys and could have rewritten the log; only a checkpoint kept elsewhere would show it',
  service:
    'could not alter what was sealed before that, but could have begun the log anew; only a checkpoint kept elsewhere would show it',
  signing:
    'could have had everything after the last checkpoint kept elsewhere (an anchor, a pin, a file of known checkpoints) signed again',
} as const;

/** What whoever controlled the host of the writer could do: each the end of a sentence without its stop. */
export function hostCould({ keys }: StreamReport): string[] {
  const could = new Set(keys.flatMap((key) => hostCase(key) ?? []));
  return [...could].map((one) => HOST[one]);
}

/** The keys that lie on the host are known to whoever controls it; a key service does for them what it does for the writer. */
function hostCase(key: KeyReport): keyof typeof HOST | undefined {
  const how = checkedHow(key);
  const macLocal = LOCAL_SOURCES.includes(key.dataKey?.source ?? '');
  const signLocal = key.signers.length > 0 && key.signers.every(({ source }) => LOCAL_SOURCES.includes(source));
  if (how === 'nothing') return undefined;
  if (how === 'mac') return macLocal ? 'local' : 'service';
  if (how === 'both' && !macLocal) return 'service';
  return signLocal ? 'local' : 'signing';
}
