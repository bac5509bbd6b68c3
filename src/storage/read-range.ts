import { setTimeout as delay } from 'node:timers/promises';
import { isTamperError, TamperError } from '../errors.ts';
import type { ObjectStorage, StoredObject } from './object-storage.ts';

/** So often one range is asked for, the pause before the second time in milliseconds, doubled each time. */
const ATTEMPTS = 5;
const PAUSE_MS = 100;
/** No more after so long: an SDK that got no reply at all has asked several times itself. */
const PATIENCE_MS = 60_000;

/** An object could not be read: what was read of it before stands. */
export class UnreadableObject extends Error {
  readonly failure: TamperError;

  constructor(failure: TamperError) {
    super(failure.message, { cause: failure });
    this.failure = failure;
  }
}

/**
 * Bytes `[from, from + length)` of one version of an object, as far as it has them, asked for again where the service did not
 * answer in full: an SDK repeats a request, but not a reply that broke off.
 *
 * @throws {@link Replaced} where the object has another version or is gone
 * @throws {@link UnreadableObject} where it is not to be had
 */
export async function readRange(
  storage: ObjectStorage,
  object: StoredObject,
  from: number,
  length: number,
): Promise<Buffer> {
  const expected = Math.min(length, object.size - from);
  if (expected <= 0) return Buffer.alloc(0);
  const began = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      const bytes = await storage.read(object, from, expected);
      if (bytes.length === expected) return bytes;
      throw new TamperError(
        'RESPONSE_MALFORMED',
        `${storage.name}/${object.key}: ${bytes.length} bytes came where ${expected} were asked for`,
      );
    } catch (error) {
      if (!(error instanceof TamperError)) throw error;
      const passes = isTamperError(error, 'UNAVAILABLE') || isTamperError(error, 'RESPONSE_MALFORMED');
      if (!passes || attempt === ATTEMPTS || performance.now() - began > PATIENCE_MS) throw new UnreadableObject(error);
      await delay(PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}
