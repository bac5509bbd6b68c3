import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DataKey, TamperError } from '../../../src/index.ts';
import { FileKeyProvider } from '../../../src/providers/file.ts';

const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keys-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(name: string, content: string | Uint8Array, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe('FileKeyProvider', () => {
  it.each(['raw', 'base64', 'base64url', 'hex'] as const)('reads %s', async (spelling) => {
    const bytes = Buffer.concat([Buffer.from([0xff]), randomBytes(31)]);
    const path = put('k', spelling === 'raw' ? bytes : `${bytes.toString(spelling)}\n`);
    const key = await new FileKeyProvider({ dataKeys: { path, keyId: 'audit' } }).getKey('audit', context);
    expect(key).toMatchObject({ source: 'file', identity: 'audit' });
    expect(key.material.equals(bytes)).toBe(true);
  });

  it.each([0o640, 0o604, 0o644, 0o620, 0o601, 0o777])('refuses mode %o and says what to run', async (mode) => {
    const path = put("it's a key", randomBytes(32).toString('hex'), mode);
    const refusal = new FileKeyProvider({ dataKeys: { path } }).getKey('audit', context);
    await expect(refusal).rejects.toMatchObject({
      code: 'KEY_FILE_PERMISSIONS',
      message: expect.stringContaining(path),
    });
    await expect(refusal).rejects.toMatchObject({ hint: expect.stringContaining("it'\\''s a key'") });
  });

  it('refuses at once what it refuses with time, in the same words', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const paths = [put('open', randomBytes(32).toString('hex'), 0o644), put('short', 'abc'), put('long', 'a'.repeat(9_000)), fifo, join(directory, 'none'), join(fifo, 'k')]; // biome-ignore format: short
    paths.push(directory, put('text.pub', 'x', 0o644));
    for (const path of paths) {
      const provider = new FileKeyProvider({ dataKeys: { path }, signingKeys: { path } });
      const refusals = [
        [() => provider.atOnce.getKey('a', context), () => provider.getKey('a', context)],
        [() => provider.atOnce.getSigningKey('a'), () => provider.getSigningKey('a')],
      ] as const;
      for (const [now, later] of refusals) {
        const { code, message, hint } = await later().then(() => expect.unreachable(path), (error: unknown) => error as TamperError);
        expect(now).toThrow(expect.objectContaining({ code, message, hint }));
      }
    }
  }); // biome-ignore format: short

  it('reads at once what it reads with time', async () => {
    const path = put('k', randomBytes(32).toString('hex'));
    const provider = new FileKeyProvider({ dataKeys: { path } });
    const key = provider.atOnce.getKey('a', context) as DataKey;
    expect(key.material.equals((await provider.getKey('a', context)).material)).toBe(true);
  });

  it('says of the public half that it is that', async () => {
    const path = put('sign.key.pub', '-----BEGIN PUBLIC KEY-----', 0o644);
    await expect(new FileKeyProvider({ dataKeys: { path } }).getKey('audit', context)).rejects.toMatchObject({
      code: 'KEY_FILE_PERMISSIONS',
      hint: expect.stringContaining('public half'),
    });
  });

  describe('of root, for a process that is not root', () => {
    const provided = async (mode: number): Promise<unknown> => {
      const path = put('k', randomBytes(32).toString('hex'), mode);
      const handle = await open(path);
      const stats = Object.assign(await handle.stat(), { uid: 0 });
      vi.spyOn(Object.getPrototypeOf(handle), 'stat').mockResolvedValue(stats);
      vi.spyOn(process, 'geteuid').mockReturnValue(10_001);
      onTestFinished(() => void vi.restoreAllMocks());
      await handle.close();
      return new FileKeyProvider({ dataKeys: { path } }).getKey('audit', context);
    };

    it.each([0o440, 0o400, 0o640])('takes mode %o: root lets a group read it', async (mode) => {
      expect(await provided(mode)).toMatchObject({ source: 'file' });
    });

    it.each([0o460, 0o444, 0o450, 0o644])('refuses mode %o', async (mode) => {
      await expect(provided(mode)).rejects.toMatchObject({ code: 'KEY_FILE_PERMISSIONS' });
    });
  });

  it.each([0o600, 0o400, 0o700])('takes mode %o', async (mode) => {
    const path = put('k', randomBytes(32).toString('hex'), mode);
    expect((await new FileKeyProvider({ dataKeys: { path } }).getKey('audit', context)).material).toHaveLength(32);
  });

  it('looks through a link at the file, as Kubernetes mounts secrets', async () => {
    put('real', randomBytes(32).toString('hex'), 0o644);
    const path = join(directory, 'link');
    symlinkSync('real', path);
    await expect(new FileKeyProvider({ dataKeys: { path } }).getKey('a', context)).rejects.toMatchObject({
      code: 'KEY_FILE_PERMISSIONS',
    });
    chmodSync(join(directory, 'real'), 0o400);
    expect((await new FileKeyProvider({ dataKeys: { path } }).getKey('a', context)).identity).toBe('a');
  });

  it('a directory holds several active keys', async () => {
    const [one, two] = [randomBytes(32), randomBytes(32)];
    put('2025.key', one.toString('hex'));
    put('2026.key', two.toString('base64'));
    const provider = new FileKeyProvider({ dataKeys: { path: directory } });
    expect((await provider.getKey('2025', context)).material.equals(one)).toBe(true);
    expect((await provider.getKey('2026', context)).material.equals(two)).toBe(true);
    await expect(provider.getKey('2027', context)).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
      message: expect.stringContaining('2027.key'),
    });
  });

  it.each(['../k', 'a/b', '', '.', '..', '.hidden', 'a\0b', 'a\\b', 'x'.repeat(129)])(
    'a key id cannot lead out of the directory: %j',
    async (keyId) => {
      put('k.key', randomBytes(32).toString('hex'));
      const inner = join(directory, 'inner');
      mkdirSync(inner);
      await expect(new FileKeyProvider({ dataKeys: { path: inner } }).getKey(keyId, context)).rejects.toMatchObject({
        code: 'KEY_NOT_FOUND',
      });
    },
  );

  it('one file holds one key', async () => {
    const path = put('k', randomBytes(32).toString('hex'));
    const provider = new FileKeyProvider({ dataKeys: { path, keyId: 'audit' } });
    await expect(provider.getKey('other', context)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await expect(provider.getSigningKey('audit')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });

  it('tells absent, malformed, not a file and too long apart', async () => {
    const get = (path: string) => new FileKeyProvider({ dataKeys: { path } }).getKey('a', context);
    await expect(get(join(directory, 'none'))).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await expect(get(join(put('file', 'x'), 'below'))).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await expect(get(put('empty', ''))).rejects.toMatchObject({
      code: 'KEY_MALFORMED',
      message: expect.stringContaining('is empty'),
    });
    await expect(get(put('long', Buffer.alloc(5000, 0x61)))).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', ['-m', '600', fifo]);
    await expect(get(fifo)).rejects.toMatchObject({
      code: 'KEY_MALFORMED',
      message: expect.stringContaining('not a regular file'),
    });
  });

  it('sees that a file was replaced while running', async () => {
    const path = put('k', randomBytes(32).toString('hex'));
    const provider = new FileKeyProvider({ dataKeys: { path, keyId: 'audit' } });
    await provider.getKey('audit', context);
    expect(await provider.rotateCheck()).toBe(false);
    renameSync(put('k.new', randomBytes(32).toString('hex')), path);
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    put('k', '');
    await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
  });

  it('signs with a key that openssl made', async () => {
    const pem = execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519']);
    const provider = new FileKeyProvider({ signingKeys: { path: put('s.pem', pem), keyId: 's' } });
    const key = await provider.getSigningKey('s');
    const publicPem = put('p.pem', execFileSync('openssl', ['pkey', '-pubout'], { input: pem }));
    const data = put('data', 'a checkpoint');
    const signature = put('sig', (await provider.sign('s', Buffer.from('a checkpoint'))).bytes);
    const output = execFileSync('openssl', [
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      publicPem,
      '-rawin',
      '-in',
      data,
      '-sigfile',
      signature,
    ]);
    expect(output.toString()).toContain('Verified Successfully');
    expect(key.algorithm).toBe('ed25519');
  });
});
