import { createHash } from 'node:crypto';
import { derFromP1363, type SignatureAlgorithm, TamperError } from 'fapilog-tamper/keys';
import type { Handle } from 'pkcs11js';
import {
  CKG_MGF1_SHA256,
  CKM_ECDSA,
  CKM_EDDSA,
  CKM_SHA256,
  CKM_SHA256_HMAC,
  CKM_SHA256_RSA_PKCS,
  CKM_SHA256_RSA_PKCS_PSS,
  PARAMS_RSA_PSS,
} from './cryptoki.ts';
import { type Session, signWith } from './library.ts';

const pss = { type: PARAMS_RSA_PSS, hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, saltLen: 32 };

/** A signature in the encoding of the log. For ECDSA the digest is made here: not every token has CKM_ECDSA_SHA256. */
export async function signed(
  session: Session,
  algorithm: SignatureAlgorithm,
  key: Handle,
  data: Uint8Array,
): Promise<Buffer> {
  switch (algorithm) {
    case 'ecdsa-p256-sha256':
    case 'ecdsa-p384-sha384': {
      const digest = createHash(algorithm === 'ecdsa-p256-sha256' ? 'sha256' : 'sha384')
        .update(data)
        .digest();
      return derFromP1363(algorithm, await signWith(session, { mechanism: CKM_ECDSA }, key, digest));
    }
    case 'ed25519':
      return signWith(session, { mechanism: CKM_EDDSA }, key, data);
    case 'rsa-pss-sha256':
      return signWith(session, { mechanism: CKM_SHA256_RSA_PKCS_PSS, parameter: pss }, key, data);
    case 'rsa-pkcs1-sha256':
      return signWith(session, { mechanism: CKM_SHA256_RSA_PKCS }, key, data);
    case 'kms-hmac-sha256':
      return hmac(session, key, data);
    default:
      throw new TamperError('UNSUPPORTED_OPERATION', `PKCS#11 keys do not sign with ${algorithm}`);
  }
}

export async function hmac(session: Session, key: Handle, data: Uint8Array): Promise<Buffer> {
  const mac = await signWith(session, { mechanism: CKM_SHA256_HMAC }, key, data);
  if (mac.length === 32) return mac;
  throw new TamperError('RESPONSE_MALFORMED', `an HMAC-SHA256 has 32 bytes, but the token gave ${mac.length}`);
}
