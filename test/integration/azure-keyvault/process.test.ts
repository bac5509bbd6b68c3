import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useAzureServer, writer } from './setup.ts';

const azure = useAzureServer();
const root = fileURLToPath(new URL('../../../', import.meta.url));
const here = fileURLToPath(new URL('./programs/', import.meta.url));
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'azure-process-'));
  await writeFile(join(directory, 'ca.pem'), azure.server.caPem);
});
afterAll(() => rm(directory, { recursive: true }));

interface Outcome {
  readonly identity?: string;
  readonly code?: string;
  readonly message?: string;
  readonly tookMs: number;
}

/** Signs in a process of its own that knows nothing but these variables. It must end by itself with code 0. */
async function signInChild(
  variables: Record<string, string>,
  config: object = {},
  key = azure.key('k'),
): Promise<Outcome> {
  const imports = ['--import', join(root, 'test/child/typescript.mjs')];
  if (variables['ABSENT_PACKAGE'] !== undefined) imports.push('--import', join(here, 'absent.mjs'));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...imports, join(here, 'sign.ts'), key, JSON.stringify(config)],
    {
      cwd: root,
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
        AZURE_AUTHORITY_HOST: azure.server.authorityUrl,
        NO_PROXY: 'localhost,127.0.0.1',
        ...variables,
      },
      timeout: 40_000,
    },
  );
  return JSON.parse(stdout) as Outcome;
}

describe('a process that has only its environment', () => {
  it('signs with the secret of a service principal, certificates by NODE_EXTRA_CA_CERTS', async () => {
    const made = await azure.create('k');
    const outcome = await signInChild(
      { AZURE_CLIENT_SECRET: writer.secret },
      { azureTenantId: azure.server.tenant, azureClientId: writer.clientId },
    );
    expect(outcome).toMatchObject({ identity: azure.identity(made) });
  });

  it('signs as the system-assigned identity of an App Service site, by the default chain', async () => {
    const made = await azure.create('k');
    await azure.server.admin('identities', { system: 'site', user: [] });
    await azure.server.admin('principal', { clientId: 'site' });
    const outcome = await signInChild({
      IDENTITY_ENDPOINT: `${azure.server.managedIdentityUrl}/MSI/token`,
      IDENTITY_HEADER: azure.server.identityHeader,
    });
    expect(outcome).toMatchObject({ identity: azure.identity(made) });
    const [asked] = (await azure.server.admin('requests')).filter(({ server }) => server === 'managed-identity');
    expect(asked).toMatchObject({ path: '/MSI/token' });
  });

  it('signs over plain http on loopback', async () => {
    const made = await azure.create('k');
    const outcome = await signInChild(
      { AZURE_CLIENT_SECRET: writer.secret },
      { azureTenantId: azure.server.tenant, azureClientId: writer.clientId },
      `${azure.server.plainVaultUrl}/keys/k`,
    );
    expect(outcome).toMatchObject({ identity: `${azure.server.plainVaultUrl}/keys/k/${made.version}` });
  });

  it('has no credentials: UNAUTHENTICATED, and lives on', async () => {
    await azure.create('k');
    const outcome = await signInChild({ AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' });
    expect(outcome).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each([
    ['the authority', 'token', { AZURE_CLIENT_SECRET: writer.secret }, true],
    ['the managed identity endpoint', 'managed-identity', {}, false],
  ])('%s hangs: TIMEOUT within the deadline, and lives on', async (_, on, variables, principal) => {
    await azure.server.admin('fault', { on, kind: 'hang' });
    const outcome = await signInChild(
      { ...variables, AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.server.managedIdentityUrl },
      { azureClientId: writer.clientId, ...(principal ? { azureTenantId: azure.server.tenant } : {}) },
    );
    expect(outcome).toMatchObject({ code: 'TIMEOUT' });
    expect(outcome.tookMs).toBeLessThan(12_000);
  });

  it('has a vault that nobody serves: UNAVAILABLE', async () => {
    const outcome = await signInChild({}, {}, 'https://localhost:9/keys/k');
    expect(outcome).toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('does not trust the certificate: TLS_FAILED', async () => {
    const outcome = await signInChild({ NODE_EXTRA_CA_CERTS: '' });
    expect(outcome).toMatchObject({ code: 'TLS_FAILED' });
  });
});

describe('a package that is not installed', () => {
  it.each(['@azure/keyvault-keys', '@azure/identity'])(
    '%s is named, with the command that installs it',
    async (name) => {
      const outcome = await signInChild({ ABSENT_PACKAGE: name });
      expect(outcome).toMatchObject({
        code: 'DEPENDENCY_MISSING',
        message: `Azure Key Vault support requires ${name}. Install it with: npm install ${name}`,
      });
    },
  );
});
