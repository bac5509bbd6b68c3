import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine } from '../../format/entry.ts';
import { noteOfLine } from '../../format/foreign-line.ts';
import { tagOf } from '../../format/origin.ts';
import type { Auditor } from '../auditor/auditor.ts';
import { behind, FileLines } from '../input/file-lines.ts';
import { LineTooLong } from '../input/line-splitter.ts';
import { firstEntry, type Peek, type PeekedSource } from '../input/peek.ts';
import type { LogSink, OnBeside } from '../input/unwrapping.ts';
import { Allowance } from '../model/allowance.ts';
import { FindingRoom, Findings } from '../model/findings.ts';
import { TimelineRoom } from '../model/timeline.ts';
import type { Keeping } from '../stream/kept-records.ts';
import { StreamVerifier } from '../stream/stream-verifier.ts';
import { linkedStream } from '../verdict/linked-stream.ts';
import type { LinkedStream } from '../verdict/links.ts';
import type { FileDetails } from '../verdict/report.ts';
import { FileTally } from './file-tally.ts';
import { claimedOrigin } from './grouping.ts';
import { orderMixedFiles, type Round, type Rounds } from './mixed-files.ts';
import { stopReading } from './stream-files.ts';
import { WholeSoFar } from './whole-so-far.ts';

/** Lines of several streams that some pipe has mixed (spec 1, TAG): each line goes to its stream's verifier. */

const CR = 0x0d;

interface Lane {
  readonly tag: string;
  readonly auditor: Auditor;
  readonly findings: Findings;
  readonly verifier: StreamVerifier;
}

/** So many TAGs are remembered of which nothing says whose they are. */
const MOST_LEFT = 4_096;

class Demultiplexer implements LogSink {
  readonly lanes = new Map<string, Lane>();
  readonly #wild: readonly string[];
  readonly #auditorFor: (origin: string) => Auditor;
  readonly #kept: Keeping | undefined;
  readonly #allowance: Allowance;
  readonly #room = new FindingRoom();
  readonly #timelineRoom = new TimelineRoom();
  readonly #quoteLines: boolean;
  #maybeElsewhere = false;
  /** The first seq of each TAG whose entries were left out. */
  readonly #left = new Map<string, number>();
  #leftMore = false;
  #tooMany = false;
  /** Streams of which there is a checkpoint, and perhaps nothing else (M8.10). */
  readonly #noted = new Set<Lane>();
  #last: Lane | undefined;
  /** A byte order mark of which no stream was told yet. */
  #marked = false;
  #file = '';
  /** Whether this round reads the lines of a stream. */
  #isOf: Round['isOf'] = () => true;

  constructor(
    patterns: readonly string[],
    auditorFor: (origin: string) => Auditor,
    kept: Keeping | undefined,
    allowance: Allowance,
    quoteLines: boolean,
  ) {
    this.#kept = kept;
    this.#quoteLines = quoteLines;
    this.#allowance = allowance;
    this.#wild = patterns.filter((pattern) => pattern.endsWith('*'));
    this.#auditorFor = auditorFor;
    for (const pattern of patterns) if (!pattern.endsWith('*')) this.#lane(pattern);
  }

  /** The streams of which something is here. */
  get found(): Lane[] {
    const isHere = (lane: Lane): boolean =>
      lane.verifier.state.order.next > 0 || lane.verifier.state.findings.undecided || this.#noted.has(lane);
    return [...this.lanes.values()].filter(isHere);
  }

