import { hash } from 'node:crypto';
import { type AuditRules, auditFamily } from '../check/audit-family.ts';
import { ErasureLogs } from '../check/erasure-logs.ts';
import { StreamOptions } from '../check/stream-options.ts';
import { formatResults } from '../check/stream-result.ts';
import { MemoryIndex } from '../memory/memory-index.ts';
import type { AttemptContext, AttemptResult, QueuedAudit } from '../queue/attempt.ts';
import type { ListedStreams, StreamToAudit } from '../queue/run-file.ts';
import type { StreamJob } from '../queue/stream-job.ts';
import { type AuditRequest, demandsOf, digestOf } from '../run/audit.ts';
import { Discoverer, type Discovery } from '../run/discover.ts';
import { listStreams } from '../run/listing.ts';
import { ALL } from '../run/shard.ts';
import { familyJobOf, placesOf, taskOf } from './family-job.ts';
import { listingRest, type RunListing } from './run-summary.ts';

/** What is audited, and how: the same for who makes the jobs and for who does them. */
export interface AuditJobsRequest extends Omit<AuditRequest, 'shard' | 'now' | 'atOnce'> {
  /** The clock: a worker may run for weeks. */
  readonly now: () => Date;
}

/** Codes of errors that may be gone at the next attempt. */
const PASSING: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'TIMEOUT',
  'THROTTLED',
  'READ_FAILED',
  'ABORTED',
  'LOCKED',
]);

/** A file of which a job names the folder; no content has this version. */
const LISTED = 'listed';

/** An audit of many streams as jobs of a queue, one for each stream with those that its writer began in its place. */
export class AuditJobs implements QueuedAudit {
  readonly #request: AuditJobsRequest;
  readonly #options: StreamOptions;
  readonly #digest: string;
  /** Read anew only where their files have changed, however many jobs ask for them. */
  readonly #erasures: ErasureLogs;

  /** @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID` */
  constructor(request: AuditJobsRequest) {
    this.#request = request;
    this.#options = new StreamOptions(this.#request.options, request.stoppedAfterMs !== undefined);
    this.#digest = digestOf(request, this.#options);
    const { places, memory } = request;
    const listAll = async (): Promise<Discovery['families']> => {
      const index = await MemoryIndex.read(memory, (origin) => this.#options.names(origin));
      return (await new Discoverer(places, this.#options, index, request.signal).look()).families;
    };
    this.#erasures = new ErasureLogs({ options: this.#options, places, memory, listAll });
  }

  /** Lists all places. @throws {@link TamperError} as `audit` */
  async list(): Promise<ListedStreams> {
    const time = this.#request.now().toISOString();
    const { families, jobOf, filesOf, results, ignored } = await listStreams(
      { ...this.#request, now: new Date(time) },
      this.#options,
      ALL,
    );
    const demands = demandsOf(this.#options, this.#request.options);
    const listing: RunListing = { results, demands, ignored, request: this.#digest, time };
    const erasures = placesOf(this.#erasures.families.map((family) => [family, filesOf(family)]));
    const basisOf = (family: string): string => this.basisOf(family);
    function* streams(): Generator<StreamToAudit> {
      for (const family of [...families].sort()) {
        yield { origin: family, basis: basisOf(family), task: taskOf(jobOf(family), erasures) };
      }
    }
    return { streams: streams(), rest: () => listingRest(listing) };
  }

  basisOf(family: string): string {
    const { memory } = this.#request;
    const rests = [this.#digest, memory.name, this.#options.names(family), this.#options.basisOf(family)];
    return hash('sha256', JSON.stringify(rests), 'hex');
  }

  async audit(job: StreamJob, { onProgress }: AttemptContext): Promise<AttemptResult> {
    const isPlaced = (name: string): boolean => this.#request.places.some((place) => place.holds(name));
    const { erasures, ...asked } = familyJobOf(job, isPlaced);
    for (const { family, beside } of erasures) {
      if (!this.#erasures.families.includes(family)) continue;
      this.#erasures.place(
        family,
        beside.map((name) => ({ name, size: 0, version: LISTED })),
      );
    }
    await this.#erasures.readAgain(); // before the stream, as one process does
    const results = await auditFamily(asked, this.#rules(onProgress));
    const passing = results.find(({ result, error }) => result === 'replaced' || PASSING.has(error?.code ?? ''));
    const again = passing && (passing.error?.message ?? passing.findings[0]?.message ?? passing.result);
    return { text: formatResults(results), ...(again !== undefined && { again }) };
  }

  #rules(onProgress: AttemptContext['onProgress']): AuditRules {
    const { places, memory, stoppedAfterMs, retentionMs } = this.#request;
    const now = this.#request.now();
    const mayBeGoneBefore = retentionMs === undefined ? undefined : now.getTime() - retentionMs;
    return {
      options: this.#options,
      places,
      memory,
      now,
      stoppedAfterMs,
      mayBeGoneBefore,
      onProgress,
      erasures: this.#erasures,
    };
  }
}
