import { Frontier } from '../../core/tree.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import type { OpenEntry } from '../../format/control.ts';
import type { Clock } from '../../foundation/clock.ts';
import { pause } from '../../keys/retry.ts';
import { Checkpointer } from '../checkpoint/checkpointer.ts';
import { macNote, noteAtOnce } from '../checkpoint/note-signing.ts';
import type { SealedStream, SealJob } from '../checkpoint/seal-job.ts';
import { beginFile } from '../disk/begin-file.ts';
import { type NextFile, nextFile, STDOUT } from '../disk/names.ts';
import { isPassing, type Obstacle, type Sink, systemCode } from '../disk/sink.ts';
import type { FileSink } from '../disk/sink-file.ts';
import type { PublishedCheckpoint, StreamState } from '../disk/state-record.ts';
import type { Epoch } from '../epoch/epoch.ts';
import type { OutagePolicy } from '../epoch/outage.ts';
import type { StreamSite } from '../resume/stream-site.ts';
import { EntryLog } from './entry-log.ts';
import { stateAt } from './run-state.ts';
import { type Opening, StreamWriter } from './stream-writer.ts';

/** How long to wait before a state that could not be written is written again, in milliseconds. */
const STATE_WAIT = 1_000;

/** What a run tells its sealer. */
export interface RunHost {
  /** A checkpoint line was appended. */
  published(job: SealJob, note: string, full: boolean): void;
  /** A seal or close was appended. */
  sealed(): void;
  /** The next file has begun. */
  rotated(from: string, to: string): void;
  /** Something that the log goes on without. */
  warn(error: unknown): void;
  /** Something that the log cannot go on without. */
  fail(error: unknown): void;
}

/** What a run is made from. */
export interface RunOptions {
  readonly site: StreamSite;
  readonly epoch: Epoch;
  readonly every: OpenEntry['every'];
  readonly fsyncOnRotate: boolean;
  /** `rotate_max_bytes` */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly outages: OutagePolicy;
  readonly host: RunHost;
}

interface Waiter {
  readonly size: number;
  readonly resolve: () => void;
}

/** A change of file that goes on when the sink takes more. */
interface Rotation {
  readonly job: SealJob;
  /** Whether the close is on disk and in the state. */
  sealed: boolean;
  /** The checkpoint of the close, where nobody else signs it. */
  note: string | undefined;
}

/** Where a run is in its life. Only an open one takes entries; a dead one touches neither its file nor its state. */
type Life =
  | { readonly is: 'open' }
  | { readonly is: 'rotating'; readonly rotation: Rotation }
  | { readonly is: 'ended' }
  | { readonly is: 'dead' };

/** One run of a stream, from its `open` to its `close`: entries, state and checkpoints in the order of spec 4. */
export class StreamRun implements SealedStream {
  readonly stream: StreamWriter;
  readonly log: EntryLog;
  readonly checkpointer: Checkpointer;
  readonly #site: StreamSite;
  readonly #host: RunHost;
  readonly #clock: Clock;
  readonly #fsyncOnRotate: boolean;
  #state: StreamState;
  #covered = 0;
  /** The newest size with a complete checkpoint; what is covered lags behind while a key period before waits for its key. */
  #reached = 0;
  #coverWaiters: Waiter[] = [];
  #writeWaiters: (() => void)[] = [];
  #life: Life = { is: 'open' };
  #obstacle: Obstacle | undefined;
  #isFull = false;
  #neverFull = false;
  /** The next file, until its first lines are handed to the disk. */
  #begun: FileSink | undefined;
  /** The file should have been changed, and its directory could not be read. */
  #isTooLong = false;
  #lastNote: string | undefined;
  /** The close of a file that gets another name next. */
  #leaving: SealJob | undefined;
  /** What is told of it then. */
  readonly #untold: (() => void)[] = [];

  constructor(options: RunOptions) {
    const { site, epoch, clock, outages, host } = options;
    this.#site = site;
    this.#host = host;
    this.#clock = clock;
    this.#fsyncOnRotate = options.fsyncOnRotate;
    this.#state = site.state;
    const { size, frontier, account } = site.resumption;
    this.log = new EntryLog(new Frontier(size, frontier), epoch, site.sink);
    this.checkpointer = new Checkpointer({
      stream: this,
      outages,
      clock,
      warn: (error) => host.warn(error),
      fail: (error) => host.fail(error),
    });
    this.stream = new StreamWriter({
      origin: site.origin,
      every: options.every,
      log: this.log,
      account,
      now: () => clock.now(),
      onDue: (job) => this.#submit(job),
      maxBytes: site.sink.name === STDOUT ? 0 : options.maxBytes,
    });
  }

