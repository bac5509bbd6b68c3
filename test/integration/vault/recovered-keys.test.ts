import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSealer, type RecoveryReport } from '../../../src/index.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { type CommandResult, runHere } from '../../support/command-line.ts';
import { makeKeys, providerFor, startTransit } from './transit-server.ts';

/** `keys recover` with a real service: what it may not give, what it no longer has, and that it is not needed afterwards. */

const origin = 'audit.example.com/recovered';
let server: BaoNamespace;
let directory = '';
let serial = 0;
let one = '';
let two = '';
/** What an auditor may decrypt with. */
let token = '';

beforeAll(async () => {
  server = await startTransit();
});
afterAll(async () => {
  await server.stop();
});
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vault-recovered-'));
  serial += 1;
  [one, two] = [(await makeKeys(server, `one${serial}`)).data, (await makeKeys(server, `two${serial}`)).data];
  token = await allow(one, two);
});
afterEach(() => rmSync(directory, { recursive: true }));

const path = (name: string): string => join(directory, name);

/** A token that may decrypt with these keys, and do nothing else. */
async function allow(...names: readonly string[]): Promise<string> {
  const rules = names.map((name) => `path "${name.replace('/keys/', '/decrypt/')}" { capabilities = ["update"] }`);
  await server.api('POST', `sys/policies/acl/auditor-${serial}`, { policy: rules.join('\n') });
  const answer = await server.api('POST', 'auth/token/create', { policies: [`auditor-${serial}`], ttl: '1h' });
  return (answer['auth'] as { client_token: string }).client_token;
}

/** One run of the writer for each key: a key period each. */
async function seal(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const keyProvider = providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken } });
    const sealer = createSealer({
      file: path('audit.jsonl'),
      origin,
      stateDir: path('state'),
      keySource: 'vault',
      vaultAddr: server.url,
      vaultPath: name,
      keyProvider,
    });
    for (let n = 0; n < 5; n += 1) sealer.write(`{"n":${n}}`);
    await sealer.close();
    await keyProvider.close();
  }
}

const policyText = (...names: readonly string[]): string =>
  `version: 1\nstreams:\n  - origin: ${origin}\n    keys:\n${names.map((name) => `      - { wrap: ${name} }\n`).join('')}`;

async function recover(
  named: readonly string[] = [one, two],
  out = 'recovered.keys',
  format = 'json',
): Promise<CommandResult> {
  writeFileSync(path('policy.yaml'), policyText(...named));
  const config = ['--key-source', 'vault', '--vault-path', one, '--vault-addr', server.url];
  const args = ['--policy', path('policy.yaml'), '--out', path(out), '--format', format, ...config];
  return runHere(['keys', 'recover', path('audit.jsonl'), ...args], {
    env: { VAULT_TOKEN: token, HOME: '/nonexistent' },
  });
}

/** Without a service, and without knowing where one is. */
const verify = (out = 'recovered.keys'): Promise<CommandResult> =>
  runHere(['verify', path('audit.jsonl'), '--origin', origin, '--keys', path(out)], {
    env: { HOME: '/nonexistent' },
  });

const outcomes = ({ stdout }: CommandResult): (string | undefined)[][] =>
  (JSON.parse(stdout) as RecoveryReport).periods.map(({ outcome, code }) =>
    code === undefined ? [outcome] : [outcome, code],
  );

describe('data keys that Vault wrapped', () => {
  it('are recovered with the right to decrypt alone; the log then verifies without Vault', async () => {
    await seal(one, two, one);
    const result = await recover();
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(outcomes(result)).toEqual([['recovered'], ['recovered'], ['recovered']]);
    expect(statSync(path('recovered.keys')).mode & 0o777).toBe(0o600);
    expect((await verify()).code).toBe(0);
    // the keys are in that file and nowhere else, in no output, and the token is in neither
    const keys = readFileSync(path('recovered.keys'), 'latin1')
      .split('\n')
      .slice(1, -1)
      .map((line) => line.slice(0, 44));
    expect(keys).toHaveLength(3);
    const others = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'recovered.keys')
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    for (const secret of [...keys, token]) expect([...others, result.stdout].join('\n')).not.toContain(secret);
    expect(readFileSync(path('recovered.keys'), 'latin1')).not.toContain(token);
  });

  it('one of two that may not be decrypted is missing: exit 2, and the other one is written', async () => {
    await seal(one, two);
    token = await allow(two);
    const result = await recover();
    expect(result.code).toBe(2);
    expect(outcomes(result)).toEqual([['refused', 'ACCESS_DENIED'], ['recovered']]);
    const verified = await verify();
    expect(verified.code).toBe(2);
    expect(verified.stdout).toContain('NO_KEY');
    expect(verified.stdout).toContain(`vault ${one}:v1`);
    expect(verified.stdout).not.toContain('TAMPERED');
    const { code, stdout } = await recover(undefined, 'again.keys', 'text');
    expect(code).toBe(2);
    const [first = '', hint = '', second = '', ...rest] = stdout.split('\n');
    expect(first).toMatch(
      /\.1 of audit\.example\.com\/recovered, entries 1 to 8, vault transit.* MISSING: refused .*ACCESS_DENIED/,
    );
    expect(hint).toMatch(/^ {4}hint: /);
    expect(second).toMatch(/\.2 of audit\.example\.com\/recovered, entries 9 to 16, vault transit.*: recovered$/);
    expect(rest.join('\n')).toContain(
      'again.keys: the data key of one key period; anyone who has this file could forge',
    );
    expect(rest.join('\n')).toContain('one key period without a data key');
  });

  it('a version that was retired and a key that was deleted are missing, each with its reason', async () => {
    await seal(one, two);
    await server.api('POST', `${one}/rotate`, {});
    await seal(one);
    await server.api('POST', `${one}/config`, { min_decryption_version: 2 });
    await server.api('POST', `${two}/config`, { deletion_allowed: true });
    await server.raw('DELETE', two, undefined, server.rootToken);
    const result = await recover();
    expect(result.code).toBe(2);
    const [first, second, third] = outcomes(result);
    expect(first?.[0]).toBe('refused');
    expect(second?.[0]).toBe('refused');
    expect(first?.[1]).not.toBe('ACCESS_DENIED');
    expect(third).toEqual(['recovered']);
    expect((await verify()).code).toBe(2);
  });

  it('nothing is written where nothing was recovered, and nobody is asked about a key that was not named', async () => {
    await seal(two);
    const result = await recover([one]);
    expect(result.code).toBe(2);
    expect(outcomes(result)).toEqual([['not-named']]);
    expect(existsSync(path('recovered.keys'))).toBe(false);
    token = 'hvs.nobody';
    const refused = await recover();
    expect([refused.code, outcomes(refused)[0]?.[0]]).toEqual([2, 'refused']);
    expect(existsSync(path('recovered.keys'))).toBe(false);
    expect(refused.stdout + refused.stderr).not.toContain(token);
  });

  it('a file that is there is left as it is: exit 2', async () => {
    await seal(one);
    writeFileSync(path('recovered.keys'), 'mine');
    expect(await recover()).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('WRITE_FAILED') });
    expect(readFileSync(path('recovered.keys'), 'utf8')).toBe('mine');
  });
});
