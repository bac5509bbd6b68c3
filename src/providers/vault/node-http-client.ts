import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { TamperError } from '../../errors.ts';
import type { VaultHttpClient, VaultHttpRequest, VaultHttpResponse } from './http-client.ts';
import { networkError } from './network-error.ts';
import type { VaultTls } from './tls.ts';

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
