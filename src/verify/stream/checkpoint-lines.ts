import { parseConverted, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { CONTROL_WRITE_LIMIT } from '../../format/entry.ts';
import { noteOfLine } from '../../format/foreign-line.ts';
import { hasUnknownSigner } from '../../format/key-reference.ts';
import { isMet } from '../auditor/quorum.ts';
import type { SignerId } from '../model/epoch.ts';
import type { ProofKeeper } from '../model/proof-keeper.ts';
import type { SealedSize } from '../model/tree-history.ts';
import { narrowed } from '../range/narrowed.ts';
import type { GoodCosignature, NoteKind } from '../state/evidence.ts';
import type { StreamState } from '../state/state.ts';
import { checkCosignatures } from '../trust/cosignatures.ts';
import { countsForSize, isNamed, noteNamedSizes } from '../trust/named-keys.ts';
import { type NoteVerdict, verifyNote } from '../trust/note-signatures.ts';
import { hasWeight } from '../trust/post-quantum.ts';
import { acceptSuccessors } from '../trust/vouching.ts';

/** Checkpoint lines: whoever signed one, its root must be the one computed here (spec 8.4). */

/** Checks one checkpoint (M4.8, M8.10, M9.1); without a line it is that of a manifest. */
export async function handleCheckpoint(
  state: StreamState,
  note: string | undefined,
  line?: Buffer,
  proof?: ProofKeeper,
): Promise<void> {
  const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
  if (checkpoint === undefined) {
    if (line !== undefined && parseConverted(noteOfLine(line)) !== undefined) {
      state.encoding.found(state.foundHere());
      state.file.facts?.alter();
    } else state.find('NOTE_MALFORMED', 'a checkpoint line does not contain a signed note in its only valid spelling');
    return;
  }
  if (line !== undefined && line.length > CONTROL_WRITE_LIMIT)
    state.find('LONG_LINE', `a checkpoint line of ${line.length} bytes; carriers cut above 16,000`);
  const { origin, size } = checkpoint;
  if (origin !== state.auditor.origin) {
    state.find('ORIGIN_WRONG', `a checkpoint of the stream ${origin} is in the log of ${state.auditor.origin}`);
    return;
  }
  if (line !== undefined) state.auditor.observer?.checkpoint(state.place.file, size, note ?? '');
  // of what a crash lost a copy may be here, and what took its place be written again (M8.22, M8.26)
  if (state.file.isRewritten && size > state.evidence.settledSize) return;
  if (size < Math.max(state.order.firstSeq, 1)) {
    state.skipped.add(size);
    return;
  }
  if (size >= state.order.next && state.order.atFileStart) {
    state.skipped.hold(size, state.here(state.order.next === 0 ? undefined : size)); // the next entry tells
    return;
  }
  if (size >= state.order.next) {
    if (state.sequence.open) return; // the entry it is about is missing, which is reported
    state.find(
      'CHECKPOINT_EARLY',
      `a checkpoint of ${size} entries comes right after entry ${state.order.next - 1}, before entries that it covers`,
      size,
    );
    return;
  }
  const seal = state.tree.seal(size);
  if (seal === undefined) {
    handleUnknownSize(state, size);
    return;
  }
  await handleSealed(state, checkpoint, seal, note ?? '', proof);
}

function handleUnknownSize(state: StreamState, size: number): void {
  if (!state.tree.remembers(size)) {
    state.skipped.add(size);
  } else if (!state.order.broken && state.tree.frontier !== undefined) {
    state.find(
      'CHECKPOINT_NOT_A_SEAL',
      `a checkpoint of ${size} entries: entry ${size} is neither a seal nor a close`,
      size,
    );
  }
}

async function handleSealed(
  state: StreamState,
  checkpoint: SignedCheckpoint,
  seal: SealedSize,
  note: string,
  proof: ProofKeeper | undefined,
): Promise<void> {
  const { size } = checkpoint;
  if (checkpoint.root !== seal.root) {
    if (!state.order.broken) {
      const place = narrowed(state, size, size);
      const message = `the checkpoint of ${size} entries does not match these entries: something in entries ${place.within.firstSeq} to ${size} was changed`;
      state.findings.add('ROOT_MISMATCH', place, message);
      state.order.breakOff('another root');
    }
    return;
  }
  const verdict = await verifyNote(state, checkpoint, seal.epoch, seal.mac);
  if (verdict.wrong !== undefined) {
    state.find('SIGNATURE_WRONG', `the checkpoint of ${size} entries: ${verdict.wrong} is wrong`, size);
    return;
  }
  const cosignatures = await checkCosignatures(state, checkpoint);
  if (cosignatures.wrong !== undefined) {
    const message = `the checkpoint of ${size} entries: the cosignature of the witness ${cosignatures.wrong} is wrong`;
    state.find('SIGNATURE_WRONG', message, size);
    return;
  }
  if (state.order.broken) return;
  for (const { witness, time } of cosignatures.good) state.evidence.cosign(witness, { size, time });
  const noted = (signers: readonly SignerId[]): void => {
    if (proof === undefined) return; // nobody asks for what proves an entry
    const { held, witnessing } = state.auditor;
    const same = held.filter((one) => one.size === size && one.root === seal.root);
    const byWitnesses = [...cosignatures.good, ...same.flatMap((one) => state.evidence.cosignaturesOf(one))];
    const signatures = signers.flatMap((id) => verdict.verified.get(id) ?? []);
    proof.noted(seal, { checkpoint, signatures, cosignatures: byWitnesses }, (witnesses) =>
      witnessing === undefined ? true : isMet(witnessing.quorum, witnesses),
    );
  };
  if (verdict.verified.size === 0 && !verdict.mac) {
    noted([]);
    state.timeline.addCheckpoint(size, seal.time, []);
    if (!verdict.unchecked && shouldHaveVerified(state, seal)) {
      state.find(
        'CHECKPOINT_UNSIGNED',
        `the checkpoint of ${size} entries carries no signature by a key of its key period`,
        size,
      );
    }
    return;
  }
  noted(record(state, note, seal, verdict, cosignatures.good));
}

/** The auditor has a key of every kind that the key period uses; a successor's is the log's (spec 8.4, M8.11). */
function shouldHaveVerified(state: StreamState, { epoch, mac }: SealedSize): boolean {
  if (epoch === undefined || hasUnknownSigner(epoch.reference)) return false; // that one may have signed it (M2.8)
  if (epoch.member === 'mac' && (!epoch.macChecked || mac === undefined)) return false; // no key, or an unknown step
  const online = [...epoch.signers.values()].every((signer) => signer.algorithm === 'kms-hmac-sha256');
  if (epoch.signers.size > 0 && online && state.auditor.verifyOnline === undefined) return false;
  return epoch.signers.size === 0 || [...epoch.signers.keys()].some((id) => isNamed(state, id));
}

/** @returns those of its key period that count for it and that anybody can check */
function record(
  state: StreamState,
  note: string,
  { seq: size, epoch, time }: SealedSize,
  verdict: NoteVerdict,
  cosignatures: readonly GoodCosignature[],
): SignerId[] {
  const counting = [...verdict.verified.keys()].filter((id) => hasWeight(state.auditor, id, size));
  if (counting.length < verdict.verified.size) state.evidence.signWithoutWeight(size);
  for (const id of counting) noteNamedSizes(state, id, size);
  if (state.auditor.accept.successors) {
    acceptSuccessors(state);
    for (const id of counting) noteNamedSizes(state, id, size);
  }
  if (verdict.mac) epoch?.noteMac(size);
  const named = counting.filter((id) => countsForSize(state, id, size));
  const signers = named.filter((id) => epoch?.signers.has(id));
  const checkedBy = [...(verdict.mac ? ['mac' as const] : []), ...(signers.length > 0 ? ['signature' as const] : [])];
  state.timeline.addCheckpoint(size, time, checkedBy);
  if (checkedBy.length === 0) return [];
  const kind: NoteKind = signers.length > 0 ? 'bySignature' : 'byMac';
  state.evidence.verify({ size, note, epoch }, kind);
  for (const { witness, time: cosigned } of cosignatures) {
    state.evidence.cosign(witness, { size, time: cosigned, proving: { size, note, epoch, kind } });
  }
  return signers.filter((id) => epoch?.signers.get(id)?.algorithm !== 'kms-hmac-sha256');
}
