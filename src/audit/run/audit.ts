import { hash } from 'node:crypto';
import { throwIfAborted } from '../../foundation/deadline.ts';
import { mapBounded } from '../../foundation/pool.ts';
import {
  ATTEMPTS,
  type AuditRules,
  type FamilyJob,
  type FamilyOutcome,
  isSameRecorded,
  restless,
  settle,
  tryFamily,
} from '../check/audit-family.ts';
import { ErasureLogs } from '../check/erasure-logs.ts';
import { isSameLook } from '../check/look-again.ts';
import { type AuditOptions, StreamOptions } from '../check/stream-options.ts';
import type { StreamResult } from '../check/stream-result.ts';
import type { AuditMemory } from '../memory/audit-memory.ts';
import type { LogPlace } from '../place/log-place.ts';
import { settling } from '../place/standing.ts';
import type { AuditJournal } from './audit-journal.ts';
import { type Discoverer, elsewhereOf } from './discover.ts';
import type { Rereading } from './due.ts';
import { listStreams } from './listing.ts';
import type { Shard } from './shard.ts';
import { type AuditSummary, missingResult, type NamedStreams, Tally } from './summary.ts';

/** An audit of many streams: list, find the streams, check of each what is new, remember. */

/** What to audit, and how. */
export interface AuditRequest extends Rereading {
  readonly places: readonly LogPlace[];
  readonly memory: AuditMemory;
  readonly options: AuditOptions;
  readonly shard: Shard;
  readonly now: Date;
  /** A stream of which the newest proven seal is older has stopped, in milliseconds. Default: that is not asked. */
  readonly stoppedAfterMs?: number | undefined;
  /** Files may be gone whose last entry is older, in milliseconds. Default: none may. */
  readonly retentionMs?: number | undefined;
  /** So many streams are verified at once. Default 8. */
  readonly atOnce?: number;
  /** Streams that are being verified are finished, and no other is begun. */
  readonly signal?: AbortSignal | undefined;
  /** Told how many streams are remembered, before any file is read. What it throws ends the audit, and nothing was made or changed. */
  readonly onRemembered?: (streams: number) => void;
  /** Told of what is found; the memory is then one that it advances. */
  readonly journal?: AuditJournal | undefined;
}

/** What is given up at the signal. */
const AUDIT = 'the audit';
/** So many streams are verified at once. */
const AT_ONCE = 8;
/** So many that are not ok wait for the next listing: one listing serves them all. */
const MOST_DOUBTFUL = 256;

/** A family that is to be looked at once more, after the next listing. */
interface Waiting {
  readonly job: FamilyJob;
  readonly attempt: number;
  readonly outcome: Exclude<FamilyOutcome, { readonly is: 'settled' }>;
}

/**
 * Audits. `onResult` gets each stream as soon as it is done, and is waited for.
 *
 * @returns what all of them come to
 * @throws {@link TamperError} where it could not run: `USAGE`, `ORIGIN_INVALID`, `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT`, what a
 *   storage throws; `ABORTED` at the signal
 */
export async function audit(
  request: AuditRequest,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  return new Audit(request, onResult).run();
}

class Audit {
  readonly #request: AuditRequest;
  readonly #options: StreamOptions;
  readonly #rules: AuditRules;
  readonly #tally: Tally;
  readonly #onResult: (result: StreamResult) => Promise<void>;
  readonly #waiting: Waiting[] = [];

  constructor(request: AuditRequest, onResult: (result: StreamResult) => Promise<void>) {
    const { places, memory, options, now, stoppedAfterMs, retentionMs } = request;
    this.#request = request;
    this.#onResult = onResult;
    this.#options = new StreamOptions(options, stoppedAfterMs !== undefined);
    const mayBeGoneBefore = retentionMs === undefined ? undefined : now.getTime() - retentionMs;
    const erasures = new ErasureLogs({ options: this.#options, places, memory });
    this.#rules = { options: this.#options, places, memory, now, stoppedAfterMs, mayBeGoneBefore, erasures };
    this.#tally = new Tally(demandsOf(this.#options, options));
  }

  async run(): Promise<AuditSummary> {
    const { shard, now, signal } = this.#request;
    const listing = await listStreams(this.#request, this.#options, shard);
    const { families, jobOf, results, ignored, discoverer } = listing;
    const { erasures } = this.#rules;
    for (const family of erasures.families) erasures.place(family, listing.filesOf(family));
    await erasures.readAgain();
    await this.#inParallel(families, async (family) => {
      await this.#audit(jobOf(family), 1);
      if (this.#waiting.length >= MOST_DOUBTFUL) await this.#lookAgain(discoverer);
    });
    while (this.#waiting.length > 0) {
      throwIfAborted(AUDIT, signal);
      await this.#lookAgain(discoverer);
    }
    throwIfAborted(AUDIT, signal);
    await this.#sayAll(results);
    if (shard.count === 1) await this.#sayTooFew();
    await this.#sayAll(this.#request.journal?.results() ?? []);
    return this.#tally.summary({
      ignored,
      request: digestOf(this.#request, this.#options),
      shard,
      time: now.toISOString(),
    });
  }

  async #audit(job: FamilyJob, attempt: number): Promise<void> {
    await this.#take(job, attempt, await tryFamily(job, this.#rules));
  }

