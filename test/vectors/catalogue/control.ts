import type { SealedLog } from '../../support/sealed-log.ts';
import { SealedLog as Log } from '../../support/sealed-log.ts';
import { dataKey, edKey } from '../keys.ts';
import { bothLog, macBody, macKeys, macLog, signedLog, signKeys } from '../logs.ts';
import { drop } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** Control entries of a writer that has the key and does not keep to the format. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';

function mac(name: string, about: string, log: SealedLog, verdict: 1 | 2, ...findings: string[]): VectorCase {
  return vector(name, about, log, brings(log, { data: [dataKey, dataKey] }), verdict, first, ...findings);
}

function reopened(log: SealedLog, says: Parameters<SealedLog['open']>[1]): SealedLog {
  return log
    .open(macKeys, { why: 'resumed', ...says })
    .seal()
    .checkpoint()
    .close()
    .checkpoint();
}

const restart = ['RESTART 15', 'RESTART_TRUSTS_KEY 15'];

function malformedSeal(): SealedLog {
  const log = macBody();
  log.controlText('seal', '"step":2,"time":"2026-11-24T23:00:04.000Z","records":5,"dropped":0, ').endStep();
  return log.close('shutdown', { records: 10 }).checkpoint();
}

/** A seal as it should be, and after what would be its end its last members again: a JSON reader takes those. */
function twiceSaid(): SealedLog {
  const log = macBody();
  const counts = '"records":5,"dropped":0,';
  const whole = `"step":2,"time":"2026-11-24T23:00:04.000Z",${counts}"key_id":"${log.kid}","mac":"",${counts}`;
  log.controlText('seal', whole).endStep();
  return log.close('shutdown', { records: 10 }).checkpoint();
}

function openWithoutOpen(): SealedLog {
  const log = new Log().open(macKeys);
  const fresh = log.fork();
  log.lines = [];
  const start = new Log();
  start.epoch = fresh.epoch;
  return start.record('no open at all').seal().checkpoint().close('shutdown', { records: 1 }).checkpoint();
}

function sealsOf(log: SealedLog): SealedLog {
  return log.checkpoint().close().checkpoint();
}

function afterClose(): SealedLog {
  return macLog().record('after the close').close().checkpoint();
}

function noSeal(): SealedLog {
  return new Log().open(macKeys).record('no seal after the open').seal().checkpoint().close().checkpoint();
}

function noSealAfterKey(): SealedLog {
  return macBody().key(macKeys).record('no seal after the key entry').seal().checkpoint().close().checkpoint();
}

function restartInHash(): VectorCase {
  const log = macLog().open(signKeys, { why: 'resumed' }).seal().checkpoint().close().checkpoint();
  const auditor = brings(log, { data: [dataKey], named: [edKey] });
  const about = 'a restart gives up the MACs';
  return vector('mode-change', about, log, auditor, 1, 'MODE_CHANGE 15', 'RESTART 15');
}

function restartUnsigned(): VectorCase {
  const log = bothLog().open(macKeys, { why: 'resumed' }).seal().checkpoint().close().checkpoint();
  const auditor = brings(log, { data: [dataKey, dataKey], named: [edKey] });
  const about = 'a restart gives up the signer';
  return vector('mode-change-signer', about, log, auditor, 1, 'MODE_CHANGE 15', 'RESTART 15', 'RESTART_TRUSTS_KEY 15');
}

function wrongFrontier(): SealedLog {
  return reopened(macLog(), { frontier: [...macLog().tree.subtrees].reverse() });
}

function otherOrigin(): SealedLog {
  return new Log()
    .open(macKeys, { origin: 'audit.example.com/vectors/b' })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
}

function unsupportedKind(): SealedLog {
  const log = macBody().controlText('note', '"text":"of a later version",');
  return log.seal().checkpoint().close().checkpoint();
}

function unsupportedMember(): SealedLog {
  const log = macBody();
  log.controlText('seal', '"step":2,"time":"2026-11-24T23:00:04.000Z","records":5,"dropped":0,"spare":1,').endStep();
  return log.checkpoint().close('shutdown', { records: 10 }).checkpoint();
}

function laterFormat(): SealedLog {
  return new Log()
    .open(macKeys, { format: 2 as 1 })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
}

function slow(): SealedLog {
  const log = macBody();
  log.clock += 600_000;
  return log.seal().checkpoint().close().checkpoint();
}

function clockBack(): VectorCase {
  const log = macBody().seal({ time: '2026-11-24T22:00:00.000Z' });
  log.checkpoint().close('shutdown', { time: '2026-11-24T22:00:01.000Z' }).checkpoint();
  const about = "the writer's clock went back by an hour";
  return vector('clock-back', about, log, brings(log, { data: [dataKey] }), 0, first, 'CLOCK_BACK 14');
}

function longEntry(length: number): SealedLog {
  const log = new Log();
  log.open({ dataKey, signers: [] });
  const spare = 'x'.repeat(length);
  log.lines = [];
  const start = new Log().open(
    macKeys,
    {},
    { leaf: (leaf) => leaf.replace('"identity":"audit"', `"identity":"${spare}"`) },
  );
  return start.seal().checkpoint().close().checkpoint();
}

function manyRecords(): SealedLog {
  const log = new Log();
  log.every = { records: 3, seconds: 60, idleSeconds: 300 };
  return log.open(macKeys).seal().checkpoint().record('1', '2', '3', '4').seal().checkpoint().close().checkpoint();
}

