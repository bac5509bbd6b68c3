import { dirname } from 'node:path';
import { Frontier } from '../core/tree.ts';
import type { OpenEntry } from '../format/control.ts';
import type { Clock } from '../keys/clock.ts';
import { Checkpointer, type CheckpointerHost } from './checkpointer.ts';
import { EntryLog } from './entry-log.ts';
import type { Epoch } from './epoch.ts';
import { STDOUT } from './names.ts';
import { macNote } from './note-signing.ts';
import type { Outage } from './outage.ts';
import type { SealJob } from './seal-job.ts';
import type { Sink } from './sink.ts';
import { syncDirectory } from './state.ts';
import type { StreamState } from './state-record.ts';
import type { StreamSite } from './stream-site.ts';
import { type Opening, StreamWriter } from './stream-writer.ts';

/** What a run tells its sealer. */
export interface RunHost extends Omit<CheckpointerHost, 'persist' | 'publish'> {
  /** A checkpoint line was appended. */
  published(job: SealJob, note: string, full: boolean): void;
  /** Lines wait to be written. */
  written(): void;
  sealed(): void;
}

/** What a run is made from. */
export interface RunOptions {
  readonly site: StreamSite;
  readonly epoch: Epoch;
  readonly every: OpenEntry['every'];
  readonly clock: Clock;
  readonly outage: Outage;
  readonly host: RunHost;
}

interface Waiter {
  readonly size: number;
  readonly resolve: () => void;
}

/** One run of a stream, from its `open` to its `close`: entries, state and checkpoints in the order of spec 4. */
export class StreamRun implements CheckpointerHost {
  readonly stream: StreamWriter;
  readonly log: EntryLog;
  readonly checkpointer: Checkpointer;
  readonly #site: StreamSite;
  readonly #host: RunHost;
  #state: StreamState;
  #covered = 0;
  #coverWaiters: Waiter[] = [];
  #writeWaiters: (() => void)[] = [];
  #newFile: boolean;
  #synchronous: SealJob | undefined;
  #holding = false;

  constructor(options: RunOptions) {
    const { site, epoch, clock, outage } = options;
    this.#site = site;
    this.#host = options.host;
    this.#state = site.state;
    this.#newFile = site.sink.size === 0;
    const { size, frontier } = site.resumption;
    this.log = new EntryLog(new Frontier(size, frontier), epoch, site.sink);
    this.checkpointer = new Checkpointer(this, clock, outage);
    this.stream = new StreamWriter({
      origin: site.origin,
      every: options.every,
      log: this.log,
      now: () => clock.now(),
      onSeal: (job) => this.#sealed(job),
    });
  }

  get state(): StreamState {
    return this.#state;
  }

  /** The newest size that a complete checkpoint on disk covers. */
  get covered(): number {
    return this.#covered;
  }

  /** Writes what goes before the run's first entry, and that entry with its seal. */
  begin(opening: Opening): void {
    const { resumption, sink } = this.#site;
    if (sink.name === STDOUT) this.log.appendEmptyLine();
    // in an empty next file nothing stands before its open (spec 4)
    if (resumption.pending !== undefined && (sink.name === STDOUT || sink.size > 0)) {
      this.log.appendCheckpoint(resumption.pending.note);
    }
    this.stream.begin(opening);
  }

  /** Puts a number for a new key period into the state, durably, before a key is minted for it (spec 1). */
  announce(number: number): void {
    this.#state = { ...this.#state, epoch: number };
    this.#site.stateFile.replaceSync(this.#state);
  }

  /**
   * Writes what waits.
   *
   * @returns whether the sink took all of it
   */
  writeOut(): boolean {
    const done = this.log.writeOut();
    const waiters = this.#writeWaiters;
    this.#writeWaiters = [];
    for (const resolve of waiters) resolve();
    return done;
  }

