import { EventEmitter } from 'node:events';
import type { ResolvedConfig } from '../config/index.ts';
import { isTamperError, TamperError } from '../errors.ts';
import { type Clock, systemClock } from '../keys/clock.ts';
import { pause } from '../keys/retry.ts';
import type { Epoch } from './epoch.ts';
import { makeEpoch } from './epoch-maker.ts';
import { onExit } from './exit-hook.ts';
import type { KeySources } from './key-sources.ts';
import { LineIntake } from './line-intake.ts';
import { LOCK_RENEWAL } from './lock.ts';
import { resolveNames } from './names.ts';
import { checkMode, openingOf } from './opening.ts';
import { Outage } from './outage.ts';
import { countLines, PendingLines } from './pending-lines.ts';
import type { SealJob } from './seal-job.ts';
import { asError, type SealerEvents } from './sealer-events.ts';
import { type RunHost, StreamRun } from './stream-run.ts';
import { openSite, type StreamSite } from './stream-site.ts';

/** Wall time follows the system's clock; timers are the key layer's. */
const wallClock: Clock = { now: () => Date.now(), after: (ms, fire) => systemClock.after(ms, fire) };
/** How long `close` waits for a signature, in milliseconds. Without it the next start adopts what is unsigned. */
const SIGNATURE_LIMIT = 3_000;
/** How soon a sink that took no more is tried again, in milliseconds: the longest wait. */
const BUSY_WAIT = 20;
const FULL_WAIT = 1_000;

/** What a {@link Sealer} is made with, besides its configuration. */
export interface SealerParts {
  /** Where keys come from. Called once; a failure counts as a failure to start. */
  readonly keys: () => Promise<KeySources> | KeySources;
  readonly clock?: Clock;
  /** Ends what `keys` made. Keys that the caller gave stay open. */
  readonly release?: () => Promise<void>;
}

/** How much a sealer has done. */
export interface SealerStats {
  readonly origin: string;
  readonly file: string;
  /** Seq of the last entry. */
  readonly size: number;
  /** Records taken, and those that were lost for want of room. */
  readonly records: number;
  readonly dropped: number;
  /** The newest size that a complete checkpoint covers. */
  readonly covered: number;
  readonly pendingBytes: number;
}

/**
 * Seals log lines into an append-only file. The file is opened and lines are taken at once; the key arrives later.
 * It can stand wherever something with `write(line)` is asked for, such as pino's destination.
 *
 * Events: {@link SealerEvents}. As with any emitter an `error` that nobody listens to is thrown, unless a promise of this
 * sealer carries it to somebody.
 */
export class Sealer extends EventEmitter<SealerEvents> {
  /** Marks it as a destination: without it `pino(sealer)` takes it for options and logs, unsealed, to standard output. */
  readonly writable = true;
  /** The configuration with its defaults. */
  readonly config: ResolvedConfig;
  readonly #clock: Clock;
  readonly #site: StreamSite;
  readonly #parts: SealerParts;
  readonly #pending: PendingLines;
  readonly #outage: Outage;
  readonly #abort = new AbortController();
  readonly #ready: Promise<void>;
  readonly #forgetExit: () => void;
  #sources: KeySources | undefined;
  #run: StreamRun | undefined;
  #intake: LineIntake | undefined;
  /** Whether lines must wait: before the first key, and while the sink takes no more. */
  #held = true;
  #heldBack = false;
  #failure: Error | undefined;
  #observed = false;
  #closing: Promise<void> | undefined;
  #closed = false;
  #flushPlanned = false;
  #dropped = 0;
  #droppedUnsaid = 0;
  #droppingSince = 0;
  #cancelSeal: (() => void) | undefined;
  #cancelHeartbeat: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelRenewal: (() => void) | undefined;
  #retries = 0;
  #idleWaiters: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  /** @throws ORIGIN_INVALID, LOCKED, STATE_CONFLICT, STATE_MALFORMED, READ_FAILED, WRITE_FAILED */
  constructor(config: ResolvedConfig, parts: SealerParts) {
    super();
    this.config = config;
    this.#parts = parts;
    this.#clock = parts.clock ?? wallClock;
    this.#pending = new PendingLines(config.maxPendingBytes);
    this.#outage = new Outage(this.#clock);
    this.#site = openSite(resolveNames(config), this.#clock.now());
    this.#forgetExit = onExit(() => this.closeSync());
    this.#renewLock();
    this.#ready = this.#start();
    this.#ready.catch((error: unknown) => this.#fail(error));
  }

