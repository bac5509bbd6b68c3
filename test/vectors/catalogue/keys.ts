import type { SealedLog } from '../../support/sealed-log.ts';
import { fixedBytes } from '../../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, otherDataKey, thirdEdKey } from '../keys.ts';
import { bothBody, bothLog, macBody, macLog, signedBody, signedLog, signKeys } from '../logs.ts';
import { dropCheckpoints } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** Which keys the auditor names, and who answers for a key period. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';

function signedHandOver(): SealedLog {
  return signedBody()
    .handOver({ signers: [nextEdKey] })
    .record('under the next key')
    .close()
    .checkpoint();
}

/** A hand-over that only the new key signed. */
function stolenHandOver(): SealedLog {
  const log = signedBody()
    .key({ signers: [thirdEdKey] })
    .seal()
    .checkpoint({ signers: [thirdEdKey] });
  return log.record('under a key that nobody handed over to').close().checkpoint();
}

function alteredFingerprint(): SealedLog {
  const log = macLog();
  const fp = (line: string): string => {
    const match = /"fp":"([^"]+)"/.exec(line)?.[1] ?? '';
    return line.replace(match, fixedBytes('another fingerprint').toString('base64url'));
  };
  const line = log.lines[0];
  if (line !== undefined) line.bytes = Buffer.from(fp(line.bytes.toString('utf8')));
  return log;
}

/** A run whose last entries no signature covers, and the run that took them over. */
function adopting(): SealedLog {
  const log = signedLog()
    .open(signKeys, { why: 'resumed' })
    .seal()
    .checkpoint()
    .record('nobody signed this', 'nor this')
    .seal();
  return log.open(signKeys).seal().checkpoint().close().checkpoint();
}

/** From MACs to signatures alone. */
function toHash(): SealedLog {
  return macBody()
    .handOver({ signers: [edKey] })
    .record('without a MAC')
    .close()
    .checkpoint();
}

/** The writer ended between its key entry and the seal. */
function burnedHash(): SealedLog {
  const log = macBody().key({ signers: [edKey] });
  return log.open({ dataKey }, { why: 'recovered', epoch: 3 }).seal().checkpoint().close().checkpoint();
}

function dataKeyAlone(): SealedLog {
  return bothLog().open({ dataKey }, { why: 'resumed' }).seal().checkpoint().close().checkpoint();
}

/** The next run signs with a key that the auditor did not name for it. */
function otherSigner(): SealedLog {
  return bothLog()
    .open({ dataKey, signers: [thirdEdKey] }, { why: 'resumed' })
    .seal()
    .checkpoint()
    .close()
    .checkpoint();
}

function ranged(
  name: string,
  about: string,
  range: readonly [number, number],
  verdict: 0 | 2,
  ...findings: string[]
): VectorCase {
  const log = signedLog();
  const auditor = brings(log, { named: [edKey] });
  const [vkey] = auditor.vkeys as [string];
  return vector(name, about, log, { ...auditor, vkey_ranges: { [vkey]: range } }, verdict, ...findings);
}

