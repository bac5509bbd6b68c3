interface Closer {
  readonly close: () => void;
  readonly failed: (error: unknown) => void;
}

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
 * Runs `close` when the process ends by itself, by `process.exit` or by an uncaught error. One listener serves all.
 *
 * @param failed - told of what `close` throws: nobody else could be
 * @returns a function that forgets it
 */
export function onExit(close: () => void, failed: (error: unknown) => void): () => void {
  const closer = { close, failed };
  if (closers.size === 0) process.on('exit', closeAll);
  closers.add(closer);
  return () => {
    closers.delete(closer);
    if (closers.size === 0) process.off('exit', closeAll);
  };
}
