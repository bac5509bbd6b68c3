import { type AuthMember, hasAuthForm, TAIL_LENGTH, type Wrapping } from '../format/entry.ts';

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
