import { createHmac, timingSafeEqual } from 'node:crypto';
import { TamperError } from '../../errors.ts';

/** Fewer bytes could be guessed. */
const KEY_BYTES = 32;

/**
 * A key that workers share with who collects their results. Whoever can write to the Redis, and has not this key, can make results
 * vanish, which is seen, but can make none up.
 */
export class ResultKey {
  readonly #key: Buffer;

  /** `key` stays in use: its bytes are not copied. @throws {@link TamperError} `KEY_MALFORMED`: fewer than 32 bytes */
  constructor(key: Buffer) {
    if (key.length < KEY_BYTES) {
      throw new TamperError('KEY_MALFORMED', `the key of results has fewer than ${KEY_BYTES} bytes`, {
        hint: 'Make one with: fapilog-tamper keygen --out results.key',
      });
    }
    this.#key = key;
  }

  /** The MAC of what a worker gives back. */
  mac(result: UnsignedResult): string {
    return this.#bytesOf(result).toString('base64url');
  }

  /** Whether a worker that has this key gave it back. */
  holds(result: UnsignedResult & { readonly mac?: string | undefined }): boolean {
    const given = Buffer.from(result.mac ?? '', 'base64url');
    const right = this.#bytesOf(result);
    return given.length === right.length && timingSafeEqual(given, right);
  }

  #bytesOf({ job, worker, text }: UnsignedResult): Buffer {
    const said = JSON.stringify(['fapilog-tamper audit result 1', job, worker, text]);
    return createHmac('sha256', this.#key).update(said).digest();
  }
}

/** What the MAC is of. */
export interface UnsignedResult {
  readonly job: string;
  readonly worker: string;
  readonly text: string;
}
