import { Readable } from 'node:stream';
import type { BlobDownloadResponseParsed, ContainerClient } from '@azure/storage-blob';
import { TamperError } from '../../errors.ts';
import { Replaced } from '../../foundation/file-identity.ts';
import type { ObjectStorage, StoredBytes, StoredObject } from '../../storage/object-storage.ts';
import { assertListed } from '../internal/storage/listed-order.ts';
import { ownWrite, type RepeatedRequest, repeatedRequest } from '../internal/storage/repeated-request.ts';
import { readReply } from '../internal/storage/reply-body.ts';
import { type AzureBlobCall, codeOf, mapAzureBlobError, textOf, unreadable } from './error-map.ts';

/** A container, and how its requests are bounded. */
export interface ContainerParts {
  readonly account: string;
  readonly container: string;
  /** A client without retries. */
  readonly client: ContainerClient;
  /** How long one request may wait for its reply, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/** So many names a page of a listing has. Azure gives 5,000, but its SDK takes a page apart as a whole. */
const PAGE = 1_000;

/** The objects of one container of Azure Blob Storage. Their versions are ETags without quotes. */
export class AzureContainer implements ObjectStorage {
  readonly name: string;
  readonly #parts: ContainerParts;

  constructor(parts: ContainerParts) {
    this.name = `az://${parts.account}/${parts.container}`;
    this.#parts = parts;
  }

  /**
   * List Blobs. Azure orders names by UTF-16, and folder by folder where the account has a hierarchical namespace: all of them
   * are held and put in order before the first is given.
   */
  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<readonly StoredObject[]> {
    const call = this.#call('List Blobs');
    const all: { readonly bytes: Buffer; readonly object: StoredObject }[] = [];
    let marker: string | undefined;
    do {
      const asked = marker;
      const { blobs, next } = await this.#send(call, signal, (inner) => this.#page(prefix, asked, call, inner));
      for (const object of blobs) all.push({ bytes: Buffer.from(object.key, 'utf8'), object });
      if (next !== undefined && next === marker) throw unreadable(call);
      marker = next;
    } while (marker !== undefined);
    all.sort((one, other) => one.bytes.compare(other.bytes));
    let after: string | undefined;
    for (let at = 0; at < all.length; at += PAGE) {
      const page = all.slice(at, at + PAGE).map(({ object }) => object);
      assertListed(textOf(call), page, prefix, after);
      after = page.at(-1)?.key;
      yield page;
    }
  }

