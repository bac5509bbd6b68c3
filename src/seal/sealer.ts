import { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { type Clock, wallClock } from '../foundation/clock.ts';
import { type Steps, Task, waitFor } from '../foundation/steps.ts';
import type { CheckpointEvent, SealerEvents } from './checkpoint/sealer-events.ts';
import { STDOUT } from './disk/names.ts';
import { withCode } from './disk/refusal.ts';
import { isPassing } from './disk/sink.ts';
import type { Epoch } from './epoch/epoch.ts';
import type { KeySources } from './epoch/key-sources.ts';
import { OutagePolicy } from './epoch/outage.ts';
import type { EarlierLines } from './intake/earlier-lines.ts';
import { checkChunk, checkText } from './intake/line-intake.ts';
import { Pump } from './intake/pump.ts';
import { type Kept, UnsealedLines } from './intake/unsealed-lines.ts';
import { Condition } from './lifecycle/condition.ts';
import { closeRun, closeRunNow, cover, END_LIMIT, EndLimit, unsignedAtEnd } from './lifecycle/ending.ts';
import { Entrance } from './lifecycle/entrance.ts';
import { onExit } from './lifecycle/exit-hook.ts';
import { Failure, sealerClosed, tellKeptOnStderr, tellOnStderr } from './lifecycle/failure.ts';
import { Keeping } from './lifecycle/keeping.ts';
import { Publishing } from './lifecycle/publishing.ts';
import { everyOf, SealTimers } from './lifecycle/seal-timers.ts';
import { SiteOpening } from './resume/site-opening.ts';
import type { StreamSite } from './resume/stream-site.ts';
import { type SealerStats, statsOf } from './sealer-stats.ts';
import { SealerStream } from './sealer-stream.ts';
import { openKeys, prepareStart, type SealerParts } from './starting.ts';
import type { ChainHost } from './stream/continuation.ts';
import { HandOver } from './stream/hand-over.ts';
import { StreamChain } from './stream/stream-chain.ts';
import { type RunHost, StreamRun } from './stream/stream-run.ts';

/*
 * write(line) -> entrance       may a line be taken, and what is done about one that may not
 *             -> intake         it waits: for the key, the disk, a reader, the next turn
 *             -> stream         a record, sealed with its key period; every so often a seal
 *             -> disk           one batch a turn
 *        seal -> checkpoint     the signed note of it, back into the stream; anchors, manifests
 *         key -> epoch          hand-over to the next key period, outages of the key service
 *       start -> resume         where the last run ended: replayed, cut, gone on with
 *         end -> lifecycle      close, signal, exit, failure: sealed, kept for the next start, or counted
 */

/** How long a start waits for lines that are on their way, and leaves those alone that cannot be claimed, in milliseconds. */
const PAUSE = 1_000;

/**
 * Seals log lines into an append-only file. The file is opened and lines are accepted at once; the key arrives later.
 * It can be used wherever something with `write(line)` is expected, such as pino's destination.
 *
 * Events: {@link SealerEvents}. By default nothing that happens to the log is thrown into the application (`on_failure`).
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
  readonly #outages: OutagePolicy;
  readonly #timers: SealTimers;
  readonly #publishing: Publishing;
  readonly #keeping: Keeping;
  readonly #condition: Condition;
  readonly #entrance: Entrance;
  readonly #abort = new AbortController();
  readonly #closeCalled = new AbortController();
  readonly #ready: Promise<void>;
  /** The start; undefined if the constructor failed. */
  #starting: Task<void> | undefined;
  readonly #forgetExit: (() => void) | undefined;
  readonly #chain: StreamChain;
  /** They may hold a last line whose end never comes. */
  readonly #streams = new Set<SealerStream>();
  #sources: KeySources | undefined;
  #handOver: HandOver | undefined;
  #earlier: EarlierLines | undefined;
  #run: StreamRun | undefined;
  /** How long the end may take, from the first call of {@link Sealer.close} on. */
  #limit: EndLimit | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  /** @throws ORIGIN_INVALID, LOCKED, STATE_CONFLICT, STATE_MALFORMED, READ_FAILED, WRITE_FAILED */
  constructor(config: ResolvedConfig, parts: SealerParts) {
    super();
    this.config = config;
    this.#parts = parts;
    this.#clock = parts.clock ?? wallClock;
    this.#condition = new Condition(this.#clock);
    const warn = (error: unknown): void => this.#warn(error);
    this.#publishing = new Publishing(config, {
      checkpoint: (event) => this.#checkpointed(event),
      closed: (event) => this.emit('closedFile', event),
      verify: parts.verifyClosed,
      isNeeded: async (file) =>
        (await import('./intake/killed-process.ts')).isNamedByClaim(this.#keeping.unsealed, file),
      openBucket: parts.openBucket,
      warn,
    });
    this.#pump = new Pump(config, this.#clock, {
      ended: () => this.#closed || this.#failure.error !== undefined,
      rotationDue: () => this.#rotateWhenDue(true),
      drained: () => this.emit('drain'),
      unsealed: () => {
        this.#timers.unsealed();
        this.#condition.unsealed();
      },
      warn,
      fail: (error) => this.#fail(error),
      isEndedSoon: parts.isEndedSoon,
    });
    const chain: ChainHost = {
      isWithinLine: () => this.#pump.longLine.parts > 0,
      begin: (site, epoch) => this.#begin(site, epoch),
      warn,
      config,
    };
    this.#chain = new StreamChain(config.rotateChain, chain, this.#clock, this.#abort.signal);
    this.#outages = new OutagePolicy(config, this.#clock, {
      began: (since, error) => this.#outageBegan(since, error),
      over: () => this.#outageOver(),
      stop: (error) => this.#stopFor(error),
    });
    this.#opening = new SiteOpening({ config, clock: this.#clock, lock: parts.lock, warn });
    const failed = this.#attemptOpening(parts.failsLater === true);
    this.#entrance = new Entrance(config, this.#pump, this.#failure, {
      tee: parts.tee,
      origin: () => this.origin,
      state: () => (this.#closed ? 'closed' : this.#closing === undefined ? 'open' : 'closing'),
      fail: (error) => this.#fail(error),
      late: () => this.#keeping.late(),
    });
    const unsealed = new UnsealedLines(config, this.#opening.names.stream);
    this.#keeping = new Keeping(unsealed, this.#pump, this.#clock, {
      kept: (kept) => {
        if (!this.emit('kept', { origin: this.origin, ...kept })) tellKeptOnStderr(this.origin, kept);
      },
      warn,
    });
    this.#timers = new SealTimers(config, this.#clock, this.#opening.renewal, {
      sealDue: () => this.#sealOnTime(),
      rotationDue: () => this.#rotateWhenDue(false),
      lockDue: () => this.#look(),
    });
    this.#forgetExit = onExit(
      () => this.closeSync(),
      (error) => tellOnStderr(this.origin, error),
      () =>
        !this.#closed &&
        (this.#failure.isAwaited(this.#run !== undefined) || this.#pump.queue.isAwaited(this.listenerCount('drain'))),
    );
    (this as EventEmitter).on('pipe', (source: Readable) => this.#refusePipe(source));
    if (failed === undefined) {
      this.#starting = new Task(this.#start());
      this.#ready = this.#starting.promise.catch((error: unknown) => {
        throw withCode(error);
      });
    } else this.#ready = Promise.reject(failed);
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
    this.#pump.sealGathered(); // what was given is counted
    return statsOf({
      origin: this.origin,
      run: this.#run,
      opening: this.#opening,
      chain: this.#chain,
      queue: this.#pump.queue,
      keeping: this.#keeping,
      condition: this.#condition,
      ended: this.#closed,
    });
  }

  /**
   * Takes one line, or several with an LF after each; the last LF may be missing.
   *
   * @returns true if the lines were accepted: they will be sealed, or counted in a `gap` of this run or the next. False
   * if the producer should wait for `drain`; what it writes meanwhile may be lost, and is counted
   * @throws USAGE for what is neither text nor bytes. With `on_failure: throw` also SEALER_CLOSED after
   * {@link Sealer.close}, and the error that ended the log
   */
  write(chunk: string | Uint8Array): boolean {
    checkChunk(chunk);
    return this.#entrance.take(chunk, false);
  }

  /** As {@link Sealer.write}, for a line that the caller knows to be a single JSON object: it is not parsed again. */
  writeObject(line: string): boolean {
    checkText(line);
    return this.#entrance.take(line, true);
  }

  /**
   * Takes a piece of a line that is too long to be held in one: the next {@link Sealer.write} begins with the rest of it.
   * Throws as that does. A piece ends in no LF, and in no CR either, which could belong to the line's end.
   */
  writePiece(piece: Uint8Array): boolean {
    checkChunk(piece);
    return this.#entrance.take(piece, false, true);
  }

  /**
   * A stream of bytes into this sealer, for `pipeline`, `readable.pipe` and whatever asks for a `Writable`: its chunks may end
   * anywhere, where {@link Sealer.write} takes whole lines. Its `end` closes the sealer.
   */
  toWritable(): SealerStream {
    const stream = new SealerStream(this);
    this.#streams.add(stream);
    stream.once('close', () => {
      this.#streams.delete(stream);
      this.#mayForgetExit();
    });
    return stream;
  }

  /**
   * Resolves when everything written before is durable and covered by a checkpoint.
   *
   * @param done - called then, or with the error, which the promise does not carry in this case; as pino's `logger.flush` asks.
   * The process does not stay alive for it, as it does for the promise alone
   * @throws PENDING_OVERFLOW with the number of lines (`lines`) that were lost before this call and that no earlier call
   * reported; all others are covered then. USAGE for what is no callback. Otherwise, the error that ended the log
   */
  flush(done?: (error?: Error) => void): Promise<void> {
    if (done !== undefined && typeof done !== 'function')
      throw new TamperError('USAGE', 'flush() takes a callback or nothing', { hint: 'await sealer.flush()' });
    const flushed = this.#flush(done === undefined);
    return done === undefined ? flushed : flushed.then(() => done(), done);
  }

  async #flush(isAwaited: boolean): Promise<void> {
    const { queue } = this.#pump;
    const { dropped } = queue;
    const run = await this.#settled(isAwaited);
    await this.#failure.orFailed(cover(run, this.#pump), isAwaited);
    queue.report(dropped);
  }

  /** As {@link Sealer.flush} before it returns, but for the signature. It can do nothing before the key has come. */
  flushSync(): void {
    const run = this.#run;
    this.#throwFailure();
    if (run === undefined || this.#closed) return;
    try {
      this.#pump.flushAll();
      run.sealNow();
    } catch (error) {
      if (!isPassing(error, 'run')) this.#fail(error); // what the disk refuses for now is brought there later
      throw error;
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure.error !== undefined) throw this.#failure.error;
  }

  /** Closes the file and begins the next one. Resolves when that has happened, which may need a key (`rotate_chain`). */
  async rotate(): Promise<void> {
    const run = await this.#settled();
    if (run.log.sink.name === STDOUT) return;
    if (this.config.rotateChain) await this.#failure.orFailed(this.#chainNow(run, false));
    else this.#orThrow(() => this.#pump.rotate(run));
  }

  /** Continues in a new file if something else, such as logrotate, has renamed this one; without it, that happens seconds later. */
  async reopen(): Promise<void> {
    const run = await this.#settled();
    this.#orThrow(() => run.reopen());
    this.#pump.flushSoon();
  }

  /**
   * Seals what is pending, writes `close`, waits up to 3 seconds for its signature, and ends, within `close_timeout_seconds`
   * in all. Lines that still wait for a key or a sink then are kept for the next start, or counted for it: the event `kept`
   * says so. Lines that come while it closes do not hold it up.
   *
   * @throws PENDING_OVERFLOW as {@link Sealer.flush}; WRITE_FAILED if the sink takes no more data, and (with `lines`) if
   * lines could be neither kept nor counted; otherwise, the error that ended the log
   */
  close(): Promise<void> {
    this.#failure.observe();
    this.#limit ??= new EndLimit(this.config.closeTimeoutSeconds);
    if (this.#closing === undefined) {
      this.#takeLastLines();
      if (this.#parts.isEndedSoon === true) this.#pump.spoolNow(); // a slow disk may block the start
    }
    this.#closeCalled.abort();
    this.#closing ??= this.#close(this.#limit);
    return this.#closing;
  }

  /** Ends at once, for the end of the process: all is written and sealed, and signed if the key is local; else the next start signs. */
  closeSync(): void {
    this.#takeLastLines();
    if (this.#closed) {
      this.#keeping.keepLate();
      return;
    }
    this.#closing ??= Promise.resolve();
    this.#publishing.stop();
    try {
      const isWhole = this.#startNow();
      if (isWhole && this.#run !== undefined && this.#failure.error === undefined) closeRunNow(this.#run, this.#pump);
    } finally {
      this.#end();
    }
  }

  /**
   * Lines wait, and the process ends: the start is brought to its end if that takes no time, as with a local key. A key file on a
   * dead mount holds up the thread, which Node.js would wait for at its end in any case.
   *
   * @returns false if it failed: nothing may be written to the run that it had begun
   */
  #startNow(): boolean {
    const isNeeded = this.#keeping.spool.lines > 0 || !this.#pump.idle;
    if (!isNeeded || this.#run !== undefined || this.#failure.error !== undefined) return true;
    const outcome = this.#starting?.finish();
    if (outcome?.status !== 'rejected') return true;
    this.#warn(outcome.reason);
    return false;
  }

  /** @returns what it failed with, where that is not thrown */
  #attemptOpening(failsLater: boolean): TamperError | undefined {
    try {
      this.#opening.attempt();
      return undefined;
    } catch (error) {
      if (!failsLater) throw error;
      return withCode(error);
    }
  }

  /** A stream may hold a line that came after the end, and whose own end the process's end is. */
  #mayForgetExit(): void {
    if (this.#closed && this.#streams.size === 0) this.#forgetExit?.();
  }

  #takeLastLines(): void {
    for (const stream of this.#streams) stream.takeLast();
  }

  *#start(): Steps<void> {
    const found = this.#opening.site ?? (yield* waitFor(() => this.#opening.wait(this.#abort.signal)));
    const { torn, tornFile: file } = found.resumption;
    if (torn !== undefined && file !== undefined)
      queueMicrotask(() => this.emit('torn', { origin: this.origin, file, bytes: torn.bytes })); // whoever made the sealer listens by then
    const { spool, unsealed } = this.#keeping;
    const warn = (error: unknown): void => this.#warn(error);
    this.#pump.spoolTo(spool);
    if (this.#pump.isSlow) yield* this.#pause();
    const { site, epoch, sources, opening, earlier, since } = yield* prepareStart({
      config: this.config,
      site: found,
      stream: this.#opening.names.stream,
      keys: () => openKeys(this.#parts, warn),
      openBucket: this.#parts.openBucket,
      clock: this.#clock,
      signal: this.#abort.signal,
      closing: this.#closeCalled.signal,
      unsealed,
      spool,
      longLine: this.#pump.longLine,
      onOutage: (since, error) => this.#outageBegan(since, error),
      beginInstead: (site, reason) => this.#opening.beginInstead(site, reason),
      warn,
    });
    this.#sources = sources;
    this.#earlier = earlier;
    let run: StreamRun | undefined;
    try {
      yield* this.#claimSpool(earlier, since !== undefined);
      if (this.#closed) return; // somebody who was told that it failed has closed it
      run = this.#begin(site, epoch);
    } finally {
      if (run === undefined) epoch.erase();
    }
    run.begin(opening);
    if (since !== undefined) {
      if (earlier.gapDue('key_service') === undefined) run.stream.gap('key_service', 0, since);
      this.#outageOver();
    }
    this.#pump.putFirst(earlier);
    this.#watchKeys(sources);
    this.#pump.flush();
  }

  *#pause(): Steps<void> {
    yield* waitFor(() => new Promise<void>((resolve) => this.#clock.after(PAUSE, resolve)));
  }

  /**
   * Lines of this run that wait on the disk go into the log before all others: until they can be claimed the run does not begin.
   */
  *#claimSpool(earlier: EarlierLines, wasAway: boolean): Steps<void> {
    const { spool } = this.#keeping;
    const finished: Kept[] = [];
    try {
      for (let isFirst = true; ; isFirst = false) {
        this.#pump.spoolTo(undefined); // in the same turn as the run begins: lines are never in memory alone
        try {
          const spooled = spool.finish();
          if (spooled !== undefined) finished.push(spooled);
          for (let next = finished[0]; next !== undefined; next = finished[0]) {
            earlier.add(next.file, wasAway);
            finished.shift();
          }
          return;
        } catch (error) {
          if (isFirst) this.#warn(error);
          if (!isPassing(error, 'run')) return; // they wait for another start
        }
        this.#pump.spoolTo(spool);
        yield* this.#pause();
      }
    } finally {
      for (const kept of finished) this.#keeping.left(kept);
    }
  }

  /** Renews the lock, and notices where the file has been renamed. */
  #look(): void {
    this.#attempt(() => {
      this.#opening.renew();
      if (this.#run?.reopen() === true) this.#pump.flushSoon();
    });
  }

  /** Makes a run the one that lines go to. */
  #begin(site: StreamSite, epoch: Epoch): StreamRun {
    const { config } = this;
    const run: StreamRun = new StreamRun({
      site,
      epoch,
      every: everyOf(config),
      fsyncOnRotate: config.fsyncOnRotate,
      maxBytes: config.rotateMaxBytes,
      clock: this.#clock,
      outages: this.#outages,
      host: this.#hostOf(() => run),
    });
    this.#run = run;
    this.#pump.attach(run);
    this.#timers.fileBegun();
    return run;
  }

  #hostOf(run: () => StreamRun): RunHost {
    return {
      published: (job, note, full) => {
        this.#pump.flushSoon();
        this.#publishing.published(run(), job, note, full);
      },
      sealed: () => {
        this.#timers.sealed();
        this.#pump.flushSoon();
      },
      rotated: (from, to) => {
        this.#timers.fileBegun();
        this.emit('rotate', { origin: this.origin, from, to });
      },
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
      outages: this.#outages,
      host: {
        run: () => this.#run as StreamRun, // there is one before keys are watched
        handedOver: (from, to) => {
          this.#pump.flushSoon();
          this.emit('handover', { origin: this.origin, from: from.kid, to: to.kid });
        },
        warn: (error) => this.#warn(error),
      },
    });
    this.#handOver.start();
  }

  #checkpointed(event: CheckpointEvent): void {
    if (event.complete) this.#condition.checkpointed(event.size === this.#run?.log.frontier.size);
    this.emit('checkpoint', event);
  }

  /** Keys fail, and sealing goes on without them. */
  #outageBegan(since: number, thrown: unknown): void {
    const error = withCode(thrown);
    this.#condition.outageBegan(since, error);
    if (this.#run?.isOpen === true) this.#run.stream.gap('key_service', 0, since);
    this.#pump.flushSoon();
    this.emit('outage', { since, error });
  }

  #outageOver(): void {
    this.#condition.outageOver();
    this.emit('outageOver');
  }

  /** Ends the log because of its keys: what was taken is sealed first. */
  #stopFor(error: TamperError): void {
    if (this.#failure.error !== undefined || this.#closed) return;
    this.#publishing.stop();
    const run = this.#run;
    if (run !== undefined) this.#orWarn(() => closeRunNow(run, this.#pump));
    this.#fail(error);
  }

  #sealOnTime(): void {
    const run = this.#run;
    if (run === undefined || run.ended || this.#failure.error !== undefined) return;
    if (!run.takesLines) this.#timers.unsealed();
    else this.#attempt(() => run.seal());
  }

  /** @param isFull - by its size, not by its age */
  #rotateWhenDue(isFull: boolean): void {
    const run = this.#run;
    if (run === undefined || run.ended || run.log.sink.name === STDOUT || this.#failure.error !== undefined) return;
    if (isFull && this.#limit?.isGenerous === false) return; // each file more takes a disk its time
    this.#pump.sealGathered();
    this.#timers.fileBegun();
    if ((isFull ? run.stream.fileRecords : run.stream.sinceOpen) === 0) return;
    if (!this.config.rotateChain) this.#attempt(() => this.#pump.rotate(run));
    else this.#chainNow(run, isFull).catch((error: unknown) => this.#warn(error));
  }

  async #chainNow(run: StreamRun, isFull: boolean): Promise<void> {
    if (this.#sources === undefined) return;
    try {
      const rotated = await this.#chain.next(run, this.#sources, isFull);
      if (rotated !== undefined) this.emit('rotate', rotated);
    } catch (error) {
      if (run.ended && this.#run === run) this.#fail(error); // it has its close, and nothing continues it
      throw error;
    } finally {
      this.#pump.flushSoon();
    }
  }

  /** Resolves when the run has begun and every line taken so far is in the log. */
  async #settled(isAwaited = true): Promise<StreamRun> {
    await this.#failure.orFailed(this.#ready, isAwaited);
    await this.#failure.orFailed(this.#pump.whenIdle(), isAwaited);
    if (this.#run === undefined || this.#closed) throw sealerClosed(this.origin);
    return this.#run;
  }

  async #close(limit: EndLimit): Promise<void> {
    const mark = this.#pump.mark();
    try {
      // where the start still waits for the lock or the disk, it could block the thread for longer than that has
      if (this.#parts.isEndedSoon !== true || this.#opening.obstacle === undefined)
        await limit.withinFree(this.#failure.orFailed(this.#ready), END_LIMIT);
      if (this.#run !== undefined && this.#failure.error === undefined && !this.#closed) {
        const inTime = await closeRun({
          run: () => this.#run as StreamRun, // there is one from now on
          retiring: this.#chain.retiring,
          pump: this.#pump,
          mark,
          failure: this.#failure,
          limit,
        });
        if (!inTime) this.#warn(unsignedAtEnd(this.#run));
      }
    } finally {
      if (this.#closed) this.#keeping.keepLate(); // what came after the log had ended: whoever awaits this may exit next
      this.#end(false); // the next writer may remove a manifest, and a manifest of ours is on its way
      if (!(await limit.within(this.#publishing.done()))) this.#publishing.stop();
      this.#orWarn(() => this.#opening.release());
      await limit.within(Promise.resolve(this.#parts.release?.()));
    }
    if (this.#failure.error !== undefined) throw this.#failure.error;
    this.#keeping.check(this.origin);
    this.#pump.queue.report(this.#pump.queue.dropped);
  }

  /** At the end one failure must not keep the rest from being done. */
  #orWarn(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#warn(error);
    }
  }

  #warn(thrown: unknown): void {
    const error = withCode(thrown);
    this.#condition.failed(error);
    this.emit('warning', error);
  }

  /** Does something that the log cannot go on without, for a caller who is to know. */
  #orThrow(action: () => void): void {
    this.#attempt(action);
    this.#throwFailure();
  }

  /** Does something that the log cannot go on without. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(thrown: unknown): void {
    const error = withCode(thrown);
    if (this.#closed || !this.#failure.set(error)) return;
    this.#condition.failed(error);
    this.#end();
    this.#failure.tell(this, this.origin, this.config.onFailure);
  }

  /** Stops timers, erases keys, keeps what could not be sealed, gives up the file and the lock. */
  #end(release = true): void {
    if (this.#closed) return;
    this.#closed = true;
    const closed = sealerClosed(this.origin);
    this.#starting?.stop(this.#failure.error ?? closed);
    this.#failure.giveUp(closed);
    this.#abort.abort();
    this.#mayForgetExit();
    this.#timers.stop();
    this.#handOver?.stop();
    this.#pump.stop();
    this.#outages.stop();
    for (const run of this.#chain.retiring) run.end();
    if (this.#run === undefined) this.#opening.site?.sink.close();
    else this.#run.end();
    this.#earlier?.close();
    this.#orWarn(() =>
      this.#keeping.end(
        this.#run,
        this.#earlier?.lastSeq(this.#run?.log) ?? 0,
        this.#failure.error,
        this.#opening.obstacle,
      ),
    );
    this.#orWarn(() => this.#keeping.letGo(this.#failure.error ?? closed));
    if (release) this.#orWarn(() => this.#opening.release());
  }

  /** Else the end of every chunk would be taken for the end of a line. */
  #refusePipe(source: Readable): never {
    source.unpipe(this as unknown as Writable);
    throw new TamperError('USAGE', 'a sealer takes whole lines, and a stream brings bytes that may end anywhere', {
      hint: 'Pipe into sealer.toWritable(), as in pipeline(readable, sealer.toWritable(), done).',
    });
  }
}
