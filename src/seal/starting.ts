import { dirname } from 'node:path';
import type { ResolvedConfig } from '../config/index.ts';
import { selectEngine } from '../engine/selected-engine.ts';
import { isTamperError, TamperError } from '../errors.ts';
import type { Clock } from '../foundation/clock.ts';
import { engineChoice } from '../foundation/engine-choice.ts';
import { LATER, plain, type Steps, waitFor } from '../foundation/steps.ts';
import { pause } from '../keys/retry.ts';
import type { OpenBucket } from './anchor/object-anchor.ts';
import type { FileClosedEvent } from './checkpoint/sealer-events.ts';
import { beginIn } from './disk/begin-file.ts';
import type { LockSettings } from './disk/lock.ts';
import { isPassing } from './disk/sink.ts';
import type { Epoch } from './epoch/epoch.ts';
import { firstEpoch } from './epoch/epoch-maker.ts';
import { type KeySources, providersOf } from './epoch/key-sources.ts';
import { EarlierLines } from './intake/earlier-lines.ts';
import type { LongLine } from './intake/line-intake.ts';
import type { Spool } from './intake/spool.ts';
import type { UnsealedLines } from './intake/unsealed-lines.ts';
import type { StreamSite } from './resume/stream-site.ts';
import { checkMode, openingOf } from './stream/opening.ts';
import type { Opening } from './stream/stream-writer.ts';

/** What a sealer is made with, besides its configuration. */
export interface SealerParts {
  /** Where keys come from. Called until it works; a failure counts as a failure to start. */
  readonly keys: () => Steps<KeySources> | KeySources;
  /** Opens the bucket of an anchor in S3. Called until it works; a failure is a warning. */
  readonly openBucket: OpenBucket;
  readonly clock?: Clock;
  /** How the stream's lock sees time. For tests. */
  readonly lock?: LockSettings;
  /** Whether a failure of the constructor is one of the log (`on_failure`) instead: the caller has lines that are to be kept. */
  readonly failsLater?: boolean;
  /** Whether somebody ends the thread soon after the log is to close: lines that wait are on the disk before anything that may be slow. */
  readonly isEndedSoon?: boolean;
  /** What is wrong with the configuration and nobody was told yet, as sentences: `warning` events. */
  readonly warnings?: readonly string[];
  /** Ends what `keys` made. Keys that the caller gave stay open. */
  readonly release?: () => Promise<void>;
  /** Gets each chunk as it came (`tee`). */
  readonly tee?: (chunk: string | Uint8Array) => void;
  /** Checks a closed file (`verify_on_close`). */
  readonly verifyClosed?: (event: FileClosedEvent) => Promise<void>;
}

/** How long to wait before a disk that refused something is asked again, in milliseconds. */
const DISK_WAIT = 1_000;

/** What a run starts from. */
export interface StartOptions {
  readonly config: ResolvedConfig;
  /** Its state names the number of the first key period. */
  readonly site: StreamSite;
  /** What the stream's files in the state directory are called. */
  readonly stream: string;
  readonly keys: () => Steps<KeySources>;
  /** Opens the bucket of an anchor. */
  readonly openBucket: OpenBucket;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Fires when the log is to be closed. */
  readonly closing: AbortSignal;
  readonly unsealed: UnsealedLines;
  /** Lines of this run that wait for the key. */
  readonly spool: Spool;
  readonly longLine: LongLine;
  readonly onOutage: (since: number, error: unknown) => void;
  /** Begins a new stream in place of one that an anchor contradicts. */
  readonly beginInstead: (site: StreamSite, reason: string) => StreamSite;
  readonly warn: (error: unknown) => void;
}

/** What a run begins with. */
export interface Start {
  readonly site: StreamSite;
  readonly epoch: Epoch;
  readonly sources: KeySources;
  readonly opening: Opening;
  /** Lines that earlier processes could not seal. */
  readonly earlier: EarlierLines;
  /** Since when the key service was away, in milliseconds. */
  readonly since: number | undefined;
}

/** Opens the sources of keys, and passes on what they and the configuration warn of. */
export function* openKeys(
  { keys, warnings = [] }: Pick<SealerParts, 'keys' | 'warnings'>,
  warn: (error: TamperError) => void,
): Steps<KeySources> {
  // whoever made the sealer listens by then; without time the engine in TypeScript does as well, unless another one is demanded
  yield* waitFor<unknown>(selectEngine, () => (engineChoice(process.env) === 'native' ? LATER : undefined));
  for (const text of warnings) warn(new TamperError('KEY_WARNING', text));
  const given = keys();
  const sources = 'next' in given ? yield* given : given;
  for (const provider of providersOf(sources)) provider.onWarning?.(warn);
  return sources;
}

/** Fetches the first key of a run and finds what goes into its first entries. */
export function* prepareStart(options: StartOptions): Steps<Start> {
  const { config, site, clock, signal } = options;
  const { epoch, sources, since } = yield* firstEpoch({
    sources: options.keys,
    origin: site.origin,
    number: site.state.epoch,
    wait: config.onStartFailure === 'wait',
    clock,
    signal,
    onOutage: options.onOutage,
  });
  let started: Start | undefined;
  try {
    yield* checkAnchored(options, epoch);
    started = yield* startWith(options, { epoch, sources, since });
    return started;
  } catch (error) {
    if (!isTamperError(error, 'STATE_CONFLICT') || config.onStateConflict !== 'new_stream') throw error;
    const instead = options.beginInstead(site, error.message);
    return yield* prepareStart({ ...options, site: instead, keys: () => plain(() => sources) });
  } finally {
    if (started === undefined) epoch.erase();
  }
}

/** M6.5. */
function* checkAnchored(options: StartOptions, epoch: Epoch): Steps<void> {
  const { config, site, openBucket, signal, closing, warn } = options;
  if (config.anchors.length === 0) return;
  yield* waitFor(async () => {
    const { checkAnchors } = await import('./resume/check-anchors.ts');
    await checkAnchors({ names: config.anchors, site, epoch, openBucket, signal, closing, warn });
  });
}

function* startWith(
  options: StartOptions,
  { epoch, sources, since }: Pick<Start, 'epoch' | 'sources' | 'since'>,
): Steps<Start> {
  const { config, site, stream, signal, unsealed, spool, longLine, warn } = options;
  const { resumption, state } = site;
  checkMode(resumption.current?.key, epoch);
  const opening = yield* openingOf(resumption, epoch, state.after, warn);
  const { maxLineBytes } = config;
  const begun = yield* beginSite(options);
  try {
    yield* waitFor(
      () => spool.sync(), // they are brought to the disk again when no more are added
      () => undefined,
    );
  } catch (error) {
    warn(error);
  }
  const ownFile = spool.path;
  const logs = dirname(state.base);
  const earlier = yield* EarlierLines.find({ unsealed, logs, stream, maxLineBytes, longLine, ownFile, warn, signal });
  return { site: begun, epoch, sources, opening, earlier, since };
}

/** The site with a state that knows its file. What the disk refuses for now is waited for. */
function* beginSite({ config, site, clock, signal, warn }: StartOptions): Steps<StreamSite> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return { ...site, state: beginIn(site.sink, site.state, site.stateFile) };
    } catch (error) {
      if (config.onWriteFailure === 'stop' || !isPassing(error, 'run')) throw error;
      if (isFirst) warn(error);
    }
    yield* waitFor(() => pause(DISK_WAIT, 'waiting for the disk', signal, clock));
  }
}
