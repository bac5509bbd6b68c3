import { cannotLoad } from '../internal/cannot-load.ts';
import { boundReply, boundTokenExchange, LONGEST_REPLY, tokenRequestOptions } from '../internal/google-credentials.ts';
import type { GcpKmsClient } from './client.ts';
import { type LoopbackCredentials, loopbackCredentials } from './credentials.ts';
import { type GcpEndpoint, parseGcpEndpoint } from './endpoint.ts';
import { probeLoopback } from './loopback-probe.ts';
import type { GcpTransport } from './options.ts';

/** What a client is made from. */
export interface SdkClientOptions {
  readonly gcpEndpoint?: string | undefined;
  readonly transport?: GcpTransport | undefined;
  readonly attemptTimeoutMs: number;
  /** The project of the key: otherwise the SDK asks the network for one. */
  readonly projectId: string;
}

/** A client whose credentials were found. */
export interface ReadyClient {
  readonly client: GcpKmsClient;
  /** Headers that each call needs besides; undefined where the SDK sends all of them. */
  readonly headers: LoopbackCredentials['headers'];
  /** What google-auth-library found; undefined for a client that was given in. */
  readonly authClient?: object;
  /** True where a test server on loopback is used without credentials. */
  readonly anonymous?: boolean;
}

/**
 * Loads the SDK, makes a client and finds its credentials.
 *
 * `initialize` is awaited here because every method of the SDK starts it otherwise without anybody to catch its failure,
 * and missing credentials would end the process as an unhandled rejection. A client whose `initialize` failed stays
 * failed; make another.
 *
 * @throws {TamperError} `DEPENDENCY_MISSING`, `CONFIG_INVALID`, `INSECURE_ENDPOINT`; and what the SDK throws, unmapped
 */
export async function createSdkClient(options: SdkClientOptions): Promise<ReadyClient> {
  const endpoint = options.gcpEndpoint === undefined ? undefined : parseGcpEndpoint(options.gcpEndpoint);
  const { KeyManagementServiceClient } = await loadSdk();
  const { tls, transport } = await spoken(endpoint, options.transport);
  const transporterOptions = { ...tokenRequestOptions(options.attemptTimeoutMs), adapter: boundReply };
  const credentials: LoopbackCredentials = tls
    ? {
        options: { clientOptions: { transporterOptions } },
        headers: undefined,
        authClient: undefined,
        anonymous: false,
      }
    : await loopbackCredentials(transport, transporterOptions, options.projectId);
  const client = new KeyManagementServiceClient({
    projectId: options.projectId,
    fallback: transport === 'rest',
    // after an outage grpc-js would wait for up to two minutes before it connects again
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.max_receive_message_length': LONGEST_REPLY, // the SDK sets none
    ...(endpoint !== undefined && { apiEndpoint: endpoint.host, port: endpoint.port }),
    ...(!tls && transport === 'rest' && { protocol: 'http' }),
    ...credentials.options,
  });
  await client.initialize();
  const authClient = credentials.authClient ?? (await client.auth.getClient());
  boundTokenExchange(authClient, transporterOptions);
  return { client, headers: credentials.headers, authClient, anonymous: credentials.anonymous };
}

async function spoken(
  endpoint: GcpEndpoint | undefined,
  transport: GcpTransport | undefined,
): Promise<{ tls: boolean; transport: GcpTransport }> {
  if (endpoint === undefined) return { tls: true, transport: transport ?? 'grpc' };
  if (!endpoint.loopback || (endpoint.tls !== undefined && transport !== undefined)) {
    return { tls: endpoint.tls ?? true, transport: transport ?? 'grpc' };
  }
  const found = await probeLoopback(endpoint.host, endpoint.port, endpoint.tls);
  return { tls: found.tls, transport: transport ?? (found.http2 ? 'grpc' : 'rest') };
}

async function loadSdk(): Promise<typeof import('@google-cloud/kms')> {
  try {
    return await import('@google-cloud/kms');
  } catch (cause) {
    throw cannotLoad({ service: 'Google Cloud KMS', packageName: '@google-cloud/kms' }, cause);
  }
}
