import { noteKeyOf } from '../../format/key-reference.ts';
import { formatVkey } from '../../format/vkey.ts';
import { entriesText } from '../model/entries-text.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';
import { missingKeyText } from '../trust/missing-key.ts';
import { namedMax, namedSigners } from '../trust/named-keys.ts';
import { demandsPostQuantum, isPostQuantum } from '../trust/post-quantum.ts';
import { settleStatuses } from '../trust/vouching.ts';
import { isTail, provenEnd } from './proven-end.ts';

/** Once every line is read: was every entry authenticated by a key that the auditor named (spec 8.5, 8.6, 8.7, M8.12, M8.14)? */

/** Settles keys, statuses and coverage of every key period. */
export function assess(state: StreamState): void {
  const proven = provenEnd(state);
  for (const epoch of state.epochs.all) settleKey(state, epoch, isTail(state, epoch, proven));
  settleStatuses(state);
  const adopted = state.runs.adoptedFrom();
  let signedBefore = state.evidence.before.signed;
  for (const epoch of state.epochs.all) {
    if (isTail(state, epoch, proven)) continue; // M8.21
    assessEpoch(state, epoch, signedBefore, coverageEnd(epoch, adopted), proven);
    signedBefore ||= namedSigners(state, epoch).length > 0;
  }
}

/** A fingerprint that does not match: the wrong key, or an altered fingerprint (spec 8.7, M8.19). */
function settleKey(state: StreamState, epoch: Epoch, tail: boolean): void {
  const place = { ...epoch.place, seq: epoch.introducedAt };
  if (epoch.keyState === 'unproven') {
    if (tail) return; // M8.21: of its keys nothing is asked yet
    const which =
      epoch.dataKey.from === undefined ? 'the key that you gave' : `the key that you gave (${epoch.dataKey.from})`;
    const message = `key period ${epoch.kid}: ${which} is not the one it was sealed with; it is treated as if no key was given`;
    state.findings.add('WRONG_KEY', place, message);
  } else if (epoch.keyState === 'altered-fingerprint') {
    const message = `key period ${epoch.kid}: its entries verify, yet its fingerprint is that of another key: the key reference was altered`;
    state.findings.add('FINGERPRINT_ALTERED', place, message);
    for (const doubt of epoch.doubtful) {
      if (doubt.seq === epoch.introducedAt) continue; // the altered fingerprint is in this leaf
      state.findings.add(
        'AUTH_WRONG',
        doubt,
        `entry ${doubt.seq}: its MAC is not that of its bytes; the line was changed after it was sealed`,
      );
    }
  }
}

/** The entries of a key period that a checkpoint must cover end here (spec 4, "Covered", M4.9). */
function coverageEnd(epoch: Epoch, adopted: readonly number[]): number {
  return Math.min(epoch.lastSeal, (adopted[epoch.run.index + 1] ?? Number.MAX_SAFE_INTEGER) - 1);
}

/**
 * Largest size that a named key of this key period signed (M4.5). Where only ML-DSA counts, one that began to sign later covers
 * what was before it too (M8.30): its writer had all of it in the tree.
 */
export function coveredSize(state: StreamState, epoch: Epoch): number {
  if (epoch.coveredInRange !== undefined) return epoch.coveredInRange;
  const own = namedMax(state, namedSigners(state, epoch));
  if (state.auditor.postQuantumFrom === undefined) return own;
  return Math.max(own, namedMax(state, state.evidence.signers.filter(isPostQuantum)));
}