  async #take(job: FamilyJob, attempt: number, outcome: FamilyOutcome): Promise<void> {
    if (outcome.is === 'settled') for (const result of outcome.results) await this.#say(result);
    else if (attempt >= ATTEMPTS && outcome.is === 'outdated') await this.#sayAll(restless(job, outcome));
    else this.#waiting.push({ job, attempt, outcome });
  }

  /** One listing for all that wait: what it shows unchanged stands, all else is done again. */
  async #lookAgain(discoverer: Discoverer): Promise<void> {
    const waiting = this.#waiting.splice(0);
    await settling(waiting.flatMap(({ job }) => job.files));
    const discovery = await discoverer.look();
    const { erasures } = this.#rules;
    for (const family of erasures.families) erasures.place(family, discovery.families.get(family) ?? []);
    const recorded = await erasures.readAgain();
    await this.#inParallel(waiting, async ({ job, attempt, outcome }) => {
      const files = discovery.families.get(job.family) ?? [];
      const elsewhere = elsewhereOf(discovery, job.family);
      const same = isSameLook(job, { files, elsewhere });
      if (outcome.is === 'doubtful' && same && isSameRecorded(outcome.pending, recorded)) {
        await this.#take(job, attempt + 1, await settle(outcome.pending, this.#rules));
      } else if (attempt >= ATTEMPTS) await this.#sayAll(restless(job, outcome));
      else {
        const manifests = discovery.manifests.get(job.family);
        await this.#audit({ ...job, files, memoryVersion: versionOf(outcome), elsewhere, manifests }, attempt + 1);
      }
    });
  }

  async #inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
    const { atOnce = AT_ONCE, signal } = this.#request;
    await mapBounded(items, atOnce, async (item) => (signal?.aborted ? undefined : act(item)));
  }

  async #sayAll(results: readonly StreamResult[]): Promise<void> {
    for (const result of results) await this.#say(result);
  }

  async #say(found: StreamResult): Promise<void> {
    const { journal } = this.#request;
    const result = journal === undefined ? found : journal.result(found);
    if (result === undefined) return;
    this.#tally.add(result);
    await this.#onResult(result);
  }

  /** Of names with `*` only all parts together know. */
  async #sayTooFew(): Promise<void> {
    for (const named of this.#tally.names) {
      if (named.streams < named.min) await this.#say(missingResult(named));
    }
  }
}

/** A digest of what was asked, secrets aside. */
export function digestOf(
  { places, memory, options, stoppedAfterMs, retentionMs }: Omit<AuditRequest, 'shard' | 'now'>,
  { patterns }: StreamOptions,
): string {
  const asked = {
    places: places.map(({ name }) => name),
    memory: memory.name,
    patterns,
    policy: options.policy,
    keys: (options.publicKeys ?? []).map((key) => (typeof key === 'string' ? key : key.vkey)),
    others: { ...pick(options), stoppedAfterMs, retentionMs },
  };
  return hash('sha256', JSON.stringify(asked), 'hex');
}

function pick({ strict, live, acceptSuccessors, witnesses, cosignatures, held, restsOn }: AuditOptions): object {
  return { strict, live, acceptSuccessors, witnesses, cosignatures, held, restsOn };
}

function versionOf(outcome: Waiting['outcome']): string | undefined {
  return outcome.is === 'doubtful' ? outcome.pending.stored?.version : outcome.memoryVersion;
}

/** The names that several streams answer to. */
export function demandsOf({ patterns }: StreamOptions, { policy }: AuditOptions): Omit<NamedStreams, 'streams'>[] {
  const mins = new Map(policy?.streams.map(({ origin, min }) => [origin, min]));
  return patterns
    .map((name) => ({ name, min: mins.get(name) ?? 1 }))
    .filter(({ name, min }) => name.endsWith('*') || min > 1);
}
