const closers = new Set<() => void>();

function closeAll(): void {
  for (const close of [...closers]) close();
}

/**
 * Runs `close` when the process ends by itself, by `process.exit` or by an uncaught error. One listener serves all.
 *
 * @returns a function that forgets it
 */
export function onExit(close: () => void): () => void {
  if (closers.size === 0) process.on('exit', closeAll);
  closers.add(close);
  return () => {
    closers.delete(close);
    if (closers.size === 0) process.off('exit', closeAll);
  };
}
