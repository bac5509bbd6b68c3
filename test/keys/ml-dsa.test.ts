import { createHash } from 'node:crypto';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { describe, expect, test } from 'vitest';
import { ML_DSA, mlDsaOf, mlDsaPublicKey, mlDsaSpki } from '../../src/core/ml-dsa.ts';
import { noteKeyId, parseVkey, spkiFor } from '../../src/format/vkey.ts';
import { formatVkey } from '../../src/index.ts';
import { hasNativeMlDsa, mlDsaSpkiOfSeed, signMlDsa, verifyMlDsa } from '../../src/keys/ml-dsa.ts';
import { readPublicKey, toCanonicalSpki } from '../../src/keys/public-key.ts';
import { verifySignature } from '../../src/keys/signature.ts';

const data = Buffer.from('example.com/log\n2\nAAAA\n');
const seed = Buffer.alloc(32, 7);
const implementations = hasNativeMlDsa() ? (['native', 'noble'] as const) : (['noble'] as const);
const nobles = { 'ml-dsa-44': ml_dsa44, 'ml-dsa-65': ml_dsa65 };

describe.each(['ml-dsa-44', 'ml-dsa-65'] as const)('%s', (algorithm) => {
  const noble = nobles[algorithm];
  const spki = mlDsaSpki(algorithm, noble.keygen(new Uint8Array(seed)).publicKey) ?? Buffer.alloc(0);
  const other = algorithm === 'ml-dsa-44' ? 'ml-dsa-65' : 'ml-dsa-44';

  test('makes the public key of its seed, whoever computes it', async () => {
    expect(await mlDsaSpkiOfSeed(algorithm, seed)).toEqual(spki);
    expect(seed).toEqual(Buffer.alloc(32, 7));
    expect(spki).toHaveLength({ 'ml-dsa-44': 1334, 'ml-dsa-65': 1974 }[algorithm]);
  });

  test.each(implementations)('signs and verifies, and finds changed bytes (%s)', async (implementation) => {
    const signature = await signMlDsa(algorithm, seed, data);
    expect(signature).toHaveLength(ML_DSA[algorithm].signatureBytes);
    const isGood = async (text: Uint8Array, bytes: Uint8Array, key: Uint8Array = spki): Promise<boolean> =>
      verifyMlDsa(algorithm, key, text, bytes, implementation);
    expect(await isGood(data, signature)).toBe(true);
    expect(await verifySignature(algorithm, spki, data, signature)).toBe(true);
    expect(await isGood(Buffer.concat([data, Buffer.of(0)]), signature)).toBe(false);
    expect(await isGood(Buffer.alloc(0), signature)).toBe(false);
    // every hint byte, where encodings are easiest to bend, and some of the rest
    const hints = signature.length - 90;
    for (let at = 0; at < signature.length; at += at < hints ? 61 : 1) {
      const changed = Buffer.from(signature);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(await isGood(data, changed), `byte ${at}`).toBe(false);
    }
    for (let at = 22; at < spki.length; at += 97) {
      const changed = Buffer.from(spki);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await isGood(data, signature, changed), `byte ${at} of the key`).toBe(false);
    }
    for (const bytes of [Buffer.alloc(0), signature.subarray(1), Buffer.concat([signature, Buffer.of(0)])]) {
      expect(await isGood(data, bytes)).toBe(false);
    }
  });

  test.each(implementations)('is pure and has no context (%s)', async (implementation) => {
    const { secretKey } = noble.keygen(new Uint8Array(seed));
    const text = new Uint8Array(data);
    const pure = noble.sign(text, secretKey);
    const withContext = noble.sign(text, secretKey, { context: Uint8Array.of(1) });
    const internal = noble.internal.sign(text, secretKey);
    expect(await verifyMlDsa(algorithm, spki, data, pure, implementation)).toBe(true);
    expect(await verifyMlDsa(algorithm, spki, data, withContext, implementation)).toBe(false);
    expect(await verifyMlDsa(algorithm, spki, data, internal, implementation)).toBe(false);
  });

  test('takes bytes from within another buffer', async () => {
    const signature = await signMlDsa(algorithm, Buffer.concat([Buffer.of(1), seed]).subarray(1), data);
    const within = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(9), bytes, Buffer.of(9)]).subarray(1, -1);
    for (const implementation of implementations) {
      expect(await verifyMlDsa(algorithm, within(spki), within(data), within(signature), implementation)).toBe(true);
    }
  });

  test('its one SPKI is read from DER and PEM, and no other spelling', () => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${spki.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END PUBLIC KEY-----\n`;
    expect(toCanonicalSpki(pem, 'key')).toEqual(spki);
    expect(toCanonicalSpki(new Uint8Array(spki), 'key')).toEqual(spki);
    expect(spkiFor(algorithm, spki)).toEqual(spki);
    for (const wrong of [other, 'ed25519', 'rsa-pss-sha256'] as const) expect(spkiFor(wrong, spki)).toBeUndefined();
    for (let at = 0; at < 22; at++) {
      const changed = Buffer.from(spki);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(mlDsaOf(changed), `byte ${at}`).toBeUndefined();
      expect(spkiFor(algorithm, changed), `byte ${at}`).toBeUndefined();
    }
    const parameters = Buffer.from(spki); // the identifier with NULL parameters, which RFC 9881 forbids
    const withNull = Buffer.concat([parameters.subarray(0, 4), Buffer.from('300d', 'hex'), spki.subarray(6, 17)]);
    expect(
      spkiFor(algorithm, Buffer.concat([withNull, Buffer.from('0500', 'hex'), spki.subarray(17)])),
    ).toBeUndefined();
    expect(() => toCanonicalSpki(Buffer.concat([spki, Buffer.of(0)]), 'key')).toThrow();
    expect(() => readPublicKey(spki, 'key')).toThrow(expect.objectContaining({ code: 'KEY_WRONG_USAGE' }));
  });

  test('refuses a key of another algorithm', async () => {
    await expect(verifySignature(other, spki, data, Buffer.alloc(64))).rejects.toThrow(
      expect.objectContaining({ code: 'KEY_WRONG_USAGE' }),
    );
    await expect(verifySignature('ed25519', spki, data, Buffer.alloc(64))).rejects.toThrow(
      expect.objectContaining({ code: 'KEY_WRONG_USAGE' }),
    );
  });

  test('its vkey has the type of C2SP, or one of our own, and comes back', () => {
    const key = { algorithm, bytes: spki };
    const vkey = formatVkey('example.com/a', key);
    const encoded = Buffer.from(vkey.split('+').slice(2).join('+'), 'base64');
    const ours = Buffer.concat([Buffer.from(`\xfffapilog-tamper/v1/${algorithm}\n`, 'latin1'), spki]);
    const c2sp = Buffer.concat([Uint8Array.of(0x06), mlDsaPublicKey(algorithm, spki)]);
    expect(encoded).toEqual(algorithm === 'ml-dsa-44' ? c2sp : ours);
    expect(parseVkey(vkey)).toEqual({ name: 'example.com/a', key });
    expect(noteKeyId('example.com/a', key)).not.toEqual(noteKeyId('example.com/b', key));
    if (algorithm !== 'ml-dsa-44') return;
    const id = createHash('sha256').update('example.com/a\n').update(ours).digest('hex').slice(0, 8);
    expect(() => parseVkey(`example.com/a+${id}+${ours.toString('base64')}`)).toThrow('does not know'); // one spelling
  });
});
