import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkKeys, createKeyProvider, createSealer } from '../src/index.ts';
import { openPlainWriter, resolveConfig } from '../src/internal.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'create-sealer-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

describe('createSealer', () => {
  it('takes from the environment what the program leaves out', async () => {
    vi.stubEnv('FAPILOG_TAMPER_KEY', 'ab'.repeat(32));
    vi.stubEnv('FAPILOG_TAMPER_ORIGIN', 'example.com/from-environment');
    vi.stubEnv('FAPILOG_TAMPER_STATE_DIR', join(directory, 'nowhere', 'else'));
    const sealer = createSealer({ file: join(directory, 'a.jsonl'), stateDir: join(directory, 'state') });
    expect(sealer.origin).toBe('example.com/from-environment');
    expect(sealer.config.stateDir).toBe(join(directory, 'state'));
    sealer.write('one\n');
    await sealer.flush();
    expect(sealer.stats.records).toBe(1);
    await sealer.close();
  });

  it.each([null, 'audit.jsonl', 5])('refuses %j in place of options', (options) => {
    expect(() => createSealer(options as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('an object of options') }),
    );
  });

  it('refuses a file of options that it would not read, as what makes keys of options does', async () => {
    vi.stubEnv('FAPILOG_TAMPER_CONFIG', join(directory, 'tamper.yaml'));
    expect(() => createSealer({ file: join(directory, 'a.jsonl'), origin: 'example.com/a' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('FAPILOG_TAMPER_CONFIG') }),
    );
    for (const asked of [createKeyProvider(), checkKeys()])
      await expect(asked).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('takes everything from the environment, and its events have codes', async () => {
    const place = { FILE: join(directory, 'a.jsonl'), STATE_DIR: join(directory, 'state'), KEY: 'none' };
    for (const [name, value] of Object.entries(place)) vi.stubEnv(`FAPILOG_TAMPER_${name}`, value);
    const sealer = createSealer();
    const told: string[] = [];
    sealer.on('error', ({ code, hint }) => told.push(`${code}: ${hint}`));
    await expect(sealer.ready).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    expect(told).toEqual([expect.stringMatching(/^KEY_MALFORMED: /)]);
    await sealer.close().catch(() => undefined);
  });

  it('takes a copy that nobody reads for a warning, not for the end of the application', async () => {
    vi.stubEnv('FAPILOG_TAMPER_KEY', 'ab'.repeat(32));
    const file = join(directory, 'a.jsonl');
    const sealer = createSealer({ file, stateDir: join(directory, 'state'), origin: 'example.com/tee', tee: true });
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    vi.spyOn(process.stdout, 'listenerCount').mockReturnValue(0);
    const warned = once(sealer, 'warning');
    sealer.write('one');
    expect(written.mock.calls.map(([chunk]) => chunk)).toEqual(['one', '\n']);
    vi.restoreAllMocks();
    process.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
    expect((await warned)[0]).toMatchObject({ code: 'WRITE_FAILED', message: expect.stringContaining('EPIPE') });
    await sealer.close();
  });

  it('refuses enabled: false, and a plain writer takes its place', async () => {
    const file = join(directory, 'plain.log');
    expect(() => createSealer({ file, enabled: false })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringContaining('Leave out enabled') }),
    );
    const writer = await openPlainWriter(resolveConfig({ code: { file, enabled: false } }).config);
    await writer.write('one\n');
    await writer.write(Buffer.from('two\n'));
    await writer.close();
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    const nowhere = resolveConfig({ code: { file: join(directory, 'none', 'x'), enabled: false } }).config;
    await expect(openPlainWriter(nowhere)).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });

  it('what should be otherwise about keys and credentials is said in warnings, once each, and no secret with it', async () => {
    vi.stubEnv('VAULT_SKIP_VERIFY', 'true');
    vi.stubEnv('NODE_DEBUG', 'http');
    const sealer = createSealer({
      file: join(directory, 'v.jsonl'),
      stateDir: join(directory, 'state'),
      keySource: 'vault',
      vaultAddr: 'https://127.0.0.1:1',
      vaultPath: 'transit/keys/audit',
      vaultToken: 'hvs.canary',
      awsRegion: 'eu-west-1',
      onStartFailure: 'stop',
    });
    const warnings: unknown[] = [];
    sealer.on('warning', (warning) => warnings.push(warning));
    await expect(sealer.ready).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const expected = ['vaultToken (code) is a literal', 'aws_region (code)', 'NODE_DEBUG', 'VAULT_SKIP_VERIFY'];
    expect(warnings).toEqual(
      expected.map((text) => expect.objectContaining({ code: 'KEY_WARNING', message: expect.stringContaining(text) })),
    );
    expect(JSON.stringify(warnings) + String(warnings)).not.toContain('canary');
  });

  it('a key in the environment is warned of; one in a file is not', async () => {
    vi.stubEnv('FAPILOG_TAMPER_KEY', 'ab'.repeat(32));
    const key = join(directory, 'audit.key');
    writeFileSync(key, 'ab'.repeat(32), { mode: 0o600 });
    for (const [options, count] of [
      [{}, 1],
      [{ keySource: 'file', keyFilePath: key }, 0],
    ] as const) {
      const stateDir = join(directory, `state-${count}`);
      const sealer = createSealer({ file: join(directory, `k${count}.jsonl`), stateDir, ...options });
      const warnings: Error[] = [];
      sealer.on('warning', (warning) => warnings.push(warning));
      await sealer.ready;
      await sealer.close();
      expect(warnings.map(({ message }) => message)).toEqual(
        Array.from({ length: count }, () => expect.stringContaining('FAPILOG_TAMPER_KEY')),
      );
    }
  });

  it('refuses a misspelt variable before it touches anything', () => {
    vi.stubEnv('FAPILOG_TAMPER_KEYSOURCE', 'aws-kms');
    expect(() => createSealer({ file: join(directory, 'a.jsonl') })).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNKNOWN_OPTION', hint: 'Did you mean FAPILOG_TAMPER_KEY_SOURCE?' }),
    );
  });
});
