import { setImmediate as nextTurn } from 'node:timers/promises';
import { TamperError } from '../errors.ts';
import { isOrigin } from '../format/origin.ts';
import type { Auditor } from '../verify/auditor/auditor.ts';
import { auditorFor } from '../verify/auditor/auditor-for.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import { ErasureBook } from '../verify/erasures/erasure-book.ts';
import { namesStream, patternsOf } from '../verify/files/grouping.ts';
import { LINE_LIMIT } from '../verify/input/line-splitter.ts';
import { Allowance } from '../verify/model/allowance.ts';
import { type Finding, FindingRoom } from '../verify/model/findings.ts';
import { TimelineRoom } from '../verify/model/timeline.ts';
import { linkedStream } from '../verify/verdict/linked-stream.ts';
import type { LinkedStream } from '../verify/verdict/links.ts';
import type { Frame, RunFrame } from './state/frames.ts';
import type { PendingFrames } from './state/pending-frames.ts';
import { type HeldBack, heldBackText, isLoss, type LossEvent, lossText, type StreamEvent } from './stream-event.ts';
import { type LaneRoom, StreamLane } from './stream-lane.ts';
import { TallyCounter } from './topic-tally.ts';

const LF = 0x0a;
/** So many streams are told apart in one topic. */
const MOST_STREAMS = 16_384;
/** After so many lines of what was fetched the event loop goes on: timers and signals wait for it. */
const LINES_AT_ONCE = 2 ** 12;
/** Room that all streams of a topic share, where each by itself may use less. */
const SHARED = {
  streams: MOST_STREAMS,
  epochs: 2 ** 18,
  keyBytes: 2 ** 28,
  signers: 2 ** 18,
  leaves: 2 ** 21,
  abandonments: 2 ** 18,
  rewoundLeaves: 2 ** 24,
  strangersSignatures: 2 ** 18,
  wrongSignatures: 2 ** 16,
  serviceFailures: 64,
  refusedKeys: 2 ** 12,
  refusedSigners: 2 ** 16,
  settling: 2 ** 28,
} as const;

/** What is found while a topic is read. */
export type OnTopicFinding = (origin: string, finding: Finding) => void;

/** The streams of a topic while it is read, each with a verifier of its own, in the order of its records. */
export class TopicStreams {
  readonly tally: TallyCounter = new TallyCounter();
  readonly #topic: string;
  readonly #patterns: readonly string[];
  readonly #continued: boolean;
  readonly #auditorFor: (origin: string) => Auditor;
  readonly #onFinding: OnTopicFinding;
  readonly #room: LaneRoom;
  readonly #shared = new Allowance(SHARED);
  readonly #byOrigin = new Map<string, StreamLane>();
  readonly #lanes: StreamLane[] = [];
  #scratch: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #replaying = false;
  #lines = 0;

