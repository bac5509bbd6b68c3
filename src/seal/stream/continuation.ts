import { unlinkSync } from 'node:fs';
import type { ResolvedConfig } from '../../config/index.ts';
import { type Clock, formatStamp } from '../../foundation/clock.ts';
import { pause } from '../../keys/retry.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import { beginFile } from '../disk/begin-file.ts';
import { continuingOrigin, filesOf, type NextFile, nextFile } from '../disk/names.ts';
import { isPassing } from '../disk/sink.ts';
import { StateFile } from '../disk/state.ts';
import type { StreamState } from '../disk/state-record.ts';
import type { Epoch } from '../epoch/epoch.ts';
import { makeEpoch } from '../epoch/epoch-maker.ts';
import type { KeySources } from '../epoch/key-sources.ts';
import { Outage } from '../epoch/outage.ts';
import { freshStart } from '../resume/recovery.ts';
import { leadTo, type StreamSite } from '../resume/stream-site.ts';
import type { StreamRun } from './stream-run.ts';

/** How long to wait before a disk that refused something is asked again, in milliseconds. */
const DISK_WAIT = 1_000;
/** How long the next stream waits for the signature of the one before, in milliseconds. No line is taken meanwhile. */
const SIGNATURE_WAIT = 1_000;

/** What a `StreamChain` needs of its sealer. */
export interface ChainHost {
  /** Whether a part of a long line is in the log: the parts of one line stay in one stream. */
  isWithinLine(): boolean;
  /** Makes a run of the continuing stream the one that lines go to. */
  begin(site: StreamSite, epoch: Epoch): StreamRun;
  /** Something that the log goes on without. */
  warn(error: unknown): void;
  readonly config: ResolvedConfig;
}

/** What one change of stream needs. */
interface Change extends ChainHost {
  /** The run before takes no more lines. */
  retire(close: SealJob): void;
  /** A disk refuses something for now. @throws the error, where that ends the log */
  refused(error: unknown): void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** All changes of stream of a log, and what is in the way of the next one. */
export class Succession {
  readonly #host: ChainHost;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #outage: Outage;
  #waitsForDisk = false;
  #rests = false;

  constructor(host: ChainHost, clock: Clock, signal: AbortSignal) {
    this.#host = host;
    this.#clock = clock;
    this.#signal = signal;
    this.#outage = new Outage(clock);
  }

  /** Whether the next stream cannot begin because a disk refuses something for now. */
  get waitsForDisk(): boolean {
    return this.#waitsForDisk;
  }

  /** Whether an attempt has just failed: a full file would ask for the next key before each line, and goes on for a while. */
  get rests(): boolean {
    return this.#rests;
  }

  /** As `StreamChain.next`. */
  async next(run: StreamRun, sources: KeySources, retire: Change['retire']): Promise<Continued | undefined> {
    try {
      const continued = await goOnInNextStream(run, sources, {
        ...this.#host,
        retire,
        refused: (error) => this.#refused(error),
        clock: this.#clock,
        signal: this.#signal,
      });
      this.#outage.worked();
      return continued;
    } catch (error) {
      this.#rest(error);
      throw error;
    } finally {
      this.#waitsForDisk = false;
    }
  }

  #rest(error: unknown): void {
    this.#outage.failed();
    this.#rests = true;
    this.#clock.after(this.#outage.wait(error), () => {
      this.#rests = false;
    });
  }

  /** The disk is asked again every second: one warning says so. */
  #refused(error: unknown): void {
    if (this.#host.config.onWriteFailure === 'stop') throw error;
    if (!this.#waitsForDisk) this.#host.warn(error);
    this.#waitsForDisk = true;
  }
}

/** Where lines went before and go now. */
interface Continued {
  readonly from: string;
  readonly to: string;
  readonly origin: string;
}

