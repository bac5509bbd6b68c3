import { TamperError } from '../../errors.ts';
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
/** So many messages are on their way at once. */
const AT_ONCE = 8;
/** So many of them have failed before: a place is left for what is new, whatever a receiver does with the others. */
const AGAIN_AT_ONCE = 4;
/** A timer is never longer, in milliseconds: those of Node.js end at 24 days. */
const LONGEST_REST_MS = 3_600_000;

/** What is tried again. Times are those of `performance.now()`. */
interface Again {
  readonly failures: number;
  readonly dueAt: number;
}

/** Sends what is in an outbox, a few messages at once, until each has arrived. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #patience: Patience;
  readonly #sending = new Map<WebhookMessage, Promise<void>>();
  /** Messages of which the newest attempt failed. */
  readonly #again = new Map<WebhookMessage, Again>();
  #save: Again = { failures: 0, dueAt: 0 };
  readonly #bugs: unknown[] = [];
  #wake: () => void = () => undefined;
  #isWoken = false;
  #failedInARow = 0;
  /** Nothing is sent before. */
  #resumeAt = 0;
  #delivered = 0;
  #failed = 0;
  #sendTrouble = '';
  #saveTrouble = '';

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#patience = options.patience ?? PATIENCE;
  }

  /** How many attempts there were, by how they ended. */
  get counts(): { readonly delivered: number; readonly failed: number } {
    return { delivered: this.#delivered, failed: this.#failed };
  }

  /** Whether there is a message of which the newest attempt failed, or what was told could not be written. */
  get isFailing(): boolean {
    return this.#again.size > 0 || this.#save.failures > 0;
  }

  get waiting(): number {
    return this.#options.outbox.size;
  }

  /** There is something new in the outbox. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Sends until the signal fires; then writes what was told. @throws what is no failure of a receiver or a memory */
  async run(signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const ended = AbortSignal.any([signal, end.signal]);
    try {
      while (!signal.aborted && this.#bugs.length === 0) {
        if (performance.now() >= this.#save.dueAt) await this.#saveChanges();
        this.#sendDue(ended);
        await this.#rest(signal);
      }
    } finally {
      end.abort();
      await Promise.all(this.#sending.values());
    }
    if (this.#bugs.length > 0) throw this.#bugs[0];
    await this.#saveChanges();
  }

  #sendDue(signal: AbortSignal): void {
    for (let next = this.#next(); next !== undefined && next.at <= performance.now(); next = this.#next()) {
      const { message } = next;
      if (this.#failedInARow >= AT_ONCE) this.#resumeAt = performance.now() + this.#patience.baseMs;
      this.#sending.set(message, this.#send(message, signal));
    }
  }

  /** The message that is sent next, and when: what is new comes first. */
  #next(): { readonly message: WebhookMessage; readonly at: number } | undefined {
    if (this.#sending.size >= AT_ONCE) return undefined;
    const fresh = this.#options.outbox.waiting.find((one) => !this.#sending.has(one) && !this.#again.has(one));
    if (fresh !== undefined) return { message: fresh, at: this.#resumeAt };
    const idle = [...this.#again].filter(([one]) => !this.#sending.has(one));
    if (this.#again.size - idle.length >= AGAIN_AT_ONCE) return undefined;
    const [first] = idle.sort(([, a], [, b]) => a.dueAt - b.dueAt);
    return first && { message: first[0], at: Math.max(this.#resumeAt, first[1].dueAt) };
  }

  async #send(message: WebhookMessage, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.webhook.send(message, signal);
      this.#arrived(message);
    } catch (error) {
      if (!isFailure(error)) this.#bugs.push(error);
      else if (error.code !== 'ABORTED') this.#refused(message, error);
    } finally {
      this.#sending.delete(message);
      this.wake();
    }
  }

  #arrived(message: WebhookMessage): void {
    this.#options.outbox.arrived(message);
    this.#again.delete(message);
    this.#delivered++;
    [this.#failedInARow, this.#resumeAt] = [0, 0];
    if (this.#again.size === 0) this.#sendTrouble = '';
  }

  #refused(message: WebhookMessage, error: TamperError): void {
    this.#again.set(message, this.#afterFailure(this.#again.get(message), error));
    this.#failed++;
    this.#failedInARow++;
    if (error.message !== this.#sendTrouble) this.#options.onTrouble(error);
    this.#sendTrouble = error.message;
  }

  async #saveChanges(): Promise<void> {
    const { outbox, onTrouble } = this.#options;
    if (!outbox.hasChanged) return;
    try {
      await outbox.save();
      this.#save = { failures: 0, dueAt: performance.now() + SAVE_EVERY_MS };
      this.#saveTrouble = '';
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#save = this.#afterFailure(this.#save, error);
      if (error.message !== this.#saveTrouble) onTrouble(error);
      this.#saveTrouble = error.message;
    }
  }

  #afterFailure(before: Again | undefined, { retryAfterMs = 0 }: TamperError): Again {
    const { baseMs, mostMs } = this.#patience;
    const failures = (before?.failures ?? 0) + 1;
    const longest = Math.min(mostMs, baseMs * 2 ** Math.min(failures - 1, 30));
    return { failures, dueAt: performance.now() + retryAfterMs + Math.random() * longest };
  }

  /** Until there is something to do, or the end. */
  async #rest(signal: AbortSignal): Promise<void> {
    const saveAt = this.#options.outbox.hasChanged ? this.#save.dueAt : Number.POSITIVE_INFINITY;
    const ms = Math.min(saveAt, this.#next()?.at ?? Number.POSITIVE_INFINITY) - performance.now();
    if (!this.#isWoken && !signal.aborted && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.#wake(), Math.min(ms, LONGEST_REST_MS));
        this.#wake = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', this.#wake);
          this.#wake = () => undefined;
          resolve();
        };
        signal.addEventListener('abort', this.#wake, { once: true });
      });
    }
    this.#isWoken = false;
  }
}

/** Of a receiver or a memory; all else is a bug. */
function isFailure(error: unknown): error is TamperError {
  return error instanceof TamperError && error.code !== 'INTERNAL';
}
