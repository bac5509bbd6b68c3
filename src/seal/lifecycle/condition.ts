import { isTamperError, type TamperErrorCode } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';

/** The newest error or warning of a log. */
export interface LastError {
  /** `INTERNAL` for an error that is not ours. */
  readonly code: TamperErrorCode;
  readonly message: string;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
}

/** What an operator asks of a log: when it was signed last, since when its keys fail, what went wrong last. */
export class Condition {
  readonly #clock: Clock;
  #checkpointedAt: number | undefined;
  #unsignedSince: number | undefined;
  #outageSince: number | undefined;
  #lastError: LastError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get checkpointedAt(): number | undefined {
    return this.#checkpointedAt;
  }

  /** Since when the oldest entry waits that no complete checkpoint covers. */
  get unsignedSince(): number | undefined {
    return this.#unsignedSince;
  }

  get outageSince(): number | undefined {
    return this.#outageSince;
  }

  get lastError(): LastError | undefined {
    return this.#lastError;
  }

  /** There are entries that no seal covers. */
  unsealed(): void {
    this.#unsignedSince ??= this.#clock.now();
  }

  /** A complete checkpoint was appended. @param isAll - whether it covers every entry */
  checkpointed(isAll: boolean): void {
    this.#checkpointedAt = this.#clock.now();
    this.#unsignedSince = isAll ? undefined : this.#checkpointedAt;
  }

  outageBegan(since: number, error: Error): void {
    this.#outageSince = since;
    this.failed(error);
  }

  outageOver(): void {
    this.#outageSince = undefined;
  }

  /** Something went wrong, whether the log goes on or not. */
  failed(error: Error): void {
    const code = isTamperError(error) ? error.code : 'INTERNAL';
    this.#lastError = { code, message: error.message, at: this.#clock.now() };
  }
}
