import { SealedLog } from '../../support/sealed-log.ts';
import { vkeyOf } from '../../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, otherDataKey, thirdEdKey } from '../keys.ts';
import { bothKeys, macBody, macKeys, signKeys } from '../logs.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** What an attacker writes behind the last signed checkpoint, and beyond the range of a key (M8.1, M8.13, M8.16, M8.21). */

const signMine = { signers: [thirdEdKey] };

/** A hand-over that no signer saw, an honest restart that signs over it, and a run of the stranger alone. */
function takenOver(keys: Parameters<SealedLog['open']>[0], mine: Parameters<SealedLog['key']>[0]): SealedLog {
  const log = new SealedLog().open(keys).seal().checkpoint().record('1').seal().checkpoint();
  log.key(mine).seal().checkpoint(signMine).record('forged');
  log.open(keys).seal().checkpoint().record('2').seal().checkpoint();
  const own = { ...keys, signers: [thirdEdKey] };
  return log.open(own).seal().checkpoint(signMine).record('forged').close().checkpoint(signMine);
}

/** The holder of a retired signing key hands over to a stranger in place of the key that the auditor named next. */
function strangerNext(): SealedLog {
  const log = new SealedLog().open(bothKeys).seal().checkpoint().record('1');
  return log
    .handOver({ dataKey, signers: [thirdEdKey] })
    .record('forged')
    .close()
    .checkpoint();
}

/** A hand-over to another data key, read between its seal and that seal's checkpoint. */
function withinHandOver(): SealedLog {
  return macBody().seal().checkpoint().key({ dataKey: nextDataKey }).seal();
}

export function takenOverCases(): VectorCase[] {
  const both = takenOver(bothKeys, { dataKey, signers: [edKey, thirdEdKey] });
  const hash = takenOver(signKeys, { signers: [edKey, thirdEdKey] });
  const rotated = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2');
  rotated.handOver({ dataKey: nextDataKey }).record('3').close().checkpoint();
  const [tag] = rotated.kid.split('.');
  const range = (until: number) => ({ data_key_ranges: { [`${tag}.1`]: [1, until] } }) as const;
  const stranger = strangerNext();
  const within = withinHandOver();
  const ranges = {
    [vkeyOf(stranger.origin, edKey)]: [1, 5],
    [vkeyOf(stranger.origin, nextEdKey)]: [6, 0],
  } as const;
  const further = { accept: { successors: true, adopted: 5 } };
  const data = Array<Buffer>(4).fill(dataKey);
  const first = 'FIRST_RUN_TRUSTS_KEY 1';
  return [
    vector(
      'taken-over-hand-over',
      'whoever holds the data key hands over behind the last checkpoint; a restart signs over it, a stranger goes on',
      both,
      brings(both, { data, named: [edKey] }, further),
      2,
      'RESTART 8',
      'RESTART 12',
      'RESTART_TRUSTS_KEY 12',
      'UNSIGNED 12-15',
    ),
    vector(
      'taken-over-listed',
      'the same without any key: the hand-over lists the named signer beside the stranger',
      hash,
      brings(hash, { named: [edKey] }, further),
      2,
      'UNVOUCHED 5',
      'RESTART 8',
      'NO_KEY 12-15',
      'RESTART 12',
      'END_UNPROVEN 15',
    ),
    vector(
      'valid-data-key-until',
      'the first data key counts up to the seal of the hand-over to the next one',
      rotated,
      brings(rotated, { data: [dataKey, nextDataKey] }, range(6)),
      0,
      first,
    ),
    vector(
      'data-key-until',
      'the first data key counts up to the entry before that seal',
      rotated,
      brings(rotated, { data: [dataKey, nextDataKey] }, range(5)),
      2,
      first,
      'UNVOUCHED 5',
      'NO_KEY 6',
    ),
    vector(
      'named-key-signs-nothing',
      'the auditor named the next signer from entry 6 on; the one before it handed over to a stranger',
      stranger,
      brings(stranger, { data, named: [edKey, nextEdKey] }, { vkey_ranges: ranges }),
      2,
      'END_UNPROVEN 7',
    ),
    vector(
      'valid-live-within-hand-over',
      'a live log between the seal of a hand-over and its checkpoint, and another key for the key period to come',
      within,
      brings(
        within,
        { data: [dataKey, otherDataKey] },
        { live: true, now: new Date(within.clock + 1000).toISOString() },
      ),
      0,
      first,
      'UNSEALED_TAIL 15-16',
    ),
  ];
}
