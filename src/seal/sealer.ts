import { EventEmitter } from 'node:events';
import type { ResolvedConfig } from '../config/index.ts';
import { isTamperError, TamperError } from '../errors.ts';
import { type Clock, systemClock } from '../keys/clock.ts';
import { Anchors } from './anchors.ts';
import { ClosedFiles } from './closed-files.ts';
import type { Epoch } from './epoch.ts';
import { makeEpoch } from './epoch-maker.ts';
import { onExit } from './exit-hook.ts';
import { firstEpoch } from './first-epoch.ts';
import { HandOver } from './hand-over.ts';
import { IntakeQueue } from './intake-queue.ts';
import type { KeySources } from './key-sources.ts';
import { LineIntake } from './line-intake.ts';
import { nextFileName, STDOUT } from './names.ts';
import { checkMode, openingOf } from './opening.ts';
import { Outage } from './outage.ts';
import type { SealJob } from './seal-job.ts';
import { SealTimers } from './seal-timers.ts';
import { asError, type FileClosedEvent, type SealerEvents } from './sealer-events.ts';
import { beginContinuation, pointTo } from './stream-chain.ts';
import { type RunHost, StreamRun } from './stream-run.ts';
import { openSite, type StreamSite } from './stream-site.ts';
import { formatStamp } from './time.ts';
import { UnsealedLines } from './unsealed-lines.ts';
import { waitSynchronously } from './wait-synchronously.ts';

/** Wall time follows the system's clock; timers are the key layer's. */
const wallClock: Clock = { now: () => Date.now(), after: (ms, fire) => systemClock.after(ms, fire) };
/** How long the end waits for a signature, in milliseconds. Without it the next start adopts what is unsigned. */
const SIGNATURE_LIMIT = 3_000;
/** How long the end waits for the first key, and for a sink that takes no more, in milliseconds. */
const END_LIMIT = 3_000;
/** The longest wait before a sink that took no more is tried again, in milliseconds. */
const LONGEST_WAIT = { busy: 20, full: 1_000 } as const;
/** What a record adds to its line, in bytes, at most. */
const SUFFIX = 256;

/** What a {@link Sealer} is made with, besides its configuration. */
export interface SealerParts {
  /** Where keys come from. Called until it works; a failure counts as a failure to start. */
  readonly keys: () => Promise<KeySources> | KeySources;
  readonly clock?: Clock;
  /** Ends what `keys` made. Keys that the caller gave stay open. */
  readonly release?: () => Promise<void>;
  /** Gets each chunk as it came (`tee`). */
  readonly tee?: (chunk: string | Uint8Array) => void;
  /** Checks a closed file (`verify_on_close`). */
  readonly verifyClosed?: (event: FileClosedEvent) => Promise<void>;
}

/** How much a sealer has done. */
export interface SealerStats {
  readonly origin: string;
  readonly file: string;
  /** Seq of the last entry. */
  readonly size: number;
  /** Record lines written. */
  readonly records: number;
  /** Lines lost for want of room. */
  readonly dropped: number;
  /** The newest size that a complete checkpoint covers. */
  readonly covered: number;
  /** Bytes that wait in memory, for a key or for the sink. */
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
  /** The configuration with its defaults. */
  readonly config: ResolvedConfig;
  readonly #clock: Clock;
  readonly #site: StreamSite;
  readonly #parts: SealerParts;
  readonly #queue: IntakeQueue;
  readonly #timers: SealTimers;
  readonly #outage: Outage;
  readonly #anchors: Anchors;
  readonly #files: ClosedFiles;
  readonly #unsealed: UnsealedLines;
  readonly #abort = new AbortController();
  readonly #ready: Promise<void>;
  readonly #forgetExit: () => void;
  readonly #failureWaiters = new Set<(error: unknown) => void>();
  readonly #retiring = new Set<StreamRun>();
  #sources: KeySources | undefined;
  #handOver: HandOver | undefined;
  #run: StreamRun | undefined;
  #intake: LineIntake | undefined;
  /** Whether lines must wait: before the first key, and while the sink takes no more. */
  #held = true;
  #failure: Error | undefined;
  #observed = false;
  #closing: Promise<void> | undefined;
  #closed = false;
  #flushPlanned = false;
  #retries = 0;
  #cancelRetry: (() => void) | undefined;
  #cancelStop: (() => void) | undefined;
  #chaining = false;
  #recordsBefore = 0;

