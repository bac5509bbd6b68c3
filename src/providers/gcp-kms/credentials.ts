// under another name: a banner that bundlers are often given declares createRequire
import { createRequire as requireFrom } from 'node:module';
import { namesCredentials, type TokenRequestOptions } from '../internal/google-credentials.ts';

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
  const anonymous = new gax.googleAuthLibrary.PassThroughClient({ transporterOptions });
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

function plain(headers: Headers | Record<string, string>): Record<string, string> {
  return headers instanceof Headers ? Object.fromEntries(headers) : { ...headers };
}

/** Resolved from the SDK, not from here: strict package managers hide it from us. */
function loadGax(): Gax {
  const require = requireFrom(import.meta.url);
  return requireFrom(require.resolve('@google-cloud/kms'))('google-gax') as Gax;
}
