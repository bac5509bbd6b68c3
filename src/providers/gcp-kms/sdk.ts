// under another name: a banner that bundlers are often given declares createRequire
import { createRequire as requireFrom } from 'node:module';
import type { DoctorCheck } from '../doctor-check.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import {
  boundReply,
  boundTokenExchange,
  LONGEST_REPLY,
  namesCredentials,
  type TokenRequestOptions,
  tokenRequestOptions,
} from '../internal/google-credentials.ts';
import type { GcpKmsClient } from './client.ts';
import { type GcpEndpoint, parseGcpEndpoint, probeLoopback } from './endpoint.ts';
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
  /** Headers that each call needs besides; absent where the SDK sends all of them. */
  readonly headers?: LoopbackCredentials['headers'];
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
  const { options: how, ...found }: LoopbackCredentials = tls
    ? { options: { clientOptions: { transporterOptions } } }
    : await loopbackCredentials(transport, transporterOptions, options.projectId);
  const client = new KeyManagementServiceClient({
    projectId: options.projectId,
    fallback: transport === 'rest',
    // after an outage grpc-js would wait for up to two minutes before it connects again
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.max_receive_message_length': LONGEST_REPLY, // the SDK sets none
    ...(endpoint !== undefined && { apiEndpoint: endpoint.host, port: endpoint.port }),
    ...(!tls && transport === 'rest' && { protocol: 'http' }),
    ...how,
  });
  await client.initialize();
  const authClient = found.authClient ?? (await client.auth.getClient());
  boundTokenExchange(authClient, transporterOptions);
  return { ...found, client, authClient };
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

/** What of google-auth-library is used: it gives the headers of a request. */
export interface AuthClient {
  getRequestHeaders(url?: string): Promise<Headers | Record<string, string>>;
}

/** What of google-gax is used: the SDK's own copies of grpc-js and google-auth-library, since classes are compared by identity. */
interface Gax {
  readonly grpc: { readonly credentials: { createInsecure(): unknown } };
  readonly GoogleAuth: new (options: object) => GoogleAuth;
  readonly googleAuthLibrary: { readonly PassThroughClient: new (options: object) => AuthClient };
}

interface GoogleAuth {
  useJWTAccessWithScope?: boolean;
  getClient(): Promise<AuthClient>;
}

/** How the plaintext of a test server on this host is spoken, and as whom. */
interface LoopbackCredentials {
  /** Options of the SDK's client. */
  readonly options: object;
  /** The headers of each call; absent where nobody is to be named. */
  readonly headers?: () => Promise<Record<string, string>>;
  /** What gives the headers; absent where the SDK's own does. */
  readonly authClient?: object;
  /** Whether nobody is named. */
  readonly anonymous?: boolean;
}

/**
 * Credentials for plaintext on loopback. The SDK would search the network for a metadata server, and sends no token over
 * plaintext gRPC; so credentials are used only where the environment names them, and are put into a header by us.
 */
async function loopbackCredentials(
  transport: 'grpc' | 'rest',
  transporterOptions: TokenRequestOptions,
  projectId: string,
): Promise<LoopbackCredentials> {
  const clientOptions = { transporterOptions };
  const gax = loadGax();
  const named = namesCredentials(process.env);
  const anonymous = new gax.googleAuthLibrary.PassThroughClient({ transporterOptions });
  if (transport === 'rest') {
    return named ? { options: { clientOptions } } : { options: { authClient: anonymous }, anonymous: true };
  }
  const options = { sslCreds: gax.grpc.credentials.createInsecure(), authClient: anonymous };
  if (!named) return { options, authClient: anonymous, anonymous: true };
  const scopes = ['https://www.googleapis.com/auth/cloud-platform', 'https://www.googleapis.com/auth/cloudkms'];
  const auth = new gax.GoogleAuth({ scopes, clientOptions, projectId });
  auth.useJWTAccessWithScope = true; // as the SDK has it: service accounts sign their tokens themselves (AIP-4111)
  const client = await auth.getClient();
  const headers = async (): Promise<Record<string, string>> =>
    plain(await client.getRequestHeaders('https://cloudkms.googleapis.com/'));
  return { options, headers, authClient: client };
}

function plain(headers: Headers | Record<string, string>): Record<string, string> {
  return headers instanceof Headers ? Object.fromEntries(headers) : { ...headers };
}

/** Resolved from the SDK, not from here: strict package managers hide it from us. */
function loadGax(): Gax {
  const require = requireFrom(import.meta.url);
  return requireFrom(require.resolve('@google-cloud/kms'))('google-gax') as Gax;
}

/** What google-auth-library calls its clients, and what they are to a reader. */
const credentialKinds: ReadonlyMap<string, string> = new Map([
  ['Compute', 'the service account of this machine or workload'],
  ['JWT', 'the key file of a service account'],
  ['UserRefreshClient', 'a user of gcloud'],
  ['IdentityPoolClient', 'workload identity federation'],
  ['AwsClient', 'workload identity federation from AWS'],
  ['PluggableAuthClient', 'workload identity federation from an executable'],
  ['ExternalAccountAuthorizedUserClient', 'workforce identity federation'],
  ['Impersonated', 'an impersonated service account'],
]);

/** Says which credentials were found, without using them and without printing any. */
export function credentialFacts({ authClient, anonymous }: ReadyClient): Omit<DoctorCheck, 'name'> {
  if (anonymous) return { outcome: 'ok', detail: 'none: a test server on loopback, in plaintext' };
  if (authClient === undefined) {
    return { outcome: 'unknown', detail: 'a client was passed in; its credentials are its own' };
  }
  const name = authClient.constructor.name;
  const kind = credentialKinds.get(name) ?? `a ${name}`;
  const email = emailOf(authClient);
  const detail = email === undefined ? kind : `${kind}, ${email}`;
  if (name !== 'JWT') return { outcome: 'ok', detail };
  return {
    outcome: 'warning',
    detail: `${detail}; it does not expire`,
    hint: 'Prefer Workload Identity, or the service account of the machine.',
  };
}

function emailOf(authClient: object): string | undefined {
  const email: unknown = Reflect.get(authClient, 'email') ?? Reflect.get(authClient, 'targetPrincipal');
  return typeof email === 'string' && /^[^@\s]+@[^@\s]+$/.test(email) ? email : undefined;
}
