import type { Digest } from '../../core/hash.ts';
import { inclusionProofLength } from '../../core/inclusion-proof.ts';
import { decodeUtf8 } from '../entry.ts';
import { formatHash, readHash } from './tlog-proof.ts';

/**
 * What a proof of one record carries as the extra data of its tlog-proof: the record, and the seal that dates the checkpoint
 * with the proof of its own.
 *
 *     fapilog-tamper/v1 record LF
 *     record LF
 *     seal or close LF
 *     base64(hash) LF               one a line: the inclusion proof of that seal, the last leaf of the checkpoint's tree
 */

const PREFIX = 'fapilog-tamper/';
const HEADER = `${PREFIX}v1 record`;
const LF = 0x0a;

/** The record of a proof, and the seal of its checkpoint. */
export interface RecordExtra {
  /** The record's line as it stands in the log, with its salt and without its last 46 bytes. */
  readonly record: Buffer;
  /** The same of the seal, or close, whose SEQ is the size of the checkpoint. */
  readonly sealLeaf: Buffer;
  /** The inclusion proof of the seal. */
  readonly sealProof: readonly Digest[];
}

/** The extra data, or why the bytes are none; `foreign`: they are not ours, or of a version that is not known here. */
export type RecordExtraReading =
  | { readonly extra: RecordExtra }
  | { readonly problem: string; readonly foreign?: true };

/** The bytes of the extra data. Neither holds an LF, because it is part of a line. */
export function formatRecordExtra({ record, sealLeaf, sealProof }: RecordExtra): Buffer {
  const hashes = sealProof.map((hash) => `${formatHash(hash)}\n`).join('');
  return Buffer.concat([
    Buffer.from(`${HEADER}\n`, 'latin1'),
    record,
    Uint8Array.of(LF),
    sealLeaf,
    Buffer.from(`\n${hashes}`, 'latin1'),
  ]);
}

/** Reads the extra data of a proof in a tree of `size` leaves. Nothing of it is verified here (E1.2). */
export function parseRecordExtra(bytes: Buffer, size: number): RecordExtraReading {
  const lines = linesOf(bytes);
  if (lines === undefined) return { problem: 'its extra data does not end with LF', ...foreignIf(bytes) };
  const [header, record, sealLeaf, ...hashes] = lines;
  if (header?.toString('latin1') !== HEADER) return { problem: 'its extra data is not a record', ...foreignIf(bytes) };
  if (record === undefined || sealLeaf === undefined) return { problem: 'its extra data has too few lines' };
  const expected = inclusionProofLength(size - 1, size);
  if (hashes.length !== expected) {
    return { problem: `the proof of its seal has ${hashes.length} hashes, but its place takes ${expected}` };
  }
  const sealProof = hashes.flatMap((line) => readHash(decodeUtf8(line) ?? '') ?? []);
  if (sealProof.length !== expected) {
    return { problem: 'a line of the proof of its seal is not the canonical base64 of 32 bytes' };
  }
  return { extra: { record, sealLeaf, sealProof } };
}

/** Another application's data, or that of a later version, is no broken one of ours. */
function foreignIf(bytes: Buffer): { foreign?: true } {
  const [first = ''] = bytes.toString('latin1', 0, 80).split('\n', 1);
  return first === HEADER ? {} : { foreign: true };
}

/** The lines of bytes that end with LF; more than a proof can have are not looked for. */
function linesOf(bytes: Buffer): Buffer[] | undefined {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LF, at);
    if (end < 0) return undefined;
    lines.push(bytes.subarray(at, end));
    if (lines.length > 100) break; // 3 and at most 53 hashes
    at = end + 1;
  }
  return lines;
}
