import { type Digest, digestBytes } from '../core/hash.ts';
import type { Auditor } from '../verify/auditor/auditor.ts';
import { Allowance } from '../verify/model/allowance.ts';
import type { Epoch } from '../verify/model/epoch.ts';
import { type Finding, type FindingRoom, Findings } from '../verify/model/findings.ts';
import type { TimelineRoom } from '../verify/model/timeline.ts';
import { type Recorder, type RunCheck, stepOf } from '../verify/stream/recorded-run.ts';
import { StreamVerifier } from '../verify/stream/stream-verifier.ts';
import type { LinesFrame, RunFrame } from './state/frames.ts';
import type { PendingFrames } from './state/pending-frames.ts';

const LF = 0x0a;
const LEAF = 32;
/** Room for so many leaf hashes is there at first; the verifier's has less. */
const FIRST_LEAVES = 64;
/** So many leaf hashes of a stream are kept, for repeated entries and for tails that a crash abandoned. */
const KEPT_LEAVES = 2 ** 13;
/** A run is not longer, so that its leaf hashes can be left out soon after the last one may be asked for. */
const LONGEST_RUN = 2 ** 10;

/** What the streams of one reading share. */
export interface LaneRoom {
  readonly allowance: Allowance;
  readonly findings: FindingRoom;
  readonly timeline: TimelineRoom;
  readonly quoteLines: boolean;
  /** What was taken since the last snapshot; undefined if nothing is saved. */
  readonly pending: PendingFrames | undefined;
}

/** Entries `[from, to)`. */
interface Entries {
  readonly from: number;
  readonly to: number;
}

interface OpenRun {
  readonly firstSeq: number;
  readonly epoch: number;
  readonly check: RunCheck;
  readonly step: number;
  count: number;
}

/** One stream of a topic: its verifier, and what of its lines is to be saved. */
export class StreamLane implements Recorder {
  readonly number: number;
  readonly origin: string;
  /** Where its records are. */
  readonly partition: number;
  readonly findings: Findings;
  readonly verifier: StreamVerifier;
  /** Lines so far. */
  lines = 0;
  /** Whether a record of it stands in another partition as well. */
  divided = false;
  readonly #pending: PendingFrames | undefined;
  readonly #allowance: Allowance;
  /** Entries whose leaf hashes lines asked for, which will ask again when they are replayed. */
  readonly #asked: Entries[] = [];
  #leaves: Buffer = Buffer.alloc(0);
  readonly #frontier: Digest[] = [];
  #known = false;
  #run: OpenRun | undefined;
  /** Signatures that verified in the line in hand. */
  readonly #good: Digest[] = [];
  /** A line is fed that is new: what was taken before is saved already. */
  #feeding = false;
  /** Records that were taken as an honest log has them. */
  #recorded = 0;
  #offset = 0;
  #lastLine = 0;
  #lastOffset = 0;

