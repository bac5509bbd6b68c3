import type { S3 } from '@aws-sdk/client-s3';
import { isInsecureUrl } from '../../config/endpoint.ts';
import { isError, TamperError } from '../../errors.ts';
import { refusesPlainHttp } from '../internal/aws-plain-http.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import { mapS3Error, unreadable } from './error-map.ts';

/** How a bucket is opened. */
export interface BucketOptions {
  /** Default: as the SDK finds it (`AWS_REGION`, the profile). */
  readonly region?: string;
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

const limits = {
  connectionTimeout: 2_000,
  requestTimeout: 5_000,
  throwOnRequestTimeout: true, // without it a request timeout is only a warning
};

/**
 * Loads `@aws-sdk/client-s3` and opens a bucket with the SDK's default chain of credentials, region and endpoint. Nothing is
 * asked of it yet.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`; `INSECURE_ENDPOINT` where the environment names plain http on another host
 */
export async function openBucket(bucket: string, { region, env = process.env }: BucketOptions = {}): Promise<S3Bucket> {
  const endpoints = env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true' ? [] : endpointVariables;
  for (const name of endpoints) if (isInsecureUrl(env[name])) throw insecureEndpoint(name);
  const { S3: Client } = await loadSdk();
  const client = new Client({
    ...(region !== undefined && { region }),
    // a server that is not Amazon's seldom has a host name for each bucket
    ...(endpoints.some((name) => name !== 'AWS_ENDPOINT_URL_STS' && env[name]) && { forcePathStyle: true }),
    requestHandler: limits,
  });
  client.middlewareStack.add(
    refusesPlainHttp(() => insecureEndpoint('the configured endpoint')),
    { step: 'build', name: 'fapilogTamperRefusesPlainHttp', priority: 'high' },
  );
  return new S3Bucket(client, bucket);
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

/**
 * Objects of one bucket of AWS S3 that are written once. Every method throws {@link TamperError}: `ACCESS_DENIED`,
 * `UNAUTHENTICATED`, `CONFIG_INVALID`, `UNAVAILABLE`, `RESPONSE_MALFORMED`, `ABORTED`, `INSECURE_ENDPOINT`.
 */
export class S3Bucket {
  readonly #client: S3;
  readonly #bucket: string;

  constructor(client: S3, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** PutObject with `If-None-Match: *`. @returns false where there is an object of that key */
  async create(key: string, body: Uint8Array, abortSignal: AbortSignal): Promise<boolean> {
    const call = { operation: 'PutObject', bucket: this.#bucket };
    try {
      const ContentType = 'text/plain; charset=utf-8';
      const input = { Bucket: this.#bucket, Key: key, Body: body, ContentType, IfNoneMatch: '*' };
      const { ETag } = await this.#client.putObject(input, { abortSignal });
      if (ETag === undefined) throw unreadable(call); // what is no S3 may say 200 to anything
      return true;
    } catch (error) {
      if (nameOf(error) === 'PreconditionFailed') return false;
      throw mapS3Error(error, call);
    }
  }

  /** GetObject. @returns undefined where there is none */
  async read(key: string, limit: number, abortSignal: AbortSignal): Promise<Buffer | undefined> {
    const call = { operation: 'GetObject', bucket: this.#bucket };
    try {
      const { Body } = await this.#client.getObject({ Bucket: this.#bucket, Key: key }, { abortSignal });
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const part of (Body ?? []) as AsyncIterable<Uint8Array>) {
        length += part.length;
        if (length > limit) {
          throw new TamperError('RESPONSE_MALFORMED', `AWS S3: ${key} is longer than ${limit} bytes`);
        }
        parts.push(part);
      }
      return Buffer.concat(parts);
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined;
      throw mapS3Error(error, call);
    }
  }

  /** ListObjectsV2 of one key. */
  async firstAfter(prefix: string, after: string, abortSignal: AbortSignal): Promise<string | undefined> {
    const call = { operation: 'ListObjectsV2', bucket: this.#bucket };
    try {
      const input = { Bucket: this.#bucket, Prefix: prefix, StartAfter: after, MaxKeys: 1 };
      const { Contents, IsTruncated } = await this.#client.listObjectsV2(input, { abortSignal });
      if (IsTruncated === undefined) throw unreadable(call);
      return Contents?.[0]?.Key;
    } catch (error) {
      throw mapS3Error(error, call);
    }
  }

  /** Ends its connections. */
  close(): void {
    this.#client.destroy();
  }
}

function nameOf(error: unknown): string | undefined {
  return isError(error) ? error.name : undefined;
}
