import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/keys/secret.ts';
import type { AzureKeyVaultOptions, AzureKeyVaultProvider } from '../../../src/providers/azure-keyvault/index.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { passingPauses, passingTime, virtualDeadlines } from '../../support/virtual-time.ts';
import { useAzureServer, writer, writerOptions } from './setup.ts';

const azure = useAzureServer();
const root = Buffer.from('audit.example.com/azure\n2\nAAAA\n');
const set = new Set<string>();

/** Sets variables for one test: the SDK reads the process's own. */
function environment(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) {
    set.add(name);
    process.env[name] = value;
  }
}

afterEach(() => {
  for (const name of set) delete process.env[name];
  set.clear();
});

async function signsAs(caller: string, provider: AzureKeyVaultProvider): Promise<void> {
  await azure.server.admin('principal', { clientId: caller });
  await azure.create('k');
  await provider.sign(azure.key('k'), root);
  const seen = await azure.server.admin('requests');
  expect(seen.filter(({ operation }) => operation === 'sign').at(-1)).toMatchObject({ caller });
}

async function inFile(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'azure-'));
  try {
    const path = join(directory, 'token');
    await writeFile(path, text);
    await use(path);
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('each credential is taken to the authority, and the vault checks its token', () => {
  it('tenant, client and secret: service principal', () =>
    signsAs(writer.clientId, azure.provider(writerOptions(azure.server))));

  it('tenant and client, the secret in AZURE_CLIENT_SECRET: service principal', async () => {
    environment({ AZURE_CLIENT_SECRET: writer.secret });
    await signsAs(writer.clientId, azure.provider({ tenantId: azure.server.tenant, clientId: writer.clientId }));
  });

  it('tenant, client and federated token: workload identity, and the file is read at each login', async () => {
    await azure.server.admin('application', { clientId: 'pod', assertion: 'federated.token.one' });
    await inFile('federated.token.one', (federatedTokenFile) =>
      signsAs('pod', azure.provider({ tenantId: azure.server.tenant, clientId: 'pod', federatedTokenFile })),
    );
  });

  it('tenant and client, the token in AZURE_FEDERATED_TOKEN_FILE: workload identity', async () => {
    await azure.server.admin('application', { clientId: 'pod', assertion: 'federated.token.two' });
    await inFile('federated.token.two', async (path) => {
      environment({ AZURE_FEDERATED_TOKEN_FILE: path });
      await signsAs('pod', azure.provider({ tenantId: azure.server.tenant, clientId: 'pod' }));
    });
  });

  it('client alone: user-assigned managed identity, by IMDS', async () => {
    environment({ AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.server.managedIdentityUrl });
    await azure.server.admin('identities', { system: 'machine', user: ['assigned'] });
    await signsAs('assigned', azure.provider({ clientId: 'assigned' }));
    const asked = (await azure.server.admin('requests')).filter(({ server }) => server === 'managed-identity');
    expect(asked.at(-1)).toMatchObject({ clientId: 'assigned', path: expect.stringContaining('/metadata/identity') });
  });

  it('client alone: user-assigned managed identity, by App Service', async () => {
    environment({
      IDENTITY_ENDPOINT: `${azure.server.managedIdentityUrl}/MSI/token`,
      IDENTITY_HEADER: azure.server.identityHeader,
    });
    await azure.server.admin('identities', { user: ['assigned'] });
    await signsAs('assigned', azure.provider({ clientId: 'assigned' }));
  });

  it('nothing: the default chain, by the secret in the environment', async () => {
    environment({
      AZURE_AUTHORITY_HOST: azure.server.authorityUrl,
      AZURE_TENANT_ID: azure.server.tenant,
      AZURE_CLIENT_ID: writer.clientId,
      AZURE_CLIENT_SECRET: writer.secret,
      AZURE_TOKEN_CREDENTIALS: 'prod',
    });
    await signsAs(writer.clientId, azure.bare());
  });

  it('nothing: the default chain, by workload identity', async () => {
    await azure.server.admin('application', { clientId: 'pod', assertion: 'federated.token.three' });
    await inFile('federated.token.three', async (path) => {
      environment({
        AZURE_AUTHORITY_HOST: azure.server.authorityUrl,
        AZURE_TENANT_ID: azure.server.tenant,
        AZURE_CLIENT_ID: 'pod',
        AZURE_FEDERATED_TOKEN_FILE: path,
        AZURE_TOKEN_CREDENTIALS: 'prod',
      });
      await signsAs('pod', azure.bare());
    });
  });

  it('nothing: the default chain, by system-assigned managed identity (IMDS)', async () => {
    environment({
      AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.server.managedIdentityUrl,
      AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential',
    });
    await azure.server.admin('identities', { system: 'machine', user: [] });
    await signsAs('machine', azure.bare());
  });

  it('a credential of our own', async () => {
    const token = await azure.server.admin('token', { clientId: 'own' });
    await signsAs(
      'own',
      azure.provider({
        credential: { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) },
      }),
    );
  });

  it('the authority in AZURE_AUTHORITY_HOST', async () => {
    environment({ AZURE_AUTHORITY_HOST: azure.server.authorityUrl });
    await signsAs(writer.clientId, azure.bare(writerOptions(azure.server)));
  });

  it('asks the tenant that is configured, whatever tenant a vault names in its challenge', async () => {
    await azure.server.admin('settings', { challengeTenant: 'another-tenant' });
    await signsAs(writer.clientId, azure.provider(writerOptions(azure.server)));
  });
});

