import type { Steps } from './foundation/steps.ts';
import type { KeyProvider } from './keys/provider.ts';
import { signerOf } from './keys/signer.ts';
import { noteKeyProvider, readNoteKey } from './providers/internal/note-key.ts';
import type { EpochSigner } from './seal/epoch/epoch.ts';

/**
 * Opens the note key of a writer (spec 4, M4.11).
 *
 * @param owned - is given the provider that signs, to close it
 * @throws as `readNoteKey`
 */
export function* openNoteKey(path: string, owned: (provider: KeyProvider) => KeyProvider): Steps<EpochSigner> {
  const signing = owned(noteKeyProvider(path));
  return { signer: signerOf(yield* readNoteKey(path, signing)), signing };
}
