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
    waitsFor: waitsFor(run, queue, keeping.spool.lines, obstacle),
  };
}

function identitiesOf(reference: KeyReference): string[] {
  const signers = signersOf(reference).map(({ identity }) => identity);
  return reference.records === 'mac' ? [reference.identity, ...signers] : signers;
}

function waitsFor(
  run: StreamRun | undefined,
  queue: IntakeQueue,
  spooled: number,
  opening: SiteOpening['obstacle'],
): SealerStats['waitsFor'] {
  if (run === undefined) return queue.isSettled && spooled === 0 ? undefined : (opening ?? 'key');
  if (queue.isSettled && run.log.waiting === 0) return undefined;
  if (run.isFull) return 'key';
  const { obstacle } = run;
  if (obstacle === undefined) return 'turn';
  return obstacle.kind === 'full' ? 'disk' : 'reader';
}
