import { isTamperError, TamperError } from '../../errors.ts';
import { LATER, type Steps, waitFor } from '../../foundation/steps.ts';
import { keysAtOnce } from '../../keys/at-once.ts';
import type { KeyProvider, SigningKey } from '../../keys/provider.ts';
import { bytesOfKeyFile, MAX_KEY_FILE } from './key-file.ts';
import { malformed } from './key-text.ts';
import { LocalKeyProvider } from './local-provider.ts';

/** The file holds one key, which answers to every name. */
const NAME = 'note';
const HINT =
  'note_key_file_path names the file of a private key that `fapilog-tamper keygen --algorithm Ed25519` makes.';
/** What another file may be taken for. */
const hinted: ReadonlySet<string> = new Set(['KEY_NOT_FOUND', 'KEY_MALFORMED', 'KEY_WRONG_USAGE']);

/** The source of the note key of a writer (spec 4, M4.11). */
export function noteKeyProvider(path: string): KeyProvider {
  return new LocalKeyProvider({
    source: 'file',
    raw: false,
    *read() {
      const bytes = yield* bytesOfKeyFile(path, MAX_KEY_FILE);
      const place = `file ${path}`;
      if (bytes.indexOf('-----BEGIN') === 0) return { bytes, place };
      bytes.fill(0);
      // 32 bytes may be a data key, whose public half must never be published
      throw malformed(place, 'is not PEM, but a note key is an Ed25519 private key in PEM');
    },
  });
}

/**
 * Reads the key of a {@link noteKeyProvider}.
 *
 * @throws {@link TamperError} `KEY_NOT_FOUND`, `KEY_MALFORMED`, `KEY_FILE_PERMISSIONS`, `ACCESS_DENIED`, `READ_FAILED`;
 *   `KEY_WRONG_USAGE` for another key than one of Ed25519
 */
export function* readNoteKey(path: string, provider: KeyProvider): Steps<SigningKey> {
  try {
    const key = yield* waitFor(
      () => provider.getSigningKey(NAME),
      () => keysAtOnce(provider)?.getSigningKey(NAME) ?? LATER,
    );
    if (key.algorithm === 'ed25519') return key;
    throw new TamperError(
      'KEY_WRONG_USAGE',
      `file ${path} holds a key of ${key.algorithm}, but a note key is one of Ed25519`,
    );
  } catch (error) {
    if (!isTamperError(error) || !hinted.has(error.code)) throw error;
    throw new TamperError(error.code, error.message, { cause: error.cause, hint: HINT });
  }
}
