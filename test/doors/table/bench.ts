import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Kafka } from '../../servers/kafka.ts';
import { FLEET, fleetKey, fleetLog, fleetVkey } from '../../support/topic-logs.ts';
import { AnchorServer } from '../anchor-parties.ts';
import type { Hostile } from '../asking.ts';

/** What a process said and took. */
export interface Run {
  readonly code: number | null;
  readonly text: string;
  readonly peakMb: number;
  readonly blockMs: number;
  readonly seconds: number;
  /** It was killed: it had not ended in time. */
  readonly isEndless: boolean;
  /** Of a process that does the same and meets nobody hostile. */
  readonly rest: { readonly peakMb: number; readonly blockMs: number };
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Told of the process once it runs; standard input is open until it resolves. */
  readonly meanwhile?: (child: ChildProcess, said: () => string) => Promise<void>;
  /** Another program than the command line of the tree. */
  readonly program?: string;
  /** What runs it. */
  readonly through?: readonly string[];
  readonly rest?: Run['rest'];
}

/** So long a process may take, in milliseconds; then it is one that never ends. */
const LIMIT = 40_000;
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const NOTHING = { peakMb: 0, blockMs: 0 };

/** The built package of a tree, parties to meet, and a folder to work in. */
export class Bench {
  readonly tree: string;
  readonly directory: string = mkdtempSync(join(tmpdir(), 'doors-table-'));
  readonly anchors: AnchorServer = new AnchorServer();
  /** Of an honest log: the flags to verify it with, and the environment. */
  readonly keys: readonly string[];
  readonly keyEnv: Readonly<Record<string, string>> = { FLEET_KEY: fleetKey };
  #hostile: ChildProcess | undefined;
  hostile: Hostile = { port: 0, ways: [], ports: {} };
  #kafka: Kafka | undefined;
  #runs: Run[] = [];
  #folders = 0;
  #rests = new Map<string, Promise<Run>>();

  private constructor(tree: string) {
    this.tree = resolve(tree);
    writeFileSync(join(this.directory, 'signer.pub'), `${fleetVkey}\n`);
    this.keys = ['--key-env', 'FLEET_KEY', '--public-key', join(this.directory, 'signer.pub')];
  }

  static async open(tree: string): Promise<Bench> {
    const bench = new Bench(tree);
    await bench.anchors.listen();
    const hostile = spawn(process.execPath, [here('../hostile-server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
    bench.#hostile = hostile;
    const [line] = (await once(createInterface(hostile.stdout), 'line')) as [string];
    bench.hostile = JSON.parse(line) as Hostile;
    return bench;
  }

  async close(): Promise<void> {
    this.#hostile?.stdin?.end();
    await this.#kafka?.stop();
    await this.anchors.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** From now on runs are those of another row. @returns them */
  begin(): readonly Run[] {
    this.#runs = [];
    return this.#runs;
  }

  /** An empty folder. */
  folder(): string {
    const path = join(this.directory, String(++this.#folders));
    mkdirSync(path);
    return path;
  }

  async kafka(): Promise<string> {
    this.#kafka ??= await Kafka.start();
    return this.#kafka.broker;
  }

  /** The lines of an honest log. */
  lines(name: string): Buffer[] {
    return fleetLog(`${FLEET}/${name}`, 60, 20).lines.map(({ bytes }) => bytes);
  }

  /** Runs the command line. */
  async command(argv: readonly string[], options: RunOptions = {}): Promise<Run> {
    const rest = options.rest ?? (await this.#restOf('command', () => this.#verifyHonest()));
    const { program = join(this.tree, 'dist/cli/main.js') } = options;
    return this.#run([program, ...argv], this.folder(), { ...options, rest });
  }

  /** Takes a sealer through steps. @returns the run, and what came of each time that it sealed */
  async sealing(
    steps: readonly object[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ run: Run; folder: string; outcomes: readonly Outcome[] }> {
    const rest = await this.#restOf('sealing', () => this.#seal([{ step: 'seal' }], this.folder(), {}, NOTHING));
    const folder = this.folder();
    const run = await this.#seal(steps, folder, env, rest);
    const lines = run.text.split('\n').filter((line) => line.startsWith('{'));
    return { run, folder, outcomes: lines.map((line) => JSON.parse(line) as Outcome) };
  }

  async #seal(
    steps: readonly object[],
    folder: string,
    env: Readonly<Record<string, string>>,
    rest: Run['rest'],
  ): Promise<Run> {
    const s3 = { AWS_ENDPOINT_URL_S3: this.anchors.url, AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'AKIATESTTEST' };
    const argv = [here('sealing.mjs'), this.tree, JSON.stringify(steps)];
    return this.#run(argv, folder, { env: { ...s3, AWS_SECRET_ACCESS_KEY: 'of-no-account', ...env }, rest });
  }

  async #verifyHonest(): Promise<Run> {
    const path = join(this.folder(), 'honest.jsonl');
    writeFileSync(path, `${this.lines('honest').join('\n')}\n`);
    const argv = ['verify', path, '--origin', `${FLEET}/honest`, ...this.keys];
    return this.command(argv, { env: this.keyEnv, rest: NOTHING });
  }

  /** What is at rest is no run of a row. */
  async #restOf(kind: string, make: () => Promise<Run>): Promise<Run> {
    const known = this.#rests.get(kind) ?? make();
    this.#rests.set(kind, known);
    const run = await known;
    if (this.#runs.includes(run)) this.#runs.splice(this.#runs.indexOf(run), 1);
    return run;
  }

  async #run(argv: readonly string[], cwd: string, options: RunOptions): Promise<Run> {
    const { env = {}, input, meanwhile, through = [], rest = NOTHING } = options;
    const probe = join(this.directory, 'probe');
    writeFileSync(probe, JSON.stringify({ blockMs: 0, at: Date.now() }));
    const began = performance.now();
    const child = spawn('env', [...through, process.execPath, '--import', here('probe.mjs'), ...argv], {
      cwd,
      stdio: 'pipe',
      env: { PATH: process.env['PATH'], HOME: cwd, FAPILOG_TAMPER_ENGINE: 'typescript', PROBE: probe, ...env },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    child.stdin.on('error', () => undefined); // it may have ended
    if (meanwhile === undefined) child.stdin.end(input ?? '');
    let peakMb = 0;
    let isEndless = false;
    const watching = setInterval(() => {
      peakMb = Math.max(peakMb, peakOf(child.pid));
      if (performance.now() - began < LIMIT || isEndless) return;
      isEndless = true;
      child.kill('SIGKILL');
    }, 20);
    const ended = once(child, 'close');
    if (meanwhile !== undefined) {
      await Promise.race([meanwhile(child, () => text), ended]);
      child.stdin.end();
    }
    const [code] = (await ended) as [number | null];
    clearInterval(watching);
    const { blockMs, at } = JSON.parse(readFileSync(probe, 'utf8')) as { blockMs: number; at: number };
    const silent = isEndless ? Date.now() - at : 0;
    const seconds = (performance.now() - began) / 1_000;
    const run = { code, text, peakMb, blockMs: Math.max(blockMs, silent), seconds, isEndless, rest };
    this.#runs.push(run);
    return run;
  }
}

/** What came of one run of a sealer. */
export interface Outcome {
  readonly error?: string;
  readonly warnings: readonly string[];
}

/** The most that a process has ever held, in MB; 0 if it has ended. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1_000;
  } catch {
    return 0;
  }
}
