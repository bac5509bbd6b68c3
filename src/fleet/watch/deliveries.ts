import { isTamperError, TamperError } from '../../errors.ts';
import { pause } from '../../keys/retry.ts';
import type { Outbox } from './outbox.ts';
import type { Webhook, WebhookMessage } from './webhook.ts';

/** How patiently messages are sent again. */
export interface Patience {
  /** The longest wait after the first failure, in milliseconds; it doubles with each one. Default: 1,000. */
  readonly baseMs: number;
  /** No wait is longer, unless the receiver asks for more, in milliseconds. Default: 300,000. */
  readonly mostMs: number;
}

/** What {@link Deliveries} needs. */
export interface DeliveriesOptions {
  readonly outbox: Outbox;
  readonly webhook: Webhook;
  readonly patience?: Patience | undefined;
  /** Told of a failure, once until it is another one. */
  readonly onTrouble: (error: TamperError) => void;
}

const PATIENCE: Patience = { baseMs: 1_000, mostMs: 300_000 };
/** While messages are being sent, what was told is written so often, in milliseconds: what was not is told twice after a kill. */
const SAVE_EVERY_MS = 1_000;

/** Sends what is in an outbox, one message at a time, until each has arrived. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  #wake: () => void = () => undefined;
  #failures = 0;
  #delivered = 0;
  #failed = 0;
  #trouble = '';
  #savedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** How many attempts there were, by how they ended. */
  get counts(): { readonly delivered: number; readonly failed: number } {
    return { delivered: this.#delivered, failed: this.#failed };
  }

  /** Whether the newest attempt failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  get waiting(): number {
    return this.#options.outbox.size;
  }

  /** There is something new in the outbox. */
  wake(): void {
    this.#wake();
  }

  /** Sends until the signal fires; then writes what was told. @throws what is no failure of a receiver or a memory */
  async run(signal: AbortSignal): Promise<void> {
    while (!isOver(signal)) {
      const message = this.#options.outbox.next();
      const isDue = message === undefined || performance.now() - this.#savedAt >= SAVE_EVERY_MS;
      const isSaved = !isDue || (await this.#attempt(() => this.#save(), signal));
      if (message !== undefined) await this.#deliver(message, signal);
      else if (isSaved) await this.#idle(signal);
    }
    await this.#attempt(() => this.#save(), signal);
  }

  async #deliver(message: WebhookMessage, signal: AbortSignal): Promise<void> {
    if (await this.#attempt(() => this.#options.webhook.send(message, signal), signal)) {
      this.#options.outbox.arrived(message);
      this.#delivered++;
    } else {
      this.#options.outbox.postpone(message);
      this.#failed++;
    }
  }

  async #save(): Promise<void> {
    await this.#options.outbox.save();
    this.#savedAt = performance.now();
  }

  /** @returns whether it worked; if not, a while has passed */
  async #attempt(act: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    try {
      await act();
      this.#failures = 0;
      this.#trouble = '';
      return true;
    } catch (error) {
      if (!(error instanceof TamperError) || error.code === 'INTERNAL') throw error;
      if (error.code === 'ABORTED') return false;
      this.#failures++;
      if (error.message !== this.#trouble) this.#options.onTrouble(error);
      this.#trouble = error.message;
      await this.#waitAfter(error, signal);
      return false;
    }
  }

  async #waitAfter({ retryAfterMs = 0 }: TamperError, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { baseMs, mostMs } = this.#options.patience ?? PATIENCE;
    const longest = Math.min(mostMs, baseMs * 2 ** Math.min(this.#failures - 1, 30));
    try {
      await pause(retryAfterMs + Math.random() * longest, 'a message of the audit', signal);
    } catch (error) {
      if (!isTamperError(error, 'ABORTED')) throw error;
    }
  }

  /** Until there is something new, or the end. */
  async #idle(signal: AbortSignal): Promise<void> {
    if (this.#options.outbox.hasChanged) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#wake = () => undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
    });
  }
}

/** A signal may fire in between; the compiler takes what it once said for what it says. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
