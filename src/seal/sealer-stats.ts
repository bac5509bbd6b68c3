import { TamperError } from '../errors.ts';
import { type KeyReference, signersOf } from '../format/key-reference.ts';
import type { IntakeQueue } from './intake/intake-queue.ts';
import type { Condition, LastError } from './lifecycle/condition.ts';
import type { Keeping } from './lifecycle/keeping.ts';
import type { SiteOpening } from './resume/site-opening.ts';
import type { StreamChain } from './stream/stream-chain.ts';
import type { StreamRun } from './stream/stream-run.ts';

/** How much a sealer has done. */
export interface SealerStats {
  readonly origin: string;
  readonly file: string;
  /** Seq of the last entry. */
  readonly size: number;
  /** Record lines written; from the end of the log on without those that the sink has not taken. */
  readonly records: number;
  /** Lines lost for lack of room. A gap counts them. */
  readonly dropped: number;
  /** Lines in files of the state directory, for the next start to seal. */
  readonly kept: number;
  /** Lines that are lost without being counted on disk, because not even the count could be written. Normally 0. */
  readonly uncounted: number;
  /** The newest size that a complete checkpoint covers. */
  readonly covered: number;
  /** Entries that no complete checkpoint covers yet. */
  readonly unsignedEntries: number;
  /** Since when the oldest of them waits, in milliseconds since 1970; undefined if there is none. */
  readonly unsignedSince: number | undefined;
  /** When the newest complete checkpoint was written, in milliseconds since 1970; undefined before the first of this sealer. */
  readonly checkpointedAt: number | undefined;
  /** Since when the key service fails, in milliseconds since 1970; undefined while it works. */
  readonly outageSince: number | undefined;
  /** `gap` entries written. */
  readonly gaps: number;
  /** The `key_id` of the records that are written now, `TAG.EPOCH`; undefined before the first key. */
  readonly keyId: string | undefined;
  /** Identities of the keys in force, versions included: of the data key, then of the signing keys. */
  readonly keys: readonly string[];
  /** The newest error or warning. */
  readonly lastError: LastError | undefined;
  /** Whether the log has ended, by `close()` or by an error: nothing is sealed any more. */
  readonly ended: boolean;
  /** Bytes of memory used by lines that wait for a key or for the sink. */
  readonly pendingBytes: number;
  /**
   * What accepted lines wait for before they are written: the lock of another writer, the first key, a full disk, a slow
   * reader of standard output, or the next turn of the event loop. Undefined if none is waiting.
   */
  readonly waitsFor: 'lock' | 'key' | 'disk' | 'reader' | 'turn' | undefined;
}

/** What the numbers come from. */
export interface StatsSources {
  readonly origin: string;
  readonly run: StreamRun | undefined;
  readonly opening: SiteOpening;
  /** Streams that ended (`rotate_chain`). */
  readonly chain: StreamChain;
  readonly queue: IntakeQueue;
  readonly keeping: Keeping;
  readonly condition: Condition;
  readonly ended: boolean;
}

/** Puts the numbers together. */
export function statsOf({ origin, run, opening, chain, queue, keeping, condition, ended }: StatsSources): SealerStats {
  const { names, site, obstacle } = opening;
  const size = run?.log.frontier.size ?? site?.resumption.size ?? 0;
  const covered = run?.covered ?? 0;
  return {
    origin,
    file: run?.log.sink.name ?? site?.sink.name ?? names.base,
    size,
    records: chain.records + (run?.stream.records ?? 0) - keeping.takenBack,
    dropped: queue.dropped,
    kept: keeping.lines,
    uncounted: keeping.uncounted,
    covered,
    unsignedEntries: run === undefined ? 0 : Math.max(0, size - covered),
    unsignedSince: condition.unsignedSince,
    checkpointedAt: condition.checkpointedAt,
    outageSince: condition.outageSince,
    gaps: chain.gaps + (run?.stream.gaps ?? 0),
    keyId: run?.log.epoch.kid,
    keys: run === undefined ? [] : identitiesOf(run.log.epoch.reference),
    lastError: condition.lastError,
    ended,
    pendingBytes: queue.bytes,
    waitsFor: waitsFor(run, chain, queue, keeping.spool.lines, obstacle),
  };
}

