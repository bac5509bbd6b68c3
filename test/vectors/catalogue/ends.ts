import { SealedLog } from '../../support/sealed-log.ts';
import { vkeyOf } from '../../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey } from '../keys.ts';
import { bothBody, bothKeys, macBody, macKeys, macLog, signedBody, signedLog, signKeys } from '../logs.ts';
import { cutAfter } from '../spoil.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';

/** Where a range begins and ends, files that are missing, tails that a crash left. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';

function rotated(keys: Parameters<SealedLog['open']>[0]): SealedLog {
  const log = new SealedLog().open(keys).seal().checkpoint().record('1', '2').close('rotated').checkpoint();
  log.rotate('log.2.jsonl').record('3', '4').seal().checkpoint().record('5').close('rotated').checkpoint();
  return log.rotate('log.3.jsonl').record('6').close().checkpoint();
}

function files(log: SealedLog, ...numbers: number[]): ReturnType<SealedLog['toFiles']> {
  return log.toFiles().filter((_file, at) => numbers.includes(at + 1));
}

/** The host crashed after its log had been shipped, and went on below the shipped end. */
function abandoned(keys: Parameters<SealedLog['open']>[0]): SealedLog {
  const log = new SealedLog().open(keys).seal().checkpoint().record('1', '2').seal().checkpoint().record('3');
  const host = log.fork();
  log.record('shipped, then lost on the host');
  const shipped = log.lines.at(-1);
  host.open(keys).seal().checkpoint().record('after the crash').close().checkpoint();
  const at = host.lines.findIndex(({ kind, seq }) => kind === 'open' && seq !== 1);
  if (shipped !== undefined) host.lines.splice(at, 0, { ...shipped, seq: 0 });
  return host;
}

/** The shipped copy ends inside the open after the crash; the host's next file is there. */
function abandonedCut(): { readonly host: SealedLog; readonly parts: ReturnType<SealedLog['toFiles']> } {
  const log = new SealedLog();
  log.file = 'log.1.jsonl';
  log.open(macKeys).seal().checkpoint().record('1', '2').seal().checkpoint().record('3');
  const host = log.fork();
  log.record('shipped', 'and then', 'lost', 'on', 'the host', 'again', 'here');
  host.open(macKeys).seal().checkpoint().record('after the crash').close('rotated').checkpoint();
  host.rotate('log.2.jsonl').record('later').close().checkpoint();
  const open = host.lines.find(({ kind, seq }) => kind === 'open' && seq !== 1);
  const shipped = Buffer.concat([
    ...log.toFiles().map(({ bytes }) => bytes),
    open?.bytes.subarray(0, 99) ?? Buffer.alloc(0),
  ]);
  return { host, parts: [{ name: 'log.1.jsonl', bytes: shipped }, ...files(host, 2)] };
}

/** The host crashed, and crashed again after its next file; that one is not here, and the shipped copy of the first is ahead of both. */
function abandonedTwice(keys: Parameters<SealedLog['open']>[0]): {
  readonly host: SealedLog;
  readonly parts: ReturnType<SealedLog['toFiles']>;
} {
  const log = new SealedLog();
  log.file = 'log.1.jsonl';
  log.open(keys).seal().checkpoint().record('1', '2').seal().checkpoint().record('3');
  const host = log.fork();
  for (let n = 0; n < 12; n++) log.record(`shipped, and lost on the host: ${n}`);
  host.file = 'log.2.jsonl';
  host.open(keys).seal().checkpoint().record('after the crash').seal().checkpoint();
  host.file = 'log.3.jsonl';
  host.open(keys).seal().checkpoint().record('after the next one').close().checkpoint();
  return { host, parts: [...log.toFiles(), ...files(host, 3)] };
}

function live(name: string, about: string, secondsLater: number, verdict: 0 | 2, ...findings: string[]): VectorCase {
  const log = signedBody();
  const further: Further = { live: true, now: new Date(log.clock + secondsLater * 1000).toISOString() };
  return vector(name, about, log, brings(log, { named: [edKey] }, further), verdict, ...findings);
}

function liveHalfLine(): VectorCase {
  const log = signedBody();
  const further: Further = { live: true, now: new Date(log.clock + 60_000).toISOString() };
  const [file] = log.toFiles();
  const bytes = Buffer.concat([file?.bytes ?? Buffer.alloc(0), Buffer.from('{"level":30,"msg":"half a li')]);
  const about = 'a live log whose last line is not finished';
  return vector(
    'valid-live-half-line',
    about,
    [{ name: 'log.jsonl', bytes }],
    brings(log, { named: [edKey] }, further),
    0,
    'UNSEALED_TAIL 9-13',
  );
}

