import { assertNoteKey, type KeyProvider } from './keys/provider.ts';
import { FileKeyProvider } from './providers/file.ts';
import type { EpochSigner } from './seal/epoch/epoch.ts';
import { signerOf } from './seal/epoch/epoch-maker.ts';

/** A file holds one note key, which answers to every name. */
const NAME = 'note';

/**
 * Reads the note key of a writer (spec 4, M4.11).
 *
 * @param owned - is given the provider that signs, to close it
 * @throws {@link TamperError} `KEY_NOT_FOUND`, `KEY_MALFORMED`, `KEY_FILE_PERMISSIONS`, `ACCESS_DENIED`, `READ_FAILED`;
 *   `KEY_WRONG_USAGE` for another key than one of Ed25519
 */
export async function openNoteKey(path: string, owned: (provider: KeyProvider) => KeyProvider): Promise<EpochSigner> {
  const signing = owned(new FileKeyProvider({ signingKeys: { path } }));
  const key = await signing.getSigningKey(NAME);
  assertNoteKey(key);
  return { signer: signerOf(key), signing };
}
