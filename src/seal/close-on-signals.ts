import { constants } from 'node:os';
import { isTamperError } from '../errors.ts';
import type { Sealer } from './sealer.ts';

/** The signals that end a process, as a service manager, a container runtime or a terminal sends them. */
const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** A shell's exit code for a process that a signal ended is this and the signal's number. */
const SIGNAL_EXIT = 128;

/**
 * Closes a sealer when a signal is about to end the process, and then lets the signal end it. Without this, or a handler of
 * your own that calls {@link Sealer.close}, a signal ends a process at once: lines of the last turn of the event loop, and
 * lines that wait for a key or a slow sink, are lost, and nothing counts them.
 *
 * If the application listens for the same signal itself, it decides when the process ends: what was accepted is sealed and
 * written at the signal, and the rest at the end of the process.
 *
 * @param signals - default `SIGTERM`, `SIGINT` and `SIGHUP`
 * @returns a function that removes the listeners
 */
export function closeOnSignals(sealer: Sealer, signals: readonly NodeJS.Signals[] = ENDING): () => void {
  const forget = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const end = (signal: NodeJS.Signals): void => {
    forget();
    sealer.closeSync(); // what came meanwhile
    // the kernel lets no signal without a handler end the first process of a container
    if (process.pid === 1) process.exit(SIGNAL_EXIT + constants.signals[signal]);
    process.kill(process.pid, signal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) {
      flushed(sealer);
      return;
    }
    sealer.close().then(
      () => end(signal),
      () => end(signal), // the sealer has told it, by an event or on standard error
    );
  };
  for (const signal of signals) process.on(signal, onSignal);
  return forget;
}

function flushed(sealer: Sealer): void {
  try {
    sealer.flushSync();
  } catch (error) {
    if (!isTamperError(error)) throw error; // the sealer has told of it
  }
}
