import { checkpointLine, notesIn, type ReadNote } from '../../support/sealed-lines.ts';
import { SealedLog } from '../../support/sealed-log.ts';
import { fixedBytes, logSignatureLine, type SigningKey } from '../../support/signing-keys.ts';
import { dataKey, edKey, nextPqKey, otherPqKey, pqKey } from '../keys.ts';

import { brings, type VectorCase, vector } from '../vector-case.ts';
import { editCheckpoint, flipSignature } from './checkpoints.ts';

/** Signatures of ML-DSA, a policy that demands them (M8.30), and signers that a reader does not know (M2.8). */

const demand = { policy: { require: ['post-quantum'] } } as const;
const signers = [edKey, pqKey];
const classical = { signers: [edKey] };

/** A signer of an algorithm of a later version. */
const later: SigningKey = {
  signer: { source: 'file', identity: 'later', algorithm: 'slh-dsa-128s' as never, spki: fixedBytes('later key') },
  noteKey: { algorithm: 'slh-dsa-128s' as never, bytes: fixedBytes('later key') },
  sign: () => Buffer.alloc(7856, 7),
};

const signedBy = (key: SigningKey): SealedLog =>
  new SealedLog()
    .open({ signers: [key] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();

function alone(name: string, key: SigningKey): VectorCase {
  const log = signedBy(key);
  return vector(`valid-${name}`, `checkpoints signed with ${name}`, log, brings(log, { named: [key] }), 0);
}

function changed(): VectorCase {
  const log = signedBy(pqKey);
  editCheckpoint(log, 1, flipSignature);
  const findings = ['SIGNATURE_WRONG 4', 'UNSIGNED 3-4', 'END_UNPROVEN 4'];
  const auditor = brings(log, { named: [pqKey] });
  return vector('signature-wrong-ml-dsa', 'the last signature of ML-DSA is changed', log, auditor, 1, ...findings);
}

/** A log of ML-DSA-44 whose last checkpoint has this signature line. */
function lastSigned(lineOf: (text: string) => string): SealedLog {
  return editCheckpoint(signedBy(nextPqKey), 1, (line) => {
    const [{ text }] = notesIn(line) as [ReadNote];
    return checkpointLine(`${text}\n${lineOf(text)}`);
  });
}

/** M4.2: of ML-DSA-44 a line holds a time, of which a verifier says nothing, and what C2SP has for it is signed, not the text. */
function ofCosigners(): VectorCase[] {
  const log = (time: bigint): SealedLog => lastSigned((text) => logSignatureLine(nextPqKey, text, time));
  const plain = lastSigned((text) => {
    const ofText: SigningKey = { ...nextPqKey, sign: () => nextPqKey.sign(Buffer.from(text)) };
    return logSignatureLine(ofText, text);
  });
  const wrong = ['SIGNATURE_WRONG 4', 'UNSIGNED 3-4', 'END_UNPROVEN 4'];
  const of = (name: string, about: string, made: SealedLog, verdict: 0 | 1, ...findings: string[]): VectorCase =>
    vector(name, about, made, brings(made, { named: [nextPqKey] }), verdict, ...findings);
  return [
    of('ml-dsa-44-time', 'the last signature of ML-DSA-44 holds a time', log(1_764_630_000n), 0),
    of('ml-dsa-44-time-last', 'the last signature of ML-DSA-44 holds the latest time', log(2n ** 63n - 1n), 0),
    of('ml-dsa-44-time-beyond', 'the last signature of ML-DSA-44 holds a later one', log(2n ** 63n), 1, ...wrong),
    of('ml-dsa-44-text', 'the last signature of ML-DSA-44 is one over the text', plain, 1, ...wrong),
  ];
}

const begin = (): SealedLog => new SealedLog().open({ signers }).seal().checkpoint().record('{"a":1}');

function demanded(): VectorCase[] {
  const both = begin().close().checkpoint();
  const missing = begin().close().checkpoint(classical);
  const forged = begin()
    .seal()
    .checkpoint()
    .key({ signers: [edKey, otherPqKey] })
    .seal();
  forged
    .checkpoint({ signers: [edKey, otherPqKey] })
    .record('{"a":2}')
    .close()
    .checkpoint();
  const renewed = new SealedLog().open(classical).seal().checkpoint().record('{"a":1}').key({ signers }).seal();
  renewed.checkpoint().record('{"a":2}').close().checkpoint();
  const mac = new SealedLog().open({ dataKey, signers }).seal().checkpoint().record('{"a":1}').seal().checkpoint();
  mac
    .open({ dataKey, ...classical })
    .seal()
    .checkpoint()
    .record('{"a":2}')
    .close()
    .checkpoint();
  const auditor = (log: SealedLog) => brings(log, { named: signers }, demand);
  const successors = { ...demand, accept: { successors: true } };
  return [
    vector(
      'valid-post-quantum',
      'Ed25519 and ML-DSA-65 sign; the first alone is named',
      both,
      brings(both, { named: [edKey] }),
      0,
    ),
    vector(
      'valid-post-quantum-demanded',
      'both sign, both are named, the policy demands ML-DSA',
      both,
      auditor(both),
      0,
    ),
    vector(
      'post-quantum-missing',
      'the last checkpoint carries no signature of ML-DSA, which the policy demands',
      missing,
      auditor(missing),
      2,
      'UNSIGNED 3-4',
      'END_UNPROVEN 4',
    ),
    vector(
      'post-quantum-handover-forged',
      'who has the key of Ed25519 hands over to a key of ML-DSA of his own; the policy accepts successors',
      forged,
      brings(forged, { named: signers }, successors),
      2,
      'UNSIGNED 5-6',
      'UNSIGNED 7-8',
      'END_UNPROVEN 8',
    ),
    vector(
      'post-quantum-restart-forged',
      'who has the key of Ed25519 and the data key restarts without ML-DSA, which the policy demands',
      mac,
      brings(mac, { data: [dataKey, dataKey], named: signers }, demand),
      2,
      'RESTART 5',
      'RESTART_TRUSTS_KEY 5',
      'UNSIGNED 5-8',
      'END_UNPROVEN 8',
    ),
    vector(
      'valid-post-quantum-renewed',
      'a log that Ed25519 began goes on with ML-DSA beside it, whose checkpoint covers what was before',
      renewed,
      auditor(renewed),
      0,
    ),
  ];
}

function unknown(): VectorCase[] {
  const beside = { signers: [later, edKey] };
  const log = new SealedLog().open(beside).seal().checkpoint().record('{"a":1}').close().checkpoint();
  const only = new SealedLog()
    .open({ signers: [later] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
  const last = new SealedLog().open(beside).seal().checkpoint().record('{"a":1}').close();
  last.checkpoint({ signers: [later] });
  const auditor = (one: SealedLog) => brings(one, { named: [edKey] });
  return [
    vector('valid-unknown-signer', 'a signer of a later version beside Ed25519', log, auditor(log), 0),
    vector(
      'unknown-signers-alone',
      'all signers are of a later version',
      only,
      auditor(only),
      2,
      'UNSUPPORTED 1',
      'END_UNPROVEN 4',
    ),
    vector(
      'unknown-signer-signs',
      'the last checkpoint is signed by a signer of a later version alone',
      last,
      auditor(last),
      2,
      'UNSIGNED 3-4',
      'END_UNPROVEN 4',
    ),
  ];
}

export function postQuantumCases(): VectorCase[] {
  const valid = [alone('ml-dsa-44', nextPqKey), alone('ml-dsa-65', pqKey)];
  return [...valid, changed(), ...ofCosigners(), ...demanded(), ...unknown()];
}
