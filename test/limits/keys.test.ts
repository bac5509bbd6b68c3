import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { spkiFor } from '../../src/format/vkey.ts';
import { readPublicKey } from '../../src/keys/public-key.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, localKey } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';
import { read } from './reader.ts';

/** Keys out of a log: only those that are checked in the time that a key service's own take (M2.1). */

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const bytes = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

/** The canonical SPKI of an RSA key with this modulus length and exponent; nobody has its private half. */
function rsaSpki(bits: number, exponent: readonly number[]): Buffer {
  const modulus = Buffer.alloc(bits / 8 + 1, 0xff);
  modulus[0] = 0;
  const key = der(0x30, Buffer.concat([der(0x02, modulus), der(0x02, Buffer.from(exponent))]));
  const algorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex');
  return der(0x30, Buffer.concat([algorithm, der(0x03, Buffer.concat([Buffer.of(0), key]))]));
}

const usual = [0x01, 0x00, 0x01];

describe('RSA keys', () => {
  it.each([2048, 3072, 4096, 8192])('of %i bits are taken', (bits) => {
    const spki = rsaSpki(bits, usual);
    expect(spkiFor('rsa-pss-sha256', spki)).toEqual(spki);
    expect(readPublicKey(spki, 'the key').asymmetricKeyDetails?.modulusLength).toBe(bits);
  });

  it.each([
    ['1,024 bits', 1024, usual],
    ['8,200 bits', 8200, usual],
    ['16,384 bits', 16_384, usual],
    ['an exponent of 1', 2048, [0x01]],
    ['an even exponent', 2048, [0x01, 0x00, 0x00]],
    ['an exponent of 33 bits', 2048, [0x01, 0x00, 0x00, 0x00, 0x01]],
    ['an exponent as long as the modulus', 2048, Array<number>(250).fill(0x7f)],
  ])('of %s are none', (_what, bits, exponent) => {
    const spki = rsaSpki(bits, exponent);
    expect(spkiFor('rsa-pkcs1-sha256', spki)).toBeUndefined();
    expect(() => readPublicKey(spki, 'the key')).toThrow(expect.objectContaining({ code: 'KEY_WRONG_USAGE' }));
  });
});

describe('a canonical public key', () => {
  const pairs = {
    ed25519: generateKeyPairSync('ed25519'),
    'ecdsa-p256-sha256': generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
    'ecdsa-p384-sha384': generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
    'rsa-pss-sha256': generateKeyPairSync('rsa', { modulusLength: 2048 }),
  } as const;

  it.each(Object.keys(pairs) as (keyof typeof pairs)[])('of %s is its own spelling and no other', (algorithm) => {
    const spki = pairs[algorithm].publicKey.export({ format: 'der', type: 'spki' });
    expect(spkiFor(algorithm, spki)).toEqual(spki);
    const changed = Buffer.concat([spki, Buffer.of(0)]);
    expect(spkiFor(algorithm, changed)?.equals(changed)).not.toBe(true);
    const shorter = spki.subarray(0, -1);
    expect(spkiFor(algorithm, shorter)?.equals(shorter)).not.toBe(true);
    for (const other of Object.keys(pairs) as (keyof typeof pairs)[]) {
      if (other !== algorithm) expect(spkiFor(other, spki), other).toBeUndefined();
    }
  });

  it.each(['ecdsa-p256-sha256', 'ecdsa-p384-sha384'] as const)('of %s is a point of its curve', (algorithm) => {
    const spki = Buffer.from(pairs[algorithm].publicKey.export({ format: 'der', type: 'spki' }));
    spki[spki.length - 1] = (spki.at(-1) as number) ^ 1;
    expect(spkiFor(algorithm, spki)).toBeUndefined();
  });
});

describe('a key reference', () => {
  it('with more signers than a note can carry signatures is malformed', async () => {
    const many = Array.from({ length: 17 }, (_, at) => ed25519Key(`signer ${at}`));
    const log = new SealedLog().open({ signers: [...many.slice(0, 15), edKey] }).seal();
    log
      .checkpoint({ signers: [edKey] })
      .close()
      .checkpoint({ signers: [edKey] });
    expect((await read(log, brings(log, { named: [edKey] }))).verdict).toBe(0);
    const more = new SealedLog().open({ signers: [...many, edKey] }).seal();
    more
      .checkpoint({ signers: [edKey] })
      .close()
      .checkpoint({ signers: [edKey] });
    const { verdict, codes } = await read(more, brings(more, { named: [edKey] }));
    expect(verdict).toBe(1);
    expect(codes).toContain('CONTROL_MALFORMED');
  });

  it('has its keys checked after everything else: none where another member is wrong', async () => {
    const { createPublicKey } = await import('node:crypto');
    const key = localKey('ecdsa-p384-sha384', generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey);
    const spki = Buffer.from(key.signer.spki ?? '');
    spki[spki.length - 1] = (spki.at(-1) as number) ^ 1; // on no curve: a look at it would say so
    const broken = { ...key, signer: { ...key.signer, spki } };
    const log = new SealedLog()
      .open({ signers: [edKey] })
      .seal()
      .checkpoint();
    log.key({ signers: [broken] }, {}, { leaf: (leaf) => leaf.replace('"next"', '"later":1,"next"') });
    const { codes } = await read(log, brings(log, { named: [edKey] }));
    expect(codes).toContain('UNSUPPORTED');
    expect(codes).not.toContain('CONTROL_MALFORMED');
    expect(() => createPublicKey({ key: spki, format: 'der', type: 'spki' })).toThrow();
  });
});

describe('keys whose ids are the same', () => {
  it('are tried up to eight of them; with more the rest of the log is undecided', async () => {
    vi.resetModules();
    vi.doMock('../../src/format/vkey.ts', async (original) => ({
      ...(await original<typeof import('../../src/format/vkey.ts')>()),
      noteKeyId: () => Buffer.from('01020304', 'hex'),
    }));
    const { KnownKeys } = await import('../../src/verify/state/known-keys.ts');
    const all = { fromSeq: 1, untilSeq: Number.MAX_SAFE_INTEGER };
    const known = (...keys: number[]) => {
      const publicKeys = keys.map((at) => ({ key: ed25519Key(`same ${at}`).noteKey, ...all }));
      return new KnownKeys({ origin: 'audit.example.com/a', publicKeys });
    };
    const eight = [0, 1, 2, 3, 4, 5, 6, 7];
    expect([known(...eight).withKeyId('01020304').length, known(...eight).crowded]).toEqual([8, false]);
    expect(known(...eight, 0).crowded).toBe(false);
    expect([known(...eight, 0, 8).withKeyId('01020304').length, known(...eight, 0, 8).crowded]).toEqual([8, true]);
    vi.doUnmock('../../src/format/vkey.ts');
    vi.resetModules();
  });
});
