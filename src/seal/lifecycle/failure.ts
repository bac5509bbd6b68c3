import type { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';
import type { ResolvedConfig } from '../../config/index.ts';
import { asError, isTamperError, TamperError } from '../../errors.ts';
import type { SealerEvents } from '../checkpoint/sealer-events.ts';
import type { Kept } from '../intake/unsealed-lines.ts';

/** The error that ended a log, and how it reaches somebody: by a promise that waits, by an event, or by being thrown. */
export class Failure {
  /** Who waits for a promise of ours, and whether the process is to stay alive for it. */
  readonly #waiters = new Map<(error: unknown) => void, boolean>();
  #error: TamperError | undefined;
  /** What ended the waiting, where it is no failure. */
  #reason: Error | undefined;
  #observed = false;
  #awaited = false;

  get error(): TamperError | undefined {
    return this.#error;
  }

  /** Whether somebody may wait for a promise of ours: for `ready` until the run has begun. */
  isAwaited(hasBegun: boolean): boolean {
    return [...this.#waiters.values()].includes(true) || (this.#awaited && !hasBegun);
  }

  /** A promise that carries errors was handed out, or a callback that gets them: nobody awaits that one. */
  observe(isAwaited = true): void {
    this.#observed = true;
    this.#awaited ||= isAwaited;
  }

  /** @returns false where the log had failed already */
  set(error: TamperError): boolean {
    if (this.#error !== undefined) return false;
    this.#error = error;
    for (const reject of this.#waiters.keys()) reject(error);
    return true;
  }

  /**
   * Tells whoever is to know of the error that ended the log (`on_failure`).
   *
   * @throws the error itself, with `throw` where nobody listens and no promise carries it
   */
  tell(sealer: EventEmitter<SealerEvents>, origin: string, how: ResolvedConfig['onFailure']): void {
    if (this.#error === undefined) return;
    const isHeard = sealer.listenerCount('error') > 0;
    if (isHeard || (how === 'throw' && !this.#observed)) sealer.emit('error', this.#error);
    else if (how !== 'throw') tellOnStderr(origin, this.#error);
    if (how === 'exit') process.exit(1);
  }

  /** The log has ended, in whatever way: nothing is waited for any more. */
  giveUp(reason: Error): void {
    this.#reason = reason;
    for (const reject of this.#waiters.keys()) reject(this.#error ?? reason);
  }

  /** Resolves as `promise` does, or rejects when the log fails or ends before. */
  async orFailed<T>(promise: Promise<T>, isAwaited = true): Promise<T> {
    this.observe(isAwaited);
    const over = this.#error ?? this.#reason;
    if (over !== undefined) throw over;
    let reject: (error: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, onFailure) => {
      reject = onFailure;
    });
    this.#waiters.set(reject, isAwaited);
    try {
      return await Promise.race([promise, failed]);
    } finally {
      this.#waiters.delete(reject);
    }
  }
}

/** What is said to whoever asks something of a sealer that has ended. */
export function sealerClosed(origin: string, consequence = ''): TamperError {
  return new TamperError('SEALER_CLOSED', `the sealer of ${origin} is closed${consequence}`);
}

/** Says on standard error that a log has ended, where nobody else would: in one line, whatever the error holds. */
export function tellOnStderr(origin: string, thrown: unknown): void {
  const error = asError(thrown);
  const code = isTamperError(error) ? `${error.code}: ` : '';
  const hint = isTamperError(error) && error.hint !== undefined ? ` (${error.hint})` : '';
  sayOnStderr(
    `the log ${origin} has ended, its lines are kept or counted for the next start: ${code}${error.message}${hint}`,
  );
}

/** Says on standard error which lines wait for the next start, where nobody listens for it: they are in clear, and not sealed. */
export function tellKeptOnStderr(origin: string, { file, lines, lost }: Kept): void {
  const more = lost > 0 ? `, and counts ${lost} more that are lost` : '';
  sayOnStderr(`lines of the log ${origin} could not be sealed: ${file} keeps ${lines} for the next start${more}`);
}

/** Writes one line to standard error, whatever the text holds. */
export function sayOnStderr(text: string): void {
  const line = `fapilog-tamper: ${text}`.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // standard error is closed or full, and there is no other place to say it
  }
}
