interface Closer {
  readonly close: () => void;
  readonly failed: (error: unknown) => void;
  readonly isAwaited: () => boolean;
}

/** How long a process stays for somebody who waits before it asks again, in milliseconds. */
const STAY = 20;
const closers = new Set<Closer>();
let isListening = false;
/** Our listener for the end of the process has run: a listener that is added now is not called any more. */
let isExiting = false;

/** One that fails keeps none of the others back, and changes nothing of how the process ends. */
function closeNow({ close, failed }: Closer): void {
  try {
    close();
  } catch (error) {
    failed(error);
  }
}

function closeAll(): void {
  isExiting = true;
  for (const closer of [...closers]) closeNow(closer);
}

/**
 * No timer of a sealer keeps a process alive, so that one which only logs ends when it is done. Where nothing else does and
 * somebody waits for us, the process would end in the middle of an `await`.
 */
function stay(): void {
  if ([...closers].some(({ isAwaited }) => isAwaited())) setTimeout(() => undefined, STAY);
}

/**
 * Runs `close` when the process ends by itself, by `process.exit` or by an uncaught error; at once where it is just ending.
 * One listener serves all. It stays, so that it is called too where somebody else's listener made it necessary.
 *
 * @param failed - told of what `close` throws: nobody else could be
 * @param isAwaited - whether the process is not to end by itself yet. Default: it may
 * @returns a function that forgets it; undefined where `close` has run
 */
export function onExit(
  close: () => void,
  failed: (error: unknown) => void,
  isAwaited: () => boolean = () => false,
): (() => void) | undefined {
  const closer = { close, failed, isAwaited };
  if (isExiting) {
    closeNow(closer);
    return undefined;
  }
  if (!isListening) process.on('exit', closeAll).on('beforeExit', stay);
  isListening = true;
  closers.add(closer);
  return () => void closers.delete(closer);
}
