import { isTamperError, TamperError } from '../../errors.ts';
import { withRetry } from '../../keys/retry.ts';
import type { StreamResult } from '../check/stream-result.ts';
import { findingMessage } from './finding-message.ts';
import type { News } from './known-states.ts';
import type { SentStates } from './sent-states.ts';
import type { Webhook, WebhookMessage } from './webhook.ts';

/** A round sends at most this many findings; the next round finds the others again. */
const MOST_FINDINGS = 1_000;
/** No message is begun later than this after a round, in milliseconds, and each takes at most this long. */
const SENDING_MS = 60_000;

/** A finding that the webhook has not accepted. */
interface Finding {
  readonly states: News['states'];
  readonly message: WebhookMessage;
  hasFailed: boolean;
}

/** Sends the findings of each round to a webhook. Those that it does not accept are sent again after the next round. */
export class Notifier {
  readonly #webhook: Webhook;
  readonly #sent: SentStates;
  readonly #counts = { delivered: 0, failed: 0 };
  /** The findings of this round, by their new states. */
  #found = new Map<string, Finding>();
  /** The findings that were not accepted, oldest first. */
  #waiting = new Map<string, Finding>();
  /** What failed after the last round. */
  #troubles: ReadonlyMap<string, TamperError> = new Map();

  constructor(webhook: Webhook, sent: SentStates) {
    this.#webhook = webhook;
    this.#sent = sent;
  }

  /** Attempts so far, by outcome. */
  get counts(): { readonly delivered: number; readonly failed: number } {
    return this.#counts;
  }

  /** How many findings the webhook has not accepted. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether a message was not accepted, or the record not written, after the last round. */
  get isFailing(): boolean {
    return this.#troubles.size > 0;
  }

  /** Call it before the first result of a round. */
  beginRound(): void {
    this.#found = new Map();
    this.#sent.states.beginRound();
  }

  /** Takes a result of a round. */
  take(result: StreamResult, now: Date): void {
    const { isNews, states, findings } = this.#sent.states.look(result);
    if (result.verdict === 'ok') this.#sent.states.note(states);
    else if (isNews && this.#found.size < MOST_FINDINGS) {
      const key = JSON.stringify([...states]);
      const message = findingMessage({ ...result, findings }, now);
      this.#found.set(key, this.#waiting.get(key) ?? { states, message, hasFailed: false });
    }
  }

  /** Call it when everything was audited: forgets findings of streams that are gone. */
  endRound(): void {
    this.#sent.states.endRound();
  }

  /**
   * Sends the findings of the round, which may have failed halfway, and records which were accepted. `onTrouble` gets each failure
   * that the last round did not have.
   *
   * @throws only what is a bug
   */
  async deliver(signal: AbortSignal, onTrouble: (error: TamperError) => void): Promise<void> {
    const troubles = new Map<string, TamperError>();
    for await (const error of this.#failures(signal)) {
      if (!this.#troubles.has(error.message) && !troubles.has(error.message)) onTrouble(error);
      troubles.set(error.message, error);
    }
    this.#troubles = troubles;
  }

  async *#failures(signal: AbortSignal): AsyncGenerator<TamperError> {
    const older = [...this.#waiting].filter(([key]) => this.#found.has(key));
    this.#waiting = new Map([...older, ...this.#found]);
    // what has failed before goes last, so that it never holds up the others
    const due = [...this.#waiting].sort(([, one], [, other]) => Number(one.hasFailed) - Number(other.hasFailed));
    const endsAt = performance.now() + SENDING_MS;
    for (const [key, finding] of due) {
      if (signal.aborted || performance.now() >= endsAt) break;
      const error = await failureOf(this.#send(finding.message, signal));
      if (isTamperError(error, 'ABORTED')) break;
      if (error === undefined) {
        this.#sent.states.note(finding.states);
        this.#waiting.delete(key);
        continue;
      }
      finding.hasFailed = true;
      yield error;
      if (error.retryable) break; // the webhook is away; otherwise it refused this message alone
    }
    const error = await failureOf(this.#sent.save());
    if (error !== undefined) yield error;
  }

  #send(message: WebhookMessage, signal: AbortSignal): Promise<void> {
    return withRetry({ what: this.#webhook.what, timeoutMs: SENDING_MS, signal }, async (within) => {
      let isDelivered = false;
      try {
        await this.#webhook.send(message, within);
        isDelivered = true;
      } finally {
        this.#counts[isDelivered ? 'delivered' : 'failed']++;
      }
    });
  }
}

/** The failure of a webhook or a memory; anything else is a bug, and thrown. */
async function failureOf(done: Promise<void>): Promise<TamperError | undefined> {
  try {
    await done;
    return undefined;
  } catch (error) {
    if (error instanceof TamperError && error.code !== 'INTERNAL') return error;
    throw error;
  }
}
