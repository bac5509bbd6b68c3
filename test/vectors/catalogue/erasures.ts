import { erase, SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey, thirdEdKey } from '../keys.ts';
import { macKeys, signKeys } from '../logs.ts';
import { cutAfter, edit } from '../spoil.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';
import { commitAt, erasure, salted } from './salts.ts';

/** Erased records beside what erasure logs record (spec/erasure.md). Entries as in salts.ts: 3-7 records, 9 and 10 a long line, 11 close. */

type Erasure = ReturnType<typeof erasure>;

const signed = (): SealedLog => salted(signKeys);
const mac = (): SealedLog => salted(macKeys);

/** The erasures of these records of a log. */
const recordedOf = (log: SealedLog, ...seqs: number[]): Erasure[] =>
  seqs.map((seq) => erasure(seq, commitAt(log, seq)));

/** What erasure logs say that are whole. */
const whole = (...recorded: Erasure[]): Further => ({ erasures: { recorded, whole: true } });

/** A signed log in which these are erased. */
const erased = (...seqs: number[]): SealedLog => erase(signed(), ...seqs);

function signedBy(further: Further): ReturnType<typeof brings> {
  return brings(signed(), { named: [edKey] }, further);
}

const OTHER = 'audit.example.com/vectors/b';

function recordedCases(): VectorCase[] {
  const all = recordedOf(signed(), 3, 9);
  const [three] = recordedOf(signed(), 3) as [Erasure];
  const other = erasure(3, commitAt(signed(), 4));
  return [
    vector(
      'valid-erased',
      'a record and a part of a long line are erased, and an erasure log records both',
      erased(3, 9),
      signedBy(whole(...all)),
      0,
      'ERASED 3',
      'ERASED 9',
    ),
    vector(
      'valid-erased-mac',
      'the same in a key period of MACs, with its data key',
      erase(mac(), 3, 9),
      brings(mac(), { data: [dataKey] }, whole(...recordedOf(mac(), 3, 9))),
      0,
      'ERASED 3',
      'ERASED 9',
      'FIRST_RUN_TRUSTS_KEY 1',
    ),
    vector(
      'valid-erased-all',
      'every record is erased',
      erased(3, 4, 5, 6, 7, 9, 10),
      signedBy({ ...whole(...recordedOf(signed(), 3, 4, 5, 6, 7, 9, 10)), accept: { erased: 7 } }),
      0,
      'ERASED 3',
      'ERASED 4',
      'ERASED 5',
      'ERASED 6',
      'ERASED 7',
      'ERASED 9',
      'ERASED 10',
    ),
    vector(
      'erased-above-limit',
      'the policy accepts fewer erased records than there are',
      erased(3, 9),
      signedBy({ ...whole(...all), accept: { erased: 1 } }),
      2,
      'ERASED 3',
      'ERASED 9',
    ),
    vector(
      'valid-erased-not-whole',
      'what an erasure log records counts below its proven end, whatever is unknown behind it',
      erased(3),
      signedBy({ erasures: { recorded: [three], whole: false } }),
      0,
      'ERASED 3',
    ),
    vector(
      'valid-erased-twice-recorded',
      'the same erasure is recorded twice',
      erased(3),
      signedBy(whole(three, { ...three, reason: 'once more' })),
      0,
      'ERASED 3',
    ),
    vector(
      'erased-unrecorded',
      'a record was erased by somebody without the key of the erasure log',
      erased(3, 9),
      signedBy(whole(three)),
      1,
      'ERASED 3',
      'ERASED_UNRECORDED 9',
    ),
    vector(
      'erased-unrecorded-mac',
      'the same, by MACs',
      erase(mac(), 4),
      brings(mac(), { data: [dataKey] }, whole()),
      1,
      'ERASED_UNRECORDED 4',
      'FIRST_RUN_TRUSTS_KEY 1',
    ),
    vector(
      'erased-not-whole',
      'the same, and the erasure log may record more than is known',
      erased(3, 9),
      signedBy({ erasures: { recorded: [three], whole: false } }),
      2,
      'ERASED 3',
      'ERASED_UNPROVEN 9',
    ),
    vector(
      'erased-recorded-elsewhere',
      'an erasure is recorded of a record of another stream with the same seq and commitment',
      erased(3),
      signedBy(whole({ ...three, erased: { ...three.erased, origin: OTHER } })),
      1,
      'ERASED_UNRECORDED 3',
    ),
    vector(
      'erased-recorded-otherwise',
      'at the seq of an erased record the erasure of another record is recorded',
      erased(3),
      signedBy(whole(other)),
      1,
      'ERASED_UNRECORDED 3',
      'ERASURE_DIFFERS 3',
    ),
    vector(
      'erased-recorded-beside',
      'two erasures are recorded at one seq, and one of them is that of the erased record',
      erased(3),
      signedBy(whole(other, three)),
      2,
      'ERASED 3',
      'ERASURE_DIFFERS 3',
    ),
    vector(
      'erased-live-tail',
      'a record behind the proven end of a log that is still written is erased, and nothing records it',
      erase(tail(), 9),
      brings(tail(), { named: [edKey] }, { ...live, ...whole() }),
      1,
      'ERASED_UNRECORDED 9',
      'UNSEALED_TAIL 9-10',
    ),
  ];
}

