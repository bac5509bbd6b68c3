import { formatCheckpointLine } from '../../../src/format/entry.ts';
import { SealedLog } from '../../support/sealed-log.ts';
import { ed25519Key } from '../../support/signing-keys.ts';
import { type Cosigning, witnessKey } from '../../support/witness-keys.ts';
import { dataKey, edKey, nextEdKey } from '../keys.ts';
import { bothBody, macBody, signedBody, signedLog, signKeys } from '../logs.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';

/** Cosignatures of witnesses (M4.10, M8.29). */

const w1 = witnessKey('witness.example.com/w1');
const w2 = witnessKey('witness.example.com/w2');
const w3 = witnessKey('witness.example.com/w3');
/** 2026-11-24T23:00:30Z */
const SEEN = 1_795_561_230;
const by = (...witnesses: (typeof w1)[]): { witnesses: Cosigning[] } => ({
  witnesses: witnesses.map((witness) => ({ witness, time: SEEN })),
});
const two: Further = { witnesses: [w1.vkey, w2.vkey], cosignatures: 2 };

const closed = (...witnesses: (typeof w1)[]): SealedLog =>
  signedBody()
    .close()
    .checkpoint(by(...witnesses));

/** A checkpoint line with one byte of its last signature changed. */
function spoiled(log: SealedLog, note: string): SealedLog {
  const lines = note.split('\n');
  const last = lines.length - 2;
  const line = lines[last] ?? '';
  lines[last] = `${line.slice(0, -10)}${line.at(-10) === 'A' ? 'B' : 'A'}${line.slice(-9)}`;
  return log.raw(formatCheckpointLine(lines.join('\n')), 'checkpoint');
}

function apart(): SealedLog {
  const log = signedBody().seal().checkpoint(by(w1)).record('{"n":1}').close();
  return log.checkpoint(by(w2)).checkpoint(by(w1));
}

/** A seal that both cosigned, and one that nobody did. */
const live = (): SealedLog => signedBody().seal().checkpoint(by(w1, w2)).record('{"n":1}').seal().checkpoint();
/** The same, and the seal that nobody cosigned is written a good while later. */
function overdue(): SealedLog {
  const log = signedBody().seal().checkpoint(by(w1, w2));
  for (let beat = 0; beat < 3; beat++) {
    log.clock += 300_000;
    log.seal().checkpoint();
  }
  return log;
}
const soon = (log: SealedLog, seconds: number): Further => ({
  live: true,
  now: new Date(log.clock + seconds * 1000).toISOString(),
});

const signed = (
  name: string,
  about: string,
  log: SealedLog,
  further: Further,
  verdict: 0 | 1 | 2,
  ...findings: string[]
): VectorCase => vector(name, about, log, brings(log, { named: [edKey] }, further), verdict, ...findings);

