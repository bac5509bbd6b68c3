import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import type { Clock } from '../keys/clock.ts';

/** What an {@link OutagePolicy} decides on. */
export interface OutageHost {
  /** Sealing goes on; the log is to say since when. */
  goOn(since: number, error: unknown): void;
  /** The log ends. */
  stop(error: TamperError): void;
  over(): void;
}

/** What happens while the key service fails: `on_kms_failure`, `max_unsigned_seconds`. */
export class OutagePolicy {
  readonly #config: ResolvedConfig;
  readonly #clock: Clock;
  readonly #host: OutageHost;
  #cancelStop: (() => void) | undefined;

  constructor(config: ResolvedConfig, clock: Clock, host: OutageHost) {
    this.#config = config;
    this.#clock = clock;
    this.#host = host;
  }

  /** A use of the keys failed, after the source's own retries. `begins`: for the first time in a row. */
  failed(error: unknown, begins: boolean, since: number): void {
    const { onKmsFailure, maxUnsignedSeconds } = this.#config;
    const left = since + maxUnsignedSeconds * 1000 - this.#clock.now();
    if (onKmsFailure === 'stop' || (maxUnsignedSeconds > 0 && left <= 0)) {
      this.#host.stop(stopError(error, since));
      return;
    }
    if (maxUnsignedSeconds > 0) {
      this.#cancelStop ??= this.#clock.after(left, () => this.#host.stop(stopError(error, since)));
    }
    if (begins) this.#host.goOn(since, error);
  }

  /** The keys can be used again. */
  worked(): void {
    this.stop();
    this.#host.over();
  }

  stop(): void {
    this.#cancelStop?.();
    this.#cancelStop = undefined;
  }
}

function stopError(cause: unknown, since: number): TamperError {
  return new TamperError(
    'KEY_SERVICE_STOP',
    `no more lines are taken: the keys fail since ${new Date(since).toISOString()}`,
    {
      cause,
      hint: 'on_kms_failure: stop, or max_unsigned_seconds, asks for this. What was taken is sealed; the next start signs it.',
    },
  );
}
