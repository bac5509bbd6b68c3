import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { auditorKeys, createKeyProvider, createSealer, type VerifyReport, verify } from '../../../src/index.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { runHere } from '../../support/command-line.ts';
import { keys, makeToken, startTransit } from './transit-server.ts';

const origin = 'audit.example.com/vault/macs';
const folder = mkdtempSync(join(tmpdir(), 'vault-macs-'));
let server: BaoNamespace;
let serial = 0;
let directory = '';

beforeAll(async () => {
  server = await startTransit();
  const capabilities = (path: string): string => `path "transit/${path}" { capabilities = ["update"] }`;
  await server.api('POST', 'sys/policies/acl/verify-only', { policy: capabilities('verify/audit-mac') });
  await server.api('POST', 'sys/policies/acl/verify-sign', { policy: capabilities('verify/audit-sign') });
  await server.api('POST', 'sys/policies/acl/no-verify', {
    policy: `${capabilities('hmac/audit-mac')}\npath "transit/keys/audit-mac" { capabilities = ["read"] }`,
  });
});
beforeEach(() => {
  serial += 1;
  directory = join(folder, String(serial));
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const config = (path: string) =>
  ({ keySource: 'vault', vaultAddr: server.url, vaultPath: path, useKmsSigning: true, origin }) as const;

const tokenFile = async (policy: string): Promise<string> => {
  const path = join(folder, `${policy}-${serial}.token`);
  await writeFile(path, await makeToken(server, { policies: [policy] }), { mode: 0o600 });
  return path;
};

/** Seals some lines, in so many runs of a writer with a policy. */
async function seal(policy: string, runs = 1): Promise<string> {
  const file = join(directory, 'audit.jsonl');
  const vaultTokenFile = await tokenFile(policy);
  for (let run = 0; run < runs; run += 1) {
    const sealer = createSealer({
      ...config(keys.mac),
      file,
      stateDir: join(directory, 'state'),
      vaultTokenFile,
    });
    for (let n = 0; n < 20; n += 1) sealer.write(`{"n":${n}}\n`);
    await sealer.close();
  }
  return file;
}

/** Verifies with a token of a policy, and the configuration of the writer. */
const audit = async (file: string, policy: string, path: string = keys.mac): Promise<VerifyReport> => {
  const flags = ['--key-source', 'vault', '--vault-addr', server.url, '--vault-path', path, '--use-kms-signing'];
  const argv = ['verify', file, '--origin', origin, '--format', 'json', ...flags];
  const { stdout } = await runHere([...argv, '--vault-token-file', await tokenFile(policy)]);
  return JSON.parse(stdout) as VerifyReport;
};

test('MACs by Vault alone: an auditor who may verify, and nothing else, decides', async () => {
  const file = await seal('writer');
  expect(await audit(file, 'verify-only')).toMatchObject({ verdict: 'ok', findings: [] });
  const provider = await createKeyProvider({ ...config(keys.mac), vaultTokenFile: await tokenFile('verify-only') });
  try {
    const report = await verify({ paths: [file], origin, keys: auditorKeys({ provider }) });
    expect(report).toMatchObject({ verdict: 'ok', findings: [] });
  } finally {
    await provider.close();
  }
});

test('and finds a changed MAC, but decides nothing with a token that may not verify', async () => {
  const file = await seal('writer');
  const text = await readFile(file, 'utf8');
  expect((await audit(file, 'no-verify')).verdict).toBe('undecided');
  // the last signature line of the last checkpoint
  const [, mac = ''] = [...text.matchAll(/ ([A-Za-z0-9+/]{48}={0,2})\\n"/g)].at(-1) ?? [];
  const bytes = Buffer.from(mac, 'base64');
  bytes[10] = (bytes[10] ?? 0) ^ 1;
  await writeFile(file, text.replaceAll(mac, bytes.toString('base64')));
  expect((await audit(file, 'verify-only')).verdict).toBe('tampered');
});

test('a restart confirms what it signed before, if the writer may verify as documented', async () => {
  const good = await audit(await seal('writer', 3), 'verify-only');
  expect([good.verdict, ...good.findings.map(({ code }) => code)]).toEqual(['ok', 'RESTART', 'RESTART']);
  directory += '-without';
  const report = await audit(await seal('no-verify', 3), 'verify-only');
  expect(report.findings.map(({ code }) => code)).toContain('ADOPTED');
});

test('a MAC of a key that signs is no signature of that key, whoever may make one', async () => {
  // Transit makes MACs with every key: this writer may do that, but not sign
  const file = await seal('writer');
  const claimed = (await readFile(file, 'utf8')).replaceAll('audit-mac', 'audit-sign');
  await writeFile(file, claimed);
  const report = await audit(file, 'verify-sign', keys.ed25519);
  expect(report.verdict).not.toBe('ok');
  const provider = await createKeyProvider({
    ...config(keys.ed25519),
    vaultTokenFile: await tokenFile('verify-sign'),
  });
  try {
    const { answer } = await server.raw('POST', 'transit/hmac/audit-sign', { input: 'AAAA' });
    const made = (answer as { data: { hmac: string } }).data.hmac.split(':')[2] ?? '';
    const signer = { source: 'vault', identity: `${keys.ed25519}:v1`, algorithm: 'kms-hmac-sha256' } as const;
    await expect(
      provider.verify(signer, Buffer.from('AAAA', 'base64'), Buffer.from(made, 'base64')),
    ).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
  } finally {
    await provider.close();
  }
});
