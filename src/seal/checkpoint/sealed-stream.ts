import type { SealJob } from './seal-job.ts';

/** The stream whose seals are brought to checkpoints. */
export interface SealedStream {
  /** Resolves when the entries of the job are written and durable, and the state says so. */
  persist(job: SealJob): Promise<void>;
  /** Appends a checkpoint line. `full`: with everything that its key period promises. */
  publish(job: SealJob, note: string, full: boolean): void;
  /** The last checkpoint of a key period is without its own key's signature: the next key's covers its entries soon. */
  sealAnew(): void;
  /** No key period that is over waits any more for a key that may yet sign. */
  released(): void;
}
