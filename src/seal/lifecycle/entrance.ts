import type { ResolvedConfig } from '../../config/index.ts';
import type { Pump } from '../intake/pump.ts';
import { type Failure, sealerClosed } from './failure.ts';

/** What an {@link Entrance} needs of its sealer. */
export interface EntranceHost {
  /** Gets each chunk as it came (`tee`). */
  readonly tee: ((chunk: string | Uint8Array) => void) | undefined;
  origin(): string;
  /** `closing`: somebody asked for the end; `closed`: nothing is written any more. */
  state(): 'open' | 'closing' | 'closed';
  /** The log cannot go on. */
  fail(error: unknown): void;
  /** Lines came that are to be kept, now that the log has ended. */
  late(): void;
}

/** Where lines come in. Whatever happens to the log, by default nothing of it is thrown at the application. */
export class Entrance {
  readonly #throws: boolean;
  readonly #pump: Pump;
  readonly #failure: Failure;
  readonly #host: EntranceHost;

  constructor(config: ResolvedConfig, pump: Pump, failure: Failure, host: EntranceHost) {
    this.#throws = config.onFailure === 'throw';
    this.#pump = pump;
    this.#failure = failure;
    this.#host = host;
  }

  /**
   * Takes a chunk. @param goesOn - it is a piece of a line whose end comes with the next chunk
   *
   * @returns whether the producer may go on
   * @throws with `on_failure: throw` alone
   */
  take(chunk: string | Uint8Array, isObject: boolean, goesOn = false): boolean {
    const isOver = this.#failure.error !== undefined || this.#host.state() !== 'open';
    if (isOver && this.#throws) {
      throw this.#failure.error ?? sealerClosed(this.#host.origin(), '; the line was not accepted');
    }
    this.#host.tee?.(chunk);
    if (isOver) return this.#takeLate(chunk);
    try {
      const goOn = goesOn ? this.#pump.takePiece(chunk as Uint8Array) : this.#pump.take(chunk, isObject);
      if (this.#host.state() !== 'closed') return goOn;
    } catch (error) {
      this.#host.fail(error);
      if (this.#throws) throw error;
    }
    this.#host.late(); // it failed on the way
    return true;
  }

  /** A line that comes once the end was asked for; behind the end it is kept, and nobody is held back: `drain` would never fire. */
  #takeLate(chunk: string | Uint8Array): boolean {
    const goOn = this.#pump.queue.add(chunk, false);
    const isClosed = this.#host.state() === 'closed';
    if (isClosed) this.#host.late();
    return goOn || isClosed || this.#failure.error !== undefined;
  }
}