  get site(): StreamSite {
    return this.#site;
  }

  get state(): StreamState {
    return this.#state;
  }

  /** The newest size that a complete checkpoint on disk covers. */
  get covered(): number {
    return this.#covered;
  }

  /** Why nothing is taken at the moment. */
  get obstacle(): Obstacle | undefined {
    return this.log.sink.obstacle ?? this.#obstacle;
  }

  /** Whether an entry may be written now: no file is being changed, and the stream has not ended. */
  get isOpen(): boolean {
    return this.#life.is === 'open';
  }

  /** Whether the next start will not know of entries that standard output has: nothing can read them there. */
  get isUnsaved(): boolean {
    return this.log.sink.name === STDOUT && this.#site.stateFile.size < this.log.frontier.size;
  }

  /** Whether a line may be taken now: the file is open, and nothing is in the way. Whoever has lines asks this and nothing else. */
  get takesLines(): boolean {
    return this.isOpen && !this.#isFull && this.obstacle === undefined;
  }

  /** Whether lines wait because the file is full and the next one needs a key that is on its way. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The file is full, and a key for the next one is on its way: no line is taken until it has come, or has failed to come. */
  holdLines(): void {
    this.#isFull = !this.#neverFull;
  }

  letLines(): void {
    this.#isFull = false;
  }

  /** The log ends, and nobody waits for the next key any more: this file takes what is left. */
  endWithLines(): void {
    this.#neverFull = true;
    this.#isFull = false;
  }

  /** Whether entries must wait for the next file. */
  get rotating(): boolean {
    return this.#life.is === 'rotating';
  }

  /** Whether the stream has its last entry, or was given up. */
  get ended(): boolean {
    return this.#life.is === 'ended' || this.#life.is === 'dead';
  }

  /** Writes what goes before the run's first entry, and that entry with its seal. */
  begin(opening: Opening): void {
    const { resumption, sink } = this.#site;
    const { pending } = resumption;
    const piped = sink.name === STDOUT;
    // in a file without a line nothing stands before its open (spec 4), nor between it and a torn line of a pipe (M8.22)
    const before = !piped && sink.size > 0;
    if (piped) this.log.appendEmptyLine();
    if (pending !== undefined && before) this.log.appendCheckpoint(pending.note);
    const job = this.stream.begin(opening);
    if (piped && resumption.size === 0) this.#persistNow(job); // M6.3: else a kill would make it begin once more
    this.#submit(job);
    if (pending !== undefined && !before) this.log.appendCheckpoint(pending.note);
  }

  /** Seals what is unsealed; its checkpoint follows. */
  seal(): void {
    this.#submit(this.stream.seal());
  }

  sealAnew(): void {
    if (this.isOpen) this.seal();
  }

  /** From here on another key period is in force (spec 5). */
  handOver(next: Epoch): void {
    this.#submit(this.stream.handOver(next));
  }

  /** Puts a number for a new key period into the state, durably, before a key is minted for it (spec 1). */
  announce(number: number): void {
    this.changeState({ epoch: number });
  }

  /** Changes the state, durably. */
  changeState(change: Partial<StreamState>): void {
    this.#state = { ...this.#state, ...change };
    this.#site.stateFile.replaceSync(this.#state);
  }

