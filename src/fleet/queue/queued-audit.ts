import type { StreamJob } from './stream-job.ts';

/** What a queue needs of the audit: how one stream is audited. Enqueueing, working and collecting know no more of it. */

/** What one attempt is given besides its job. */
export interface AttemptContext {
  /** Bytes read of so many, as often as one likes. */
  readonly onProgress: (read: number, total: number) => void;
}

/** What came of one attempt. */
export interface AttemptResult {
  /** The results, one JSON a line, each with its line end. */
  readonly text: string;
  /** Why another attempt may come to more, as a service that did not answer; absent where it would come to the same. */
  readonly again?: string;
}

/** The audit as a worker sees it. */
export interface QueuedAudit {
  /** The digest that a job for this stream must have: see {@link StreamJob.basis}. */
  basisOf(origin: string): string;
  /**
   * Audits one stream. It may be called for a job that was done before, and by two workers at once: what is remembered is
   * written on a condition, and a run's results are the same the second time.
   *
   * @throws {@link TamperError} whatever prevents it; the job is tried again
   */
  audit(job: StreamJob, context: AttemptContext): Promise<AttemptResult>;
}
