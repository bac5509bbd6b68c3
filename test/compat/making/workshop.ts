import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyInto, type FrozenScene, filesBelow, SHARED, type Step, sha256, type Write } from '../frozen-folder.ts';
import { contentOf, membersOf, playWrites, type Run, reportOf, stdoutOf } from '../playing.ts';

/** Where the scenes of a version are made: by its built command, at a time in the past. */

const root = fileURLToPath(new URL('../../../', import.meta.url));
const besides = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const COMMAND = join(root, 'dist/cli/main.js');
/** What is frozen is older than whatever continues it, whenever it is made. */
const FROM = Date.parse('2025-03-01T00:00:00Z');

/** What a step of an auditor is to be frozen with. */
export interface Asked {
  readonly argv: readonly string[];
  /** Default 0. */
  readonly exit?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Files or folders that it writes, which are the same bytes each time. */
  readonly writes?: readonly string[];
  /** JSON files that it writes, of which the members are the same. */
  readonly makes?: readonly string[];
}

/** A writer that goes on. */
export interface GoesOn {
  /** Default: `seal --config writer.yaml --quiet`. */
  readonly argv?: readonly string[];
  readonly lines?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly exit?: number;
  readonly appendTo?: string;
}

/** A scene as it is to be made. */
export interface Making {
  readonly name: string;
  readonly about: string;
  /** Whether the manifests stay that a verifier does not ask for. */
  readonly manifests?: true;
  /** Makes its files. */
  make(shop: Workshop): Promise<void>;
  /** The files that stay, by how they begin; those that no writer goes on with are in `steps` alone. Default `log`. */
  readonly logs?: readonly string[];
  /** By file: bytes that stay of it, where not all do. */
  readonly torn?: (shop: Workshop) => Readonly<Record<string, number>>;
  readonly steps: readonly Asked[];
  readonly continued?: { readonly writes: readonly GoesOn[]; readonly steps: readonly Asked[] };
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Workshop {
  readonly directory: string;
  readonly #shared: string;
  readonly #started = Date.now();

  /** @param version - the folder of the version: what scenes share is there */
  constructor(version: string, name: string) {
    this.#shared = join(version, SHARED);
    this.directory = join(version, name);
    mkdirSync(this.directory, { recursive: true });
    cpSync(this.#shared, this.directory, { recursive: true });
  }

  /** Leaves what is the scene's own. */
  finish(): void {
    for (const name of filesBelow(this.#shared)) rmSync(this.path(name));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** The configuration of a writer, with options that leave nothing to the clock. */
  config(name: string, options: Readonly<Record<string, unknown>>): void {
    const all = { state_dir: 'state', checkpoint_max_seconds: 3_600, heartbeat_seconds: 86_400, ...options };
    this.write(
      name,
      Object.entries(all)
        .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
        .join(''),
    );
  }

  /** Runs a command in the past. @throws where its exit code is another */
  async run(argv: readonly string[], input = '', exit = 0): Promise<string> {
    return outputOf(argv, await this.#spawn([COMMAND, ...argv], input), exit);
  }

  /** Runs a command in the present, as those have to that ask somebody for the time. */
  async runToday(argv: readonly string[]): Promise<string> {
    return outputOf(argv, await runBuilt(argv, { cwd: this.directory }));
  }

  async seal(config: string, lines: readonly string[]): Promise<string> {
    return this.run(['seal', '--config', config, '--quiet'], lines.map((line) => `${line}\n`).join(''));
  }

  /** Runs an application whose writer does not come to its end: `stopped-writer.mjs`. */
  async stopped(task: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const whole = JSON.stringify({ library: new URL('../../../dist/index.js', import.meta.url).href, ...task });
    const { code, stderr } = await this.#spawn([besides('stopped-writer.mjs'), whole], '', env);
    if (code !== (task['closes'] === true ? 0 : null)) throw new Error(`the application ended with ${code}: ${stderr}`);
  }

  /** A `seal` whose input comes in pieces; between them something happens. */
  async sealInParts(config: string, parts: readonly (string | (() => Promise<void>))[]): Promise<void> {
    const child = this.#start([COMMAND, 'seal', '--config', config, '--quiet'], {});
    const ended = new Promise((resolve) => child.on('close', resolve));
    for (const part of parts) {
      if (typeof part === 'string') child.stdin.write(part);
      else await part();
    }
    child.stdin.end();
    if ((await ended) !== 0) throw new Error('seal failed');
  }

  #start(argv: readonly string[], env: Readonly<Record<string, string>>): ChildProcessWithoutNullStreams {
    return spawnPiped(this.directory, ['--import', new URL('past-clock.mjs', import.meta.url).href, ...argv], {
      COMPAT_CLOCK: `${FROM},${this.#started}`,
      ...env,
    });
  }

  #spawn(argv: readonly string[], input: string, env: Readonly<Record<string, string>> = {}): Promise<Result> {
    return endOf(this.#start(argv, env), input);
  }
}

function outputOf(argv: readonly string[], { code, stdout, stderr }: Result, exit = 0): string {
  if (code !== exit) throw new Error(`${argv.join(' ')}: exit code ${code}, not ${exit}: ${stderr}${stdout}`);
  return stdout;
}

function spawnPiped(
  cwd: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, argv, { cwd, env: { PATH: process.env['PATH'] ?? '', ...env } });
}

function endOf(child: ChildProcessWithoutNullStreams, input: string): Promise<Result> {
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...written }));
    child.stdin.end(input);
  });
}

