import { EventEmitter } from 'node:events';
import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import type { Clock } from '../keys/clock.ts';
import { Anchors } from './anchors.ts';
import { ClosedFiles } from './closed-files.ts';
import { closeRun, closeRunNow, END_LIMIT, unsignedAtEnd, within } from './ending.ts';
import type { Epoch } from './epoch.ts';
import { onExit } from './exit-hook.ts';
import { Failure, sealerClosed } from './failure.ts';
import { firstEpoch } from './first-epoch.ts';
import { HandOver } from './hand-over.ts';
import { type KeySources, providersOf } from './key-sources.ts';
import { STDOUT } from './names.ts';
import { checkMode, openingOf } from './opening.ts';
import { OutagePolicy } from './outage-policy.ts';
import { Pump } from './pump.ts';
import type { SealJob } from './seal-job.ts';
import { SealTimers } from './seal-timers.ts';
import { asError, type SealerEvents, type SealerStats } from './sealer-events.ts';
import type { SealerParts } from './sealer-parts.ts';
import { SiteOpening } from './site-opening.ts';
import { StreamChain } from './stream-chain.ts';
import { type RunHost, StreamRun } from './stream-run.ts';
import type { StreamSite } from './stream-site.ts';
import { formatStamp, wallClock } from './time.ts';
import { UnsealedLines } from './unsealed-lines.ts';

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
  readonly #opening: SiteOpening;
  readonly #parts: SealerParts;
  readonly #pump: Pump;
  readonly #failure: Failure = new Failure();
  readonly #policy: OutagePolicy;
  readonly #timers: SealTimers;
  readonly #anchors: Anchors;
  readonly #files: ClosedFiles;
  readonly #unsealed: UnsealedLines;
  readonly #abort = new AbortController();
  readonly #ready: Promise<void>;
  readonly #forgetExit: () => void;
  readonly #chain: StreamChain;
  #sources: KeySources | undefined;
  #handOver: HandOver | undefined;
  #run: StreamRun | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  /** @throws ORIGIN_INVALID, LOCKED, STATE_CONFLICT, STATE_MALFORMED, READ_FAILED, WRITE_FAILED */
  constructor(config: ResolvedConfig, parts: SealerParts) {
    super();
    this.config = config;
    this.#parts = parts;
    this.#clock = parts.clock ?? wallClock;
    const warn = (error: unknown): void => this.#warn(error);
    this.#anchors = new Anchors(config.anchors, warn);
    this.#files = new ClosedFiles({
      compressRotated: config.compressRotated,
      closed: (event) => this.emit('closedFile', event),
      verify: config.verifyOnClose ? parts.verifyClosed : undefined,
      warn,
    });
    this.#pump = new Pump(config, this.#clock, {
      ended: () => this.#closed || this.#failure.error !== undefined,
      drained: () => this.emit('drain'),
      unsealed: () => this.#timers.unsealed(),
      warn,
      fail: (error) => this.#fail(error),
    });
    const chain = { held: () => this.#pump.held, begin: (site: StreamSite, epoch: Epoch) => this.#begin(site, epoch) };
    this.#chain = new StreamChain(chain, this.#clock, this.#abort.signal);
    this.#policy = new OutagePolicy(config, this.#clock, {
      goOn: (since, error) => this.#goOnWithoutKeys(since, error),
      stop: (error) => this.#stopFor(error),
      over: () => this.emit('outageOver'),
    });
    this.#opening = new SiteOpening({ config, clock: this.#clock, lock: parts.lock, warn });
    this.#opening.attempt();
    this.#unsealed = new UnsealedLines(this.#opening.statePath);
    this.#timers = new SealTimers(config, this.#clock, this.#opening.renewal, {
      sealDue: () => this.#sealOnTime(),
      rotationDue: () => this.#rotateOnTime(),
      lockDue: () => this.#look(),
    });
    this.#forgetExit = onExit(() => this.closeSync());
    this.#ready = this.#start();
    this.#ready.catch((error: unknown) => this.#fail(error));
  }

  /** Resolves when the key has arrived and the run has begun. */
  get ready(): Promise<void> {
    this.#failure.observe();
    return this.#ready;
  }

  /** The stream's name. */
  get origin(): string {
    return this.#run?.stream.origin ?? this.#opening.site?.origin ?? this.#opening.names.origin;
  }

  get stats(): SealerStats {
    const run = this.#run;
    return {
      origin: this.origin,
      file: run?.log.sink.name ?? this.#opening.site?.sink.name ?? this.#opening.names.base,
      size: run?.log.frontier.size ?? this.#opening.site?.resumption.size ?? 0,
      records: this.#chain.records + (run?.stream.records ?? 0),
      dropped: this.#pump.queue.dropped,
      covered: run?.covered ?? 0,
      pendingBytes: this.#pump.queue.bytes,
    };
  }

  /**
   * Takes one line, or several with an LF after each; the last LF may be missing.
   *
   * @returns false where the producer should wait for `drain`
   * @throws SEALER_CLOSED after {@link Sealer.close}, or the error that ended the log
   */
  write(chunk: string | Uint8Array): boolean {
    return this.#take(chunk, false);
  }

  /** As {@link Sealer.write} for one line of which the caller knows that it is one JSON object: it is not parsed again. */
  writeObject(line: string): boolean {
    return this.#take(line, true);
  }

  /** Resolves when everything written before is durable and covered by a checkpoint. */
  async flush(): Promise<void> {
    const run = await this.#settled();
    await this.#failure.orFailed(this.#covered(run));
  }

  /** Writes, seals and makes durable what was taken, before it returns. A signature follows when there is time. */
  flushSync(): void {
    const run = this.#run;
    if (run === undefined || this.#failure.error !== undefined || this.#closed) return;
    this.#guarded(() => {
      this.#pump.flush();
      run.sealNow();
    });
  }

  /** Closes the file and begins the next one. Resolves when that has happened, which may need a key (`rotate_chain`). */
  async rotate(): Promise<void> {
    const run = await this.#settled();
    if (run.log.sink.name === STDOUT) return;
    if (this.config.rotateChain) await this.#failure.orFailed(this.#chainNow(run));
    else this.#guarded(() => this.#rotateNow(run));
  }

  /**
   * Goes on in a new file where somebody else, such as logrotate, has renamed or replaced this one; that is noticed by
   * itself within seconds. Nothing happens where the file has its name.
   */
  async reopen(): Promise<void> {
    const run = await this.#settled();
    this.#guarded(() => run.reopen());
    this.#pump.flushSoon();
  }

  /** Seals what is pending, writes `close`, waits up to 3 seconds for its signature, and ends. */
  close(): Promise<void> {
    this.#failure.observe();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends at once, for the end of the process: all is written and sealed; a signature comes at the next start. */
  closeSync(): void {
    if (this.#closed) return;
    this.#closing ??= Promise.resolve();
    this.#files.stop();
    try {
      if (this.#run !== undefined && this.#failure.error === undefined) closeRunNow(this.#run, this.#pump);
    } finally {
      this.#end();
    }
  }

  async #start(): Promise<void> {
    const site = this.#opening.site ?? (await this.#opening.wait(this.#abort.signal));
    const { resumption, state } = site;
    if (resumption.torn !== undefined && resumption.tornFile !== undefined) {
      const { bytes } = resumption.torn;
      this.emit('torn', { origin: this.origin, file: resumption.tornFile, bytes });
    }
    const { epoch, sources, since } = await firstEpoch({
      sources: () => this.#keys(),
      origin: this.origin,
      number: state.epoch,
      wait: this.config.onStartFailure === 'wait',
      clock: this.#clock,
      signal: this.#abort.signal,
      onOutage: (began, error) => this.emit('outage', { since: began, error: asError(error) }),
    });
    if (this.#isClosed()) return epoch.erase();
    this.#sources = sources;
    checkMode(resumption, epoch);
    const opening = await openingOf(resumption, epoch, state.after, (error) => this.#warn(error));
    if (this.#isClosed()) return epoch.erase();
    const run = this.#begin(site, epoch);
    run.begin(opening);
    if (since !== undefined) {
      run.stream.gap('key_service', 0, since);
      this.emit('outageOver');
    }
    this.#unsealed.sealInto(run, (bytes) => this.#pump.take(bytes, false));
    this.#watchKeys(sources);
    this.#pump.flush();
  }

  /** Renews the lock, and notices where the file has been renamed. */
  #look(): void {
    try {
      this.#opening.renew();
      if (this.#run?.reopen() === true) this.#pump.flushSoon();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #keys(): Promise<KeySources> {
    for (const text of this.#parts.warnings ?? []) this.#warn(new TamperError('KEY_WARNING', text));
    const sources = await this.#parts.keys();
    for (const provider of providersOf(sources)) provider.onWarning?.((warning) => this.#warn(warning));
    return sources;
  }

  /** Asked again after each wait. */
  #isClosed(): boolean {
    return this.#closed;
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
      maxBytes: config.rotateMaxBytes,
      clock: this.#clock,
      host: this.#hostOf(() => run),
    });
    this.#run = run;
    this.#pump.attach(run);
    this.#timers.fileBegun();
    return run;
  }

  #hostOf(run: () => StreamRun): RunHost {
    return {
      published: (job, note, full) => this.#published(run(), job, note, full),
      sealed: () => {
        this.#timers.sealed();
        this.#pump.flushSoon();
      },
      full: () => this.#rotateOnTime(),
      rotated: (from, to) => {
        this.#timers.fileBegun();
        this.emit('rotate', { origin: this.origin, from, to });
      },
      outage: (failing) => {
        this.#handOver?.signingFails(failing);
        this.#policy.failed(failing);
      },
      outageOver: (who) => this.#policy.worked(who),
      warn: (error) => this.#warn(error),
      fail: (error) => this.#fail(error),
    };
  }

  #watchKeys(sources: KeySources): void {
    this.#handOver = new HandOver({
      sources,
      ttlSeconds: this.config.keyCacheTtlSeconds,
      maxEpochSeconds: this.config.maxEpochSeconds,
      clock: this.#clock,
      host: {
        run: () => this.#run as StreamRun, // there is one before keys are watched
        wrote: () => this.#pump.flushSoon(),
        handedOver: (from, to) => this.emit('handover', { origin: this.origin, from: from.kid, to: to.kid }),
        outage: (failing) => this.#policy.failed(failing),
        outageOver: (who) => this.#policy.worked(who),
        warn: (error) => this.#warn(error),
      },
    });
    this.#handOver.start();
  }

  #goOnWithoutKeys(since: number, error: unknown): void {
    const run = this.#run;
    if (run !== undefined && !run.rotating && !run.ended) run.stream.gap('key_service', 0, since);
    this.#pump.flushSoon();
    this.emit('outage', { since, error: asError(error) });
  }

  /** Ends the log because of its keys: what was taken is sealed first. */
  #stopFor(error: TamperError): void {
    if (this.#failure.error !== undefined || this.#closed) return;
    this.#files.stop();
    try {
      if (this.#run !== undefined) closeRunNow(this.#run, this.#pump);
    } finally {
      this.#fail(error);
    }
  }

  #published(run: StreamRun, job: SealJob, note: string, full: boolean): void {
    this.#pump.flushSoon();
    this.emit('checkpoint', { origin: run.stream.origin, size: job.size, note, complete: full });
    if (!full) return;
    if (job.closes !== undefined) this.#files.add(job, note, run.state.after);
    void this.#anchors.publish(note);
  }

  #take(chunk: string | Uint8Array, isObject: boolean): boolean {
    if (this.#failure.error !== undefined) throw this.#failure.error;
    if (this.#closing !== undefined) throw sealerClosed(this.origin, '; the line was not taken');
    this.#parts.tee?.(chunk);
    if (this.#pump.held) return this.#pump.hold(chunk, isObject);
    try {
      this.#pump.take(chunk, isObject);
      return true;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #sealOnTime(): void {
    const run = this.#run;
    if (run === undefined || run.ended || this.#failure.error !== undefined) return;
    if (this.#pump.held || run.rotating) this.#timers.unsealed();
    else this.#guarded(() => run.stream.seal());
  }

  #rotateOnTime(): void {
    const run = this.#run;
    if (run === undefined || run.ended || run.log.sink.name === STDOUT || this.#failure.error !== undefined) return;
    this.#timers.fileBegun();
    if (run.stream.sinceOpen === 0) return;
    if (this.config.rotateChain) this.#chainNow(run).catch((error: unknown) => this.#warn(error));
    else this.#guarded(() => this.#rotateNow(run));
  }

  #rotateNow(run: StreamRun): void {
    run.rotate();
    if (run.obstacle !== undefined) this.#pump.blocked();
    this.#pump.flushSoon();
  }

  async #chainNow(run: StreamRun): Promise<void> {
    if (this.#sources === undefined) return;
    const rotated = await this.#chain.next(run, this.#sources);
    this.#pump.flushSoon();
    if (rotated !== undefined) this.emit('rotate', rotated);
  }

  /** Resolves when the run has begun and every line taken so far is in the log. */
  async #settled(): Promise<StreamRun> {
    await this.ready;
    if (this.#failure.error !== undefined) throw this.#failure.error;
    await this.#pump.queue.whenEmpty();
    if (this.#run === undefined || this.#closed) throw sealerClosed(this.origin);
    return this.#run;
  }

  async #covered(run: StreamRun): Promise<void> {
    if (run.stream.unsealed && !run.rotating && !run.ended) run.stream.seal();
    this.#pump.flushSoon();
    run.checkpointer.retryNow();
    await run.whenCovered(run.log.frontier.size);
  }

  async #close(): Promise<void> {
    try {
      await within(this.#settled(), END_LIMIT);
      const run = this.#run;
      if (run !== undefined && this.#failure.error === undefined && !this.#closed) {
        const inTime = await closeRun(run, this.#chain.retiring, this.#pump, this.#failure);
        if (!inTime) this.#warn(unsignedAtEnd(this.origin));
      }
    } finally {
      this.#end(false); // the next writer may remove a manifest, and a manifest of ours is on its way
      await this.#files.done();
      this.#orWarn(() => this.#opening.release());
      await this.#parts.release?.();
    }
    if (this.#failure.error !== undefined) throw this.#failure.error;
  }

  /** Lines that can no longer go into the log are kept for the next start. */
  #keepUnsealed(): void {
    const lines = [
      ...(this.#run?.log.unwritten() ?? []),
      ...(this.#run?.stream.late ?? []),
      ...this.#pump.queue.takeAll(),
    ];
    if (lines.length > 0) this.#unsealed.keep(lines, formatStamp(this.#clock.now()));
  }

  /** At the end one failure must not keep the rest from being done. */
  #orWarn(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#warn(error);
    }
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
    if (this.#closed || !this.#failure.set(asError(error))) return;
    this.#pump.queue.fail(error);
    this.#end();
    if (this.listenerCount('error') > 0 || !this.#failure.isObserved) this.emit('error', asError(error));
  }

  /** Stops timers, erases keys, keeps what could not be sealed, gives up the file and the lock. */
  #end(release = true): void {
    if (this.#closed) return;
    this.#closed = true;
    const closed = sealerClosed(this.origin);
    this.#failure.giveUp(closed);
    this.#pump.queue.fail(closed);
    this.#abort.abort();
    this.#forgetExit();
    this.#timers.stop();
    this.#handOver?.stop();
    this.#pump.stop();
    this.#policy.stop();
    for (const run of this.#chain.retiring) run.end();
    if (this.#run === undefined) this.#opening.site?.sink.close();
    else this.#run.end();
    this.#orWarn(() => this.#keepUnsealed());
    if (release) this.#orWarn(() => this.#opening.release());
  }
}
