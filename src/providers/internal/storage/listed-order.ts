import { TamperError } from '../../../errors.ts';
import type { StoredObject } from '../../../storage/object-storage.ts';

/**
 * Refuses a page of a listing that is none: every key begins with the prefix, and is after the one before it in the order of
 * their bytes. Who reads two listings side by side depends on the order, and a server that answers with another list than the
 * one that was asked for would hide objects.
 *
 * @param what - the call, for the message
 * @param after - the last key of the page before; undefined: this is the first
 * @throws {@link TamperError} `RESPONSE_MALFORMED`
 */
export function assertListed(
  what: string,
  page: readonly StoredObject[],
  prefix: string,
  after: string | undefined,
): void {
  let before = after === undefined ? undefined : Buffer.from(after, 'utf8');
  for (const { key } of page) {
    if (!key.startsWith(prefix)) {
      throw new TamperError('RESPONSE_MALFORMED', `${what}: a key was listed that does not begin with the prefix`);
    }
    const bytes = Buffer.from(key, 'utf8');
    if (before !== undefined && before.compare(bytes) >= 0) {
      throw new TamperError('RESPONSE_MALFORMED', `${what}: keys are not listed in the order of their bytes`, {
        hint: 'Directory buckets (S3 Express One Zone) do not list in order: keep logs in a general purpose bucket.',
      });
    }
    before = bytes;
  }
}
