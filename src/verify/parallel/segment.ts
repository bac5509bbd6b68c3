import { type Digest, digestText } from '../../core/hash.ts';
import type { KeySchedule } from '../../core/key-schedule.ts';
import { SubtreeBuilder } from '../../core/subtrees.ts';
import { hashLeafInPlace } from '../../core/tree.ts';
import { RecordMatcher } from '../../engine/record-matcher.ts';
import { type AuthMember, classifyLine, TAIL_LENGTH } from '../../format/entry.ts';
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
/** A shorter run is read by the reader of the whole in less time than it takes to tell of it. */
const SHORTEST_RUN = 8;
/** A part walks at most so many steps of a key schedule: what claims more is left to the reader of the whole. */
const STEP_LIMIT = 100_000;

interface Open {
  readonly from: number;
  readonly firstSeq: number;
  readonly kid: string;
  readonly member: AuthMember;
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
  readonly #matcher = new RecordMatcher();
  readonly #runs: CheckedRun[] = [];
  #open: Open | undefined;
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
      this.#line(from, lf);
      from = lf + 1;
    }
    this.#finish(from);
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

  #line(start: number, end: number): void {
    const open = this.#open;
    if (open !== undefined) {
      this.#matcher.expect(open.firstSeq + open.count, open.kid, open.member);
      if (this.#matcher.matches(this.#bytes, start, end) && this.#take(open, start, end)) return;
      this.#finish(start);
    }
    const read = classifyLine(this.#bytes.subarray(start, end));
    if (read.type === 'control') {
      const step = this.#stepAt(start);
      if (step !== undefined) this.#step = step + 1;
      else if (read.kind === 'open' || read.kind === 'key') this.#step = this.#nextStep(end);
    }
    if (read.type !== 'record' || read.as !== undefined) return;
    const begun = this.#begin(start, read.seq, `${read.tag}.${read.epoch}`, read.member);
    this.#matcher.expect(read.seq, begun.kid, begun.member);
    if (this.#matcher.matches(this.#bytes, start, end) && this.#take(begun, start, end)) this.#open = begun;
    else begun.schedule?.erase();
  }

  #begin(from: number, firstSeq: number, kid: string, member: AuthMember): Open {
    const shared = member === 'mac' ? this.#keys.find((one) => one.kid === kid) : undefined;
    const schedule = shared === undefined ? undefined : this.#scheduleAt(shared, this.#step);
    return { from, firstSeq, kid, member, subtrees: new SubtreeBuilder(firstSeq - 1), shared, schedule, count: 0 };
  }

  /** A copy of the shared schedule at a step; undefined where the walk would be too long. */
  #scheduleAt({ schedule }: SharedKey, step = -1): KeySchedule | undefined {
    if (step < schedule.step || step - schedule.step > this.#stepsLeft) return undefined;
    this.#stepsLeft -= step - schedule.step;
    const own = schedule.clone();
    own.walkTo(step);
    return own;
  }

  /** Takes a record whose form is right; false where its auth is not. */
  #take(open: Open, start: number, end: number): boolean {
    const bytes = this.#bytes;
    const leaf = hashLeafInPlace(bytes, start, end - TAIL_LENGTH);
    const { schedule } = open;
    if (open.member === 'hash' || schedule !== undefined) {
      const auth = bytes.toString('latin1', end - TAIL_LENGTH, end - 3);
      if (auth !== (schedule === undefined ? digestText(leaf) : schedule.authenticate(leaf))) return false;
    }
    this.#keep(open.count, leaf);
    open.subtrees.append(leaf);
    open.count++;
    return true;
  }

  #keep(index: number, leaf: Digest): void {
    if ((index + 1) * 32 > this.#leaves.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(this.#leaves.length * 2, 32 * 1024));
      wider.set(this.#leaves);
      this.#leaves = wider;
    }
    this.#leaves.write(leaf, index * 32, 32, 'latin1');
  }

  #finish(to: number): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    const { from, firstSeq, count, kid, member, shared, schedule, subtrees } = open;
    schedule?.erase();
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
      ...(shared !== undefined && schedule !== undefined && { macs: { key: shared.key, step: schedule.step } }),
      leaves: Uint8Array.from(this.#leaves.subarray(0, count * 32)),
      subtrees: subtrees.subtrees,
    });
  }
}
