import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How long a lock lives in these rounds, in milliseconds. */
const LEASE = 1_500;
/** A starter looks twenty times a lease. */
const LOOKS = 20;

type Place = 'here' | 'worker' | 'hostname' | 'namespace' | 'machine';
type End = 'kill' | 'pause' | 'terminate' | 'goes on';

const project = new URL('../../', import.meta.url).pathname;
/** Whether new name spaces can be had here: for root, and where users may make them. */
const namespaces = spawnSync('unshare', ['--pid', '--fork', '--uts', 'true']).status === 0;

/** One process that wants the lock, and what it says. */
class Contender {
  readonly instance: string = randomBytes(8).toString('hex');
  readonly place: Place;
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  #told: (() => void)[] = [];

  constructor(dist: string, directory: string, place: Place) {
    this.place = place;
    const alone = place === 'machine' || (place === 'namespace' && !namespaces);
    const settings = {
      instance: this.instance,
      lease: LEASE,
      inWorker: place === 'worker',
      ...(alone && { me: { boot: this.instance, host: this.instance } }),
    };
    const program = join(project, 'test/seal/lock-process.mjs');
    const command = [process.execPath, program, dist, directory, JSON.stringify(settings)];
    const [file = '', ...args] = [...this.#wrapper(), ...command];
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#hear(line));
    this.#child.on('exit', () => this.#hear('ended'));
    this.#child.stdin?.on('error', () => undefined);
  }

  #wrapper(): string[] {
    if (!namespaces) return [];
    if (this.place === 'namespace') return ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
    if (this.place !== 'hostname') return [];
    return ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', `host-${this.instance}`];
  }

  #hear(line: string): void {
    this.#said.push(line);
    for (const tell of this.#told.splice(0)) tell();
  }

  /** Resolves with the first line that begins like one of these; never where the process ends before. */
  async says(...beginnings: string[]): Promise<string> {
    for (;;) {
      const line = this.#said.find((one) => beginnings.some((beginning) => one.startsWith(beginning)));
      if (line !== undefined) return line;
      if (this.#said.includes('ended')) throw new Error(`ended, having said ${this.#said.join(', ')}`);
      await new Promise<void>((resolve) => this.#told.push(resolve));
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async end(how: End): Promise<void> {
    if (how === 'kill') {
      this.#child.kill('SIGKILL');
      await this.says('ended');
    } else if (how === 'pause') this.#signalAll('SIGSTOP');
    else if (how === 'terminate') {
      this.#child.stdin?.write('terminate\n');
      await this.says('terminated');
    }
  }

  goOn(): void {
    this.#signalAll('SIGCONT');
  }

  /** `unshare` forks: it is its child that writes. */
  #signalAll(signal: NodeJS.Signals): void {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim();
    for (const pid of children === '' ? [] : children.split(' ')) process.kill(Number(pid), signal);
    process.kill(this.pid, signal);
  }

  async remove(): Promise<void> {
    if (this.#said.includes('ended')) return;
    this.goOn();
    this.#child.kill('SIGKILL');
    await this.says('ended');
  }
}

/** What rounds of starts and ends came to. */
export interface LockRounds {
  readonly taken: number;
  readonly refused: number;
  /** The most looks that a start needed. */
  readonly mostLooks: number;
  readonly looksOfALease: number;
  /** How many times the writer of a line was not the one that it had been taken from in order. */
  readonly disorder: string[];
  /**
   * Lines of writers that were stopped between the look at their lock and the write, and wrote when they went on: one each at
   * most. No lease can do more, because nobody but the disk could refuse that write (docs/decisions/writer.md).
   */
  readonly late: readonly string[];
  /** What writers said that lost their lock, by code. */
  readonly lost: Record<string, number>;
}

/** Builds the package into a directory of its own. @returns where its files are */
function build(root: string): string {
  const dist = join(root, 'dist');
  execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json', '--outDir', dist], { cwd: project });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  execFileSync('ln', ['-s', join(project, 'node_modules'), join(root, 'node_modules')]);
  return dist;
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

/** Real processes take a lock from each other, in every way that one can end or be out of sight. */
export async function lockRounds(rounds: number): Promise<LockRounds> {
  const root = mkdtempSync(join(tmpdir(), 'lock-rounds-'));
  const contenders = new Set<Contender>();
  try {
    const dist = build(root);
    const directory = join(root, 'place');
    mkdirSync(directory);
    const begin = (place: Place): Contender => {
      const one = new Contender(dist, directory, place);
      contenders.add(one);
      return one;
    };
    const lost: Record<string, number> = {};
    const stopped = new Set<string>();
    const result = { taken: 0, refused: 0, mostLooks: 0 };
    let holder = begin('here');
    await holder.says('holds');
    for (let round = 0; round < rounds; round++) {
      const place = pick<Place>(['here', 'worker', 'hostname', 'namespace', 'machine']);
      const end = pick<End>(['kill', 'pause', 'goes on', holder.place === 'worker' ? 'terminate' : 'kill']);
      const early = Math.random() < 0.5;
      const next = early ? begin(place) : undefined;
      await holder.end(end);
      if (end === 'pause') stopped.add(holder.instance);
      const starter = next ?? begin(place);
      const line = await starter.says('holds', 'refused');
      if (line.startsWith('refused')) {
        result.refused++;
        await starter.remove();
        contenders.delete(starter);
        if (end === 'pause') holder.goOn();
        if (end === 'goes on' || end === 'pause') continue;
        holder = begin(place); // it was seen to live shortly before its end
        await holder.says('holds');
        continue;
      }
      result.taken++;
      result.mostLooks = Math.max(result.mostLooks, Number(line.split(' ')[1]));
      if (end === 'pause' || end === 'goes on') {
        holder.goOn();
        const code = (await holder.says('lost')).split(' ')[1] ?? '';
        lost[code] = (lost[code] ?? 0) + 1;
      }
      await holder.remove();
      contenders.delete(holder);
      holder = starter;
    }
    return {
      ...result,
      lost,
      looksOfALease: LOOKS,
      ...disorderIn(readFileSync(join(directory, 'log'), 'latin1'), stopped),
    };
  } finally {
    for (const one of contenders) await one.remove();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Each writer's lines stand together, numbered from 0: nobody wrote between them. */
function disorderIn(log: string, stopped: ReadonlySet<string>): Pick<LockRounds, 'disorder' | 'late'> {
  const problems: string[] = [];
  const late = new Map<string, string>();
  const seen = new Map<string, number>();
  let before = '';
  for (const line of log.split('\n').slice(0, -1)) {
    const [instance = '', number] = line.split(' ');
    if (instance !== before && seen.has(instance) && stopped.has(instance) && !late.has(instance)) {
      late.set(instance, `${line} after lines of ${before}`);
      continue;
    }
    if (instance !== before && seen.has(instance)) problems.push(`${line} after lines of ${before}`);
    if (Number(number) !== (seen.get(instance) ?? -1) + 1) problems.push(`${line} out of order`);
    seen.set(instance, Number(number));
    before = instance;
  }
  return { disorder: problems, late: [...late.values()] };
}
