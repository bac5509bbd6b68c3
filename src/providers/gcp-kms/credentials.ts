import { createRequire } from 'node:module';

/** What of google-auth-library is used: it gives the headers of a request. */
export interface AuthClient {
  getRequestHeaders(url?: string): Promise<Headers | Record<string, string>>;
}

/** What of google-gax is used: the SDK's own copies of grpc-js and google-auth-library, since classes are compared by identity. */
interface Gax {
  readonly grpc: { readonly credentials: { createInsecure(): unknown } };
  readonly GoogleAuth: new (options: object) => GoogleAuth;
  readonly googleAuthLibrary: { readonly PassThroughClient: new () => AuthClient };
}

interface GoogleAuth {
  useJWTAccessWithScope?: boolean;
  getClient(): Promise<AuthClient>;
}

/** How the plaintext of a test server on this host is spoken, and as whom. */
export interface LoopbackCredentials {
  /** Options of the SDK's client. */
  readonly options: object;
  /** The headers of each call; undefined where nobody is to be named. */
  readonly headers: (() => Promise<Record<string, string>>) | undefined;
  /** What gives the headers; undefined where the SDK's own does. */
  readonly authClient: object | undefined;
  /** Whether nobody is named. */
  readonly anonymous: boolean;
}

/** How HTTP requests for tokens are bounded, and over REST the calls too: `timeout` of a call has no effect there. */
export interface TokenRequestOptions {
  /** In milliseconds. */
  readonly timeout: number;
  readonly retryConfig: { readonly retry: number };
}

/** One try, at most this long: the call that needs the token is repeated by us, and nothing is to be stacked on that. */
export function tokenRequestOptions(timeout: number): TokenRequestOptions {
  return { timeout, retryConfig: { retry: 0 } };
}

/**
 * Bounds the exchange of tokens (RFC 8693) too. google-auth-library makes an HTTP client of its own for it, which no option
 * reaches: a token service that hangs would keep the process from ending.
 */
export function boundTokenExchange(authClient: object, options: TokenRequestOptions): void {
  const transporter = member(member(authClient, 'stsCredential'), 'transporter');
  const defaults = member(transporter, 'defaults');
  if (defaults !== undefined) Object.assign(defaults, options);
}

function member(value: unknown, name: string): object | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, name);
  return typeof found === 'object' && found !== null ? found : undefined;
}

/**
 * Credentials for plaintext on loopback. The SDK would search the network for a metadata server, and sends no token over
 * plaintext gRPC; so credentials are used only where the environment names them, and are put into a header by us.
 */
export async function loopbackCredentials(
  transport: 'grpc' | 'rest',
  transporterOptions: TokenRequestOptions,
  projectId: string,
): Promise<LoopbackCredentials> {
  const clientOptions = { transporterOptions };
  const gax = loadGax();
  const named = namesCredentials(process.env);
  const anonymous = new gax.googleAuthLibrary.PassThroughClient();
  if (transport === 'rest') {
    const options = named ? { clientOptions } : { authClient: anonymous };
    return { options, headers: undefined, authClient: undefined, anonymous: !named };
  }
  const options = { sslCreds: gax.grpc.credentials.createInsecure(), authClient: anonymous };
  if (!named) return { options, headers: undefined, authClient: anonymous, anonymous: true };
  const scopes = ['https://www.googleapis.com/auth/cloud-platform', 'https://www.googleapis.com/auth/cloudkms'];
  const auth = new gax.GoogleAuth({ scopes, clientOptions, projectId });
  auth.useJWTAccessWithScope = true; // as the SDK has it: service accounts sign their tokens themselves (AIP-4111)
  const client = await auth.getClient();
  const headers = async (): Promise<Record<string, string>> =>
    plain(await client.getRequestHeaders('https://cloudkms.googleapis.com/'));
  return { options, headers, authClient: client, anonymous: false };
}

function namesCredentials(env: NodeJS.ProcessEnv): boolean {
  return ['GOOGLE_APPLICATION_CREDENTIALS', 'GCE_METADATA_HOST', 'GCE_METADATA_IP'].some((name) => env[name]);
}

function plain(headers: Headers | Record<string, string>): Record<string, string> {
  return headers instanceof Headers ? Object.fromEntries(headers) : { ...headers };
}

/** Resolved from the SDK, not from here: strict package managers hide it from us. */
function loadGax(): Gax {
  const require = createRequire(import.meta.url);
  return createRequire(require.resolve('@google-cloud/kms'))('google-gax') as Gax;
}
