import { verifyEd25519 } from '../core/ed25519.ts';
import { isEd25519Point } from '../core/ed25519-point.ts';
import { digestBytes, sha256 } from '../core/hash.ts';
import { TamperError } from '../errors.ts';
import { formatSignatureLine } from './checkpoint.ts';
import { type VkeyParts, vkeyParts } from './vkey.ts';

/** Cosignatures of witnesses on checkpoints (C2SP tlog-cosignature), Ed25519 (spec 4, M4.10). */

const TYPE = 0x04;
const LF = Buffer.from('\n', 'latin1');
const TIME_LENGTH = 8;
const SIGNATURE_LENGTH = 64;
/** A time is at most so many seconds (C2SP tlog-cosignature). */
const LATEST = 2n ** 63n - 1n;

/** A witness: its name and its public key. */
export interface WitnessKey {
  readonly name: string;
  /** The key id of its cosignatures: 4 bytes as 8 hex digits. */
  readonly keyId: string;
  /** The raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Buffer;
}

/** A cosignature, nothing of it verified. */
export interface Cosignature {
  /** When the witness made it, in seconds since 1970. */
  readonly time: bigint;
  readonly signature: Buffer;
}

/** `TYPE ‖ KEY`, what a witness's vkey holds and its key id is computed over. */
function typed(publicKey: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(TYPE), publicKey]);
}

function keyIdOf(name: string, publicKey: Uint8Array): Buffer {
  return digestBytes(sha256(Buffer.concat([Buffer.from(name, 'utf8'), LF, typed(publicKey)]))).subarray(0, 4);
}

/** The vkey of a witness: `name+HEX OF THE KEY ID+base64(0x04 ‖ KEY)`. */
export function formatWitnessVkey(name: string, publicKey: Uint8Array): string {
  return `${name}+${keyIdOf(name, publicKey).toString('hex')}+${typed(publicKey).toString('base64')}`;
}

function readWitnessVkey(vkey: string): WitnessKey | string {
  const parts: VkeyParts | string = vkeyParts(vkey);
  if (typeof parts === 'string') return parts;
  const { name, keyId, encoded } = parts;
  const publicKey = encoded.subarray(1);
  if (encoded[0] === 0x01) return 'its key signs as a log does (type 0x01), not as a witness (type 0x04)';
  if (encoded[0] !== TYPE || !isEd25519Point(publicKey)) {
    return 'its key is of a type of witness that this version does not know';
  }
  if (keyIdOf(name, publicKey).toString('hex') !== keyId) return 'its id does not match its name and key';
  return { name, keyId, publicKey };
}

/** What is wrong with the vkey of a witness; undefined if nothing is. It is never quoted. */
export function witnessVkeyProblem(vkey: string): string | undefined {
  const read = readWitnessVkey(vkey);
  return typeof read === 'string' ? read : undefined;
}

/**
 * Reads the vkey of a witness: C2SP signed-note, type 0x04.
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
function readCosignature(bytes: Buffer): Cosignature | undefined {
  if (bytes.length !== TIME_LENGTH + SIGNATURE_LENGTH) return undefined;
  const time = bytes.readBigUInt64BE(0);
  return time > LATEST ? undefined : { time, signature: bytes.subarray(TIME_LENGTH) };
}

/** What a witness signs: `cosignature/v1`, the time, and the text of the checkpoint, as bytes. */
export function cosignedMessage(time: bigint, text: string): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`, 'utf8');
}

/**
 * When the witness cosigned the checkpoint with this text, in seconds since 1970.
 *
 * @param bytes - what stands after the key id in the signature line
 * @returns undefined where it did not: they are no cosignature of this witness over this text (M4.10)
 */
export function verifyCosignature({ publicKey }: WitnessKey, text: string, bytes: Buffer): bigint | undefined {
  const cosignature = readCosignature(bytes);
  if (cosignature === undefined) return undefined;
  const { time, signature } = cosignature;
  return verifyEd25519(publicKey, cosignedMessage(time, text), signature) ? time : undefined;
}

/** The signature line of a cosignature, with its LF. */
export function formatCosignatureLine({ name, keyId }: WitnessKey, { time, signature }: Cosignature): string {
  const seconds = Buffer.alloc(TIME_LENGTH);
  seconds.writeBigUInt64BE(time);
  return formatSignatureLine(name, Buffer.from(keyId, 'hex'), Buffer.concat([seconds, signature]));
}