const live: Further = { live: true, now: '2026-11-24T23:01:00.000Z' };

/** A log that is still written: two records stand behind its last seal. */
function tail(): SealedLog {
  const log = new SealedLog()
    .open({ ...signKeys, salted: true })
    .seal()
    .checkpoint();
  log.record('{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}', '{"n":5}').seal().checkpoint();
  return log.record('{"n":6}', '{"n":7}');
}

function contentCases(): VectorCase[] {
  const [three] = recordedOf(signed(), 3) as [Erasure];
  const other = erasure(3, commitAt(signed(), 4));
  const away = { origin: new SealedLog().origin };
  return [
    vector(
      'not-erased',
      'a record is here that an erasure log says was erased: it was put back, or is not erased yet',
      signed(),
      signedBy(whole(three)),
      2,
      'NOT_ERASED 3',
    ),
    vector(
      'not-erased-part',
      'one part of a long line was erased, and the other one was not, though both are recorded',
      erased(10),
      signedBy(whole(...recordedOf(signed(), 9, 10))),
      2,
      'ERASED 10',
      'NOT_ERASED 9',
    ),
    vector(
      'not-erased-mac',
      'a record was put back in a key period of MACs',
      mac(),
      brings(mac(), { data: [dataKey] }, whole(...recordedOf(mac(), 4))),
      2,
      'FIRST_RUN_TRUSTS_KEY 1',
      'NOT_ERASED 4',
    ),
    vector(
      'erasure-differs',
      'an erasure is recorded of another record than the one that stands at its seq',
      signed(),
      signedBy(whole(other)),
      2,
      'ERASURE_DIFFERS 3',
    ),
    vector(
      'erasure-differs-control',
      'erasures are recorded of an open, of a seal and of a close, which nobody can erase',
      signed(),
      signedBy(
        whole(erasure(1, three.erased.commit), erasure(2, three.erased.commit), erasure(11, three.erased.commit)),
      ),
      2,
      'ERASURE_DIFFERS 1',
      'ERASURE_DIFFERS 2',
      'ERASURE_DIFFERS 11',
    ),
    vector(
      'erasure-differs-above',
      'an erasure is recorded of an entry above the end of a log that has ended',
      signed(),
      signedBy(whole(erasure(12, three.erased.commit))),
      2,
      'ERASURE_DIFFERS 12',
    ),
    vector(
      'erasure-differs-unsalted',
      'an erasure is recorded of a record without a salt',
      unsalted(),
      brings(unsalted(), { named: [edKey] }, whole(three)),
      2,
      'ERASURE_DIFFERS 3',
    ),
    vector(
      'valid-erasure-elsewhere',
      'erasures of another stream say nothing of this one',
      signed(),
      signedBy(whole(erasure(3, commitAt(signed(), 4), OTHER), erasure(99, three.erased.commit, OTHER))),
      0,
    ),
    vector(
      'valid-erasure-above-live',
      'an erasure is recorded above the end of a log that is still written: the copy may be older',
      tail(),
      brings(tail(), { named: [edKey] }, { ...live, ...whole(erasure(20, three.erased.commit, away.origin)) }),
      0,
      'UNSEALED_TAIL 9-10',
    ),
  ];
}

