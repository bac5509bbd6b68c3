import { hash } from 'node:crypto';

/**
 * Streams that are audited together: a stream and those that its writer began in its place (`rotate_chain`, `new_stream`),
 * which cite one another (spec 8, M8.28).
 */

/** What a writer puts behind the name of the stream that it goes on from: `/<UTC time>-<8 hex>`. */
const CONTINUATION = /(?:\/\d{8}T\d{6}Z-[0-9a-f]{8})+$/;

/** The name of the stream that one was begun in place of, the first of them; its own where it was begun by itself. */
export function familyOf(origin: string): string {
  return origin.replace(CONTINUATION, '');
}

/** The names that a stream goes on from, its own first. */
export function namesBefore(origin: string): string[] {
  const names = [origin];
  for (let name = origin; ; ) {
    const shorter = name.replace(/\/\d{8}T\d{6}Z-[0-9a-f]{8}$/, '');
    if (shorter === name) return names;
    names.push(shorter);
    name = shorter;
  }
}

/** The id under which a family is remembered: hex SHA-256 of its name. */
export function familyId(family: string): string {
  return hash('sha256', family, 'hex');
}
