import { Readable } from 'node:stream';
import { parseRetryAfter } from '../../keys/retry.ts';
import { repeatedRequest } from '../internal/storage/repeated-request.ts';
import { type ReplyBody, readReply } from '../internal/storage/reply-body.ts';
import { membersOf, printableLine } from '../internal/vendor-text.ts';
import { type GcsCall, type GcsRefusal, refused, textOf, unanswered, withoutCredentials } from './error-map.ts';

/** What of google-auth-library is used: whoever we are, and its HTTP client, which knows proxies. */
export interface GcsAuthClient {
  getRequestHeaders(url?: string): Promise<object>;
  readonly transporter: { request(options: object): Promise<GcsRawReply> };
}

/** A reply of that HTTP client, of either of its generations. */
export interface GcsRawReply {
  readonly status: number;
  readonly headers: object;
  readonly data: unknown;
}

/** A request of the JSON interface. */
export interface GcsRequest {
  readonly call: GcsCall;
  /** Default: `GET`. */
  readonly method?: 'GET' | 'POST';
  /** Behind the host, without a query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly signal?: AbortSignal | undefined;
}

/** A reply whose body is not read yet. */
export interface GcsReply {
  readonly header: (name: string) => string | undefined;
  readonly body: Readable;
  /** How often the request was sent. */
  readonly attempts: number;
}

/** A request that was refused for good. */
export class Refused extends Error {
  readonly refusal: GcsRefusal;
  readonly attempts: number;

  constructor(refusal: GcsRefusal, attempts: number) {
    super(`refused: ${refusal.status}`);
    this.refusal = refusal;
    this.attempts = attempts;
  }
}

/** What requests are sent with. */
export interface GcsConnection {
  /** `https://storage.googleapis.com`. */
  readonly endpoint: string;
  /** Finds the credentials, again where that failed. */
  readonly auth: () => Promise<GcsAuthClient>;
  /** How long one request may wait for its reply, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/** The statuses whose meaning depends on what was asked: not there, and a condition that does not hold. */
const told: ReadonlySet<number> = new Set([404, 412]);

/**
 * Sends a request and waits for the head of its reply.
 *
 * The SDK's own streams are not used: the body of a refusal that breaks off ends the process as an unhandled rejection, a
 * request cannot be given up, and a body that breaks off or is unpacked on its way is taken as it comes.
 *
 * @throws {@link Refused} where there is no such thing, or a condition does not hold; {@link TamperError} for all else
 */
export async function sendRequest(connection: GcsConnection, request: GcsRequest): Promise<GcsReply> {
  const { call, signal } = request;
  const { requestTimeoutMs } = connection;
  const bounds = { what: textOf(call), requestTimeoutMs, signal };
  return repeatedRequest(bounds, async (inner, attempts) => {
    const reply = await sendOnce(connection, request, inner);
    const { body } = reply;
    const header = (name: string): string | undefined => headerOf(reply.headers, name);
    if (reply.status >= 200 && reply.status < 300) return { header, body, attempts };
    const refusal = await readRefusal(reply.status, header, body, { ...bounds, signal: inner });
    if (told.has(reply.status)) throw new Refused(refusal, attempts);
    throw refused(call, refusal);
  });
}

async function sendOnce(
  { endpoint, auth }: GcsConnection,
  { call, method = 'GET', path, query, headers, body }: GcsRequest,
  signal: AbortSignal,
): Promise<Omit<GcsRawReply, 'data'> & { readonly body: Readable }> {
  const url = `${endpoint}${path}?${new URLSearchParams(query).toString()}`;
  const { client, identity } = await credentialsFor(auth, url, call);
  const over = new AbortController();
  let reply: GcsRawReply;
  try {
    reply = await client.transporter.request({
      url,
      method,
      headers: { ...headers, ...identity },
      ...(body && { data: body }),
      signal: AbortSignal.any([signal, over.signal]),
      timeout: 0, // the signal's
      responseType: 'stream',
      compress: false, // an object that is stored packed is what it is
      maxRedirects: 0,
      retry: false,
      validateStatus: () => true,
    });
  } catch (error) {
    throw unanswered(call, error);
  }
  const stream = streamOf(reply.data);
  // the client of SDK 7 keeps the connection of a body that is given up, and the process with it
  stream.on('error', () => undefined).once('close', () => over.abort());
  return { status: reply.status, headers: reply.headers, body: stream };
}

async function credentialsFor(
  auth: GcsConnection['auth'],
  url: string,
  call: GcsCall,
): Promise<{ client: GcsAuthClient; identity: Record<string, string> }> {
  try {
    const client = await auth();
    const headers = await client.getRequestHeaders(url);
    return { client, identity: Object.fromEntries(isHeaders(headers) ? headers : Object.entries(headers)) };
  } catch (error) {
    throw withoutCredentials(call, error);
  }
}

/** The most that a refusal says, in bytes. */
const MAX_REFUSAL = 65_536;

async function readRefusal(
  status: number,
  header: GcsReply['header'],
  body: Readable,
  bounds: Pick<ReplyBody, 'what' | 'requestTimeoutMs' | 'signal'>,
): Promise<GcsRefusal> {
  const retryAfterMs = parseRetryAfter(header('retry-after'), Date.now());
  const bytes = await readReply(body, { ...bounds, limit: MAX_REFUSAL });
  const text = bytes.toString('utf8');
  const error = errorOf(text);
  const reason = error?.reason;
  // a refusal without JSON is the text alone, and only where it is about an object or a bucket
  const said = error?.message ?? (/^(?:No such object|The specified bucket)/.test(text) ? text : undefined);
  return { status, reason, message: said === undefined ? undefined : printableLine(said), retryAfterMs };
}

function errorOf(text: string): { reason?: string; message?: string } | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const { errors, message } = membersOf(membersOf(JSON.parse(text))['error']);
    const { reason } = membersOf(Array.isArray(errors) ? errors[0] : undefined);
    return {
      ...(typeof reason === 'string' && /^\w{1,64}$/.test(reason) && { reason }),
      ...(typeof message === 'string' && { message }),
    };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // not the service's: its status is all that is known
    throw error;
  }
}

/** The `Headers` of whichever implementation of fetch; the older generation has a plain object. */
function isHeaders(headers: object): headers is Headers {
  return 'get' in headers && typeof headers.get === 'function';
}

function headerOf(headers: object, name: string): string | undefined {
  const value: unknown = isHeaders(headers) ? headers.get(name) : Reflect.get(headers, name);
  return typeof value === 'string' ? value : undefined;
}

function streamOf(data: unknown): Readable {
  if (data instanceof Readable) return data;
  return Readable.fromWeb(data as Parameters<typeof Readable.fromWeb>[0]); // newer generations
}
