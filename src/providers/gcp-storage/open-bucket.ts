// under another name: a banner that bundlers are often given declares createRequire
import { createRequire as requireFrom } from 'node:module';
import { isLoopback } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import { boundTokenExchange, namesCredentials, tokenRequestOptions } from '../internal/google-credentials.ts';
import { GcsBucket } from './bucket.ts';
import type { GcsAuthClient } from './requests.ts';

/** How a bucket is opened. */
export interface GcsBucketOptions {
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** How long one request may wait for its reply, in milliseconds. Default: 30,000. */
  readonly requestTimeoutMs?: number;
}

/**
 * Loads `@google-cloud/storage` and opens a bucket with Application Default Credentials. Nothing is asked of it yet.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`; `CONFIG_INVALID` and `INSECURE_ENDPOINT`: `STORAGE_EMULATOR_HOST`
 */
export async function openGcsBucket(
  bucket: string,
  { env = process.env, requestTimeoutMs = 30_000 }: GcsBucketOptions = {},
): Promise<GcsBucket> {
  const named = env[EMULATOR_HOST];
  const own = named ? parseStorageEndpoint(named) : undefined;
  const { Storage } = await loadSdk();
  const transporterOptions = tokenRequestOptions(requestTimeoutMs);
  // an emulator wants no credentials, and the search for some would ask the network for a metadata server
  const anonymous = own?.startsWith('http:') === true && !namesCredentials(env);
  const storage = new Storage({
    projectId: env['GOOGLE_CLOUD_PROJECT'] || 'none', // objects need no project, and the SDK would ask the network for one
    clientOptions: { transporterOptions },
    ...(anonymous && { authClient: new (loadPassThroughClient())() }),
  });
  const endpoint = own ?? storage.apiEndpoint;
  const auth = async (): Promise<GcsAuthClient> => {
    const client = await storage.authClient.getClient();
    boundTokenExchange(client, transporterOptions);
    return client;
  };
  return new GcsBucket({ endpoint, auth, requestTimeoutMs }, bucket);
}

async function loadSdk(): Promise<typeof import('@google-cloud/storage')> {
  try {
    return await import('@google-cloud/storage');
  } catch (cause) {
    throw cannotLoad({ service: 'Google Cloud Storage', packageName: '@google-cloud/storage' }, cause);
  }
}

/** Who says nothing of itself. Resolved from the SDK, not from here: strict package managers hide it from us. */
function loadPassThroughClient(): new () => never {
  const require = requireFrom(import.meta.url);
  const library = requireFrom(require.resolve('@google-cloud/storage'))('google-auth-library') as {
    readonly PassThroughClient: new () => never;
  };
  return library.PassThroughClient;
}

/** The variable by which Google's own libraries find an emulator, or another address of the service. */
const EMULATOR_HOST = 'STORAGE_EMULATOR_HOST';

/**
 * Reads `HOST:PORT`, `http://HOST:PORT` or `https://HOST`: without a scheme it is http on this host and https on another.
 *
 * @returns the origin, without a slash at the end
 * @throws {TamperError} `CONFIG_INVALID`: unreadable, or with a path, a query or a password, none of which is repeated;
 * `INSECURE_ENDPOINT`: plain http to another host
 */
function parseStorageEndpoint(text: string): string {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
    ? text
    : `${isLoopback(hostOf(text)) ? 'http' : 'https'}://${text}`;
  if (!URL.canParse(full)) throw invalidEndpoint('cannot be read');
  const { protocol, hostname, origin, pathname, search, hash, username, password } = new URL(full);
  if (protocol !== 'http:' && protocol !== 'https:') throw invalidEndpoint('is neither http nor https');
  if (username !== '' || password !== '') throw invalidEndpoint('has a password');
  // some of Google's libraries want the path in it, others add it
  if (!/^\/(?:storage\/v1\/?)?$/.test(pathname) || search !== '' || hash !== '')
    throw invalidEndpoint('has a path or a query');
  if (protocol === 'http:' && !isLoopback(hostname)) {
    throw new TamperError('INSECURE_ENDPOINT', `Google Cloud Storage: ${EMULATOR_HOST} is plain http to another host`, {
      hint: 'Use https.',
    });
  }
  return origin;
}

function hostOf(text: string): string {
  return /^\[[^\]]*\]|^[^:/?#]*/.exec(text)?.[0] ?? '';
}

function invalidEndpoint(why: string): TamperError {
  return new TamperError('CONFIG_INVALID', `Google Cloud Storage: ${EMULATOR_HOST} ${why}`, {
    hint: 'Write http://127.0.0.1:PORT for an emulator on this host, or https://HOST.',
  });
}
