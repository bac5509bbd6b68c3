import { SealedLog } from '../../support/sealed-log.ts';
import type { SigningKey } from '../../support/signing-keys.ts';
import {
  dataKey,
  edKey,
  nextDataKey,
  nextEdKey,
  p256Key,
  p384Key,
  rsaPkcs1Key,
  rsaPssKey,
  serviceKey,
} from '../keys.ts';
import { bothKeys, bothLog, macBody, macKeys, macLog, signedBody, signedLog, signKeys } from '../logs.ts';
import { dropCheckpoints } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

const first = 'FIRST_RUN_TRUSTS_KEY 1';

function algorithm(name: string, key: SigningKey): VectorCase {
  const log = new SealedLog()
    .open({ signers: [key] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
  return vector(`valid-${name}`, `checkpoints signed with ${name}`, log, brings(log, { named: [key] }), 0);
}

function forms(): VectorCase {
  const log = new SealedLog().open(macKeys).seal().checkpoint();
  log.record(
    '{}',
    '{ \t}',
    '{"a":{"b":[1,2]}}',
    ' {"a":1}',
    'plain text',
    '',
    '{"a":1} ',
    '[1]',
    '\ufeff{"a":1}',
    '"\\ud800"',
  );
  log.record(
    'tab\there \u2028 and \u00e9 and \ud83d\ude00',
    Buffer.from([0xff, 0xfe, 0x00, 0x41]),
    Buffer.from('a\0b'),
  );
  log.longRecord(Buffer.from('a long line in three parts, cut at eleven bytes'), 20);
  log.close().checkpoint();
  const about = 'objects as they are; text, binary and long lines wrapped';
  return vector('valid-forms', about, log, brings(log, { data: [dataKey] }), 0, first);
}

function imitation(): VectorCase {
  const log = macBody();
  const imitations = [
    '{"integrity":{"seq":1,"kind":"key","next":"AAAAAAAA.2","key_id":"AAAAAAAA.1","mac":"x"}}',
    '{"integrity":{"kind":"checkpoint","note":"audit.example.com/vectors/a\\n4\\nAAAA\\n"}}',
    ...log.lines.map((line) => line.bytes.toString('utf8')),
  ];
  log
    .record(...imitations)
    .close()
    .checkpoint();
  const about = 'the application logs every line of this very file again: each is a record and stays one';
  return vector('valid-imitation', about, log, brings(log, { data: [dataKey] }), 0, first);
}

function runs(): VectorCase {
  const log = macBody().close().checkpoint().open(macKeys, { why: 'resumed' }).seal().checkpoint().record('second run');
  log.raw(Buffer.alloc(0)).open(macKeys).seal().checkpoint().record('third run, after a crash').close().checkpoint();
  const auditor = brings(log, { data: [dataKey, dataKey, dataKey] });
  const expected = [first, 'RESTART 15', 'RESTART_TRUSTS_KEY 15', 'RESTART 18', 'RESTART_TRUSTS_KEY 18'];
  return vector('valid-runs', 'a clean restart, then a crash and an empty line', log, auditor, 0, ...expected);
}

function signedRuns(): VectorCase {
  const log = signedLog()
    .open(signKeys, { why: 'resumed' })
    .seal()
    .checkpoint()
    .record('second run')
    .close()
    .checkpoint();
  const auditor = brings(log, { named: [edKey] });
  return vector('valid-signed-runs', 'a clean restart in a signed log', log, auditor, 0, 'RESTART 15');
}

function rotated(): SealedLog {
  const log = macBody()
    .close('rotated')
    .checkpoint()
    .rotate('log.2.jsonl')
    .record('in the second file')
    .seal()
    .checkpoint();
  return log
    .record('more')
    .close('rotated')
    .rotate('log.3.jsonl')
    .checkpoint()
    .record('in the third')
    .close()
    .checkpoint();
}

function files(): VectorCase {
  const log = rotated();
  const about = 'three files; a checkpoint stands in the file after its close';
  return vector('valid-files', about, log.toFiles().reverse(), brings(log, { data: [dataKey] }), 0, first);
}

function part(): VectorCase {
  const log = rotated();
  const [held, inside] = [14, 19].map((size) => log.note({ size }));
  const auditor = brings(log, { data: [dataKey] }, { part: true, held: [held as string, inside as string] });
  const middle = log.toFiles().filter(({ name }) => name === 'log.2.jsonl');
  return vector('valid-part', 'one closed file by itself, between two held checkpoints', middle, auditor, 0);
}

function handOver(): VectorCase {
  const log = macBody().handOver({ dataKey: nextDataKey }).record('under the next key').close().checkpoint();
  const auditor = brings(log, { data: [dataKey, nextDataKey] });
  return vector('valid-handover-data', 'a hand-over from one data key to the next', log, auditor, 0, first);
}

function signedHandOver(): VectorCase {
  const log = signedBody()
    .handOver({ signers: [nextEdKey] })
    .record('under the next key')
    .close()
    .checkpoint();
  const auditor = brings(log, { named: [edKey, nextEdKey] });
  return vector('valid-handover-signers', 'a hand-over from one signing key to the next', log, auditor, 0);
}

function successors(): VectorCase {
  const log = signedBody()
    .handOver({ signers: [nextEdKey] })
    .record('under the next key')
    .close()
    .checkpoint();
  const auditor = brings(log, { named: [edKey] }, { accept: { successors: true } });
  return vector('valid-successors', 'the auditor accepts whom a vouched key period hands over to', log, auditor, 0);
}

function hashToMac(): VectorCase {
  const log = signedBody().handOver(bothKeys).record('now with MACs').close().checkpoint();
  const auditor = brings(log, { named: [edKey] });
  return vector('valid-hash-to-mac', 'a hand-over from checksums to MACs with the same signer', log, auditor, 0);
}

function macToHash(): VectorCase {
  const log = macBody().handOver(signKeys).record('now signed').close().checkpoint();
  const auditor = brings(log, { data: [dataKey], named: [edKey] });
  return vector('valid-mac-to-hash', 'from MACs to checksums, by a hand-over', log, auditor, 0);
}

function service(): VectorCase {
  const log = new SealedLog()
    .open({ signers: [serviceKey] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
  const further = { service_keys: { [serviceKey.signer.identity]: serviceKey.secret.toString('hex') } };
  const auditor = brings(log, { named: [serviceKey] }, further);
  return vector('valid-kms-hmac-sha256', 'checkpoints with a MAC that only the key service can check', log, auditor, 0);
}

function moved(): VectorCase {
  const log = macLog();
  const checkpoints = log.lines.filter((line) => line.kind === 'checkpoint');
  log.lines = [
    ...log.lines.filter((line) => line.kind !== 'checkpoint'),
    ...checkpoints.reverse(),
    ...checkpoints.slice(0, 1),
  ];
  const about = 'checkpoint lines moved to the end, in another order, one of them twice: allowed';
  return vector('valid-checkpoints-moved', about, log, brings(log, { data: [dataKey] }), 0, first);
}

function oneCheckpoint(): VectorCase {
  const log = dropCheckpoints(signedLog(), (number) => number < 2);
  const about = 'only the last checkpoint is left; it covers everything';
  return vector('valid-one-checkpoint', about, log, brings(log, { named: [edKey] }), 0);
}

function gaps(): VectorCase {
  const log = macBody().gap(0, 'key_service').gap(3).gap(2, 'disk').seal().checkpoint().close().checkpoint();
  const expected = [first, 'DROPPED 15', 'DROPPED 16'];
  return vector('valid-gaps', 'the writer says what it lost', log, brings(log, { data: [dataKey] }), 0, ...expected);
}

function live(): VectorCase {
  const log = signedBody();
  const further = { live: true, now: new Date(log.clock + 60_000).toISOString() };
  const auditor = brings(log, { named: [edKey] }, further);
  return vector('valid-live', 'a log that is still written', log, auditor, 0, 'UNSEALED_TAIL 9-13');
}

function until(): VectorCase {
  const log = signedBody();
  const auditor = brings(log, { named: [edKey] }, { until: '2026-11-24T23:00:02.000Z' });
  return vector('valid-until', 'sealed up to the time that the policy asks for', log, auditor, 0, 'UNSEALED_TAIL 9-13');
}

function away(): VectorCase {
  const log = new SealedLog()
    .open(bothKeys)
    .seal()
    .checkpoint({ mac: true, signers: [] })
    .record('{"a":1}')
    .gap(0, 'key_service');
  log.seal().checkpoint({ signers: [] }).record('{"a":2}').close().checkpoint();
  const about = 'the key service was away: notes with our MAC alone, then a signature that covers everything';
  return vector('valid-service-away', about, log, brings(log, { data: [dataKey], named: [edKey] }), 0);
}

function adoptedWithMacs(): VectorCase {
  const log = bothLog()
    .open(bothKeys, { why: 'resumed' })
    .seal()
    .checkpoint()
    .record('lost its checkpoint', 'too')
    .seal();
  log.open(bothKeys).seal().checkpoint().close().checkpoint();
  const auditor = brings(log, { data: [dataKey, dataKey, dataKey], named: [edKey] });
  const about = 'a crash before a signature; the old MACs decide over what the next run adopted';
  return vector('valid-adopted-with-macs', about, log, auditor, 0, 'RESTART 15', 'RESTART 20');
}

/** Logs that are as they should be. */
export function validCases(): VectorCase[] {
  const mac = macLog();
  const both = bothLog();
  const signed = signedLog();
  return [
    vector('valid-mac', 'a data key only', mac, brings(mac, { data: [dataKey] }), 0, first),
    vector(
      'valid-mac-pinned',
      'the enrolment checkpoint is held',
      mac,
      brings(mac, { data: [dataKey] }, { held: [mac.note({ size: 2 })] }),
      0,
    ),
    algorithm('ed25519', edKey),
    algorithm('ecdsa-p256-sha256', p256Key),
    algorithm('ecdsa-p384-sha384', p384Key),
    algorithm('rsa-pss-sha256', rsaPssKey),
    algorithm('rsa-pkcs1-sha256', rsaPkcs1Key),
    service(),
    vector('valid-signed', 'signatures only', signed, brings(signed, { named: [edKey] }), 0),
    vector(
      'valid-both',
      'data key and signatures, the auditor has both',
      both,
      brings(both, { data: [dataKey], named: [edKey] }),
      0,
    ),
    vector(
      'valid-both-public',
      'data key and signatures, the auditor has the public key',
      both,
      brings(both, { named: [edKey] }),
      0,
    ),
    vector(
      'valid-both-data',
      'data key and signatures, the auditor has the data key',
      both,
      brings(both, { data: [dataKey] }),
      0,
      first,
    ),
    vector(
      'valid-both-required',
      'a policy that demands MACs and signatures',
      both,
      brings(both, { data: [dataKey], named: [edKey] }, { policy: { records: 'mac', require: ['mac', 'signature'] } }),
      0,
    ),
    forms(),
    imitation(),
    runs(),
    signedRuns(),
    files(),
    part(),
    handOver(),
    signedHandOver(),
    successors(),
    hashToMac(),
    macToHash(),
    moved(),
    oneCheckpoint(),
    gaps(),
    live(),
    until(),
    away(),
    adoptedWithMacs(),
  ];
}
