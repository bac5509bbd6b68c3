import { isTamperError } from '../../errors.ts';
import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { verifyCosignature, type WitnessKey } from '../../format/cosignature.ts';
import { noteKeyId } from '../../format/vkey.ts';
import { verifyWitnessSignature, witnessSpki } from '../../keys/witness-signature.ts';
import type { Witnessing } from '../auditor/auditor.ts';
import { isGrouped, reached } from '../auditor/quorum.ts';
import type { Allowance } from '../model/allowance.ts';
import type { GoodCosignature } from '../state/evidence.ts';
import type { StreamState } from '../state/state.ts';

/** Cosignatures of the witnesses that the auditor named (C2SP tlog-cosignature; spec 4, M4.10, spec 8, M8.29). */

/** What the lines of one note came to. */
export interface CosignatureVerdict {
  readonly good: readonly GoodCosignature[];
  /** The witness of the first line that is not what its name and key id promise. */
  readonly wrong: string | undefined;
}

/** When a cosignature was made; undefined where it is wrong, `unchecked` where nothing here can check it. */
type Checked = bigint | 'unchecked' | undefined;

/** A right one is checked once. What this program cannot check is said, and proves nothing (M8.9). */
async function check(
  state: StreamState,
  witness: WitnessKey,
  checkpoint: SignedCheckpoint,
  bytes: Buffer,
): Promise<Checked> {
  const id = `witness ${witness.publicKey.toString('hex')}`;
  const place = state.goodSignatures.place(id, checkpoint, bytes);
  if (state.goodSignatures.has(place)) return bytes.readBigUInt64BE(0);
  let time: bigint | undefined;
  try {
    time = await verifyCosignature(witness, checkpoint, bytes, verifyWitnessSignature);
  } catch (error) {
    if (!isTamperError(error, 'DEPENDENCY_MISSING')) throw error;
    state.allowance.take('serviceFailures');
    state.find('UNSUPPORTED', `a cosignature of ${witness.algorithm} could not be checked: ${error.message}`);
    return 'unchecked';
  }
  if (time !== undefined) state.goodSignatures.add(place);
  return time;
}

/** Checks the line of every witness that the auditor named; lines of others are skipped (M4.10). */
export async function checkCosignatures(state: StreamState, checkpoint: SignedCheckpoint): Promise<CosignatureVerdict> {
  const verify = (witness: WitnessKey, bytes: Buffer) => check(state, witness, checkpoint, bytes);
  return cosignaturesOf(state.auditor.witnessing?.witnesses ?? [], checkpoint, verify, state.allowance);
}

/** Checks those of the held checkpoints, before the log is read: what is reached on the way is known then. */
export async function checkHeldCosignatures(state: StreamState): Promise<void> {
  for (const held of state.auditor.held) state.evidence.cosignHeld(held, (await checkCosignatures(state, held)).good);
}

/** The key id that a witness's key has as a key of the log. */
function ownKeyId(origin: string, witness: WitnessKey): string {
  const spki = witnessSpki(witness);
  return spki === undefined ? '' : noteKeyId(origin, { algorithm: witness.algorithm, bytes: spki }).toString('hex');
}

/**
 * The same of a note by itself. `timeOf` gives the time of a cosignature that is right. What stands under the origin is the
 * log's, and a key that signs there is no second pair of eyes, whoever named it as a witness (M4.10).
 */
export async function cosignaturesOf(
  witnesses: readonly WitnessKey[],
  { origin, signatures }: SignedCheckpoint,
  timeOf: (witness: WitnessKey, bytes: Buffer) => Promise<Checked>,
  allowance?: Allowance,
): Promise<CosignatureVerdict> {
  const good: GoodCosignature[] = [];
  let wrong: string | undefined;
  const own = new Set(signatures.filter(({ name }) => name === origin).map(({ keyId }) => keyId));
  for (const line of signatures) {
    const { name, keyId, bytes } = line;
    if (name === origin) continue;
    const named = witnesses.filter(
      (one) => one.name === name && one.keyId === keyId && !own.has(ownKeyId(origin, one)),
    );
    if (named.length === 0) continue;
    if (allowance?.left('wrongSignatures') === 0) break; // each of the wrong ones was reported
    const found: GoodCosignature[] = [];
    let unchecked = false;
    for (const witness of named) {
      const time = await timeOf(witness, bytes);
      if (time === 'unchecked') unchecked = true;
      else if (time !== undefined) found.push({ witness: witness.publicKey.toString('hex'), time, line });
    }
    good.push(...found);
    if (found.length > 0 || unchecked) continue; // where keys share an id, one that verifies is enough
    wrong ??= name;
    allowance?.take('wrongSignatures');
  }
  return { good, wrong };
}

/** How many of the witnesses must have cosigned, in words. */
export function enoughOf({ quorum }: Witnessing): string {
  return isGrouped(quorum) ? 'enough' : String(quorum.threshold);
}

/**
 * M8.29: The largest size that enough of the witnesses have cosigned, there or further on: whoever cosigned a larger tree that
 * was computed here cosigned what is in it. Undefined where no witness is named.
 */
export function witnessedSize({ auditor, evidence }: StreamState): number | undefined {
  if (auditor.witnessing === undefined) return undefined;
  return reached(auditor.witnessing.quorum, (witness) => evidence.cosigned.get(witness)?.size ?? 0);
}