const unsalted = (): SealedLog =>
  new SealedLog().open(signKeys).seal().checkpoint().record('{"a":1}', '{"a":2}').close().checkpoint();

/** A shipped copy that has two records more than its host had after a crash (M8.26). Entries: 3-4 records, 5 seal, 6-7 records, abandoned; 6 open. */
function abandoned(keys: object): { log: SealedLog; before: SealedLog } {
  const host = new SealedLog()
    .open({ ...keys, salted: true })
    .seal()
    .checkpoint()
    .record('{"n":1}', '{"n":2}')
    .seal()
    .checkpoint();
  const ahead = host.fork().record('{"n":3}', '{"n":4}');
  host
    .open({ ...keys, salted: true })
    .seal()
    .checkpoint()
    .record('{"n":5}')
    .close()
    .checkpoint();
  const shared = ahead.lines.length - 2;
  host.lines.splice(shared, 0, ...ahead.lines.slice(shared));
  return { log: host, before: ahead };
}

/** A crash between two seals: the next run adopts records 6 and 7. */
function adopted(): SealedLog {
  const log = new SealedLog()
    .open({ ...signKeys, salted: true })
    .seal()
    .checkpoint();
  log.record('{"n":1}', '{"n":2}').seal().checkpoint().record('{"n":3}', '{"n":4}');
  return log
    .open({ ...signKeys, salted: true })
    .seal()
    .checkpoint()
    .record('{"n":5}')
    .close()
    .checkpoint();
}

function rangeCases(): VectorCase[] {
  const { log, before } = abandoned(macKeys);
  const own = recordedOf(before, 6, 7);
  const gone = abandoned(macKeys);
  const keys = brings(log, { data: [dataKey, dataKey] });
  const restart = ['FIRST_RUN_TRUSTS_KEY 1', 'RESTART 6', 'RESTART_TRUSTS_KEY 6', 'ABANDONED 6-7'];
  erase(gone.log, 6, 7);
  const eight = adopted();
  const signers = (further: Further) => brings(eight, { named: [edKey] }, { accept: { adopted: 2 }, ...further });
  return [
    vector(
      'erased-abandoned',
      'records that were abandoned after a crash are erased, and nothing records it',
      gone.log,
      { ...keys, ...whole() },
      1,
      ...restart,
      'ERASED_UNRECORDED 6',
      'ERASED_UNRECORDED 7',
    ),
    vector(
      'erased-abandoned-recorded',
      'the same, and their erasure is recorded: at their places stand other entries now',
      gone.log,
      { ...keys, ...whole(...own) },
      2,
      ...restart,
      'ERASED 6',
      'ERASED 7',
      'ERASURE_DIFFERS 6',
      'ERASURE_DIFFERS 7',
    ),
    vector(
      'not-erased-abandoned',
      'an abandoned record is here, and its erasure is recorded',
      log,
      { ...keys, ...whole(...own.slice(0, 1)) },
      2,
      ...restart,
      'NOT_ERASED 6',
      'ERASURE_DIFFERS 6',
    ),
    vector(
      'valid-erased-adopted',
      'records in a range that a restart adopted are erased, and recorded',
      erase(adopted(), 6, 7),
      signers(whole(...recordedOf(eight, 6, 7))),
      0,
      'ERASED 6',
      'ERASED 7',
      'RESTART 8',
    ),
    vector(
      'erased-adopted',
      'the same, and one of them is not recorded',
      erase(adopted(), 6, 7),
      signers(whole(...recordedOf(eight, 6))),
      1,
      'ERASED 6',
      'ERASED_UNRECORDED 7',
      'RESTART 8',
    ),
  ];
}

