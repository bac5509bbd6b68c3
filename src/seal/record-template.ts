import { type AuthMember, formatRecordMember } from '../format/entry.ts';

/** The most digits a seq has (2^53-1). */
const MAX_DIGITS = 16;
const NINE = 0x39;
const ZERO = 0x30;

/**
 * `,"integrity":{"seq":SEQ,"key_id":"KID","mac|hash":"`: what follows the application's part of a record, with a seq that
 * counts in place. Building this text anew for each record would cost as much as hashing it.
 */
export class RecordTemplate {
  /** The text; its first {@link RecordTemplate.length} bytes count. */
  readonly bytes: Buffer;
  readonly #head: string;
  readonly #tail: string;
  #seq = 0;
  #length = 0;
  #lastDigit = 0;

  constructor(kid: string, member: AuthMember) {
    const [head, tail] = `,${formatRecordMember(1, kid, member)}`.split(':1,') as [string, string];
    this.#head = `${head}:`;
    this.#tail = `,${tail}`;
    this.bytes = Buffer.allocUnsafeSlow(this.#head.length + MAX_DIGITS + this.#tail.length);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes the text that of `seq`; the next one up costs one byte. */
  set(seq: number): void {
    if (seq === this.#seq + 1 && this.#increment()) this.#seq = seq;
    else if (seq !== this.#seq) this.#write(seq);
  }

  #increment(): boolean {
    const { bytes } = this;
    let at = this.#lastDigit;
    while (bytes[at] === NINE) bytes[at--] = ZERO;
    const digit = bytes[at] as number;
    if (digit < ZERO || digit > NINE) return false; // one digit more
    bytes[at] = digit + 1;
    return true;
  }

  #write(seq: number): void {
    const text = `${this.#head}${seq}${this.#tail}`;
    this.#length = this.bytes.write(text, 0, 'latin1');
    this.#lastDigit = this.#length - this.#tail.length - 1;
    this.#seq = seq;
  }
}
