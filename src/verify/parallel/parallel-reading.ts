import type { FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { LINE_LIMIT, type LineSplitter } from '../input/line-splitter.ts';
import type { Epoch } from '../model/epoch.ts';
import type { CheckedRun } from '../stream/checked-run.ts';
import type { StreamVerifier } from '../stream/stream-verifier.ts';
import type { ChainKey } from './segment-messages.ts';

/**
 * Reads a large file with the help of other processes. They check records, which is nearly all the work; everything else,
 * and every record that they did not find right, is read here in its place, so the verdict is that of reading it all here.
 */

/** A smaller file is read faster than processes start. */
const PARALLEL_FROM = 64 * 1024 * 1024;
/** What is read here first: the first open is in it, and with it the key. */
const HEAD = 256 * 1024;
/** No more than the longest line that is read: a process takes whole lines of its part, so never one that is `LIMIT` here. */
const SEGMENT = LINE_LIMIT;
const CHUNK = 256 * 1024;
/** So many parts are given to each process at a time. */
const AHEAD = 2;

/** One file and how far it has been read. */
export class ParallelReading {
  readonly #verifier: StreamVerifier;
  readonly #splitter: LineSplitter;
  readonly #file: FileHandle;
  readonly #onBytes: (bytes: number) => void;
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK);
  readonly #numbers = new Map<Epoch, number>();
  #at = 0;

  constructor(verifier: StreamVerifier, splitter: LineSplitter, file: FileHandle, onBytes: (bytes: number) => void) {
    this.#verifier = verifier;
    this.#splitter = splitter;
    this.#file = file;
    this.#onBytes = onBytes;
  }

  /** Reads the file to its end. `start` begins the checkers once the head has been read. */
  async readAll({ head, segment, ahead }: Division, start: () => SegmentChecker): Promise<void> {
    const { size } = await this.#file.stat();
    await this.#readTo(head);
    const checker = start();
    try {
      const parts: Promise<readonly CheckedRun[]>[] = [];
      let given = this.#at;
      for (;;) {
        while (parts.length < ahead && given < size) {
          const to = Math.min(given + segment, size);
          parts.push(checker.check(given, to, (known) => this.#chainKey(known)));
          given = to;
        }
        const runs = await parts.shift();
        if (runs === undefined || this.#verifier.state.coverage.stopped) break;
        for (const run of runs) await this.#take(run);
      }
    } finally {
      checker.close();
    }
    await this.#readTo(Number.MAX_SAFE_INTEGER);
  }

  /** Takes a run, if it can be taken where the reading stands; else its lines are read with what comes after it. */
  async #take(run: CheckedRun): Promise<void> {
    await this.#readTo(run.from);
    if (this.#at !== run.from || !this.#splitter.atLineStart) return;
    if (!this.#verifier.takeRun(run, (epoch) => this.#numbers.get(epoch))) return;
    if (this.#verifier.state.file.facts === undefined) {
      this.#onBytes(run.to - run.from);
      this.#at = run.to;
    } else {
      await this.#each(run.to, (bytes) => this.#verifier.release(bytes, bytes.length, this.#at + bytes.length));
    }
    this.#splitter.skip(run.count, run.to - run.from);
  }

  async #readTo(to: number): Promise<void> {
    await this.#each(to, (bytes) => this.#splitter.push(bytes));
  }

  async #each(to: number, use: (bytes: Buffer) => Promise<void> | void): Promise<void> {
    while (this.#at < to && !this.#verifier.state.coverage.stopped) {
      const { bytesRead } = await this.#file.read(this.#chunk, 0, Math.min(CHUNK, to - this.#at), this.#at);
      if (bytesRead === 0) return;
      this.#onBytes(bytesRead);
      await use(this.#chunk.subarray(0, bytesRead));
      this.#at += bytesRead;
    }
  }

  /** The chain key of the key period in force, where it is right and not known to a process yet. */
  #chainKey(known: ReadonlySet<number>): ChainKey | undefined {
    const { epoch } = this.#verifier.state;
    if (epoch?.schedule === undefined || epoch.keyState !== 'right' || !epoch.stepKnown) return undefined;
    const key = this.#numbers.get(epoch) ?? this.#numbers.size;
    this.#numbers.set(epoch, key);
    if (known.has(key)) return undefined;
    return { key, kid: epoch.kid, step: epoch.schedule.step, chain: epoch.schedule.copyChain() };
  }
}

/** Who checks parts of a file. `keyOf` gives the key in force, where it is not among the known ones. */
export interface SegmentChecker {
  check(
    from: number,
    to: number,
    keyOf: (known: ReadonlySet<number>) => ChainKey | undefined,
  ): Promise<readonly CheckedRun[]>;
  close(): void;
}

/** How a file is divided, in bytes: what is read here first, and the parts. */
export interface Division {
  readonly head: number;
  readonly segment: number;
  /** So many parts are given away at a time. */
  readonly ahead: number;
}

/** Reads an open file through its verifier. */
export type OpenFileReader = (
  verifier: StreamVerifier,
  splitter: LineSplitter,
  file: FileHandle,
  onBytes: (bytes: number) => void,
) => Promise<void>;

/** How large files are read, and what is large, in bytes. */
export interface LargeFiles {
  readonly from: number;
  readonly read: OpenFileReader;
}

/**
 * Large files are read with `jobs` more processes, and never more than the machine runs at a time. Undefined in a bundle,
 * which has no program for them. The program is asked for only here: where a test runner makes CommonJS of
 * modules, what tells where a module is would be a syntax error.
 */
export async function withProcesses(jobs: number): Promise<LargeFiles | undefined> {
  const { segmentProgram } = await import('./segment-program.ts');
  const program = segmentProgram();
  if (program === undefined) return undefined;
  const { SegmentPool } = await import('./segment-pool.ts');
  const processes = Math.min(jobs, availableParallelism());
  return {
    from: PARALLEL_FROM,
    read: async (verifier, splitter, file, onBytes) => {
      const division = { head: HEAD, segment: SEGMENT, ahead: processes * AHEAD };
      const reading = new ParallelReading(verifier, splitter, file, onBytes);
      await reading.readAll(division, () => new SegmentPool(program, file.fd, processes));
    },
  };
}
