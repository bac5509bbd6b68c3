import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';
import { signerFingerprint } from '../trust/key-fingerprint.ts';
import { namedSigners } from '../trust/named-keys.ts';
import { coveredSize } from './assessment.ts';
import { isTail, provenEnd } from './proven-end.ts';

/**
 * M8.14: Public keys that the auditor named for this stream, none of which signs any of it, are a demand that was not met:
 * MACs alone do not answer it, nor does a log that names no signer at all. What is unsigned already is not said again.
 */
export function reportUnmatchedKeys(state: StreamState): void {
  const { epochs, findings, auditor } = state;
  const proven = provenEnd(state);
  const judged = epochs.all.filter((epoch) => !isTail(state, epoch, proven));
  const [first] = judged;
  if (first === undefined || state.order.broken || findings.count('UNSIGNED') > 0) return;
  const openEnd = auditor.live || auditor.until !== undefined;
  if (!demandsSignature(state, openEnd ? proven : state.order.next - 1)) return;
  if ([...epochs.earlier, ...judged].some((epoch) => isSigned(state, epoch))) return;
  if (judged.some((epoch) => !epoch.macChecked && namedSigners(state, epoch).length === 0)) return; // which is said of each
  const lastSeq = Math.max(...judged.map((epoch) => epoch.lastSeq));
  findings.add(
    'UNSIGNED',
    { ...first.place, seq: Math.max(first.firstSeq, state.order.firstSeq), lastSeq },
    text(state, judged),
  );
}

/** Whether a public key was named for any of these entries; one that takes over later is asked for by its `from_seq`. */
function demandsSignature({ auditor, knownKeys, order: { firstSeq } }: StreamState, end: number): boolean {
  return (
    auditor.signerNamed === true ||
    knownKeys.named.some(({ fromSeq, untilSeq }) => fromSeq <= end && untilSeq >= firstSeq)
  );
}

/** To be listed is not to sign: whoever holds the data key can list anybody, last of all in a hand-over. */
function isSigned(state: StreamState, epoch: Epoch): boolean {
  if (namedSigners(state, epoch).length === 0) return false;
  return (
    coveredSize(state, epoch) > 0 || state.evidence.heldConfirmed >= Math.max(epoch.introducedAt, state.order.firstSeq)
  );
}

function text(state: StreamState, judged: readonly Epoch[]): string {
  const checked = judged.some(({ macChecked }) => macChecked) ? ': only its MACs were checked' : '';
  if (judged.some((epoch) => namedSigners(state, epoch).length > 0))
    return `no checkpoint that is here is signed by a signing key that you named${checked}`;
  const signers = new Set(judged.flatMap((epoch) => [...epoch.signers.values()].map(signerFingerprint)));
  const who = [...signers].filter((one) => one !== undefined).join(', ');
  const instead = who === '' ? 'it has no signer' : `it is signed by ${who}`;
  return `none of the signing keys that you named signs this log (${instead})${checked}. If it was never signed, name no signing key for it`;
}
