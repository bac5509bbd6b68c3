import { generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type KeyEvent, onKeyEvent } from '../../../src/index.ts';
import { EnvKeyProvider } from '../../../src/providers/env.ts';

const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };

describe('EnvKeyProvider, data keys', () => {
  it('reads the key anew each time, as memory of its own', async () => {
    const bytes = randomBytes(32);
    const env: { K?: string } = { K: bytes.toString('base64') };
    const provider = new EnvKeyProvider({ dataKeys: { audit: 'K' }, env });
    const first = await provider.getKey('audit', context);
    expect(first).toMatchObject({ source: 'env', identity: 'audit' });
    expect(first.material.equals(bytes)).toBe(true);
    first.erase();
    expect(first.material.every((byte) => byte === 0)).toBe(true);
    const second = await provider.getKey('audit', context);
    expect(second.material.equals(bytes)).toBe(true);
  });

  it('names the variable, never the value', async () => {
    const provider = new EnvKeyProvider({ dataKeys: { audit: 'K' }, env: { K: 'canary-canary' } });
    const error: unknown = await provider.getKey('audit', context).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'KEY_MALFORMED', message: expect.stringContaining('environment variable K') });
    expect(inspect(error, { depth: 9 })).not.toContain('canary');
  });

  it.each([
    ['another key', 'other', 'configured: audit'],
    ['a prototype name', 'constructor', 'configured: audit'],
    ['a variable that is not set', 'audit', 'export K='],
  ])('does not find %s', async (_, keyId, hint) => {
    const provider = new EnvKeyProvider({ dataKeys: { audit: 'K' }, env: {} });
    await expect(provider.getKey(keyId, context)).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
      hint: expect.stringContaining(hint),
    });
  });

  it('recovers only the key that was named', async () => {
    const provider = new EnvKeyProvider({ dataKeys: { audit: 'K' }, env: { K: randomBytes(32).toString('hex') } });
    const recovered = await provider.recoverKey({ source: 'file', identity: 'audit' }, 'audit', context);
    expect(recovered.identity).toBe('audit');
    for (const reference of [
      { source: 'env', identity: 'other' },
      { source: 'aws-kms', identity: 'audit', wrapped: new Uint8Array(8) },
    ]) {
      await expect(provider.recoverKey(reference, 'audit', context)).rejects.toMatchObject({ code: 'KEY_NOT_NAMED' });
    }
  });

  it('a data key is no signing key', async () => {
    const provider = new EnvKeyProvider({ dataKeys: { audit: 'K' }, env: { K: randomBytes(32).toString('hex') } });
    await expect(provider.getSigningKey('audit')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });
});

