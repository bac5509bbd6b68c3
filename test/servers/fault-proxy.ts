import { once } from 'node:events';
import { createServer, type IncomingMessage, Agent as PlainAgent, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, request as requestTls, Agent as TlsAgent } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** What the proxy does instead of handing a request on. */
export type Fault =
  /** Answers itself: 503, 429 with `retry-after`, … */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Answers 400 with an error that repeats token and body of the request: the most careless server there is. */
  | { readonly kind: 'echo' }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Hands it on after so many milliseconds. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Resets the connection after it has read the request. */
  | { readonly kind: 'reset' }
  /** Hands it on, then cuts the answer in the middle. */
  | { readonly kind: 'half' }
  /** Hands it on, and says nothing more in the middle of the answer. */
  | { readonly kind: 'stall' }
  /** Hands it on, then resets the connection instead of answering. */
  | { readonly kind: 'lost' }
  /** Hands it on, and answers with what becomes of the answer. */
  | { readonly kind: 'edit'; readonly edit: (answer: Answer) => Partial<Answer> }
  /** Hands it on, then answers 200 with something that is not the service's language. */
  | { readonly kind: 'garbage' }
  /** Breaks the TLS handshake of every new connection, and ends the present ones. Needs a TLS listener. */
  | { readonly kind: 'tls' };

/** An answer of the real server. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly content: Buffer;
}

/** What a {@link FaultProxy} is made from. */
export interface FaultProxyOptions {
  /** The real server: `http://127.0.0.1:8200`, or `https://…` with `upstreamCa`. */
  readonly upstream: string;
  readonly upstreamCa?: string;
  /** Listen with TLS. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  /** The name that a request is counted under. Default: method and path, or `X-Amz-Target` where there is one. */
  readonly operationOf?: (incoming: IncomingMessage) => string;
  /** The headers that a request is handed on with. Default: those that it came with. */
  readonly headers?: (headers: IncomingMessage['headers']) => IncomingMessage['headers'];
}

/** Where a fault strikes; left out: every request, until {@link FaultProxy.heal}. */
export interface FaultScope {
  /** Only requests of these operations. */
  readonly only?: (operation: string) => boolean;
  /** Only so many times. */
  readonly times?: number;
}

/**
 * A reverse proxy on loopback in front of a real server. It counts requests by operation and misbehaves on command.
 *
 *     const proxy = await FaultProxy.start({ upstream: server.url });
 *     proxy.inject({ kind: 'status', status: 503 });  …  proxy.heal();  proxy.count();  await proxy.stop();
 */
