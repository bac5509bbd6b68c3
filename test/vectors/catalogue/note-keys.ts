import { type EpochKeys, SealedLog } from '../../support/sealed-log.ts';
import { asNote, ed25519Key, fixedBytes, type SigningKey } from '../../support/signing-keys.ts';
import { dataKey, edKey, p256Key, thirdEdKey } from '../keys.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';
import { editCheckpoint, flipSignature } from './checkpoints.ts';

/** Note keys: they sign what a key service's key has signed, and count for nothing (M2.9, M8.34). */

const note = asNote(edKey);
const both: EpochKeys = { signers: [p256Key, note] };
/** Signs with the algorithm of a later version. */
const later: SigningKey = {
  signer: { source: 'aws-kms', identity: 'later', algorithm: 'slh-dsa-128s' as never, spki: fixedBytes('later key') },
  noteKey: { algorithm: 'slh-dsa-128s' as never, bytes: fixedBytes('later key') },
  sign: () => Buffer.alloc(64, 7),
};

/** Two keys that have one key id in the stream of the vectors, found by trying. */
export const sameId: readonly [SigningKey, SigningKey] = [ed25519Key('same id 17419'), ed25519Key('same id 23033')];

const begin = (keys: EpochKeys = both): SealedLog => new SealedLog().open(keys).seal().checkpoint().record('{"a":1}');
const end = (log: SealedLog, signers?: readonly SigningKey[]): SealedLog =>
  log
    .record('{"a":2}')
    .close()
    .checkpoint(signers && { signers });

function honest(): VectorCase[] {
  const plain = end(begin());
  const mac = end(begin({ dataKey, signers: [p256Key, note] }));
  const before = begin({ signers: [edKey] }).handOver(both);
  end(before.seal().checkpoint());
  const named = (one: SealedLog, keys: readonly SigningKey[], further: Further = {}) =>
    brings(one, { named: keys }, further);
  const vkey = brings(plain, { named: [note] }).vkeys as string[];
  return [
    vector(
      'valid-note-key',
      'a key of P-256 and a note key sign; the first is named, the other as a note key',
      plain,
      named(plain, [p256Key], { note_keys: vkey }),
      0,
    ),
    vector(
      'valid-note-key-unnamed',
      'the note key is not named',
      mac,
      brings(mac, { data: [dataKey], named: [p256Key] }),
      0,
    ),
    vector(
      'valid-note-key-both',
      'both are named as signers: the first counts',
      plain,
      named(plain, [p256Key, note]),
      0,
    ),
    vector(
      'valid-note-key-counts',
      'the note key alone is named, as a signer',
      plain,
      named(plain, [note]),
      0,
      'NOTE_KEY_COUNTS 1',
    ),
    vector(
      'valid-note-key-was-signer',
      'a log that the key began as its signer is handed over to P-256, beside which it is a note key',
      before,
      named(before, [edKey, p256Key]),
      0,
    ),
    vector(
      'note-key-wrong',
      'the last signature of the note key is changed',
      spoiled(),
      named(spoiled(), [p256Key]),
      1,
      'SIGNATURE_WRONG 4',
      'UNSIGNED 3-4',
      'END_UNPROVEN 4',
    ),
  ];
}

function spoiled(): SealedLog {
  const log = begin();
  log.close().checkpoint({ signers: [note, p256Key] });
  editCheckpoint(log, 1, flipSignature);
  return log;
}

function forged(): VectorCase[] {
  const stolen = { signers: [edKey] };
  const his: EpochKeys = { signers: [thirdEdKey, note] };
  const cases: [
    name: string,
    about: string,
    log: SealedLog,
    named: readonly SigningKey[],
    Further,
    0 | 1 | 2,
    ...string[],
  ][] = [
    [
      'alone',
      'the note key alone signed the close',
      end(begin(), [note]),
      [p256Key],
      {},
      1,
      'UNSIGNED 3-5',
      'CHECKPOINT_UNSIGNED 5',
      'END_UNPROVEN 5',
    ],
    [
      'restart',
      'who has the note key restarts under it',
      end(
        begin()
          .close()
          .checkpoint(stolen)
          .open({ signers: [note] })
          .seal()
          .checkpoint(),
      ),
      [p256Key, note],
      {},
      1,
      'ADOPTED 3-4',
      'CHECKPOINT_UNSIGNED 4',
      'MODE_CHANGE 5',
      'NOTE_KEY_COUNTS 5',
      'RESTART 5',
    ],
    [
      'restart-unmarked',
      'who has the note key restarts under it as a signer',
      end(begin().seal().checkpoint().open(stolen).seal().checkpoint()),
      [p256Key, note],
      {},
      1,
      'MODE_CHANGE 5',
      'NOTE_KEY_COUNTS 5',
      'RESTART 5',
    ],
    [
      'restart-beside',
      'who has the note key restarts under a key of his own beside it',
      end(begin().seal().checkpoint().open(his).seal().checkpoint()),
      [p256Key, note],
      {},
      2,
      'NOTE_KEY_COUNTS 5',
      'RESTART 5',
      'UNSIGNED 5-8',
    ],
    [
      'handover',
      'who has the note key hands over to a key of his own; successors are accepted',
      end(
        begin()
          .key(his)
          .seal()
          .checkpoint({ signers: [note, thirdEdKey] })
          .seal()
          .checkpoint(),
      ),
      [p256Key, note],
      { accept: { successors: true } },
      2,
      'UNSIGNED 3-5',
      'NOTE_KEY_COUNTS 4',
      'UNSIGNED 6-8',
    ],
    [
      'unknown-signer',
      'who has the note key restarts under an algorithm that nobody knows beside it',
      end(
        begin()
          .seal()
          .checkpoint()
          .open({ signers: [later, note] })
          .seal()
          .checkpoint(),
      ),
      [p256Key],
      {},
      2,
      'UNSUPPORTED 5',
      'END_UNPROVEN 8',
    ],
    [
      'same-id',
      'the note key has the key id of the signer',
      end(begin({ signers: [sameId[0], asNote(sameId[1])] })),
      [sameId[0]],
      {},
      1,
      'CONTROL_MALFORMED 1',
    ],
    [
      'twice',
      'the signer is its own note key',
      end(begin({ signers: [edKey, note] })),
      [edKey],
      {},
      1,
      'CONTROL_MALFORMED 1',
      'NOTE_KEY_COUNTS 1',
    ],
  ];
  return cases.map(([name, about, log, named, further, verdict, ...findings]) =>
    vector(`note-key-${name}`, about, log, brings(log, { named }, further), verdict, ...findings),
  );
}

export function noteKeyCases(): VectorCase[] {
  return [...honest(), ...forged()];
}
