import type { Digest } from '../../core/hash.ts';
import type { RecordedRun } from '../../verify/stream/recorded-run.ts';
import type { StreamEvent } from '../stream-event.ts';
import type { TopicTally } from '../topic-tally.ts';

/**
 * What was taken from a topic, in its order: enough to bring new verifiers to where the old ones stood. Control lines and foreign
 * lines are stored verbatim; for the records between them, only the result.
 */
export type Frame =
  | SavedState
  /** A stream was met; streams are numbered in this order, from 0. */
  | { readonly kind: 'stream'; readonly origin: string; readonly partition: number }
  | LinesFrame
  | RunFrame
  | { readonly kind: 'event'; readonly event: StreamEvent };

/** The beginning of a snapshot. */
export interface SavedState {
  readonly kind: 'saved';
  readonly version: number;
  readonly owner: StateOwner;
  readonly positions: readonly (readonly [partition: number, offset: number])[];
  readonly tally: TopicTally;
}

/** Whose state it is. */
export interface StateOwner {
  /** The id of the cluster, as the brokers say it. */
  readonly cluster: string;
  readonly topic: string;
  /** A topic that is deleted and made anew has another one. */
  readonly topicId: string;
  /** The names of the streams, as the auditor gave them. */
  readonly origins: readonly string[];
  /** Hex SHA-256 of what the policy says; empty without one. */
  readonly policy: string;
}

/** Lines of one record, with LF between them; `digests`: the signatures that verified, as the verifier names them. */
export interface LinesFrame extends Binary {
  readonly kind: 'lines';
  readonly stream: number;
  /** The number of the first one. */
  readonly line: number;
  readonly offset: number;
}

/** `digests`: the frontier behind the run, if it has one; `bytes`: the leaf hashes, or nothing if they are too old. */
export interface RunFrame extends Omit<RecordedRun, 'leaves' | 'frontier'>, Binary {
  readonly kind: 'run';
  readonly stream: number;
  readonly hasFrontier: boolean;
}

/** What is not written as JSON. */
interface Binary {
  readonly digests: readonly Digest[];
  readonly bytes: Uint8Array;
}

const DIGEST = 32;
const SIZES = 12;
/** Where the size of `bytes` is in an encoded frame, which ends with them. */
export const LAST_SIZE = 8;

/** The sizes of three parts (text, digests, bytes), then the parts; the text is JSON. */
export function encodeFrame({ digests = [], bytes = new Uint8Array(0), ...said }: Frame & Partial<Binary>): Buffer {
  const text = JSON.stringify(said);
  const digest = SIZES + Buffer.byteLength(text, 'utf8');
  const own = digest + DIGEST * digests.length;
  const frame = Buffer.allocUnsafe(own + bytes.length);
  frame.writeUInt32LE(digest - SIZES, 0);
  frame.writeUInt32LE(digests.length, 4);
  frame.writeUInt32LE(bytes.length, LAST_SIZE);
  frame.write(text, SIZES, 'utf8');
  frame.write(digests.join(''), digest, 'latin1');
  frame.set(bytes, own);
  return frame;
}

/** The frames that are complete in `bytes`, of which their own bytes are parts. @returns the rest */
export function* decodeFrames(bytes: Buffer): Generator<Frame, Buffer> {
  for (let at = 0; ; ) {
    const rest = bytes.subarray(at);
    if (rest.length < SIZES) return rest;
    const digest = SIZES + rest.readUInt32LE(0);
    const own = digest + DIGEST * rest.readUInt32LE(4);
    const end = own + rest.readUInt32LE(LAST_SIZE);
    if (end > rest.length) return rest;
    const digests: Digest[] = [];
    for (let one = digest; one < own; one += DIGEST) digests.push(rest.toString('latin1', one, one + DIGEST));
    const said = JSON.parse(rest.toString('utf8', SIZES, digest)) as Frame;
    yield Object.assign(said, { digests, bytes: rest.subarray(own, end) });
    at += end;
  }
}

/** Not a part of what was read, which would be kept with it. */
const NOTHING = new Uint8Array(0);

/** Whether the leaf hashes of a run may be asked for again. */
export type LeavesKept = (run: RunFrame) => boolean;

/** Says the same in fewer bytes: without leaf hashes that nobody asks for again, and with runs that follow one another as one. */
export async function* shorterFrames(frames: AsyncIterable<Frame>, keeps: LeavesKept): AsyncGenerator<Frame> {
  const waiting = new Map<number, RunFrame>();
  for await (const frame of frames) {
    const run = frame.kind === 'run' ? withoutOldLeaves(frame, keeps) : undefined;
    const before = run && waiting.get(run.stream);
    if (run !== undefined && before !== undefined && goesOn(before, run)) {
      waiting.set(run.stream, { ...run, firstSeq: before.firstSeq, count: before.count + run.count });
      continue;
    }
    for (const stream of 'stream' in frame ? [frame.stream] : [...waiting.keys()]) {
      const ended = waiting.get(stream);
      if (ended !== undefined) yield ended;
      waiting.delete(stream);
    }
    if (run?.bytes.length === 0) waiting.set(run.stream, run);
    else yield frame;
  }
  yield* waiting.values();
}

function withoutOldLeaves(run: RunFrame, keeps: LeavesKept): RunFrame {
  return run.bytes.length > 0 && keeps(run) ? run : { ...run, bytes: NOTHING };
}

function goesOn(before: RunFrame, run: RunFrame): boolean {
  return (
    run.bytes.length === 0 &&
    before.firstSeq + before.count === run.firstSeq &&
    before.check === run.check &&
    before.step === run.step &&
    before.epoch === run.epoch &&
    before.hasFrontier === run.hasFrontier
  );
}
