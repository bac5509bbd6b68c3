import { REQUEST_KINDS, type RequestCounts } from '../../storage/counted-storage.ts';
import type { Severity } from '../../verify/model/findings.ts';
import { STREAM_RESULTS, type StreamResult } from '../check/stream-result.ts';
import type { AuditSummary } from './summary.ts';

/** An audit as numbers for Prometheus. How many there are does not depend on how many streams there are. */

/** How an audit went, besides what it found. */
export interface AuditRun {
  /** When it came to its end, in milliseconds since 1970. */
  readonly endedAt: number;
  /** How long it took, in milliseconds; undefined where others audited, and this is what their results come to. */
  readonly tookMs?: number | undefined;
  /** Requests to object storage. */
  readonly requests?: RequestCounts | undefined;
  /** Lines that wait to be sealed on this host; undefined where nobody looked. */
  readonly keptLines?: number | undefined;
}

/** What an output file of these numbers begins with. */
export const METRICS_BEGINNING = '# HELP fapilog_tamper_audit_streams ';

const VERDICTS = ['ok', 'tampered', 'undecided'] as const;
const SEVERITIES = ['tampered', 'undecided', 'warning'] as const;

/** Findings that a key would have spared. */
const KEY_MISSING: ReadonlySet<string> = new Set(['NO_KEY', 'WRONG_KEY', 'KEY_NOT_NAMED']);

/** Adds up what results say, as they come. */
export class ResultCounts {
  readonly #bySeverity: Record<Severity, number> = { tampered: 0, undecided: 0, warning: 0 };
  #leftOut = 0;
  #withoutKey = 0;
  #reread = 0;
  #oldest = Number.POSITIVE_INFINITY;

  add({ findings, more, result, read, wholeAt }: StreamResult): void {
    for (const { severity } of findings) this.#bySeverity[severity]++;
    this.#leftOut += more;
    if (findings.some(({ code }) => KEY_MISSING.has(code))) this.#withoutKey++;
    if (result === 'unchanged') this.#reread += read.bytes;
    if (wholeAt !== undefined) this.#oldest = Math.min(this.#oldest, Date.parse(wholeAt));
  }

  metrics(): Metric[] {
    return [
      {
        name: 'audit_findings',
        type: 'gauge',
        help: 'Findings of the last audit, at most twenty of a stream.',
        samples: SEVERITIES.map((severity) => ({ labels: { severity }, value: this.#bySeverity[severity] })),
      },
      gauge('audit_findings_left_out', 'Further findings of these streams.', this.#leftOut),
      gauge('audit_streams_without_key', 'Streams of which a key that is needed was not given.', this.#withoutKey),
      gauge(
        'audit_reread_bytes',
        'Bytes that the last audit read of streams in which nothing had changed.',
        this.#reread,
      ),
      ...(this.#oldest === Number.POSITIVE_INFINITY
        ? []
        : [
            gauge(
              'audit_oldest_reading_timestamp_seconds',
              'When the stream that has waited longest was last read whole, in seconds since 1970.',
              this.#oldest / 1000,
            ),
          ]),
    ];
  }
}

/** The numbers of an audit. */
export function auditMetrics(
  { results, verdicts, read }: AuditSummary,
  counts: ResultCounts,
  { endedAt, tookMs, requests, keptLines }: AuditRun,
): Metric[] {
  return [
    {
      name: 'audit_streams',
      type: 'gauge',
      help: 'Streams of the last audit, by verdict.',
      samples: VERDICTS.map((verdict) => ({ labels: { verdict }, value: verdicts[verdict] })),
    },
    {
      name: 'audit_results',
      type: 'gauge',
      help: 'Streams of the last audit, by what happened to them.',
      samples: STREAM_RESULTS.map((result) => ({ labels: { result }, value: results[result] ?? 0 })),
    },
    ...counts.metrics(),
    gauge('audit_timestamp_seconds', 'When the last audit ended, in seconds since 1970.', endedAt / 1000),
    ...(tookMs === undefined ? [] : [gauge('audit_duration_seconds', 'How long the last audit took.', tookMs / 1000)]),
    gauge('audit_read_bytes', 'Bytes of logs that the last audit read.', read.bytes),
    gauge('audit_read_files', 'Files of logs that the last audit read.', read.files),
    ...(requests === undefined ? [] : [requestMetric(requests)]),
    ...(keptLines === undefined
      ? []
      : [
          gauge('audit_kept_lines', 'Lines of these streams that wait in the state directory of this host.', keptLines),
        ]),
  ];
}

function requestMetric(requests: RequestCounts): Metric {
  return {
    name: 'audit_requests',
    type: 'gauge',
    help: 'Requests of the last audit to object storage, not counting retries.',
    samples: REQUEST_KINDS.map((operation) => ({ labels: { operation }, value: requests[operation] })),
  };
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, type: 'gauge', help, samples: [{ value }] };
}

/** One value of a metric. */
export interface Sample {
  /** Names are fixed and values are of a closed list: no name of a stream is one. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its values. */
export interface Metric {
  /** Behind `fapilog_tamper_`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  /** One sentence, in one line. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** What every name begins with. */
const PREFIX = 'fapilog_tamper_';

/** All metrics in the text format of Prometheus (version 0.0.4). One without values is left out. */
export function expositionOf(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const metric = `${PREFIX}${name}`;
      const lines = samples.map(({ labels = {}, value }) => `${metric}${labelText(labels)} ${value}\n`);
      return `# HELP ${metric} ${help}\n# TYPE ${metric} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