  /** The streams of this round. */
  get read(): Lane[] {
    return [...this.lanes.values()].filter(({ tag }) => this.#isOf(tag));
  }

  beginRound({ isOf }: Round): void {
    this.#isOf = isOf;
    this.#last = undefined;
  }

  beginFile(file: string): void {
    this.#file = file;
    this.#marked = false;
    for (const { verifier } of this.read) verifier.beginFile(file);
  }

  feed(bytes: Buffer, start: number, end: number, line: number, offset: number): Promise<void> | undefined {
    // whose line it is does not depend on how it ends; its verifier says whether that is right
    const lane = this.#laneOf(bytes.subarray(start, bytes[end - 1] === CR ? end - 1 : end));
    if (lane === undefined) return undefined;
    this.#last = lane;
    const isMarked = this.#marked;
    this.#marked = false;
    if (!this.#isOf(lane.tag)) return undefined;
    if (isMarked) lane.verifier.skipped('mark');
    return lane.verifier.feed(bytes, start, end, line, offset);
  }

  feedForeign(bytes: Buffer, start: number, end: number, line: number, offset: number): undefined {
    this.#ofNoStream?.verifier.feedForeign(bytes, start, end, line, offset);
  }

  feedUnterminated(bytes: number, line: number, offset: number): void {
    this.#ofNoStream?.verifier.feedUnterminated(bytes, line, offset);
  }

  /** A line of no stream is a finding of the stream before it. */
  get #ofNoStream(): Lane | undefined {
    const lane = this.#last ?? this.#first;
    return lane !== undefined && this.#isOf(lane.tag) ? lane : undefined;
  }

  skipped(what: 'mark' | 'empty'): void {
    this.#marked ||= what === 'mark';
  }

  /** A file that cannot be read may hold entries of any stream (M8.5). */
  mayHoldMore(): void {
    this.#maybeElsewhere = true;
    for (const { verifier } of this.lanes.values()) verifier.state.coverage.missFile();
  }

  /** Reports streams that no round has read. */
  leaveOut(isLeft: Rounds['isLeft']): void {
    for (const { tag, verifier } of this.lanes.values()) {
      if (!isLeft(tag)) continue;
      const message = 'the streams stand in the files in too many orders; this one was not read: check it by itself';
      verifier.state.find('LIMIT', message);
      verifier.state.coverage.stop();
    }
  }

  /** The stream with this TAG; where nothing says whose it is, another one that is here. */
  laneAt(tag: string): Lane | undefined {
    return this.lanes.get(tag) ?? this.#first;
  }

  get #first(): Lane | undefined {
    return this.lanes.values().next().value;
  }

