import type { ContainerClient } from '@azure/storage-blob';
import { isInsecureUrl } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { type BoundingPolicy, boundReplies } from '../internal/azure/bounded-reply.ts';
import { boundedCredential, chooseCredential } from '../internal/azure/credential.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import { AzureContainer } from './container.ts';

/** How a container is opened. */
export interface ContainerOptions {
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** How long one request may wait for its reply, in milliseconds. Default: 30,000. */
  readonly requestTimeoutMs?: number;
}

const service = 'Azure Blob Storage';

/**
 * Loads `@azure/storage-blob` and opens a container with what `AZURE_STORAGE_CONNECTION_STRING` names, or with the credentials
 * of this host, as keys in Azure Key Vault are used. Nothing is asked of it yet.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`; `CONFIG_INVALID`: the connection string; `INSECURE_ENDPOINT`: it names
 * plain http on another host, or a token would go over plain http
 */
export async function openContainer(
  account: string,
  container: string,
  { env = process.env, requestTimeoutMs = 30_000 }: ContainerOptions = {},
): Promise<AzureContainer> {
  const text = env[CONNECTION_STRING];
  const connection: StorageConnection = text
    ? parseConnectionString(text, account)
    : { endpoint: `https://${account}.blob.core.windows.net`, accountKey: undefined, signature: undefined };
  if (isInsecureUrl(connection.endpoint)) throw insecure('is plain http to another host');
  const client = bounded(await clientOf(connection, account, container, { env, requestTimeoutMs }));
  return new AzureContainer({ account, container, client, requestTimeoutMs });
}

async function clientOf(
  { endpoint, accountKey, signature }: StorageConnection,
  account: string,
  container: string,
  { env, requestTimeoutMs }: { env: NodeJS.ProcessEnv; requestTimeoutMs: number },
): Promise<ContainerClient> {
  const sdk = await loadSdk();
  const url = `${endpoint}/${encodeURIComponent(container)}`;
  const options = { retryOptions: { maxTries: 1 } }; // ours are the only retries
  if (accountKey !== undefined) {
    return new sdk.ContainerClient(url, new sdk.StorageSharedKeyCredential(account, accountKey), options);
  }
  if (signature !== undefined)
    return new sdk.ContainerClient(`${url}?${signature}`, new sdk.AnonymousCredential(), options);
  if (!endpoint.startsWith('https:')) throw insecure('would send a token over plain http');
  const choice = await chooseCredential({ service, attemptTimeoutMs: requestTimeoutMs, environment: env });
  return new sdk.ContainerClient(
    url,
    boundedCredential(choice, false, () => undefined),
    options,
  );
}

/** The SDK of storage hands its options to each of its clients, which share one pipeline: a policy among them would be there twice. */
function bounded(client: ContainerClient): ContainerClient {
  const pipeline: unknown = Reflect.get(Reflect.get(client, 'pipeline') ?? {}, '_corePipeline');
  if (typeof pipeline !== 'object' || pipeline === null || !('addPolicy' in pipeline)) {
    throw new TamperError('DEPENDENCY_MISSING', `this version of @azure/storage-blob cannot be used`, {
      hint: 'npm install @azure/storage-blob@12',
    });
  }
  (pipeline as AzurePipeline).removePolicy({ name: 'redirectPolicy' });
  (pipeline as AzurePipeline).addPolicy(boundReplies(), { afterPhase: 'Sign' });
  return client;
}

interface AzurePipeline {
  removePolicy(options: { readonly name: string }): void;
  addPolicy(policy: BoundingPolicy, options: { readonly afterPhase: 'Sign' }): void;
}

function insecure(why: string): TamperError {
  return new TamperError('INSECURE_ENDPOINT', `${service}: ${CONNECTION_STRING} ${why}`, { hint: 'Use https.' });
}

async function loadSdk(): Promise<typeof import('@azure/storage-blob')> {
  try {
    return await import('@azure/storage-blob');
  } catch (cause) {
    throw cannotLoad({ service, packageName: '@azure/storage-blob' }, cause);
  }
}

/** The variable of Azure's own tools. */
const CONNECTION_STRING = 'AZURE_STORAGE_CONNECTION_STRING';

/** What a connection string says of an account. */
export interface StorageConnection {
  /** The address of the blob service, without a slash at the end. */
  readonly endpoint: string;
  /** The account's key, base64; undefined where there is none. */
  readonly accountKey: string | undefined;
  /** A shared access signature, without a question mark; undefined where there is none. */
  readonly signature: string | undefined;
}

/** Azurite's account, which everybody knows: `UseDevelopmentStorage=true` means it. */
const development = {
  AccountName: 'devstoreaccount1',
  AccountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  BlobEndpoint: 'http://127.0.0.1:10000/devstoreaccount1',
};

/**
 * Reads a connection string of Azure Storage: `AccountName=…;AccountKey=…`, with `BlobEndpoint` or `EndpointSuffix` for
 * emulators and sovereign clouds, and instead of the key `SharedAccessSignature` or nothing (the credentials of this host).
 *
 * @throws {TamperError} `CONFIG_INVALID`: unreadable, or of another account. Nothing of the text is repeated: it has the key
 */
export function parseConnectionString(text: string, account: string): StorageConnection {
  const parts = new Map<string, string>();
  for (const part of text.split(';')) {
    const at = part.indexOf('=');
    if (part.trim() === '') continue;
    if (at < 1) throw invalidConnectionString('is not of the form NAME=VALUE;NAME=VALUE');
    parts.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  if (parts.get('UseDevelopmentStorage') === 'true') {
    for (const [name, value] of Object.entries(development)) parts.set(name, value);
  }
  const named = parts.get('AccountName');
  const suffix = parts.get('EndpointSuffix') ?? 'core.windows.net';
  const protocol = parts.get('DefaultEndpointsProtocol') ?? 'https';
  const endpoint = (parts.get('BlobEndpoint') ?? `${protocol}://${named ?? account}.blob.${suffix}`).replace(
    /\/+$/,
    '',
  );
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    throw invalidConnectionString('has no address that can be read');
  const { hostname, pathname, username, password, search } = new URL(endpoint);
  if (username !== '' || password !== '' || search !== '')
    throw invalidConnectionString('has a password or a query in BlobEndpoint');
  // an emulator has the account in the path, the service in the name of the host
  const addressed = pathname === '/' ? hostname.split('.', 1)[0] : pathname.slice(1).split('/', 1)[0];
  if ((named ?? addressed) !== account) throw invalidConnectionString(`is not that of the account ${account}`);
  const signature = parts.get('SharedAccessSignature')?.replace(/^\?/, '');
  return { endpoint, accountKey: parts.get('AccountKey') || undefined, signature: signature || undefined };
}

function invalidConnectionString(why: string): TamperError {
  return new TamperError('CONFIG_INVALID', `${CONNECTION_STRING} ${why}`, {
    hint: 'Copy it from the access keys of the storage account, or leave it out and use the credentials of this host.',
  });
}