describe('EnvKeyProvider, signing keys', () => {
  const pair = generateKeyPairSync('ed25519');
  const seed = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(16);
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
  const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const data = Buffer.from('a checkpoint');

  it.each([
    ['hex', seed.toString('hex')],
    ['base64', seed.toString('base64')],
    ['PEM', pem],
    ['PEM with CRLF', pem.replaceAll('\n', '\r\n')],
  ])('signs with a seed as %s', async (_, text) => {
    const provider = new EnvKeyProvider({ signingKeys: { s: 'S' }, env: { S: text } });
    const key = await provider.getSigningKey('s');
    expect(key).toMatchObject({
      source: 'env',
      algorithm: 'ed25519',
      identity: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect(Buffer.from(key.spki ?? []).equals(spki)).toBe(true);
    const signature = await provider.sign('s', data);
    expect(signature.identity).toBe(key.identity);
    expect(verify(null, data, pair.publicKey, signature.bytes)).toBe(true);
    expect(await provider.verify(key, data, signature.bytes)).toBe(true);
    expect(await provider.verify(key, Buffer.from('another'), signature.bytes)).toBe(false);
    const batch = await provider.signBatch(key.identity, [data, data]);
    expect(batch.map(({ bytes }) => Buffer.from(bytes).equals(signature.bytes))).toEqual([true, true]);
  });

  it.each([
    [
      'RSA',
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
      'neither Ed25519 nor ML-DSA',
    ],
    ['a public key', pair.publicKey.export({ format: 'pem', type: 'spki' }), 'no PKCS#8 private key'],
    [
      'encrypted',
      pair.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }),
      'encrypted',
    ],
    ['broken base64', '-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n', 'not valid base64'],
    ['cut', pem.slice(0, 60), 'no PKCS#8 private key'],
  ])('refuses PEM that is %s', async (_, text, part) => {
    const provider = new EnvKeyProvider({ signingKeys: { s: 'S' }, env: { S: text.toString() } });
    await expect(provider.getSigningKey('s')).rejects.toMatchObject({
      code: 'KEY_MALFORMED',
      message: expect.stringContaining(part),
    });
  });

  it('signs the hand-over with the old key after the variable holds a new one', async () => {
    const env: { S: string } = { S: seed.toString('hex') };
    const provider = new EnvKeyProvider({ signingKeys: { s: 'S' }, env });
    const old = await provider.getSigningKey('s');
    env.S = randomBytes(32).toString('hex');
    expect(await provider.rotateCheck()).toBe(true);
    const fresh = await provider.getSigningKey('s');
    expect(fresh.identity).not.toBe(old.identity);
    const signature = await provider.sign(old.identity, data);
    expect(signature.identity).toBe(old.identity);
    expect(await provider.verify(old, data, signature.bytes)).toBe(true);
    const stranger = `sha256:${'0'.repeat(64)}`;
    await expect(provider.sign(stranger, data)).rejects.toMatchObject({ code: 'KEY_VERSION_UNAVAILABLE' });
  });

  it('refuses more than 4,096 bytes', async () => {
    const provider = new EnvKeyProvider({ signingKeys: { s: 'S' }, env: { S: seed.toString('hex') } });
    expect((await provider.sign('s', Buffer.alloc(4096))).bytes).toHaveLength(64);
    await expect(provider.sign('s', Buffer.alloc(4097))).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('EnvKeyProvider, life', () => {
  it('sees a change once, and a new spelling of the same key never', async () => {
    const bytes = randomBytes(32);
    const env: { K?: string } = { K: bytes.toString('hex') };
    const provider = new EnvKeyProvider({ dataKeys: { audit: 'K' }, env });
    expect(await provider.rotateCheck()).toBe(false);
    await provider.getKey('audit', context);
    env.K = bytes.toString('base64');
    expect(await provider.rotateCheck()).toBe(false);
    env.K = randomBytes(32).toString('hex');
    await provider.getKey('audit', context); // another stream's; this must not hide the change
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    delete env.K;
    await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });

  it('is closed for good, and aborts', async () => {
    const provider = new EnvKeyProvider({ signingKeys: { s: 'S' }, env: { S: randomBytes(32).toString('hex') } });
    await expect(provider.sign('s', Buffer.alloc(1), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await provider.getSigningKey('s');
    await provider.close();
    await provider.close();
    await expect(provider.sign('s', Buffer.alloc(1))).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
    await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
  });

  it('prints no secret and tells each use as an event', async () => {
    const bytes = randomBytes(32);
    const provider = new EnvKeyProvider({
      dataKeys: { a: 'K' },
      signingKeys: { s: 'K' },
      env: { K: bytes.toString('hex') },
    });
    const events: KeyEvent[] = [];
    const stop = onKeyEvent((event) => events.push(event));
    const key = await provider.getKey('a', context);
    await provider.sign('s', Buffer.alloc(1));
    await expect(provider.getKey('b', context)).rejects.toThrow();
    stop();
    expect(events.map(({ operation, keyId, outcome }) => [operation, keyId, outcome])).toEqual([
      ['getKey', 'a', 'ok'],
      ['sign', 's', 'ok'],
      ['getKey', 'b', 'KEY_NOT_FOUND'],
    ]);
    const shown = inspect([events, key, provider], { depth: 9, showHidden: true });
    for (const spelling of ['hex', 'base64'] as const) expect(shown).not.toContain(bytes.toString(spelling));
  });
});
