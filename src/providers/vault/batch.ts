import { isTamperError } from '../../errors.ts';
import { replyOf } from './reply-error.ts';

/**
 * How many items go into one request. OpenBao takes 1,000 strings in a request, names of members included, and an item to
 * sign has two; other limits of servers are larger.
 */
export const signChunk = 400;

/**
 * Sends items in chunks, one after another, and puts the results together in order. A chunk that the server finds too
 * large (400 "high complexity", 413) is halved and sent again.
 */
export async function inChunks<T, R>(
  items: readonly T[],
  size: number,
  send: (chunk: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results: R[] = [];
  let most = size;
  for (let at = 0; at < items.length; ) {
    const chunk = items.slice(at, at + most);
    try {
      results.push(...(await send(chunk)));
      at += chunk.length;
    } catch (error) {
      if (!isTooLarge(error) || chunk.length === 1) throw error;
      most = Math.ceil(chunk.length / 2);
    }
  }
  return results;
}

function isTooLarge(error: unknown): boolean {
  const reply = replyOf(error);
  return isTamperError(error, 'USAGE') && (reply?.status === 400 || reply?.status === 413);
}