  /** Resolves when the key has arrived and the run has begun. */
  get ready(): Promise<void> {
    this.#observed = true;
    return this.#ready;
  }

  /** The stream's name. */
  get origin(): string {
    return this.#site.origin;
  }

  get stats(): SealerStats {
    const run = this.#run;
    return {
      origin: this.#site.origin,
      file: run?.log.sink.name ?? this.#site.sink.name,
      size: run?.log.frontier.size ?? this.#site.resumption.size,
      records: run?.stream.records ?? 0,
      dropped: this.#dropped,
      covered: run?.covered ?? 0,
      pendingBytes: this.#pending.bytes,
    };
  }

  /**
   * Takes one line, or several with an LF after each; the last LF may be missing.
   *
   * @returns false where the producer should wait for `drain`
   * @throws SEALER_CLOSED after {@link Sealer.close}, or the error that ended the log
   */
  write(chunk: string | Uint8Array): boolean {
    if (this.#held || this.#failure !== undefined || this.#closing !== undefined) return this.#hold(chunk, false);
    try {
      this.#intake?.take(chunk);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    return this.#taken();
  }

  /** As {@link Sealer.write} for one line of which the caller knows that it is one JSON object: it is not parsed again. */
  writeObject(line: string): boolean {
    if (this.#held || this.#failure !== undefined || this.#closing !== undefined) return this.#hold(line, true);
    try {
      this.#intake?.takeObject(line);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    return this.#taken();
  }

  /** Resolves when everything written before is durable and covered by a checkpoint. */
  async flush(): Promise<void> {
    const run = await this.#settled();
    if (run.stream.unsealed) run.stream.seal();
    this.#flushSoon();
    await this.#orFailure(run.whenCovered(run.log.frontier.size));
  }

  /** Writes, seals and makes durable what was taken, before it returns. A signature follows when there is time. */
  flushSync(): void {
    const run = this.#run;
    if (run === undefined || this.#failure !== undefined || this.#closed) return;
    this.#drain();
    run.sealNow(() => {
      if (run.stream.unsealed) run.stream.seal();
    });
  }

  /** Seals what is pending, writes `close`, waits up to 3 seconds for its signature, and ends. */
  close(): Promise<void> {
    this.#observed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends at once, for the end of the process: all is written and sealed; a signature comes at the next start. */
  closeSync(): void {
    if (this.#closed) return;
    this.#closing ??= Promise.resolve();
    try {
      if (this.#run !== undefined && this.#failure === undefined) {
        this.#drain();
        this.#run.closeNow();
      }
    } finally {
      this.#end();
    }
  }

  async #start(): Promise<void> {
    const { resumption } = this.#site;
    if (resumption.torn !== undefined && resumption.tornFile !== undefined) {
      this.emit('torn', { origin: this.origin, file: resumption.tornFile, bytes: resumption.torn.bytes });
    }
    const number = Math.max(resumption.epoch, this.#site.state.epoch) + 1;
    this.#site.stateFile.replaceSync({ ...this.#site.state, epoch: number });
    const epoch = await this.#firstEpoch(number);
    if (this.#closed) {
      epoch.erase();
      return;
    }
    checkMode(resumption, epoch);
    const { config } = this;
    const run = new StreamRun({
      site: { ...this.#site, state: { ...this.#site.state, epoch: number } },
      epoch,
      every: {
        records: config.checkpointMaxRecords,
        seconds: config.checkpointMaxSeconds,
        idleSeconds: config.heartbeatSeconds,
      },
      clock: this.#clock,
      outage: this.#outage,
      host: this.#hostOf(),
    });
    this.#run = run;
    this.#intake = new LineIntake(run.stream, {
      maxLineBytes: config.maxLineBytes,
      wrapIntegrity: config.onIntegrity === 'wrap',
    });
    run.begin(openingOf(resumption, epoch));
    this.#held = false;
    this.#drain();
    this.#flushSoon();
  }

  /** Waits for the key service where `on_start_failure` says so; a refusal always ends it. */
  async #firstEpoch(number: number): Promise<Epoch> {
    const { signal } = this.#abort;
    for (;;) {
      try {
        this.#sources ??= await this.#parts.keys();
        const epoch = await makeEpoch(this.#sources, this.origin, number, signal);
        this.#outage.worked();
        return epoch;
      } catch (error) {
        const passing = isTamperError(error) && error.retryable;
        if (!passing || this.config.onStartFailure === 'stop' || signal.aborted) throw error;
        if (this.#outage.failed()) this.#announceOutage(error);
        await pause(this.#outage.wait(error), `waiting for the first key of ${this.origin}`, signal, this.#clock);
      }
    }
  }

  #hostOf(): RunHost {
    return {
      published: (job, note, full) => this.#published(job, note, full),
      written: () => this.#flushSoon(),
      sealed: () => this.#armHeartbeat(),
      outage: (error, begins) => {
        if (begins) this.#announceOutage(error);
      },
      outageOver: () => this.emit('outageOver'),
      warn: (error) => this.emit('warning', asError(error)),
      fail: (error) => this.#fail(error),
    };
  }

  #announceOutage(error: unknown): void {
    const since = this.#outage.since ?? this.#clock.now();
    this.#run?.stream.gap('key_service', 0, since);
    this.#flushSoon();
    this.emit('outage', { since, error: asError(error) });
  }

  #published(job: SealJob, note: string, full: boolean): void {
    this.#flushSoon();
    this.emit('checkpoint', { origin: this.origin, size: job.size, note, complete: full });
  }

  #taken(): boolean {
    this.#flushSoon();
    if (this.#run?.log.sink.obstacle === undefined) return true;
    this.#blocked();
    return !this.#pending.isFull;
  }

  #hold(chunk: string | Uint8Array, isObject: boolean): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) {
      throw new TamperError('SEALER_CLOSED', `the sealer of ${this.origin} is closed; the line was not taken`);
    }
    if (this.#pending.isFull) {
      this.#drop(chunk);
      return false;
    }
    this.#pending.add(chunk, isObject);
    this.#heldBack = this.#pending.isFull;
    return !this.#heldBack;
  }

  #drop(chunk: string | Uint8Array): void {
    if (this.#droppedUnsaid === 0) {
      this.#droppingSince = this.#clock.now();
      this.emit(
        'warning',
        new TamperError('PENDING_OVERFLOW', `${this.#pending.bytes} bytes wait already; lines are being lost`, {
          hint: 'Stop writing when write() returns false, until "drain"; or raise max_pending_bytes.',
        }),
      );
    }
    const lines = countLines(chunk);
    this.#dropped += lines;
    this.#droppedUnsaid += lines;
  }

  /** Takes what waits, as long as the sink takes it too. */
  #drain(): void {
    const run = this.#run;
    const intake = this.#intake;
    if (run === undefined || intake === undefined) return;
    this.#pending.drain(({ chunk, isObject }) => {
      if (isObject) intake.takeObject(chunk as string);
      else intake.take(chunk);
      return run.log.sink.obstacle === undefined;
    });
    if (!this.#pending.isEmpty) return;
    if (this.#droppedUnsaid > 0) {
      run.stream.gap('overflow', this.#droppedUnsaid, this.#droppingSince);
      this.#droppedUnsaid = 0;
    }
    for (const { resolve } of this.#idleWaiters.splice(0)) resolve();
    if (!this.#heldBack) return;
    this.#heldBack = false;
    this.emit('drain');
  }

  #flushSoon(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    setImmediate(() => {
      this.#flushPlanned = false;
      if (!this.#closed && this.#failure === undefined) this.#writeOut();
    });
  }

  #writeOut(): void {
    const run = this.#run;
    if (run === undefined) return;
    try {
      if (!run.writeOut()) {
        this.#blocked();
        return;
      }
      if (this.config.fsyncOnWrite) run.log.sink.datasyncSync();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#held) this.#unblocked();
    if (run.stream.sinceSeal > 0) this.#armSeal();
  }

  #blocked(): void {
    const obstacle = this.#run?.log.sink.obstacle;
    if (obstacle === undefined) return;
    this.#held = true;
    if (this.#cancelRetry !== undefined) return;
    const longest = obstacle.kind === 'busy' ? BUSY_WAIT : FULL_WAIT;
    this.#cancelRetry = this.#clock.after(Math.min(longest, 2 ** this.#retries++), () => {
      this.#cancelRetry = undefined;
      this.#writeOut();
    });
  }

  #unblocked(): void {
    this.#retries = 0;
    this.#held = false;
    this.#drain();
    this.#flushSoon();
  }

  #armSeal(): void {
    this.#cancelSeal ??= this.#clock.after(this.config.checkpointMaxSeconds * 1000, () => this.#sealOnTime());
  }

  #armHeartbeat(): void {
    this.#cancelSeal?.();
    this.#cancelSeal = undefined;
    this.#cancelHeartbeat?.();
    this.#cancelHeartbeat = this.#clock.after(this.config.heartbeatSeconds * 1000, () => this.#sealOnTime());
  }

  #sealOnTime(): void {
    this.#cancelSeal = undefined;
    const run = this.#run;
    if (run === undefined || this.#closed || this.#failure !== undefined) return;
    if (this.#held) {
      this.#armSeal();
      return;
    }
    run.stream.seal();
    this.#flushSoon();
  }

  #renewLock(): void {
    this.#cancelRenewal = this.#clock.after(LOCK_RENEWAL, () => {
      try {
        this.#site.lock.renew();
        this.#renewLock();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** Resolves when the run has begun and every line taken so far is in the log. */
  async #settled(): Promise<StreamRun> {
    await this.ready;
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#pending.isEmpty) {
      await new Promise<void>((resolve, reject) => this.#idleWaiters.push({ resolve, reject }));
    }
    if (this.#run === undefined) throw new TamperError('SEALER_CLOSED', `the sealer of ${this.origin} is closed`);
    return this.#run;
  }

  async #orFailure(promise: Promise<void>): Promise<void> {
    this.#observed = true;
    let onFailure = (_error: unknown): void => undefined;
    const failed = new Promise<never>((_, reject) => {
      onFailure = reject;
    });
    const waiter = { resolve: (): void => undefined, reject: (error: unknown) => onFailure(error) };
    this.#failureWaiters.add(waiter.reject);
    try {
      await Promise.race([promise, failed]);
    } finally {
      this.#failureWaiters.delete(waiter.reject);
    }
  }

  readonly #failureWaiters = new Set<(error: unknown) => void>();

  async #close(): Promise<void> {
    try {
      const run = await this.#settled();
      run.stream.close('shutdown');
      this.#writeOut();
      const covered = run.whenCovered(run.log.frontier.size).then(() => true);
      const inTime = await Promise.race([covered, this.#limit(SIGNATURE_LIMIT)]);
      if (!inTime) this.emit('warning', unsignedAtClose(this.origin));
    } finally {
      this.#end();
    }
    await this.#parts.release?.();
  }

  #limit(ms: number): Promise<false> {
    return new Promise((resolve) => {
      this.#clock.after(ms, () => resolve(false));
    });
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = asError(error);
    for (const reject of this.#failureWaiters) reject(error);
    for (const { reject } of this.#idleWaiters.splice(0)) reject(error);
    this.#end();
    if (this.listenerCount('error') > 0 || !this.#observed) this.emit('error', this.#failure);
  }

  /** Stops timers, erases keys, gives up the lock and the file. */
  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    this.#forgetExit();
    this.#cancelSeal?.();
    this.#cancelHeartbeat?.();
    this.#cancelRetry?.();
    this.#cancelRenewal?.();
    const run = this.#run;
    run?.checkpointer.stop();
    run?.log.epoch.erase();
    (run?.log.sink ?? this.#site.sink).close();
    this.#site.lock.release();
  }
}

function unsignedAtClose(origin: string): TamperError {
  return new TamperError('TIMEOUT', `no signature came for the end of ${origin}`, {
    hint: 'Nothing is lost: the next start signs it, marked as adopted (spec 6).',
  });
}
