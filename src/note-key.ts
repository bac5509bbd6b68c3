import { TamperError } from './errors.ts';
import type { Signer } from './format/key-reference.ts';
import { spkiFor } from './format/vkey.ts';
import { assertNoteKey, type KeyProvider } from './keys/provider.ts';
import { FileKeyProvider } from './providers/file.ts';

/** A file holds one note key, which answers to every name. */
const NAME = 'note';

/**
 * Reads the note key of a writer (spec 4, M4.11).
 *
 * @param owned - is given the provider that signs, to close it
 * @throws {@link TamperError} `KEY_NOT_FOUND`, `KEY_MALFORMED`, `KEY_FILE_PERMISSIONS`, `ACCESS_DENIED`, `READ_FAILED`;
 *   `KEY_WRONG_USAGE` for another key than one of Ed25519
 */
export async function openNoteKey(
  path: string,
  owned: (provider: KeyProvider) => KeyProvider,
): Promise<{ readonly signer: Signer; readonly signing: KeyProvider }> {
  const signing = owned(new FileKeyProvider({ signingKeys: { path } }));
  const key = await signing.getSigningKey(NAME);
  assertNoteKey(key);
  const { source, identity, algorithm, spki } = key;
  const point = spki && spkiFor(algorithm, spki);
  if (point === undefined) throw new TamperError('KEY_MALFORMED', `${path} has no public half of Ed25519`);
  return { signer: { source, identity, algorithm, spki: point }, signing };
}
