import { aborted } from './deadline.ts';

/**
 * Waits for an answer until the signal fires; what the answer is then does not matter to anyone.
 *
 * @throws {TamperError} `ABORTED` when the signal fires; what `answer` throws
 */
export function untilAborted<T>(what: string, answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(aborted(what, signal));
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
