import { once } from 'node:events';
import { createServer } from 'node:http';

/** The container credential endpoint of ECS and of EKS Pod Identity, on loopback. */
export interface CredentialServer {
  readonly url: string;
  /** The `Authorization` header of each request. */
  readonly asked: (string | undefined)[];
  /** Seconds until what it issues expires. */
  lifetimeSeconds: number;
  /** It takes requests and never answers. */
  hangs: boolean;
  stop(): Promise<void>;
}

/** Issues session credentials `ASIA…N` to whoever brings the token, and 401 to everybody else. */
export async function startCredentialServer(token: string): Promise<CredentialServer> {
  const asked: (string | undefined)[] = [];
  const state = { asked, lifetimeSeconds: 3600, hangs: false };
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    if (state.hangs) return;
    if (request.headers.authorization !== token) {
      response.writeHead(401).end('{}');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        AccessKeyId: `ASIACONTAINER${asked.length}`,
        SecretAccessKey: 'canary-container-secret',
        Token: 'canary-container-token',
        Expiration: new Date(Date.now() + state.lifetimeSeconds * 1000).toISOString(),
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return Object.assign(state, {
    url: `http://127.0.0.1:${address.port}/v1/credentials`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}
