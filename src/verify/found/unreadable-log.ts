import type { PeekedSource } from '../input/peek.ts';
import type { Source } from '../input/sources.ts';

/**
 * What nobody named and what cannot be read: a finding with its name, while everything else is verified.
 *
 * @param why - for people
 * @param error - what its reading throws
 */
export function unreadableLog(source: Omit<Source, 'repeatable' | 'read'>, why: string, error: Error): PeekedSource {
  const read = (): AsyncIterable<Buffer> => ({
    [Symbol.asyncIterator]: () => ({ next: async () => Promise.reject(error) }),
  });
  const message = `this file cannot be read, so its stream is unknown: ${why}`;
  const hidden = { code: 'UNREADABLE', message, unopened: true } as const;
  return {
    source: { ...source, repeatable: true, read },
    peek: { empty: false, tag: undefined, seq: undefined, origin: undefined, hidden },
  };
}
