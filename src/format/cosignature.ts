import { isEd25519Point } from '../core/ed25519-point.ts';
import { digestBytes, sha256 } from '../core/hash.ts';
import { isMlDsa, ML_DSA, mlDsaPublicKey } from '../core/ml-dsa.ts';
import { TamperError } from '../errors.ts';
import { formatSignatureLine } from './checkpoint.ts';
import { type Cosigned, cosignedStructure, TIME_LENGTH, timeOf } from './cosigned-message.ts';
import { encodeNoteKey, type NoteKey, type VkeyParts, vkeyParts } from './vkey.ts';

/** Cosignatures of witnesses on checkpoints (C2SP tlog-cosignature), Ed25519 and ML-DSA-44 (spec 4, M4.10). */

/** An algorithm that witnesses sign with. */
export type WitnessAlgorithm = 'ed25519' | 'ml-dsa-44';

/** The byte that says the algorithm in a vkey and a key id, and how long a signature is. */
const KINDS: Readonly<Record<WitnessAlgorithm, { readonly type: number; readonly signatureLength: number }>> = {
  ed25519: { type: 0x04, signatureLength: 64 },
  'ml-dsa-44': { type: 0x06, signatureLength: ML_DSA['ml-dsa-44'].signatureBytes },
};
const LF = Buffer.from('\n', 'latin1');
/** A name of a witness of ML-DSA-44 is at most so long, in bytes (C2SP tlog-cosignature). */
const LONGEST_NAME = 255;

/** A witness: its name and its public key. */
export interface WitnessKey {
  readonly name: string;
  /** The key id of its cosignatures: 4 bytes as 8 hex digits. */
  readonly keyId: string;
  readonly algorithm: WitnessAlgorithm;
  /** The raw public key: 32 bytes of Ed25519, 1,312 of ML-DSA-44. */
  readonly publicKey: Buffer;
}

/** A cosignature, nothing of it verified. */
export interface Cosignature {
  /** When the witness made it, in seconds since 1970. */
  readonly time: bigint;
  readonly signature: Buffer;
}

/** `TYPE ‖ KEY`, what a witness's vkey holds and its key id is computed over. */
function typed(publicKey: Uint8Array, algorithm: WitnessAlgorithm): Buffer {
  return Buffer.concat([Uint8Array.of(KINDS[algorithm].type), publicKey]);
}

function keyIdOf(name: string, encoded: Uint8Array): Buffer {
  return digestBytes(sha256(Buffer.concat([Buffer.from(name, 'utf8'), LF, encoded]))).subarray(0, 4);
}

/** The vkey of a witness: `name+HEX OF THE KEY ID+base64(TYPE ‖ KEY)`. */
export function formatWitnessVkey(
  name: string,
  publicKey: Uint8Array,
  algorithm: WitnessAlgorithm = 'ed25519',
): string {
  const encoded = typed(publicKey, algorithm);
  return `${name}+${keyIdOf(name, encoded).toString('hex')}+${encoded.toString('base64')}`;
}

/** The algorithm of `TYPE ‖ KEY`; undefined where it is none of a witness, or the key cannot be one. */
function algorithmOf(encoded: Buffer): WitnessAlgorithm | undefined {
  const publicKey = encoded.subarray(1);
  if (encoded[0] === KINDS.ed25519.type) return isEd25519Point(publicKey) ? 'ed25519' : undefined;
  const fits = publicKey.length === ML_DSA['ml-dsa-44'].publicKeyBytes;
  return encoded[0] === KINDS['ml-dsa-44'].type && fits ? 'ml-dsa-44' : undefined;
}

