import type { HeldBefore } from '../state/evidence.ts';
import type { StreamState } from '../state/state.ts';
import { namedSignatures } from './note-signatures.ts';

/** Our MAC is HMAC-SHA-256. */
const MAC_LENGTH = 32;

/** What the held checkpoints of the first `size` entries show, where the range begins with the next one. */
export async function heldBefore(state: StreamState, size: number): Promise<HeldBefore> {
  const root = state.tree.frontier?.root();
  let signed = false;
  let mac = false;
  for (const checkpoint of state.auditor.held) {
    if (checkpoint.size !== size || checkpoint.root !== root) continue;
    signed ||= (await namedSignatures(state, checkpoint)).size > 0;
    mac ||= checkpoint.signatures.some(({ name, keyId, bytes }) => {
      const ours = name === state.auditor.origin && bytes.length === MAC_LENGTH;
      return ours && state.knownKeys.withKeyId(keyId).length === 0; // a MAC key of a key service makes as many bytes
    });
  }
  return { signed, mac };
}

/** Whether the range begins without the MACs that were there before, and nothing held of the range itself says otherwise. */
export function givesUpMacs({ epochs, evidence, order: { firstSeq } }: StreamState): boolean {
  return evidence.before.mac && epochs.all[0]?.member === 'hash' && evidence.heldConfirmed < firstSeq;
}
