import { SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey } from '../keys.ts';
import { signKeys } from '../logs.ts';
import { dropCheckpoints } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** A restart after a key period without signers, before which entries stand that signatures alone answer for (M8.15). */

/** Four checkpoint lines stand before the crash: two of the signed key period, the hand-over's, one that carries our MAC alone. */
function signedThenMac(): SealedLog {
  const log = new SealedLog().open(signKeys).seal().checkpoint().record('{"amount":100}').seal().checkpoint();
  return log.handOver({ dataKey }).record('{"n":2}').seal().checkpoint();
}

/** A run under both keys that cites a checkpoint which our MAC alone proves, and so claims to adopt nothing. */
function signedRestart(): SealedLog {
  const log = signedThenMac();
  const { size, root } = log.lastSeal;
  const claims = { checkpoint: { size, root }, adoptedFrom: undefined as never };
  log
    .open({ dataKey: nextDataKey, signers: [edKey] }, claims)
    .seal()
    .checkpoint();
  return log.record('{"n":3}').close().checkpoint();
}

/** A run under a data key alone, which hands over to the signer of the first key period. */
function macRestart(): SealedLog {
  const log = signedThenMac().open({ dataKey: nextDataKey }).seal().checkpoint();
  return log
    .handOver({ dataKey: nextDataKey, signers: [edKey] })
    .record('{"n":3}')
    .close()
    .checkpoint();
}

/** Two runs under a data key alone behind a signed key period, and a signed run that adopts what they wrote. */
function unsignedBetween(): SealedLog {
  const log = signedThenMac().open({ dataKey: nextDataKey }).seal().checkpoint().record('{"n":3}').seal().checkpoint();
  const { size, root } = log.seals.find((seal) => seal.size === 6) ?? log.lastSeal;
  log
    .open({ dataKey: nextDataKey, signers: [edKey] }, { checkpoint: { size, root }, adoptedFrom: 7 })
    .seal()
    .checkpoint();
  return log.record('{"n":4}').close().checkpoint();
}

export function adoptionCases(): VectorCase[] {
  const signed = signedRestart();
  const mac = macRestart();
  const whole = signedRestart();
  const data = [dataKey, dataKey, nextDataKey, nextDataKey];
  const between = unsignedBetween();
  const auditor = (log: SealedLog) => brings(log, { data, named: [edKey] });
  const untilCrash = (number: number): boolean => number < 4;
  return [
    vector(
      'adopted-behind-macs',
      'no checkpoint before the restart is left, and what a signature alone answers for stands before a key period of MACs',
      dropCheckpoints(signed, untilCrash),
      auditor(signed),
      2,
      'ADOPTED 1-8',
      'UNVOUCHED 5',
      'RESTART 9',
    ),
    vector(
      'adopted-behind-macs-unsigned-run',
      'the same where the run that took it over has no signer of its own, and hands over to one',
      dropCheckpoints(mac, untilCrash),
      auditor(mac),
      2,
      'RESTART 9',
      'UNSIGNED 9-12',
    ),
    vector(
      'valid-signed-behind-macs',
      'checkpoints stand before the restart: the signature covers what it alone answers for, MACs the rest',
      whole,
      auditor(whole),
      0,
      'RESTART 9',
    ),
    vector(
      'unsigned-adopted-run',
      'a run without a signer after a signed key period; the next run has one, and adopts what it wrote',
      between,
      auditor(between),
      2,
      'RESTART 9',
      'UNSIGNED 9-12',
      'RESTART 13',
    ),
    vector(
      'unsigned-adopted-run-held',
      'the same, and a checkpoint is held of the entries before that run',
      between,
      { ...auditor(between), held: [between.note({ size: 6 })] },
      2,
      'RESTART 9',
      'UNSIGNED 9-12',
      'RESTART 13',
    ),
  ];
}
