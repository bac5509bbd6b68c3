import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { systemCode, TamperError } from '../../errors.ts';
import type { ListenAddress } from './listen-address.ts';
import type { WatchStatus } from './watch-status.ts';

/** Answers `/metrics` and `/healthz`. */
export interface StatusServer {
  /** `http://127.0.0.1:9797` */
  readonly url: string;
  close(): Promise<void>;
}

/** No client holds a request open for longer, in milliseconds. */
const PATIENCE_MS = 10_000;
const CONNECTIONS = 64;

/**
 * Answers GET and HEAD of `/metrics` and `/healthz`, and nothing else.
 *
 * @throws {@link TamperError} `UNAVAILABLE` where nobody can listen there
 */
export async function serveStatus({ host, port }: ListenAddress, status: WatchStatus): Promise<StatusServer> {
  const server = createServer({ requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS }, answers(status));
  server.maxConnections = CONNECTIONS;
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (cause) {
    throw new TamperError('UNAVAILABLE', `cannot listen on ${host}:${port} (${systemCode(cause)})`, {
      cause,
      hint: 'Another process may have it: name another one with --listen HOST:PORT.',
    });
  }
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answers(service: WatchStatus): RequestListener {
  return ({ method, url = '' }, response) => {
    const say = (status: number, type: string, text: string): void => {
      response.writeHead(status, {
        'content-type': type,
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      response.end(method === 'HEAD' ? undefined : text);
    };
    const [path] = url.split('?', 1);
    if (path !== '/metrics' && path !== '/healthz') return say(404, 'text/plain', 'not found\n');
    if (method !== 'GET' && method !== 'HEAD') return say(405, 'text/plain', 'GET or HEAD\n');
    if (path === '/metrics') return say(200, 'text/plain; version=0.0.4; charset=utf-8', service.metrics());
    const { isHealthy, body } = service.health();
    return say(isHealthy ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`);
  };
}
