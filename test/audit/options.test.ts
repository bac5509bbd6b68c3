import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { auditorKeys, verifiedLines, verify } from '../../src/audit/index.ts';
import type { VerifyOptions } from '../../src/audit/verify-options.ts';
import { createSealer } from '../../src/create-sealer.ts';
import { EnvKeyProvider } from '../../src/providers/env.ts';

describe('verify', () => {
  it.each([
    ['key', 'keys'],
    ['origins', 'origin'],
    ['acceptSuccesors', 'acceptSuccessors'],
    ['maxbytes', 'maxBytes'],
  ])('refuses the unknown option %s, and names %s', async (option, meant) => {
    const options = { paths: ['x'], [option]: undefined } as unknown as VerifyOptions;
    await expect(verify(options)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(option),
      hint: `did you mean ${meant}?`,
    });
  });

  it.each([
    ['now', new Date(Number.NaN), 'a valid Date'],
    ['now', '2026-11-25', 'a valid Date'],
    ['live', 'yes', 'true or false'],
    ['strict', 'false', 'true or false'],
    ['jobs', Number.NaN, 'a whole number'],
    ['maxBytes', -1, 'a whole number'],
    ['origin', 5, 'a string'],
    ['paths', 'a.jsonl', 'an array'],
    ['keys', 'signer.pub', 'a provider, auditorKeys'],
    ['keys', [{ publicKeyFiles: ['signer.pub'] }], 'a provider, auditorKeys'],
    ['keys', { source: 'file', getKey: () => undefined }, 'a provider, auditorKeys'],
    ['manifests', 'nope', 'an array'],
    ['held', [5], 'an array'],
    ['policy', {}, 'loadPolicy'],
    ['onProgress', 5, 'a function'],
  ])('refuses %s: %s, and says that it must be %s', async (option, value, form) => {
    const options = { paths: ['x'], origin: 'a/b', [option]: value } as unknown as VerifyOptions;
    await expect(verify(options)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(new RegExp(`"${option}".*${form}`)),
    });
  });

  it.each([undefined, null, 5, [], {}])('refuses %j in the place of its options', async (options) => {
    await expect(verify(options as unknown as VerifyOptions)).rejects.toMatchObject({ code: 'USAGE' });
  });

  it.each([
    ['nope', 'USAGE'],
    ['other/x.manifest.json', 'USAGE'],
    ['other/a.jsonl.manifest.json', 'NOT_FOUND'],
  ])('refuses the manifest %s, which nobody would read: %s', async (name, code) => {
    const directory = mkdtempSync(join(tmpdir(), 'auditing-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'a.jsonl');
    writeFileSync(path, 'x\n');
    const given = verify({ paths: [path], origin: 'a/b', manifests: [join(directory, name)] });
    await expect(given).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
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
    const named = auditorKeys({ provider: keys, dataKeys: ['default'] });
    const { verdict, findings } = await verify({ paths: [file], origin, keys: named });
    expect(verdict).toBe('undecided');
    expect(findings.filter(({ severity }) => severity !== 'warning').map(({ code }) => code)).toContain('NO_KEY');
    const codes = findings.map(({ code }) => code);
    expect(codes.filter((code) => code === 'NO_KEY')).toHaveLength(1);
    expect(codes).not.toContain('KEY_SERVICE');
    expect(findings.find(({ code }) => code === 'NO_KEY')?.message).toContain('KEY is not set');
  });
});

describe('verifiedLines', () => {
  const taker = (): void => undefined;
  it.each<[object, string]>([
    [{ paths: ['x'] }, 'onPiece'],
    [{ paths: ['x'], onPiece: taker }, 'onProblem'],
    [{ paths: ['x'], onPiece: 5, onProblem: taker }, 'onPiece'],
    [{ paths: ['x'], onPiece: taker, onProblem: taker, onUnprove: 1 }, 'onUnprove'],
  ])('refuses %o and names %s', async (options, name) => {
    const given = verifiedLines(options as unknown as Parameters<typeof verifiedLines>[0]);
    await expect(given).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(`"${name}"`) });
  });
});

describe('auditorKeys', () => {
  it.each([
    [{ publicKey: ['x'] }, 'did you mean publicKeys?'],
    [{ keyFiles: ['x'] }, 'did you mean'],
    [{ dataKeys: ['audit'] }, 'provider'],
    [{ signingKey: 'audit' }, 'provider'],
  ])('refuses %o, and says what it takes', (options, hint) => {
    const make = (): unknown => auditorKeys(options as Parameters<typeof auditorKeys>[0]);
    expect(make).toThrow(expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining(hint) }));
  });

  it.each([
    ['publicKeys', 'x', 'an array'],
    ['publicKeyFiles', [5], 'an array of strings'],
    ['dataKeyFiles', 'x', 'an array of strings'],
    ['dataKeyVariables', 5, 'an array of strings'],
    ['provider', { source: 'file' }, 'a provider'],
    ['dataKeys', [5], 'an array of names'],
    ['signingKey', 5, 'a string'],
  ])('refuses %s: %o, and says that it must be %s', (option, value, form) => {
    expect(() => auditorKeys({ [option]: value })).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringMatching(new RegExp(`"${option}" of auditorKeys must be ${form}`)),
      }),
    );
  });
});
