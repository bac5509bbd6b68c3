import { Worker } from 'node:worker_threads';

/** Ends the process where one input keeps it busy for too long, and keeps that input: a loop that never ends tells nobody. */

const ROOM = 1 << 20;
const SECONDS = 60;

const program = `
  const { workerData: { shared, path, seconds } } = require('node:worker_threads');
  const { mkdirSync, writeFileSync, writeSync } = require('node:fs');
  const { dirname } = require('node:path');
  const state = new Int32Array(shared, 0, 2);
  let seen = -1;
  let since = Date.now();
  setInterval(() => {
    const now = Atomics.load(state, 0);
    if (now !== seen || now % 2 === 0) since = Date.now();
    seen = now;
    if (Date.now() - since < seconds * 1000) return;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, new Uint8Array(shared, 8, Atomics.load(state, 1)));
    writeSync(1, 'an input keeps it busy for more than ' + seconds + ' s: ' + path + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, 1000);
`;

export class Watchdog {
  readonly #shared = new SharedArrayBuffer(8 + ROOM);
  readonly #state = new Int32Array(this.#shared, 0, 2);
  readonly #worker: Worker;

  /** @param path - where the input is written */
  constructor(path: string) {
    const workerData = { shared: this.#shared, path, seconds: SECONDS };
    this.#worker = new Worker(program, { eval: true, workerData, execArgv: [] });
    this.#worker.unref();
  }

  begin(input: Buffer): void {
    const length = Math.min(input.length, ROOM);
    new Uint8Array(this.#shared, 8, length).set(input.subarray(0, length));
    Atomics.store(this.#state, 1, length);
    Atomics.add(this.#state, 0, 1);
  }

  end(): void {
    Atomics.add(this.#state, 0, 1);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
