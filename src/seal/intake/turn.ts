/** How many lines, and how many bytes of them, one turn of the event loop takes at most. */
export const TURN_LINES = 4_096;
export const TURN_BYTES = 1_048_576;
/** How long a turn may last, in milliseconds: where lines cost more than usual, as with a seal for each, it ends earlier. */
const TURN_MS = 10;
/** The clock is read once for so many lines. */
const GLANCE = 16;

/** The work of one turn of the event loop: bounded, so that nothing else waits long however much is to be done. */
export class Turn {
  readonly #until: number = performance.now() + TURN_MS;
  #lines = 0;
  #bytes = 0;
  #over = false;

  /** A line, or a part of one, was taken. @returns whether another one may be */
  took(bytes: number): boolean {
    this.#lines++;
    this.#bytes += bytes;
    if (this.#lines >= TURN_LINES || this.#bytes >= TURN_BYTES) this.#over = true;
    else if (this.#lines % GLANCE === 0) this.glance();
    return !this.#over;
  }

  /** Several lines were taken at once. @returns whether another one may be */
  tookLines(lines: number, bytes: number): boolean {
    this.#lines += lines;
    this.#bytes += bytes;
    if (this.#lines >= TURN_LINES || this.#bytes >= TURN_BYTES) this.#over = true;
    else this.glance();
    return !this.#over;
  }

  /** How many lines may still be taken. */
  get linesLeft(): number {
    return Math.max(0, TURN_LINES - this.#lines);
  }

  /** Something was done that may have taken long. */
  glance(): void {
    if (performance.now() >= this.#until) this.#over = true;
  }

  get isOver(): boolean {
    return this.#over;
  }
}
