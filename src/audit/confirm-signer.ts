import { isTamperError } from '../errors.ts';
import { namesIdentity } from '../keys/identity.ts';
import type { Signing, SigningKey } from '../keys/provider.ts';
import type { NamedSigningKey } from './verification-keys.ts';

/** A signer is the key that the auditor's side names, if the key service of that side gives the same public key for it. */
export async function confirmSigner(
  signing: () => Promise<Signing>,
  named: NamedSigningKey,
  signer: SigningKey,
): Promise<boolean> {
  const { source, identity, algorithm, spki } = signer;
  if (named.source !== source) return false;
  const asked = namesIdentity(named.keyId, source, identity) ? identity : named.keyId;
  try {
    const own = await (await signing()).getSigningKey(asked);
    if (own.identity !== identity || own.algorithm !== algorithm) return false;
    return spki === undefined ? own.spki === undefined : Buffer.from(spki).equals(own.spki ?? Buffer.alloc(0));
  } catch (error) {
    if (isTamperError(error, 'KEY_VERSION_UNAVAILABLE') || isTamperError(error, 'KEY_NOT_FOUND')) return false;
    throw error;
  }
}
