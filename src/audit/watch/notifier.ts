import { randomUUID } from 'node:crypto';
import { TamperError } from '../../errors.ts';
import { withRetry } from '../../keys/retry.ts';
import type { StreamResult } from '../check/stream-result.ts';
import { KnownStates, type News } from './known-states.ts';
import type { Webhook, WebhookMessage } from './webhook.ts';

/** A round sends at most this many findings; the next round finds the others again. */
const MOST_FINDINGS = 1_000;
/** No message is begun later than this after a round, in milliseconds, and each takes at most this long. */
const SENDING_MS = 60_000;
/** A message has at most this many findings, each with a text of at most this many characters. */
const FINDINGS_SENT = 3;
const TEXT_LENGTH = 300;

/** A finding that the webhook has not accepted. */
interface Finding {
  readonly states: News['states'];
  readonly message: WebhookMessage;
  hasFailed: boolean;
}

/**
 * Sends the findings of each round to a webhook, and again after the next rounds what it does not accept. What it accepted is
 * known to this process only: the next one sends every finding that there is.
 */
export class Notifier {
  readonly #webhook: Webhook;
  readonly #accepted = new KnownStates();
  readonly #counts = { delivered: 0, failed: 0 };
  /** The findings of this round, by their new states. */
  #found = new Map<string, Finding>();
  /** The findings that were not accepted, oldest first. */
  #waiting = new Map<string, Finding>();
  /** What failed after the last round, in words. */
  #troubles: ReadonlySet<string> = new Set();

  constructor(webhook: Webhook) {
    this.#webhook = webhook;
  }

  /** Attempts so far, by outcome. */
  get counts(): { readonly delivered: number; readonly failed: number } {
    return this.#counts;
  }

  /** How many findings the webhook has not accepted. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether a message was not accepted after the last round. */
  get isFailing(): boolean {
    return this.#troubles.size > 0;
  }

  /** Call it before the first result of a round. */
  beginRound(): void {
    this.#found = new Map();
    this.#accepted.beginRound();
  }

  /** Takes a result of a round. */
  take(result: StreamResult, now: Date): void {
    const { isNews, states, findings } = this.#accepted.look(result);
    if (result.verdict === 'ok') this.#accepted.note(states);
    else if (isNews && this.#found.size < MOST_FINDINGS) {
      const key = JSON.stringify([...states]);
      const message = messageOf({ ...result, findings }, now);
      this.#found.set(key, this.#waiting.get(key) ?? { states, message, hasFailed: false });
    }
  }

  /** Call it when everything was audited: forgets findings of streams that are gone. */
  endRound(): void {
    this.#accepted.endRound();
  }

  /**
   * Sends the findings of the round, which may have failed halfway. `onTrouble` gets each failure that the last round did not have.
   *
   * @throws only what is a bug
   */
  async deliver(signal: AbortSignal, onTrouble: (error: TamperError) => void): Promise<void> {
    const older = [...this.#waiting].filter(([key]) => this.#found.has(key));
    this.#waiting = new Map([...older, ...this.#found]);
    // what has failed before goes last, so that it never holds up the others
    const due = [...this.#waiting].sort(([, one], [, other]) => Number(one.hasFailed) - Number(other.hasFailed));
    const troubles = new Set<string>();
    const endsAt = performance.now() + SENDING_MS;
    for (const [key, finding] of due) {
      if (signal.aborted || performance.now() >= endsAt) break;
      try {
        await this.#send(finding.message, signal);
        this.#accepted.note(finding.states);
        this.#waiting.delete(key);
      } catch (error) {
        if (!(error instanceof TamperError) || error.code === 'INTERNAL') throw error;
        if (error.code === 'ABORTED') break;
        finding.hasFailed = true;
        if (!this.#troubles.has(error.message) && !troubles.has(error.message)) onTrouble(error);
        troubles.add(error.message);
        if (error.retryable) break; // the webhook is away; otherwise it refused this message alone
      }
    }
    this.#troubles = troubles;
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

/** The message about a result that is a finding. */
function messageOf(
  { stream, result, verdict, lastSeq, proven, findings, more, error }: StreamResult,
  now: Date,
): WebhookMessage {
  const body = JSON.stringify({
    type: 'audit.finding',
    timestamp: now.toISOString(),
    data: {
      stream,
      result,
      verdict,
      lastSeq,
      proven,
      findings: findings.slice(0, FINDINGS_SENT).map(({ code, severity, message, file }) => {
        return { code, severity, message: cut(message), file: cut(file) };
      }),
      more: more + Math.max(0, findings.length - FINDINGS_SENT),
      error: error && { code: error.code, message: cut(error.message), hint: cut(error.hint) },
    },
  });
  return { id: `msg_${randomUUID().replaceAll('-', '')}`, body };
}

function cut(words: string | undefined): string | undefined {
  return words?.slice(0, TEXT_LENGTH);
}