  /**
   * Writes what waits, and goes on with a change of file.
   *
   * @returns whether nothing waits any more
   */
  writeOut(): boolean {
    if (this.#life.is === 'dead') return false;
    const written = this.log.writeOut();
    const done = written && (this.#life.is !== 'rotating' || this.#goOnRotating(this.#life.rotation));
    if (done && this.#begun !== undefined) void this.#saveThatWritten(this.#begun);
    for (const resolve of this.#writeWaiters.splice(0)) resolve();
    return done;
  }

  /** Resolves when a complete checkpoint covers `size` and is on disk. */
  whenCovered(size: number): Promise<void> {
    if (this.#covered >= size) return Promise.resolve();
    return new Promise((resolve) => this.#coverWaiters.push({ size, resolve }));
  }

  /**
   * Closes this file and begins the next one, under the same key period (spec 6, next file, M6.3). The closed file gets a
   * name with a stamp; where somebody else has renamed it already it keeps that one.
   */
  rotate(): void {
    const { sink } = this.log;
    if (!this.isOpen || sink.name === STDOUT || !this.writeOut()) return;
    if (!this.#canNameNext()) return;
    const job = this.stream.close('rotated');
    this.#life = { is: 'rotating', rotation: { job, sealed: false, note: undefined } };
    this.#host.sealed();
    this.writeOut();
  }

  /** False where the directory cannot be read for now: the file goes on, and is longer than it should be, as a warning says once. */
  #canNameNext(): boolean {
    try {
      this.#nextFile();
      this.#isTooLong = false;
      return true;
    } catch (error) {
      const coded = cannotChange(this.log.sink.name, error);
      if (!isPassing(error, 'run')) throw coded;
      if (!this.#isTooLong) this.#host.warn(coded);
      this.#isTooLong = true;
      return false;
    }
  }

  /**
   * Asked anew at each attempt: a directory may have gone away and come back, with the file under its old name.
   *
   * @throws also where it cannot be seen whether somebody has replaced the file: the other one is not renamed
   */
  #nextFile(): NextFile {
    const { sink } = this.log;
    const { base, newest } = this.#state;
    return nextFile(base, sink.name, this.#clock.now(), { newest, moved: !sink.inPlace });
  }

  /** Goes on in a new file where somebody else has renamed or replaced this one. @returns whether that was so */
  reopen(): boolean {
    const { sink } = this.log;
    if (!this.isOpen || sink.maybeInPlace) return false;
    const hint = 'logrotate does so. That file gets no manifest, as the writer does not know its name.';
    this.#host.warn(
      new TamperError('FILE_MOVED', `${sink.name} was renamed or replaced; a new file continues the log`, { hint }),
    );
    this.rotate();
    return true;
  }

  /** Seals what is unsealed and brings it to disk with its state, without waiting for anything but the disk. */
  sealNow(): void {
    if (this.ended) return;
    const job = this.stream.unsealed && this.isOpen ? this.stream.seal() : undefined;
    if (job !== undefined) this.#host.sealed();
    let isDurable = false;
    try {
      isDurable = this.#bringToDisk(job);
    } finally {
      if (job !== undefined && isDurable) this.checkpointer.sign(job);
      else if (job !== undefined) this.checkpointer.submit(job); // it is brought there as any other, later
    }
  }

  /** Writes the `close`, brings it to disk with its state, and appends what can be said at once: all of it if the keys are local. */
  closeNow(): void {
    const job = this.#closeAs('shutdown');
    if (job === undefined || !this.#bringToDisk(job)) return;
    const full = this.checkpointer.owesSignature ? undefined : noteAtOnce(job, (error) => this.#host.warn(error));
    const note = full ?? macNote(job);
    if (note === undefined) return;
    if (this.#appendNow(job, note, full !== undefined)) {
      if (this.log.sink.name === STDOUT) this.changeState({}); // spec 6, next file
      if (full !== undefined) this.#coveredTo(job.size);
    }
    this.#host.published(job, note, full !== undefined);
  }

  /** Writes the `close` of a stream that another one continues. @returns undefined if the file is just being changed */
  closeFor(continuedBy: string): SealJob | undefined {
    this.#leaving = this.#closeAs('continued', continuedBy);
    return this.#leaving;
  }

  #closeAs(why: 'shutdown' | 'continued', continuedBy?: string): SealJob | undefined {
    this.reopen();
    if (!this.isOpen) return undefined;
    const job = this.stream.close(why, continuedBy);
    this.#life = { is: 'ended' };
    this.#host.sealed();
    return job;
  }

  /**
   * Brings a `close` to disk with its state, and appends what we can say of it ourselves; that waits for the sink.
   *
   * @returns false where the sink takes no more
   * @throws {@link TamperError} `WRITE_FAILED`
   */
  closePersisted(job: SealJob): boolean {
    if (!this.#bringToDisk(job)) return false;
    this.#appendNow(job, macNote(job), job.epoch.signers.length === 0);
    return true;
  }

  /** @returns whether it is on the disk */
  #appendNow(job: SealJob, note: string | undefined, full: boolean): boolean {
    if (note !== undefined) this.#append(job, note, full);
    if (!this.writeOut()) return false;
    this.log.sink.datasyncSync();
    return true;
  }

  /** Tells of a `close` that is persisted, once its file has the name that it keeps: a manifest lies beside it. */
  closePublished(job: SealJob): void {
    const note = macNote(job);
    if (note !== undefined) this.#host.published(job, note, job.epoch.signers.length === 0);
    this.#leaving = undefined;
    for (const tell of this.#untold.splice(0)) tell();
  }

  /** Ends what waits for a key service, erases the keys, gives up the file. */
  end(): void {
    this.#life = { is: 'dead' }; // what was under way must not touch a file that may be another writer's by now
    this.#site.stateFile.dropPending();
    this.checkpointer.stop();
    this.log.epoch.erase();
    this.log.sink.close();
  }

  /** Writes the `close` of the stream; its checkpoint follows as any other. The file must not be {@link StreamRun.rotating}. */
  close(): void {
    const job = this.stream.close('shutdown');
    this.#life = { is: 'ended' };
    this.#submit(job);
  }

  async persist(job: SealJob): Promise<void> {
    while (!this.#isDead() && job.sink === this.log.sink && this.log.sink.size < job.offset) {
      if (this.log.sink.obstacle === undefined && this.writeOut()) break;
      await new Promise<void>((resolve) => this.#writeWaiters.push(resolve));
    }
    if (this.#isPersisted(job)) return; // a newer one was, synchronously
    const { sink } = this.log;
    await sink.datasync();
    if (this.#isPersisted(job)) return;
    if (job.size > this.#state.size) this.#state = stateAt(job, this.#state);
    await this.#replaceState();
  }

  /** Whether nothing is left to be done: what the disk refused is not there, whatever the state in memory says. */
  #isPersisted(job: SealJob): boolean {
    return this.#isDead() || job.size <= this.#site.stateFile.size;
  }

  publish(job: SealJob, note: string, full: boolean): void {
    if (this.#life.is === 'dead') return;
    this.#append(job, note, full);
    const tell = (): void => this.#host.published(job, note, full);
    if (job === this.#leaving) this.#untold.push(tell);
    else tell();
  }

  #append(job: SealJob, note: string, full: boolean): void {
    const { log } = this;
    const { sink, offset } = log;
    log.appendCheckpoint(note);
    if (full && job.size > (this.#state.checkpoint?.size ?? 0)) {
      const key = job.epoch.reference;
      // where the line cannot be read again, or has no signature to verify, the state keeps the note
      const kept = sink.name === STDOUT || job.epoch.signers.length === 0 ? { note } : {};
      const checkpoint = { size: job.size, root: job.root, file: sink.name, offset, key, ...kept };
      this.#state = { ...this.#state, checkpoint };
      this.#lastNote = note;
    }
    if (job.closes !== undefined) log.writeOut(); // the manifest is about the whole file
    if (full) void this.#cover(job, sink, log.offset);
  }

  released(): void {
    if (this.checkpointer.expectsLate) return;
    this.#covered = this.#reached;
    const waiters = this.#coverWaiters;
    this.#coverWaiters = waiters.filter(({ size }) => size > this.#covered);
    for (const { size, resolve } of waiters) if (size <= this.#covered) resolve();
  }

  #replaceState(): Promise<void> {
    return this.#untilDone(() => this.#site.stateFile.replace(this.#state));
  }

  /** Tries again what fails for now: that must not end the log. One warning says so. */
  async #untilDone(action: () => Promise<void> | void): Promise<void> {
    for (let isFirst = true; !this.#isDead(); isFirst = false) {
      try {
        await action();
        return;
      } catch (error) {
        if (!isPassing(error, 'run')) throw error;
        if (isFirst) this.#host.warn(error);
        await pause(STATE_WAIT, 'waiting for the disk', undefined, this.#clock);
      }
    }
  }

  #submit(job: SealJob): void {
    this.checkpointer.submit(job);
    this.#host.sealed();
  }

  /** As {@link StreamRun.persist}, at once: what the job is about is durable, or is not to go out before its state. */
  #persistNow(job: SealJob): void {
    this.#state = stateAt(job, this.#state);
    this.#site.stateFile.replaceSync(this.#state);
  }

  #bringToDisk(job: SealJob | undefined): boolean {
    if (!this.writeOut()) return false;
    const { sink } = this.log;
    sink.datasyncSync();
    if (job === undefined) return true;
    this.#persistNow(job);
    this.checkpointer.persisted();
    return true;
  }

  /** @returns whether the next file has begun */
  #goOnRotating(rotation: Rotation): boolean {
    const { job } = rotation;
    const old = this.log.sink;
    if (!rotation.sealed) {
      old.datasyncSync();
      if (this.#unlessRefused(() => this.#rotationSealed(rotation)) === undefined) return false;
    }
    if (!this.log.writeOut() || !old.isWhole()) return false;
    if (this.#fsyncOnRotate) old.syncSync();
    else old.datasyncSync();
    const next = this.#unlessRefused(() => this.#nextSink());
    if (next === undefined) return false;
    this.#life = { is: 'open' };
    this.log.turnTo(next);
    old.close();
    const { checkpoint } = this.#state;
    this.stream.continueFile({
      why: 'rotated',
      ...(checkpoint && { checkpoint: { size: checkpoint.size, root: checkpoint.root } }),
    });
    if (rotation.note === undefined) this.checkpointer.sign(job);
    else this.#host.published(job, rotation.note, true);
    this.#host.rotated(old.name, next.name);
    this.#begun = next;
    return !this.rotating && this.log.writeOut();
  }

  /** M6.3: until its first seal the state knows of a file's lines only that there are some. */
  async #saveThatWritten(sink: FileSink): Promise<void> {
    const { begun } = this.#state;
    this.#begun = undefined;
    try {
      await Promise.resolve(); // one write may fill many files: each would stay open until the disk has come to it
      if (this.log.sink !== sink || this.#isDead()) return;
      await sink.datasync();
      if (begun === undefined || this.#state.begun !== begun || this.#isDead()) return; // it knows more by now
      this.#state = { ...this.#state, begun: { ...begun, written: true } };
      await this.#replaceState();
    } catch (error) {
      this.#host.fail(error);
    }
  }

  /** Does what a disk may refuse for a while: until then nothing is taken. @returns undefined if it was refused */
  #unlessRefused<T>(action: () => T): T | undefined {
    try {
      const done = action();
      this.#obstacle = undefined;
      return done;
    } catch (error) {
      const coded = cannotChange(this.log.sink.name, error);
      if (!isPassing(error, 'run')) throw coded;
      this.#obstacle = { kind: 'full', cause: coded };
      return undefined;
    }
  }

  /** The close is on disk. @returns the rotation, which is sealed from here on */
  #rotationSealed(rotation: Rotation): Rotation {
    const { job } = rotation;
    this.#persistNow(job);
    rotation.sealed = true;
    this.checkpointer.persisted();
    rotation.note = job.epoch.signers.length > 0 ? undefined : macNote(job);
    if (rotation.note !== undefined) this.#append(job, rotation.note, true);
    return rotation;
  }

  #nextSink(): FileSink {
    const named = this.#nextFile();
    const { renamed } = named;
    this.#nameNextFile(named);
    if (renamed !== undefined) this.log.sink.rename(renamed);
    const { lock: lease, stateFile } = this.#site;
    const { sink, state } = beginFile({ lease, after: this.log.sink, state: this.#state, stateFile });
    this.#state = state;
    return sink;
  }

  /** M6.3: the state names the next file, and what becomes of this one, before either happens. */
  #nameNextFile({ file, renamed, newest }: NextFile): void {
    const { account: _ofTheOldFile, begun: _neither, checkpoint, ...state } = this.#state;
    const { name, inPlace } = this.log.sink;
    this.#state = {
      ...state,
      file,
      offset: 0,
      ...(renamed !== undefined && { renamed }),
      ...(newest !== undefined && { newest }),
      ...(checkpoint && {
        checkpoint: checkpoint.file === name ? this.#relocated(checkpoint, inPlace, renamed) : checkpoint,
      }),
    };
    this.#site.stateFile.replaceSync(this.#state);
  }

  /** Where the line of a checkpoint can be read once its file has another name. */
  #relocated(checkpoint: PublishedCheckpoint, inPlace: boolean, renamed: string | undefined): PublishedCheckpoint {
    if (renamed !== undefined) return { ...checkpoint, file: renamed };
    if (inPlace || this.#lastNote === undefined) return checkpoint;
    return { ...checkpoint, file: STDOUT, note: this.#lastNote }; // nowhere that we know of
  }

  async #cover(job: SealJob, sink: Sink, end: number): Promise<void> {
    try {
      await Promise.resolve(); // whoever appended the line goes on first
      while (!this.#isDead() && this.log.sink === sink && sink.size < end) {
        if (sink.obstacle === undefined && this.writeOut()) break;
        await new Promise<void>((resolve) => this.#writeWaiters.push(resolve));
      }
      if (this.#isDead()) return;
      if (sink.name === STDOUT) await this.#replaceState(); // spec 6, next file
      if (this.#coverWaiters.length > 0 && this.log.sink === sink) await sink.datasync();
    } catch (error) {
      this.#host.fail(error);
      return;
    }
    this.#coveredTo(job.size);
  }

  #coveredTo(size: number): void {
    this.#reached = Math.max(this.#reached, size);
    this.released();
  }

  /** Asked again after each wait. */
  #isDead(): boolean {
    return this.#life.is === 'dead';
  }
}

/** An error of the disk at a change of file, with a code of ours. */
function cannotChange(file: string, error: unknown): TamperError {
  if (isTamperError(error)) return error;
  return new TamperError('WRITE_FAILED', `the file after ${file} cannot be begun (${systemCode(error)})`, {
    cause: error,
    hint: 'The directory of the log must be readable, writable and not full.',
  });
}