export function witnessCases(): VectorCase[] {
  const running = live();
  const late = overdue();
  const stranger = new SealedLog()
    .open({ signers: [nextEdKey] })
    .seal()
    .checkpoint()
    .close()
    .checkpoint(by(w1));
  const restarted = live().open(signKeys).seal().checkpoint();
  const self = witnessKey(running.origin, 'the log');
  const double = witnessKey('witness.example.com/other', 'of the log');
  const selfSigned = new SealedLog()
    .open({ signers: [ed25519Key('witness of the log')] })
    .seal()
    .checkpoint();
  selfSigned.record('{"n":1}').close().checkpoint(by(double));
  const macs = macBody().close().checkpoint(by(w1));
  const combined = bothBody().close().checkpoint(by(w1));
  const other = signedBody().record('{"n":"another history"}').close();
  const stolen = other.note(by(w1, w2)).split('\n');
  const lent = signedLog().note().split('\n').slice(0, 5).concat(stolen.slice(5)).join('\n');
  return [
    signed('valid-witnessed', 'both witnesses cosigned the end', closed(w1, w2), two, 0),
    signed(
      'valid-witnessed-one-of-two',
      'one of two witnesses is enough, and did',
      closed(w2),
      { ...two, cosignatures: 1 },
      0,
    ),
    signed(
      'valid-witnessed-later',
      'the checkpoint stands again with the cosignatures of each witness; one cosigned an older one as well',
      apart(),
      two,
      0,
    ),
    signed(
      'valid-witness-unknown',
      'a cosignature of a witness that nobody named is skipped',
      closed(w1, w3),
      {
        witnesses: [w1.vkey],
      },
      0,
    ),
    signed(
      'valid-witnessed-held',
      'the cosigned checkpoint is held, and stands without cosignatures in the log',
      closed(),
      { ...two, held: [closed().note(by(w1, w2))] },
      0,
    ),
    vector(
      'valid-witnessed-mac',
      'a log without signers, whose checkpoint a witness cosigned',
      macs,
      brings(macs, { data: [dataKey] }, { witnesses: [w1.vkey] }),
      0,
      'FIRST_RUN_TRUSTS_KEY 1',
    ),
    vector(
      'valid-witnessed-both',
      'a log with MACs and signatures, cosigned',
      combined,
      brings(combined, { data: [dataKey], named: [edKey] }, { witnesses: [w1.vkey] }),
      0,
    ),
    signed('unwitnessed', 'nobody cosigned', closed(), two, 2, 'UNWITNESSED 1-14'),
    signed(
      'unwitnessed-one-of-two',
      'one of the two who are demanded cosigned',
      closed(w1),
      two,
      2,
      'UNWITNESSED 1-14',
    ),
    signed(
      'unwitnessed-end',
      'the end, which the writer signed, is not cosigned; what came before it is',
      signedBody().seal().checkpoint(by(w1, w2)).record('{"n":1}').close().checkpoint(),
      two,
      2,
      'UNWITNESSED 15-16',
    ),
    signed(
      'unwitnessed-held',
      'to hold the end is not to have it cosigned',
      closed(),
      { ...two, held: [closed().note()] },
      2,
      'UNWITNESSED 1-14',
    ),
    signed(
      'unwitnessed-twice',
      'one witness cosigned twice',
      signedBody()
        .close()
        .checkpoint({ witnesses: [SEEN, SEEN + 1].map((time) => ({ witness: w1, time })) }),
      two,
      2,
      'UNWITNESSED 1-14',
    ),
    signed(
      'unwitnessed-own-name',
      'a cosignature under the name of the log, which the auditor took for that of a witness',
      closed(self),
      { witnesses: [self.vkey] },
      2,
      'UNWITNESSED 1-14',
    ),
    vector(
      'unwitnessed-own-key',
      'the key of the log cosigned under another name; the auditor holds the end, and named no signer',
      selfSigned,
      brings(selfSigned, {}, { witnesses: [double.vkey], held: [selfSigned.note()] }),
      2,
      'KEY_NOT_NAMED 1-4',
      'UNWITNESSED 1-4',
    ),
    signed(
      'cosignature-wrong',
      'a byte of a cosignature of a named witness was changed',
      spoiled(closed(w2), closed().note(by(w1))),
      two,
      1,
      'SIGNATURE_WRONG 14',
      'UNWITNESSED 1-14',
    ),
    signed(
      'cosignature-of-other-text',
      'cosignatures of another history of the same length stand under the checkpoint',
      signedBody().close().checkpoint().raw(formatCheckpointLine(lent), 'checkpoint'),
      two,
      1,
      'SIGNATURE_WRONG 14',
      'UNWITNESSED 1-14',
    ),
    signed(
      'valid-live-witnessed',
      'a live log whose newest seal is not cosigned yet; the one before is, and is recent',
      running,
      { ...two, ...soon(running, 60) },
      0,
      'UNSEALED_TAIL 15-16',
    ),
    signed(
      'unwitnessed-live',
      'a live log that is sealed and signed, and whose newest cosigned seal is too old',
      late,
      { ...two, ...soon(late, 60) },
      2,
      'UNSEALED_TAIL 15-17',
      'UNWITNESSED 15-17',
    ),
    signed(
      'unwitnessed-run',
      'a live log whose newest run is not cosigned',
      restarted,
      { ...two, ...soon(restarted, 60) },
      2,
      'RESTART 17',
      'UNWITNESSED 15-18',
    ),
    signed(
      'unwitnessed-until',
      'signed up to the time that is demanded, and cosigned up to an earlier one',
      running,
      { ...two, until: new Date(running.clock).toISOString() },
      2,
      'UNSEALED_TAIL 15-16',
      'UNWITNESSED 15-16',
    ),
    vector(
      'unsigned-witnessed',
      'a witness cosigned what another key signed: it vouches for the order, not for the writer',
      stranger,
      brings(stranger, { named: [edKey] }, { witnesses: [w1.vkey] }),
      2,
      'NO_KEY 1-3',
      'END_UNPROVEN 3',
    ),
  ];
}
