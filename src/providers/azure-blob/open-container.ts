import type { ContainerClient } from '@azure/storage-blob';
import { isInsecureUrl } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { type BoundingPolicy, boundReplies } from '../internal/azure/bounded-reply.ts';
import { boundedCredential, chooseCredential } from '../internal/azure/credential.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import { CONNECTION_STRING, parseConnectionString, type StorageConnection } from './connection-string.ts';
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
