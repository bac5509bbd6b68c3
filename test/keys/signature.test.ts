import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isEd25519Point } from '../../src/core/ed25519-point.ts';
import type { MlDsaAlgorithm } from '../../src/core/ml-dsa.ts';
import { parseVkey, spkiFor } from '../../src/format/vkey.ts';
import type { SignatureAlgorithm } from '../../src/index.ts';
import { canonicalSpki, readCanonicalSpki, readPublicKey, toCanonicalSpki } from '../../src/keys/public-key.ts';
import { derFromP1363, signLocally, verifySignature } from '../../src/keys/signature.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs: Record<
  Exclude<SignatureAlgorithm, 'kms-hmac-sha256' | MlDsaAlgorithm>,
  { publicKey: KeyObject; privateKey: KeyObject }
> = {
  ed25519: generateKeyPairSync('ed25519'),
  'ecdsa-p256-sha256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384-sha384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'rsa-pss-sha256': rsa,
  'rsa-pkcs1-sha256': rsa,
};
const data = Buffer.from('example.com/log\n2\nAAAA\n');

describe.each(Object.entries(pairs))('%s', (name, pair) => {
  const algorithm = name as keyof typeof pairs;

  test('signs and verifies, and finds every flipped byte', async () => {
    const signature = signLocally(algorithm, pair.privateKey, data);
    const spki = canonicalSpki(pair.publicKey);
    expect(await verifySignature(algorithm, spki, data, signature)).toBe(true);
    for (let index = 0; index < signature.length; index += 1) {
      const flipped = Buffer.from(signature);
      flipped[index] = (flipped[index] ?? 0) ^ 0x40;
      expect(await verifySignature(algorithm, pair.publicKey, data, flipped)).toBe(false);
    }
    for (const bad of [Buffer.alloc(0), signature.subarray(1), Buffer.concat([signature, Buffer.of(0)])]) {
      expect(await verifySignature(algorithm, pair.publicKey, data, bad)).toBe(false);
    }
  });

  test('refuses a key of another algorithm', async () => {
    const other = algorithm === 'ed25519' ? rsa.publicKey : pairs.ed25519.publicKey;
    await expect(verifySignature(algorithm, other, data, Buffer.alloc(64))).rejects.toThrow(
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

test('PSS with another salt than 32 bytes is not good', async () => {
  const signature = sign('sha256', data, { key: rsa.privateKey, padding: 6, saltLength: 222 });
  expect(await verifySignature('rsa-pss-sha256', rsa.publicKey, data, signature)).toBe(false);
});

test('PSS and PKCS#1 are not taken for each other', async () => {
  const pss = signLocally('rsa-pss-sha256', rsa.privateKey, data);
  expect(await verifySignature('rsa-pkcs1-sha256', rsa.publicKey, data, pss)).toBe(false);
  const pkcs1 = signLocally('rsa-pkcs1-sha256', rsa.privateKey, data);
  expect(await verifySignature('rsa-pss-sha256', rsa.publicKey, data, pkcs1)).toBe(false);
});

test.each([
  ['ecdsa-p256-sha256', 'sha256'],
  ['ecdsa-p384-sha384', 'sha384'],
] as const)('%s from P1363 verifies as DER', async (algorithm, digest) => {
  for (let round = 0; round < 200; round += 1) {
    const message = Buffer.from(`message ${round}`); // some r or s begins with 0x00 or >= 0x80
    const raw = sign(digest, message, { key: pairs[algorithm].privateKey, dsaEncoding: 'ieee-p1363' });
    expect(await verifySignature(algorithm, pairs[algorithm].publicKey, message, derFromP1363(algorithm, raw))).toBe(
      true,
    );
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

/** Other spellings of a good signature: nobody needs the private key to make them. */
describe('a second spelling of a good signature', () => {
  const big = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const bytesOf = (value: bigint, length: number): Buffer =>
    Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');

  describe.each(['rsa-pss-sha256', 'rsa-pkcs1-sha256'] as const)('of %s', (algorithm) => {
    const modulus = big(Buffer.from(rsa.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url'));
    /** A signature that is as asked for, and what it signs. */
    const signed = (isWanted: (signature: Buffer) => boolean): { message: Buffer; signature: Buffer } => {
      for (let n = 0; ; n++) {
        const message = Buffer.from(`message ${n}`);
        const signature = signLocally(algorithm, rsa.privateKey, message);
        if (isWanted(signature)) return { message, signature };
      }
    };
    const isGood = async (message: Buffer, signature: Buffer): Promise<boolean> =>
      verifySignature(algorithm, rsa.publicKey, message, signature);

    test('without its leading zero, or with one more, is not good', async () => {
      const { message, signature } = signed(([first]) => first === 0);
      expect(await isGood(message, signature)).toBe(true);
      expect(await isGood(message, signature.subarray(1))).toBe(false);
      expect(await isGood(message, Buffer.concat([Buffer.of(0), signature]))).toBe(false);
    });

    test('with the modulus added is not good', async () => {
      const { message, signature } = signed((one) => big(one) + modulus < 2n ** 2048n);
      expect(await isGood(message, bytesOf(big(signature) + modulus, 256))).toBe(false);
      expect(await isGood(message, bytesOf(big(signature) + modulus, 257))).toBe(false);
      expect(await isGood(message, bytesOf(modulus - big(signature), 256))).toBe(false);
    });

    test('of nothing, or of one, is not good', async () => {
      for (const value of [0n, 1n, modulus - 1n, modulus, modulus + 1n]) {
        expect(await isGood(data, bytesOf(value, 256)), String(value)).toBe(false);
      }
    });
  });

  test('of Ed25519 is not good: S with the order added, one byte less or more', async () => {
    const { publicKey, privateKey } = pairs.ed25519;
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const signature = signLocally('ed25519', privateKey, data);
    const scalar = big(Buffer.from(signature.subarray(32)).reverse());
    for (let times = 1n; scalar + times * order < 2n ** 256n; times++) {
      const other = bytesOf(scalar + times * order, 32).reverse();
      expect(await verifySignature('ed25519', publicKey, data, Buffer.concat([signature.subarray(0, 32), other]))).toBe(
        false,
      );
    }
    expect(await verifySignature('ed25519', publicKey, data, signature.subarray(0, 63))).toBe(false);
    expect(await verifySignature('ed25519', publicKey, data, Buffer.concat([signature, Buffer.of(0)]))).toBe(false);
  });

  test.each([
    ['ecdsa-p256-sha256', 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n],
    [
      'ecdsa-p384-sha384',
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    ],
  ] as const)(
    'of %s is good with the other s, which key services give as well, and in no other way',
    async (algorithm, order) => {
      const { publicKey, privateKey } = pairs[algorithm];
      const digest = algorithm === 'ecdsa-p256-sha256' ? 'sha256' : 'sha384';
      const raw = sign(digest, data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      const half = raw.length / 2;
      const [r, s] = [big(raw.subarray(0, half)), big(raw.subarray(half))];
      const integer = (value: bigint): Buffer => {
        const hex = value.toString(16);
        const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
        const body = (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits;
        return Buffer.concat([Buffer.of(0x02, body.length), body]);
      };
      const der = (...parts: Buffer[]): Buffer => {
        const body = Buffer.concat(parts);
        return Buffer.concat([Buffer.of(0x30, body.length), body]);
      };
      const isGood = async (signature: Buffer): Promise<boolean> =>
        verifySignature(algorithm, publicKey, data, signature);
      expect(await isGood(der(integer(r), integer(s)))).toBe(true);
      expect(await isGood(der(integer(r), integer(order - s)))).toBe(true);
      const whole = der(integer(r), integer(s));
      const padded = integer(r);
      const bad = {
        raw,
        's with the order added': der(integer(r), integer(s + order)),
        'r with the order added': der(integer(r + order), integer(s)),
        'r of nothing': der(integer(0n), integer(s)),
        's of nothing': der(integer(r), integer(0n)),
        'both of nothing': der(integer(0n), integer(0n)),
        'a longer length': Buffer.concat([Buffer.of(0x30, 0x81, whole[1] ?? 0), whole.subarray(2)]),
        'an indefinite length': Buffer.concat([Buffer.of(0x30, 0x80), whole.subarray(2), Buffer.of(0, 0)]),
        'a padded r': der(Buffer.concat([Buffer.of(0x02, (padded[1] ?? 0) + 1, 0), padded.subarray(2)]), integer(s)),
        'a third number': der(integer(r), integer(s), integer(1n)),
        'a byte behind': Buffer.concat([whole, Buffer.of(0)]),
      };
      for (const [what, signature] of Object.entries(bad)) expect(await isGood(signature), what).toBe(false);
    },
  );
});

describe('a public key of Ed25519 for which anybody can sign', () => {
  const prime = 2n ** 255n - 19n;
  const eight = BigInt(
    `0x${Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex').reverse().toString('hex')}`,
  );
  const encoded = (y: bigint, sign: bigint): Buffer =>
    Buffer.from((y + (sign << 255n)).toString(16).padStart(64, '0'), 'hex').reverse();
  const spki = (point: Buffer): Buffer => Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), point]);
  const small = [0n, 1n, prime - 1n, eight, prime - eight];
  const aboveThePrime = Array.from({ length: 19 }, (_, n) => prime + BigInt(n));

  test.each([...small, ...aboveThePrime])('is none: y = %s', (y) => {
    for (const sign of [0n, 1n]) {
      const point = encoded(y, sign);
      expect(isEd25519Point(point)).toBe(false);
      expect(() => readPublicKey(spki(point), 'the key')).toThrow(expect.objectContaining({ code: 'KEY_WRONG_USAGE' }));
      expect(spkiFor('ed25519', spki(point))).toBeUndefined();
      const vkey = `example.com/a+00000000+${Buffer.concat([Buffer.of(1), point]).toString('base64')}`;
      expect(() => parseVkey(vkey)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
    }
  });

  test('would verify what nobody signed', async () => {
    const identity = createPublicKey({ key: spki(encoded(1n, 0n)), format: 'der', type: 'spki' });
    const forged = Buffer.concat([encoded(1n, 0n), Buffer.alloc(32)]);
    expect(verify(null, data, identity, forged)).toBe(true); // as OpenSSL has it
    await expect(verifySignature('ed25519', identity, data, forged)).rejects.toThrow(
      expect.objectContaining({ code: 'KEY_WRONG_USAGE' }),
    );
  });

  test('is none of the others', () => {
    for (const y of [2n, 4n, prime - 2n, eight + 1n]) expect(isEd25519Point(encoded(y, 0n))).toBe(true);
    expect(isEd25519Point(Buffer.alloc(31, 9))).toBe(false);
  });
});
