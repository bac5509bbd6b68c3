import { coversOrigin } from '../../verify/auditor/origin-pattern.ts';
import type { IgnoredReport } from '../../verify/verdict/ignored-files.ts';
import type { Verdict } from '../../verify/verdict/report.ts';
import { emptyResult } from '../check/results.ts';
import {
  type AuditFinding,
  STREAM_RESULTS,
  type StreamOutcome,
  type StreamReading,
  type StreamResult,
  worstVerdict,
} from '../check/stream-result.ts';
import type { Shard } from './shard.ts';

/** What an audit says of all streams together: the last line of its output. */

/** A name that stands for streams, and how many of them are there. */
export interface NamedStreams {
  readonly name: string;
  /** So many have to be. */
  readonly min: number;
  readonly streams: number;
}

/** The summary of an audit, or of one part of it. */
export interface AuditSummary {
  readonly version: 1;
  readonly summary: true;
  readonly verdict: Verdict;
  readonly streams: number;
  readonly results: Readonly<Partial<Record<StreamOutcome, number>>>;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly read: StreamReading;
  /** Erased records of all streams together (spec/erasure.md, R2.4); absent where there are none. */
  readonly erased?: number;
  /** Names with `*`, and those that demand several streams. */
  readonly names: readonly NamedStreams[];
  /** Files that belong to no log. */
  readonly ignored: IgnoredReport;
  /** A digest of what was asked: parts of one audit have the same. */
  readonly request: string;
  readonly shard: Shard;
  /** What came later was not looked at, UTC; of several parts that of the first. */
  readonly time: string;
}

/** Adds results up. */
export class Tally {
  #streams = 0;
  readonly #results = new Map<StreamOutcome, number>();
  readonly #verdicts = { ok: 0, tampered: 0, undecided: 0 };
  #files = 0;
  #bytes = 0;
  #erased = 0;
  readonly #names: { readonly name: string; readonly min: number; streams: number }[];

  constructor(names: readonly Omit<NamedStreams, 'streams'>[]) {
    this.#names = names.map((one) => ({ ...one, streams: 0 }));
  }

  add({ stream, result, verdict, read, erased = 0 }: StreamResult): void {
    this.#streams++;
    this.#results.set(result, (this.#results.get(result) ?? 0) + 1);
    this.#verdicts[verdict]++;
    this.#files += read.files;
    this.#bytes += read.bytes;
    this.#erased += erased;
    if (NOT_THERE.has(result) || stream === '') return;
    for (const named of this.#names) if (coversOrigin(named.name, stream)) named.streams++;
  }

  get names(): readonly NamedStreams[] {
    return this.#names;
  }

  summary(rest: Pick<AuditSummary, 'ignored' | 'request' | 'shard' | 'time'>): AuditSummary {
    const found = (Object.keys(this.#verdicts) as Verdict[]).filter((verdict) => this.#verdicts[verdict] > 0);
    return {
      version: 1,
      summary: true,
      verdict: this.#streams === 0 && rest.shard.count === 1 ? 'undecided' : worstVerdict(found),
      streams: this.#streams,
      results: Object.fromEntries(
        STREAM_RESULTS.flatMap((one) => (this.#results.has(one) ? [[one, this.#results.get(one)]] : [])),
      ),
      verdicts: { ...this.#verdicts },
      read: { files: this.#files, bytes: this.#bytes },
      ...(this.#erased > 0 && { erased: this.#erased }),
      names: this.#names.map((one) => ({ ...one })),
      ...rest,
    };
  }
}

/** Results of streams of which no file is there. */
const NOT_THERE: ReadonlySet<StreamOutcome> = new Set(['vanished', 'missing', 'unclaimed']);

/** What is said of a name that too few streams answer to. */
export function missingResult({ name, min, streams }: NamedStreams): StreamResult {
  const message =
    streams === 0
      ? `no stream named ${name} is here`
      : `only ${streams} of at least ${min} streams named ${name} ${streams === 1 ? 'is' : 'are'} here`;
  const finding: AuditFinding = { code: 'END_UNPROVEN', severity: 'undecided', message };
  return { ...emptyResult(name, 0, undefined), result: 'missing', findings: [finding] };
}