  constructor(
    topic: string,
    options: VerifyOptions,
    held: readonly string[],
    pending: PendingFrames | undefined,
    onFinding: OnTopicFinding,
  ) {
    this.#topic = topic;
    this.#patterns = patternsOf(options);
    this.#continued = options.continued ?? false;
    this.#auditorFor = (origin) => auditorNow(options, origin, held);
    this.#onFinding = onFinding;
    this.#room = {
      allowance: this.#shared,
      findings: new FindingRoom(),
      timeline: new TimelineRoom(),
      quoteLines: options.quoteLines ?? false,
      pending,
    };
  }

  get streams(): number {
    return this.#lanes.length;
  }

  /** Whether the leaf hashes of a run may be asked for again. */
  keepsLeaves(run: RunFrame): boolean {
    return this.#lane(run.stream).keepsLeaves(run);
  }

  /** Whether a key service did not answer, so that what was taken might come out otherwise another time. */
  get keyServiceFailed(): boolean {
    return this.#lanes.some(({ findings }) => findings.count('KEY_SERVICE') > 0);
  }

  /** Takes one record of the topic. Its value is a line, or lines. */
  async take(partition: number, offset: number, key: Buffer | null, value: Buffer | null): Promise<void> {
    if (value === null || value.length === 0) return;
    const lane = this.#laneOf(partition, offset, key);
    if (lane === undefined) return;
    if (lane.partition !== partition) {
      if (!lane.divided) this.#happen({ what: 'second-partition', stream: lane.number, partition, offset });
      return;
    }
    const length = value.at(-1) === LF ? value.length - 1 : value.length;
    for (let start = 0; start <= length; ) {
      const lf = value.indexOf(LF, start);
      const end = lf < 0 || lf > length ? length : lf;
      await this.#line(lane, value, start, end, offset);
      if (++this.#lines % LINES_AT_ONCE === 0) await nextTurn();
      start = end + 1;
    }
  }

  /** Offsets of a partition were gone before they were read, or are gone that were read. */
  async lose(event: LossEvent): Promise<void> {
    this.tally.lose(event);
    await this.#happenTo(event);
  }

  /** Writes what the records so far came to. */
  closeRuns(): void {
    for (const lane of this.#lanes) lane.closeRun();
  }

  /**
   * Takes what was taken before, by another process.
   *
   * @throws {@link TamperError} `STATE_CONFLICT` where these keys would have given another result; `UNAVAILABLE` where a key
   *   service does not answer
   */
  async replay(frames: AsyncIterable<Frame>): Promise<void> {
    this.#replaying = true;
    for await (const frame of frames) {
      if (frame.kind === 'stream') this.#meet(frame.origin, frame.partition);
      else if (frame.kind === 'event') await this.#happenTo(frame.event);
      else if (frame.kind === 'lines') await this.#lane(frame.stream).resume(frame);
      else if (frame.kind === 'run') {
        const lane = this.#lane(frame.stream);
        if (!lane.resumeRun(frame)) throw this.#otherKeys(lane);
      }
    }
    this.#replaying = false;
  }

  /** The topic was read, but for what is held back: says of each stream what can only be said of the whole. */
  async end(heldBack: readonly HeldBack[]): Promise<LinkedStream[]> {
    for (const { verifier, partition } of this.#lanes) {
      const held = heldBack.find((one) => one.partition === partition);
      if (held !== undefined) {
        verifier.state.coverage.breakOffFile();
        verifier.state.findings.add(
          'FILES_MISSING',
          { file: this.#name(partition), offset: held.from },
          heldBackText(held),
        );
      }
      await verifier.endFile();
    }
    const streams = this.#lanes.map(({ verifier, partition }) => {
      verifier.end();
      return linkedStream(verifier.state, [this.#name(partition)]);
    });
    return streams.map((stream) => ({ ...stream, roots: this.#citedRoots(stream, streams) }));
  }

  /** Its roots at the sizes at which others say that they go on from it, as far as they are still known. */
  #citedRoots({ facts, roots }: LinkedStream, streams: readonly LinkedStream[]): LinkedStream['roots'] {
    const cited = streams.flatMap(({ after }) => (after?.origin === facts.origin ? [after.size] : []));
    const tree = this.#byOrigin.get(facts.origin)?.verifier.state.tree;
    const more = cited.flatMap((size) => {
      const seal = tree?.seal(size);
      return seal === undefined ? [] : [[size, seal.root] as const];
    });
    return more.length === 0 ? roots : new Map([...more, ...roots]);
  }

  #laneOf(partition: number, offset: number, key: Buffer | null): StreamLane | undefined {
    const origin = key?.toString('latin1') ?? '';
    const known = this.#byOrigin.get(origin);
    if (known !== undefined) return known;
    if (!isOrigin(origin)) {
      this.tally.keyless(partition, offset);
      return undefined;
    }
    if (!namesStream(this.#patterns, origin, this.#continued)) {
      this.tally.leaveOut(origin);
      return undefined;
    }
    if (!this.#shared.take('streams')) {
      this.tally.tooManyStreams();
      return undefined;
    }
    this.#room.pending?.add({ kind: 'stream', origin, partition });
    return this.#meet(origin, partition);
  }

  #meet(origin: string, partition: number): StreamLane {
    if (this.#replaying) this.#shared.take('streams');
    const lane = new StreamLane(this.#lanes.length, partition, this.#auditorFor(origin), this.#room, (finding) => {
      if (!this.#replaying) this.#onFinding(origin, finding);
    });
    lane.verifier.beginFile(this.#name(partition));
    this.#byOrigin.set(origin, lane);
    this.#lanes.push(lane);
    return lane;
  }

  async #line(lane: StreamLane, value: Buffer, start: number, end: number, offset: number): Promise<void> {
    if (end - start > LINE_LIMIT) {
      const event = { what: 'too-long', stream: lane.number, line: lane.lines + 1, offset } as const;
      this.#happen(event);
      return;
    }
    await lane.feed(this.#copy(value, start, end), 1, end - start + 1, offset);
  }

  /** Copies a line to where the byte before it may be borrowed. */
  #copy(bytes: Buffer, start: number, end: number): Buffer {
    if (end - start + 1 > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow((end - start + 1) * 2);
    bytes.copy(this.#scratch, 1, start, end);
    return this.#scratch;
  }

  async #happenTo(event: StreamEvent): Promise<void> {
    if (!isLoss(event)) {
      this.#happen(event);
      return;
    }
    this.#note(event);
    const { partition } = event;
    for (const lane of this.#lanes) {
      if (lane.partition !== partition || lane.verifier.state.coverage.stopped) continue;
      await lane.verifier.endFile();
      lane.verifier.beginFile(this.#name(partition));
      const message = `${lossText(event)}: what they held of this stream, if anything, is not here`;
      lane.verifier.state.find('FILES_MISSING', message);
    }
  }

  #happen(event: Exclude<StreamEvent, LossEvent>): void {
    this.#note(event);
    const lane = this.#lane(event.stream);
    const { state } = lane.verifier;
    if (event.what === 'second-partition') {
      lane.divided = true;
      const message = `records of this stream are in partition ${lane.partition} and in partition ${event.partition} (offset ${event.offset}): nobody can tell their order, and nothing from here on can be decided`;
      state.find('UNREADABLE', message);
    } else {
      lane.lines = event.line;
      state.place.at(event.line, event.offset);
      state.find('LIMIT', `this line is longer than ${LINE_LIMIT} bytes; nothing from here on can be decided`);
    }
    state.coverage.stop();
  }

  #note(event: StreamEvent): void {
    if (this.#replaying) return;
    this.closeRuns();
    this.#room.pending?.add({ kind: 'event', event });
  }

  #lane(number: number): StreamLane {
    const lane = this.#lanes[number];
    if (lane === undefined) throw new TamperError('INTERNAL', `there is no stream ${number} in this topic`);
    return lane;
  }

  #name(partition: number): string {
    return `kafka://${this.#topic}/${partition}`;
  }

  #otherKeys({ origin, findings }: StreamLane): TamperError {
    if (findings.count('KEY_SERVICE') > 0) {
      return new TamperError(
        'UNAVAILABLE',
        `the key service does not answer for ${origin}, so that its state cannot be used`,
        {
          retryable: true,
          hint: 'Nothing was read or changed: run it again when the key service answers.',
        },
      );
    }
    return new TamperError(
      'STATE_CONFLICT',
      `the records of ${origin} that were read before were checked by other keys than those that you name now`,
      { hint: 'Name the keys of then, or another --state PATH, with which the topic is read from its beginning.' },
    );
  }
}

/** The auditor of a stream that is read for as long as it may take: now is when the question is asked. */
function auditorNow(options: VerifyOptions, origin: string, held: readonly string[]): Auditor {
  // R1.3: no erasure log is read here, so nothing is recorded, and nothing can be called unrecorded
  const book = new ErasureBook(options.policy?.erasures ?? []);
  const auditor = auditorFor(options, origin, held);
  const erasures = book.told(origin, auditor.accept.erased);
  return Object.defineProperty({ ...auditor, erasures }, 'now', {
    get: () => options.now ?? new Date(),
    enumerable: true,
  });
}
