import { isInsecureUrl } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { boundReplies, refusesPlainHttp } from '../internal/aws-middleware.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import { S3Bucket } from './bucket.ts';

/** How a bucket is opened. */
export interface BucketOptions {
  /** Default: as the SDK finds it (`AWS_REGION`, the profile). */
  readonly region?: string | undefined;
  /** The profile of the shared configuration files. Default: as the SDK finds it (`AWS_PROFILE`). */
  readonly profile?: string | undefined;
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** How long one request may wait for its reply, in milliseconds. Default: 5,000. */
  readonly requestTimeoutMs?: number;
}

/**
 * Loads `@aws-sdk/client-s3` and opens a bucket with the SDK's default chain of credentials, region and endpoint. Nothing is
 * asked of it yet.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`; `INSECURE_ENDPOINT` where the environment names plain http on another host
 */
export async function openBucket(
  bucket: string,
  { region, profile, env = process.env, requestTimeoutMs = 5_000 }: BucketOptions = {},
): Promise<S3Bucket> {
  const endpoints = env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true' ? [] : endpointVariables;
  for (const name of endpoints) if (isInsecureUrl(env[name])) throw insecureEndpoint(name);
  const { S3: Client } = await loadSdk();
  const client = new Client({
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
    // a server that is not Amazon's seldom has a host name for each bucket
    ...(endpoints.some((name) => name !== 'AWS_ENDPOINT_URL_STS' && env[name]) && { forcePathStyle: true }),
    // a range has no checksum, and servers that are not Amazon's send that of the whole object along with it
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true, // without it a request timeout is only a warning
    },
  });
  client.middlewareStack.add(
    refusesPlainHttp(() => insecureEndpoint('the configured endpoint')),
    { step: 'build', name: 'fapilogTamperRefusesPlainHttp', priority: 'high' },
  );
  boundReplies(client);
  return new S3Bucket(client, bucket, requestTimeoutMs);
}

// STS too: it is sent what proves who we are
const endpointVariables = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_STS'] as const;

/** The URL is not repeated: it may hold a password. */
function insecureEndpoint(where: string): TamperError {
  return new TamperError('INSECURE_ENDPOINT', `AWS S3: ${where} is plain http to another host`, { hint: 'Use https.' });
}

async function loadSdk(): Promise<typeof import('@aws-sdk/client-s3')> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (cause) {
    throw cannotLoad({ service: 'AWS S3', packageName: '@aws-sdk/client-s3' }, cause);
  }
}
