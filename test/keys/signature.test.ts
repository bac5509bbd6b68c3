import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SignatureAlgorithm } from '../../src/keys/provider.ts';
import { canonicalSpki, readCanonicalSpki, readPublicKey, toCanonicalSpki } from '../../src/keys/public-key.ts';
import { derFromP1363, signLocally, verifySignature } from '../../src/keys/signature.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs: Record<Exclude<SignatureAlgorithm, 'kms-hmac-sha256'>, { publicKey: KeyObject; privateKey: KeyObject }> = {
  ed25519: generateKeyPairSync('ed25519'),
  'ecdsa-p256-sha256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384-sha384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'rsa-pss-sha256': rsa,
  'rsa-pkcs1-sha256': rsa,
};
const data = Buffer.from('example.com/log\n2\nAAAA\n');

describe.each(Object.entries(pairs))('%s', (name, pair) => {
  const algorithm = name as SignatureAlgorithm;

  test('signs and verifies, and finds every flipped byte', () => {
    const signature = signLocally(algorithm, pair.privateKey, data);
    const spki = canonicalSpki(pair.publicKey);
    expect(verifySignature(algorithm, spki, data, signature)).toBe(true);
    for (let index = 0; index < signature.length; index += 1) {
      const flipped = Buffer.from(signature);
      flipped[index] = (flipped[index] ?? 0) ^ 0x40;
      expect(verifySignature(algorithm, pair.publicKey, data, flipped)).toBe(false);
    }
    for (const bad of [Buffer.alloc(0), signature.subarray(1), Buffer.concat([signature, Buffer.of(0)])]) {
      expect(verifySignature(algorithm, pair.publicKey, data, bad)).toBe(false);
    }
  });

  test('refuses a key of another algorithm', () => {
    const other = algorithm === 'ed25519' ? rsa.publicKey : pairs.ed25519.publicKey;
    expect(() => verifySignature(algorithm, other, data, Buffer.alloc(64))).toThrow(
      expect.objectContaining({ code: 'KEY_WRONG_USAGE' }),
    );
  });

  test('its SPKI is canonical from every spelling', () => {
    const spki = canonicalSpki(pair.publicKey);
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(toCanonicalSpki(pem, 'key')).toEqual(spki);
    expect(toCanonicalSpki(pair.publicKey.export({ format: 'jwk' }), 'key')).toEqual(spki);
    expect(toCanonicalSpki(new Uint8Array(spki), 'key')).toEqual(spki);
    expect(() => readPublicKey(Buffer.concat([spki, Buffer.of(0)]), 'key')).toThrow(
      expect.objectContaining({ code: 'KEY_MALFORMED' }),
    );
  });
});

test('a compressed point is read, and written uncompressed', () => {
  const spki = canonicalSpki(pairs['ecdsa-p256-sha256'].publicKey);
  const point = spki.subarray(-65);
  const head = Buffer.from(spki.subarray(0, -65));
  head[1] = (head[1] ?? 0) - 32;
  head[head.length - 2] = (head[head.length - 2] ?? 0) - 32;
  const prefix = Buffer.of((point[64] ?? 0) % 2 === 0 ? 2 : 3);
  const compressed = Buffer.concat([head, prefix, point.subarray(1, 33)]);
  expect(createPublicKey({ key: compressed, format: 'der', type: 'spki' }).asymmetricKeyType).toBe('ec');
  expect(toCanonicalSpki(compressed, 'key')).toEqual(spki);
  expect(() => readCanonicalSpki(compressed, 'key')).toThrow(expect.objectContaining({ code: 'KEY_MALFORMED' }));
});

test('PSS with another salt than 32 bytes is not good', () => {
  const signature = sign('sha256', data, { key: rsa.privateKey, padding: 6, saltLength: 222 });
  expect(verifySignature('rsa-pss-sha256', rsa.publicKey, data, signature)).toBe(false);
});

test('PSS and PKCS#1 are not taken for each other', () => {
  const pss = signLocally('rsa-pss-sha256', rsa.privateKey, data);
  expect(verifySignature('rsa-pkcs1-sha256', rsa.publicKey, data, pss)).toBe(false);
  const pkcs1 = signLocally('rsa-pkcs1-sha256', rsa.privateKey, data);
  expect(verifySignature('rsa-pss-sha256', rsa.publicKey, data, pkcs1)).toBe(false);
});

test.each([
  ['ecdsa-p256-sha256', 'sha256'],
  ['ecdsa-p384-sha384', 'sha384'],
] as const)('%s from P1363 verifies as DER', (algorithm, digest) => {
  for (let round = 0; round < 200; round += 1) {
    const message = Buffer.from(`message ${round}`); // some r or s begins with 0x00 or >= 0x80
    const raw = sign(digest, message, { key: pairs[algorithm].privateKey, dsaEncoding: 'ieee-p1363' });
    expect(verifySignature(algorithm, pairs[algorithm].publicKey, message, derFromP1363(algorithm, raw))).toBe(true);
  }
  expect(() => derFromP1363(algorithm, Buffer.alloc(65))).toThrow(
    expect.objectContaining({ code: 'RESPONSE_MALFORMED' }),
  );
});

test.each([
  ['P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey],
  ['RSA-1024', generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
  ['X25519', generateKeyPairSync('x25519').publicKey],
  ['RSA-PSS restricted', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey],
  ['a private key', rsa.privateKey],
])('%s is of no use here', (_, key) => {
  expect(() => readPublicKey(key, 'key "audit"')).toThrow(
    expect.objectContaining({ code: 'KEY_WRONG_USAGE', message: expect.stringContaining('key "audit"') }),
  );
});

test('garbage is KEY_MALFORMED', () => {
  for (const garbage of ['not PEM', Buffer.from('30'), Buffer.alloc(0), { kty: 'OKP' }]) {
    expect(() => readPublicKey(garbage, 'key')).toThrow(expect.objectContaining({ code: 'KEY_MALFORMED' }));
  }
});
