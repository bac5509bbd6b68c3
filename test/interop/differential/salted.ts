import { createHash } from 'node:crypto';
import type { Random } from './random.ts';

/** Salted and erased records (spec 1, M1.12, M1.13), from the text alone: what the verifier reads them with is what is tested. */

const MEMBER =
  /"integrity":\{"seq":[1-9]\d{0,15}(?:,"as":"(?:text|base64)"(?:,"part":[1-9]\d*(?:,"last":true)?)?)?(?:,"salt":"([\w-]{21}[AQgw])"|,"commit":"([\w-]{42}[AEIMQUYcgkosw048])")?,"key_id":"[\w-]{8}\.[1-9]\d*","(?:mac|hash)":"[\w-]{43}"\}\}$/d;
const LONGEST_MEMBER = 256;

/** What stands between a record's AS and its `key_id`. */
interface Proof {
  readonly kind: 'salt' | 'commit' | undefined;
  readonly value: string;
  /** Where our member begins. */
  readonly memberStart: number;
  /** Where the proof stands, with its comma and name; both are where it would stand if there is none. */
  readonly from: number;
  readonly to: number;
}

/** Undefined for what does not end as a record. */
export function proofOf(line: Buffer): Proof | undefined {
  const from = Math.max(0, line.length - LONGEST_MEMBER);
  const match = MEMBER.exec(line.toString('latin1', from));
  if (match === null) return undefined;
  const memberStart = from + match.index;
  const kind = match[1] !== undefined ? 'salt' : match[2] !== undefined ? 'commit' : undefined;
  const value = match[1] ?? match[2] ?? '';
  if (kind === 'commit' && (memberStart !== 1 || line[0] !== 0x7b)) return undefined; // M1.13: a foreign line
  const place = kind === undefined ? undefined : match.indices?.[kind === 'salt' ? 1 : 2];
  if (place === undefined) {
    const at = line.lastIndexOf(',"key_id":"');
    return { kind: undefined, value, memberStart, from: at, to: at };
  }
  return { kind, value, memberStart, from: from + place[0] - `,"${kind}":"`.length, to: from + place[1] + 1 };
}

/** A record without its salt or `commit`, any other line as it is. */
export function withoutProof(line: Buffer): Buffer {
  const proof = proofOf(line);
  return proof?.kind === undefined ? line : withProof(line, proof, '');
}

const spelled = (kind: 'salt' | 'commit', value: string): string => `,"${kind}":"${value}"`;

/** A record with another text where its salt or `commit` stands. */
function withProof(line: Buffer, { from, to }: Proof, text: string): Buffer {
  return Buffer.concat([line.subarray(0, from), Buffer.from(text), line.subarray(to)]);
}

/** The record with that text in the place of its salt or `commit`; undefined for what is no record. */
export function withText(line: Buffer, text: string): Buffer | undefined {
  const proof = proofOf(line);
  return proof && withProof(line, proof, text);
}

export const withSalt = (line: Buffer, salt: string): Buffer | undefined => withText(line, spelled('salt', salt));

/** The erased form of a record, with its own `commit` where it has a salt, or with that one. */
export function erasedLine(line: Buffer, commit?: string): Buffer | undefined {
  const proof = proofOf(line);
  if (proof === undefined) return undefined;
  const own = proof.kind === 'commit' ? proof.value : commitOf(line.subarray(0, proof.memberStart), proof.value);
  const whole = withProof(line, proof, spelled('commit', commit ?? own));
  return Buffer.concat([Buffer.from('{'), whole.subarray(proof.memberStart)]);
}

function commitOf(head: Buffer, salt: string): string {
  return createHash('sha256').update('\u0002').update(Buffer.from(salt, 'base64url')).update(head).digest('base64url');
}

/** 16 bytes as a salt spells them. */
export function randomSalt(random: Random): string {
  return Buffer.from(Array.from({ length: 16 }, () => random.int(256))).toString('base64url');
}
