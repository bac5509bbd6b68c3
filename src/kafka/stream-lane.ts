import { type Digest, digestBytes } from '../core/hash.ts';
import type { Auditor } from '../verify/auditor/auditor.ts';
import type { Allowance } from '../verify/model/allowance.ts';
import type { Epoch } from '../verify/model/epoch.ts';
import { type Finding, type FindingRoom, Findings } from '../verify/model/findings.ts';
import type { TimelineRoom } from '../verify/model/timeline.ts';
import { type Recorder, type RunCheck, stepOf } from '../verify/stream/recorded-run.ts';
import { StreamVerifier } from '../verify/stream/stream-verifier.ts';
import type { FrameBuffer } from './state/frames.ts';

const LEAF = 32;
const FIRST_LEAVES = 64;
/** So many signatures of one line are remembered; a note has at most 16. */
const MOST_SIGNATURES = 255;

/** What the streams of one reading share. */
export interface LaneRoom {
  readonly allowance: Allowance;
  readonly findings: FindingRoom;
  readonly timeline: TimelineRoom;
  readonly quoteLines: boolean;
  /** Where it is written what was taken; undefined where nothing is saved. */
  readonly frames: FrameBuffer | undefined;
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
  readonly #frames: FrameBuffer | undefined;
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
    { allowance, findings: room, timeline: timelineRoom, quoteLines, frames }: LaneRoom,
    onFinding: (finding: Finding) => void,
  ) {
    this.number = number;
    this.partition = partition;
    this.origin = auditor.origin;
    this.#frames = frames;
    this.findings = new Findings(room, onFinding);
    const recorder = frames === undefined ? undefined : this;
    this.verifier = new StreamVerifier(auditor, this.findings, { allowance, timelineRoom, quoteLines, recorder });
    if (frames !== undefined) this.verifier.state.goodSignatures.onAdd = (place) => this.#good.push(place);
  }

  /** Verifies the line `bytes[start, end)` of the record at `offset`. `start` is at least 1. */
  async feed(bytes: Buffer, start: number, end: number, offset: number): Promise<void> {
    this.lines++;
    if (this.verifier.state.stopped) return;
    const taken = this.#recorded;
    this.#good.length = 0;
    this.#offset = offset;
    this.#feeding = true;
    const pending = this.verifier.feed(bytes, start, end, this.lines, offset);
    if (pending !== undefined) await pending;
    this.#feeding = false;
    if (this.#recorded > taken || this.#frames === undefined) return;
    this.closeRun();
    const line = { stream: this.number, line: this.lines, offset, bytes: bytes.subarray(start, end) };
    this.#frames.add({ kind: 'line', ...line, good: this.#good.splice(0, MOST_SIGNATURES) });
  }

  /** Takes a line that was taken before, whose signatures `good` were verified then. */
  async resume(
    bytes: Buffer,
    start: number,
    end: number,
    line: number,
    offset: number,
    good: readonly Digest[],
  ): Promise<void> {
    for (const place of good) this.verifier.state.goodSignatures.add(place);
    await this.verifier.feed(bytes, start, end, line, offset);
    this.#good.length = 0;
    this.lines = line;
  }

  record(seq: number, leaf: Digest, epoch: Epoch, check: RunCheck): void {
    if (!this.#feeding) return;
    const step = stepOf(epoch, check);
    let run = this.#run;
    if (run === undefined || !goesOn(run, seq, epoch, check, step)) {
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

  /** Flushes the pending batch of verified records. */
  closeRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    this.#frames?.add({
      kind: 'run',
      stream: this.number,
      run: {
        ...run,
        line: this.#lastLine,
        offset: this.#lastOffset,
        leaves: this.#leaves.subarray(0, run.count * LEAF),
        frontier: this.#known ? this.#frontier : undefined,
      },
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
