import type { StoredObject } from '../../../storage/object-storage.ts';

/**
 * Whether a page of a listing is one: every key begins with the prefix, and is after the one before it in the order of their
 * bytes. Who reads two listings side by side depends on the order, and a server that answers with another list than the one
 * that was asked for would hide objects.
 *
 * @param after - the last key of the page before; undefined: this is the first
 */
export function isListed(page: readonly StoredObject[], prefix: string, after: string | undefined): boolean {
  let before = after === undefined ? undefined : Buffer.from(after, 'utf8');
  for (const { key } of page) {
    const bytes = Buffer.from(key, 'utf8');
    if (!key.startsWith(prefix) || (before !== undefined && before.compare(bytes) >= 0)) return false;
    before = bytes;
  }
  return true;
}
