import { isTamperError } from '../../errors.ts';
import { type AuditRun, auditMetrics, expositionOf, type Metric, type ResultCounts } from '../run/audit-metrics.ts';
import type { AuditSummary } from '../run/summary.ts';
import type { Notifier } from './notifier.ts';

type Notifications = Pick<Notifier, 'counts' | 'waiting' | 'isFailing'>;

/** How a watching service is: what `/metrics` and `/healthz` say. */
export class WatchStatus {
  readonly #notifier: Notifications | undefined;
  #done = 0;
  #failed = 0;
  #audit: readonly Metric[] = [];
  #lastDone: { readonly at: string; readonly verdict: AuditSummary['verdict'] } | undefined;
  #failure: { readonly code: string; readonly message: string } | undefined;

  /** @param notifier - undefined without a webhook */
  constructor(notifier: Notifications | undefined) {
    this.#notifier = notifier;
  }

  /** A round has come to its end. */
  roundDone(summary: AuditSummary, findings: ResultCounts, run: AuditRun): void {
    this.#done++;
    this.#audit = auditMetrics(summary, findings, run);
    this.#lastDone = { at: new Date(run.endedAt).toISOString(), verdict: summary.verdict };
    this.#failure = undefined;
  }

  /** A round could not be carried out, or what came out of it not be written. */
  roundFailed(error: unknown): void {
    this.#failed++;
    this.#failure = isTamperError(error)
      ? { code: error.code, message: error.message }
      : { code: 'INTERNAL', message: 'a bug' };
  }

  /** In the text format of Prometheus. */
  metrics(): string {
    return expositionOf([...this.#audit, ...this.#own()]);
  }

  /** `failed` where the last round did; `degraded` if the webhook does not accept findings. Findings are no failure. */
  health(): { readonly isHealthy: boolean; readonly body: unknown } {
    const { waiting = 0, isFailing = false } = this.#notifier ?? {};
    const status =
      this.#failure !== undefined
        ? 'failed'
        : isFailing
          ? 'degraded'
          : this.#lastDone === undefined
            ? 'starting'
            : 'ok';
    return {
      isHealthy: status !== 'failed',
      body: {
        status,
        rounds: { done: this.#done, failed: this.#failed },
        ...(this.#lastDone !== undefined && { last: this.#lastDone }),
        ...(this.#failure !== undefined && { error: this.#failure }),
        ...(this.#notifier !== undefined && { webhook: { waiting, failing: isFailing } }),
      },
    };
  }

  #own(): Metric[] {
    const { counts, waiting } = this.#notifier ?? {};
    return [
      {
        name: 'audit_rounds_total',
        type: 'counter',
        help: 'Rounds of audit --watch, by outcome.',
        samples: [
          { labels: { outcome: 'done' }, value: this.#done },
          { labels: { outcome: 'failed' }, value: this.#failed },
        ],
      },
      {
        name: 'audit_round_failed',
        type: 'gauge',
        help: 'Whether the last round failed to run.',
        samples: [{ value: Number(this.#failure !== undefined) }],
      },
      {
        name: 'audit_webhook_attempts_total',
        type: 'counter',
        help: 'Attempts to notify the webhook, by outcome.',
        samples:
          counts === undefined
            ? []
            : [
                { labels: { outcome: 'delivered' }, value: counts.delivered },
                { labels: { outcome: 'failed' }, value: counts.failed },
              ],
      },
      {
        name: 'audit_webhook_waiting',
        type: 'gauge',
        help: 'Messages that the webhook has not accepted yet.',
        samples: waiting === undefined ? [] : [{ value: waiting }],
      },
    ];
  }
}
