import { isInsecureUrl } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import type { SignatureAlgorithm } from '../../keys/provider.ts';
import { assertOwnClient, assertWholeNumbers } from '../internal/option-checks.ts';
import type { AwsKmsClient } from './client.ts';

/** How old knowledge of a key may be by default, in seconds. */
export const defaultTtlSeconds = 300;

/** What {@link AwsKmsProvider} is given. Credentials are not among it: they come from the SDK's default chain, or the profile that it names. */
export interface AwsKmsOptions {
  /** The region of keys that are not named by an ARN, as `eu-west-1`. Default: the SDK's own (`AWS_REGION`, then the profile). */
  readonly region?: string;
  /** The profile of the shared configuration files, which may assume a role. Default: the SDK's own (`AWS_PROFILE`). */
  readonly profile?: string;
  /** Another endpoint, as a URL. Default: the SDK's own (`AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL`, then the profile). */
  readonly endpoint?: string;
  /** Allows plain http to another host: whoever is between can forge replies. Default false; loopback is always allowed. */
  readonly allowInsecureEndpoint?: boolean;
  /** Uses the FIPS endpoint of the region. Default: the SDK's own (`AWS_USE_FIPS_ENDPOINT`). */
  readonly useFipsEndpoint?: boolean;
  /** How often the SDK tries a call; nothing retries on top of it. Default: the SDK's own (`AWS_MAX_ATTEMPTS`, 3). */
  readonly maxAttempts?: number;
  /** How the SDK spaces its attempts. Default: the SDK's own (`AWS_RETRY_MODE`, `standard`). */
  readonly retryMode?: 'standard' | 'adaptive';
  /** How long one attempt may take to connect, in milliseconds. Default 2,000. */
  readonly connectionTimeoutMs?: number;
  /** How long one attempt may take after that, in milliseconds. Default 5,000. */
  readonly requestTimeoutMs?: number;
  /** How long one call may take with credentials and all attempts, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /** How old knowledge of a key and its version may be, in seconds. Default 300. */
  readonly keyCacheTtlSeconds?: number;
  /** How many calls `signBatch` has in flight. Default 8. */
  readonly concurrency?: number;
  /** Which algorithms may be used, best first. Default: all that the log format knows, RSA-PSS before PKCS #1 v1.5. */
  readonly signingAlgorithms?: readonly SignatureAlgorithm[];
  /** A client of one's own, such as `new KMS({…})` of `@aws-sdk/client-kms`; then the options above up to `timeoutMs` are refused. */
  readonly client?: AwsKmsClient;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Options that shape our own client and mean nothing to one that is given in. */
const clientOptions = [
  'region',
  'profile',
  'endpoint',
  'allowInsecureEndpoint',
  'useFipsEndpoint',
  'maxAttempts',
  'retryMode',
  'connectionTimeoutMs',
  'requestTimeoutMs',
] as const satisfies readonly (keyof AwsKmsOptions)[];

const limits = ['maxAttempts', 'connectionTimeoutMs', 'requestTimeoutMs', 'timeoutMs', 'concurrency'] as const;

/**
 * Refuses options that contradict each other or would send keys in clear.
 *
 * @param env - read for `AWS_ENDPOINT_URL*`, which the SDK obeys
 * @throws {TamperError} `CONFIG_INVALID`; `INSECURE_ENDPOINT`: plain http to another host without `allowInsecureEndpoint`
 */
export function checkAwsKmsOptions(options: AwsKmsOptions, env: NodeJS.ProcessEnv): void {
  assertOwnClient('AWS KMS', options, clientOptions);
  if (options.client !== undefined) return;
  assertWholeNumbers('AWS KMS', options, limits);
  if (options.allowInsecureEndpoint) return;
  for (const [name, url] of endpointsOf(options, env)) {
    if (isInsecureUrl(url)) throw insecureEndpoint(name);
  }
}

/** The error for an endpoint that would send keys in clear. The URL is not repeated: it may hold a password. */
export function insecureEndpoint(where: string): TamperError {
  return new TamperError('INSECURE_ENDPOINT', `AWS KMS: ${where} is plain http to another host`, {
    hint: 'Use https. For a test server on another host, set allowInsecureEndpoint.',
  });
}

function endpointsOf(options: AwsKmsOptions, env: NodeJS.ProcessEnv): [string, string | undefined][] {
  if (options.endpoint !== undefined) return [['option endpoint', options.endpoint]];
  const { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: ignored } = env;
  if (ignored === 'true') return [];
  // STS too: a forged reply there would give us somebody else's credentials
  const names = ['AWS_ENDPOINT_URL_KMS', 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_STS'];
  return names.map((name) => [name, env[name]]);
}
