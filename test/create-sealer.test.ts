import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSealer, openPlainWriter, resolveConfig } from '../src/index.ts';

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

  it('refuses enabled: false, and a plain writer takes its place', async () => {
    const file = join(directory, 'plain.log');
    expect(() => createSealer({ file, enabled: false })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringContaining('openPlainWriter') }),
    );
    const writer = await openPlainWriter(resolveConfig({ code: { file, enabled: false } }).config);
    await writer.write('one\n');
    await writer.write(Buffer.from('two\n'));
    await writer.close();
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    const nowhere = resolveConfig({ code: { file: join(directory, 'none', 'x'), enabled: false } }).config;
    await expect(openPlainWriter(nowhere)).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });

  it('refuses a misspelt variable before it touches anything', () => {
    vi.stubEnv('FAPILOG_TAMPER_KEYSOURCE', 'aws-kms');
    expect(() => createSealer({ file: join(directory, 'a.jsonl') })).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNKNOWN_OPTION', hint: 'did you mean FAPILOG_TAMPER_KEY_SOURCE?' }),
    );
  });
});
