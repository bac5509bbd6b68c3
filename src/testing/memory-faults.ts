import { TamperError, type TamperErrorCode } from '../errors.ts';
import type { KeyOperation } from '../keys/events.ts';

/** What the memory provider can be told to lie about. */
export type MemoryLie =
  /** Signs with, or hands out, another key than it says. */
  | 'wrong-key'
  /** Says another identity than the key's. */
  | 'wrong-identity'
  /** Cuts the last byte off each signature. */
  | 'truncated-signature'
  /** Goes on as if the key had never been rotated. */
  | 'stale-version';

type Decision = TamperErrorCode | undefined;

/** How the memory provider misbehaves at the moment; `heal` ends all of it. */
export class MemoryFaults {
  #lies = new Set<MemoryLie>();
  #code: TamperErrorCode | undefined;
  #failures = 0;
  #decide: ((operation: KeyOperation, keyId: string) => Decision | Promise<Decision>) | undefined;
  #hung: { readonly promise: Promise<void>; readonly release: () => void } | undefined;

  /** Every call from now on fails with `code`; with `times`, only the next so many. */
  failWith(code: TamperErrorCode, times: number = Number.POSITIVE_INFINITY): void {
    this.#code = code;
    this.#failures = times;
  }

  /**
   * Decides about each call from now on: fails with the code, or goes through, at once or when the promise resolves. It may
   * note, or change, what it likes.
   */
  decide(decide: (operation: KeyOperation, keyId: string) => Decision | Promise<Decision>): void {
    this.#decide = decide;
  }

  /** Every call from now on waits until {@link MemoryFaults.heal}, or for its own deadline or signal. */
  hang(): void {
    if (this.#hung !== undefined) return;
    let release = (): void => undefined;
    const promise = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#hung = { promise, release };
  }

  /** Every answer from now on is false in this way. */
  lie(about: MemoryLie): void {
    this.#lies.add(about);
  }

  /** Ends every fault; calls that hang go on. */
  heal(): void {
    this.#code = undefined;
    this.#decide = undefined;
    this.#lies.clear();
    this.#hung?.release();
    this.#hung = undefined;
  }

  /** Whether answers are false in this way. */
  liesAbout(about: MemoryLie): boolean {
    return this.#lies.has(about);
  }

  /** Misbehaves as told: waits, throws, or does nothing. */
  async strike(operation: KeyOperation, keyId: string): Promise<void> {
    await this.#hung?.promise;
    const code = (await this.#decide?.(operation, keyId)) ?? this.#next();
    if (code === undefined) return;
    const retryable = passing.has(code);
    throw new TamperError(code, `memory ${operation} "${keyId}": told to fail with ${code}`, { retryable });
  }

  #next(): TamperErrorCode | undefined {
    if (this.#code === undefined || this.#failures <= 0) return undefined;
    this.#failures -= 1;
    return this.#code;
  }
}

const passing: ReadonlySet<TamperErrorCode> = new Set(['UNAVAILABLE', 'THROTTLED', 'TIMEOUT', 'RESPONSE_CORRUPTED']);
