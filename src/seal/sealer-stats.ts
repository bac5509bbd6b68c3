import type { IntakeQueue } from './intake/intake-queue.ts';
import type { Keeping } from './lifecycle/keeping.ts';
import type { SiteOpening } from './resume/site-opening.ts';
import type { StreamRun } from './stream/stream-run.ts';

/** How much a sealer has done. */
export interface SealerStats {
  readonly origin: string;
  readonly file: string;
  /** Seq of the last entry. */
  readonly size: number;
  /** Record lines written. */
  readonly records: number;
  /** Lines lost for lack of room. A gap counts them. */
  readonly dropped: number;
  /** Lines in files of the state directory, for the next start to seal. */
  readonly kept: number;
  /** Lines that are lost without being counted on disk, because not even the count could be written. Normally 0. */
  readonly uncounted: number;
  /** The newest size that a complete checkpoint covers. */
  readonly covered: number;
  /** Bytes of memory used by lines that wait for a key or for the sink. */
  readonly pendingBytes: number;
  /**
   * What accepted lines wait for before they are written: the lock of another writer, the first key, a full disk, a slow
   * reader of standard output, or the next turn of the event loop. Undefined if none is waiting.
   */
  readonly waitsFor: 'lock' | 'key' | 'disk' | 'reader' | 'turn' | undefined;
}

/** Puts the numbers together. @param recordsBefore - of streams that ended (`rotate_chain`) */
export function statsOf(
  origin: string,
  run: StreamRun | undefined,
  { names, site, obstacle }: SiteOpening,
  recordsBefore: number,
  queue: IntakeQueue,
  keeping: Keeping,
): SealerStats {
  return {
    origin,
    file: run?.log.sink.name ?? site?.sink.name ?? names.base,
    size: run?.log.frontier.size ?? site?.resumption.size ?? 0,
    records: recordsBefore + (run?.stream.records ?? 0),
    dropped: queue.dropped,
    kept: keeping.lines,
    uncounted: keeping.uncounted,
    covered: run?.covered ?? 0,
    pendingBytes: queue.bytes,
    waitsFor: waitsFor(run, queue, keeping.spool.lines, obstacle),
  };
}

function waitsFor(
  run: StreamRun | undefined,
  queue: IntakeQueue,
  spooled: number,
  opening: SiteOpening['obstacle'],
): SealerStats['waitsFor'] {
  if (run === undefined) return queue.isSettled && spooled === 0 ? undefined : (opening ?? 'key');
  if (queue.isSettled && run.log.waiting === 0) return undefined;
  const { obstacle } = run;
  if (obstacle === undefined) return 'turn';
  return obstacle.kind === 'full' ? 'disk' : 'reader';
}
