import { createHmac, timingSafeEqual } from 'node:crypto';
import { TamperError } from '../../errors.ts';
import { digestOfJob, type StreamJob } from './stream-job.ts';

/** Fewer bytes could be guessed. */
const KEY_BYTES = 32;

/**
 * A key that is shared by whoever enqueues, works and collects. Anyone who can write to the Redis and does not have it can make jobs
 * and results vanish, which is seen, but can make up neither.
 */
export class ResultKey {
  readonly #key: Buffer;

  /** `key` stays in use: its bytes are not copied. @throws {@link TamperError} `KEY_MALFORMED`: fewer than 32 bytes */
  constructor(key: Buffer) {
    if (key.length < KEY_BYTES) {
      throw new TamperError('KEY_MALFORMED', `the shared key has fewer than ${KEY_BYTES} bytes`, {
        hint: 'Make one with: fapilog-tamper keygen --out results.key',
      });
    }
    this.#key = key;
  }

  /** A job as it is put into the queue. */
  signJob(job: StreamJob): StreamJob {
    return { ...job, mac: this.#mac(jobText(job)).toString('base64url') };
  }

  /** Whether whoever enqueued it has this key. */
  holdsJob(job: StreamJob): boolean {
    return this.#holds(jobText(job), job.mac);
  }

  /** The MAC of what a worker gives back. */
  mac(result: UnsignedResult): string {
    return this.#mac(resultText(result)).toString('base64url');
  }

  /** Whether a worker that has this key gave it back. */
  holds(result: UnsignedResult & { readonly mac?: string | undefined }): boolean {
    return this.#holds(resultText(result), result.mac);
  }

  #holds(text: string, mac: string | undefined): boolean {
    const given = Buffer.from(mac ?? '', 'base64url');
    const right = this.#mac(text);
    return given.length === right.length && timingSafeEqual(given, right);
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

function jobText(job: StreamJob): string {
  return JSON.stringify(['fapilog-tamper audit job 1', digestOfJob(job)]);
}

function resultText({ job, worker, text }: UnsignedResult): string {
  return JSON.stringify(['fapilog-tamper audit result 1', job, worker, text]);
}

/** What the MAC is of. */
export interface UnsignedResult {
  readonly job: string;
  readonly worker: string;
  readonly text: string;
}
