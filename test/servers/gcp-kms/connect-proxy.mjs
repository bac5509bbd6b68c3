// An HTTP proxy for CONNECT alone, which leads the names that it knows to loopback ports and refuses every other.
import { createServer } from 'node:http';
import { connect } from 'node:net';

/** @param {Record<string, number>} routes - `host:port` to the loopback port. Answers the proxy's own port. */
export function serveProxy(listeners, routes) {
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on('connect', (request, client, head) => {
    const port = routes[request.url];
    if (port === undefined) {
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  return listeners.http(server);
}