/** What a writer with the key must not say. */
export function controlCases(): VectorCase[] {
  const wrapped = macBody().recordAs('{"line":"a","b":1,', 'text').close().checkpoint();
  const long = longEntry(17_000);
  const tooLong = longEntry(70_000);
  const adoptedInMac = reopened(macLog(), { adoptedFrom: 1 });
  const signedRun = signedLog()
    .open(signKeys, { why: 'resumed' })
    .seal()
    .record('no checkpoint')
    .open(signKeys, { adoptedFrom: 18 });
  const unmarked = signedRun.seal().checkpoint().close().checkpoint();
  return [
    mac('control-malformed', 'a seal with a space too many', malformedSeal(), 1, 'CONTROL_MALFORMED 14'),
    mac('control-malformed-twice', 'a seal that says its last members twice', twiceSaid(), 1, 'CONTROL_MALFORMED 14'),
    mac(
      'record-malformed',
      'a record marked as wrapped text that is not the wrapped form',
      wrapped,
      1,
      'CONTROL_MALFORMED 14',
    ),
    mac(
      'epoch-reused',
      'a restart takes the number of the key period before',
      reopened(macLog(), { epoch: 1 }),
      1,
      'EPOCH_REUSED 15',
      ...restart,
    ),
    vector(
      'open-missing',
      'a stream without an open',
      openWithoutOpen(),
      brings(macLog(), { data: [dataKey] }),
      1,
      'OPEN_MISSING 1',
      'END_UNPROVEN 3',
    ),
    mac('open-missing-after-close', 'a record follows a close', afterClose(), 1, 'OPEN_MISSING 15'),
    mac(
      'open-contradicts-frontier',
      'the frontier of a restart is another tree',
      wrongFrontier(),
      1,
      'OPEN_CONTRADICTS 15',
      ...restart,
    ),
    mac(
      'open-contradicts-size',
      'the size of a restart is not seq - 1',
      reopened(macLog(), { size: 15 }),
      1,
      'OPEN_CONTRADICTS 15',
      ...restart,
    ),
    mac(
      'open-contradicts-why',
      'a restart resumed without a close before it',
      reopened(macBody().seal().checkpoint(), {}),
      1,
      'OPEN_CONTRADICTS 15',
      ...restart,
    ),
    mac(
      'open-contradicts-epoch-seq',
      'a restart says another first seq of its key period',
      reopened(macLog(), { epochSeq: 14 }),
      1,
      'OPEN_CONTRADICTS 15',
      ...restart,
    ),
    mac('seal-missing', 'no seal follows the open of a run', noSeal(), 1, 'SEAL_MISSING 2'),
    mac(
      'seal-missing-after-key',
      'no seal follows a key entry',
      noSealAfterKey(),
      1,
      'SEAL_MISSING 15',
      'KEY_ID_WRONG 17',
    ),
    mac('step-wrong', 'a seal says another step', sealsOf(macBody().seal({ step: 3 })), 1, 'STEP_WRONG 14'),
    mac('step-wrong-open', 'a restart says step 4', reopened(macLog(), { step: 4 }), 1, 'STEP_WRONG 15', ...restart),
    mac(
      'count-wrong',
      'a seal says six records, there are five',
      sealsOf(macBody().seal({ records: 6 })),
      1,
      'COUNT_WRONG 14',
    ),
    mac(
      'count-wrong-dropped',
      'a seal forgets a gap',
      sealsOf(macBody().gap(4).seal({ dropped: 0 })),
      1,
      'DROPPED 14',
      'COUNT_WRONG 15',
    ),
    mac(
      'count-wrong-close',
      'a close says eleven records, there are ten',
      macBody().close('shutdown', { records: 11 }).checkpoint(),
      1,
      'COUNT_WRONG 14',
    ),
    mac('origin-wrong', 'the open names another stream', otherOrigin(), 1, 'ORIGIN_WRONG 1'),
    restartInHash(),
    restartUnsigned(),
    mac(
      'adopted-unmarked-data-only',
      'a log with a data key only marks entries as adopted',
      adoptedInMac,
      1,
      ...restart,
      'ADOPTED_UNMARKED 15',
    ),
    vector(
      'adopted-unmarked',
      'a restart marks fewer entries than no signature covers',
      unmarked,
      brings(unmarked, { named: [edKey] }),
      1,
      'RESTART 15',
      'ADOPTED 15-17',
      'RESTART 18',
      'ADOPTED_UNMARKED 18',
    ),
    mac(
      'unsupported-kind',
      'a kind of a later version; everything after it is checked',
      unsupportedKind(),
      2,
      'UNSUPPORTED 14',
    ),
    mac('unsupported-member', 'a seal with a member of a later version', unsupportedMember(), 2, 'UNSUPPORTED 14'),
    vector(
      'unsupported-format',
      'format 2: nothing after it can be decided',
      laterFormat(),
      brings(macLog(), { data: [dataKey] }),
      2,
      'UNSUPPORTED 1',
    ),
    mac('cadence-idle', 'ten minutes without a seal, one every five was promised', slow(), 2, 'CADENCE 14'),
    mac('cadence-records', 'four records between two seals, three were promised', manyRecords(), 2, 'CADENCE 7'),
    clockBack(),
    vector(
      'long-line',
      'an open of 17,000 bytes: carriers cut such lines',
      long,
      brings(long, { data: [dataKey] }),
      0,
      'LONG_LINE 1',
      'FIRST_RUN_TRUSTS_KEY 1',
    ),
    vector(
      'limit-control',
      'an open of 70,000 bytes: not read',
      tooLong,
      brings(tooLong, { data: [dataKey] }),
      2,
      'LIMIT 1',
      'END_UNPROVEN 3',
    ),
    mac(
      'restart-missing-seal-file',
      'the open of a run and its seal are deleted',
      drop(reopened(macLog(), {}), 15, 16),
      1,
      'ENTRIES_MISSING 15-16',
      'CHECKPOINT_EARLY 16',
    ),
  ];
}