/** The built command, now. */
const runBuilt: Run = (argv, { cwd, input = '', env = {} }) => endOf(spawnPiped(cwd, [COMMAND, ...argv], env), input);

/** What a path holds: a file, or files below a folder. */
function digestsBelow(directory: string, name: string): [string, string][] {
  const isFile = filesBelow(directory).includes(name);
  const names = isFile ? [name] : filesBelow(join(directory, name)).map((one) => `${name}/${one}`);
  return names.map((one) => [one, sha256(readFileSync(join(directory, one)))]);
}

async function stepsOf(directory: string, asked: readonly Asked[]): Promise<Step[]> {
  const steps: Step[] = [];
  for (const { argv, exit = 0, env, writes = [], makes = [] } of asked) {
    const stdout = outputOf(argv, await runBuilt(argv, { cwd: directory, ...(env && { env }) }), exit);
    const isJson = argv.join(' ').includes('--format json');
    const isText = argv[0] === 'cat' || argv[0] === 'prove';
    steps.push({
      argv,
      ...(env && { env }),
      exit,
      ...(isJson ? { report: reportOf(stdout) } : isText && { stdout: stdoutOf(stdout) }),
      ...(writes.length > 0 && { files: Object.fromEntries(writes.flatMap((name) => digestsBelow(directory, name))) }),
      ...(makes.length > 0 && {
        members: Object.fromEntries(makes.map((name) => [name, membersOf(join(directory, name))])),
      }),
    });
  }
  return steps;
}

/** What the commands of this version say of a scene, now and after a writer of this version went on. */
export async function frozenOf(making: Making, shop: Workshop, parent: string): Promise<FrozenScene> {
  if (making.manifests === undefined)
    for (const name of filesBelow(shop.directory)) if (name.endsWith('.manifest.json')) rmSync(shop.path(name));
  shop.finish();
  const copy = copyInto(parent, shop.directory);
  const torn = making.torn?.(shop) ?? {};
  const starts = making.logs ?? ['log'];
  const names = filesBelow(shop.directory).filter(
    (name) => starts.some((start) => name.startsWith(start)) && /\.(jsonl|gz|nights)$/.test(name),
  );
  const logs = Object.fromEntries(names.map((name) => [name, torn[name] ?? contentOf(shop.path(name)).length]));
  const steps = await stepsOf(copy, making.steps);
  const { continued } = making;
  if (continued === undefined) return { about: making.about, logs, steps };
  const writes = continued.writes.map(
    ({ argv = ['seal', '--config', 'writer.yaml', '--quiet'], lines = [], env, exit = 0, appendTo }): Write => ({
      argv,
      lines,
      ...(env && { env }),
      exit,
      ...(appendTo !== undefined && { appendTo }),
    }),
  );
  const next = copyInto(parent, shop.directory);
  const problems = await playWrites(runBuilt, next, writes);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return { about: making.about, logs, steps, continued: { writes, steps: await stepsOf(next, continued.steps) } };
}
