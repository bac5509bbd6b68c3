import { TamperError } from '../../errors.ts';
import { Replaced } from '../../foundation/file-identity.ts';
import type { ObjectStorage, StoredBytes, StoredObject } from '../../storage/object-storage.ts';
import { assertListed } from '../internal/storage/listed-order.ts';
import { ownWrite } from '../internal/storage/repeated-request.ts';
import { type ReplyBody, readReply } from '../internal/storage/reply-body.ts';
import { membersOf } from '../internal/vendor-text.ts';
import { type GcsCall, isBucketAbsent, refused, textOf, unreadable } from './error-map.ts';
import { type GcsConnection, type GcsReply, Refused, sendRequest } from './requests.ts';

/** What a page of a listing may be, in bytes: 1,000 names of at most 1,024 bytes, escaped. */
const MAX_PAGE = 8 * 1024 * 1024;
/** What the reply to a write may be, in bytes. */
const MAX_RESOURCE = 1024 * 1024;
/** Keeps the service and the HTTP client from unpacking an object that is stored packed. */
const asStored = { 'Accept-Encoding': 'gzip' };

/** Objects of one bucket of Google Cloud Storage. Their versions are generations. */
export class GcsBucket implements ObjectStorage {
  readonly name: string;
  readonly #connection: GcsConnection;
  readonly #bucket: string;
  /** Whether the bucket has answered: what is not there is then an object. */
  #seen = false;

  constructor(connection: GcsConnection, bucket: string) {
    this.name = `gs://${bucket}`;
    this.#connection = connection;
    this.#bucket = bucket;
  }

  /** objects.list, 1,000 names a page. */
  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<readonly StoredObject[]> {
    const call = this.#call('objects.list');
    let after: string | undefined;
    let token: string | undefined;
    do {
      const { page, next } = await this.#page(prefix, token, 1000, signal);
      assertListed(textOf(call), page, prefix, after);
      after = page.at(-1)?.key ?? after;
      if (next !== undefined && next === token) throw unreadable(call);
      token = next;
      if (page.length > 0) yield page;
    } while (token !== undefined);
  }

