import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { afterAll, describe, expect, it } from 'vitest';
import { mlDsaSpki } from '../../src/core/ml-dsa.ts';
import type { SigningKey } from '../../src/index.ts';
import { hasNativeMlDsa, mlDsaPkcs8Head } from '../../src/keys/ml-dsa.ts';
import { FileKeyProvider } from '../../src/providers/file.ts';

const directory = mkdtempSync(join(tmpdir(), 'ml-dsa-'));
afterAll(() => rmSync(directory, { recursive: true }));

const seed = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
const nobles = { 'ml-dsa-44': ml_dsa44, 'ml-dsa-65': ml_dsa65 };
/** As OpenSSL 3.5 writes a key with its seed (RFC 9881, section 6, "both"). */
const openssl = {
  'ml-dsa-44': { head: '30820a3e020100300b060960864801650304031104820a2a30820a260420', length: 2626 },
  'ml-dsa-65': { head: '30820ffe020100300b060960864801650304031204820fea30820fe60420', length: 4098 },
};

async function read(der: Uint8Array): Promise<SigningKey> {
  const path = join(directory, 'key.pem');
  const body = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n');
  writeFileSync(path, `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`);
  chmodSync(path, 0o600);
  const provider = new FileKeyProvider({ signingKeys: { path } });
  try {
    return await provider.getSigningKey('pq');
  } finally {
    await provider.close();
  }
}

describe.each(['ml-dsa-44', 'ml-dsa-65'] as const)('a private key of %s', (algorithm) => {
  const { secretKey, publicKey } = nobles[algorithm].keygen(new Uint8Array(seed));
  const spki = mlDsaSpki(algorithm, publicKey);
  const head = (form: 'seed' | 'both' | 'expanded'): Buffer => mlDsaPkcs8Head(algorithm, form).head;
  const between = Buffer.from([0x04, 0x82, secretKey.length >> 8, secretKey.length & 0xff]);
  const both = Buffer.concat([head('both'), seed, between, secretKey]);

  it('is read from its seed, alone or with the expanded key, and from nothing else', async () => {
    expect(await read(Buffer.concat([head('seed'), seed]))).toMatchObject({ algorithm, spki });
    expect(await read(both)).toMatchObject({ algorithm, spki });
    await expect(read(Buffer.concat([head('expanded'), secretKey]))).rejects.toMatchObject({
      code: 'KEY_MALFORMED',
      message: expect.stringContaining('without its seed'),
    });
  });

  it('is spelled as OpenSSL does', () => {
    expect(head('both').toString('hex')).toBe(openssl[algorithm].head);
    expect(both).toHaveLength(openssl[algorithm].length);
  });

  it('is read as Node exports it, where it has such keys', async () => {
    // the types are those of the oldest Node
    const generate = generateKeyPairSync as unknown as (type: string) => KeyPairKeyObjectResult;
    if (!hasNativeMlDsa()) {
      expect(() => generate(algorithm)).toThrow();
      return;
    }
    const pair = generate(algorithm);
    const key = await read(pair.privateKey.export({ format: 'der', type: 'pkcs8' }));
    expect(key.spki).toEqual(pair.publicKey.export({ format: 'der', type: 'spki' }));
  });

  it('is refused where anything but the seed is changed, cut or added', async () => {
    for (const at of [...Array(head('both').length).keys(), head('both').length + 33, both.length - 1, 1000]) {
      const changed = Buffer.from(both);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(read(changed), `byte ${at}`).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    }
    for (const der of [
      both.subarray(0, -1),
      Buffer.concat([both, Buffer.of(0)]),
      Buffer.concat([head('seed'), seed.subarray(1)]),
    ]) {
      await expect(read(der)).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    }
    await expect(read(Buffer.concat([head('seed'), Buffer.alloc(32)]))).rejects.toMatchObject({
      code: 'KEY_MALFORMED',
    });
  });
});
