interface Closer {
  readonly close: () => void;
  readonly failed: (error: unknown) => void;
  readonly isAwaited: () => boolean;
}

/** How long a process stays for somebody who waits before it asks again, in milliseconds. */
const STAY = 20;
const closers = new Set<Closer>();

/** One that fails keeps none of the others back, and changes nothing of how the process ends. */
function closeAll(): void {
  for (const { close, failed } of [...closers]) {
    try {
      close();
    } catch (error) {
      failed(error);
    }
  }
}

/**
 * No timer of a sealer keeps a process alive, so that one which only logs ends when it is done. Where nothing else does and
 * somebody waits for us, the process would end in the middle of an `await`.
 */
function stay(): void {
  if ([...closers].some(({ isAwaited }) => isAwaited())) setTimeout(() => undefined, STAY);
}

/**
 * Runs `close` when the process ends by itself, by `process.exit` or by an uncaught error. One listener serves all.
 *
 * @param failed - told of what `close` throws: nobody else could be
 * @param isAwaited - whether the process is not to end by itself yet. Default: it may
 * @returns a function that forgets it
 */
export function onExit(
  close: () => void,
  failed: (error: unknown) => void,
  isAwaited: () => boolean = () => false,
): () => void {
  const closer = { close, failed, isAwaited };
  if (closers.size === 0) process.on('exit', closeAll).on('beforeExit', stay);
  closers.add(closer);
  return () => {
    closers.delete(closer);
    if (closers.size === 0) process.off('exit', closeAll).off('beforeExit', stay);
  };
}