function readWitnessVkey(vkey: string): WitnessKey | string {
  const parts: VkeyParts | string = vkeyParts(vkey);
  if (typeof parts === 'string') return parts;
  const { name, keyId, encoded } = parts;
  const publicKey = encoded.subarray(1);
  if (encoded[0] === 0x01) return 'its key signs as a log does (type 0x01), not as a witness (type 0x04 or 0x06)';
  const algorithm = algorithmOf(encoded);
  if (algorithm === undefined) return 'its key is of a type of witness that this version does not know';
  if (keyIdOf(name, encoded).toString('hex') !== keyId) return 'its id does not match its name and key';
  if (algorithm === 'ml-dsa-44' && Buffer.byteLength(name) > LONGEST_NAME) return 'its name is too long';
  return { name, keyId, algorithm, publicKey };
}

/** The bytes of a log's public key as a witness would name the same key. */
export function rawNoteKey(key: NoteKey): Buffer {
  const { algorithm, bytes } = key;
  return isMlDsa(algorithm) ? Buffer.from(mlDsaPublicKey(algorithm, bytes)) : encodeNoteKey(key).subarray(1);
}

/** What is wrong with the vkey of a witness; undefined if nothing is. It is never quoted. */
export function witnessVkeyProblem(vkey: string): string | undefined {
  const read = readWitnessVkey(vkey);
  return typeof read === 'string' ? read : undefined;
}

/**
 * Reads the vkey of a witness: C2SP signed-note, type 0x04 or 0x06.
 *
 * @param place - where it stands, for the message
 * @throws {@link TamperError} `FORMAT_INVALID`
 */
export function parseWitnessVkey(vkey: string, place: string): WitnessKey {
  const read = readWitnessVkey(vkey);
  if (typeof read !== 'string') return read;
  throw new TamperError('FORMAT_INVALID', `${place} is not the verifier key of a witness: ${read}`, {
    hint: 'A witness publishes it as NAME+8 HEX DIGITS+BASE64; litewitness prints it when it starts.',
  });
}

/** `time ‖ signature` of a signature line; undefined where it is not one (M4.10). */
function readCosignature({ algorithm }: WitnessKey, bytes: Buffer): Cosignature | undefined {
  if (bytes.length !== TIME_LENGTH + KINDS[algorithm].signatureLength) return undefined;
  const time = timeOf(bytes);
  return time === undefined ? undefined : { time, signature: bytes.subarray(TIME_LENGTH) };
}

/** What a witness signs, as bytes. Ed25519: `cosignature/v1`, the time, and the text of the checkpoint. */
function cosignedMessage({ name, algorithm }: WitnessKey, time: bigint, cosigned: Cosigned): Buffer {
  return algorithm === 'ed25519'
    ? Buffer.from(`cosignature/v1\ntime ${time}\n${cosigned.text}`, 'utf8')
    : cosignedStructure(name, time, cosigned);
}

/** Whether a key signed a message: {@link verifyCosignature} is given it, for some of it is no pure computation. */
export type VerifyByWitness = (key: WitnessKey, message: Uint8Array, signature: Uint8Array) => Promise<boolean>;

/**
 * When the witness cosigned the checkpoint, in seconds since 1970.
 *
 * @param bytes - what stands after the key id in the signature line
 * @returns undefined where it did not: they are no cosignature of this witness over this checkpoint (M4.10)
 */
export async function verifyCosignature(
  witness: WitnessKey,
  cosigned: Cosigned,
  bytes: Buffer,
  verify: VerifyByWitness,
): Promise<bigint | undefined> {
  const cosignature = readCosignature(witness, bytes);
  if (cosignature === undefined) return undefined;
  const { time, signature } = cosignature;
  return (await verify(witness, cosignedMessage(witness, time, cosigned), signature)) ? time : undefined;
}

/** The signature line of a cosignature, with its LF. */
export function formatCosignatureLine({ name, keyId }: WitnessKey, { time, signature }: Cosignature): string {
  const seconds = Buffer.alloc(TIME_LENGTH);
  seconds.writeBigUInt64BE(time);
  return formatSignatureLine(name, Buffer.from(keyId, 'hex'), Buffer.concat([seconds, signature]));
}
