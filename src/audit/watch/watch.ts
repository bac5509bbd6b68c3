import { setMaxListeners } from 'node:events';
import { isTamperError } from '../../errors.ts';
import { pause } from '../../keys/retry.ts';
import type { StreamResult } from '../check/stream-result.ts';
import { type AuditRun, ResultCounts } from '../run/audit-metrics.ts';
import type { AuditSummary } from '../run/summary.ts';
import type { ListenAddress } from './listen-address.ts';
import type { Notifier } from './notifier.ts';
import { serveStatus } from './status-server.ts';
import { WatchStatus } from './watch-status.ts';

/** An audit that looks again and again. */

/** Takes the results of one round. */
export interface RoundOutputs {
  readonly result: (result: StreamResult) => Promise<void>;
  readonly summary: (summary: AuditSummary, run: AuditRun) => Promise<unknown>;
}

/** What a watch needs. */
export interface WatchOptions {
  /** Audits once. @throws {@link TamperError} where it could not; `ABORTED` at the signal */
  readonly round: (
    onResult: (result: StreamResult) => Promise<void>,
    signal: AbortSignal,
  ) => Promise<{ readonly summary: AuditSummary; readonly run: AuditRun }>;
  /** The pause between two rounds, in milliseconds. */
  readonly intervalMs: number;
  readonly listen: ListenAddress;
  /** Sends findings to a webhook. Default: nobody is notified. */
  readonly notifier?: Notifier | undefined;
  /** Ends it: streams that are being verified are finished, and no other is begun. */
  readonly stopped: Promise<void>;
  /** Outputs for one more round. */
  readonly outputs: () => RoundOutputs;
  /** How many lines of these streams wait to be sealed on this host. Default: that is not asked. */
  readonly keptLines?: ((streams: Iterable<string>) => Promise<number>) | undefined;
  /** Whether an error of a round ends it all: waiting will not help. `round` counts from 1. */
  readonly isFatal: (error: unknown, round: number) => boolean;
  readonly onListening: (url: string) => void;
  /** Told of a round or a message that failed. */
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Watches until it is stopped.
 *
 * @throws {@link TamperError} `UNAVAILABLE` where nobody can listen there; what `isFatal` is true of
 */
export async function watch(options: WatchOptions): Promise<void> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // one listener for each stream that is verified is no leak
  const status = new WatchStatus(options.notifier);
  const server = await serveStatus(options.listen, status);
  options.onListening(server.url);
  void options.stopped.then(() => stop.abort());
  try {
    await rounds(options, status, stop.signal);
  } finally {
    await server.close();
  }
}

async function rounds(options: WatchOptions, status: WatchStatus, signal: AbortSignal): Promise<void> {
  const { notifier, onTrouble, intervalMs } = options;
  for (let number = 1; !signal.aborted; number++) {
    try {
      await oneRound(options, status, signal);
    } catch (error) {
      if (!isStop(error, signal)) {
        if (options.isFatal(error, number)) throw error;
        status.roundFailed(error);
        onTrouble(error);
      }
    }
    await notifier?.deliver(signal, onTrouble);
    await pauseUntil(intervalMs, signal);
  }
}

async function oneRound(
  { round, notifier, outputs, keptLines }: WatchOptions,
  status: WatchStatus,
  signal: AbortSignal,
): Promise<void> {
  const own = outputs();
  const counts = new ResultCounts();
  const streams = new Set<string>();
  notifier?.beginRound();
  const done = await round(async (result) => {
    counts.add(result);
    streams.add(result.stream);
    notifier?.take(result, new Date());
    await own.result(result);
  }, signal);
  notifier?.endRound();
  const run = { ...done.run, keptLines: await keptLines?.(streams) };
  const { summary } = done;
  await own.summary(summary, run);
  status.roundDone(summary, counts, run);
}

/** A storage may have given something up by itself. */
function isStop(error: unknown, { aborted }: AbortSignal): boolean {
  return aborted && isTamperError(error, 'ABORTED');
}

async function pauseUntil(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await pause(ms, 'the next round', signal);
  } catch (error) {
    if (!isTamperError(error, 'ABORTED')) throw error;
  }
}
