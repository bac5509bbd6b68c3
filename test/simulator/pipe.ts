import type { Random } from './random.ts';
import { systemError } from './system-calls.ts';

/** What the process at the other end of a pipe does. `reads`: at once; `ends`: once it has read all; `dies`: with what it has not read. */
export type ReaderMood = 'reads' | 'slow' | 'stalls' | 'ends' | 'dies';

/** What a pipe of Linux holds, in bytes, and how much of it is written as a whole or not at all (pipe(7)). */
const CAPACITY = 65_536;
const PIPE_BUF = 4_096;

/** Standard output as a pipe that does not block, and the process that keeps what it reads from it. */
export class Pipe {
  readonly #random: Random;
  readonly #kept: Buffer[] = [];
  #unread: Buffer[] = [];
  #mood: ReaderMood = 'reads';
  /** What somebody had written was lost with its reader. */
  hasLost = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** All that a reader has kept. */
  get content(): Buffer {
    return Buffer.concat(this.#kept);
  }

  become(mood: ReaderMood): void {
    if (this.#isGone) return; // nobody comes back to a pipe
    if (mood === 'reads' || mood === 'ends') this.#take(CAPACITY);
    if (mood === 'dies') this.lose();
    this.#mood = mood;
  }

  /** The next process gets a pipe of its own. What its predecessor left is read to its end. */
  renew(): void {
    if (!this.#isGone) this.#take(CAPACITY);
    this.#mood = 'reads';
  }

  /** Whoever has not read it never does. */
  lose(): void {
    this.hasLost ||= this.#unread.length > 0;
    this.#unread = [];
  }

  /** @returns how much of it was taken */
  write(bytes: Buffer): number {
    if (this.#isGone) throw systemError('EPIPE', 'write');
    if (this.#mood === 'reads') this.#take(CAPACITY);
    if (this.#mood === 'slow') this.#take(this.#random.between(0, PIPE_BUF));
    const room = CAPACITY - this.#held;
    if (room === 0 || (bytes.length <= PIPE_BUF && bytes.length > room)) throw systemError('EAGAIN', 'write');
    const part = Buffer.from(bytes.subarray(0, room));
    this.#unread.push(part);
    return part.length;
  }

  get #isGone(): boolean {
    return this.#mood === 'ends' || this.#mood === 'dies';
  }

  get #held(): number {
    return this.#unread.reduce((sum, { length }) => sum + length, 0);
  }

  #take(most: number): void {
    const all = Buffer.concat(this.#unread);
    this.#kept.push(all.subarray(0, most));
    this.#unread = all.length > most ? [all.subarray(most)] : [];
  }
}