  /** A line of no stream is a finding of the stream before it; lines of streams that nobody named are left out. */
  #laneOf(line: Buffer): Lane | undefined {
    const read = classifyLine(line);
    if (read.type === 'foreign') return this.#last ?? this.#first;
    if (read.type === 'checkpoint') {
      const origin = read.note === undefined ? undefined : parseSignedCheckpoint(read.note)?.origin;
      if (origin === undefined) return this.#claimedBy(line) ?? this.#last ?? this.#first;
      const tag = tagOf(origin);
      const noted = this.lanes.get(tag) ?? this.meet({ tag, origin });
      if (noted !== undefined) this.#noted.add(noted);
      return noted;
    }
    const known = this.lanes.get(read.tag);
    if (known !== undefined) return known;
    const lane = this.meet(firstEntry(line));
    if (lane === undefined) this.#leave(read.tag, read.seq);
    return lane;
  }

  /** The stream that the first line of a malformed note names. */
  #claimedBy(line: Buffer): Lane | undefined {
    const note = noteOfLine(line);
    return this.lanes.get(tagOf(note.slice(0, note.indexOf('\n'))));
  }

  /** An entry that may be of a stream which a pattern names, and of which nothing was known. */
  meet(entry: Pick<Peek, 'tag' | 'origin'> | undefined): Lane | undefined {
    const origin = entry === undefined ? undefined : claimedOrigin(this.#wild, entry);
    if (origin === undefined || this.lanes.has(tagOf(origin))) return undefined;
    if (this.#allowance.take('streams')) return this.#lane(origin);
    const lane = this.#last ?? this.#first;
    if (!this.#tooMany) lane?.findings.add('LIMIT', {}, 'too many streams are mixed here; the rest is not read');
    this.#tooMany = true;
    return undefined;
  }

  /** Nothing has said yet whose this entry is: should an open of its TAG come, the stream began before it. */
  #leave(tag: string, seq: number): void {
    if (this.#wild.length === 0 || this.#left.has(tag)) return;
    if (this.#left.size < MOST_LEFT) this.#left.set(tag, seq);
    else this.#leftMore = true;
  }

  #lane(origin: string): Lane {
    const auditor = this.#auditorFor(origin);
    const findings = new Findings(this.#room);
    const verifier = new StreamVerifier(auditor, findings, {
      keeper: this.#kept?.keeper(),
      allowance: this.#allowance,
      quoteLines: this.#quoteLines,
      timelineRoom: this.#timelineRoom,
    });
    if (this.#maybeElsewhere) verifier.state.coverage.missFile();
    const tag = tagOf(origin);
    if (this.#isOf(tag)) verifier.beginFile(this.#file);
    const lane = { tag, auditor, findings, verifier };
    this.lanes.set(tag, lane);
    const left = this.#left.get(tag);
    if (left !== undefined || this.#leftMore) {
      const message = `entries of this stream come before the first open that says which stream they belong to (from entry ${left ?? 'unknown'} on); they were not read`;
      verifier.state.find('START_UNPROVEN', message, left);
    }
    return lane;
  }
}

/** How mixed files are read. */
export interface MixedReading {
  /** Told how many bytes have been read. */
  readonly onBytes: (bytes: number) => void;
  readonly onBeside?: OnBeside | undefined;
  /** Takes every record that is accepted. */
  readonly kept?: Keeping | undefined;
  /** Shared by the streams; their own by default. */
  readonly allowance?: Allowance;
  /** Whether findings quote the lines that they are about. */
  readonly quoteLines?: boolean | undefined;
  /** Whether the report has the SHA-256 of each file. */
  readonly digestFiles?: boolean | undefined;
}

/** Verifies mixed streams; files are read in the order of their entries. */
export async function demultiplex(
  files: readonly PeekedSource[],
  patterns: readonly string[],
  auditorFor: (origin: string) => Auditor,
  { onBytes, onBeside, kept, allowance = new Allowance(), quoteLines = false, digestFiles = false }: MixedReading,
): Promise<LinkedStream[]> {
  const demultiplexer = new Demultiplexer(patterns, auditorFor, kept, allowance, quoteLines);
  const { rounds, isLeft } = await orderMixedFiles(
    files,
    (open) => demultiplexer.meet(open),
    (tag, ...found) => demultiplexer.laneAt(tag)?.findings.add(...found),
  );
  const isLeftOut = [...demultiplexer.lanes.values()].some(({ findings }) => findings.count('UNREADABLE') > 0);
  if (isLeftOut || files.some(({ peek }) => peek.hidden !== undefined)) demultiplexer.mayHoldMore();
  const details: FileDetails[] = [];
  for (const [at, round] of rounds.entries()) {
    const isFirst = at === 0; // what is told of a file is told once
    const read = await readRound(demultiplexer, round, {
      onBytes: isFirst ? onBytes : () => undefined,
      onBeside: isFirst ? onBeside : undefined,
      digestFiles: digestFiles && isFirst,
    });
    if (isFirst) details.push(...read);
  }
  demultiplexer.leaveOut(isLeft);
  const names = files.map(({ source }) => source.name);
  return demultiplexer.found.map(({ verifier }) => {
    verifier.end();
    return linkedStream(verifier.state, names, details);
  });
}

/** @returns the files that were read to their end */
async function readRound(
  demultiplexer: Demultiplexer,
  round: Round,
  { onBytes, onBeside, digestFiles }: Pick<MixedReading, 'onBytes' | 'onBeside' | 'digestFiles'>,
): Promise<FileDetails[]> {
  const read: FileDetails[] = [];
  const lines = new FileLines(demultiplexer, onBeside);
  demultiplexer.beginRound(round);
  for (const [at, { source, peek, listed = false }] of round.files.entries()) {
    demultiplexer.beginFile(source.name);
    const splitter = lines.begin(source);
    const tally = new FileTally(source, digestFiles === true);
    try {
      const whole = new WholeSoFar(() => demultiplexer.read.map(({ verifier }) => verifier.state));
      for await (const chunk of source.read(whole.onProblem, whole.onWhole)) {
        onBytes(chunk.length);
        tally.addBytes(chunk.length);
        tally.addChunk(chunk);
        await splitter.push(chunk);
      }
      await lines.end(splitter, behind(round.files, at));
    } catch (error) {
      // without a stream so far there is none to report it of: the streams that were named are missing
      const isTold = error instanceof LineTooLong || peek.hidden?.unopened === true;
      if (demultiplexer.lanes.size === 0 && !isTold) throw error;
      for (const { verifier } of demultiplexer.read) stopReading(verifier.state, error);
    }
    const lanes = demultiplexer.read;
    for (const { verifier } of lanes) await verifier.endFile(listed && peek.hidden === undefined);
    if (lanes.some(({ verifier }) => verifier.state.coverage.unread || verifier.state.coverage.stopped)) break;
    read.push(tally.details(0, 0));
  }
  return read;
}
