import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  auditorKeys,
  createKeyProvider,
  createSealer,
  formatVkey,
  type VerifyReport,
  verify,
} from '../../src/index.ts';
import { FileKeyProvider } from '../../src/providers/file.ts';
import { MemoryProvider } from '../../src/testing/index.ts';

/** Every way to give `verify` the keys of a log, and what each of them alone may prove. */

const origin = 'audit.example.com/orders';
let directory = '';
let file = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'auditor-keys-'));
  file = join(directory, 'audit.jsonl');
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

async function seal(options: Partial<Parameters<typeof createSealer>[0]>): Promise<void> {
  const sealer = createSealer({ file, origin, stateDir: join(directory, 'state'), ...options });
  for (let n = 1; n <= 5; n++) sealer.write(`{"n":${n}}`);
  await sealer.close();
}

const verdictOf = ({ verdict, findings }: VerifyReport): string =>
  `${verdict} ${findings.filter(({ severity }) => severity !== 'warning').map(({ code }) => code)}`;

describe('a log with a local data key', () => {
  let keyFile = '';
  beforeEach(async () => {
    keyFile = put('audit.key', randomBytes(32));
    await seal({ keySource: 'file', keyFilePath: keyFile });
  });

  it.each([
    ['is no key', 'KEY_MALFORMED', 'hello', 0o600],
    ['is empty', 'KEY_MALFORMED', '', 0o600],
    ['may be read by others', 'KEY_FILE_PERMISSIONS', 'ab'.repeat(32), 0o644],
  ])(
    'says of a key file that %s that it cannot be used, and blames no key service',
    async (_what, code, text, mode) => {
      const path = put('spoiled.key', text);
      chmodSync(path, mode);
      const { verdict, findings } = await verify({
        paths: [file],
        origin,
        keys: auditorKeys({ dataKeyFiles: [path] }),
      });
      const [first, ...others] = findings.filter(({ severity }) => severity !== 'warning');
      expect([verdict, first?.code, others]).toEqual(['undecided', 'NO_KEY', []]);
      expect(first?.message).toMatch(new RegExp(`its data key cannot be used \\((${code})\\)`));
    },
  );

  it('is ok by its file, by a provider, and by a provider whose key is named', async () => {
    const provider = await createKeyProvider({ keySource: 'file', keyFilePath: keyFile });
    onTestFinished(() => provider.close());
    for (const keys of [
      auditorKeys({ dataKeyFiles: [keyFile] }),
      provider,
      [provider],
      auditorKeys({ provider, dataKeys: ['default'] }),
      [auditorKeys({ dataKeyFiles: [keyFile] }), provider],
    ]) {
      expect(verdictOf(await verify({ paths: [file], origin, keys }))).toBe('ok ');
    }
  });

  it('is ok by an environment variable', async () => {
    process.env['AUDIT_KEYS_TEST'] = readFileSync(keyFile).toString('hex');
    onTestFinished(() => void delete process.env['AUDIT_KEYS_TEST']);
    const keys = auditorKeys({ dataKeyVariables: ['AUDIT_KEYS_TEST'] });
    expect(verdictOf(await verify({ paths: [file], origin, keys }))).toBe('ok ');
  });

  it.each([
    ['no key at all', () => undefined],
    ['another key', () => auditorKeys({ dataKeyFiles: [put('other.key', randomBytes(32))] })],
    ['an empty list', () => []],
  ])('is undecided with %s', async (_what, keys) => {
    const given = keys();
    const report = await verify({ paths: [file], origin, ...(given !== undefined && { keys: given }) });
    expect(report.verdict).toBe('undecided');
  });

  it('leaves a provider open, and may be verified twice with the same keys', async () => {
    const provider = await createKeyProvider({ keySource: 'file', keyFilePath: keyFile });
    onTestFinished(() => provider.close());
    const keys = auditorKeys({ provider });
    for (let time = 0; time < 2; time++) expect((await verify({ paths: [file], origin, keys })).verdict).toBe('ok');
    await provider.rotateCheck(); // throws PROVIDER_CLOSED where it was closed
  });
});

