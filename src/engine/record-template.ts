import { type Digest, sha256 } from '../core/hash.ts';
import { hashLeafInPlace } from '../core/tree.ts';
import {
  type AuthMember,
  formatRecordMember,
  hasAuthForm,
  hasSaltForm,
  SALT_LENGTH,
  SALT_TEXT_LENGTH,
  TAIL_LENGTH,
  type Wrapping,
} from '../format/entry.ts';
import { commitmentOf } from '../format/leaf.ts';

const NINE = 0x39;
const ZERO = 0x30;
const COMMIT_LENGTH = 43;
const ANY_SALT = 'A'.repeat(SALT_TEXT_LENGTH);
const ANY_COMMIT = 'A'.repeat(COMMIT_LENGTH);

/** What the records of a key period have in common. */
export interface RecordForm {
  /** TAG.EPOCH */
  readonly kid: string;
  readonly member: AuthMember;
  /** Whether each has a salt (M1.12). */
  readonly salted: boolean;
  /** How their lines are wrapped; absent for objects. */
  readonly as?: Wrapping;
}

/** A text with a seq that counts in place: building it anew for each record would cost as much as hashing it. */
class CountedText {
  readonly #head: string;
  readonly #tail: string;
  #seq = Number.NaN;
  #bytes: Buffer = Buffer.alloc(0);
  #lastDigit = 0;

  /** @param text - has `"seq":1,` where the seq goes */
  constructor(text: string) {
    const [head, tail] = text.split('"seq":1,') as [string, string];
    this.#head = `${head}"seq":`;
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

/** The leaf of a record with a salt: that of its erased line. */
class SaltedLeaf {
  readonly #text: CountedText;
  /** How far the commitment begins before the end. */
  readonly #commit: number;

  constructor({ kid, member, as }: RecordForm) {
    const erased = formatRecordMember({ seq: 1, kid, member, as, commit: ANY_COMMIT });
    this.#text = new CountedText(`\0{${erased}`);
    this.#commit = erased.length - erased.lastIndexOf(ANY_COMMIT);
  }

  /** The leaf hash of the record `seq`; its head is `bytes[start, end)`. */
  hash(seq: number, salt: string, bytes: Buffer, start: number, end: number): Digest {
    this.#text.set(seq);
    const leaf = this.#text.bytes;
    leaf.write(commitmentOf(salt, bytes, start, end), leaf.length - this.#commit, 'latin1');
    return sha256(leaf);
  }
}

/**
 * What follows the application's part of a record, with the comma before it, as in one key period:
 * `,"integrity":{"seq":SEQ,"key_id":"KID","mac|hash":"`.
 */
abstract class RecordText {
  readonly form: RecordForm;
  readonly #text: CountedText;
  readonly #leaf: SaltedLeaf | undefined;
  /** How far the salt begins before the end; 0 without one. */
  protected readonly salt: number;
  #seq = 0;

  constructor(form: RecordForm) {
    this.form = form;
    const member = formatRecordMember({ seq: 1, ...form, ...(form.salted && { salt: ANY_SALT }) });
    this.#text = new CountedText(`,${member}`);
    this.#leaf = form.salted ? new SaltedLeaf(form) : undefined;
    this.salt = form.salted ? member.length - member.lastIndexOf(ANY_SALT) : 0;
  }

  /** The text of the record that was set last. */
  get bytes(): Buffer {
    return this.#text.bytes;
  }

  /** Makes the text that of the record `seq`, with any salt. */
  set(seq: number): void {
    this.#seq = seq;
    this.#text.set(seq);
  }

  /** The leaf hash of a line that begins at `start`, and whose text before its auth, at `leafEnd`, is this one. */
  leafOf(bytes: Buffer, start: number, leafEnd: number): Digest {
    if (this.#leaf === undefined) return hashLeafInPlace(bytes, start, leafEnd);
    const saltAt = leafEnd - this.salt;
    const salt = bytes.toString('latin1', saltAt, saltAt + SALT_TEXT_LENGTH);
    return this.#leaf.hash(this.#seq, salt, bytes, start, leafEnd - this.bytes.length + 1);
  }
}

/** Our member of one record after the other. */
export class RecordTemplate extends RecordText {
  /** Gives the record that was set a salt: {@link SALT_LENGTH} bytes at `at`; of none in a key period without. */
  giveSalt(salts: Buffer | undefined, at: number): void {
    if (salts === undefined) return;
    const { bytes } = this;
    bytes.write(salts.toString('base64url', at, at + SALT_LENGTH), bytes.length - this.salt, 'latin1');
  }
}

/** The expected end of the next record, compared as bytes so that nothing is parsed on the way of an honest line. */
export class RecordMatcher extends RecordText {
  /** Whether the line that ends at `end` in `bytes` and starts at `start` ends as the expected record does. */
  matches(bytes: Buffer, start: number, end: number): boolean {
    return this.matchesButForAuth(bytes, start, end) && hasAuthForm(bytes, end - 3);
  }

  /** The same, whatever stands for the auth: for who compares that. */
  matchesButForAuth(bytes: Buffer, start: number, end: number): boolean {
    const leafEnd = end - TAIL_LENGTH;
    const at = leafEnd - this.bytes.length;
    return (
      at > start &&
      bytes[end - 1] === 0x7d &&
      bytes[end - 2] === 0x7d &&
      bytes[end - 3] === 0x22 &&
      this.#isText(bytes, at, leafEnd)
    );
  }

  /** Where our member begins, with the comma before it, in a line that ends at `end` and matches. */
  memberOf(end: number): number {
    return end - TAIL_LENGTH - this.bytes.length;
  }

  #isText(bytes: Buffer, at: number, leafEnd: number): boolean {
    const text = this.bytes;
    if (this.salt === 0) return bytes.compare(text, 0, text.length, at, leafEnd) === 0;
    const salt = leafEnd - this.salt;
    const behind = salt + SALT_TEXT_LENGTH;
    return (
      bytes.compare(text, text.length - this.salt + SALT_TEXT_LENGTH, text.length, behind, leafEnd) === 0 &&
      bytes.compare(text, 0, text.length - this.salt, at, salt) === 0 &&
      hasSaltForm(bytes, behind)
    );
  }
}
