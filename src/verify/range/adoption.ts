import type { OpenEntry } from '../../format/control.ts';
import { signersOf } from '../../format/key-reference.ts';
import { entriesText } from '../model/entries-text.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';
import { countedMax, namedMax, namedSigners } from '../trust/named-keys.ts';

/** Entries that a new run found on the disk and cannot answer for (spec 6, "Adoption"; 8.5, M8.16). */

/** Whether the run or the key period before it has signers: only then does anybody answer for what was taken over. */
function isSigned(open: OpenEntry, before: Epoch | undefined): boolean {
  return signersOf(open.key).length > 0 || (before !== undefined && before.signers.size > 0);
}

/** What a run's first open must say in `adopted_from`; undefined where it must say nothing. */
function demanded(open: OpenEntry, before: Epoch | undefined): number | undefined {
  if (!isSigned(open, before) || open.size === 0) return undefined;
  if (open.checkpoint !== undefined && open.checkpoint.size >= open.size) return undefined;
  return (open.checkpoint?.size ?? 0) + 1;
}

/** Checks the mark of adopted entries and finds those that nothing signed before the run (M8.15). */
export function adopt(state: StreamState, seq: number, open: OpenEntry, before: Epoch | undefined): void {
  const wanted = demanded(open, before);
  const unknownBefore = before === undefined && open.size > 0 && signersOf(open.key).length === 0;
  if (open.adoptedFrom !== wanted && !unknownBefore) {
    const says = open.adoptedFrom === undefined ? 'does not say so' : `says from ${open.adoptedFrom}`;
    const message =
      wanted === undefined
        ? `entry ${seq}: this run adopts nothing, yet it ${says}`
        : `entry ${seq}: this run adopts ${entriesText(wanted, open.size)} that no signature covers, but ${says}`;
    state.find('ADOPTED_UNMARKED', message, seq);
  }
  if (!isSigned(open, before)) return;
  // M8.15: what the open cites counts only where such a line stands before it, or is held, whoever has signers
  const proven = Math.max(state.evidence.namedSize, state.evidence.heldConfirmed);
  const from = Math.max(Math.min(open.checkpoint?.size ?? 0, proven) + 1, state.order.firstSeq);
  if (from > open.size) return;
  const macChecked = state.evidence.lastUnchecked < from;
  state.runs.takeOver({ firstSeq: from, lastSeq: open.size, macChecked });
  mark(state, from, macChecked);
  if (macChecked) return; // the MACs of every key period in it were checked over the whole range
  if (state.runs.adoptedEntries <= state.auditor.accept.adopted) return;
  const place = { ...state.here(from), lastSeq: open.size };
  if (open.adoptedFrom !== undefined) {
    const unsigned = Math.max(open.adoptedFrom, from);
    const uncovered =
      unsigned > from
        ? `, and no checkpoint that you can check covers ${entriesText(from, unsigned - 1)} before it`
        : '';
    const message = `${entriesText(unsigned, open.size)}: taken over unsigned after a restart; it cannot be told whether anything was changed meanwhile${uncovered}`;
    state.findings.add('ADOPTED', place, message);
    return;
  }
  const cited = open.checkpoint === undefined ? 'no checkpoint' : `a checkpoint of ${open.checkpoint.size} entries`;
  const elsewhere = state.coverage.mayHold('one');
  const message = `${entriesText(from, open.size)}: the restart at entry ${seq} cites ${cited}, but before it there is none that covers this and that you can check${elsewhere === undefined ? '' : `; ${elsewhere}`}`;
  state.findings.addFollowing('ADOPTED', place, message);
}

/**
 * Marks the key periods from here on. What was signed is looked at now: a signature behind the open is one of a run that took
 * over what it found, whoever wrote it.
 */
function mark(state: StreamState, from: number, macChecked: boolean): void {
  for (const epoch of state.epochs.mark(from, 'takenOver')) epoch.takeOver(signersSigned(state, epoch));
  if (macChecked) return;
  for (const epoch of state.epochs.mark(from, 'adopted')) {
    const named = namedSigners(state, epoch);
    epoch.adopt(namedMax(state, named) >= epoch.introducedAt, named.length === epoch.signers.size);
  }
}

/** Whether what is held, a named key or the key that handed over has covered what introduces a key period by now (M8.13). */
function signersSigned(state: StreamState, { introducedAt, predecessor }: Epoch): boolean {
  const handedOver = predecessor === undefined ? 0 : countedMax(state, predecessor.signers.keys());
  return Math.max(state.evidence.heldConfirmed, state.evidence.largestNamed, handedOver) >= introducedAt;
}
