import { createHash } from 'node:crypto';
import { type ClassifiedLine, classifyLine, TAIL_LENGTH } from '../../../src/format/entry.ts';
import { erasedLine, proofOf, withoutProof } from './salted.ts';

/** The members of a control entry in their order, as JSON has them. */
export type Members = Record<string, unknown>;

/** What a control line says, without `seq`, `kind`, `key_id` and its auth. */
export interface Said {
  readonly seq: number;
  readonly kind: string;
  readonly kid: string;
  readonly mode: 'mac' | 'hash';
  readonly members: Members;
}

/** What a line is: a record with a salt and an erased one are what they are without it. */
export const classified = (line: Buffer): ClassifiedLine => classifyLine(withoutProof(line));

/** Reads a control line that is known to be one. */
export function saidBy(line: Buffer): Said {
  const { integrity } = JSON.parse(line.toString('utf8')) as { integrity: Members };
  const { seq, kind, key_id: kid, mac, hash, ...members } = integrity;
  return {
    seq: seq as number,
    kind: kind as string,
    kid: kid as string,
    mode: mac === undefined && hash !== undefined ? 'hash' : 'mac',
    members,
  };
}

/** The leaf of a control entry. */
export function controlLeaf({ seq, kind, kid, mode, members }: Said): Buffer {
  const text = JSON.stringify({ seq, kind, ...members, key_id: kid, [mode]: '' });
  return Buffer.from(`{"integrity":${text.slice(0, -2)}`);
}

/** What stands before a line's auth: its leaf, but for a record with a salt. */
export const startOf = (line: Buffer): Buffer => line.subarray(0, -TAIL_LENGTH);

/** M1.2: the leaf bytes of a line; of a record with a salt those of its erased line. */
export function leafOf(line: Buffer): Buffer {
  const erased = proofOf(line)?.kind === 'salt' ? erasedLine(line) : undefined;
  return startOf(erased ?? line);
}

export const lineOf = (start: Buffer, auth: string): Buffer => Buffer.concat([start, Buffer.from(`${auth}"}}`)]);

/** A line with its checksum, which needs no key. */
export function checked(start: Buffer): Buffer {
  return lineOf(start, checksum(leafOf(lineOf(start, 'A'.repeat(43)))));
}

/** The checksum of a leaf, which needs no key. */
export function checksum(leaf: Buffer): string {
  return createHash('sha256').update('\0').update(leaf).digest('base64url');
}

/** The old auth of a line. */
export const authOf = (line: Buffer): string => line.subarray(-TAIL_LENGTH, -3).toString('latin1');

/** The member `then` of a close; an object literal with that name would pass for a promise. */
export const continuedIn = (origin: string): Members => Object.fromEntries([['then', origin]]);
