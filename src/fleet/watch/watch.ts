import { setMaxListeners } from 'node:events';
import { isTamperError } from '../../errors.ts';
import { pause } from '../../keys/retry.ts';
import type { StreamResult } from '../check/stream-result.ts';
import { type AuditRun, ResultCounts } from '../metrics/audit-metrics.ts';
import type { AuditSummary } from '../run/summary.ts';
import { Deliveries, type DeliveriesOptions } from './deliveries.ts';
import type { ListenAddress } from './listen-address.ts';
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
  /** Who is told of findings. Default: nobody. */
  readonly webhook?: Pick<DeliveriesOptions, 'outbox' | 'webhook' | 'patience'> | undefined;
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
  const deliveries = options.webhook && new Deliveries({ ...options.webhook, onTrouble: options.onTrouble });
  const status = new WatchStatus(deliveries);
  const server = await serveStatus(options.listen, {
    metrics: () => status.metrics(),
    health: () => status.health(),
  });
  options.onListening(server.url);
  void options.stopped.then(() => stop.abort());
  const parts = [rounds(options, status, deliveries, stop.signal)];
  if (deliveries !== undefined) parts.push(deliveries.run(stop.signal));
  const ended = parts.map(async (part) => {
    try {
      await part;
    } finally {
      stop.abort(); // one does not go on without the other
    }
  });
  try {
    const failed = (await Promise.allSettled(ended)).find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } finally {
    await server.close();
  }
}

async function rounds(
  options: WatchOptions,
  status: WatchStatus,
  deliveries: Deliveries | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (let number = 1; !signal.aborted; number++) {
    try {
      await oneRound(options, status, deliveries, signal);
    } catch (error) {
      if (isStop(error, signal)) return;
      if (options.isFatal(error, number)) throw error;
      status.roundFailed(error);
      options.onTrouble(error);
    }
    await pauseUntil(options.intervalMs, signal);
  }
}

async function oneRound(
  { round, webhook, outputs, keptLines }: WatchOptions,
  status: WatchStatus,
  deliveries: Deliveries | undefined,
  signal: AbortSignal,
): Promise<void> {
  const own = outputs();
  const counts = new ResultCounts();
  const streams = new Set<string>();
  webhook?.outbox.beginRound();
  const done = await round(async (result) => {
    counts.add(result);
    streams.add(result.stream);
    if (webhook?.outbox.take(result, new Date())) deliveries?.wake();
    await own.result(result);
  }, signal);
  webhook?.outbox.endRound();
  deliveries?.wake();
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
