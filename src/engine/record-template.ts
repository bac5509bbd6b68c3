import { type AuthMember, formatRecordMember, hasAuthForm, TAIL_LENGTH, type Wrapping } from '../format/entry.ts';

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

/**
 * The expected end of the next record, compared as bytes so that nothing is parsed on the way of an honest line: our
 * member with the next seq, kept in a template whose decimal counter is incremented in place.
 */
export class RecordMatcher {
  #template: Buffer = Buffer.alloc(0);
  #digitsStart = 0;
  #digitsEnd = 0;
  #seq = 0;
  #kid = '';
  #member: AuthMember = 'mac';
  readonly #as: string;

  /** @param as - how the lines of the records are wrapped. Default: not */
  constructor(as?: Wrapping) {
    this.#as = as === undefined ? '' : `,"as":"${as}"`;
  }

  /** Prepares for the record `seq` of a key period. */
  expect(seq: number, kid: string, member: AuthMember): void {
    if (seq === this.#seq + 1 && kid === this.#kid && member === this.#member) {
      this.#increment();
      return;
    }
    if (seq === this.#seq && kid === this.#kid && member === this.#member) return;
    const head = ',"integrity":{"seq":';
    this.#template = Buffer.from(`${head}${seq}${this.#as},"key_id":"${kid}","${member}":"`, 'latin1');
    this.#digitsStart = head.length;
    this.#digitsEnd = head.length + String(seq).length;
    this.#seq = seq;
    this.#kid = kid;
    this.#member = member;
  }

  /** Whether the line that ends at `end` in `bytes` and starts at `start` ends as the expected record does. */
  matches(bytes: Buffer, start: number, end: number): boolean {
    return this.matchesButForAuth(bytes, start, end) && hasAuthForm(bytes, end - 3);
  }

  /** The same, whatever stands for the auth: for who compares that. */
  matchesButForAuth(bytes: Buffer, start: number, end: number): boolean {
    const template = this.#template;
    const leafEnd = end - TAIL_LENGTH;
    const at = leafEnd - template.length;
    return (
      at > start &&
      bytes[end - 1] === 0x7d &&
      bytes[end - 2] === 0x7d &&
      bytes[end - 3] === 0x22 &&
      bytes.compare(template, 0, template.length, at, leafEnd) === 0
    );
  }

  /** Where our member begins, with the comma before it, in a line that ends at `end` and matches. */
  memberOf(end: number): number {
    return end - TAIL_LENGTH - this.#template.length;
  }

  #increment(): void {
    this.#seq++;
    const template = this.#template;
    for (let at = this.#digitsEnd - 1; at >= this.#digitsStart; at--) {
      if (template[at] !== 0x39) {
        template[at] = (template[at] as number) + 1;
        return;
      }
      template[at] = 0x30;
    }
    const { length } = template;
    const wider = Buffer.allocUnsafeSlow(length + 1);
    template.copy(wider, 0, 0, this.#digitsStart);
    wider[this.#digitsStart] = 0x31;
    template.copy(wider, this.#digitsStart + 1, this.#digitsStart);
    this.#digitsEnd++;
    this.#template = wider;
  }
}
