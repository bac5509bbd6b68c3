import type { Digest } from '../../core/hash.ts';
import type { OpenEntry } from '../../format/control.ts';
import { entriesText } from '../model/entries-text.ts';
import type { StreamState } from '../state/state.ts';
import { beginRange, forgetRange } from './ranges.ts';

/** Whether an open went on below the present end; `too far`: further back than is kept, which was reported. */
export type Abandonment = 'abandoned' | 'out of order' | 'too far';

/**
 * A shipped copy that is ahead of a crashed host (spec 8, `ABANDONED`, M8.26): the host went on below what was shipped. The
 * entries between the two burn their epoch numbers and are left out.
 *
 * @returns what the open is; unless `abandoned`, the state is as it was
 */
export function abandon(state: StreamState, seq: number, open: OpenEntry, leaf: Digest): Abandonment {
  const size = seq - 1;
  const mayFollow = open.why === 'recovered' || open.why === 'resumed' || (open.why === 'rotated' && isAfterCut(state));
  if (!mayFollow || state.tree.sawLeaf(seq, leaf)) return 'out of order';
  if (state.evidence.settledSize > size) return 'out of order'; // a writer never goes back below what it gave to any signer
  if (open.why === 'rotated' || state.order.isHeadless || seq < state.order.firstSeq) return abandonRange(state, seq);
  if (state.order.broken || state.tree.frontier === undefined) return 'out of order';
  const end = state.order.next - 1;
  const unproven = state.evidence.lastUnchecked > size;
  if (!state.allowance.take('abandonments') || !state.tree.rewindTo(size)) {
    state.stopAtLimit(`entry ${seq}: this open goes back below entry ${end}, too far or too often to be followed`, seq);
    return 'too far';
  }
  if (goesOnElsewhere(state, seq, open)) return abandonRange(state, seq);
  const count = end - size;
  state.runs.abandon(count);
  const tooMany = state.runs.abandonedEntries > state.auditor.accept.abandoned;
  const place = { ...state.here(seq), lastSeq: end };
  const message = `${entriesText(seq, end)}: the writer crashed and continued from before that; this copy has lines that the writer's host lost`;
  if (unproven) state.findings.add('ABANDONED_UNPROVEN', place, `${message}, and nothing shows who wrote them`);
  else state.findings.add('ABANDONED', place, message, tooMany ? 'undecided' : undefined);
  goBack(state, size);
  return 'abandoned';
}

/** The open that went back may have stood behind where the file before was cut, or where nobody can read: another file goes on from there. */
function isAfterCut({ coverage, file, order }: StreamState): boolean {
  return (file.afterCut || coverage.maybeElsewhere) && order.atFileStart;
}

/**
 * Whether the open goes on from other entries than those that stand there, which nobody signed: another one may have gone back
 * before it, in what was cut off, or, where this one goes back too, in a file that is not here.
 */
export function goesOnElsewhere(state: StreamState, seq: number, open: OpenEntry): boolean {
  const subtrees = state.tree.frontier?.subtrees;
  const mayBe = isAfterCut(state) || (state.order.atFileStart && seq < state.order.next);
  if (subtrees === undefined || !mayBe || state.evidence.settledSize >= seq - 1) return false;
  return open.frontier.length !== subtrees.length || open.frontier.some((root, at) => root !== subtrees[at]);
}

/**
 * The open goes back into, or behind, a part whose beginning is not here: nothing shows who wrote what it leaves behind, and
 * another range begins with it (M8.24, M8.26).
 */
function abandonRange(state: StreamState, seq: number): Abandonment {
  const from = Math.max(seq, state.order.firstSeq);
  const end = state.order.next - 1;
  state.runs.abandon(end - from + 1);
  const message = `${entriesText(from, end)}: the writer crashed and continued from before that; this copy has lines that the writer's host lost, and nothing shows who wrote them`;
  state.findings.add('ABANDONED_UNPROVEN', { ...state.here(from), lastSeq: end }, message);
  if (seq < state.order.firstSeq) forgetRange(state);
  else beginRange(state, from);
  state.erasures.goBack(seq - 1);
  return 'abandoned';
}

function goBack(state: StreamState, size: number): void {
  const epoch = state.epochs.goBack(size);
  epoch?.goBack(size, state.tree.lastSealUpTo(size, epoch));
  state.evidence.goBack(size);
  state.timeline.goBack(size);
  state.asked.goBack(size);
  state.erasures.goBack(size);
  state.contradictions.goBack(size);
  state.order.goBack(size);
}
