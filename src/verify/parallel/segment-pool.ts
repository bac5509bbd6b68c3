import { type ChildProcess, fork } from 'node:child_process';
import { selectedEngine } from '../../engine/selected-engine.ts';
import { TamperError } from '../../errors.ts';
import { ENGINE_VARIABLE } from '../../foundation/engine-choice.ts';
import type { CheckedRun } from '../stream/checked-run.ts';
import type { ChainKey, SegmentRequest, SegmentResult } from './segment-messages.ts';
import type { SegmentProgram } from './segment-program.ts';

/** Processes that check parts of one file. Threads would share the locks of OpenSSL and gain nothing. */

interface Waiting {
  readonly resolve: (runs: readonly CheckedRun[]) => void;
  readonly reject: (error: Error) => void;
}

interface Helper {
  readonly process: ChildProcess;
  readonly waiting: Map<number, Waiting>;
  readonly knownKeys: Set<number>;
}

export class SegmentPool {
  readonly #helpers: readonly Helper[];
  #next = 0;
  #closed = false;

  /** Starts `jobs` processes of a program for the file behind `fd`. */
  constructor(program: SegmentProgram, fd: number, jobs: number) {
    this.#helpers = Array.from({ length: jobs }, () => this.#start(program, fd));
  }

  /** Has the part `[from, to)` checked. `keyOf` gives the key in force where it is not known yet to who checks. */
  check(
    from: number,
    to: number,
    keyOf: (known: ReadonlySet<number>) => ChainKey | undefined,
  ): Promise<readonly CheckedRun[]> {
    const id = this.#next++;
    const helper = this.#helpers[id % this.#helpers.length] as Helper;
    const key = keyOf(helper.knownKeys);
    const request: SegmentRequest = { id, from, to, keys: key === undefined ? [] : [key] };
    const runs = new Promise<readonly CheckedRun[]>((resolve, reject) => {
      helper.waiting.set(id, { resolve, reject });
      helper.process.send(request, (error) => {
        if (error !== null) this.#fail(helper, error);
      });
    });
    runs.catch(() => undefined); // it is awaited in its turn, and fails there
    if (key !== undefined) helper.knownKeys.add(key.key);
    key?.chain.fill(0); // it was copied into the message
    return runs;
  }

  /** Ends the processes, whatever they are doing: one that is in the middle of an answer would wait for ever to be heard. */
  close(): void {
    this.#closed = true;
    for (const { process } of this.#helpers) process.kill('SIGKILL');
  }

  #start(program: SegmentProgram, fd: number): Helper {
    const child = fork(program.file, program.args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc', fd],
      serialization: 'advanced',
      // nothing else of our environment, in which keys may stand
      env: { [ENGINE_VARIABLE]: selectedEngine().name === 'typescript' ? 'typescript' : 'auto' },
    });
    const helper: Helper = { process: child, waiting: new Map(), knownKeys: new Set() };
    child.on('message', (message) => {
      const { id, runs } = message as SegmentResult; // the pipe's only other end is ours
      helper.waiting.get(id)?.resolve(runs);
      helper.waiting.delete(id);
    });
    child.on('error', (error) => this.#fail(helper, error));
    child.on('exit', (code, signal) => this.#fail(helper, new Error(`it ended with ${signal ?? `code ${code}`}`)));
    return helper;
  }

  #fail(helper: Helper, cause: Error): void {
    if (this.#closed) return;
    const error = new TamperError('INTERNAL', `a process that checks a part of a file failed: ${cause.message}`, {
      cause,
      hint: 'Verify without --jobs.',
    });
    for (const { reject } of helper.waiting.values()) reject(error);
    helper.waiting.clear();
  }
}