export function keyCases(): VectorCase[] {
  const mac = macLog();
  const signed = signedLog();
  const both = bothLog();
  const handOver = signedHandOver();
  const stolen = stolenHandOver();
  const altered = alteredFingerprint();
  const adopted = adopting();
  const alone = dataKeyAlone();
  const other = otherSigner();
  const restarted = macLog()
    .open({ dataKey: nextDataKey }, { why: 'resumed' })
    .seal()
    .checkpoint()
    .close()
    .checkpoint();
  const unsignedTail = dropCheckpoints(bothBody().seal().checkpoint().close().checkpoint(), (number) => number > 1);
  return [
    vector('no-key', 'no key at all', mac, brings(mac, {}), 2, 'NO_KEY 1-14', 'END_UNPROVEN 14'),
    vector(
      'no-key-signed',
      'no key at all, in a signed log',
      signed,
      brings(signed, {}),
      2,
      'NO_KEY 1-14',
      'END_UNPROVEN 14',
    ),
    vector(
      'no-key-other',
      "somebody else's public key",
      signed,
      brings(signed, { named: [thirdEdKey] }),
      2,
      'NO_KEY 1-14',
      'END_UNPROVEN 14',
    ),
    vector(
      'wrong-key',
      'another data key',
      mac,
      brings(mac, { data: [otherDataKey] }),
      2,
      'WRONG_KEY 1',
      'END_UNPROVEN 14',
    ),
    vector(
      'wrong-key-signed',
      'another data key, and the right public key',
      both,
      brings(both, { data: [otherDataKey], named: [edKey] }),
      2,
      'WRONG_KEY 1',
    ),
    vector(
      'fingerprint-altered',
      'the fingerprint in the first line is changed',
      altered,
      brings(altered, { data: [dataKey] }),
      1,
      'FINGERPRINT_ALTERED 1',
      first,
    ),
    vector(
      'key-service',
      'the key service does not answer',
      mac,
      { ...brings(mac, {}), data_keys: { [mac.kid]: 'unavailable' } },
      2,
      'KEY_SERVICE 1',
      'NO_KEY 1-14',
      'END_UNPROVEN 14',
    ),
    vector(
      'key-not-named',
      'a hand-over to a key that the auditor did not name',
      handOver,
      brings(handOver, { named: [edKey] }),
      2,
      'KEY_NOT_NAMED 14-17',
      'END_UNPROVEN 17',
    ),
    vector(
      'handover-stolen',
      'a hand-over that only the new key signed; the auditor named it for other sizes',
      stolen,
      ranged17(stolen),
      2,
      'UNSIGNED 9-15',
      'UNSIGNED 16-17',
      'END_UNPROVEN 17',
    ),
    vector(
      'handover-not-signed',
      'a hand-over that only the new key signed',
      stolen,
      brings(stolen, { named: [edKey] }),
      2,
      'UNSIGNED 9-15',
      'NO_KEY 14-17',
      'END_UNPROVEN 17',
    ),
    vector(
      'adopted',
      'a restart took over what nobody had signed',
      adopted,
      brings(adopted, { named: [edKey] }),
      2,
      'RESTART 15',
      'ADOPTED 17-19',
      'RESTART 20',
    ),
    vector(
      'adopted-accepted',
      'the same, and a policy that accepts three entries',
      adopted,
      brings(adopted, { named: [edKey] }, { accept: { adopted: 3 } }),
      0,
      'RESTART 15',
      'RESTART 20',
    ),
    vector(
      'adopted-accepted-once',
      'two restarts took over the same entries, and a policy that accepts as many as they are',
      dropCheckpoints(adopting(), (number) => number < 4),
      brings(adopted, { named: [edKey] }, { accept: { adopted: 19 } }),
      0,
      'RESTART 15',
      'RESTART 20',
    ),
    vector(
      'adopted-all',
      'the checkpoints before the restart are deleted',
      dropCheckpoints(adopting(), (number) => number < 4),
      brings(adopted, { named: [edKey] }),
      2,
      'ADOPTED 1-14',
      'RESTART 15',
      'ADOPTED 1-19',
      'RESTART 20',
    ),
    vector(
      'unsigned',
      'signatures end before the log does',
      unsignedTail,
      brings(unsignedTail, { data: [dataKey], named: [edKey] }),
      2,
      'UNSIGNED 9-15',
      'END_UNPROVEN 15',
    ),
    vector(
      'unsigned-restart',
      'who holds the data key alone goes on without signatures',
      alone,
      brings(alone, { data: [dataKey, dataKey], named: [edKey] }),
      1,
      'MODE_CHANGE 15',
      'RESTART 15',
      'RESTART_TRUSTS_KEY 15',
    ),
    vector(
      'unsigned-other-signer',
      'who holds the data key alone goes on with a signer of his own',
      other,
      brings(other, { data: [dataKey, dataKey], named: [edKey] }),
      2,
      'RESTART 15',
      'RESTART_TRUSTS_KEY 15',
      'UNSIGNED 15-17',
    ),
    vector(
      'unsigned-stranger',
      'MACs and signatures, the auditor has the data key and the public key of somebody else',
      both,
      brings(both, { data: [dataKey], named: [nextEdKey] }),
      2,
      first,
      'UNSIGNED 1-14',
    ),
    vector(
      'restart-vouched-only',
      'a policy that does not let a data key start a run',
      restarted,
      brings(restarted, { data: [dataKey, nextDataKey] }, { accept: { restarts: 'vouched' } }),
      2,
      first,
      'RESTART 15',
      'UNVOUCHED 15',
    ),
    vector(
      'records-floor',
      'a policy that demands MACs',
      signed,
      brings(signed, { named: [edKey] }, { policy: { records: 'mac' } }),
      1,
      'RECORDS_FLOOR 1',
    ),
    vector(
      'records-floor-hand-over',
      'a hand-over to a key period without MACs, and a policy that demands them',
      toHash(),
      brings(toHash(), { data: [dataKey], named: [edKey] }, { policy: { records: 'mac' } }),
      1,
      'RECORDS_FLOOR 14',
    ),
    vector(
      'records-floor-burned',
      'a hand-over to a key period without MACs that a crash cut off before its seal: it never came into force',
      burnedHash(),
      brings(burnedHash(), { data: [dataKey, dataKey, dataKey] }, { policy: { records: 'mac' } }),
      0,
      first,
      'RESTART 15',
      'RESTART_TRUSTS_KEY 15',
    ),
    vector(
      'require-signature',
      'a policy that demands signatures, of a log without',
      mac,
      brings(mac, { data: [dataKey] }, { policy: { require: ['signature'] } }),
      2,
      first,
      'UNSIGNED 1-14',
    ),
    vector(
      'require-mac',
      'a policy that demands MACs are checked, no data key at hand',
      both,
      brings(both, { named: [edKey] }, { policy: { require: ['mac'] } }),
      2,
      'NO_KEY 1',
    ),
    ranged('named-until-8', 'the key is named up to size 8', [1, 8], 2, 'UNSIGNED 9-14', 'END_UNPROVEN 14'),
    ranged('named-from-10', 'the key is named from size 10 on', [10, 0], 0),
    ranged(
      'named-from-100',
      'the key is named from size 100 on: the log ends below',
      [100, 0],
      2,
      'UNSIGNED 1-14',
      'END_UNPROVEN 14',
    ),
  ];
}

function ranged17(log: SealedLog): ReturnType<typeof brings> {
  const auditor = brings(log, { named: [edKey, thirdEdKey] });
  const [, vkey] = auditor.vkeys as [string, string];
  return { ...auditor, vkey_ranges: { [vkey]: [1, 12] } };
}
