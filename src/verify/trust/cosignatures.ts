import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { verifyCosignature, type WitnessKey } from '../../format/cosignature.ts';
import type { Allowance } from '../model/allowance.ts';
import type { StreamState } from '../state/state.ts';

/** Cosignatures of the witnesses that the auditor named (C2SP tlog-cosignature; spec 4, M4.10, spec 8, M8.29). */

/** A cosignature that verified. */
export interface GoodCosignature {
  /** The hex of the witness's public key. */
  readonly witness: string;
  /** In seconds since 1970. */
  readonly time: bigint;
}

/** What the lines of one note came to. */
export interface CosignatureVerdict {
  readonly good: readonly GoodCosignature[];
  /** The witness of the first line that is not what its name and key id promise. */
  readonly wrong: string | undefined;
}

/** The time of a cosignature that is right; undefined where it is not. A right one is checked once. */
function check(state: StreamState, witness: WitnessKey, text: string, bytes: Buffer): bigint | undefined {
  const id = `witness ${witness.publicKey.toString('hex')}`;
  const place = state.goodSignatures.place(id, Buffer.from(text, 'utf8'), bytes);
  if (state.goodSignatures.has(place)) return bytes.readBigUInt64BE(0);
  const time = verifyCosignature(witness, text, bytes);
  if (time !== undefined) state.goodSignatures.add(place);
  return time;
}

/** Checks the line of every witness that the auditor named; lines of others are skipped (M4.10). */
export function checkCosignatures(state: StreamState, checkpoint: SignedCheckpoint): CosignatureVerdict {
  const verify = (witness: WitnessKey, bytes: Buffer): bigint | undefined =>
    check(state, witness, checkpoint.text, bytes);
  return cosignaturesOf(state.auditor.witnessing?.witnesses ?? [], checkpoint.signatures, verify, state.allowance);
}

/** The same of a note by itself. `timeOf` gives the time of a cosignature that is right. */
export function cosignaturesOf(
  witnesses: readonly WitnessKey[],
  signatures: SignedCheckpoint['signatures'],
  timeOf: (witness: WitnessKey, bytes: Buffer) => bigint | undefined,
  allowance?: Allowance,
): CosignatureVerdict {
  const good: GoodCosignature[] = [];
  let wrong: string | undefined;
  for (const { name, keyId, bytes } of signatures) {
    const named = witnesses.filter((one) => one.name === name && one.keyId === keyId);
    if (named.length === 0) continue;
    if (allowance?.left('wrongSignatures') === 0) break; // each of the wrong ones was reported
    const found = named.flatMap((witness) => {
      const time = timeOf(witness, bytes);
      return time === undefined ? [] : [{ witness: witness.publicKey.toString('hex'), time }];
    });
    good.push(...found);
    if (found.length > 0) continue; // where keys share an id, one that verifies is enough
    wrong ??= name;
    allowance?.take('wrongSignatures');
  }
  return { good, wrong };
}

/**
 * M8.29: The largest size that as many witnesses have cosigned, there or further on, as the auditor demands: whoever cosigned
 * a larger tree that was computed here cosigned what is in it. Undefined where no witness is named.
 */
export function witnessedSize({ auditor, evidence }: StreamState): number | undefined {
  if (auditor.witnessing === undefined) return undefined;
  const sizes = [...evidence.cosigned.values()].map(({ size }) => size).sort((a, b) => b - a);
  return sizes[auditor.witnessing.required - 1] ?? 0;
}
