import type { Digest } from '../../core/hash.ts';
import { formatCheckpointText } from '../../format/checkpoint.ts';
import { ratchetKeyId } from '../../format/vkey.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';
import { verifyNamed } from '../trust/note-signatures.ts';
import { whyUnknown } from '../verdict/ignored-files.ts';
import { narrowed } from './narrowed.ts';

/** Held checkpoints: what the auditor already knew of the stream (spec 8.2, 8.6). */

/** Two clocks may differ by so much (M8.31). */
export const CLOCKS_DIFFER_MS = 300_000;

/** The tree has reached a size whose root is asked for: that of a held checkpoint, or one that another stream cites. */
export function reachSize(state: StreamState, size: number): void {
  const { frontier } = state.tree;
  if (frontier === undefined || state.order.broken) return;
  const root = frontier.root();
  state.asked.note(size, root);
  reachStamped(state, size, root);
  if (!state.auditor.held.some((held) => held.size === size)) return;
  if (state.auditor.held.some((held) => held.size === size && held.root !== root)) {
    const message = `the first ${size} entries are not those of the checkpoint that you hold: the log was rewritten`;
    state.contradictions.add(size, narrowed(state, size, size), message);
    return;
  }
  state.evidence.confirmHeld(size);
  for (const held of state.auditor.held.filter((checkpoint) => checkpoint.size === size)) {
    for (const { witness, time } of state.evidence.cosignaturesOf(held)) state.evidence.cosign(witness, { size, time });
  }
  if (size >= state.order.firstSeq) state.evidence.proveStart();
}

/** M8.31: A time stamp dates the tree that it is about, and contradicts another one of that size. */
function reachStamped(state: StreamState, size: number, root: Digest): void {
  for (const { checkpoint, time, ...by } of state.auditor.stamped ?? []) {
    if (checkpoint.size !== size) continue;
    if (checkpoint.root === root) state.evidence.date({ size, time, ...by });
    else {
      const message = `the first ${size} entries are not those that were time-stamped ${time.toISOString()}: the log was rewritten`;
      state.contradictions.add(size, state.foundHere(size), message);
    }
  }
}

/** M8.31: Where a seal is younger than its time stamp allows, one of the two clocks is wrong, and nothing says which: it dates nothing. */
export function checkDates(state: StreamState, seq: number, sealedAt: string): void {
  for (const { time, authority } of state.evidence.undate(seq, Date.parse(sealedAt) - CLOCKS_DIFFER_MS)) {
    const message = `the time stamp of ${authority} says that the first ${seq} entries existed at ${time.toISOString()}, but they were sealed at ${sealedAt}: the clock of the authority or of the writer was wrong`;
    state.find('TIMESTAMP_EARLY', message, seq);
  }
}

/** Held checkpoints above the end of the range contradict it (spec 8.2, M8.5). */
export function checkHeldAtEnd(state: StreamState): void {
  if (state.order.broken) return;
  const hiding = ['RESERIALIZED', 'GZIP_TRAILING', 'ENCODING_CONVERTED'] as const;
  if (hiding.some((code) => state.findings.count(code) > 0)) return; // those entries may stand there
  const held = Math.max(0, ...state.auditor.held.map((checkpoint) => checkpoint.size));
  const stamped = Math.max(0, ...(state.auditor.stamped ?? []).map(({ checkpoint }) => checkpoint.size));
  const size = Math.max(held, stamped);
  if (size < Math.max(state.order.next, 1)) return;
  const what = held < size ? 'you have a time stamp' : 'you hold a checkpoint';
  const { elsewhere } = state.auditor;
  if (elsewhere !== undefined) {
    const here = Math.max(0, state.order.next - 1);
    const message = `${what} of ${size} entries, but only ${here} are here; ${whyUnknown(elsewhere)}, and may hold the rest`;
    state.findings.add('END_UNPROVEN', { file: state.place.file }, message);
    return;
  }
  if (state.coverage.isPartial) return;
  if (state.order.next === 0) {
    const message = `${what} of ${size} entries of this stream, but there is no entry of it: its files were emptied or replaced`;
    state.findings.add('KNOWN_CONTRADICTED', { file: state.place.file }, message);
    return;
  }
  const message = `${what} of ${size} entries, but the log ends at entry ${state.order.next - 1}: its end was cut off`;
  state.findings.add('KNOWN_CONTRADICTED', { seq: state.order.next - 1 }, message);
}

/**
 * M8.4: Whether a held checkpoint of size seq - 1 proves an open in the middle together with the step that it claims: our MAC
 * under P_(step-1) where the auditor has the data key, else the signature of a named key (spec 8.2). The epoch's schedule
 * stands at that step before.
 */
export async function heldProvesStart(state: StreamState, epoch: Epoch, size: number, step: number): Promise<boolean> {
  const root = state.tree.frontier?.root();
  const held = state.auditor.held.filter((checkpoint) => checkpoint.size === size);
  if (root === undefined || held.length === 0) return false;
  if (held.some((checkpoint) => checkpoint.root !== root)) {
    const message = `the ${size} entries before this file are not those of the checkpoint that you hold`;
    state.find('KNOWN_CONTRADICTED', message, size + 1);
    return false;
  }
  if (step === 0) return epoch.firstSeq === size + 1;
  if (epoch.schedule !== undefined) return heldCarriesMac(state, epoch, size);
  for (const checkpoint of held) if (await verifyNamed(state, checkpoint, epoch)) return true;
  return false;
}

/** Whether a held checkpoint carries our MAC of the step before: the schedule stands there at this moment. */
function heldCarriesMac(state: StreamState, epoch: Epoch, size: number): boolean {
  const { schedule } = epoch;
  if (schedule === undefined) return false;
  const keyId = ratchetKeyId(state.auditor.origin, schedule.fingerprint).toString('hex');
  const held = state.auditor.held.filter((checkpoint) => checkpoint.size === size);
  return held.some((checkpoint) => {
    const mac = schedule.macCheckpoint(Buffer.from(formatCheckpointText(checkpoint), 'utf8'));
    return checkpoint.signatures.some((signature) => signature.keyId === keyId && signature.bytes.equals(mac));
  });
}
