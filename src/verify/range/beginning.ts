import type { StreamState } from '../state/state.ts';
import { givesUpMacs } from '../trust/held-before.ts';

/** Does the range begin where the auditor may expect it to (spec 8, M8.4, M8.5)? */

/** Checks a range that begins above entry 1. */
export function checkBeginning(state: StreamState): void {
  const { auditor } = state;
  const { firstSeq } = state.order;
  const elsewhere = state.coverage.mayHold('what came before');
  if (firstSeq <= 1 || state.order.startReported || state.coverage.stopped) return;
  if (!state.evidence.startProven) {
    const why = elsewhere ?? 'no checkpoint that you hold proves what came before';
    unproven(state, `the log begins at entry ${firstSeq}; ${why}`);
    return;
  }
  if (auditor.wholeRequired) {
    unproven(state, `the log begins at entry ${firstSeq}, but your policy demands it from its first entry on`);
    return;
  }
  if (givesUpMacs(state)) {
    const message = `the log begins at entry ${firstSeq} without MACs, but the checkpoint that you hold of what came before carries one: ask the writer when MACs ended, and hold a later checkpoint if that was intended`;
    unproven(state, message);
    return;
  }
  if (auditor.part || firstSeq <= firstNamedSeq(state)) return;
  const sizes = auditor.held.map(({ size }) => size);
  const earlier = sizes.filter((size) => size < firstSeq - 1);
  if (earlier.length > 0) {
    const missing = `you hold a checkpoint of the first ${Math.max(...earlier)} entries, which are missing`;
    unproven(state, `the log begins at entry ${firstSeq}; ${elsewhere ?? missing}`);
  } else if (auditor.seenFrom !== undefined && auditor.seenFrom < firstSeq) {
    unproven(
      state,
      `the log begins at entry ${firstSeq}; when you verified it before, it began at entry ${auditor.seenFrom}`,
    );
  } else if (!sizes.includes(firstSeq - 1)) {
    const message = `the log begins at entry ${firstSeq}; entries 1 to ${firstSeq - 1} are missing, but a later checkpoint that you hold proves the rest`;
    state.findings.add('START_HELD', { seq: firstSeq }, message);
  }
}

/** The first entry that a key of the auditor is named for: what lies before it is not asked about. */
function firstNamedSeq(state: StreamState): number {
  const from = [...state.knownKeys.named.map((named) => named.fromSeq), ...state.auditor.dataKeysFrom];
  return from.length === 0 ? 1 : Math.min(...from);
}

function unproven(state: StreamState, message: string): void {
  state.findings.add('START_UNPROVEN', { seq: state.order.firstSeq }, message);
}
