import { ML_DSA, ML_DSA_ALGORITHMS } from '../../core/ml-dsa.ts';
import { encodeNoteKey } from '../../format/vkey.ts';
import type { Auditor } from '../auditor/auditor.ts';
import type { SignerId } from '../model/epoch.ts';

/**
 * M8.30: What a demand of post-quantum signatures leaves of the others: they are checked, and then count for nothing, so that
 * who breaks a classical algorithm gains nothing by it.
 */

/** How a key of each begins. */
const HEADS = ML_DSA_ALGORITHMS.map((algorithm) =>
  encodeNoteKey({ algorithm, bytes: ML_DSA[algorithm].spkiHead }).toString('latin1'),
);

/** Whether a key is one of ML-DSA. */
export function isPostQuantum(id: SignerId): boolean {
  return HEADS.some((head) => id.startsWith(head));
}

/** Whether a signature by this key over a checkpoint of this size has any weight for the auditor. */
export function hasWeight({ postQuantumFrom: from }: Auditor, id: SignerId, size: number): boolean {
  return from === undefined || size < from || isPostQuantum(id);
}

/** Whether the policy demands such signatures for checkpoints of this size. */
export function demandsPostQuantum({ require, postQuantumFrom: from = 1 }: Auditor, size: number): boolean {
  return require.includes('post-quantum') && size >= from;
}
