import { createHash, createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { p256 } from '@noble/curves/nist.js';
import {
  ed25519Key,
  fixedBytes,
  type Keep,
  localKey,
  mlDsaKey,
  type SigningKey,
  serviceMacKey,
} from '../support/signing-keys.ts';

/** The keys of the vectors. Signatures of Ed25519 and RSA PKCS#1 are always the same; the others were made once and kept. */

const folder = fileURLToPath(new URL('../../vectors/keys/', import.meta.url));
const keptPath = `${folder}kept-signatures.json`;
/** Signatures by hex SHA-256 of key name, LF and text. */
export const keptSignatures: Record<string, string> = existsSync(keptPath)
  ? JSON.parse(readFileSync(keptPath, 'utf8'))
  : {};

const keeping = (name: string, sign?: (text: Uint8Array) => Buffer): Keep => {
  return (text, make) => {
    const place = createHash('sha256').update(`${name}\n`).update(text).digest('hex');
    const kept = keptSignatures[place];
    if (kept !== undefined) return Buffer.from(kept, 'base64');
    const made = sign?.(text) ?? make();
    keptSignatures[place] = made.toString('base64');
    return made;
  };
};

function fromFile(algorithm: Parameters<typeof localKey>[0], name: string): SigningKey {
  return localKey(algorithm, createPrivateKey(readFileSync(`${folder}${name}.pem`)), keeping(name));
}

/** What it signs anew is always the same (RFC 6979), so that a generated log is, too. */
function p256FromFile(): SigningKey {
  const privateKey = createPrivateKey(readFileSync(`${folder}p256.pem`));
  const scalar = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  const sign = (text: Uint8Array): Buffer => Buffer.from(p256.sign(text, scalar, { format: 'der', lowS: false }));
  return localKey('ecdsa-p256-sha256', privateKey, keeping('p256', sign));
}

export const dataKey: Buffer = fixedBytes('data key 1');
export const nextDataKey: Buffer = fixedBytes('data key 2');
export const otherDataKey: Buffer = fixedBytes('data key of somebody else');
export const edKey: SigningKey = ed25519Key('signing key 1');
export const nextEdKey: SigningKey = ed25519Key('signing key 2');
export const thirdEdKey: SigningKey = ed25519Key('signing key 3');
export const p256Key: SigningKey = p256FromFile();
export const p384Key: SigningKey = fromFile('ecdsa-p384-sha384', 'p384');
export const rsaPssKey: SigningKey = fromFile('rsa-pss-sha256', 'rsa-pss');
export const rsaPkcs1Key: SigningKey = fromFile('rsa-pkcs1-sha256', 'rsa-pkcs1');
export const pqKey: SigningKey = mlDsaKey('ml-dsa-65', 'signing key of ML-DSA-65');
export const nextPqKey: SigningKey = mlDsaKey('ml-dsa-44', 'signing key of ML-DSA-44');
export const otherPqKey: SigningKey = mlDsaKey('ml-dsa-44', 'signing key of somebody else');
export const serviceKey: ReturnType<typeof serviceMacKey> = serviceMacKey('audit-mac');