  /** Resolves when a complete checkpoint covers `size` and is on disk. */
  whenCovered(size: number): Promise<void> {
    if (this.#covered >= size) return Promise.resolve();
    return new Promise((resolve) => this.#coverWaiters.push({ size, resolve }));
  }

  /** Seals what is unsealed and brings it to disk with its state, without waiting for anything but the disk. */
  sealNow(write: () => void): void {
    const job = this.#capture(write);
    if (!this.writeOut()) return;
    this.log.sink.datasyncSync();
    if (job === undefined) return;
    this.#setState(job);
    this.#site.stateFile.replaceSync(this.#state);
    this.checkpointer.persisted();
  }

  /** As {@link StreamRun.sealNow}; and, as nobody will sign any more, appends what we can say ourselves. */
  closeNow(): void {
    const job = this.#capture(() => this.stream.close('shutdown'));
    if (!this.writeOut()) return;
    this.log.sink.datasyncSync();
    if (job === undefined) return;
    this.#setState(job);
    this.#site.stateFile.replaceSync(this.#state);
    const note = macNote(job);
    if (note === undefined) return;
    this.publish(job, note, job.epoch.signers.length === 0);
    if (this.writeOut()) this.log.sink.datasyncSync();
  }

  async persist(job: SealJob): Promise<void> {
    while (job.file === this.log.sink.name && this.log.sink.size < job.offset) {
      if (this.log.sink.obstacle === undefined && this.writeOut()) break;
      await new Promise<void>((resolve) => this.#writeWaiters.push(resolve));
    }
    if (job.size <= this.#state.size) return; // a newer one was persisted synchronously
    const { sink } = this.log;
    await sink.datasync();
    this.#syncNewFile(sink);
    if (job.size <= this.#state.size) return;
    this.#setState(job);
    await this.#site.stateFile.replace(this.#state);
  }

  publish(job: SealJob, note: string, full: boolean): void {
    const { log } = this;
    const { sink, offset } = log;
    log.appendCheckpoint(note);
    if (full) {
      const key = job.epoch.reference;
      const kept = sink.name === STDOUT ? { note } : {};
      this.#state = {
        ...this.#state,
        checkpoint: { size: job.size, root: job.root, file: sink.name, offset, key, ...kept },
      };
      void this.#cover(job, sink);
    }
    this.#host.published(job, note, full);
  }

  outage(error: unknown, begins: boolean): void {
    this.#host.outage(error, begins);
  }

  outageOver(): void {
    this.#host.outageOver();
  }

  warn(error: unknown): void {
    this.#host.warn(error);
  }

  fail(error: unknown): void {
    this.#host.fail(error);
  }

  #sealed(job: SealJob): void {
    if (this.#holding) this.#synchronous = job;
    else this.checkpointer.submit(job);
    this.#host.sealed();
  }

  /** Runs `write` and keeps the seal that it makes from the checkpointer. */
  #capture(write: () => void): SealJob | undefined {
    this.#holding = true;
    this.#synchronous = undefined;
    try {
      write();
    } finally {
      this.#holding = false;
    }
    return this.#synchronous;
  }

  async #cover(job: SealJob, sink: Sink): Promise<void> {
    const { offset } = this.log;
    try {
      while (this.log.sink === sink && sink.size < offset) {
        if (sink.obstacle === undefined && this.writeOut()) break;
        await new Promise<void>((resolve) => this.#writeWaiters.push(resolve));
      }
      if (sink.name === STDOUT) await this.#site.stateFile.replace(this.#state); // spec 6, next file
      if (this.#coverWaiters.length > 0) await sink.datasync();
    } catch (error) {
      this.#host.fail(error);
      return;
    }
    this.#covered = Math.max(this.#covered, job.size);
    const waiters = this.#coverWaiters;
    this.#coverWaiters = waiters.filter(({ size }) => size > this.#covered);
    for (const { size, resolve } of waiters) if (size <= this.#covered) resolve();
  }

  #syncNewFile(sink: Sink): void {
    if (!this.#newFile || sink.name === STDOUT) return;
    syncDirectory(dirname(sink.name));
    this.#newFile = false;
  }

  #setState(job: SealJob): void {
    const { origin, base, epoch, checkpoint } = this.#state;
    const { next } = job;
    const note = macNote(job);
    this.#state = {
      origin,
      size: job.size,
      frontier: job.frontier,
      leaf: job.leaf,
      file: job.file,
      offset: job.offset,
      base,
      epoch,
      current: { epoch: next.epoch.number, epochSeq: next.epochSeq, step: next.step, key: next.epoch.reference },
      ...(checkpoint && { checkpoint }),
      ...(note !== undefined && { pending: { size: job.size, note } }),
    };
  }
}
