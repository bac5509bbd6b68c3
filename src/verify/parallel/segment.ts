import type { Digest } from '../../core/hash.ts';
import type { KeySchedule } from '../../core/key-schedule.ts';
import { SubtreeBuilder } from '../../core/subtrees.ts';
import { Frontier } from '../../core/tree.ts';
import { LEAF_BYTES } from '../../engine/engine.ts';
import { selectedEngine } from '../../engine/selected-engine.ts';
import { type AuthMember, classifyLine, type RecordLine } from '../../format/entry.ts';
import type { CheckedRun } from '../stream/checked-run.ts';

/** The records of a part of a file, checked without knowing what stands before it. */

/** The data key of a key period, shared with a process that checks records. */
export interface SharedKey {
  readonly key: number;
  readonly kid: string;
  /** At the lowest step that may still be asked for. */
  readonly schedule: KeySchedule;
}

const LF = 0x0a;
const CONTROL = Buffer.from('\n{"integrity":{"seq":', 'latin1');
const STEP = /^\{"integrity":\{"seq":[0-9]{1,16},"kind":"(?:seal|close)","step":([0-9]{1,16}),/;
/** Longer than what {@link STEP} can match. */
const STEP_LENGTH = 96;
/** A shorter run costs more to send than to verify. */
const SHORTEST_RUN = 8;
/** A part walks at most so many steps of a key schedule: what claims more is left to the reader of the whole. */
const STEP_LIMIT = 100_000;

/** So many records are checked at once at most; a power of two, so that they can be a complete subtree. */
const BATCH = 8_192;

interface Run {
  readonly from: number;
  readonly firstSeq: number;
  readonly kid: string;
  readonly member: AuthMember;
  readonly salted: boolean;
  readonly subtrees: SubtreeBuilder;
  readonly shared: SharedKey | undefined;
  readonly schedule: KeySchedule | undefined;
  count: number;
}

/** Checks the records among the whole lines of `bytes[1, end)`, which stand at `offset` in their file. */
export class SegmentCheck {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #base: number;
  readonly #keys: readonly SharedKey[];
  readonly #runs: CheckedRun[] = [];
  #leaves: Buffer = Buffer.alloc(0);
  #step: number | undefined;
  #stepsLeft = STEP_LIMIT;
  /** The seal or close that was found last, and where its search began. */
  #found: { readonly from: number; readonly at: number; readonly step: number | undefined } | undefined;

  constructor(bytes: Buffer, end: number, offset: number, keys: readonly SharedKey[]) {
    this.#bytes = bytes;
    this.#end = end;
    this.#base = offset - 1;
    this.#keys = keys;
  }

  /** `start` is where the first whole line begins. */
  runs(start: number): CheckedRun[] {
    this.#step = this.#nextStep(start);
    let from = start;
    for (let lf = this.#bytes.indexOf(LF, from); lf >= 0 && lf < this.#end; lf = this.#bytes.indexOf(LF, from)) {
      from = Math.max(this.#line(from, lf), lf + 1);
    }
    return this.#runs;
  }

  /** The step that the next seal or close claims; that it is the right one the MACs show. Each byte is searched once. */
  #nextStep(start: number): number | undefined {
    const from = start - 1;
    if (this.#found === undefined || from < this.#found.from || from > this.#found.at) this.#found = this.#search(from);
    return this.#found.step;
  }

  #search(from: number): { from: number; at: number; step: number | undefined } {
    for (
      let at = this.#bytes.indexOf(CONTROL, from);
      at >= 0 && at < this.#end;
      at = this.#bytes.indexOf(CONTROL, at + 1)
    ) {
      const step = this.#stepAt(at + 1);
      if (step !== undefined) return { from, at, step };
    }
    return { from, at: Number.POSITIVE_INFINITY, step: undefined };
  }

  #stepAt(start: number): number | undefined {
    const match = STEP.exec(this.#bytes.toString('latin1', start, Math.min(start + STEP_LENGTH, this.#end)));
    return match === null ? undefined : Number(match[1]);
  }

  /** Looks at the line `bytes[start, end)`. @returns where the run of records ends that begins with it, or `start` */
  #line(start: number, end: number): number {
    const read = classifyLine(this.#bytes.subarray(start, end));
    if (read.type === 'control') {
      const step = this.#stepAt(start);
      if (step !== undefined) this.#step = step + 1;
      else if (read.kind === 'open' || read.kind === 'key') this.#step = this.#nextStep(end);
    }
    if (read.type !== 'record' || read.as === 'base64' || read.commit !== undefined) return start;
    return this.#run(start, read);
  }

  /** Takes the records from `from` on as far as they are right. @returns where they end */
  #run(from: number, { seq: firstSeq, tag, epoch, member, salt }: RecordLine): number {
    const kid = `${tag}.${epoch}`;
    const salted = salt !== undefined;
    const shared = member === 'mac' ? this.#keys.find((one) => one.kid === kid) : undefined;
    const schedule = shared === undefined ? undefined : this.#scheduleAt(shared, this.#step);
    const subtrees = new SubtreeBuilder(firstSeq - 1);
    const run: Run = { from, firstSeq, kid, member, salted, subtrees, shared, schedule, count: 0 };
    let to = from;
    try {
      for (let end = this.#batch(run, to); end > to; end = this.#batch(run, to)) to = end;
    } finally {
      schedule?.erase();
    }
    this.#finish(run, to);
    return to;
  }

  /** A copy of the shared schedule at a step; undefined where the walk would be too long. */
  #scheduleAt({ schedule }: SharedKey, step = -1): KeySchedule | undefined {
    if (step < schedule.step || step - schedule.step > this.#stepsLeft) return undefined;
    this.#stepsLeft -= step - schedule.step;
    const own = schedule.clone();
    own.walkTo(step);
    return own;
  }

  /** Takes records that can become a complete subtree. @returns where they end */
  #batch(run: Run, from: number): number {
    const { firstSeq, kid, member, salted, schedule, subtrees } = run;
    const seq = firstSeq + run.count;
    const frontier = new Frontier();
    const { records, end } = selectedEngine().checkRecords({
      bytes: this.#bytes,
      from,
      to: this.#end,
      seq,
      kid,
      member,
      salted,
      records: mostAfter(seq - 1),
      checksAuth: member === 'hash' || schedule !== undefined,
      key: schedule?.recordKey,
      frontier,
      leaves: this.#roomFor(run.count),
    });
    for (const [at, height] of heightsOf(records).entries()) {
      subtrees.append({ height, root: frontier.subtrees[at] as Digest });
    }
    run.count += records;
    return end;
  }

  /** Room for the leaf hashes of a batch behind so many. */
  #roomFor(count: number): Buffer {
    const full = (count + BATCH) * LEAF_BYTES;
    if (full > this.#leaves.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(this.#leaves.length * 2, full));
      wider.set(this.#leaves);
      this.#leaves = wider;
    }
    return this.#leaves.subarray(count * LEAF_BYTES, full);
  }

  #finish({ from, firstSeq, count, kid, member, salted, shared, schedule, subtrees }: Run, to: number): void {
    if (count < SHORTEST_RUN) return;
    // parts come in their order, so no lower step is asked for again
    if (schedule !== undefined) shared?.schedule.walkTo(schedule.step);
    this.#runs.push({
      from: this.#base + from,
      to: this.#base + to,
      firstSeq,
      count,
      kid,
      member,
      salted,
      ...(shared !== undefined && schedule !== undefined && { macs: { key: shared.key, step: schedule.step } }),
      leaves: Uint8Array.from(this.#leaves.subarray(0, count * LEAF_BYTES)),
      subtrees: subtrees.subtrees,
    });
  }
}

/** How many leaves at most make one complete subtree behind `size` leaves. */
function mostAfter(size: number): number {
  const rest = size % BATCH;
  return rest === 0 ? BATCH : rest & -rest;
}

/** The heights of the complete subtrees of a tree of so many leaves, largest first. */
function heightsOf(leaves: number): number[] {
  const heights: number[] = [];
  for (let height = 31 - Math.clz32(leaves); height >= 0; height--) if ((leaves >> height) & 1) heights.push(height);
  return heights;
}
