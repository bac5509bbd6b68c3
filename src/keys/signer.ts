import { TamperError } from '../errors.ts';
import { noteKeyOf, type Signer } from '../format/key-reference.ts';
import { noteKeyId, spkiFor } from '../format/vkey.ts';
import type { SigningKey } from './provider.ts';

/** A key as its log names it. @throws {@link TamperError} `KEY_MALFORMED`: its public half is not one of its algorithm */
export function signerOf(key: SigningKey): Signer {
  const { source, identity, algorithm } = key;
  if (algorithm === 'kms-hmac-sha256') return { source, identity, algorithm };
  const spki = key.spki && spkiFor(algorithm, key.spki);
  if (spki === undefined) {
    throw new TamperError('KEY_MALFORMED', `the public key of ${identity} is not one for ${algorithm}`);
  }
  return { source, identity, algorithm, spki };
}

/** M4.11. @throws {@link TamperError} `KEY_WRONG_USAGE`: a reader could not tell its lines from those of a signer */
export function assertNoteKey(origin: string, note: Signer, signers: readonly Signer[]): void {
  const idOf = (signer: Signer): string => noteKeyId(origin, noteKeyOf(signer)).toString('hex');
  if (signers.every((signer) => idOf(signer) !== idOf(note))) return;
  throw new TamperError('KEY_WRONG_USAGE', `the note key of ${origin} has the key id of a key that signs it`, {
    hint: 'A note key is a key of its own: make one with `fapilog-tamper keygen --algorithm Ed25519`.',
  });
}