  constructor(
    number: number,
    partition: number,
    auditor: Auditor,
    { allowance, findings: room, timeline: timelineRoom, quoteLines, pending }: LaneRoom,
    onFinding: (finding: Finding) => void,
  ) {
    this.number = number;
    this.partition = partition;
    this.origin = auditor.origin;
    this.#pending = pending;
    this.#allowance = new Allowance({ leaves: KEPT_LEAVES }, allowance);
    this.findings = new Findings(room, (finding) => {
      const { code, seq = 0 } = finding;
      if (code === 'DUPLICATE_ENTRY') this.#asked.push({ from: seq, to: this.verifier.state.order.next });
      onFinding(finding);
    });
    const recorder = pending === undefined ? undefined : this;
    const further = { allowance: this.#allowance, timelineRoom, quoteLines, recorder };
    this.verifier = new StreamVerifier(auditor, this.findings, further);
    if (pending !== undefined) this.verifier.state.goodSignatures.tell((place) => this.#good.push(place));
  }

  /** Verifies the line `bytes[start, end)` of the record at `offset`. `start` is at least 1. */
  async feed(bytes: Buffer, start: number, end: number, offset: number): Promise<void> {
    this.lines++;
    if (this.verifier.state.coverage.stopped) return;
    const taken = this.#recorded;
    this.#good.length = 0;
    this.#offset = offset;
    this.#feeding = true;
    const { order, runs } = this.verifier.state;
    const { next } = order;
    const { abandonedEntries } = runs;
    const pending = this.verifier.feed(bytes, start, end, this.lines, offset);
    if (pending !== undefined) await pending;
    this.#noteAbandoned(abandonedEntries, next);
    this.#feeding = false;
    if (this.#recorded > taken || this.#pending === undefined) return;
    this.closeRun();
    const line = { stream: this.number, line: this.lines, offset, bytes: bytes.subarray(start, end) };
    this.#pending.add({ kind: 'lines', ...line, digests: this.#good });
  }

  /** Takes lines that were taken before, whose signatures were verified then. */
  async resume({ line, offset, digests, bytes }: LinesFrame): Promise<void> {
    for (const place of digests) this.verifier.state.goodSignatures.add(place);
    const padded = Buffer.concat([Buffer.alloc(1), bytes]); // the byte before a line is borrowed
    let number = line;
    for (let start = 1; start <= padded.length; number++) {
      const lf = padded.indexOf(LF, start);
      const end = lf < 0 ? padded.length : lf;
      const { order, runs } = this.verifier.state;
      const { next } = order;
      const { abandonedEntries } = runs;
      await this.verifier.feed(padded, start, end, number, offset);
      this.#noteAbandoned(abandonedEntries, next);
      start = end + 1;
    }
    this.#good.length = 0;
    this.lines = number - 1;
  }

  /** Goes on behind records that were taken before; false if they would not be taken so now. */
  resumeRun({ digests, bytes, hasFrontier, ...run }: RunFrame): boolean {
    this.lines = run.line;
    return this.verifier.resumeRun({ ...run, leaves: bytes, frontier: hasFrontier ? digests : undefined });
  }

  /** Whether the verifier, or a line that is replayed, may still ask for the leaf hashes of a run. */
  keepsLeaves({ firstSeq, count }: RunFrame): boolean {
    const end = firstSeq + count;
    const remembered = KEPT_LEAVES - this.#allowance.left('leaves') + FIRST_LEAVES;
    if (end + remembered >= this.verifier.state.order.next) return true;
    return this.#asked.some(({ from, to }) => firstSeq < to && from < end);
  }

  record(seq: number, leaf: Digest, epoch: Epoch, check: RunCheck): void {
    if (!this.#feeding) return;
    const step = stepOf(epoch, check);
    let run = this.#run;
    if (run?.count === LONGEST_RUN || run === undefined || !goesOn(run, seq, epoch, check, step)) {
      this.closeRun();
      run = { firstSeq: seq, epoch: epoch.number, check, step, count: 0 };
      this.#run = run;
    }
    this.#keepLeaf(run.count, leaf);
    run.count++;
    this.#keepFrontier();
    this.#lastLine = this.lines;
    this.#lastOffset = this.#offset;
    this.#recorded++;
  }

  /** An open that went back asked for the leaf hashes from the last seal before it on. */
  #noteAbandoned(before: number, next: number): void {
    const { state } = this.verifier;
    if (state.runs.abandonedEntries === before) return;
    this.#asked.push({ from: state.tree.lastSealUpTo(state.order.next - 2)?.seq ?? 0, to: next });
  }

  /** Flushes the pending batch of verified records. */
  closeRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    this.#pending?.add({
      kind: 'run',
      stream: this.number,
      ...run,
      line: this.#lastLine,
      offset: this.#lastOffset,
      hasFrontier: this.#known,
      digests: this.#frontier,
      bytes: this.#leaves.subarray(0, run.count * LEAF),
    });
    if (this.#leaves.length > FIRST_LEAVES * LEAF) this.#leaves = Buffer.alloc(0);
  }

  #keepLeaf(index: number, leaf: Digest): void {
    if ((index + 1) * LEAF > this.#leaves.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(this.#leaves.length * 2, FIRST_LEAVES * LEAF));
      wider.set(this.#leaves);
      this.#leaves = wider;
    }
    this.#leaves.set(digestBytes(leaf), index * LEAF);
  }

  #keepFrontier(): void {
    const { frontier } = this.verifier.state.tree;
    this.#known = frontier !== undefined;
    const subtrees = frontier?.subtrees ?? [];
    this.#frontier.length = subtrees.length;
    for (let at = 0; at < subtrees.length; at++) this.#frontier[at] = subtrees[at] as Digest;
  }
}

function goesOn(run: OpenRun, seq: number, epoch: Epoch, check: RunCheck, step: number): boolean {
  return seq === run.firstSeq + run.count && run.check === check && run.step === step && run.epoch === epoch.number;
}
