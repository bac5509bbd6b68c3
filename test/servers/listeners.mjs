// What one instance of a test server listens on, on loopback: it ends as a whole.

export class Listeners {
  #ends = [];

  /** @param {import('node:http').Server} server of HTTP or HTTPS. Answers its port. */
  async http(server) {
    const tunnels = new Set();
    server.on('connect', (_, socket) => tunnels.add(socket.on('close', () => tunnels.delete(socket))));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#ends.push(() => {
      server.close();
      server.closeAllConnections();
      for (const socket of tunnels) socket.destroy();
    });
    return server.address().port;
  }

  /** @param server of gRPC, with its services. Answers its port. */
  async grpc(server, credentials) {
    const port = await new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    this.#ends.push(() => server.forceShutdown());
    return port;
  }

  end() {
    for (const end of this.#ends.splice(0)) end();
  }
}

/**
 * Serves instances: POST / makes one and answers what it says of itself, with an `id`; DELETE /ID ends it. Prints the port, and
 * ends the process when its standard input does.
 *
 * @param {(listeners: Listeners) => Promise<object>} open
 */
export async function serveInstances(createServer, open) {
  const instances = new Map();
  let made = 0;
  const server = createServer(async (request, response) => {
    request.resume();
    if (request.method === 'DELETE') {
      instances.get(request.url.slice(1))?.end();
      instances.delete(request.url.slice(1));
      response.end('{}');
      return;
    }
    const listeners = new Listeners();
    try {
      const about = await open(listeners);
      instances.set(String(++made), listeners);
      response.end(JSON.stringify({ ...about, id: made }));
    } catch (error) {
      listeners.end();
      response.writeHead(500).end(error.stack);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.stdout.write(`${server.address().port}\n`);
  process.stdin.resume().on('end', () => process.exit(0));
}
