import { isTamperError } from '../errors.ts';
import { type KeyNaming, namesIdentity } from '../keys/identity.ts';
import type { Signing, SigningKey } from '../keys/provider.ts';
import type { PublicKeyName } from '../verify/auditor/options.ts';
import type { NamedDataKeys } from '../verify/data-keys/named-data-keys.ts';
import type { RecoveredDataKey } from '../verify/data-keys/recovered-data-keys.ts';

/** The keys of one verification, as the verifier takes them. Whoever opened them closes them. */
export interface VerificationKeys {
  readonly dataKeys: readonly NamedDataKeys[];
  /** Data keys that were recovered before, of one key period each. */
  readonly recoveredKeys: readonly RecoveredDataKey[];
  readonly publicKeys: readonly (string | PublicKeyName)[];
  /** Whether a signer in the log is a key that the auditor's side names. */
  readonly confirmSigner: (signer: SigningKey) => Promise<boolean>;
  /** Whether a signing key is named beside the public keys: it must have signed something of the log (M8.14). */
  readonly signerNamed: boolean;
  readonly verifyOnline: (signer: SigningKey, text: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  /** Closes what was opened. */
  readonly close: () => Promise<void>;
}

/** A signing key that somebody named, and where it lies. */
export interface NamedSigningKey extends KeyNaming {
  readonly keyId: string;
}

/**
 * A signer is the key that the auditor's side names, if the key service of that side gives the same public key for it. The
 * right to check MACs does not include the right to read about their key: then its name is enough, because only that key
 * can pass the check.
 */
export async function confirmSigner(
  signing: () => Promise<Signing>,
  named: NamedSigningKey,
  signer: SigningKey,
): Promise<boolean> {
  const { source, identity, algorithm, spki } = signer;
  if (named.source !== source) return false;
  const isNamed = namesIdentity(named.keyId, named, identity);
  const asked = isNamed ? identity : named.keyId;
  try {
    const own = await (await signing()).getSigningKey(asked);
    if (own.identity !== identity || own.algorithm !== algorithm) return false;
    return spki === undefined ? own.spki === undefined : Buffer.from(spki).equals(own.spki ?? Buffer.alloc(0));
  } catch (error) {
    if (isTamperError(error, 'KEY_VERSION_UNAVAILABLE') || isTamperError(error, 'KEY_NOT_FOUND')) return false;
    if (isTamperError(error, 'ACCESS_DENIED') && isNamed && algorithm === 'kms-hmac-sha256') return true;
    throw error;
  }
}
