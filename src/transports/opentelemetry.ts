import type { TamperConfig } from '../config/index.ts';
import { asError } from '../errors.ts';
import { createLineTaker } from '../line-taker.ts';
import { END_LIMIT, within } from '../seal/lifecycle/ending.ts';
import { Sealer } from '../seal/sealer.ts';
import type { LineTaker } from '../seal/sealer-stream.ts';
import { LineQueue } from './line-queue.ts';

/** Seconds and nanoseconds since 1970, as OpenTelemetry counts. */
type HrTime = readonly [seconds: number, nanoseconds: number];

/** What we read of a `ReadableLogRecord` of `@opentelemetry/sdk-logs`. */
export interface LogRecord {
  readonly hrTime: HrTime;
  readonly hrTimeObserved: HrTime;
  readonly spanContext?: { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } | undefined;
  readonly severityText?: string | undefined;
  readonly severityNumber?: number | undefined;
  readonly body?: unknown;
  readonly eventName?: string | undefined;
  readonly resource: { readonly attributes: Readonly<Record<string, unknown>> };
  readonly instrumentationScope: { readonly name: string; readonly version?: string | undefined };
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** `ExportResult` of `@opentelemetry/core`: code 0 is success, 1 is failure. */
export interface ExportResult {
  readonly code: 0 | 1;
  readonly error?: Error;
}

/**
 * A `LogRecordExporter` for `@opentelemetry/sdk-logs` that seals each record as one JSON line, its members named as in the
 * OpenTelemetry log data model: `Timestamp` and `ObservedTimestamp` in nanoseconds since 1970, as text; bytes as base64.
 */
export class SealedLogRecordExporter {
  /** The sealer that this exporter writes to; its events are there. Undefined where `enabled` is false. */
  readonly sealer: Sealer | undefined;
  readonly #taker: LineTaker;
  readonly #lines: LineQueue;
  #shutdown: Promise<void> | undefined;

  /** @throws as `createSealer` */
  constructor(options: TamperConfig = {}) {
    const taker = createLineTaker(options);
    this.sealer = taker instanceof Sealer ? taker : undefined;
    this.#taker = taker;
    this.#lines = new LineQueue(taker);
  }

  /**
   * Seals records. `done` is called when the sealer takes more, with code 1 where not all of them could be taken: after
   * {@link SealedLogRecordExporter.shutdown}, or where a record is no JSON.
   */
  export(records: readonly LogRecord[], done: (result: ExportResult) => void): void {
    if (this.#shutdown !== undefined) {
      done({ code: 1, error: new Error('the exporter was shut down') });
      return;
    }
    const lines: string[] = [];
    let error: Error | undefined;
    for (const record of records) {
      try {
        lines.push(formatLogRecord(record));
      } catch (thrown) {
        error ??= asError(thrown); // of this record; the others are sealed
      }
    }
    const result: ExportResult = error === undefined ? { code: 0 } : { code: 1, error };
    if (lines.length === 0) done(result);
    for (const [at, line] of lines.entries()) {
      const isLast = at === lines.length - 1;
      this.#lines.add(
        () => this.sealer?.writeObject(line) ?? this.#taker.write(line),
        isLast ? () => done(result) : undefined,
      );
    }
  }

  /** Resolves when everything exported so far is durable and covered by a checkpoint. @throws as `Sealer.flush` */
  async forceFlush(): Promise<void> {
    await this.#lines.whenEmpty();
    await this.#taker.flush();
  }

  /** Seals what is left and closes the log. @throws as `Sealer.close` */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#close();
    return this.#shutdown;
  }

  async #close(): Promise<void> {
    await within(this.#lines.whenEmpty(), END_LIMIT);
    await this.#taker.close();
  }
}

/** One record as one JSON object; what is undefined is left out. */
function formatLogRecord(record: LogRecord): string {
  const { spanContext, resource, instrumentationScope } = record;
  return JSON.stringify(
    {
      Timestamp: nanoseconds(record.hrTime),
      ObservedTimestamp: nanoseconds(record.hrTimeObserved),
      TraceId: spanContext?.traceId,
      SpanId: spanContext?.spanId,
      TraceFlags: spanContext?.traceFlags,
      SeverityText: record.severityText,
      SeverityNumber: record.severityNumber,
      EventName: record.eventName,
      Body: record.body,
      Attributes: record.attributes,
      Resource: resource.attributes,
      InstrumentationScope: { Name: instrumentationScope.name, Version: instrumentationScope.version },
    },
    plainValue,
  );
}

function nanoseconds([seconds, rest]: HrTime): string {
  return (BigInt(seconds) * 1_000_000_000n + BigInt(rest)).toString();
}

/** The values of the log data model that JSON lacks. */
function plainValue(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value;
}