/** Without a key: cut at an old checkpoint, then a file change that nothing signs and that promises nothing for ages. */
function liveCutAndRotated(): VectorCase {
  const log = new SealedLog().open(signKeys).seal().checkpoint().record('1', '2').seal().checkpoint();
  const now = new Date(log.clock + 30 * 86_400_000).toISOString();
  log.every = { records: 1000, seconds: 60, idleSeconds: 9_000_000_000 };
  log.close('rotated').rotate('log.jsonl');
  const about = 'cut at an old checkpoint; an unsigned close and open that promise a seal in ages';
  const auditor = brings(log, { named: [edKey] }, { live: true, now });
  return vector('end-unproven-live-rotated', about, log, auditor, 2, 'UNSEALED_TAIL 6-7', 'END_UNPROVEN 7');
}

/** Who holds the data key alone goes on in a run of his own, which no signer signs. */
function liveUnsignedRestart(): VectorCase {
  const log = bothBody().seal().checkpoint();
  log.open(bothKeys).seal().checkpoint({ signers: [] }).record('{"forged":true}').seal().checkpoint({ signers: [] });
  const further: Further = { live: true, now: new Date(log.clock + 60_000).toISOString() };
  return vector(
    'unsigned-live-restart',
    'a live log whose newest run carries our MACs alone',
    log,
    brings(log, { data: [dataKey, dataKey], named: [edKey] }, further),
    2,
    'RESTART 15',
    'RESTART_TRUSTS_KEY 15',
    'UNSIGNED 15-18',
  );
}

function liveHandOver(): VectorCase {
  const log = macBody().handOver({ dataKey: nextDataKey }).record('{"a":1}');
  const further: Further = { live: true, now: new Date(log.clock + 60_000).toISOString() };
  return vector(
    'valid-live-handover',
    'a live log right after a hand-over',
    log,
    brings(log, { data: [dataKey, nextDataKey] }, further),
    0,
    first,
    'UNSEALED_TAIL 16',
  );
}

function liveClosed(secondsLater: number, verdict: 0 | 2, ...findings: string[]): VectorCase {
  const log = signedLog();
  const further: Further = { live: true, now: new Date(log.clock + secondsLater * 1000).toISOString() };
  const name = verdict === 0 ? 'valid-live-closed' : 'end-unproven-live-closed';
  const about = `a log that should be live was closed ${secondsLater} seconds ago`;
  return vector(name, about, log, brings(log, { named: [edKey] }, further), verdict, ...findings);
}

function closingHeld(): VectorCase {
  const log = signedBody().close();
  const auditor = brings(log, { named: [edKey] }, { held: [log.note()] });
  return vector('valid-closing-held', 'the closing checkpoint is not in the file, it is held', log, auditor, 0);
}

function rotatedAfterCrash(): VectorCase {
  const log = macBody().close('rotated').checkpoint();
  log.file = 'log.2.jsonl';
  log.open(macKeys).seal().checkpoint().record('{"a":1}').close().checkpoint();
  const about = 'a crash between two files: the next one begins with a run of its own';
  return vector(
    'valid-recovered-file',
    about,
    log,
    brings(log, { data: [dataKey, dataKey] }),
    0,
    first,
    'RESTART 15',
    'RESTART_TRUSTS_KEY 15',
  );
}

function stepClaim(): VectorCase {
  const log = rotated(macKeys);
  const thief = log.fork();
  thief.file = 'log.2.jsonl';
  const held = log.note({ size: 5 });
  const middle = files(log, 2, 3);
  const about = 'the second and third file, and the checkpoint before them, with our MAC';
  return vector('valid-start-held-mac', about, middle, brings(thief, { data: [dataKey] }, { held: [held] }), 0);
}

function stepClaimUnsigned(): VectorCase {
  const log = rotated(macKeys);
  const held = log.note({ size: 5, mac: false, signers: [edKey] });
  const about = 'the checkpoint before the range proves its tree and not its step: it carries no MAC of ours';
  return vector(
    'start-unproven-step',
    about,
    files(log, 2, 3),
    brings(log, { data: [dataKey] }, { held: [held] }),
    2,
    first,
    'START_UNPROVEN 6',
  );
}

