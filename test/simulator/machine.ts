import type { Coverage } from './coverage.ts';
import { Disk } from './disk.ts';
import { Faults, type Operation } from './faults.ts';
import { Killed, Life } from './life.ts';
import type { Random } from './random.ts';
import { systemError } from './system-calls.ts';
import { Timeline } from './timeline.ts';

/** How long calls take, in milliseconds. */
export interface Pace {
  readonly call: number;
  readonly sync: number;
  /** A look at the clock: what the computing between two looks takes. */
  readonly look: number;
}

/** The directory of the log and that of the state, which are the mount points too. */
export const LOG = 'log';
export const STATE = 'state';

/** A computer: its disks, its clocks, its processes. */
export class Machine {
  readonly timeline: Timeline = new Timeline();
  readonly faults: Faults = new Faults();
  readonly mounts: ReadonlyMap<string, Disk>;
  /** The same by the names that they have in `/` by now. */
  readonly #places: Map<string, Disk>;
  readonly disks: readonly Disk[];
  readonly random: Random;
  readonly pace: Pace;
  readonly hasProc: boolean;
  readonly coverage: Coverage | undefined;
  /** Lines about what happened; undefined: nobody wants them. */
  readonly trace: string[] | undefined;
  boot = 1;
  #pids = 100;
  #digest = 0x811c9dc5;
  #lives = new Map<number, Life>();
  /** How many calls there were. */
  calls = 0;

  constructor(
    random: Random,
    { apart, pace, hasProc }: { apart: boolean; pace: Pace; hasProc: boolean },
    { trace, coverage }: { trace?: string[]; coverage?: Coverage } = {},
  ) {
    this.random = random;
    this.pace = pace;
    this.hasProc = hasProc;
    this.trace = trace;
    this.coverage = coverage;
    const log = new Disk(41);
    const state = apart ? new Disk(42) : log;
    this.disks = apart ? [log, state] : [log];
    this.mounts = new Map([
      [LOG, log],
      [STATE, state],
    ]);
    this.#places = new Map(this.mounts);
  }

  /** Where processes find the disks. */
  get places(): ReadonlyMap<string, Disk> {
    return this.#places;
  }

  /** The log's disk is elsewhere from now on. */
  mountLog(name: string): void {
    const log = this.mounts.get(LOG) as Disk;
    for (const [before, disk] of this.#places) if (disk === log && before !== STATE) this.#places.delete(before);
    this.#places.set(name, log);
  }

  /** Starts a process. */
  start(): Life {
    const life = new Life(this, ++this.#pids);
    this.#lives.set(life.pid, life);
    this.note(`process ${life.pid} starts`);
    return life;
  }

  lifeOf(pid: number): Life | undefined {
    return this.#lives.get(pid);
  }

  isAlive(pid: number): boolean {
    return this.#lives.get(pid)?.isOver === false;
  }

  /** The process whose code is running. @throws {@link Killed} */
  current(): Life {
    const life = this.timeline.running;
    if (life === undefined) throw new Error('code of no process calls the system');
    if (life.isOver) throw new Killed('this process is no more');
    return life;
  }

  kill(life: Life): void {
    if (life.isOver) return;
    this.note(`process ${life.pid} is killed`);
    life.end();
  }

  /** All that is not durable is gone. */
  powerCut(): void {
    this.note('the power is cut');
    for (const life of this.#lives.values()) life.end();
    for (const disk of this.disks) disk.crash(this.random);
    this.boot++;
  }

  /** A call of the system by the running process. */
  call<T>(operation: Operation, path: string, act: (life: Life) => T, failed?: (life: Life) => void): T {
    const life = this.current();
    this.calls++;
    if (--life.killAfter < 0) {
      this.kill(life);
      throw new Killed('killed before a call');
    }
    this.timeline.now += operation === 'sync' ? this.pace.sync : this.pace.call;
    const errno = this.faults.strike(operation, path.startsWith(`/${STATE}`) ? 'state' : 'log', this.timeline.now);
    this.coverage?.call(operation, errno, life);
    if (errno !== undefined && errno !== 'SHORT') {
      failed?.(life);
      this.#called(operation, path, errno);
      throw systemError(errno, operation, path);
    }
    try {
      const result = act(life);
      this.#called(operation, path, errno ?? (typeof result === 'number' ? result : ''));
      return result;
    } catch (error) {
      this.#called(operation, path, (error as NodeJS.ErrnoException).code ?? String(error));
      throw error;
    }
  }

  note(text: string): void {
    this.add(text);
    this.trace?.push(`${this.timeline.now.toFixed(3).padStart(12)}  ${text}`);
  }

  /** What all that happened comes to. */
  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, '0');
  }

  add(text: string): void {
    let digest = this.#digest;
    for (let at = 0; at < text.length; at++) digest = Math.imul(digest ^ text.charCodeAt(at), 16777619);
    this.#digest = digest;
  }

  #called(operation: Operation, path: string, result: string | number): void {
    this.#digest = Math.imul(this.#digest ^ Math.floor(this.timeline.now * 1000), 16777619);
    this.add(operation);
    this.add(String(result));
    this.trace?.push(`${this.timeline.now.toFixed(3).padStart(12)}    ${operation} ${path} ${result}`);
  }
}
