import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A loopback port that leads to another one, and can be cut, closed or frozen, for protocols that no HTTP proxy knows. */
export class TcpGate {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: Set<readonly [Socket, Socket]>;
  #closed = false;

  private constructor(server: Server, pairs: Set<readonly [Socket, Socket]>) {
    this.#server = server;
    this.#pairs = pairs;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => {
      if (this.#closed) socket.destroy();
    });
  }

  static async open(upstreamPort: number): Promise<TcpGate> {
    const pairs = new Set<readonly [Socket, Socket]>();
    const server = createServer((near) => {
      const far = connect(upstreamPort, '127.0.0.1');
      const pair = [near, far] as const;
      pairs.add(pair);
      near.pipe(far).pipe(near);
      for (const socket of pair) {
        socket.on('error', () => undefined); // the other side sees it as a close
        socket.on('close', () => {
          near.destroy();
          far.destroy();
          pairs.delete(pair);
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpGate(server, pairs);
  }

  /** Ends every connection, and every new one at once. */
  shut(): void {
    this.#closed = true;
    for (const [near] of this.#pairs) near.resetAndDestroy();
  }

  /** Lets new connections through again. */
  reopen(): void {
    this.#closed = false;
  }

  /**
   * Nothing passes on the present connections any more, and nobody is told: a firewall that has forgotten them. Resolves when
   * something was sent in vain.
   */
  freeze(): Promise<void> {
    return new Promise((resolve) => {
      for (const [near, far] of this.#pairs) {
        near.unpipe(far);
        far.unpipe(near);
        far.pause();
        near.on('data', () => resolve()).resume();
      }
    });
  }

  async stop(): Promise<void> {
    this.shut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
