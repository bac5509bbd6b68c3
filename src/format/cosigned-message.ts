import { digestBytes } from '../core/hash.ts';
import type { SignedCheckpoint } from './checkpoint.ts';

/** What keys of ML-DSA-44 sign of a checkpoint, witnesses and logs alike, and the time before it (C2SP tlog-cosignature). */

/** What is signed of a checkpoint. */
export type Cosigned = Pick<SignedCheckpoint, 'origin' | 'size' | 'root' | 'text'>;

const LABEL = Buffer.from('subtree/v1\n\0', 'latin1');
/** Bytes of the time before a signature. */
export const TIME_LENGTH = 8;

/** `cosigned_message`, signed with ML-DSA-44: the names of both sides, the time, the entries from 0 to the size, their root. */
export function cosignedStructure(name: string, time: bigint, { origin, size, root }: Cosigned): Buffer {
  const entries = [0n, BigInt(size)].map(uint64);
  return Buffer.concat([LABEL, opaque(name), uint64(time), opaque(origin), ...entries, digestBytes(root)]);
}

/** `opaque<1..2^8-1>` (RFC 8446, section 3.4): a length of one byte, then the bytes. An origin is never longer (M1.4). */
function opaque(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** The time before a signature, in seconds since 1970, at most 2^63 - 1; undefined if these bytes do not begin with one. */
export function timeOf(bytes: Buffer): bigint | undefined {
  if (bytes.length < TIME_LENGTH) return undefined;
  const time = bytes.readBigUInt64BE(0);
  return time < 2n ** 63n ? time : undefined;
}