describe('a log with a local signing key', () => {
  const pair = generateKeyPairSync('ed25519');
  const vkey = formatVkey(origin, {
    algorithm: 'ed25519',
    bytes: pair.publicKey.export({ format: 'der', type: 'spki' }),
  });
  const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  let keyFile = '';
  beforeEach(async () => {
    keyFile = put('signer.pem', pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    await seal({ keySource: 'file', keyFilePath: keyFile, algorithm: 'Ed25519' });
  });

  it('is ok by a verifier key, a file of one, a PEM, and by the provider that signs', async () => {
    const provider = await createKeyProvider({ keySource: 'file', keyFilePath: keyFile, algorithm: 'Ed25519' });
    onTestFinished(() => provider.close());
    for (const keys of [
      auditorKeys({ publicKeys: [vkey] }),
      auditorKeys({ publicKeys: [{ vkey, fromSeq: 1 }] }),
      auditorKeys({ publicKeyFiles: [put('signer.pub', `# ours\n${vkey}\n`)] }),
      auditorKeys({ publicKeyFiles: [put('signer.pub.pem', pem)] }),
      provider,
    ]) {
      expect(verdictOf(await verify({ paths: [file], origin, keys }))).toBe('ok ');
    }
  });

  it('is undecided by a key that signs nothing of it', async () => {
    const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
    const keys = auditorKeys({ publicKeys: [formatVkey(origin, { algorithm: 'ed25519', bytes: other })] });
    expect((await verify({ paths: [file], origin, keys })).verdict).toBe('undecided');
  });
});

describe('a key service', () => {
  it('is asked for what its configuration or the auditor names, and for nothing else', async () => {
    const service = new MemoryProvider();
    await seal({ keySource: 'custom', keyProviderModule: 'unused', keyId: 'audit', keyProvider: service });
    const named = auditorKeys({ provider: service, dataKeys: ['audit'] });
    expect((await verify({ paths: [file], origin, keys: named })).verdict).toBe('ok');
    const other = auditorKeys({ provider: service, dataKeys: ['other'] });
    expect((await verify({ paths: [file], origin, keys: other })).verdict).toBe('undecided');
    await expect(verify({ paths: [file], origin, keys: service })).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('auditorKeys({ provider'),
    });
  });
});

it.each([
  ['publicKeyFiles', 'NOT_FOUND'],
  ['dataKeyFiles', 'NOT_FOUND'],
  ['dataKeyVariables', 'USAGE'],
] as const)('a wrong value of %s is %s, and no verdict', async (option, code) => {
  const value = option === 'dataKeyVariables' ? 'ab'.repeat(32) : join(directory, 'missing');
  writeFileSync(file, 'x\n');
  const given = verify({ paths: [file], origin, keys: auditorKeys({ [option]: [value] }) });
  await expect(given).rejects.toMatchObject({ code });
  await expect(given).rejects.not.toMatchObject({ message: expect.stringContaining('ab'.repeat(32)) });
});

it('a provider that names no key is enough where a policy names them, also through auditorKeys', async () => {
  const keyFile = put('d1.key', randomBytes(32));
  await seal({ keySource: 'file', keyFilePath: keyFile, keyId: 'd1' });
  const provider = new FileKeyProvider({ dataKeys: { path: keyFile, keyId: 'd1' } });
  onTestFinished(() => provider.close());
  const policy = put('policy.yaml', `version: 1\nstreams:\n  - { origin: ${origin}, keys: [{ wrap: d1 }] }\n`);
  for (const keys of [provider, auditorKeys({ provider })]) {
    expect(verdictOf(await verify({ paths: [file], policy, keys }))).toBe('ok ');
  }
});

it('lists that their owner changes later change nothing', async () => {
  const [right, wrong] = [put('right.key', randomBytes(32)), put('wrong.key', randomBytes(32))];
  await seal({ keySource: 'file', keyFilePath: right });
  const dataKeyFiles = [wrong];
  const keys = auditorKeys({ dataKeyFiles });
  dataKeyFiles[0] = right;
  expect((await verify({ paths: [file], origin, keys })).verdict).toBe('undecided');
});
