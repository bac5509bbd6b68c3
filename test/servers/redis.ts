import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { createLoopbackCa } from './loopback-ca.mjs';

/** Which Redis is started. */
export interface RedisOptions {
  /** Whether what was acknowledged is there after {@link RedisServer.kill}. Default: false, all is lost. */
  readonly persistent?: boolean;
  readonly password?: string;
  /** Listen with TLS alone. */
  readonly tls?: boolean;
}

/** Debian's redis-server, or a valkey-server, a process of its own on loopback. */
export class RedisServer {
  readonly port: number;
  /** Without the password. */
  readonly url: string;
  /** A folder that ends with the server. */
  readonly directory: string;
  /** The authority of its certificate, if it listens with TLS. */
  readonly caFile: string | undefined;
  readonly #config: string;
  readonly #password: string | undefined;
  #child: ChildProcess | undefined;
  #output = '';

  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    for (let attempt = 1; ; attempt += 1) {
      const directory = await mkdtemp(join(tmpdir(), 'fapilog-tamper-redis-'));
      const server = new RedisServer(directory, await freePort(), options);
      try {
        await server.#configure(options);
        await server.restart();
        return server;
      } catch (error) {
        await server.stop();
        // between finding a port and binding it, somebody else may
        if (attempt === 3 || !String(error).includes('Address already in use')) throw error;
      }
    }
  }

  private constructor(directory: string, port: number, { password, tls }: RedisOptions) {
    this.directory = directory;
    this.port = port;
    this.url = `${tls === true ? 'rediss' : 'redis'}://127.0.0.1:${port}`;
    this.caFile = tls === true ? join(directory, 'ca.pem') : undefined;
    this.#config = join(directory, 'redis.conf');
    this.#password = password;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends the process at once, by its id. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Starts it again after {@link RedisServer.kill} and waits until it answers. */
  async restart(): Promise<void> {
    const child = spawn(binary(), [this.#config], { cwd: this.directory, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#output = '';
    child.once('error', (error) => {
      this.#output += String(error);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4000);
      });
    }
    const killWithUs = (): boolean => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    child.once('exit', () => process.off('exit', killWithUs));
    const deadline = Date.now() + 300_000;
    while (!this.#output.includes('Ready to accept connections')) {
      if (child.exitCode !== null || child.pid === undefined || Date.now() > deadline) {
        throw new Error(`redis-server did not become ready: ${this.#output}`);
      }
      await wait(20);
    }
  }

  /** Sends one command and gives what is answered, as the protocol has it. Without TLS. */
  async command(...words: string[]): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      let answer = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
      });
      if (this.#password !== undefined) socket.write(encode(['AUTH', this.#password]));
      socket.end(encode(words));
      await once(socket, 'close');
      return this.#password === undefined ? answer : answer.replace(/^\+OK\r\n/, '');
    } finally {
      socket.destroy();
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #configure({ persistent = false, password, tls = false }: RedisOptions): Promise<void> {
    const lines = [
      'bind 127.0.0.1',
      'daemonize no',
      `dir ${this.directory}`,
      'save ""',
      'maxmemory-policy noeviction',
      `appendonly ${persistent ? 'yes' : 'no'}`,
      'appendfsync always',
      ...(password === undefined ? [] : [`requirepass ${password}`]),
    ];
    if (tls) {
      const ca = createLoopbackCa();
      const { certPem, keyPem } = ca.issue(['127.0.0.1', 'localhost']);
      await writeFile(join(this.directory, 'ca.pem'), ca.caPem);
      await writeFile(join(this.directory, 'server.pem'), certPem);
      await writeFile(join(this.directory, 'server.key'), keyPem, { mode: 0o600 });
      lines.push(
        'port 0',
        `tls-port ${this.port}`,
        'tls-cert-file server.pem',
        'tls-key-file server.key',
        'tls-ca-cert-file ca.pem',
        'tls-auth-clients no',
      );
    } else lines.push(`port ${this.port}`);
    await writeFile(this.#config, `${lines.join('\n')}\n`, { mode: 0o600 });
  }
}

/** `REDIS_SERVER` names another one, such as `valkey-server`. */
function binary(): string {
  return process.env['REDIS_SERVER'] ?? 'redis-server';
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}
