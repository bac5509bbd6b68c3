import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSealer } from '../src/index.ts';

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

  it('refuses a misspelt variable before it touches anything', () => {
    vi.stubEnv('FAPILOG_TAMPER_KEYSOURCE', 'aws-kms');
    expect(() => createSealer({ file: join(directory, 'a.jsonl') })).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNKNOWN_OPTION', hint: 'did you mean FAPILOG_TAMPER_KEY_SOURCE?' }),
    );
  });
});
