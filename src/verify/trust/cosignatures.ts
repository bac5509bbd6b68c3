import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { cosignedMessage, readCosignature, type WitnessKey } from '../../format/cosignature.ts';
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

const keys = new WeakMap<WitnessKey, KeyObject>();

function keyOf(witness: WitnessKey): KeyObject {
  const made = keys.get(witness);
  if (made !== undefined) return made;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: witness.publicKey.toString('base64url') };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  keys.set(witness, key);
  return key;
}

/** The time of a cosignature that is right; undefined where it is not. A right one is checked once. */
function check(state: StreamState, witness: WitnessKey, text: string, bytes: Buffer): bigint | undefined {
  const cosignature = readCosignature(bytes);
  if (cosignature === undefined) return undefined;
  const { time, signature } = cosignature;
  const message = cosignedMessage(time, text);
  const place = state.goodSignatures.place(`witness ${witness.publicKey.toString('hex')}`, message, signature);
  if (state.goodSignatures.has(place)) return time;
  if (!verify(null, message, keyOf(witness), signature)) return undefined;
  state.goodSignatures.add(place);
  return time;
}

/** Checks the line of every witness that the auditor named; lines of others are skipped (M4.10). */
export function checkCosignatures(state: StreamState, checkpoint: SignedCheckpoint): CosignatureVerdict {
  const good: GoodCosignature[] = [];
  let wrong: string | undefined;
  for (const { name, keyId, bytes } of checkpoint.signatures) {
    const named = state.auditor.witnessing?.witnesses.filter((one) => one.name === name && one.keyId === keyId) ?? [];
    if (named.length === 0) continue;
    if (state.allowance.left('wrongSignatures') === 0) break; // each of the wrong ones was reported
    const found = named.flatMap((witness) => {
      const time = check(state, witness, checkpoint.text, bytes);
      return time === undefined ? [] : [{ witness: witness.publicKey.toString('hex'), time }];
    });
    good.push(...found);
    if (found.length > 0) continue; // where keys share an id, one that verifies is enough
    wrong ??= name;
    state.allowance.take('wrongSignatures');
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