function assessEpoch(state: StreamState, epoch: Epoch, signedBefore: boolean, end: number, proven: number): void {
  const named = namedSigners(state, epoch);
  // what lies above the proven end of an open log is its tail, which the check of the end judges
  const openEnd = state.auditor.live || state.auditor.until !== undefined;
  const tail = openEnd && end > proven;
  // M8.14: the whole of what the run has sealed, also where a later run adopted it
  const sealed = Math.max(epoch.introducedAt, openEnd ? Math.min(epoch.lastSeal, proven) : epoch.lastSeal);
  const held = state.evidence.heldConfirmed >= sealed;
  const signedTo = Math.max(coveredSize(state, epoch), state.evidence.heldConfirmed);
  const covered = tail || end < epoch.firstSeq || signedTo >= end;
  const sayUnsigned = (message: string, from = epoch.firstSeq): void => {
    if (!state.order.broken)
      state.findings.add('UNSIGNED', { ...epoch.place, seq: from, lastSeq: epoch.lastSeq }, message);
  };
  const range = `${entriesText(epoch.firstSeq, epoch.lastSeq)} (key period ${epoch.kid})`;
  if (epoch.dataKey.missing !== undefined) {
    state.findings.add('NO_KEY', { ...epoch.place, seq: epoch.introducedAt }, epoch.dataKey.missing);
  }
  if (epoch.macChecked) trustKey(state, epoch);
  if (named.length > 0) {
    if (!covered) {
      // what a named key of this period has signed is covered, whatever became of the rest
      const from = Math.max(epoch.firstSeq, signedTo + 1);
      const rest = `${entriesText(from, epoch.lastSeq)} (key period ${epoch.kid})`;
      const key = demandsPostQuantum(state.auditor, end) ? 'post-quantum key (ML-DSA)' : 'key';
      const demanded = demandsPostQuantum(state.auditor, end) ? ', as your policy demands' : '';
      sayUnsigned(
        `${rest}: no checkpoint of entry ${end} or later is signed by a ${key} that you named${demanded}`,
        from,
      );
    } else if (!epoch.macChecked && epoch.status !== 'vouched' && !state.order.broken) sayUnvouched(state, epoch);
  } else if (!epoch.macChecked) {
    sayKeyMissing(state, epoch);
  } else if (!epoch.keyCounts(epoch.lastSeq)) {
    sayKeyEnded(state, epoch);
  } else if (signedBefore && !held && epoch.predecessor === undefined && !epoch.modeChanged) {
    const from = Math.max(epoch.firstSeq, state.order.firstSeq);
    const those = `${entriesText(from, epoch.lastSeq)} (key period ${epoch.kid})`;
    sayUnsigned(`${those}: this run has no signer that you named, ${whatWasSigned(state, epoch)}`, from);
  } else if (demandsPostQuantum(state.auditor, epoch.lastSeq)) {
    sayUnsigned(`${range}: your policy demands a post-quantum signature, but no ML-DSA key that you named signs them`);
  } else if (state.auditor.require.includes('signature')) {
    sayUnsigned(`${range}: your policy demands a signature, but no key that you named signs them`);
  }
  if (state.auditor.require.includes('mac') && !epoch.macChecked && named.length > 0) {
    const message = `${range}: your policy demands that MACs are checked, but no data key is available`;
    state.findings.add('NO_KEY', { ...epoch.place, seq: epoch.introducedAt }, message);
  } else if (state.auditor.require.includes('mac') && named.length > 0 && !epoch.keyCounts(epoch.lastSeq)) {
    sayKeyEnded(state, epoch);
  }
}

function whatWasSigned(state: StreamState, epoch: Epoch): string {
  if (epoch !== state.epochs.all[0]) return 'although the runs before it had one';
  return 'although a key that you named signed the checkpoint that you hold of what came before it';
}

/** M8.1: entries above the range of a data key are as without a key. */
function sayKeyEnded(state: StreamState, epoch: Epoch): void {
  const { dataKey, kid, lastSeq, place } = epoch;
  if (dataKey.limit === undefined) return;
  const seq = Math.max(dataKey.limit.untilSeq + 1, epoch.firstSeq);
  const message = `key period ${kid}: ${dataKey.limit.why}; from entry ${seq} on another key is needed. If that key was still in use there, extend its range`;
  state.findings.add('NO_KEY', { ...(place.file !== undefined && { file: place.file }), seq, lastSeq }, message);
}

function trustKey(state: StreamState, epoch: Epoch): void {
  if (epoch.status === 'unvouched') {
    if (!state.order.broken) sayUnvouched(state, epoch);
    return;
  }
  if (epoch.status !== 'keyed' || epoch.predecessor !== undefined) return;
  if (state.epochs.earlier.some(({ number }) => number === epoch.number)) return; // said of the part before a hole
  const place = { ...epoch.place, seq: epoch.introducedAt };
  if (epoch.introducedAt === 1) {
    const elsewhere = state.knownKeys.named.length === 0 && (state.auditor.namedElsewhere ?? []).length > 0;
    const signer = elsewhere ? '; the signing keys that you named are those of other streams' : '';
    const message = `the first run is trusted because you named its data key; anyone holding that key could have forged it${signer}`;
    state.findings.add('FIRST_RUN_TRUSTS_KEY', place, message);
  } else if (state.auditor.accept.restarts === 'keyed') {
    const message = `the run from entry ${epoch.introducedAt} is trusted because you named its data key; anyone holding that key could have forged it`;
    state.findings.add('RESTART_TRUSTS_KEY', place, message);
  } else {
    sayUnvouched(state, epoch);
  }
}

function sayUnvouched(state: StreamState, epoch: Epoch): void {
  const message = `key period ${epoch.kid}: nothing that you trust shows that it belongs to this stream`;
  state.findings.add('UNVOUCHED', { ...epoch.place, seq: epoch.introducedAt }, message);
}

function sayKeyMissing(state: StreamState, epoch: Epoch): void {
  const { introducedAt: seq, lastSeq } = epoch; // below it where the log ends at the hand-over
  const place = { ...epoch.place, seq, ...(lastSeq >= seq && { lastSeq }) };
  if (epoch.signersProven && epoch.signers.size > 0 && epoch.adopted === undefined) {
    const vkeys = [...epoch.signers.values()].map((signer) => formatVkey(state.auditor.origin, noteKeyOf(signer)));
    const [how, or] =
      epoch.predecessor === undefined
        ? ['is signed by', '']
        : ['was handed over to', '; or accept every key that a named one handed over to (--accept-successors)'];
    const message = `key period ${epoch.kid} ${how} a key that you did not name. If you trust it, name: ${vkeys.join(' ')}${or}`;
    state.findings.add('KEY_NOT_NAMED', place, message);
  } else if (epoch.keyState !== 'unproven' && epoch.dataKey.missing === undefined) {
    state.findings.add('NO_KEY', place, missingKeyText(state, epoch));
  }
}
