import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a receiver of webhooks got. */
export interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real server on loopback that is told of findings. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** How it answers; at first 204. */
  answer: (response: ServerResponse, request: Received) => void;
  /** Waits until so many messages have come. */
  got(count: number): Promise<void>;
  close(): Promise<void>;
}

/** `port` 0: any that is free. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  let tell = (): void => undefined;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const one = { method: request.method, url: request.url, headers: request.headers, body };
      received.push(one);
      receiver.answer(response, one);
      tell();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: (response) => response.writeHead(204).end(),
    got: async (count) => {
      while (received.length < count) await new Promise<void>((resolve) => (tell = resolve));
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return receiver;
}
