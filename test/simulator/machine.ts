import type { Request } from './anchors.ts';
import type { Coverage } from './coverage.ts';
import { Disk } from './disk.ts';
import { Faults, type Operation, type Disk as Place } from './faults.ts';
import { Killed, Life } from './life.ts';
import { Pipe } from './pipe.ts';
import { Random } from './random.ts';
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
/** The directory of a file that is an anchor. */
export const ANCHOR = 'anchor';

/** A call of the system that has not come back. */
export class Hanging extends Error {}

/** What of the network answers processes. */
export type Network = (address: string, request: Request) => Promise<unknown>;

/** A computer: its disks, its clocks, its processes. */
export class Machine {
  readonly timeline: Timeline = new Timeline();
  readonly faults: Faults = new Faults();
  readonly mounts: ReadonlyMap<string, Disk>;
  /** The same by the names that they have in `/` by now. */
  readonly #places: Map<string, Disk>;
  /** Those of the log and its state. */
  readonly disks: readonly Disk[];
  /** That of the anchor, which a power cut spares if it is elsewhere. */
  readonly anchorDisk: Disk = new Disk(43);
  isAnchorHere = false;
  /** Standard output of its processes. */
  readonly pipe: Pipe;
  readonly random: Random;
  /** Of their own, so that nothing else that is random depends on how many are drawn. */
  readonly salts: Random = new Random(1);
  pace: Pace;
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
  /** Told of what no program may do to an application. */
  blocked: (what: string) => void = () => undefined;
  network: Network = () => {
    throw new Error('a request to the network is not modelled');
  };
  /** The anchor's mount answers nothing. */
  #isDead = false;
  #isLater = false;
  #hanging: { readonly life: Life; readonly again: () => void }[] = [];

  constructor(
    random: Random,
    { apart, pace, hasProc }: { apart: boolean; pace: Pace; hasProc: boolean },
    { trace, coverage }: { trace?: string[]; coverage?: Coverage } = {},
  ) {
    this.random = random;
    this.pipe = new Pipe(random);
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
      [ANCHOR, this.anchorDisk],
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
    this.pipe.lose();
    if (this.isAnchorHere) this.anchorDisk.crash(this.random);
    this.boot++;
  }

  /** A call of the system by the running process. */
  call<T>(operation: Operation, path: string, act: (life: Life) => T, failed?: (life: Life) => void): T {
    const life = this.current();
    if (this.#isDead && path.startsWith(`/${ANCHOR}`)) this.#hangs(operation, path, life);
    this.#begin(life);
    this.timeline.now += operation === 'sync' ? this.pace.sync : this.pace.call;
    const on = diskOf(path);
    const errno = this.faults.strike(operation, on, this.timeline.now);
    this.coverage?.call(operation, on, errno, life);
    if (errno !== undefined && errno !== 'SHORT') {
      failed?.(life);
      this.#called(operation, path, errno);
      throw systemError(errno, operation, path);
    }
    return this.#done(operation, path, () => act(life), errno);
  }

  /** A write of the running process to its standard output, which no disk can fail. */
  writePipe(bytes: Buffer): number {
    this.#begin(this.current());
    this.timeline.now += this.pace.call;
    return this.#done('write', 'standard output', () => this.pipe.write(bytes));
  }

  /** From now on every call to the anchor's mount waits; or those that wait go on. */
  setDead(isDead: boolean): void {
    this.#isDead = isDead;
    if (isDead) return;
    for (const { life, again } of this.#hanging.splice(0)) this.timeline.after(1, life, again);
  }

  /** Does what waits for no thread but one of the pool. */
  later<T>(act: () => T): T {
    this.#isLater = true;
    try {
      return act();
    } finally {
      this.#isLater = false;
    }
  }

  /** A call that {@link Hanging} ended is done again once the mount answers. */
  hang(life: Life, again: () => void): void {
    this.#hanging.push({ life, again });
    const { length } = this.#hanging.filter((one) => one.life === life);
    if (length > 1) this.blocked(`${length} calls at once hang in one anchor`);
  }

  /** Whether a call of a process hangs. */
  hangs(life: Life): boolean {
    return this.#hanging.some((one) => one.life === life);
  }

  #hangs(operation: Operation, path: string, life: Life): never {
    if (this.#isLater) throw new Hanging(`${operation} ${path}`);
    this.blocked(`the application stands still for ever: ${operation} ${path}`);
    this.kill(life);
    throw new Killed('stands still');
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

  #begin(life: Life): void {
    this.calls++;
    if (--life.killAfter >= 0 && this.timeline.now < life.killAt) return;
    this.kill(life);
    throw new Killed('killed before a call');
  }

  #done<T>(operation: Operation, path: string, act: () => T, errno?: string): T {
    try {
      const result = act();
      this.#called(operation, path, errno ?? (typeof result === 'number' ? result : ''));
      return result;
    } catch (error) {
      this.#called(operation, path, (error as NodeJS.ErrnoException).code ?? String(error));
      throw error;
    }
  }

  #called(operation: Operation, path: string, result: string | number): void {
    this.#digest = Math.imul(this.#digest ^ Math.floor(this.timeline.now * 1000), 16777619);
    this.add(operation);
    this.add(String(result));
    this.trace?.push(`${this.timeline.now.toFixed(3).padStart(12)}    ${operation} ${path} ${result}`);
  }
}

function diskOf(path: string): Place {
  return path.startsWith(`/${STATE}`) ? 'state' : path.startsWith(`/${ANCHOR}`) ? 'anchor' : 'log';
}