function identitiesOf(reference: KeyReference): string[] {
  const signers = signersOf(reference).map(({ identity }) => identity);
  return reference.records === 'mac' ? [reference.identity, ...signers] : signers;
}

function waitsFor(
  run: StreamRun | undefined,
  chain: StreamChain,
  queue: IntakeQueue,
  spooled: number,
  opening: SiteOpening['obstacle'],
): SealerStats['waitsFor'] {
  if (run === undefined) return queue.isSettled && spooled === 0 ? undefined : (opening ?? 'key');
  if (queue.isSettled && run.log.waiting === 0) return undefined;
  const { obstacle } = run;
  if (chain.waitsForDisk || obstacle?.kind === 'full') return 'disk';
  if (obstacle !== undefined) return 'reader';
  return run.isFull ? 'key' : 'turn';
}

/** How a log is, in a word and in sentences. */
export interface Health {
  /**
   * `ok`: lines are sealed and signed. `degraded`: lines are taken, and something keeps them from being sealed or signed now.
   * `failed`: the log has ended, or lines are lost that nothing on disk counts.
   */
  readonly status: 'ok' | 'degraded' | 'failed';
  /** What is wrong, one sentence each; empty where nothing is. */
  readonly problems: readonly string[];
}

/** When a log counts as unhealthy. */
export interface HealthLimits {
  /** How long entries may wait for a complete checkpoint, in seconds. Default 300. */
  readonly unsignedSeconds?: number;
  /** What counts as now, in milliseconds since 1970. Default: the clock. */
  readonly now?: number;
}

const waits = {
  lock: 'lines wait for another writer to give up the lock of this log',
  key: 'lines wait for the first key',
  disk: 'lines wait for room on the disk',
} as const;

/**
 * Judges the numbers of a sealer, for a health endpoint. A log that is `degraded` still takes lines, so restarting the process
 * helps nothing: report it, and let a liveness probe fail for `failed` alone.
 *
 * @throws {@link TamperError} `USAGE` for anything else than numbers of a sealer
 */
export function healthOf(stats: SealerStats, limits: HealthLimits = {}): Health {
  if (!isStats(stats)) {
    throw new TamperError('USAGE', 'healthOf(stats) needs the numbers of a sealer', {
      hint: 'Pass sealer.stats, or await observe(log).stats()',
    });
  }
  const { unsignedSeconds = 300, now = Date.now() } = limits;
  const { ended, uncounted, lastError, waitsFor, outageSince, unsignedSince } = stats;
  const failed: string[] = [];
  if (ended) failed.push(lastError === undefined ? 'the log has ended' : `the log has ended: ${lastError.message}`);
  if (uncounted > 0) failed.push(`${uncounted} lines are lost, and nothing on disk counts them`);
  const degraded: string[] = [];
  if (waitsFor === 'lock' || waitsFor === 'key' || waitsFor === 'disk') degraded.push(waits[waitsFor]);
  if (outageSince !== undefined) degraded.push(`the key service fails since ${new Date(outageSince).toISOString()}`);
  if (unsignedSince !== undefined && now - unsignedSince > unsignedSeconds * 1000) {
    degraded.push(`entries wait for a signature since ${new Date(unsignedSince).toISOString()}`);
  }
  const status = failed.length > 0 ? 'failed' : degraded.length > 0 ? 'degraded' : 'ok';
  return { status, problems: [...failed, ...degraded] };
}

/** JavaScript gives it what it likes: a sealer, or a promise of its numbers, would look healthy. */
function isStats(given: unknown): given is SealerStats {
  return typeof given === 'object' && given !== null && 'ended' in given && typeof given.ended === 'boolean';
}