describe('a token that the vault takes no longer', () => {
  it('is replaced by a new one in the middle of a call, for all calls at once', async () => {
    await azure.create('k');
    const tokens: string[] = [];
    const revoked = await azure.server.admin('token', { clientId: writer.clientId, claims: { exp: 1 } });
    const fresh = await azure.server.admin('token', { clientId: writer.clientId });
    const first = await azure.server.admin('token', { clientId: writer.clientId, claims: { jti: 'first' } });
    const given = [first, revoked, fresh, fresh, fresh];
    const credential = {
      getToken: async (): Promise<{ token: string; expiresOnTimestamp: number }> => {
        const token = given.shift() ?? fresh;
        tokens.push(token);
        return { token, expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const provider = azure.provider({ credential });
    const { identity } = await provider.getSigningKey(azure.key('k')); // with `first`
    const signatures = await provider.signBatch(
      identity,
      Array.from({ length: 20 }, (_, item) => Buffer.from([item])),
    );
    expect(signatures).toHaveLength(20);
    expect(tokens.length).toBeLessThanOrEqual(5);
  });

  it('and is refused again is UNAUTHENTICATED, after one more try', async () => {
    await azure.create('k');
    let asked = 0;
    const token = await azure.server.admin('token', { clientId: writer.clientId, claims: { exp: 1 } });
    const credential = {
      getToken: async (): Promise<{ token: string; expiresOnTimestamp: number }> => {
        asked += 1;
        return { token, expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const provider = azure.provider({ credential, keyCacheTtlSeconds: 0 });
    await expect(provider.sign(azure.key('k'), root)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(asked).toBeLessThanOrEqual(4);
  });
});

describe('without a usable credential the right code comes within the deadline, and the process lives', () => {
  const sign = (options: AzureKeyVaultOptions): Promise<unknown> => azure.provider(options).sign(azure.key('k'), root);

  it('nothing anywhere', async () => {
    environment({ AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' });
    await azure.create('k');
    await expect(azure.bare().sign(azure.key('k'), root)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      retryable: false,
    });
  });

  it('a file of a federated token, or of a certificate, that is absent is named', async () => {
    await azure.create('k');
    const options = { tenantId: azure.server.tenant, clientId: 'pod' };
    const named = { code: 'UNAUTHENTICATED', retryable: false, message: expect.stringContaining('/nonexistent/pod') };
    await expect(sign({ ...options, federatedTokenFile: '/nonexistent/pod' })).rejects.toMatchObject(named);
    environment({ AZURE_CLIENT_CERTIFICATE_PATH: '/nonexistent/pod.pem' });
    await expect(sign(options)).rejects.toMatchObject(named);
  });

  it('a tenant and a client, and nothing that proves them', async () => {
    const options = { tenantId: azure.server.tenant, clientId: writer.clientId };
    await expect(sign(options)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      hint: expect.stringContaining('AZURE_CLIENT_SECRET'),
    });
  });

  it.each([
    ['a wrong secret', { clientSecret: new Secret('wrong') }, 'AADSTS7000215'],
    ['an unknown client', { clientId: 'nobody' }, 'AADSTS700016'],
    ['an unknown tenant', { tenantId: '00000000-0000-0000-0000-000000000000' }, ''],
  ])('%s', async (_, wrong, code) => {
    const failure = sign({ ...writerOptions(azure.server), ...wrong });
    await expect(failure).rejects.toMatchObject({ message: expect.stringContaining(code) });
    await expect(failure).rejects.toMatchObject({ code: expect.stringMatching(/^(UNAUTHENTICATED|UNAVAILABLE)$/) });
  });

  it('a wrong secret is asked for once', async () => {
    const failure = sign({ ...writerOptions(azure.server), clientSecret: new Secret('wrong') });
    await expect(failure).rejects.toMatchObject({ code: 'UNAUTHENTICATED', retryable: false });
    const asked = (await azure.server.admin('requests')).filter(({ path }) => path.endsWith('/token'));
    expect(asked).toHaveLength(1);
  });

  it('a managed identity that the machine does not have', async () => {
    environment({ AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.server.managedIdentityUrl });
    await expect(sign({ clientId: 'unknown' })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('a token that the vault refuses', async () => {
    const token = await azure.server.admin('token', {
      clientId: writer.clientId,
      claims: { aud: 'https://graph.microsoft.com' },
    });
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
    await expect(sign({ credential })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('a credential that answers nothing', async () => {
    await expect(sign({ credential: { getToken: async () => null } })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it.each([
    ['the token endpoint of the authority', 'token', (): AzureKeyVaultOptions => writerOptions(azure.server)],
    ['the managed identity endpoint', 'managed-identity', (): AzureKeyVaultOptions => ({ clientId: 'hanging' })],
  ])('%s hangs: TIMEOUT, and it works again when it answers', async (_, on, options) => {
    environment({ AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.server.managedIdentityUrl });
    await azure.server.admin('identities', { user: ['hanging'] });
    await azure.server.admin('principal', { clientId: 'hanging' });
    await azure.create('k');
    const clock = new FakeClock(Date.now());
    const provider = azure.provider({ ...options(), ...virtualDeadlines, clock });
    await azure.server.admin('fault', { on, kind: 'hang' });
    await expect(passingTime(clock, provider.sign(azure.key('k'), root))).rejects.toMatchObject({
      code: 'TIMEOUT',
      retryable: true,
    });
    await azure.server.admin('clearFaults');
    await expect(provider.rotateCheck()).resolves.toBe(false);
    await clock.advance(2_000);
    await expect(passingPauses(clock, provider.sign(azure.key('k'), root))).resolves.toMatchObject({
      algorithm: 'ecdsa-p256-sha256',
    });
  });

  it.each([
    ['answers 503', { kind: 'status', status: 503 }, 'UNAVAILABLE'],
    ['throttles', { kind: 'throttle' }, 'THROTTLED'],
    ['resets connections', { kind: 'reset' }, 'UNAVAILABLE'],
  ])('the token endpoint %s', async (_, fault, code) => {
    await azure.server.admin('fault', { on: 'token', ...fault });
    await expect(sign(writerOptions(azure.server))).rejects.toMatchObject({ code, retryable: true });
  });

  it('nobody listens where the authority should be', async () => {
    const options = { ...writerOptions(azure.server), authorityHost: 'https://localhost:9' };
    await expect(sign(options)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  });

  it('the authority or the vault has a certificate of somebody else', async () => {
    const ca = (await import('../../servers/loopback-ca.mjs')).createLoopbackCa().caPem;
    await expect(sign({ ...writerOptions(azure.server), caCertificates: ca })).rejects.toMatchObject({
      code: 'TLS_FAILED',
    });
  });

  it('a caller who gives up is told so at once', async () => {
    await azure.server.admin('fault', { on: 'token', kind: 'hang' });
    const controller = new AbortController();
    const failure = azure
      .provider(writerOptions(azure.server))
      .sign(azure.key('k'), root, { signal: controller.signal });
    controller.abort();
    await expect(failure).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
