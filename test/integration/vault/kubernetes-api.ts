import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A service account's token as Kubernetes makes them, signed by this "cluster". */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly audience?: string;
  /** Seconds from now; negative for one that has expired. Default 600. */
  readonly livesFor?: number;
}

/**
 * The two things of a Kubernetes cluster that a login needs: it signs tokens of service accounts, and it answers the
 * TokenReview by which Vault's kubernetes method asks whether one is good.
 */
export class KubernetesApi {
  readonly url: string;
  /** PEM of the key that tokens are signed with. */
  readonly publicKeyPem: string;
  /** How often Vault has asked. */
  reviews = 0;
  readonly #pair: KeyPair;
  readonly #close: () => Promise<void>;

  static async start(): Promise<KubernetesApi> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const api = new KubernetesApi(address.port, async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });
    server.on('request', (incoming, answer) => void api.#review(incoming, answer));
    return api;
  }

  private constructor(port: number, close: () => Promise<void>) {
    this.url = `http://127.0.0.1:${port}`;
    this.#pair = generatePair();
    this.publicKeyPem = this.#pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.#close = close;
  }

  /** A new token of a service account. */
  tokenOf(account: ServiceAccount): string {
    const now = Math.floor(Date.now() / 1000);
    const { namespace, name, audience = 'vault', livesFor = 600 } = account;
    const claims = {
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: `system:serviceaccount:${namespace}:${name}`,
      aud: [audience],
      iat: now - 60,
      nbf: now - 60,
      exp: now + livesFor,
      jti: `${now}-${Math.random()}`,
      'kubernetes.io': { namespace, serviceaccount: { name, uid: `uid-of-${namespace}-${name}` } },
    };
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = `${encode({ alg: 'RS256', kid: 'k1' })}.${encode(claims)}`;
    return `${body}.${sign('sha256', Buffer.from(body), this.#pair.privateKey).toString('base64url')}`;
  }

  stop(): Promise<void> {
    return this.#close();
  }

  async #review(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const request = JSON.parse(Buffer.concat(parts).toString()) as { spec: { token: string } };
    if (incoming.url !== '/apis/authentication.k8s.io/v1/tokenreviews') {
      answer.writeHead(404).end('{}');
      return;
    }
    this.reviews += 1;
    const status = this.#statusOf(request.spec.token);
    answer.writeHead(201, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status }));
  }

  #statusOf(token: string): Record<string, unknown> {
    const [head = '', body = '', signature = ''] = token.split('.');
    const key = createPublicKey(this.publicKeyPem);
    const good = verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'));
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as {
      sub: string;
      exp: number;
      aud: string[];
      'kubernetes.io': { serviceaccount: { uid: string } };
    };
    if (!good || claims.exp * 1000 < Date.now())
      return { authenticated: false, error: 'token is invalid or has expired' };
    const user = { username: claims.sub, uid: claims['kubernetes.io'].serviceaccount.uid, groups: [] };
    return { authenticated: true, user, audiences: claims.aud };
  }
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function generatePair(): KeyPair {
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}
