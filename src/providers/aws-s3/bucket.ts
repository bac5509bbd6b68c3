import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput, ListObjectsV2CommandOutput, S3 } from '@aws-sdk/client-s3';
import { Replaced } from '../../foundation/file-identity.ts';
import type { ObjectStorage, StoredBytes, StoredObject } from '../../storage/object-storage.ts';
import { assertListed } from '../internal/storage/listed-order.ts';
import { ownWrite, repeatedRequest } from '../internal/storage/repeated-request.ts';
import { type ReplyBody, readReply } from '../internal/storage/reply-body.ts';
import { attemptsOf, mapS3Error, nameOf, type S3Call, textOf, unreadable } from './error-map.ts';

/**
 * Objects of one bucket of AWS S3. Their versions are ETags without quotes. The SDK repeats what fails, but waits for ever for the
 * rest of a reply that has begun, so each request has a deadline of ours as well, after which it is sent again.
 */
export class S3Bucket implements ObjectStorage {
  readonly name: string;
  readonly #client: S3;
  readonly #bucket: string;
  readonly #requestTimeoutMs: number;

  /** @param requestTimeoutMs - how long the client lets a request wait for its reply */
  constructor(client: S3, bucket: string, requestTimeoutMs: number) {
    this.name = `s3://${bucket}`;
    this.#client = client;
    this.#bucket = bucket;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** ListObjectsV2, 1,000 keys a page. */
  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<readonly StoredObject[]> {
    const call = this.#call('ListObjectsV2');
    let after: string | undefined;
    let token: string | undefined;
    do {
      const reply = await this.#page({ Prefix: prefix, ContinuationToken: token }, signal);
      const page = listed(reply, call);
      assertListed(textOf(call), page, prefix, after);
      after = page.at(-1)?.key ?? after;
      const next = reply.IsTruncated === true ? reply.NextContinuationToken : undefined;
      if (reply.IsTruncated === true && (next === undefined || next === token)) throw unreadable(call);
      token = next;
      if (page.length > 0) yield page;
    } while (token !== undefined);
  }

  /** GetObject of a range with `If-Match`. */
  async read(object: StoredObject, from: number, length: number, signal?: AbortSignal): Promise<Buffer> {
    const size = Math.min(length, object.size - from);
    if (size <= 0) return Buffer.alloc(0); // S3 answers 416 to it
    const call = this.#call('GetObject');
    const end = from + size - 1;
    try {
      const range = { Range: `bytes=${from}-${end}`, IfMatch: `"${object.version}"` };
      const reply = await repeatedRequest(this.#bounds(call, signal), (abortSignal) =>
        this.#client.getObject({ Bucket: this.#bucket, Key: object.key, ...range }, { abortSignal }),
      );
      const body = bodyOf(reply, call);
      const version = versionOf(reply.ETag);
      if (version === undefined) throw dropped(body, unreadable(call)); // what is no S3 may say 200 to anything
      if (version !== object.version) throw dropped(body, new Replaced(object.key)); // not Amazon's, and knows no If-Match
      if (isRewritten(object, reply.LastModified)) throw dropped(body, new Replaced(object.key));
      if (reply.ContentRange !== `bytes ${from}-${end}/${object.size}`) throw dropped(body, unreadable(call));
      return await readReply(body, { ...this.#bounds(call, signal), length: size, limit: size });
    } catch (error) {
      if (error instanceof Replaced) throw error;
      if (isCondition(error) || nameOf(error) === 'NoSuchKey') throw new Replaced(object.key, { cause: error });
      throw mapS3Error(error, call);
    }
  }

  /** GetObject. */
  async get(key: string, limit: number, signal?: AbortSignal): Promise<StoredBytes | undefined> {
    const call = this.#call('GetObject');
    try {
      const reply = await repeatedRequest(this.#bounds(call, signal), (abortSignal) =>
        this.#client.getObject({ Bucket: this.#bucket, Key: key }, { abortSignal }),
      );
      const body = bodyOf(reply, call);
      const version = versionOf(reply.ETag);
      if (version === undefined) throw dropped(body, unreadable(call));
      const bytes = await readReply(body, { ...this.#bounds(call, signal), length: reply.ContentLength, limit });
      return { bytes, version };
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined;
      throw mapS3Error(error, call);
    }
  }

  /** PutObject with `If-None-Match: *` or `If-Match`. */
  async put(
    key: string,
    bytes: Uint8Array,
    ifVersion: string | undefined,
    signal?: AbortSignal,
    type = 'text/plain; charset=utf-8',
  ): Promise<string | undefined> {
    const call = this.#call('PutObject');
    let attempts = 1;
    try {
      const condition = ifVersion === undefined ? { IfNoneMatch: '*' } : { IfMatch: `"${ifVersion}"` };
      const { ETag } = await repeatedRequest(this.#bounds(call, signal), (abortSignal, attempt) => {
        attempts = attempt;
        return this.#client.putObject(
          { Bucket: this.#bucket, Key: key, Body: bytes, ContentType: type, ...condition },
          { abortSignal },
        );
      });
      const version = versionOf(ETag);
      if (version === undefined) throw unreadable(call);
      return version;
    } catch (error) {
      const lost = isCondition(error) || (ifVersion !== undefined && nameOf(error) === 'NoSuchKey');
      if (!lost) throw mapS3Error(error, call);
      return attempts === 1 && attemptsOf(error) === 1 ? undefined : ownWrite(this, key, bytes, signal);
    }
  }

  /** One page of ListObjectsV2. @returns the keys behind `after` that begin with `prefix`, at most 1,000 */
  async keysAfter(prefix: string, after: string, signal: AbortSignal): Promise<readonly string[]> {
    const call = this.#call('ListObjectsV2');
    const page = listed(await this.#page({ Prefix: prefix, StartAfter: after }, signal), call);
    assertListed(textOf(call), page, prefix, after);
    return page.map(({ key }) => key);
  }

  /** Ends its connections. */
  close(): void {
    this.#client.destroy();
  }

  async #page(
    asked: { Prefix: string; ContinuationToken?: string | undefined; StartAfter?: string },
    signal: AbortSignal | undefined,
  ): Promise<ListObjectsV2CommandOutput> {
    const call = this.#call('ListObjectsV2');
    try {
      return await repeatedRequest(this.#bounds(call, signal), (abortSignal) =>
        this.#client.listObjectsV2(
          { Bucket: this.#bucket, EncodingType: 'url', ...asked }, // XML cannot say every key
          { abortSignal },
        ),
      );
    } catch (error) {
      throw mapS3Error(error, call);
    }
  }

  #bounds(call: S3Call, signal: AbortSignal | undefined): Pick<ReplyBody, 'what' | 'requestTimeoutMs' | 'signal'> {
    return { what: textOf(call), requestTimeoutMs: this.#requestTimeoutMs, signal };
  }

  #call(operation: string): S3Call {
    return { operation, bucket: this.#bucket };
  }
}

function listed(
  { Contents = [], EncodingType, IsTruncated }: ListObjectsV2CommandOutput,
  call: S3Call,
): StoredObject[] {
  if (IsTruncated === undefined) throw unreadable(call);
  return Contents.map(({ Key, Size, ETag, LastModified }) => {
    const version = versionOf(ETag);
    if (Key === undefined || Size === undefined || version === undefined) throw unreadable(call);
    const key = EncodingType === 'url' ? decoded(Key, call) : Key;
    return { key, size: Size, version, ...(LastModified !== undefined && { written: secondOf(LastModified) }) };
  });
}

/** The header of a reply has whole seconds, a listing may have more. */
function secondOf(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

function isRewritten({ written }: StoredObject, time: Date | undefined): boolean {
  return written !== undefined && time !== undefined && secondOf(time) !== written;
}

/** Without its quotes, which not every server writes in a listing. */
function versionOf(etag: string | undefined): string | undefined {
  return etag?.replace(/^"(.*)"$/, '$1');
}

/** S3 encodes a space as `+`. */
function decoded(key: string, call: S3Call): string {
  try {
    return decodeURIComponent(key.replaceAll('+', '%20'));
  } catch (cause) {
    throw unreadable(call, cause);
  }
}

function bodyOf({ Body }: GetObjectCommandOutput, call: S3Call): Readable {
  if (Body === undefined) throw unreadable(call);
  return Body as Readable; // as it is in Node.js
}

/** Lets go of a reply's connection. */
function dropped(body: Readable, error: Error): Error {
  body.destroy();
  return error;
}

function isCondition(error: unknown): boolean {
  const name = nameOf(error);
  return name === 'PreconditionFailed' || name === 'ConditionalRequestConflict';
}