export function endCases(): VectorCase[] {
  const signed = rotated(signKeys);
  const mac = rotated(macKeys);
  const heldAfter = mac.note({ size: 9 });
  const cut = abandonedCut();
  const twice = abandonedTwice(macKeys);
  const twiceSigned = abandonedTwice(signKeys);
  const macTail = abandoned(macKeys);
  const signedTail = abandoned(signKeys);
  const bothTail = abandoned(bothKeys);
  const crash = bothBody();
  const openEnd = macBody();
  const noClose = macBody().seal().checkpoint();
  const handOver = macBody().key({ dataKey: nextDataKey });
  return [
    vector(
      'start-unproven',
      'the first file is missing',
      files(signed, 2, 3),
      brings(signed, { named: [edKey] }),
      2,
      'START_UNPROVEN 6',
    ),
    vector(
      'start-unproven-cut',
      'the first three lines are cut off',
      [{ name: 'log.jsonl', bytes: headless(macLog()) }],
      brings(macLog(), { data: [dataKey] }),
      2,
      'START_UNPROVEN 3',
      'END_UNPROVEN 14',
    ),
    vector(
      'valid-start-held',
      'the second and third file; the signed checkpoint before them is held',
      files(signed, 2, 3),
      brings(signed, { named: [edKey] }, { held: [signed.note({ size: 5 })] }),
      0,
    ),
    stepClaim(),
    stepClaimUnsigned(),
    vector(
      'valid-start-held-inside',
      'the second and third file; a checkpoint inside them is held',
      files(mac, 2, 3),
      brings(mac, { data: [dataKey] }, { held: [heldAfter] }),
      0,
      'START_HELD 6',
    ),
    vector(
      'start-unproven-held-earlier',
      'the first file is missing; the checkpoints that are held say that it was there',
      files(mac, 2, 3),
      brings(mac, { data: [dataKey] }, { held: [mac.note({ size: 2 }), heldAfter] }),
      2,
      'START_UNPROVEN 6',
    ),
    vector(
      'valid-start-named',
      'the same, and the key is named from entry 6 on: what was before is not asked about',
      files(signed, 2, 3),
      brings(
        signed,
        { named: [edKey] },
        {
          held: [signed.note({ size: 2 }), signed.note({ size: 9 })],
          vkey_ranges: { [vkeyOf(signed.origin, edKey)]: [6, 0] },
        },
      ),
      0,
    ),
    vector(
      'start-unproven-whole',
      'the first file is missing, and the policy demands the whole log',
      files(signed, 2, 3),
      brings(signed, { named: [edKey] }, { held: [signed.note({ size: 5 })], policy: { start: 'whole' } }),
      2,
      'START_UNPROVEN 6',
    ),
    vector(
      'known-contradicted-start',
      'the checkpoint that is held before the range is another',
      files(mac, 2, 3),
      brings(mac, { data: [dataKey] }, { held: [rotatedElse().note({ size: 5 })] }),
      1,
      first,
      'KNOWN_CONTRADICTED 6',
      'START_UNPROVEN 6',
    ),
    vector(
      'file-missing',
      'the second of three files is missing: a file that was not given, or a cut; nobody can tell',
      files(mac, 1, 3),
      brings(mac, { data: [dataKey] }),
      2,
      first,
      'FILES_MISSING 6-11',
    ),
    vector(
      'last-file-missing',
      'the last file is missing',
      files(mac, 1, 2),
      brings(mac, { data: [dataKey] }),
      2,
      first,
      'END_UNPROVEN 11',
    ),
    vector(
      'valid-file-twice',
      'one of the files is given twice',
      [...mac.toFiles(), ...files(mac, 2).map(({ bytes }) => ({ name: 'log.copy.jsonl', bytes }))],
      brings(mac, { data: [dataKey] }),
      0,
      first,
    ),
    vector(
      'not-a-part',
      'one closed file that is not checked as a part',
      files(mac, 1),
      brings(mac, { data: [dataKey] }),
      2,
      first,
      'END_UNPROVEN 5',
    ),
    vector('end-unproven', 'no close', openEnd, brings(openEnd, { data: [dataKey] }), 2, first, 'END_UNPROVEN 13'),
    vector(
      'end-unproven-sealed',
      'a seal and its checkpoint, no close',
      noClose,
      brings(noClose, { data: [dataKey] }),
      2,
      first,
      'END_UNPROVEN 14',
    ),
    vector(
      'end-unproven-handover',
      'the log ends between a key entry and its seal',
      handOver,
      brings(handOver, { data: [dataKey] }),
      2,
      first,
      'END_UNPROVEN 14',
    ),
    live(
      'end-unproven-live',
      'a live log whose newest seal is an hour old',
      3600,
      2,
      'END_UNPROVEN 13',
      'UNSEALED_TAIL 9-13',
    ),
    live(
      'valid-live-idle',
      'a live log whose newest seal is nearly twice the promise old',
      590,
      0,
      'UNSEALED_TAIL 9-13',
    ),
    liveHalfLine(),
    liveCutAndRotated(),
    liveUnsignedRestart(),
    liveHandOver(),
    liveClosed(590, 0),
    liveClosed(3600, 2, 'END_UNPROVEN 14'),
    closingHeld(),
    vector(
      'end-unproven-until',
      'sealed up to an earlier time than the policy demands',
      signedBody(),
      brings(signedBody(), { named: [edKey] }, { until: '2026-11-24T23:30:00.000Z' }),
      2,
      'END_UNPROVEN 13',
      'UNSEALED_TAIL 9-13',
    ),
    vector(
      'abandoned',
      'a shipped copy has a record that its host lost in a crash',
      macTail,
      brings(macTail, { data: [dataKey, dataKey] }),
      0,
      first,
      'ABANDONED 7',
      'RESTART 7',
      'RESTART_TRUSTS_KEY 7',
    ),
    vector(
      'abandoned-unproven',
      'the same in a signed log: nothing shows who wrote the record',
      signedTail,
      brings(signedTail, { named: [edKey] }),
      2,
      'ADOPTED 6',
      'ABANDONED_UNPROVEN 7',
      'RESTART 7',
    ),
    vector(
      'abandoned-cut',
      'the copy that is ahead ends inside the open after the crash, and the next file of the host goes on from that',
      cut.parts,
      brings(cut.host, { data: [dataKey, dataKey] }),
      2,
      first,
      'RESTART_TRUSTS_KEY 7',
      'ABANDONED_UNPROVEN 11-13',
      'TORN_TAIL',
    ),
    vector(
      'abandoned-file-missing',
      'the host crashed twice; the file between is not here, and the shipped copy of the first one is ahead of both',
      twice.parts,
      brings(twice.host, { data: [dataKey, dataKey, dataKey] }),
      2,
      first,
      'RESTART 11',
      'RESTART_TRUSTS_KEY 11',
      'ABANDONED_UNPROVEN 11-18',
    ),
    vector(
      'abandoned-file-missing-signed',
      'the same in a signed log',
      twiceSigned.parts,
      brings(twiceSigned.host, { named: [edKey] }),
      2,
      'RESTART 11',
      'ABANDONED_UNPROVEN 11-18',
    ),
    vector(
      'abandoned-both',
      'the same with MACs and signatures',
      bothTail,
      brings(bothTail, { data: [dataKey, dataKey], named: [edKey] }),
      0,
      'ABANDONED 7',
      'RESTART 7',
    ),
    vector(
      'abandoned-limit',
      'the same, and a policy that accepts none',
      macTail,
      brings(macTail, { data: [dataKey, dataKey] }, { accept: { abandoned: 0 } }),
      2,
      first,
      'ABANDONED 7',
      'RESTART 7',
      'RESTART_TRUSTS_KEY 7',
    ),
    vector(
      'dropped-limit',
      'the writer lost five lines, the policy accepts four',
      lossy(),
      brings(lossy(), { data: [dataKey] }, { accept: { dropped: 4 } }),
      2,
      first,
      'DROPPED 14',
    ),
    vector(
      'recovery-gap',
      'a restart after an hour, the policy accepts five minutes',
      late(),
      brings(late(), { data: [dataKey, dataKey] }, { accept: { recovery_gap_seconds: 300 } }),
      2,
      first,
      'RESTART 14',
      'CADENCE 14',
      'RESTART_TRUSTS_KEY 14',
    ),
    rotatedAfterCrash(),
    vector(
      'closed-before-until',
      'closed before the time that the policy demands: an older copy ends so too',
      signedLog(),
      brings(signedLog(), { named: [edKey] }, { until: '2026-11-24T23:30:00.000Z' }),
      2,
      'END_UNPROVEN 14',
    ),
    vector(
      'cut-and-closed',
      'cut below a checkpoint that nobody holds: a crash looks the same',
      cutAfter(crash, 8, false),
      brings(crash, { data: [dataKey], named: [edKey] }),
      2,
      'END_UNPROVEN 8',
    ),
  ];
}

function lossy(): SealedLog {
  return macBody().gap(5).close().checkpoint();
}

function late(): SealedLog {
  const log = macBody();
  log.clock += 3_600_000;
  return log.open(macKeys).seal().checkpoint().close().checkpoint();
}

function headless(log: SealedLog): Buffer {
  log.lines = log.lines.slice(3);
  return log.toFiles()[0]?.bytes ?? Buffer.alloc(0);
}

function rotatedElse(): SealedLog {
  return new SealedLog().open(macKeys).seal().checkpoint().record('1', 'other').close('rotated').checkpoint();
}
