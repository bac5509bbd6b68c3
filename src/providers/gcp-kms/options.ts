import { TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { assertOwnClient, assertWholeNumbers } from '../internal/option-checks.ts';
import type { GcpKmsClient } from './client.ts';

/** How requests are sent. REST is for networks whose proxies do not let gRPC through. */
export type GcpTransport = 'grpc' | 'rest';

/** What {@link GcpKmsProvider} is given. Credentials are not among it: they are Application Default Credentials only. */
export interface GcpKmsOptions {
  /**
   * Another endpoint: `HOST:PORT` or `https://HOST:PORT` for TLS, `http://HOST:PORT` for plaintext, which is taken on
   * loopback only. Where loopback is named without a scheme, or without a transport, the server there is asked what it
   * speaks. Default: `cloudkms.googleapis.com`.
   */
  readonly gcpEndpoint?: string;
  /** Default `grpc`. */
  readonly transport?: GcpTransport;
  /** How long one attempt may take, in milliseconds. Default 5,000. */
  readonly attemptTimeoutMs?: number;
  /** How long one call may take with credentials and all attempts, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /** How old knowledge of a key and its version may be, in seconds. Default 300. */
  readonly keyCacheTtlSeconds?: number;
  /** How many calls `signBatch` has in flight. Default 16. */
  readonly concurrency?: number;
  /** A client of one's own, such as `new KeyManagementServiceClient()`; then `gcpEndpoint` and `transport` are refused. */
  readonly client?: GcpKmsClient;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/**
 * Refuses options that contradict each other or make no sense.
 *
 * @throws {TamperError} `CONFIG_INVALID`
 */
export function checkGcpKmsOptions(options: GcpKmsOptions): void {
  assertOwnClient('Google Cloud KMS', options, ['gcpEndpoint', 'transport']);
  if (!['grpc', 'rest', undefined].includes(options.transport)) {
    throw new TamperError('CONFIG_INVALID', 'Google Cloud KMS: option transport must be grpc or rest');
  }
  assertWholeNumbers('Google Cloud KMS', options, ['attemptTimeoutMs', 'timeoutMs', 'concurrency']);
}
