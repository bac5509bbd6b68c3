import { TamperError } from '../../errors.ts';
import { malformed } from '../internal/service-error.ts';
import type { KeyVersion } from './key-version.ts';

/**
 * The wrapped form of a data key: 0x01 ‖ IV (12) ‖ tag (16) ‖ ciphertext (32), as AES-256-GCM of the vault gave them.
 *
 * AES-GCM and not AES key wrap (A256KW), because key wrap takes no additional data: only GCM binds the wrapped key to its
 * stream and key period (spec 5, wrapping context).
 */
export interface WrappedKeyParts {
  readonly iv: Uint8Array;
  readonly tag: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const form = 0x01;
const lengths = { iv: 12, tag: 16, ciphertext: 32 };
const total = 1 + lengths.iv + lengths.tag + lengths.ciphertext;

/**
 * Puts the parts together.
 *
 * @throws {TamperError} `RESPONSE_MALFORMED`: a part is missing or has another length
 */
export function packWrappedKey(parts: { readonly [Name in keyof WrappedKeyParts]: Uint8Array | undefined }): Buffer {
  for (const name of ['iv', 'tag', 'ciphertext'] as const) {
    if (parts[name]?.length === lengths[name]) continue;
    const fault = `${name} of ${parts[name]?.length ?? 0} bytes instead of ${lengths[name]}`;
    throw malformed('Azure Key Vault encrypt', fault, true);
  }
  const { iv, tag, ciphertext } = parts;
  return Buffer.concat([Buffer.of(form), iv ?? Buffer.of(), tag ?? Buffer.of(), ciphertext ?? Buffer.of()]);
}

/**
 * Takes a wrapped key from a log apart.
 *
 * @throws {TamperError} `WRONG_KEY_OR_CONTEXT`: not one of ours
 */
export function unpackWrappedKey(wrapped: Uint8Array | undefined, identity: string): WrappedKeyParts {
  if (wrapped?.length !== total || wrapped[0] !== form) {
    throw new TamperError(
      'WRONG_KEY_OR_CONTEXT',
      `the wrapped data key of Azure key "${identity}" has ${wrapped?.length ?? 0} bytes, or not the form that we write`,
    );
  }
  const tagAt = 1 + lengths.iv;
  const ciphertextAt = tagAt + lengths.tag;
  return {
    iv: wrapped.subarray(1, tagAt),
    tag: wrapped.subarray(tagAt, ciphertextAt),
    ciphertext: wrapped.subarray(ciphertextAt),
  };
}

/**
 * Refuses data keys on keys that cannot protect them.
 *
 * @throws {TamperError} `UNSUPPORTED_OPERATION`: RSA or EC; `KEY_WRONG_USAGE`: an AES key that may not encrypt
 */
export function assertWraps(version: KeyVersion): void {
  const family = version.keyType.replace(/-HSM$/, '');
  const what = `Azure key "${version.identity}" is of type ${version.keyType}`;
  if (family === 'RSA') {
    throw new TamperError(
      'UNSUPPORTED_OPERATION',
      `${what}: wrapping with RSA takes only the public key, so anyone could make a data key and the MACs of a whole log`,
      { hint: 'Sign with this key (use_kms_signing: true), or wrap data keys with an oct-HSM key.' },
    );
  }
  if (family !== 'oct') {
    throw new TamperError('UNSUPPORTED_OPERATION', `${what}, which cannot wrap data keys`, {
      hint: 'Sign with this key (use_kms_signing: true), or wrap data keys with an oct-HSM key.',
    });
  }
  if (version.operations !== undefined && !version.operations.includes('encrypt')) {
    throw new TamperError('KEY_WRONG_USAGE', `${what} and allows ${version.operations.join(', ')}, not encrypt`, {
      hint: 'Add encrypt (and decrypt, for auditors) to its permitted operations (key_ops).',
    });
  }
}
