import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { goTool } from '../support/registry-tools.ts';
import { freePort } from './free-port.ts';

/** filippo.io/torchwood: a witness in Go, of the people who wrote C2SP tlog-witness. Its key lies in an ssh-agent. */

const run = promisify(execFile);
/** Its operator's tool does not build everywhere; the table is the same. */
const ADD_LOG = `
import base64, hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
empty = base64.b64encode(hashlib.sha256(b'').digest()).decode()
db.execute('insert into log values (?, 0, ?)', (sys.argv[2], empty))
db.execute('insert into key values (?, ?)', (sys.argv[2], sys.argv[3]))
db.commit()
`;

/** Builds it where that was not done before. @returns the path of its binary */
export const installLitewitness = (): Promise<string> => goTool('filippo.io/torchwood/cmd/litewitness', 'v0.10.0');

async function until(what: string, ready: () => boolean, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!ready()) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${what} did not become ready`);
    await wait(25);
  }
}

/** One witness: its database and its key outlive {@link Litewitness.kill}. */
export class Litewitness {
  readonly url: string;
  readonly #name: string;
  readonly #port: number;
  readonly #directory: string;
  readonly #binary: string;
  readonly #agent: ChildProcess;
  #fingerprint = '';
  #vkey = '';
  #child: ChildProcess | undefined;

  private constructor(name: string, port: number, directory: string, binary: string) {
    this.url = `http://127.0.0.1:${port}`;
    this.#name = name;
    this.#port = port;
    this.#directory = directory;
    this.#binary = binary;
    // in the foreground, so that it can be ended by its id
    this.#agent = spawn('ssh-agent', ['-D', '-a', this.#socket], { stdio: 'ignore' });
  }

  static async start(name: string): Promise<Litewitness> {
    const binary = await installLitewitness();
    const directory = await mkdtemp('/tmp/litewitness-'); // a socket's path has at most 107 bytes
    const witness = new Litewitness(name, await freePort(), directory, binary);
    await witness.#makeKey();
    await witness.restart();
    return witness;
  }

  get #socket(): string {
    return join(this.#directory, 'agent.sock');
  }

  /** Its verifier key, as it prints it. */
  get vkey(): string {
    return this.#vkey;
  }

  async #makeKey(): Promise<void> {
    await until('ssh-agent', () => existsSync(this.#socket), this.#agent);
    const key = join(this.#directory, 'key');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    await run('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: this.#socket } });
    const { stdout } = await run('ssh-keygen', ['-lf', `${key}.pub`]);
    this.#fingerprint = stdout.split(' ')[1] ?? '';
  }

  /** Its operator makes it know a log. */
  async addLog(origin: string, vkey: string): Promise<void> {
    await run('python3', ['-c', ADD_LOG, join(this.#directory, 'witness.db'), origin, vkey]);
  }

  /** Starts it again, whether it runs or not. */
  async restart(): Promise<void> {
    await this.kill();
    const args = ['-db', join(this.#directory, 'witness.db'), '-key', this.#fingerprint, '-name', this.#name];
    const child = spawn(this.#binary, [...args, '-ssh-agent', this.#socket, '-listen', `127.0.0.1:${this.#port}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-8000);
      });
    }
    await until('litewitness', () => output.includes('msg=listening'), child);
    this.#vkey = /vkey=(\S+)/.exec(output)?.[1] ?? '';
  }

  async kill(): Promise<void> {
    await end(this.#child);
  }

  async stop(): Promise<void> {
    await end(this.#child);
    await end(this.#agent);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
