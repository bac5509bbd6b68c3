import { parseSignedCheckpoint } from '../format/checkpoint.ts';
import { classifyLine } from '../format/entry.ts';
import { tagOf } from '../format/origin.ts';
import { Allowance } from './allowance.ts';
import type { Auditor } from './auditor.ts';
import { FindingRoom, Findings } from './findings.ts';
import { originOf } from './grouping.ts';
import type { KeptRecords } from './kept-records.ts';
import { type LineSink, LineSplitter, LineTooLong } from './line-splitter.ts';
import { linkedStream } from './linked-stream.ts';
import type { LinkedStream } from './links.ts';
import { orderMixedFiles } from './mixed-files.ts';
import { firstEntry } from './peek.ts';
import { type PeekedSource, stopReading } from './stream-files.ts';
import { StreamVerifier } from './stream-verifier.ts';

/** Lines of several streams that some pipe has mixed (spec 1, TAG): each line goes to its stream's verifier. */

interface Lane {
  readonly origin: string;
  readonly auditor: Auditor;
  readonly findings: Findings;
  readonly verifier: StreamVerifier;
}

class Demultiplexer implements LineSink {
  readonly lanes = new Map<string, Lane>();
  readonly #wild: readonly string[];
  readonly #auditorFor: (origin: string) => Auditor;
  readonly #kept: KeptRecords | undefined;
  readonly #allowance: Allowance;
  readonly #room = new FindingRoom();
  #tooMany = false;
  #last: Lane | undefined;
  #file = '';

  constructor(
    patterns: readonly string[],
    auditorFor: (origin: string) => Auditor,
    kept: KeptRecords | undefined,
    allowance: Allowance,
  ) {
    this.#kept = kept;
    this.#allowance = allowance;
    this.#wild = patterns.filter((pattern) => pattern.endsWith('*'));
    this.#auditorFor = auditorFor;
    for (const pattern of patterns) if (!pattern.endsWith('*')) this.#lane(pattern);
  }

  beginFile(file: string): void {
    this.#file = file;
    for (const { verifier } of this.lanes.values()) verifier.beginFile(file);
  }

  feed(bytes: Buffer, start: number, end: number, line: number, offset: number): Promise<void> | undefined {
    const lane = this.#laneOf(bytes.subarray(start, end));
    if (lane === undefined) return undefined;
    this.#last = lane;
    return lane.verifier.feed(bytes, start, end, line, offset);
  }

  feedUnterminated(bytes: number, line: number, offset: number): void {
    this.#last?.verifier.feedUnterminated(bytes, line, offset);
  }

  /** A line of no stream is a finding of the stream before it; lines of streams that nobody named are left out. */
  #laneOf(line: Buffer): Lane | undefined {
    const read = classifyLine(line);
    if (read.type === 'foreign') return this.#last ?? this.lanes.values().next().value;
    if (read.type === 'checkpoint') {
      const origin = read.note === undefined ? undefined : parseSignedCheckpoint(read.note)?.origin;
      return origin === undefined ? this.#last : this.lanes.get(tagOf(origin));
    }
    const known = this.lanes.get(read.tag);
    if (known !== undefined) return known;
    const entry = firstEntry(line);
    const origin = entry === undefined ? undefined : originOf(this.#wild, { ...entry, empty: false });
    if (origin === undefined) return undefined;
    if (this.#allowance.take('streams')) return this.#lane(origin);
    if (!this.#tooMany)
      this.#last?.verifier.state.find('LIMIT', 'too many streams are mixed here; the rest is not read');
    this.#tooMany = true;
    return undefined;
  }

  #lane(origin: string): Lane {
    const auditor = this.#auditorFor(origin);
    const findings = new Findings(this.#room);
    const verifier = new StreamVerifier(auditor, findings, {
      keeper: this.#kept?.keeper(),
      allowance: this.#allowance,
    });
    verifier.beginFile(this.#file);
    const lane = { origin, auditor, findings, verifier };
    this.lanes.set(tagOf(origin), lane);
    return lane;
  }
}

/** Verifies mixed streams; files are read in the order of their entries. */
export async function demultiplex(
  files: readonly PeekedSource[],
  patterns: readonly string[],
  auditorFor: (origin: string) => Auditor,
  onBytes: (bytes: number) => void,
  kept?: KeptRecords,
  allowance: Allowance = new Allowance(),
): Promise<LinkedStream[]> {
  const demultiplexer = new Demultiplexer(patterns, auditorFor, kept, allowance);
  for (const { source } of await orderMixedFiles(files)) {
    demultiplexer.beginFile(source.name);
    const splitter = new LineSplitter(demultiplexer);
    try {
      for await (const chunk of source.read((problem, message) => report(demultiplexer, problem, message))) {
        onBytes(chunk.length);
        await splitter.push(chunk);
      }
      splitter.end();
    } catch (error) {
      // without a stream so far there is none to report it of: the streams that were named are missing
      if (demultiplexer.lanes.size === 0 && !(error instanceof LineTooLong)) throw error;
      for (const { verifier } of demultiplexer.lanes.values()) stopReading(verifier.state, error);
    }
    const lanes = [...demultiplexer.lanes.values()];
    for (const { verifier } of lanes) await verifier.endFile();
    if (lanes.some(({ verifier }) => verifier.state.unread || verifier.state.stopped)) break;
  }
  const names = files.map(({ source }) => source.name);
  return [...demultiplexer.lanes.values()]
    .filter(({ verifier }) => verifier.state.next > 0 || verifier.state.findings.undecided)
    .map(({ verifier }) => {
      verifier.end();
      return linkedStream(verifier.state, names);
    });
}

function report(
  demultiplexer: Demultiplexer,
  problem: 'GZIP_TRAILING' | 'UNREADABLE' | 'LIMIT',
  message: string,
): void {
  for (const { verifier } of demultiplexer.lanes.values()) {
    verifier.state.find(problem, message);
    verifier.state.unread ||= problem !== 'GZIP_TRAILING';
  }
}
