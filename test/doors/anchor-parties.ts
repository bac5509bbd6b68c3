import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** An anchor that a test holds: what it has been given, what is put into it, and whether it answers. */
export interface AnchorParty {
  /** As `anchors` of the configuration names it. */
  readonly name: string;
  /** What is in it, of whatever kind, in the order in which it came. */
  notes(): readonly string[];
  /** Whether it ever got a note. */
  took(note: string): boolean;
  /** Puts in what the writer did not. `size` is what it is called by, in a bucket. */
  plant(note: string, size: number): void;
  /** From now on it can be asked for nothing, and takes nothing; or it can again. */
  setAway(isAway: boolean): void;
}

/** A bucket, which may hold anything else besides. */
export interface BucketParty extends AnchorParty {
  put(key: string, text: string): void;
}

/** A file of checkpoint lines. */
export function fileParty(directory: string): AnchorParty {
  const name = join(directory, 'anchor.jsonl');
  return {
    name,
    took(note) {
      return this.notes().includes(note);
    },
    notes: () => (existsSync(name) ? readFileSync(name, 'utf8').split('\n').flatMap(noteIn) : []),
    plant: (note) => appendFileSync(name, `${lineOf(note)}\n`),
    setAway(isAway) {
      if (isAway && existsSync(name)) renameSync(name, `${name}.away`);
      else if (!isAway && existsSync(`${name}.away`)) {
        const meanwhile = existsSync(name) ? readFileSync(name) : Buffer.alloc(0);
        renameSync(`${name}.away`, name);
        appendFileSync(name, meanwhile);
      }
    },
  };
}

const lineOf = (note: string): string =>
  note.includes('\n\n') ? `{"integrity":{"kind":"checkpoint","note":${JSON.stringify(note)}}}` : note;

function noteIn(line: string): string[] {
  try {
    const { integrity } = JSON.parse(line) as { integrity?: { note?: string } };
    return integrity?.note === undefined ? [] : [integrity.note];
  } catch {
    return [];
  }
}

/** One server for anchors of both kinds that have an address: `/http/ID` takes notes, `/ID/KEY` is a bucket. */
export class AnchorServer {
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  readonly #posted = new Map<string, string[]>();
  readonly #buckets = new Map<string, Map<string, string>>();
  readonly #away = new Set<string>();
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
      notes: () => notes.slice(-1),
      took: (note) => notes.includes(note),
      plant: (note) => notes.push(note),
      setAway: (isAway) => this.#setAway(id, isAway),
    };
  }

  bucketParty(id: string, origin: string): BucketParty {
    const objects = new Map<string, string>();
    this.#buckets.set(id, objects);
    const folder = createHash('sha256').update(origin).digest('hex');
    return {
      name: `s3://${id}/audit`,
      notes: () => [...objects.values()],
      took: (note) => [...objects.values()].includes(note),
      plant: (note, size) => {
        const key = `audit/${folder}/${String(size).padStart(16, '0')}.note`;
        if (!objects.has(key)) objects.set(key, note);
      },
      put: (key, text) => void objects.set(key, text),
      setAway: (isAway) => this.#setAway(id, isAway),
    };
  }

  /** An address: who asks it has `act` done. */
  onAsked(act: () => void): string {
    const id = `on-${this.#acts.size}`;
    this.#acts.set(id, act);
    return `${this.url}/act/${id}`;
  }

  #setAway(id: string, isAway: boolean): void {
    if (isAway) this.#away.add(id);
    else this.#away.delete(id);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += String(part);
    const url = new URL(request.url ?? '', this.url);
    const [, first = '', second = ''] = url.pathname.split('/');
    if (this.#away.has(first === 'http' ? second : first)) {
      response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>');
    } else if (first === 'act') {
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
