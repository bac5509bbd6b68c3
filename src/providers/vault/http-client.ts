import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { TamperError } from '../../errors.ts';
import { isOwnTlsCode, nodeCodeOf } from '../../foundation/connection-failure.ts';
import type { VaultTls } from './tls.ts';

/** One HTTP request to Vault. */
export interface VaultHttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** Holds the token: never log it. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; overwritten with zeros as soon as the request has ended. Holds secrets: never log it. */
  readonly body?: Uint8Array;
  /** Fires at the deadline and when the caller gives up. */
  readonly signal: AbortSignal;
}

/** What came back, whatever its status. */
export interface VaultHttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The whole body. Overwritten by us where it holds secrets. */
  readonly body: Uint8Array;
}

/**
 * How requests reach Vault. Give one of your own to go through a proxy or to use another HTTP library. It neither follows
 * redirects nor repeats requests, and rejects only where no response came.
 */
export interface VaultHttpClient {
  request(request: VaultHttpRequest): Promise<VaultHttpResponse>;
  /** Closes its connections. */
  close?(): void | Promise<void>;
}

/** No answer that we ask for comes near this size, in bytes. */
const maxResponseBytes = 4 * 1024 * 1024;
const maxSockets = 16;

/** Vault over `node:http` and `node:https` with connections kept alive: the built-in `fetch` cannot take a CA. */
export class NodeHttpClient implements VaultHttpClient {
  readonly #secure: boolean;
  readonly #loadTls: () => Promise<VaultTls>;
  #agent: Promise<HttpAgent | HttpsAgent> | undefined;

  /** @param loadTls - called before the first request, and again while it fails */
  constructor(endpoint: URL, loadTls: () => Promise<VaultTls>) {
    this.#secure = endpoint.protocol === 'https:';
    this.#loadTls = loadTls;
  }

  async request(request: VaultHttpRequest): Promise<VaultHttpResponse> {
    const { method, url, headers, body, signal } = request;
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const send = this.#secure ? httpsRequest : httpRequest;
    try {
      this.#agent ??= this.#makeAgent();
      const options = { method, headers: { ...headers, ...length }, agent: await this.#agent, signal };
      const reply = await new Promise<IncomingMessage>((resolve, reject) => {
        send(url, options, resolve).on('error', reject).end(body);
      });
      return { status: reply.statusCode ?? 0, headers: flatten(reply), body: await collect(reply) };
    } catch (cause) {
      throw cause instanceof TamperError ? cause : networkError(cause, new URL(url).host);
    }
  }

  async #makeAgent(): Promise<HttpAgent | HttpsAgent> {
    const common = { keepAlive: true, maxSockets, scheduling: 'lifo' } as const;
    if (!this.#secure) return new HttpAgent(common);
    try {
      return new HttpsAgent({ ...common, ...(await this.#loadTls()), minVersion: 'TLSv1.2' });
    } catch (error) {
      this.#agent = undefined;
      throw error;
    }
  }

  /** Later connections are made with what the TLS files hold then; calls under way end on theirs. */
  reload(): void {
    void this.#agent?.then(
      ({ freeSockets }) => {
        for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
      },
      () => undefined, // there is none
    );
    this.#agent = undefined;
  }

  close(): void {
    void this.#agent?.then(
      (agent) => agent.destroy(),
      () => undefined, // there is none
    );
  }
}

async function collect(reply: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of reply as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxResponseBytes) {
      reply.destroy();
      throw new TamperError('RESPONSE_MALFORMED', `Vault's answer is larger than ${maxResponseBytes} bytes`);
    }
    parts.push(part);
  }
  const body = Buffer.alloc(size); // of its own, so that it can be overwritten
  let at = 0;
  for (const part of parts) {
    at += part.copy(body, at);
    part.fill(0);
  }
  return body;
}

function flatten(reply: IncomingMessage): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(reply.headers)) headers[name] = Array.isArray(value) ? value[0] : value;
  return headers;
}

/** Turns an error of a connection into one of ours: `UNAVAILABLE` (retryable), `TLS_FAILED` or `RESPONSE_MALFORMED`. */
function networkError(cause: unknown, host: string): TamperError {
  const code = nodeCodeOf(cause) ?? '';
  if (isOwnTlsCode(code)) {
    return new TamperError('TLS_FAILED', `Vault at ${host}: no trusted TLS connection (${code})`, {
      cause,
      hint: 'Check the CA (VAULT_CACERT, vault_ca_file), the server name (VAULT_TLS_SERVER_NAME) and the client certificate.',
    });
  }
  if (code.startsWith('HPE_')) {
    // the cause holds the raw answer, which may hold secrets: it is not kept
    return new TamperError('RESPONSE_MALFORMED', `Vault at ${host}: the answer is not HTTP (${code})`);
  }
  return new TamperError('UNAVAILABLE', `Vault at ${host} cannot be reached (${code || 'no response'})`, {
    cause,
    retryable: true,
    hint: 'Check VAULT_ADDR and the network path to it.',
  });
}