/** An erasure log, with lines of any form. */
function erasureLog(...lines: string[]): SealedLog {
  const log = new SealedLog('audit.example.com/vectors/erasures').open({ signers: [thirdEdKey], salted: true });
  return log
    .seal()
    .checkpoint()
    .record(...lines)
    .close()
    .checkpoint();
}

function logCases(): VectorCase[] {
  const three = erasure(3, commitAt(signed(), 3));
  const right = JSON.stringify(three);
  const auditor = brings(erasureLog(), { named: [thirdEdKey] }, { erasure_log: true });
  const spelled = right.replace('"seq":3', '"seq":3.0');
  const { erased: named, ...rest } = three;
  const order = JSON.stringify({ ...rest, erased: named });
  const more = `${right.slice(0, -1)},"note":"x"}`;
  const wrong: [string, string][] = [
    ['of-another-form', '{"level":30,"msg":"hello"}'],
    ['spelled', spelled],
    ['order', order],
    ['more', more],
    ['twice', `${right.slice(0, -1)},"storage":"in-place"}`],
    ['space', right.replace(',"reason"', ', "reason"')],
    ['seq-zero', right.replace('"seq":3', '"seq":0')],
    ['commit', right.replace(three.erased.commit, `${three.erased.commit.slice(0, -1)}B`)],
    ['time', right.replace('.000Z', 'Z')],
    ['reason', right.replace('request 4711', '')],
    ['long-reason', right.replace('request 4711', 'x'.repeat(1001))],
    ['hex', right.replace('f0f0', 'F0F0')],
    ['storage', right.replace('in-place', 'gone')],
    ['text', `${right} `],
  ];
  const differing = wrong.map(([name, line]) =>
    vector(
      name === 'of-another-form' ? 'erasure-malformed' : `erasure-malformed-${name}`,
      `an erasure log holds a line that is no record of an erasure (${name}) beside one that is`,
      erasureLog(right, line),
      auditor,
      2,
      'ERASURE_MALFORMED 4',
    ),
  );
  const held = erasureLog(right, JSON.stringify({ ...three, storage: 'not-in-place' }));
  const wide = JSON.stringify({ ...three, who: '\u{1f600}'.repeat(500), reason: '\ud800"\\\u2028' });
  return [
    ...differing,
    vector('valid-erasure-log', 'an erasure log; what is recorded twice says nothing new', held, auditor, 0),
    vector(
      'valid-erasure-log-letters',
      'a name of 1,000 characters, as a string has them, and half a surrogate pair',
      erasureLog(wide),
      auditor,
      0,
    ),
    vector(
      'erasures-erased',
      'a record of an erasure log was erased',
      erase(erasureLog(right, right), 3),
      auditor,
      1,
      'ERASURES_ERASED 3',
    ),
    vector(
      'erasures-erased-recorded',
      'the same, and another erasure log seems to record it',
      erase(erasureLog(right, right), 3),
      { ...auditor, ...whole(erasure(3, commitAt(erasureLog(right, right), 3), held.origin)) },
      1,
      'ERASURES_ERASED 3',
    ),
    vector(
      'erasure-log-cut',
      'an erasure log that was cut off is not whole',
      cutAfter(erasureLog(right, right), 3),
      auditor,
      2,
      'END_UNPROVEN 3',
    ),
    vector(
      'erasure-log-altered',
      'a record of an erasure log was changed',
      edit(erasureLog(right, right), 3, '"seq":3', '"seq":4'),
      auditor,
      1,
      'CHECKSUM_WRONG 3',
    ),
  ];
}

const bytesOf = (log: SealedLog): Buffer => log.toFiles()[0]?.bytes ?? Buffer.alloc(0);

