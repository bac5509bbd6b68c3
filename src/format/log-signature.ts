import { type Cosigned, cosignedStructure, TIME_LENGTH, timeOf } from './cosigned-message.ts';

/**
 * What stands behind the key id in a signature line of the log itself, and what was signed (spec 4, M4.2): with ML-DSA-44 a
 * time and what a cosigner signs (C2SP tlog-cosignature), with every other algorithm the text of the checkpoint.
 */

/** What a key of the log signs. `time` is of ML-DSA-44, in seconds since 1970; a writer's is 0, which says nothing. */
export function logMessage(algorithm: string, checkpoint: Cosigned, time = 0n): Buffer {
  return algorithm === 'ml-dsa-44'
    ? cosignedStructure(checkpoint.origin, time, checkpoint)
    : Buffer.from(checkpoint.text, 'utf8');
}

/** A signature over {@link logMessage} as its line has it. */
export function encodeLogSignature(algorithm: string, signature: Uint8Array): Uint8Array {
  return algorithm === 'ml-dsa-44' ? Buffer.concat([Buffer.alloc(TIME_LENGTH), signature]) : signature;
}

/** The message and the signature over it that a line of this checkpoint holds; undefined if these bytes are too short, or hold a later time. */
export function decodeLogSignature(
  algorithm: string,
  checkpoint: Cosigned,
  bytes: Buffer,
): { readonly message: Buffer; readonly signature: Buffer } | undefined {
  if (algorithm !== 'ml-dsa-44') return { message: logMessage(algorithm, checkpoint), signature: bytes };
  const time = timeOf(bytes);
  if (time === undefined) return undefined;
  return { message: logMessage(algorithm, checkpoint, time), signature: bytes.subarray(TIME_LENGTH) };
}
