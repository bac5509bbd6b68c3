import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect as inspectError } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  auditorKeys,
  createSealer,
  inspect,
  loadCheckpoint,
  loadPolicy,
  loadPublicKeys,
  originalLines,
  type VerifyOptions,
  verifiedLines,
  verify,
} from '../../src/index.ts';
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
      hint: `Did you mean ${meant}?`,
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
    ['paths', [], 'an array'],
    ['known', '', 'a path'],
    ['keys', 'signer.pub', 'a provider, auditorKeys'],
    ['keys', [{ publicKeyFiles: ['signer.pub'] }], 'a provider, auditorKeys'],
    ['keys', { source: 'file', getKey: () => undefined }, 'a provider, auditorKeys'],
    ['manifests', 'nope', 'an array'],
    ['held', [5], 'an array'],
    ['unwrap', 'podman', 'docker, cri, loki or field:NAME'],
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
    [{ publicKey: ['x'] }, 'Did you mean publicKeys?'],
    [{ keyFiles: ['x'] }, 'Did you mean'],
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
    ['signingKey', 5, 'the name of a key'],
    ['signingKey', '', 'the name of a key'],
  ])('refuses %s: %o, and says that it must be %s', (option, value, form) => {
    expect(() => auditorKeys({ [option]: value })).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringMatching(new RegExp(`"${option}" of auditorKeys must be ${form}`)),
      }),
    );
  });
});

describe('a limit of a key', () => {
  it.each([
    { until_seq: 1 },
    { fromSeq: '1000' },
    { fromSeq: Number.NaN },
    { fromSeq: 0 },
    { fromSeq: 1.5 },
    { untilSeq: null },
    { fromSeq: 9, untilSeq: 3 },
  ])('that nobody would read as it was meant is refused: %o', (limit) => {
    const provider = { source: 'x', getSigningKey: () => undefined, recoverKey: () => undefined };
    for (const options of [
      { publicKeys: [{ vkey: 'x', ...limit }] },
      { provider, dataKeys: [{ name: 'x', ...limit }] },
    ]) {
      expect(() => auditorKeys(options as unknown as Parameters<typeof auditorKeys>[0])).toThrow(
        expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('whole numbers of at least 1') }),
      );
    }
  });
});

describe('a policy', () => {
  it.each([
    [{ streams: [{ origin: 'a/b', require: ['signatures'] }] }],
    [{ streams: ['a/b'] }],
    [{ streams: [] }],
    [Promise.resolve()],
  ])('that loadPolicy has not read is refused: %o', async (policy) => {
    const given = verify({ paths: ['x'], policy } as unknown as VerifyOptions);
    await expect(given).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('"policy"') });
  });
});

describe('arguments that nobody can have meant', () => {
  const noPaths = [undefined, null, 5, 'a.jsonl', {}, [], [5]];
  it.each(noPaths)('inspect(%j)', async (paths) => {
    await expect(inspect(paths as unknown as string[])).rejects.toMatchObject({ code: 'USAGE' });
  });
  it.each(noPaths)('originalLines({ paths: %j })', async (paths) => {
    const options = { paths, onPiece: () => undefined, onProblem: () => undefined };
    await expect(originalLines(options as never)).rejects.toMatchObject({ code: 'USAGE' });
  });
  it.each([
    [['-'], {}],
    [['x'], { onPieces: () => undefined }],
    [['x'], { onPiece: undefined }],
  ])('originalLines of %j with %o', async (paths, more) => {
    const options = { paths, onPiece: () => undefined, onProblem: () => undefined, ...more };
    await expect(originalLines(options as never)).rejects.toMatchObject({ code: 'USAGE' });
  });
  it.each([undefined, null, 5, '', {}])('a file called %j', async (path) => {
    for (const load of [loadPolicy, loadPublicKeys, loadCheckpoint]) {
      await expect(load(path as unknown as string)).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});

describe('a key in the place of its name', () => {
  const key = randomBytes(32).toString('hex');
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const provider = { source: 'x', getSigningKey: () => undefined, recoverKey: () => undefined };
  const uses: Readonly<Record<string, (secret: string) => unknown>> = {
    paths: (secret) => verify({ paths: [secret], origin: 'a/b' }),
    policy: (secret) => verify({ paths: ['x'], policy: secret }),
    known: (secret) => verify({ paths: [here], origin: 'a/b', known: secret }),
    manifests: (secret) => verify({ paths: [here], origin: 'a/b', manifests: [secret] }),
    publicKeyFiles: (secret) =>
      verify({ paths: [here], origin: 'a/b', keys: auditorKeys({ publicKeyFiles: [secret] }) }),
    dataKeyFiles: (secret) => verify({ paths: [here], origin: 'a/b', keys: auditorKeys({ dataKeyFiles: [secret] }) }),
    dataKeyVariables: (secret) =>
      verify({ paths: [here], origin: 'a/b', keys: auditorKeys({ dataKeyVariables: [secret] }) }),
    dataKeys: (secret) => auditorKeys({ provider, dataKeys: [secret] } as never),
    signingKey: (secret) => auditorKeys({ provider, signingKey: secret } as never),
    'an option': (secret) => auditorKeys({ [secret]: [] }),
    loadPublicKeys: (secret) => loadPublicKeys(secret),
    loadCheckpoint: (secret) => loadCheckpoint(secret),
  };
  const here = import.meta.filename;

  it.each(Object.keys(uses))('is not shown: %s', async (use) => {
    for (const secret of [key, `${key}\n`, `d1=${key}`, Buffer.from(key, 'hex').toString('base64'), pem]) {
      const said = await Promise.resolve()
        .then(() => uses[use]?.(secret))
        .then(
          (report) => JSON.stringify(report),
          (error: unknown) => inspectError(error, { depth: 9 }),
        );
      for (const part of [
        key.slice(0, 24),
        Buffer.from(key, 'hex').toString('base64').slice(0, 16),
        pem.slice(30, 60),
      ]) {
        expect(said, use).not.toContain(part);
      }
    }
  });
});
