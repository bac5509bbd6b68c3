import { TamperError } from '../errors.ts';
import type { SealerStats } from './sealer-stats.ts';

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
