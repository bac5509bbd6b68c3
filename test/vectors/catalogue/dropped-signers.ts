import { type EpochKeys, SealedLog } from '../../support/sealed-log.ts';
import { vkeyOf } from '../../support/signing-keys.ts';
import { dataKey, edKey } from '../keys.ts';
import { bothKeys, macKeys, macLog, signKeys } from '../logs.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';

/** Who holds one key alone goes on without the other one, where nothing in the files shows that it was there. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';
const secondFile = 'log.2.jsonl';

/** A first file that is not given to the verifier; what is held of it is the checkpoint of its 5 entries. */
function firstFile(keys: EpochKeys): SealedLog {
  return new SealedLog().open(keys).seal().checkpoint().record('1', '2').close('rotated').checkpoint();
}

/** Entries 6 open, 7 record, 8 close: the key period goes on, and its key reference is that of other keys. */
export function rotatedTo(keys: EpochKeys): SealedLog {
  const log = firstFile(bothKeys);
  const { epoch } = log;
  if (epoch === undefined) throw new Error('the log has no key period');
  const { reference, schedule } = new SealedLog().open(keys).epoch ?? epoch;
  const hash = reference.records === 'hash';
  if (hash) log.epoch = { ...epoch, keys, reference, schedule };
  else if (epoch.reference.records === 'mac') {
    const { signers: _, ...unsigned } = epoch.reference;
    log.epoch = { ...epoch, keys, reference: unsigned };
  }
  return log.rotate(secondFile).record('forged').close().checkpoint();
}

/** Entries 6 open, 7 seal, 8 record, 9 close: a run of other keys. */
export function restartedWith(before: EpochKeys, keys: EpochKeys): SealedLog {
  const log = firstFile(before);
  log.file = secondFile;
  return log.open(keys).seal().checkpoint().record('forged').close().checkpoint();
}

/** The second file alone, to an auditor who holds the checkpoint before it. */
export function withoutFirst(log: SealedLog): ReturnType<SealedLog['toFiles']> {
  return log.toFiles().filter(({ name }) => name === secondFile);
}

export function holdingBefore(log: SealedLog, further: Further = {}): VectorCase['brings'] {
  const held = [log.note({ size: 5 })];
  return brings(log, { data: [dataKey, dataKey], named: [edKey] }, { held, ...further });
}

/** MACs alone, and at the end a hand-over that lists the signer which the auditor named: it has signed nothing. */
export function listedLast(): SealedLog {
  const log = new SealedLog().open(macKeys).seal().checkpoint().record('forged');
  return log.key(bothKeys).seal().checkpoint({ signers: [] });
}

export function liveAt(log: SealedLog): Further {
  return { live: true, now: new Date(log.clock + 5000).toISOString() };
}

/** A stream with both keys, and one that goes on in its place with MACs alone. */
export function droppedByConflict(): SealedLog[] {
  const old = new SealedLog().open(bothKeys).seal().checkpoint().record('1', '2').close().checkpoint();
  const { size, root } = old.lastSeal;
  const log = new SealedLog(`${old.origin}/20261124T230024Z-0a1b2c3d`).open(macKeys, {
    why: 'conflict',
    after: { origin: old.origin, size, root },
  });
  return [old, log.seal().checkpoint().record('forged').close().checkpoint()];
}

export function ofAll(logs: readonly SealedLog[]): VectorCase['brings'] {
  const data_keys = Object.assign({}, ...logs.map((log) => brings(log, { data: [dataKey] }).data_keys));
  return { ...brings(logs[0] as SealedLog, { named: [edKey] }), data_keys, origin: 'audit.example.com/vectors/*' };
}

export const filesOf = (logs: readonly SealedLog[]): VectorCase['files'] =>
  logs.map((log, at) => ({ name: `log.${at + 1}.jsonl`, bytes: log.toFiles()[0]?.bytes ?? Buffer.alloc(0) }));

function atTheStart(name: string, about: string, log: SealedLog, verdict: 0 | 2, ...findings: string[]): VectorCase {
  return vector(
    name,
    `${about}; the checkpoint before it is held`,
    withoutFirst(log),
    holdingBefore(log),
    verdict,
    ...findings,
  );
}

export function droppedSignerCases(): VectorCase[] {
  const mac = macLog();
  const ranges = (log: SealedLog, from: number, to: number): Further => ({
    vkey_ranges: { [vkeyOf(log.origin, edKey)]: [from, to] },
  });
  const named = { data: [dataKey], named: [edKey] };
  const listed = listedLast();
  const conflict = droppedByConflict();
  return [
    atTheStart('dropped-signers-rotated', 'a next file leaves its signers out', rotatedTo(macKeys), 2, 'UNSIGNED 6-8'),
    atTheStart(
      'dropped-signers-restart',
      'a restart under the data key alone',
      restartedWith(bothKeys, macKeys),
      2,
      'RESTART 6',
      'RESTART_TRUSTS_KEY 6',
      'UNSIGNED 6-9',
    ),
    atTheStart('dropped-macs-rotated', 'a next file without MACs', rotatedTo(signKeys), 2, 'START_UNPROVEN 6'),
    atTheStart(
      'dropped-macs-restart',
      'a restart without MACs',
      restartedWith(bothKeys, signKeys),
      2,
      'RESTART 6',
      'START_UNPROVEN 6',
    ),
    atTheStart(
      'valid-signers-added',
      'a restart adds signers to MACs',
      restartedWith(macKeys, bothKeys),
      0,
      'RESTART 6',
    ),
    atTheStart('valid-macs-added', 'a restart adds MACs to signers', restartedWith(signKeys, bothKeys), 0, 'RESTART 6'),
    vector(
      'named-signs-nothing',
      'a log without signers, and a public key that the auditor named for it',
      mac,
      brings(mac, named),
      2,
      first,
      'UNSIGNED 1-14',
    ),
    vector(
      'named-from-10-signs-nothing',
      'the same, the key named from entry 10 on',
      mac,
      brings(mac, named, ranges(mac, 10, 0)),
      2,
      first,
      'UNSIGNED 1-14',
    ),
    vector(
      'listed-signs-nothing',
      'a live log whose last entries hand it over to the key that the auditor named, which has signed nothing yet',
      listed,
      brings(listed, { data: [dataKey, dataKey], named: [edKey] }, liveAt(listed)),
      2,
      first,
      'UNSIGNED 1-5',
    ),
    vector(
      'conflict-drops-signers',
      'a stream begun in place of a signed one is not signed',
      filesOf(conflict),
      ofAll(conflict),
      2,
      first,
      'RESTART 1',
      'UNSIGNED 1-4',
    ),
  ];
}
