import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateKeyFile } from '../../src/index.ts';
import { FileKeyProvider } from '../../src/providers/file.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keygen-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('generateKeyFile', () => {
  it('makes a data key that only its owner may read and that the file provider reads', async () => {
    const path = join(directory, 'audit.key');
    const umask = process.umask(0);
    try {
      expect(await generateKeyFile(path, 'HMAC-SHA256')).toEqual({ algorithm: 'HMAC-SHA256', path });
    } finally {
      process.umask(umask);
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'latin1')).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };
    const key = await new FileKeyProvider({ dataKeys: { path } }).getKey('a', context);
    expect(key.material.toString('base64')).toBe(readFileSync(path, 'latin1').trim());
  });

  it.each([[undefined], ['RS256'], [{ algorithm: 'HMAC-SHA256' }]])(
    'makes no key of another kind: %j',
    async (algorithm) => {
      const path = join(directory, 'audit.key');
      await expect(generateKeyFile(path, algorithm as never)).rejects.toMatchObject({ code: 'USAGE' });
      expect(existsSync(path)).toBe(false);
    },
  );

  it('makes a signing key that openssl reads, with its public half', async () => {
    const path = join(directory, 'sign.pem');
    const made = await generateKeyFile(path, 'Ed25519');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const derived = execFileSync('openssl', ['pkey', '-in', path, '-pubout']).toString();
    expect(readFileSync(`${path}.pub`, 'latin1')).toBe(derived);
    expect(made.publicPath).toBe(`${path}.pub`);
    expect(made.spki?.equals(createPublicKey(derived).export({ format: 'der', type: 'spki' }))).toBe(true);
    expect(await new FileKeyProvider({ signingKeys: { path } }).getSigningKey('s')).toMatchObject({
      identity: made.identity,
    });
  });

  it.each(['ML-DSA-44', 'ML-DSA-65'] as const)(
    'makes a signing key of %s that the file provider signs with',
    async (algorithm) => {
      const path = join(directory, 'pq.pem');
      const made = await generateKeyFile(path, algorithm);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const der = Buffer.from(readFileSync(path, 'latin1').split('\n').slice(1, -2).join(''), 'base64');
      expect(der).toHaveLength(54);
      expect(der.subarray(0, 22).toString('hex')).toMatch(/^3034020100300b06096086480165030403(11|12)04228020$/);
      const provider = new FileKeyProvider({ signingKeys: { path } });
      const key = await provider.getSigningKey('s');
      expect(key).toMatchObject({ identity: made.identity, algorithm: algorithm.toLowerCase(), spki: made.spki });
      const pem = readFileSync(`${path}.pub`, 'latin1').replaceAll(/-----[^-]+-----|\s/g, '');
      expect(Buffer.from(pem, 'base64')).toEqual(made.spki);
      const { bytes } = await provider.sign('s', Buffer.from('text'));
      expect(await provider.verify(key, Buffer.from('text'), bytes)).toBe(true);
      expect(await provider.verify(key, Buffer.from('other'), bytes)).toBe(false);
      const batch = await provider.signBatch(key.identity, [Buffer.from('a'), Buffer.from('b')]);
      expect(await provider.verify(key, Buffer.from('b'), batch[1]?.bytes ?? Buffer.alloc(0))).toBe(true);
      await provider.close();
      await expect(provider.sign(key.identity, Buffer.from('text'))).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
    },
  );

  it.each(['HMAC-SHA256', 'Ed25519', 'ML-DSA-65'] as const)('makes another %s key each time', async (algorithm) => {
    const [one, two] = [join(directory, '1'), join(directory, '2')];
    await generateKeyFile(one, algorithm);
    await generateKeyFile(two, algorithm);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(false);
  });

  it('never overwrites, and makes both files or none', async () => {
    const path = join(directory, 'k');
    writeFileSync(path, 'precious');
    const refusal = { code: 'WRITE_FAILED', message: `${path} already exists, and keys are never overwritten` };
    await expect(generateKeyFile(path, 'HMAC-SHA256')).rejects.toMatchObject(refusal);
    await expect(generateKeyFile(path, 'Ed25519')).rejects.toMatchObject(refusal);
    expect(readFileSync(path, 'latin1')).toBe('precious');
    expect(existsSync(`${path}.pub`)).toBe(false);
    rmSync(path);
    writeFileSync(`${path}.pub`, 'precious');
    await expect(generateKeyFile(path, 'Ed25519')).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect(readFileSync(`${path}.pub`, 'latin1')).toBe('precious');
    expect(existsSync(path)).toBe(false);
  });

  it('says where it cannot write', async () => {
    const path = join(directory, 'none', 'k');
    await expect(generateKeyFile(path, 'HMAC-SHA256')).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: `cannot write the key file ${path}: ENOENT`,
    });
  });
});
