import { type Digest, digestBytes, digestFrom } from '../../core/hash.ts';
import { type RecordedRun, RUN_CHECKS } from '../../verify/stream/recorded-run.ts';

/**
 * What was taken from a topic, in the order in which it was taken: enough to bring new verifiers to where the old ones stood.
 * Control lines and foreign lines are stored verbatim; of the records between them, only the result.
 */
export type Frame =
  /** A stream was met; streams are numbered in this order, from 0. */
  | { readonly kind: 'stream'; readonly origin: string; readonly partition: number }
  | LineFrame
  | { readonly kind: 'run'; readonly stream: number; readonly run: RecordedRun }
  | { readonly kind: 'event'; readonly event: StreamEvent };

interface LineFrame {
  readonly kind: 'line';
  readonly stream: number;
  readonly line: number;
  readonly offset: number;
  readonly bytes: Buffer;
  /** The signatures in it that verified, as the verifier names them: none has to be verified twice. */
  readonly good: readonly Digest[];
}

/** What is no line, and is found all the same. */
export type StreamEvent =
  /** Offsets `[from, to)` of a partition were gone before they were read. */
  | { readonly what: 'gap'; readonly partition: number; readonly from: number; readonly to: number }
  /** A partition ends at `to`, and was read up to `from`. */
  | { readonly what: 'cut'; readonly partition: number; readonly from: number; readonly to: number }
  /** A record of a stream stands in a second partition. */
  | { readonly what: 'second-partition'; readonly stream: number; readonly partition: number; readonly offset: number }
  /** A line that no reader takes. */
  | { readonly what: 'too-long'; readonly stream: number; readonly line: number; readonly offset: number };

const KINDS = ['stream', 'line', 'run', 'event'] as const;
const LINE_HEAD = 1 + 4 + 8 + 8 + 4 + 1;
const RUN_HEAD = 1 + 4 + 8 + 4 + 8 + 1 + 8 + 8 + 8 + 1 + 4;
const DIGEST = 32;

/** Frames as bytes, until they are written. */
export class FrameBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #end = 0;

  get length(): number {
    return this.#end;
  }

  /** The bytes so far; good until the next frame. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  clear(): void {
    this.#end = 0;
    if (this.#bytes.length > 16 * 2 ** 20) this.#bytes = Buffer.allocUnsafeSlow(64 * 1024);
  }

  add(frame: Frame): void {
    if (frame.kind === 'line') this.#addLine(frame);
    else if (frame.kind === 'run') this.#addRun(frame.stream, frame.run);
    else this.#addText(frame.kind, JSON.stringify(frame));
  }

  #addLine({ stream, line, offset, bytes, good }: LineFrame): void {
    this.#room(LINE_HEAD + bytes.length + DIGEST * good.length);
    this.#kind('line');
    this.#uint32(stream);
    this.#number(line);
    this.#number(offset);
    this.#uint32(bytes.length);
    this.#byte(good.length);
    this.#put(bytes);
    for (const digest of good) this.#put(digestBytes(digest));
  }

  #addRun(stream: number, { frontier, ...run }: RecordedRun): void {
    this.#room(RUN_HEAD + DIGEST * (frontier?.length ?? 0) + run.leaves.length);
    this.#kind('run');
    this.#uint32(stream);
    this.#number(run.firstSeq);
    this.#uint32(run.count);
    this.#number(run.epoch);
    this.#byte(RUN_CHECKS.indexOf(run.check));
    this.#number(run.step);
    this.#number(run.line);
    this.#number(run.offset);
    this.#byte(frontier === undefined ? 0 : frontier.length + 1);
    this.#uint32(run.leaves.length);
    for (const digest of frontier ?? []) this.#put(digestBytes(digest));
    this.#put(run.leaves);
  }

  #addText(kind: 'stream' | 'event', text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.#room(5 + bytes.length);
    this.#kind(kind);
    this.#uint32(bytes.length);
    this.#put(bytes);
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + bytes));
    wider.set(this.bytes);
    this.#bytes = wider;
  }

  #kind(kind: Frame['kind']): void {
    this.#byte(KINDS.indexOf(kind));
  }

  #byte(value: number): void {
    this.#end = this.#bytes.writeUInt8(value, this.#end);
  }

  #uint32(value: number): void {
    this.#end = this.#bytes.writeUInt32LE(value, this.#end);
  }

  #number(value: number): void {
    this.#end = this.#bytes.writeDoubleLE(value, this.#end); // exact for every seq, offset and step
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }
}

/** The frames of bytes that a {@link FrameBuffer} made; their buffers are parts of these bytes. @throws RangeError for others */
export function* framesOf(bytes: Buffer): Generator<Frame> {
  for (let at = 0; at < bytes.length; ) {
    const reader = new FrameReader(bytes, at);
    yield reader.frame();
    at = reader.at;
  }
}

class FrameReader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  frame(): Frame {
    const kind = KINDS[this.#byte()];
    if (kind === undefined) throw new RangeError('no frame begins here');
    if (kind === 'line') return this.#line();
    if (kind === 'run') return this.#run();
    return JSON.parse(this.#take(this.#uint32()).toString('utf8')) as Frame;
  }

  #line(): Frame {
    const [stream, line, offset] = [this.#uint32(), this.#number(), this.#number()];
    const [length, signatures] = [this.#uint32(), this.#byte()];
    const bytes = this.#take(length);
    const good = Array.from({ length: signatures }, () => digestFrom(this.#take(DIGEST)));
    return { kind: 'line', stream, line, offset, bytes, good };
  }

  #run(): Frame {
    const [stream, firstSeq, count, epoch] = [this.#uint32(), this.#number(), this.#uint32(), this.#number()];
    const check = RUN_CHECKS[this.#byte()];
    if (check === undefined) throw new RangeError('a run that was checked in no known way');
    const [step, line, offset] = [this.#number(), this.#number(), this.#number()];
    const [subtrees, leafBytes] = [this.#byte(), this.#uint32()];
    const digests: Digest[] = [];
    for (let left = subtrees - 1; left > 0; left--) digests.push(digestFrom(this.#take(DIGEST)));
    const frontier = subtrees === 0 ? undefined : digests;
    const leaves = this.#take(leafBytes);
    return { kind: 'run', stream, run: { firstSeq, count, epoch, check, step, line, offset, leaves, frontier } };
  }

  #byte(): number {
    return this.#take(1).readUInt8();
  }

  #uint32(): number {
    return this.#take(4).readUInt32LE();
  }

  #number(): number {
    return this.#take(8).readDoubleLE();
  }

  #take(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw new RangeError('a frame that is cut short');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
}
