import { signerFingerprint } from './key-fingerprint.ts';
import { namedSigners } from './named-keys.ts';
import { isTail, provenEnd } from './proven-end.ts';
import type { StreamState } from './state.ts';

/**
 * M8.14: Public keys that the auditor named for this stream, none of which signs any of it, are a demand that was not met:
 * MACs alone do not answer it.
 */
export function reportUnmatchedKeys(state: StreamState): void {
  const { publicKeys, epochs, findings, broken } = state;
  const signed = epochs.filter(({ signers }) => signers.size > 0);
  const [first] = signed;
  if (publicKeys.length === 0 || first === undefined || broken) return;
  if (signed.some((epoch) => namedSigners(state, epoch).length > 0)) return;
  const proven = provenEnd(state);
  if (signed.some((epoch) => !epoch.macChecked && !isTail(state, epoch, proven))) return; // which is said of each
  const signers = new Set(signed.flatMap((epoch) => [...epoch.signers.values()].map(signerFingerprint)));
  const who = [...signers].filter((one) => one !== undefined).join(', ');
  const message = `none of the public keys that you named signs this log (${who} does): its MACs alone were checked`;
  const lastSeq = Math.max(...signed.map((epoch) => epoch.lastSeq));
  findings.add('UNSIGNED', { ...first.place, seq: first.firstSeq, lastSeq }, message);
}
