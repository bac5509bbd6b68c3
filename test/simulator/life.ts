import { EventEmitter } from 'node:events';
import type { Machine } from './machine.ts';
import { SystemCalls, systemError } from './system-calls.ts';

/** Thrown into code whose process is no more: nothing that it does has an effect. */
export class Killed extends Error {}

/** One process: from its start to its exit, or to its being killed. */
export class Life {
  readonly pid: number;
  /** When it began, in the kernel's ticks. */
  readonly started: string;
  readonly calls: SystemCalls;
  readonly stderr: string[] = [];
  /** What `process` is to its code. */
  readonly process: Record<string, unknown>;
  readonly #events = new EventEmitter();
  isOver: boolean = false;
  /** The kernel has said of a file of the log that its changes are lost: a power cut takes them, whatever comes behind them. */
  hasHole: boolean = false;
  /** It stops right before so many further calls of the system. */
  killAfter: number = Number.POSITIVE_INFINITY;
  /** It stops right before its first call of the system from then on. */
  killAt: number = Number.POSITIVE_INFINITY;
  exitCode: number | undefined;
  phase: 'start' | 'run' | 'close' = 'start';

  constructor(machine: Machine, pid: number) {
    this.pid = pid;
    this.started = String(Math.floor(machine.timeline.now));
    this.calls = new SystemCalls(machine.places, () => machine.timeline.wall);
    const { process: shown } = this.#shown(machine);
    this.process = shown;
  }

  /** `process.exit()`, or the end by itself. */
  exit(code = 0): void {
    if (this.isOver) return;
    this.#events.emit('exit', code);
    if (this.isOver) return; // killed on the way
    this.exitCode = code;
    this.end();
  }

  /** It is gone. */
  end(): void {
    this.isOver = true;
    this.calls.closeAll();
  }

  #shown(machine: Machine): { process: Record<string, unknown> } {
    const shown: Record<string, unknown> = {
      pid: this.pid,
      getBuiltinModule: (name: string) => {
        if (name !== 'node:zlib') throw new Error(`${name} is not modelled`);
        return process.getBuiltinModule(name);
      },
      platform: 'linux',
      arch: 'x64',
      env: { FAPILOG_TAMPER_ENGINE: 'typescript' },
      execArgv: [],
      stdout: { writable: true },
      versions: { node: process.versions.node },
      version: process.version,
      geteuid: () => 1000,
      cwd: () => '/',
      emitWarning: (warning: unknown) => this.stderr.push(String(warning)),
      on: (name: string, listener: () => void) => {
        this.#events.on(name, listener);
        return shown;
      },
      exit: (code: number) => {
        this.exit(code);
        throw new Killed('the process has exited');
      },
      kill: (pid: number) => {
        if (!machine.isAlive(pid)) throw systemError('ESRCH', 'kill');
        return true;
      },
    };
    shown['once'] = shown['on'];
    return { process: shown };
  }
}
