import { hash } from 'node:crypto';
import * as v from 'valibot';
import { TamperError } from '../../errors.ts';

/** One job of a queue: to audit one stream, with those that its writer began in its place. Nothing in it is secret. */

/** Raised with every change of what a job or its result means: the queue's name carries it, so that versions never mix. */
const QUEUE_FORMAT = 3;

/** The name of the queue that nobody named. */
export const DEFAULT_QUEUE = 'default';

const jobSchema = v.strictObject({
  run: v.pipe(v.string(), v.regex(/^\d{8}T\d{6}Z-[0-9a-f]{16}$/)),
  origin: v.pipe(v.string(), v.nonEmpty()),
  basis: v.pipe(v.string(), v.nonEmpty()),
  task: v.unknown(),
  mac: v.optional(v.string()),
});

/** What a worker is asked to do. */
export interface StreamJob {
  /** The run that it belongs to. */
  readonly run: string;
  /** The stream. */
  readonly origin: string;
  /** The digest of what the verdict rests on besides the log: policy, options, public keys, names of data keys. */
  readonly basis: string;
  /** What the audit itself asks for, such as the files that were listed; JSON. */
  readonly task: unknown;
  /** That of the key that is shared with workers, in a queue; absent without such a key. */
  readonly mac?: string | undefined;
}

const resultSchema = v.strictObject({
  job: v.string(),
  worker: v.string(),
  text: v.string(),
  mac: v.optional(v.string()),
});

/** What a worker gives back. */
export interface StreamJobResult {
  /** {@link digestOfJob} of the job that was done. */
  readonly job: string;
  /** Who did it. */
  readonly worker: string;
  /** The results of the stream, one JSON a line. */
  readonly text: string;
  /** That of the key that workers share; absent where they have none. */
  readonly mac?: string | undefined;
}

/** No result is longer, in characters. */
export const RESULT_LIMIT: number = 4 * 1024 * 1024;

/** The queue's name for BullMQ. @throws {@link TamperError} `USAGE` */
export function queueNameOf(name: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    throw new TamperError('USAGE', '--queue is a name of at most 64 letters, digits, dots, dashes and underscores');
  }
  return `audit-v${QUEUE_FORMAT}-${name}`;
}

/** A name for a new run: when it began, and something that no other run has. */
export function newRunId(now: Date, random: Uint8Array): string {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${time}-${Buffer.from(random).toString('hex')}`;
}

/** The same job of the same run has the same id, so that Redis keeps one of it. */
export function jobIdOf({ run, origin }: Pick<StreamJob, 'run' | 'origin'>): string {
  return `${run}.${hash('sha256', origin, 'hex')}`;
}

/** A digest of all that a job asks for, in hex. */
export function digestOfJob({ run, origin, basis, task }: StreamJob): string {
  return hash('sha256', JSON.stringify([run, origin, basis, task]), 'hex');
}

/** Reads what stands in a queue or in the file of a run. `place` is for the message. @throws {@link TamperError} `FORMAT_INVALID` */
export function parseJob(given: unknown, place: string): StreamJob {
  const parsed = v.safeParse(jobSchema, given);
  if (parsed.success) return parsed.output;
  throw new TamperError('FORMAT_INVALID', `${place} is not a job of an audit`);
}

/** Reads what a worker gave back; undefined where it is nothing that one gives. */
export function parseJobResult(given: unknown): StreamJobResult | undefined {
  const parsed = v.safeParse(resultSchema, given);
  return parsed.success ? parsed.output : undefined;
}