  /** Get Blob of a range with `If-Match`. */
  async read(object: StoredObject, from: number, length: number, signal?: AbortSignal): Promise<Buffer> {
    const size = Math.min(length, object.size - from);
    if (size <= 0) return Buffer.alloc(0); // Azure answers 416 to it
    const call = this.#call('Get Blob');
    const conditions = { ifMatch: `"${object.version}"` };
    try {
      const reply = await this.#send(call, signal, (abortSignal) =>
        this.#blob(object.key).download(from, size, { abortSignal, conditions, maxRetryRequests: 0 }),
      );
      const body = bodyOf(reply, call);
      const range = `bytes ${from}-${from + size - 1}/${object.size}`;
      if (versionOf(reply.etag) !== object.version) throw dropped(body, new Replaced(object.key));
      if (reply.contentRange !== range) throw dropped(body, unreadable(call));
      return await readReply(body, { ...this.#bounds(call, signal), length: size, limit: size });
    } catch (error) {
      if (error instanceof Replaced) throw error;
      if (isCondition(error) || isAbsent(error)) throw new Replaced(object.key, { cause: error });
      throw error;
    }
  }

  /** Get Blob. */
  async get(key: string, limit: number, signal?: AbortSignal): Promise<StoredBytes | undefined> {
    const call = this.#call('Get Blob');
    try {
      const reply = await this.#send(call, signal, (abortSignal) =>
        this.#blob(key).download(0, undefined, { abortSignal, maxRetryRequests: 0 }),
      );
      const body = bodyOf(reply, call);
      const version = versionOf(reply.etag);
      if (version === undefined) throw dropped(body, unreadable(call));
      const bytes = await readReply(body, { ...this.#bounds(call, signal), length: reply.contentLength, limit });
      return { bytes, version };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** Put Blob with `If-None-Match: *` or `If-Match`. */
  async put(
    key: string,
    bytes: Uint8Array,
    ifVersion: string | undefined,
    signal?: AbortSignal,
    type = 'text/plain; charset=utf-8',
  ): Promise<string | undefined> {
    const call = this.#call('Put Blob');
    const conditions = ifVersion === undefined ? { ifNoneMatch: '*' } : { ifMatch: `"${ifVersion}"` };
    const blobHTTPHeaders = { blobContentType: type };
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let attempts = 0;
    try {
      const { etag } = await this.#send(call, signal, (abortSignal, attempt) => {
        attempts = attempt;
        return this.#blob(key).upload(body, body.length, { abortSignal, conditions, blobHTTPHeaders });
      });
      const version = versionOf(etag);
      if (version === undefined) throw unreadable(call);
      return version;
    } catch (error) {
      if (!(isCondition(error) || (ifVersion !== undefined && isAbsent(error)))) throw error;
      return attempts === 1 ? undefined : ownWrite(this, key, bytes, signal);
    }
  }

  /** Nothing: the SDK's connections belong to the process, and end by themselves. */
  close(): void {}

  async #page(
    prefix: string,
    continuationToken: string | undefined,
    call: AzureBlobCall,
    abortSignal: AbortSignal,
  ): Promise<{ readonly blobs: readonly StoredObject[]; readonly next: string | undefined }> {
    const pages = this.#parts.client.listBlobsFlat({ prefix, abortSignal });
    const asked = { maxPageSize: PAGE, ...(continuationToken !== undefined && { continuationToken }) };
    const result = await pages.byPage(asked).next();
    if (result.done === true) throw unreadable(call);
    const page = result.value;
    const { blobItems } = page.segment as Partial<typeof page.segment>; // whatever the reply was
    if (!Array.isArray(blobItems) || typeof page.containerName !== 'string') throw unreadable(call);
    const blobs = blobItems.map(({ name, properties }) => {
      const version = versionOf(properties.etag);
      const { contentLength: size } = properties;
      if (typeof name !== 'string' || size === undefined || version === undefined) throw unreadable(call);
      return { key: name, size, version };
    });
    return { blobs, next: page.continuationToken === '' ? undefined : page.continuationToken };
  }

  #blob(key: string) {
    if (key.includes('\\') || key.split('/').some((segment) => segment === '.' || segment === '..')) {
      // a URL cannot say it: another blob, of another container even, would be asked for
      throw new TamperError('USAGE', `Azure has no blob of the name ${JSON.stringify(key)}`, {
        hint: 'The name of a blob has no backslash, and no segment of it is "." or "..".',
      });
    }
    return this.#parts.client.getBlockBlobClient(key);
  }

  async #send<T>(
    call: AzureBlobCall,
    signal: AbortSignal | undefined,
    request: (signal: AbortSignal, attempt: number) => Promise<T>,
  ): Promise<T> {
    return repeatedRequest(this.#bounds(call, signal), async (inner, attempt) => {
      try {
        return await request(inner, attempt);
      } catch (error) {
        throw isCondition(error) || isAbsent(error) ? error : mapAzureBlobError(error, call);
      }
    });
  }

  #bounds(call: AzureBlobCall, signal: AbortSignal | undefined): RepeatedRequest {
    return { what: textOf(call), requestTimeoutMs: this.#parts.requestTimeoutMs, signal };
  }

  #call(operation: string): AzureBlobCall {
    const { account, container } = this.#parts;
    return { operation, account, container };
  }
}

/** A listing has it without quotes, a header with them. */
function versionOf(etag: string | undefined): string | undefined {
  return etag?.replace(/^"(.*)"$/, '$1');
}

function bodyOf({ readableStreamBody }: BlobDownloadResponseParsed, call: AzureBlobCall): Readable {
  if (!(readableStreamBody instanceof Readable)) throw unreadable(call);
  return readableStreamBody;
}

/** Lets go of a reply's connection. */
function dropped(body: Readable, error: Error): Error {
  body.destroy();
  return error;
}

function isCondition(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ConditionNotMet' || code === 'TargetConditionNotMet' || code === 'BlobAlreadyExists';
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'BlobNotFound';
}
