import { TamperError } from '../errors.ts';
import type { KeyProvider, Signing, SigningKey } from '../keys/provider.ts';
import { verifySignature } from '../keys/signature.ts';
import { signerFingerprint } from '../verify/trust/key-fingerprint.ts';

/** Who signs evidence for others: a key whose signatures they can check. */

/** A source of signatures, and the name of the key as the source has it. */
export interface EvidenceSigner {
  readonly signing: Pick<Signing, 'getSigningKey' | 'sign'>;
  readonly keyId: string;
}

/** A signing key with its public half. */
export interface PublicSigningKey extends SigningKey {
  readonly spki: Buffer;
  /** `sha256:` and the hex of SHA-256(SPKI). */
  readonly fingerprint: string;
}

/** The signer that options of the package name. @throws {@link TamperError} `USAGE`: they name no key */
export function namedSigner(signer: KeyProvider, signingKey: string | undefined): EvidenceSigner {
  const keyId = signingKey ?? signer.configured?.signingKey?.keyId;
  if (keyId !== undefined) return { signing: signer, keyId };
  throw new TamperError('USAGE', `the provider of ${signer.source} does not say which of its keys signs`, {
    hint: 'Name it: signingKey: NAME.',
  });
}

/** Resolves the key. @throws {@link TamperError} `KEY_WRONG_USAGE`: it has no public half; what its source throws */
export async function publicSigningKey({ signing, keyId }: EvidenceSigner): Promise<PublicSigningKey> {
  const key = await signing.getSigningKey(keyId, { toSign: true });
  const spki = key.spki === undefined ? undefined : Buffer.from(key.spki);
  const fingerprint = signerFingerprint({ ...(spki && { spki }) });
  if (spki !== undefined && fingerprint !== undefined) return { ...key, spki, fingerprint };
  throw new TamperError('KEY_WRONG_USAGE', `${key.identity} has no public key, so no one could check its signatures`, {
    hint: 'Sign with a key that has a public half.',
  });
}

/** E4.2, E6.2: signs. A signature that does not verify here is not given out. @throws {@link TamperError} `SIGNATURE_REJECTED` */
export async function signedWith(
  { signing }: EvidenceSigner,
  key: PublicSigningKey,
  message: Uint8Array,
): Promise<Uint8Array> {
  const { bytes, algorithm } = await signing.sign(key.identity, message);
  if (algorithm === key.algorithm && (await verifySignature(key.algorithm, key.spki, message, bytes))) return bytes;
  throw new TamperError('SIGNATURE_REJECTED', `the signature by ${key.identity} does not verify with its public key`, {
    hint: 'Nothing was written. If this happens again, the name of the key now stands for another key.',
  });
}