  /** objects.get of a generation's range. */
  async read(object: StoredObject, from: number, length: number, signal?: AbortSignal): Promise<Buffer> {
    const size = Math.min(length, object.size - from);
    if (size <= 0) return Buffer.alloc(0); // the service answers 416 to it
    const call = this.#call('objects.get');
    const end = from + size - 1;
    const headers = { ...asStored, Range: `bytes=${from}-${end}` };
    const query = { alt: 'media', generation: object.version };
    try {
      const path = this.#path(object.key);
      const reply = await sendRequest(this.#connection, { call, path, query, headers, signal });
      if (reply.header('x-goog-generation') !== object.version) throw dropped(reply, unreadable(call));
      if (reply.header('content-range') !== `bytes ${from}-${end}/${object.size}`)
        throw dropped(reply, unreadable(call));
      return await readReply(reply.body, { ...this.#bounds(call, signal), length: size, limit: size });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (isBucketAbsent(error.refusal)) throw refused(call, error.refusal);
      throw new Replaced(object.key, { cause: error });
    }
  }

  /** objects.get. */
  async get(key: string, limit: number, signal?: AbortSignal): Promise<StoredBytes | undefined> {
    const call = this.#call('objects.get');
    try {
      const query = { alt: 'media' };
      const path = this.#path(key);
      const reply = await sendRequest(this.#connection, { call, path, query, headers: asStored, signal });
      const version = reply.header('x-goog-generation');
      if (version === undefined) throw dropped(reply, unreadable(call));
      this.#seen = true;
      const bytes = await readReply(reply.body, { ...this.#bounds(call, signal), length: lengthOf(reply), limit });
      return { bytes, version };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.refusal.status !== 404 || isBucketAbsent(error.refusal)) throw refused(call, error.refusal);
      // what is not there may be the bucket, and not every 404 says which
      if (!this.#seen && !/^No such object/.test(error.refusal.message ?? ''))
        await this.#page('', undefined, 1, signal);
      return undefined;
    }
  }

  /** objects.insert with `ifGenerationMatch`. */
  async put(
    key: string,
    bytes: Uint8Array,
    ifVersion: string | undefined,
    signal?: AbortSignal,
    type = 'text/plain; charset=utf-8',
  ): Promise<string | undefined> {
    const call = this.#call('objects.insert');
    this.#path(key); // refuses a name that there cannot be
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      const reply = await sendRequest(this.#connection, {
        call,
        method: 'POST',
        path: `/upload/storage/v1/b/${encodeURIComponent(this.#bucket)}/o`,
        query: { uploadType: 'media', name: key, ifGenerationMatch: ifVersion ?? '0' },
        headers: { 'Content-Type': type, 'Content-Length': String(body.length) },
        body,
        signal,
      });
      const resource = await this.#json(reply, call, MAX_RESOURCE, signal);
      const { generation } = membersOf(resource);
      if (typeof generation !== 'string') throw unreadable(call);
      this.#seen = true;
      return generation;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.refusal.status !== 412) throw refused(call, error.refusal);
      return error.attempts === 1 ? undefined : ownWrite(this, key, bytes, signal);
    }
  }

  /** Nothing: the SDK's connections belong to the process, and end by themselves. */
  close(): void {}

  async #page(
    prefix: string,
    token: string | undefined,
    most: number,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly page: readonly StoredObject[]; readonly next: string | undefined }> {
    const call = this.#call('objects.list');
    const fields = 'kind,nextPageToken,items(name,size,generation)';
    const asked = { prefix, maxResults: String(most), fields, ...(token !== undefined && { pageToken: token }) };
    try {
      const path = `/storage/v1/b/${encodeURIComponent(this.#bucket)}/o`;
      const reply = await sendRequest(this.#connection, { call, path, query: asked, signal });
      const listing = await this.#json(reply, call, MAX_PAGE, signal);
      const { items: found, nextPageToken, kind } = membersOf(listing);
      const [items, next] = [found ?? [], nextPageToken ?? ''];
      const isListing = kind === 'storage#objects';
      if (!isListing || !Array.isArray(items) || typeof next !== 'string') throw unreadable(call);
      this.#seen = true;
      return { page: items.map((item) => objectOf(item, call)), next: next === '' ? undefined : next };
    } catch (error) {
      throw error instanceof Refused ? refused(call, error.refusal) : error;
    }
  }

  async #json(reply: GcsReply, call: GcsCall, limit: number, signal: AbortSignal | undefined): Promise<unknown> {
    const bytes = await readReply(reply.body, { ...this.#bounds(call, signal), length: lengthOf(reply), limit });
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch (error) {
      if (error instanceof SyntaxError) throw unreadable(call); // its text may repeat the reply
      throw error;
    }
  }

  #path(key: string): string {
    if (key === '.' || key === '..') {
      // a URL cannot say it: the bucket would be asked for
      throw new TamperError('USAGE', `Google Cloud Storage has no object of the name ${JSON.stringify(key)}`);
    }
    return `/storage/v1/b/${encodeURIComponent(this.#bucket)}/o/${encodeURIComponent(key)}`;
  }

  #bounds(call: GcsCall, signal: AbortSignal | undefined): Pick<ReplyBody, 'what' | 'requestTimeoutMs' | 'signal'> {
    return { what: textOf(call), requestTimeoutMs: this.#connection.requestTimeoutMs, signal };
  }

  #call(method: string): GcsCall {
    return { method, bucket: this.#bucket };
  }
}

function objectOf(item: unknown, call: GcsCall): StoredObject {
  const { name: key, size, generation: version } = membersOf(item);
  if (typeof key !== 'string' || typeof size !== 'string' || typeof version !== 'string') throw unreadable(call);
  if (!/^\d{1,15}$/.test(size)) throw unreadable(call);
  return { key, size: Number(size), version };
}

/** How long the body is, where the reply says it. */
function lengthOf({ header }: GcsReply): number | undefined {
  const text = header('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Lets go of a reply's connection. */
function dropped({ body }: GcsReply, error: Error): Error {
  body.destroy();
  return error;
}