/** Two files that begin with one entry. */
const beside = (backup: Buffer, log: Buffer): VectorCase['files'] => [
  { name: 'log.backup.jsonl', bytes: backup },
  { name: 'log.jsonl', bytes: log },
];

/** An erased and an unerased copy are one log (M8.2). */
function copyCases(): VectorCase[] {
  const full = bytesOf(signed());
  const gone = bytesOf(erased(3, 9));
  const half = (log: SealedLog): Buffer => bytesOf(cutAfter(log, 8, false));
  const both = whole(...recordedOf(signed(), 3, 9));
  const made = edit(erased(3), 3, commitAt(signed(), 3), commitAt(signed(), 4));
  const plain = unsalted();
  const withCommit = edit(
    edit(unsalted(), 3, '{"a":1,', '{'),
    3,
    ',"key_id"',
    `,"commit":"${commitAt(plain, 3)}","key_id"`,
  );
  const crlf = Buffer.from(full.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
  return [
    vector(
      'valid-copy-erased',
      'an erased and an unerased copy, and no erasure log is named: the content is there',
      beside(gone, full),
      signedBy({}),
      0,
      'EARLIER_COPY 1',
    ),
    vector(
      'copy-not-erased',
      'the same, and the erasures are recorded: a copy still has the content',
      beside(full, gone),
      signedBy(both),
      2,
      'EARLIER_COPY 1',
      'NOT_ERASED 3',
      'NOT_ERASED 9',
    ),
    vector(
      'valid-copy-erased-more',
      'of two copies less is erased in one, and that is recorded',
      beside(gone, bytesOf(erased(3))),
      signedBy(whole(...recordedOf(signed(), 3))),
      0,
      'EARLIER_COPY 1',
      'ERASED 3',
    ),
    vector(
      'copy-erased-apart',
      'of two copies one record is erased in each, another one',
      beside(bytesOf(erased(3)), bytesOf(erased(9))),
      signedBy(both),
      2,
      'NOT_ERASED',
      'ERASED 3',
      'NOT_ERASED 9',
    ),
    vector(
      'copy-erased-backup',
      'a backup from before the erasure, when the log was shorter',
      beside(half(signed()), gone),
      signedBy(both),
      2,
      'NOT_ERASED',
      'ERASED 3',
      'ERASED 9',
    ),
    vector(
      'valid-copy-erased-half',
      'the beginning of the log, with a record erased, beside all of it',
      beside(half(erased(3)), full),
      signedBy({}),
      0,
      'EARLIER_COPY 1',
    ),
    vector(
      'copy-erased-torn',
      'a backup from before the erasure that ends inside a line',
      beside(full.subarray(0, full.length / 2), gone),
      signedBy(both),
      2,
      'NOT_ERASED',
      'ERASED 3',
      'ERASED 9',
    ),
    vector(
      'copy-erased-crlf',
      'of an erased and an unerased copy the line endings of the latter were converted',
      beside(crlf, gone),
      signedBy({}),
      2,
      'EARLIER_COPY 1',
      'LINE_ENDINGS_CONVERTED',
    ),
    vector(
      'copy-erased-fork',
      'an erased copy in which another record was changed',
      beside(full, bytesOf(edit(erased(3), 4, '{ ', '{  '))),
      signedBy({}),
      1,
      'FORK 1',
    ),
    vector(
      'copy-erased-otherwise',
      'an erased copy with the commitment of another record',
      beside(full, bytesOf(made)),
      signedBy({}),
      1,
      'FORK 1',
    ),
    vector(
      'copy-erased-unsalted',
      'a copy in which a record without a salt seems to be erased',
      beside(bytesOf(plain), bytesOf(withCommit)),
      brings(plain, { named: [edKey] }),
      1,
      'FORK 1',
    ),
  ];
}

export function erasureCases(): VectorCase[] {
  return [...recordedCases(), ...contentCases(), ...rangeCases(), ...logCases(), ...copyCases()];
}
