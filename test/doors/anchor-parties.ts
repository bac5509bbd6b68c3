import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An anchor that a test holds. */
export interface AnchorParty {
  /** As `anchors` of the configuration names it. */
  readonly name: string;
  /** Puts in what the writer did not. `size` is what it is called by, in a bucket. */
  plant(note: string, size: number): void;
}

/** A bucket, which may hold anything else besides. */
export interface BucketParty extends AnchorParty {
  put(key: string, text: string): void;
}

/** One server for anchors of both kinds that have an address: `/http/ID` takes notes, `/ID/KEY` is a bucket. */
export class AnchorServer {
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  readonly #posted = new Map<string, string[]>();
  readonly #buckets = new Map<string, Map<string, string>>();
  readonly #acts = new Map<string, () => void>();

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** It answers with the last note that it has been given or that was planted. */
  httpParty(id: string): AnchorParty {
    const notes: string[] = [];
    this.#posted.set(id, notes);
    return {
      name: `${this.url}/http/${id}`,
      plant: (note) => notes.push(note),
    };
  }

  bucketParty(id: string, origin: string): BucketParty {
    const objects = new Map<string, string>();
    this.#buckets.set(id, objects);
    const folder = createHash('sha256').update(origin).digest('hex');
    return {
      name: `s3://${id}/audit`,
      plant: (note, size) => {
        const key = `audit/${folder}/${String(size).padStart(16, '0')}.note`;
        if (!objects.has(key)) objects.set(key, note);
      },
      put: (key, text) => void objects.set(key, text),
    };
  }

  /** An address: who asks it has `act` done. */
  onAsked(act: () => void): string {
    const id = `on-${this.#acts.size}`;
    this.#acts.set(id, act);
    return `${this.url}/act/${id}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += String(part);
    const url = new URL(request.url ?? '', this.url);
    const [, first = '', second = ''] = url.pathname.split('/');
    if (first === 'act') {
      this.#acts.get(second)?.();
      response.end();
    } else if (first === 'http') this.#http(second, request.method, body, response);
    else this.#bucket(first, url, request, body, response);
  }

  #http(id: string, method: string | undefined, body: string, response: ServerResponse): void {
    const notes = this.#posted.get(id) ?? [];
    if (method === 'POST') {
      notes.push(body);
      response.end();
    } else response.writeHead(notes.length === 0 ? 404 : 200).end(notes.at(-1));
  }

  #bucket(id: string, url: URL, request: IncomingMessage, body: string, response: ServerResponse): void {
    const objects = this.#buckets.get(id) ?? new Map<string, string>();
    const key = decodeURIComponent(url.pathname.slice(id.length + 2));
    if (request.method === 'PUT') {
      const isTaken = objects.has(key) && request.headers['if-none-match'] === '*';
      if (isTaken) response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
      else {
        objects.set(key, body);
        response.writeHead(200, { etag: '"1"' }).end();
      }
    } else if (key === '') {
      const after = url.searchParams.get('start-after') ?? '';
      const prefix = url.searchParams.get('prefix') ?? '';
      const keys = [...objects.keys()].filter((one) => one.startsWith(prefix) && one > after).sort();
      const listed = keys
        .slice(0, 1_000)
        .map(
          (one) =>
            `<Contents><Key>${one}</Key><Size>${Buffer.byteLength(objects.get(one) ?? '')}</Size><ETag>"1"</ETag></Contents>`,
        );
      const more = `<IsTruncated>${keys.length > 1_000}</IsTruncated><EncodingType>url</EncodingType>`;
      response.end(`<ListBucketResult>${more}${listed.join('')}</ListBucketResult>`);
    } else {
      const text = objects.get(key);
      if (text === undefined) response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
      else answerPart(request, response, Buffer.from(text));
    }
  }
}

function answerPart({ headers }: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  const [, from, to] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
  if (from === undefined) response.writeHead(200, { etag: '"1"' }).end(bytes);
  else {
    const part = bytes.subarray(Number(from), Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { etag: '"1"', 'content-range': range, 'content-length': part.length }).end(part);
  }
}
