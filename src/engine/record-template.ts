import { type AuthMember, formatRecordMember } from '../format/entry.ts';

const NINE = 0x39;
const ZERO = 0x30;

/**
 * `,"integrity":{"seq":SEQ,"key_id":"KID","mac|hash":"`: what follows the application's part of a record, with a seq that
 * counts in place. Building this text anew for each record would cost as much as hashing it.
 */
export class RecordTemplate {
  readonly #head: string;
  readonly #tail: string;
  #seq = Number.NaN;
  #bytes: Buffer = Buffer.alloc(0);
  #lastDigit = 0;

  constructor(kid: string, member: AuthMember) {
    const [head, tail] = `,${formatRecordMember(1, kid, member)}`.split(':1,') as [string, string];
    this.#head = `${head}:`;
    this.#tail = `,${tail}`;
  }

  /** The text of the seq that was set last. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Makes the text that of `seq`; the next one up costs one byte. */
  set(seq: number): void {
    if (seq === this.#seq + 1 && this.#increment()) this.#seq = seq;
    else if (seq !== this.#seq) this.#write(seq);
  }

  #increment(): boolean {
    const bytes = this.#bytes;
    let at = this.#lastDigit;
    while (bytes[at] === NINE) bytes[at--] = ZERO;
    const digit = bytes[at] as number;
    if (digit < ZERO || digit > NINE) return false; // one digit more
    bytes[at] = digit + 1;
    return true;
  }

  #write(seq: number): void {
    this.#bytes = Buffer.from(`${this.#head}${seq}${this.#tail}`, 'latin1');
    this.#lastDigit = this.#bytes.length - this.#tail.length - 1;
    this.#seq = seq;
  }
}
