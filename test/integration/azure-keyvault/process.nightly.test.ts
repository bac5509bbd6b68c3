import { createPublicKey } from 'node:crypto';
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, type RunResult, writeProgram } from '../../support/built-package.ts';
import { useAzureServer, writer } from './setup.ts';

const azure = useAzureServer();
const modules = fileURLToPath(new URL('../../../node_modules/', import.meta.url));
let directory = '';
let built: BuiltPackage;
const others: BuiltPackage[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'azure-process-'));
  await writeFile(join(directory, 'ca.pem'), azure.server.caPem);
  built = await packageWith('@azure/keyvault-keys', '@azure/identity');
});
afterAll(async () => {
  built?.remove();
  for (const other of others) other.remove();
  await rm(directory, { recursive: true });
});

/** The package as it is published, with these of its optional packages installed. */
async function packageWith(...names: string[]): Promise<BuiltPackage> {
  const made = await buildPackage({ own: true });
  mkdirSync(join(made.directory, 'node_modules/@azure'), { recursive: true });
  for (const name of names) symlinkSync(realpathSync(join(modules, name)), join(made.directory, 'node_modules', name));
  writeProgram(made, 'sign.mjs', program);
  return made;
}

/** Signs once with the provider of a configuration and says how that ended. */
const program = `
import { createKeyProvider, isTamperError } from './dist/index.js';

const [keyId, config] = process.argv.slice(2);
const provider = await createKeyProvider({ keySource: 'azure-keyvault', useKmsSigning: true, keyId, ...JSON.parse(config) });
const outcome = await provider.sign(keyId, Buffer.from('root')).then(
  ({ identity }) => ({ identity }),
  (error) => (isTamperError(error) ? { code: error.code, message: error.message } : { code: String(error) }),
);
await provider.close();
await new Promise((resolve) => setTimeout(resolve, 50)); // whatever nobody handles would end the process here
process.stdout.write(JSON.stringify(outcome));
process.exit(0);
`;

interface Outcome {
  readonly identity?: string;
  readonly code?: string;
  readonly message?: string;
}

const isolated = (): Record<string, string> => ({
  HOME: directory,
  NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
  AZURE_AUTHORITY_HOST: azure.server.authorityUrl,
  NO_PROXY: 'localhost,127.0.0.1',
});