export class FaultProxy {
  readonly url: string;
  readonly port: number;
  readonly #options: FaultProxyOptions;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  readonly #counts = new Map<string, number>();
  readonly #agent: PlainAgent;
  #fault: { readonly fault: Fault; readonly only: (operation: string) => boolean; left: number } | undefined;

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const listener = createTcpServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new FaultProxy(options, listener, address.port);
  }

  private constructor(options: FaultProxyOptions, listener: Server, port: number) {
    this.#options = options;
    this.#listener = listener;
    this.port = port;
    this.url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
    const secure = options.upstream.startsWith('https:');
    this.#agent = secure
      ? new TlsAgent({ keepAlive: true, ...(options.upstreamCa === undefined ? {} : { ca: options.upstreamCa }) })
      : new PlainAgent({ keepAlive: true });
    const handle = (incoming: IncomingMessage, answer: ServerResponse): void => void this.#handle(incoming, answer);
    const server =
      options.tls === undefined
        ? createServer(handle)
        : createTlsServer({ cert: options.tls.certPem, key: options.tls.keyPem }, handle);
    listener.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket));
      if (this.#fault?.fault.kind === 'tls') socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      else server.emit('connection', socket);
    });
  }

  /** From now on, requests in scope get this fault. Replaces the one before. */
  inject(fault: Fault, scope: FaultScope = {}): void {
    if (fault.kind === 'tls' && this.#options.tls === undefined) throw new Error('a TLS fault needs a TLS listener');
    this.#fault = { fault, only: scope.only ?? (() => true), left: scope.times ?? Number.POSITIVE_INFINITY };
    if (fault.kind === 'tls') for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends the fault, and cuts the connections of requests that hang. */
  heal(): void {
    const hung = this.#fault?.fault.kind === 'hang' || this.#fault?.fault.kind === 'stall';
    this.#fault = undefined;
    if (hung) for (const socket of this.#sockets) socket.destroy();
  }

  /** How many requests of an operation came in; without one, how many in all. */
  count(operation?: string): number {
    if (operation !== undefined) return this.#counts.get(operation) ?? 0;
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The requests by operation. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  resetCounts(): void {
    this.#counts.clear();
  }

  async stop(): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    if (this.#listener.listening) await once(this.#listener, 'close');
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    answer.on('error', () => answer.destroy()); // the client gave up: nobody is left to be told
    const operation = (this.#options.operationOf ?? operationOf)(incoming);
    this.#counts.set(operation, (this.#counts.get(operation) ?? 0) + 1);
    const body = await collect(incoming).catch(() => undefined);
    if (body === undefined) return;
    const fault = this.#take(operation);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'reset') {
      this.#reset(incoming);
      return;
    }
    if (fault?.kind === 'echo') {
      const { 'x-vault-token': token, authorization } = incoming.headers;
      const errors = [`refused: ${String(token)} ${String(authorization)} ${body.toString('latin1')}`];
      answer.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
      return;
    }
    if (fault?.kind === 'status') {
      answer.writeHead(fault.status, fault.headers).end(fault.body ?? '');
      return;
    }
    if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    this.#forward(incoming, body, answer, fault);
  }

  /** A TLS socket cannot be reset itself; the connection below it can. */
  #reset(incoming: IncomingMessage): void {
    const { remotePort } = incoming.socket;
    for (const socket of this.#sockets) if (socket.remotePort === remotePort) socket.resetAndDestroy();
  }

  #take(operation: string): Fault | undefined {
    const present = this.#fault;
    if (present === undefined || present.left <= 0 || !present.only(operation)) return undefined;
    present.left -= 1;
    return present.fault;
  }

  #forward(incoming: IncomingMessage, body: Buffer, answer: ServerResponse, fault: Fault | undefined): void {
    const target = new URL(incoming.url ?? '/', this.#options.upstream);
    const send = target.protocol === 'https:' ? requestTls : request;
    const given = this.#options.headers?.(incoming.headers) ?? incoming.headers;
    const headers = { ...given, 'content-length': String(body.length) };
    delete (headers as Record<string, unknown>)['transfer-encoding'];
    const outgoing = send(
      target,
      { method: incoming.method, headers, agent: this.#agent },
      (reply) => void answerWith(reply),
    );
    const answerWith = async (reply: IncomingMessage): Promise<void> => {
      const content = await collect(reply).catch(() => undefined);
      if (content === undefined) {
        answer.destroy();
        return;
      }
      const status = reply.statusCode ?? 502;
      if (fault?.kind === 'garbage') {
        answer.writeHead(200, { 'content-type': 'application/json' }).end('<html>{"data":');
      } else if (fault?.kind === 'lost') {
        this.#reset(incoming);
      } else if (fault?.kind === 'edit') {
        const real = { status, headers: reply.headers, content };
        const edited = { ...real, ...fault.edit(real) };
        const headers = { ...edited.headers, 'content-length': String(edited.content.length) };
        delete headers['transfer-encoding'];
        answer.writeHead(edited.status, headers).end(edited.content);
      } else if (fault?.kind === 'half' || fault?.kind === 'stall') {
        const headers = { ...reply.headers, 'content-length': String(content.length + 64) };
        delete (headers as Record<string, unknown>)['transfer-encoding'];
        answer.writeHead(status, headers);
        const cut = (): unknown => fault.kind === 'half' && incoming.socket.destroy();
        answer.write(content.subarray(0, content.length >> 1), cut);
      } else {
        const kept = { ...reply.headers };
        delete kept['transfer-encoding'];
        answer.writeHead(status, kept).end(content);
      }
    };
    outgoing.on('error', () => answer.writeHead(502).end()); // the real server is down
    outgoing.end(body);
  }
}

function operationOf(incoming: IncomingMessage): string {
  const target = incoming.headers['x-amz-target'];
  if (typeof target === 'string') return target;
  return `${incoming.method} ${(incoming.url ?? '/').split('?', 1)[0]}`;
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
