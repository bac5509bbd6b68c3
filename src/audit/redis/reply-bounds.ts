import { unreadable } from '../../foundation/guarded-socket.ts';

/** No reply of a queue is longer, in bytes; a job and a result are far below. */
const LONGEST = 16 * 1024 * 1024;
const LONGEST_LINE = 64 * 1024;
const MOST_MEMBERS = 1_000_000;
/** Arrays in arrays. */
const DEEPEST = 16;
/** So much of a line tells its type and its length. */
const SHOWN = 24;
/** No command is shorter, in bytes: `PING`. */
const SHORTEST_COMMAND = 14;
const LF = 0x0a;

/** Follows the replies of a Redis (RESP 2) as they arrive, and refuses one that would take the memory or the stack. */
export class ReplyBounds {
  readonly #party: string;
  readonly #written: () => number;
  #replies = 0;
  /** Members that are still to come, of each array that is open. */
  readonly #open: number[] = [];
  #bytes = 0;
  #members = 0;
  /** Of a string that is under way, its line end included. */
  #left = 0;
  #line = '';
  #lineLength = 0;

  /** @param written - how much Redis has been sent, in bytes: it gives no more replies than commands fit into that */
  constructor(party: string, written: () => number) {
    this.#party = party;
    this.#written = written;
  }

  /** @throws {@link TamperError} `RESPONSE_MALFORMED` */
  check(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const from = at;
      if (this.#left > 0) {
        at += Math.min(this.#left, bytes.length - at);
        this.#left -= at - from;
        this.#take(at - from);
        if (this.#left === 0) this.#end();
        continue;
      }
      const end = bytes.indexOf(LF, at);
      at = end < 0 ? bytes.length : end + 1;
      this.#line += bytes.toString('latin1', from, Math.min(at, from + Math.max(0, SHOWN - this.#line.length)));
      this.#lineLength += at - from;
      if (this.#lineLength > LONGEST_LINE) throw unreadable(this.#party, `a line of more than ${LONGEST_LINE} bytes`);
      this.#take(at - from);
      if (end >= 0) this.#begin();
    }
  }

  #take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > LONGEST) throw unreadable(this.#party, `more than ${LONGEST} bytes`);
  }

  /** A line is whole: a value, or how much of one follows. */
  #begin(): void {
    const [type, length] = [this.#line[0], Number.parseInt(this.#line.slice(1), 10)];
    this.#line = '';
    this.#lineLength = 0;
    if (type === '$' && length >= 0) {
      if (length > LONGEST) throw unreadable(this.#party, `more than ${LONGEST} bytes`);
      this.#left = length + 2;
    } else if (type === '*' && length > 0) {
      this.#members += length;
      if (this.#members > MOST_MEMBERS) throw unreadable(this.#party, `more than ${MOST_MEMBERS} members`);
      if (this.#open.push(length) > DEEPEST) throw unreadable(this.#party, `arrays ${DEEPEST} deep`);
    } else this.#end();
  }

  /** A value is whole, and so may be the arrays that it is the last member of. */
  #end(): void {
    for (let left = this.#open.pop(); left !== undefined; left = this.#open.pop()) {
      if (left === 1) continue;
      this.#open.push(left - 1);
      return;
    }
    this.#bytes = 0;
    this.#members = 0;
    if (++this.#replies * SHORTEST_COMMAND > this.#written()) throw unreadable(this.#party, 'replies to nothing');
  }
}