/** Signs in a process of its own that knows nothing but these variables. It must end by itself with code 0. */
async function signInProcess(
  variables: Record<string, string>,
  config: object = {},
  key = azure.key('k'),
  from = built,
): Promise<Outcome> {
  const env = { ...isolated(), ...variables };
  const { code, stdout, stderr } = await from.run([key, JSON.stringify(config)], { program: 'sign.mjs', env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Outcome;
}

const principal = (): object => ({ azureTenantId: azure.server.tenant, azureClientId: writer.clientId });

describe('a process that has only its environment', () => {
  it('signs with the secret of a service principal, certificates by NODE_EXTRA_CA_CERTS', async () => {
    const made = await azure.create('k');
    const outcome = await signInProcess({ AZURE_CLIENT_SECRET: writer.secret }, principal());
    expect(outcome).toMatchObject({ identity: azure.identity(made) });
  });

  it('signs as the system-assigned identity of an App Service site, by the default chain', async () => {
    const made = await azure.create('k');
    await azure.server.admin('identities', { system: 'site', user: [] });
    await azure.server.admin('principal', { clientId: 'site' });
    const outcome = await signInProcess({
      IDENTITY_ENDPOINT: `${azure.server.managedIdentityUrl}/MSI/token`,
      IDENTITY_HEADER: azure.server.identityHeader,
    });
    expect(outcome).toMatchObject({ identity: azure.identity(made) });
    const [asked] = (await azure.server.admin('requests')).filter(({ server }) => server === 'managed-identity');
    expect(asked).toMatchObject({ path: '/MSI/token' });
  });

  it('signs over plain http on loopback', async () => {
    const made = await azure.create('k');
    const key = `${azure.server.plainVaultUrl}/keys/k`;
    const outcome = await signInProcess({ AZURE_CLIENT_SECRET: writer.secret }, principal(), key);
    expect(outcome).toMatchObject({ identity: `${key}/${made.version}` });
  });

  it('has no credentials: UNAUTHENTICATED, and lives on', async () => {
    await azure.create('k');
    const outcome = await signInProcess({ AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' });
    expect(outcome).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each([
    ['the authority', 'token', { AZURE_CLIENT_SECRET: writer.secret }, true],
    ['the managed identity endpoint', 'managed-identity', {}, false],
  ])('%s hangs: TIMEOUT within the deadline, and lives on', async (_, on, variables, isPrincipal) => {
    await azure.server.admin('fault', { on, kind: 'hang' });
    const outcome = await signInProcess(
      { ...variables, AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.server.managedIdentityUrl },
      isPrincipal ? principal() : { azureClientId: writer.clientId },
    );
    expect(outcome).toMatchObject({ code: 'TIMEOUT' });
  });

  it('has a vault that nobody serves: UNAVAILABLE', async () => {
    const outcome = await signInProcess({}, {}, 'https://localhost:9/keys/k');
    expect(outcome).toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('does not trust the certificate: TLS_FAILED', async () => {
    const outcome = await signInProcess({ NODE_EXTRA_CA_CERTS: '' });
    expect(outcome).toMatchObject({ code: 'TLS_FAILED' });
  });
});

describe('the command line', () => {
  const command = (args: readonly string[], input = '', key = azure.key('k')): Promise<RunResult> =>
    built.run(args, {
      cwd: directory,
      input,
      env: {
        ...isolated(),
        AZURE_CLIENT_SECRET: writer.secret,
        FAPILOG_TAMPER_KEY_SOURCE: 'azure-keyvault',
        FAPILOG_TAMPER_KEY_ID: key,
        FAPILOG_TAMPER_USE_KMS_SIGNING: 'true',
        FAPILOG_TAMPER_AZURE_TENANT_ID: azure.server.tenant,
        FAPILOG_TAMPER_AZURE_CLIENT_ID: writer.clientId,
      },
    });

  it('seals a short input, verifies it with the public key alone, and examines the vault', async () => {
    const made = await azure.create('k');
    const file = join(directory, 'cli.jsonl');
    const origin = 'audit.example.com/cli';
    await azure.server.admin('fault', { on: 'get', kind: 'delay', ms: 2_500, times: 1 }); // the input ends long before
    const sealed = await command(['seal', '--out', file, '--origin', origin], '{"line":1}\n{"line":2}\n');
    expect(sealed).toMatchObject({ code: 0, stderr: expect.not.stringContaining(writer.secret) });
    const pem = join(directory, 'k.pem');
    await writeFile(pem, pemOf(made.spki));
    const verified = await command(['verify', file, '--origin', origin, '--public-key', pem]);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining(azure.identity(made)) });
    await writeFile(file, (await readFile(file, 'utf8')).replace('"line":2', '"line":3'));
    const found = await command(['verify', file, '--origin', origin, '--public-key', pem]);
    expect(found).toMatchObject({ code: 1 });
    const doctor = await command(['doctor', '--origin', origin]);
    expect(doctor).toMatchObject({ code: 0, stdout: expect.stringContaining(azure.identity(made)) });
  });

  it('ends in time though the vault hangs, loses nothing, and the next start signs it', async () => {
    const made = await azure.create('k');
    const file = join(directory, 'hanging.jsonl');
    const args = ['seal', '--out', file, '--origin', 'audit.example.com/hanging'];
    await azure.server.admin('fault', { on: 'sign', kind: 'hang' });
    const hanging = await command(args, '{"line":1}\n');
    expect(hanging).toMatchObject({ code: 0, stderr: expect.stringContaining('no signature came') });
    await azure.server.admin('clearFaults');
    expect(await command(args, '{"line":2}\n')).toMatchObject({ code: 0 });
    const pem = join(directory, 'hanging.pem');
    await writeFile(pem, pemOf(made.spki));
    const verified = await command(['verify', file, '--origin', 'audit.example.com/hanging', '--public-key', pem]);
    expect(verified).toMatchObject({ code: 2, stdout: expect.stringContaining('ADOPTED') });
  });

  it('says that nothing was sealed where no key came, and keeps the lines for the next start', async () => {
    const file = join(directory, 'away.jsonl');
    const origin = 'audit.example.com/away';
    const away = await command(
      ['seal', '--out', file, '--origin', origin],
      '{"line":1}\n',
      'https://localhost:9/keys/k',
    );
    expect(away).toMatchObject({ code: 2, stderr: expect.stringContaining('TIMEOUT') });
    const made = await azure.create('k');
    expect(await command(['seal', '--out', file, '--origin', origin], '{"line":2}\n')).toMatchObject({ code: 0 });
    const pem = join(directory, 'away.pem');
    await writeFile(pem, pemOf(made.spki));
    expect(await command(['verify', file, '--origin', origin, '--public-key', pem])).toMatchObject({ code: 0 });
    const cat = await command(['cat', file]);
    expect(cat.stdout).toBe('{"line":1}\n{"line":2}\n');
  });
});

function pemOf(spki = ''): string {
  return createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' })
    .export({ type: 'spki', format: 'pem' })
    .toString();
}

describe('packages that are not installed', () => {
  it.each([
    [
      'both',
      [],
      'requires @azure/keyvault-keys and @azure/identity. Install them with: npm install @azure/keyvault-keys @azure/identity',
    ],
    ['one', ['@azure/keyvault-keys'], 'requires @azure/identity. Install it with: npm install @azure/identity'],
    [
      'the other',
      ['@azure/identity'],
      'requires @azure/keyvault-keys. Install it with: npm install @azure/keyvault-keys',
    ],
  ])('%s: all that lack are named at once, with the command that installs them', async (_, installed, says) => {
    const without = await packageWith(...installed);
    others.push(without);
    expect(await signInProcess({}, {}, azure.key('k'), without)).toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: `Azure Key Vault support ${says}`,
    });
  });
});

describe('one configuration without use_kms_signing', () => {
  it.each(['EC', 'RSA', 'oct-HSM'])(
    'seals with a key of type %s, and verifies what it sealed, and nothing that another key sealed',
    async (kty) => {
      await azure.create('k', { kty });
      await azure.create('other', { kty });
      const place = await mkdtemp(join(directory, 'one-'));
      const env = { ...isolated(), AZURE_CLIENT_SECRET: writer.secret };
      const lines = (key: string): string =>
        [
          'key_source: azure-keyvault',
          `key_id: ${azure.key(key)}`,
          `azure_tenant_id: ${azure.server.tenant}`,
          `azure_client_id: ${writer.clientId}`,
          'origin: audit.example.com/azure',
          '',
        ].join('\n');
      await writeFile(join(place, 'k.yaml'), lines('k'));
      await writeFile(join(place, 'other.yaml'), lines('other'));
      const options = { cwd: place, env };
      const sealed = await built.run(['seal', '--quiet', '--config', 'k.yaml', '--out', 'a.jsonl'], {
        ...options,
        input: 'a\nb\n',
      });
      expect(sealed).toMatchObject({ code: 0 });
      const verified = await built.run(['verify', '--config', 'k.yaml', 'a.jsonl'], options);
      expect(verified.code, verified.stdout + verified.stderr).toBe(0);
      const other = await built.run(['verify', '--config', 'other.yaml', 'a.jsonl'], options);
      expect(other.code, other.stdout + other.stderr).toBe(2);
    },
  );
});
