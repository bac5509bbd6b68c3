import {
  decodeFrames,
  encodeFrame,
  type Frame,
  LAST_SIZE,
  type LeavesKept,
  type LinesFrame,
  shorterFrames,
} from './frames.ts';

const LEAST = 2 ** 16;
const LF = 0x0a;

/** What was taken since the last snapshot, as bytes: an object for each of many short lines would take more. */
export class PendingFrames {
  #bytes: Buffer = Buffer.allocUnsafeSlow(LEAST);
  /** In bytes. */
  length = 0;
  /** The frame at the end, if the next line may be of the same record. */
  #last: { readonly at: number; readonly frame: LinesFrame; lines: number } | undefined;

  add(frame: Frame): void {
    if (frame.kind === 'lines' && this.#extend(frame)) return;
    this.#last = frame.kind === 'lines' ? { at: this.length, frame, lines: 1 } : undefined;
    this.#put(encodeFrame(frame));
  }

  async *frames(): AsyncGenerator<Frame> {
    yield* decodeFrames(this.#bytes.subarray(0, this.length));
  }

  clear(): void {
    this.#bytes = Buffer.allocUnsafeSlow(LEAST);
    this.#last = undefined;
    this.length = 0;
  }

  /** Says the same in fewer bytes. */
  async shorten(keeps: LeavesKept): Promise<void> {
    const shorter = new PendingFrames();
    for await (const frame of shorterFrames(this.frames(), keeps)) shorter.add(frame);
    this.#bytes = shorter.#bytes;
    this.length = shorter.length;
    this.#last = undefined;
  }

  /** Adds lines to the frame at the end. */
  #extend({ stream, line, offset, digests, bytes }: LinesFrame): boolean {
    const last = this.#last;
    if (last === undefined || digests.length > 0) return false;
    const { at, frame } = last;
    if (frame.stream !== stream || frame.offset !== offset || frame.line + last.lines !== line) return false;
    last.lines++;
    this.#put([LF]);
    this.#put(bytes);
    this.#bytes.writeUInt32LE(this.#bytes.readUInt32LE(at + LAST_SIZE) + 1 + bytes.length, at + LAST_SIZE);
    return true;
  }

  #put(bytes: ArrayLike<number>): void {
    const end = this.length + bytes.length;
    if (end > this.#bytes.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, end));
      wider.set(this.#bytes.subarray(0, this.length));
      this.#bytes = wider;
    }
    this.#bytes.set(bytes, this.length);
    this.length = end;
  }
}
