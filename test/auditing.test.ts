import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { verify } from '../src/auditing.ts';
import { createSealer } from '../src/create-sealer.ts';
import { EnvKeyProvider } from '../src/providers/env.ts';
import type { VerifyOptions } from '../src/verify/options.ts';

describe('verify', () => {
  it.each([
    ['dataKey', 'dataKeys'],
    ['origins', 'origin'],
    ['publicKey', 'publicKeys'],
    ['maxbytes', 'maxBytes'],
  ])('refuses the unknown option %s, and names %s', async (option, meant) => {
    const options = { paths: ['x'], [option]: undefined } as unknown as VerifyOptions;
    await expect(verify(options)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(option),
      hint: `did you mean ${meant}?`,
    });
  });

  it('says that a local key is not there, and blames no key service', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'auditing-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'a.jsonl');
    const env: Record<string, string> = { KEY: 'ab'.repeat(32) };
    const keys = new EnvKeyProvider({ dataKeys: { default: 'KEY' }, env });
    const origin = 'example.com/a';
    const sealer = createSealer({ file, origin, stateDir: join(directory, 'state'), keyProvider: keys });
    sealer.write('{"n":1}');
    await sealer.close();
    delete env['KEY'];
    const dataKeys = [{ source: 'env', keys, named: [{ name: 'default' }] }];
    const { verdict, findings } = await verify({ paths: [file], origin, dataKeys });
    expect(verdict).toBe('undecided');
    expect(findings.filter(({ severity }) => severity !== 'warning').map(({ code }) => code)).toContain('NO_KEY');
    const codes = findings.map(({ code }) => code);
    expect(codes.filter((code) => code === 'NO_KEY')).toHaveLength(1);
    expect(codes).not.toContain('KEY_SERVICE');
    expect(findings.find(({ code }) => code === 'NO_KEY')?.message).toContain('KEY is not set');
  });
});