async function goOnInNextStream(run: StreamRun, sources: KeySources, host: Change): Promise<Continued | undefined> {
  const { clock, signal } = host;
  let epoch: Epoch | undefined;
  const next = announce(run, clock.now());
  let isCited = false;
  try {
    epoch = await makeEpoch(sources, next.origin, next.state.epoch, signal);
    if (signal.aborted || run.obstacle !== undefined || host.isWithinLine()) return undefined;
    isCited = true; // whatever fails from here on, the close may be there
    const close = run.closeFor(next.origin);
    isCited = close !== undefined;
    if (close === undefined) return undefined;
    const { sink } = run.log; // not before: where somebody had renamed the file, the close is in another one
    let isPersisted = false;
    await untilDone(host, () => {
      isPersisted ||= run.closePersisted(close);
      if (!isPersisted || !run.writeOut()) return false;
      sink.datasyncSync();
      return true;
    });
    await signatureOf(close, run, host);
    const site = await untilDone(host, () => pointTo(next, run, close, clock.now()));
    run.closePublished(close);
    host.retire(close);
    const { after } = site.state;
    host.begin(site, epoch).begin({ why: 'new', ...(after && { after }) });
    epoch = undefined; // it is the run's
    return { from: sink.name, to: site.sink.name, origin: next.origin };
  } finally {
    epoch?.erase();
    if (!isCited) withdraw(next, run, host);
  }
}

/** Nothing leads to it: while a key service is away, each attempt would leave a state behind. */
function withdraw({ stateFile: { path } }: Continuation, { site: { lock } }: StreamRun, host: Change): void {
  try {
    lock.assertHeld();
    unlinkSync(path);
  } catch (error) {
    if (!host.signal.aborted) host.warn(error); // else another writer may have the log by now
  }
}

/** Does what a disk may refuse for a while. */
async function untilDone<T>(host: Change, action: () => T | false): Promise<T> {
  for (;;) {
    try {
      const done = action();
      if (done !== false) return done;
    } catch (error) {
      if (!isPassing(error, 'run')) throw error;
      host.refused(error);
    }
    await pause(DISK_WAIT, 'waiting for the disk', host.signal, host.clock);
  }
}

/**
 * Waits a moment for the signature of a close: until the next stream cites it, a process that ends leaves the old stream to go
 * on, and nothing unsigned for good.
 */
async function signatureOf(close: SealJob, run: StreamRun, { clock, signal }: Change): Promise<void> {
  if (close.epoch.signers.length === 0) return;
  run.checkpointer.sign(close);
  const covered = run.whenCovered(close.size);
  do {
    const waited = new AbortController();
    const either = AbortSignal.any([waited.signal, signal]);
    await Promise.race([covered, pause(SIGNATURE_WAIT, 'waiting for a signature', either, clock)]);
    waited.abort();
  } while (run.covered < close.size && (run.obstacle !== undefined || run.log.waiting > 0)); // then it is the disk that it waits for
  if (run.covered >= close.size && run.writeOut()) run.log.sink.datasyncSync(); // before a state says that it has ended
}

/** A stream that is about to continue another one. */
interface Continuation {
  readonly origin: string;
  readonly stateFile: StateFile;
  readonly state: StreamState;
}

/** Names the continuing stream, and announces its first key period in a state of its own, durably (spec 1). */
function announce(run: StreamRun, now: number): Continuation {
  const stamp = formatStamp(now);
  const { configured, stateDir, lock } = run.site;
  const origin = continuingOrigin(configured, stamp);
  const stateFile = new StateFile(filesOf(stateDir, origin).state, lock, run.state.base);
  const { base } = run.state;
  const state: StreamState = { origin, size: 0, frontier: [], ...nextNames(run, now), offset: 0, base, epoch: 1 };
  stateFile.replaceSync(state);
  return { origin, stateFile, state };
}

function nextNames({ state: { base, newest }, log: { sink } }: StreamRun, now: number): NextFile {
  return nextFile(base, sink.name, now, { newest, moved: !sink.inPlace });
}

/** Leads from the ended stream, and from the configured one, to the continuing one; opens its file. */
function pointTo(next: Continuation, run: StreamRun, close: SealJob, now: number): StreamSite {
  const { configured, root, lock, stateDir } = run.site;
  const { origin, stateFile } = next;
  const { renamed: _asAnnounced, ...announced } = next.state;
  const named: StreamState = {
    ...announced,
    ...nextNames(run, now), // somebody may have renamed the file since
    after: { origin: run.stream.origin, size: close.size, root: close.root },
  };
  stateFile.replaceSync(named);
  const continuedBy = { origin, reason: 'rotate_chain', why: 'new' } as const;
  run.changeState({ continuedBy, ...(named.renamed !== undefined && { file: named.renamed }) });
  if (run.site.stateFile.path !== root.path) leadTo(root, continuedBy);
  if (named.renamed !== undefined) run.log.sink.rename(named.renamed);
  const { sink, state } = beginFile({ lease: lock, after: run.log.sink, state: named, stateFile });
  return { origin, configured, root, stateDir, lock, stateFile, state, resumption: freshStart(state.file), sink };
}
