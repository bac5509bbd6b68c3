import { afterAll, beforeAll, beforeEach } from 'vitest';
import { Secret } from '../../../src/keys/secret.ts';
import { type AzureKeyVaultOptions, AzureKeyVaultProvider } from '../../../src/providers/azure-keyvault/index.ts';
import { type AzureServer, type MadeKey, startAzureKeyVault } from '../../servers/azure-keyvault/start.ts';

/** The service principal that writes, and its secret. */
export const writer = { clientId: 'writer-app', secret: 'canary-client-secret-5ebe2294' } as const;

/** Variables of this machine that would give the SDK credentials of its own. */
const foreign = /^(?:AZURE_|IDENTITY_|MSI_|IMDS_|HTTPS?_PROXY$|https?_proxy$)/;

/** A test server for one file, with a writer, and providers on it that are closed after each test. */
export interface AzureSetup {
  readonly server: AzureServer;
  /** A provider with the writer's credential, through the unmodified SDKs. */
  provider(options?: AzureKeyVaultOptions): AzureKeyVaultProvider;
  /** A provider that finds authority and credential in the environment, but for what is given. */
  bare(options?: AzureKeyVaultOptions): AzureKeyVaultProvider;
  /** The URL of a key. */
  key(name: string): string;
  create(name: string, options?: Record<string, unknown>): Promise<MadeKey>;
  identity(made: MadeKey): string;
}

/** Registers the hooks of a test file. `shared`: its tests run at the same time, so nothing is reset between them. */
export function useAzureServer({ shared = false }: { shared?: boolean } = {}): AzureSetup {
  let server: AzureServer | undefined;
  const open: AzureKeyVaultProvider[] = [];
  const running = (): AzureServer => {
    if (server === undefined) throw new Error('the test server is not running');
    return server;
  };
  const make = (options: AzureKeyVaultOptions): AzureKeyVaultProvider => {
    const retry = { attempts: 3, baseDelayMs: 5, maxDelayMs: 20 };
    const provider = new AzureKeyVaultProvider({ caCertificates: running().caPem, retry, ...options });
    open.push(provider);
    return provider;
  };
  beforeAll(async () => {
    for (const name of Object.keys(process.env)) if (foreign.test(name)) delete process.env[name];
    server = await startAzureKeyVault();
    // loading them takes longer than some of the tests' deadlines, on a machine with other work
    await Promise.all([import('@azure/keyvault-keys'), import('@azure/identity')]);
  });
  (shared ? beforeAll : beforeEach)(async () => {
    await Promise.all(open.splice(0).map((provider) => provider.close()));
    await running().admin('reset');
    await running().admin('application', writer);
    await running().admin('principal', { clientId: writer.clientId });
  });
  afterAll(async () => {
    await Promise.all(open.splice(0).map((provider) => provider.close()));
    await server?.close();
  });
  return {
    get server() {
      return running();
    },
    bare: (options = {}) => make(options),
    provider(options = {}) {
      const own = options.credential !== undefined || options.clientId !== undefined;
      const principal = own ? {} : writerOptions(running());
      return make({ ...principal, authorityHost: running().authorityUrl, ...options });
    },
    key: (name) => `${running().vaultUrl}/keys/${name}`,
    create: (name, options = {}) => running().admin('createKey', { name, ...options }),
    identity: (made) => `${running().vaultUrl}/keys/${made.name}/${made.version}`,
  };
}

/** Tenant, client and secret of the writer. */
export function writerOptions(server: AzureServer): AzureKeyVaultOptions {
  return { tenantId: server.tenant, clientId: writer.clientId, clientSecret: new Secret(writer.secret) };
}

/** What a stream and key period of these tests are called. */
export const context = { origin: 'audit.example.com/azure', kid: 'c0ffee00.1' } as const;
