import { constants } from 'node:os';
import { isTamperError } from '../errors.ts';
import type { Sealer } from './sealer.ts';

/** The signals that end a process, as a service manager, a container runtime or a terminal sends them. */
const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** A shell's exit code for a process that a signal ended is this and the signal's number. */
const SIGNAL_EXIT = 128;

/** The listeners that are ours: they do not say that the application decides when the process ends. */
const own = new Set<NodeJS.SignalsListener>();
/** Sealers that are being closed for a signal: the last one lets it end the process. */
let closing = 0;

/**
 * Closes a sealer when a signal is about to end the process, and then lets the signal end it. Without this, or a handler of
 * your own that calls {@link Sealer.close}, a signal ends a process at once: lines of the last turn of the event loop, and
 * lines that wait for a key or a slow sink, are lost, and nothing counts them.
 *
 * If the application listens for the same signal itself, in whatever way and order, it decides when the process ends: what was
 * accepted is sealed and written at the signal, and the sealer is closed when the process has nothing left to do. Where the
 * application calls `process.exit()`, it closes the sealer itself, before.
 *
 * @param signals - default `SIGTERM`, `SIGINT` and `SIGHUP`
 * @returns a function that removes the listeners
 */
export function closeOnSignals(sealer: Sealer, signals: readonly NodeJS.Signals[] = ENDING): () => void {
  const forget = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
    process.off('beforeExit', close);
    own.delete(onSignal);
  };
  const close = (): void => {
    sealer.close().catch(() => undefined); // the sealer has told it, by an event or on standard error
  };
  const end = (signal: NodeJS.Signals): void => {
    forget();
    sealer.closeSync(); // what came meanwhile
    closing--;
    if (closing > 0) return;
    // the kernel lets no signal without a handler end the first process of a container
    if (process.pid === 1) process.exit(SIGNAL_EXIT + constants.signals[signal]);
    process.kill(process.pid, signal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listeners(signal).some((listener) => !own.has(listener))) {
      flushed(sealer);
      process.off('beforeExit', close).once('beforeExit', close);
      return;
    }
    closing++;
    sealer.close().then(
      () => end(signal),
      () => end(signal), // the sealer has told it, by an event or on standard error
    );
  };
  own.add(onSignal);
  // first of all: a listener that was added with `once` is gone when its turn comes
  for (const signal of signals) process.prependListener(signal, onSignal);
  return forget;
}

function flushed(sealer: Sealer): void {
  try {
    sealer.flushSync();
  } catch (error) {
    if (!isTamperError(error)) throw error; // the sealer has told of it
  }
}
