import { hash } from 'node:crypto';
import type { Digest } from '../core/hash.ts';
import { hashLeaf } from '../core/tree.ts';
import {
  type ClassifiedLine,
  type ControlLine,
  formatRecordMember,
  type RecordLine,
  type RecordMember,
  SALT_LENGTH,
  TAIL_LENGTH,
} from './entry.ts';

/** The leaf of an entry (M1.2); that of a record with a salt is the leaf of its own erased line (M1.12). */

/** What comes before a salt, so that a commitment is the hash of no leaf and of no node. */
const COMMITMENT = 0x02;
const HEAD_AT = 1 + SALT_LENGTH;
/** A longer head is put into a buffer of its own, so that none stays here for good. */
const KEPT = 65_536;
const input = Buffer.allocUnsafeSlow(HEAD_AT + KEPT).fill(COMMITMENT, 0, 1);

/** C of M1.12: SHA-256(0x02 ‖ salt ‖ head) as 43 base64url characters; the head is `bytes[start, end)`. */
export function commitmentOf(salt: string, bytes: Uint8Array, start: number, end: number): string {
  const length = HEAD_AT + end - start;
  const whole = length <= input.length ? input : Buffer.alloc(length, COMMITMENT);
  whole.write(salt, 1, SALT_LENGTH, 'base64url');
  whole.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start), HEAD_AT);
  const commitment = hash('sha256', new Uint8Array(whole.buffer, whole.byteOffset, length), 'base64url');
  whole.fill(0, 1, HEAD_AT); // M1.14
  return commitment;
}

/** The leaf bytes of a record with a salt, whose head is `bytes[start, end)`: those of its erased line. */
export function saltedLeaf(record: RecordMember, salt: string, bytes: Uint8Array, start: number, end: number): Buffer {
  const erased = formatRecordMember({ ...record, salt: undefined, commit: commitmentOf(salt, bytes, start, end) });
  return Buffer.from(`{${erased}`, 'latin1');
}

/** The bytes of an entry's leaf. */
export function leafBytesOf(line: Buffer, read: RecordLine | ControlLine): Buffer {
  if (read.type === 'control' || read.salt === undefined) return line.subarray(0, line.length - TAIL_LENGTH);
  return saltedLeaf({ ...read, kid: `${read.tag}.${read.epoch}` }, read.salt, line, 0, read.memberStart);
}

/** A record with a salt as its erased line (M1.13), whose auth is its own; any other line as it is. */
export function erasedForm(line: Buffer, read: ClassifiedLine): Buffer {
  if (read.type !== 'record' || read.salt === undefined) return line;
  return Buffer.concat([leafBytesOf(line, read), line.subarray(line.length - TAIL_LENGTH)]);
}

/** The leaf hash of an entry. */
export const leafOf = (line: Buffer, read: RecordLine | ControlLine): Digest => hashLeaf(leafBytesOf(line, read));
