import { isIP } from 'node:net';
import { Transform } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Request } from './anchors.ts';
import { type FileCalls, fileCalls } from './file-calls.ts';
import type { Machine } from './machine.ts';
import { simulatedCrypto } from './simulated-crypto.ts';
import type { Task } from './timeline.ts';

let present: Machine | undefined;

/** From now on the writer's code runs on this machine. */
export function useMachine(machine: Machine): void {
  present = machine;
}

function machine(): Machine {
  if (present === undefined) throw new Error('code of the writer runs outside a schedule');
  return present;
}

/** A timer as Node gives it. */
interface Timer {
  task: Task;
  ref(): Timer;
  unref(): Timer;
}

function timer(ms: number, fire: () => void): Timer {
  const { timeline } = machine();
  const self: Timer = { task: timeline.after(ms, machine().current(), fire), ref: () => self, unref: () => self };
  return self;
}

function repeated(fire: () => void, ms: number): Timer {
  const self: Timer = timer(ms, () => {
    self.task = machine().timeline.after(ms, machine().current(), again);
    fire();
  });
  const again = (): void => {
    self.task = machine().timeline.after(ms, machine().current(), again);
    fire();
  };
  return self;
}

function clear(one: Timer | undefined): void {
  if (one !== undefined) one.task.cancelled = true;
}

/** A look at a clock: what was computed since the last one has taken some time. */
function look(): Machine {
  const host = machine();
  host.timeline.now += host.pace.look;
  return host;
}

class SimulatedDate extends Date {
  constructor(...given: [] | [number | string]) {
    if (given.length === 0) super(look().timeline.wall);
    else super(given[0]);
  }

  static override now(): number {
    return Math.floor(look().timeline.wall);
  }
}

/** What stands in the place of the globals that reach out of a process. */
export const globals: Readonly<Record<string, unknown>> = {
  setTimeout: (fire: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) => timer(Math.max(1, ms), () => fire(...given)),
  setImmediate: (fire: (...given: unknown[]) => void, ...given: unknown[]) => timer(0, () => fire(...given)),
  setInterval: repeated,
  clearTimeout: clear,
  clearInterval: clear,
  clearImmediate: clear,
  performance: { now: () => look().timeline.now, timeOrigin: 1_770_000_000_000 },
  Date: SimulatedDate,
  Atomics: {
    wait: (_cell: Int32Array, _at: number, _value: number, ms: number) => {
      machine().timeline.now += ms;
      return 'timed-out';
    },
  },
  random: () => machine().random.next() / 2 ** 32,
  fetch: (address: string | URL, request: Request) => machine().network(String(address), request),
}; // biome-ignore format: a list

/** `process` is another one in each process. */
export const processNow = (): Record<string, unknown> => {
  const { running } = machine().timeline;
  if (running === undefined) throw new Error('code of no process asks for its process');
  return running.process;
};

/** Packs or unpacks what comes once all of it is there. */
function atOnce(pack: (bytes: Buffer) => Buffer): Transform {
  const parts: Buffer[] = [];
  return new Transform({
    transform: (chunk: Buffer, _, done) => {
      parts.push(chunk);
      done();
    },
    flush: (done) => {
      try {
        done(null, pack(Buffer.concat(parts)));
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

const files: FileCalls = fileCalls(machine);

/** The modules of Node that reach out of a process. All others are Node's own. */
export const modules: Readonly<Record<string, object>> = {
  'node:fs': files.files,
  'node:fs/promises': files.promises,
  'node:net': { isIP },
  'node:os': { hostname: () => 'host', constants: { signals: {} } },
  'node:crypto': {
    ...simulatedCrypto,
    randomBytes: (length: number) => machine().random.bytes(length),
    randomFillSync: (bytes: Buffer, at: number, length: number) => {
      bytes.set(machine().salts.bytes(length), at);
      return bytes;
    },
  },
  'node:timers/promises': { setTimeout: (ms: number) => new Promise<void>((resolve) => timer(ms, resolve)) },
  'node:zlib': {
    createGunzip: () => atOnce(gunzipSync),
    createGzip: () => atOnce(gzipSync),
  },
};