  /** @throws ORIGIN_INVALID, LOCKED, STATE_CONFLICT, STATE_MALFORMED, READ_FAILED, WRITE_FAILED */
  constructor(config: ResolvedConfig, parts: SealerParts) {
    super();
    this.config = config;
    this.#parts = parts;
    this.#clock = parts.clock ?? wallClock;
    this.#outage = new Outage(this.#clock);
    const warn = (error: unknown): void => this.#warn(error);
    this.#anchors = new Anchors(config.anchors, warn);
    this.#files = new ClosedFiles({
      compressRotated: config.compressRotated,
      closed: (event) => this.emit('closedFile', event),
      verify: config.verifyOnClose ? parts.verifyClosed : undefined,
      warn,
    });
    this.#queue = new IntakeQueue(config, this.#clock, { drained: () => this.emit('drain'), warn });
    this.#site = openSite(config, this.#clock.now());
    this.#unsealed = new UnsealedLines(this.#site.root.path);
    this.#timers = new SealTimers(config, this.#clock, {
      sealDue: () => this.#sealOnTime(),
      rotationDue: () => this.#rotateOnTime(),
      lockDue: () => this.#guarded(() => this.#site.lock.renew()),
    });
    this.#forgetExit = onExit(() => this.closeSync());
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
    return this.#run?.stream.origin ?? this.#site.origin;
  }

  get stats(): SealerStats {
    const run = this.#run;
    return {
      origin: this.origin,
      file: run?.log.sink.name ?? this.#site.sink.name,
      size: run?.log.frontier.size ?? this.#site.resumption.size,
      records: this.#recordsBefore + (run?.stream.records ?? 0),
      dropped: this.#queue.dropped,
      covered: run?.covered ?? 0,
      pendingBytes: this.#queue.bytes,
    };
  }

  /**
   * Takes one line, or several with an LF after each; the last LF may be missing.
   *
   * @returns false where the producer should wait for `drain`
   * @throws SEALER_CLOSED after {@link Sealer.close}, or the error that ended the log
   */
  write(chunk: string | Uint8Array): boolean {
    if (this.#mustHold(chunk.length)) return this.#hold(chunk, false);
    return this.#guarded(() => {
      this.#intake?.take(chunk);
      return this.#taken(chunk);
    });
  }

  /** As {@link Sealer.write} for one line of which the caller knows that it is one JSON object: it is not parsed again. */
  writeObject(line: string): boolean {
    if (this.#mustHold(line.length)) return this.#hold(line, true);
    return this.#guarded(() => {
      this.#intake?.takeObject(line);
      return this.#taken(line);
    });
  }

  /** Resolves when everything written before is durable and covered by a checkpoint. */
  async flush(): Promise<void> {
    const run = await this.#settled();
    await this.#orFailure(this.#covered(run));
  }

  /** Writes, seals and makes durable what was taken, before it returns. A signature follows when there is time. */
  flushSync(): void {
    const run = this.#run;
    if (run === undefined || this.#failure !== undefined || this.#closed) return;
    this.#guarded(() => {
      this.#pump();
      run.sealNow();
    });
  }

  /** Closes the file and begins the next one. Resolves when that has happened, which may need a key (`rotate_chain`). */
  async rotate(): Promise<void> {
    const run = await this.#settled();
    if (run.log.sink.name === STDOUT) return;
    if (this.config.rotateChain) await this.#orFailure(this.#beginChained());
    else this.#guarded(() => this.#rotateNow(run));
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
      if (this.#run !== undefined && this.#failure === undefined) this.#endNow(this.#run);
    } finally {
      this.#end();
    }
  }

  async #start(): Promise<void> {
    const { resumption, stateFile, state } = this.#site;
    if (resumption.torn !== undefined && resumption.tornFile !== undefined) {
      const { bytes } = resumption.torn;
      this.emit('torn', { origin: this.origin, file: resumption.tornFile, bytes });
    }
    const number = Math.max(resumption.epoch, state.epoch) + 1;
    stateFile.replaceSync({ ...state, epoch: number });
    const { epoch, sources, since } = await firstEpoch({
      sources: this.#parts.keys,
      origin: this.origin,
      number,
      wait: this.config.onStartFailure === 'wait',
      clock: this.#clock,
      signal: this.#abort.signal,
      onOutage: (began, error) => this.emit('outage', { since: began, error: asError(error) }),
    });
    if (this.#closed) {
      epoch.erase();
      return;
    }
    this.#sources = sources;
    checkMode(resumption, epoch);
    const run = this.#begin({ ...this.#site, state: { ...state, epoch: number } }, epoch);
    run.begin(openingOf(resumption, epoch, state.after));
    if (since !== undefined) {
      run.stream.gap('key_service', 0, since);
      this.emit('outageOver');
    }
    this.#takeUnsealed(run);
    this.#watchKeys(sources);
    this.#held = false;
    this.#pump();
  }

  /** Makes a run the one that lines go to. */
  #begin(site: StreamSite, epoch: Epoch): StreamRun {
    const { config } = this;
    const run: StreamRun = new StreamRun({
      site,
      epoch,
      every: {
        records: config.checkpointMaxRecords,
        seconds: config.checkpointMaxSeconds,
        idleSeconds: config.heartbeatSeconds,
      },
      fsyncOnRotate: config.fsyncOnRotate,
      clock: this.#clock,
      outage: this.#outage,
      host: this.#hostOf(() => run),
    });
    this.#run = run;
    this.#intake = new LineIntake(run.stream, {
      maxLineBytes: config.maxLineBytes,
      wrapIntegrity: config.onIntegrity === 'wrap',
    });
    this.#timers.fileBegun();
    return run;
  }

  #hostOf(run: () => StreamRun): RunHost {
    return {
      published: (job, note, full) => this.#published(run(), job, note, full),
      sealed: () => {
        this.#timers.sealed();
        this.#flushSoon();
      },
      rotated: (from, to) => {
        this.#timers.fileBegun();
        this.emit('rotate', { origin: this.origin, from, to });
      },
      outage: (error, begins) => {
        const refused = isTamperError(error) && !error.retryable;
        if (begins || refused) this.#handOver?.checkNow(); // a key that signs no more may have a successor
        this.#keysFail(error, begins, this.#outage);
      },
      outageOver: () => this.#keysWork(),
      warn: (error) => this.#warn(error),
      fail: (error) => this.#fail(error),
    };
  }

  #watchKeys(sources: KeySources): void {
    const outage = new Outage(this.#clock);
    this.#handOver = new HandOver({
      sources,
      ttlSeconds: this.config.keyCacheTtlSeconds,
      maxEpochSeconds: this.config.maxEpochSeconds,
      clock: this.#clock,
      host: {
        run: () => this.#run as StreamRun,
        wrote: () => this.#flushSoon(),
        handedOver: (from, to) => this.emit('handover', { origin: this.origin, from: from.kid, to: to.kid }),
        outage: (error, begins) => {
          outage.failed();
          this.#keysFail(error, begins, outage);
        },
        outageOver: () => {
          outage.worked();
          this.#keysWork();
        },
        warn: (error) => this.#warn(error),
      },
    });
    this.#handOver.start();
  }

  /** The key service fails: sealing goes on, the log says since when, or it ends (`on_kms_failure`). */
  #keysFail(error: unknown, begins: boolean, outage: Outage): void {
    const since = outage.since ?? this.#clock.now();
    const { onKmsFailure, maxUnsignedSeconds } = this.config;
    if (onKmsFailure === 'stop') return this.#stopFor(error, since);
    if (maxUnsignedSeconds > 0) {
      const left = since + maxUnsignedSeconds * 1000 - this.#clock.now();
      if (left <= 0) return this.#stopFor(error, since);
      this.#cancelStop ??= this.#clock.after(left, () => this.#stopFor(error, since));
    }
    if (!begins) return;
    const run = this.#run;
    if (run !== undefined && !run.rotating && !run.ended) run.stream.gap('key_service', 0, since);
    this.#flushSoon();
    this.emit('outage', { since, error: asError(error) });
  }

  #keysWork(): void {
    this.#cancelStop?.();
    this.#cancelStop = undefined;
    this.emit('outageOver');
  }

  /** Ends the log because of its keys: what was taken is sealed first. */
  #stopFor(cause: unknown, since: number): void {
    if (this.#failure !== undefined || this.#closed) return;
    const error = new TamperError('KEY_SERVICE_STOP', `${this.origin} takes no more lines: its keys fail since ${new Date(since).toISOString()}`, {
      cause,
      hint: 'on_kms_failure: stop or max_unsigned_seconds asks for this. What was taken is sealed; the next start signs it.',
    });
    try {
      if (this.#run !== undefined) this.#endNow(this.#run);
    } finally {
      this.#fail(error);
    }
  }

  #published(run: StreamRun, job: SealJob, note: string, full: boolean): void {
    this.#flushSoon();
    this.emit('checkpoint', { origin: run.stream.origin, size: job.size, note, complete: full });
    if (!full) return;
    if (job.closes !== undefined) this.#files.add(job, note, run.state.after);
    void this.#anchors.publish(note);
  }

  /** Whether a chunk of this length has to wait; a file that it would make too long is closed before. */
  #mustHold(length: number): boolean {
    const limit = this.config.rotateMaxBytes;
    const run = this.#run;
    if (limit > 0 && !this.#held && run !== undefined && run.stream.sinceOpen > 0) {
      if (run.log.offset + length + SUFFIX > limit) this.#guarded(() => this.#rotateOnTime());
    }
    return this.#held || this.#failure !== undefined || this.#closing !== undefined;
  }

  #taken(chunk: string | Uint8Array): boolean {
    this.#parts.tee?.(chunk);
    this.#flushSoon();
    if (this.#run?.obstacle !== undefined) this.#blocked();
    return true;
  }

  #hold(chunk: string | Uint8Array, isObject: boolean): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) {
      throw new TamperError('SEALER_CLOSED', `the sealer of ${this.origin} is closed; the line was not taken`);
    }
    this.#parts.tee?.(chunk);
    return this.#queue.add(chunk, isObject, this.#run?.obstacle?.kind === 'full');
  }

  #flushSoon(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    setImmediate(() => {
      this.#flushPlanned = false;
      if (this.#closed || this.#failure !== undefined) return;
      try {
        this.#pump();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** Moves what waits towards the disk: out of the batch, then out of the queue. */
  #pump(): void {
    const run = this.#run;
    if (run === undefined) return;
    if (!this.#writeOut(run)) return;
    this.#held = false;
    this.#retries = 0;
    const intake = this.#intake;
    if (!this.#queue.isEmpty && intake !== undefined) {
      this.#queue.drain({ run, intake });
      if (!this.#writeOut(run)) return;
    } else if (intake !== undefined) this.#queue.drain({ run, intake });
    if (run.log.waiting > 0) run.writeOut();
    if (run.stream.sinceSeal > 0) this.#timers.unsealed();
  }

  #writeOut(run: StreamRun): boolean {
    const pending = run.log.waiting > 0;
    if (!run.writeOut()) {
      this.#blocked();
      return false;
    }
    if (pending && this.config.fsyncOnWrite) run.log.sink.datasyncSync();
    return true;
  }

  #blocked(): void {
    const obstacle = this.#run?.obstacle;
    if (obstacle === undefined) return;
    this.#held = true;
    if (obstacle.kind === 'full' && this.config.onWriteFailure === 'stop') {
      this.#fail(new TamperError('WRITE_FAILED', `${this.stats.file} takes no more`, { cause: obstacle.cause }));
      return;
    }
    if (this.#cancelRetry !== undefined) return;
    if (obstacle.kind === 'full' && this.#retries === 0) this.#warn(obstacle.cause);
    const wait = Math.min(LONGEST_WAIT[obstacle.kind], 2 ** this.#retries++);
    this.#cancelRetry = this.#clock.after(wait, () => {
      this.#cancelRetry = undefined;
      this.#flushSoon();
    });
  }

  #sealOnTime(): void {
    const run = this.#run;
    if (run === undefined || run.ended || this.#failure !== undefined) return;
    if (this.#held || run.rotating) this.#timers.unsealed();
    else this.#guarded(() => run.stream.seal());
  }

  #rotateOnTime(): void {
    const run = this.#run;
    if (run === undefined || run.ended || run.log.sink.name === STDOUT || this.#failure !== undefined) return;
    this.#timers.fileBegun();
    if (run.stream.sinceOpen === 0) return;
    if (this.config.rotateChain) this.#beginChained().catch((error: unknown) => this.#warn(error));
    else this.#guarded(() => this.#rotateNow(run));
  }

  #rotateNow(run: StreamRun): void {
    run.rotate(nextFileName(run.state.base, formatStamp(this.#clock.now())));
    if (run.obstacle !== undefined) this.#blocked();
    this.#flushSoon();
  }

  /** `rotate_chain`: the next file is a stream of its own, under a key of its own, that cites this one (spec 6). */
  async #beginChained(): Promise<void> {
    const run = this.#run;
    const sources = this.#sources;
    if (run === undefined || sources === undefined || this.#chaining) return;
    this.#chaining = true;
    try {
      const next = beginContinuation(run, this.#site, this.#clock.now());
      const epoch = await makeEpoch(sources, next.origin, next.state.epoch, this.#abort.signal);
      if (this.#closed || this.#held || run.ended) {
        epoch.erase();
        return;
      }
      const job = run.closeNow('continued', next.origin);
      if (job === undefined) throw new TamperError('WRITE_FAILED', `${this.stats.file} cannot be closed now`);
      const site = pointTo(next, run, job, this.#site.root);
      const before = run.log.sink.name;
      this.#retire(run, job);
      this.#begin(site, epoch).begin({ why: 'new', ...(site.state.after && { after: site.state.after }) });
      this.emit('rotate', { origin: next.origin, from: before, to: site.sink.name });
      this.#flushSoon();
    } finally {
      this.#chaining = false;
    }
  }

  /** A stream that has its close keeps its file open until its last checkpoint is there. */
  #retire(run: StreamRun, job: SealJob): void {
    if (job.epoch.signers.length > 0) run.checkpointer.sign(job);
    this.#recordsBefore += run.stream.records;
    this.#retiring.add(run);
    void run.whenCovered(job.size).then(() => {
      this.#retiring.delete(run);
      run.log.epoch.erase();
      run.log.sink.close();
    });
  }

  /** Seals what an earlier process could not seal, because no key had come. */
  #takeUnsealed(run: StreamRun): void {
    const files = this.#unsealed.files();
    if (files.length === 0) return;
    for (const file of files) {
      run.stream.gap('key_service', 0, this.#unsealed.since(file));
      this.#intake?.take(this.#unsealed.read(file));
    }
    run.sealNow();
    for (const file of files) this.#unsealed.forget(file);
  }

  /** Resolves when the run has begun and every line taken so far is in the log. */
  async #settled(): Promise<StreamRun> {
    await this.ready;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#queue.whenEmpty();
    if (this.#run === undefined || this.#closed) {
      throw new TamperError('SEALER_CLOSED', `the sealer of ${this.origin} is closed`);
    }
    return this.#run;
  }

  async #covered(run: StreamRun): Promise<void> {
    if (run.stream.unsealed && !run.rotating && !run.ended) run.stream.seal();
    this.#flushSoon();
    await run.whenCovered(run.log.frontier.size);
  }

  async #orFailure(promise: Promise<void>): Promise<void> {
    this.#observed = true;
    let reject: (error: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, onFailure) => {
      reject = onFailure;
    });
    this.#failureWaiters.add(reject);
    try {
      await Promise.race([promise, failed]);
    } finally {
      this.#failureWaiters.delete(reject);
    }
  }

  async #close(): Promise<void> {
    try {
      await Promise.race([this.#settled(), this.#limit(END_LIMIT)]);
      const run = this.#run;
      if (run !== undefined && this.#failure === undefined && !this.#closed) await this.#closeRun(run);
    } finally {
      this.#end();
      await this.#files.done();
      await this.#parts.release?.();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #closeRun(run: StreamRun): Promise<void> {
    this.#pump();
    for (let waited = 0; (run.rotating || run.log.waiting > 0) && waited < END_LIMIT; waited += LONGEST_WAIT.busy) {
      await this.#limit(LONGEST_WAIT.busy);
      this.#pump();
    }
    if (run.rotating || run.log.waiting > 0) {
      throw new TamperError('WRITE_FAILED', `${run.log.sink.name} takes no more; its last lines could not be written`, {
        cause: run.obstacle?.cause,
      });
    }
    run.close();
    this.#flushSoon();
    const last = [...this.#retiring, run].map((one) => one.whenCovered(one.log.frontier.size));
    const inTime = await Promise.race([this.#orFailure(Promise.all(last).then(() => undefined)).then(() => true), this.#limit(SIGNATURE_LIMIT)]);
    if (inTime) return;
    this.#warn(unsignedAtClose(this.origin));
    run.writeOut();
  }

  /** Everything that can be done without waiting for anybody: write, seal, close. */
  #endNow(run: StreamRun): void {
    for (let waited = 0; waited < END_LIMIT; waited += LONGEST_WAIT.busy) {
      this.#pump();
      if (run.log.waiting === 0 && this.#queue.isEmpty) break;
      waitSynchronously(LONGEST_WAIT.busy);
    }
    run.closeNow('shutdown');
  }

  #limit(ms: number): Promise<false> {
    return new Promise((resolve) => {
      setTimeout(() => resolve(false), ms);
    });
  }

  #warn(error: unknown): void {
    this.emit('warning', asError(error));
  }

  #guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#closed) return;
    this.#failure = asError(error);
    for (const reject of this.#failureWaiters) reject(error);
    this.#queue.fail(error);
    this.#end();
    if (this.listenerCount('error') > 0 || !this.#observed) this.emit('error', this.#failure);
  }

  /** Stops timers, erases keys, keeps what could not be sealed, gives up the file and the lock. */
  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    this.#forgetExit();
    this.#timers.stop();
    this.#handOver?.stop();
    this.#cancelRetry?.();
    this.#cancelStop?.();
    for (const run of this.#run === undefined ? this.#retiring : [...this.#retiring, this.#run]) {
      run.checkpointer.stop();
      run.log.epoch.erase();
      run.log.sink.close();
    }
    if (this.#run === undefined) this.#site.sink.close();
    if (!this.#queue.isEmpty) this.#unsealed.keep(this.#queue.takeAll(), formatStamp(this.#clock.now()));
    this.#site.lock.release();
  }
}

function unsignedAtClose(origin: string): TamperError {
  return new TamperError('TIMEOUT', `no signature came for the end of ${origin}`, {
    hint: 'Nothing is lost: the next start signs it, marked as adopted (spec 6).',
  });
}
