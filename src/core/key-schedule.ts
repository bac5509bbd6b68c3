import { TamperError } from '../errors.ts';
import { type Digest, digestBytes, sha256 } from './hash.ts';
import { hkdfSha256, hmacSha256, RecordKey } from './hmac.ts';

/**
 * The key schedule of a MAC epoch (spec 3): from the data key a chain of keys, one a step, each overwritten when the next
 * one has been computed. So what a seal covers can no longer be forged by the host that sealed it.
 */

const FINGERPRINT = Buffer.from('fapilog-tamper/v1 fingerprint\0', 'latin1');
const CHAIN = Buffer.from('fapilog-tamper/v1 chain\0', 'latin1');
const RECORD = Buffer.from('record', 'latin1');
const CHECKPOINT = Buffer.from('checkpoint', 'latin1');
const NEXT = Buffer.from('next', 'latin1');

/** The length of a data key, in bytes (M3.4). */
const DATA_KEY_LENGTH = 32;
/** The length of a nonce, in bytes. */
export const NONCE_LENGTH = 32;

/** What binds a key schedule to its place. */
export interface KeyScheduleContext {
  /** 32 random bytes, stored in the key reference. */
  readonly nonce: Uint8Array;
  readonly origin: string;
  readonly epoch: number;
}

function binding(label: Buffer, context: KeyScheduleContext): Buffer {
  const epoch = Buffer.alloc(8);
  epoch.writeBigUInt64BE(BigInt(context.epoch));
  return Buffer.concat([label, digestBytes(sha256(context.origin)), epoch]);
}

function checkDataKey(dataKey: Uint8Array): void {
  if (dataKey.length !== DATA_KEY_LENGTH) {
    throw new TamperError('KEY_MALFORMED', `a data key has exactly 32 bytes, this one has ${dataKey.length}`);
  }
  if (dataKey.every((byte) => byte === 0)) throw new TamperError('KEY_MALFORMED', 'the data key is all zeros');
}

/** The keys of one MAC epoch. It copies what it needs of the data key; the caller erases the data key right after. */
export class KeySchedule {
  /** `fp` of the key reference: 32 bytes that tell "wrong key" from "tampered". Public. */
  readonly fingerprint: Buffer;
  readonly #chain: Buffer;
  readonly #record: RecordKey;
  #step: number;

  private constructor(fingerprint: Buffer, chain: Buffer, step: number) {
    this.fingerprint = fingerprint;
    this.#chain = chain;
    this.#step = step;
    const key = hmacSha256(chain, RECORD);
    this.#record = new RecordKey(key);
    key.fill(0);
  }

  /**
   * The key schedule of step 0 (M3.1).
   *
   * @throws {@link TamperError} `KEY_MALFORMED` for a data key that is not 32 bytes or all zeros (spec 3)
   */
  static derive(dataKey: Uint8Array, context: KeyScheduleContext): KeySchedule {
    checkDataKey(dataKey);
    if (context.nonce.length !== NONCE_LENGTH) throw new RangeError('a nonce has exactly 32 bytes');
    const fingerprint = hkdfSha256(dataKey, context.nonce, binding(FINGERPRINT, context));
    return new KeySchedule(fingerprint, hkdfSha256(dataKey, context.nonce, binding(CHAIN, context)), 0);
  }

  /** An independent copy at the same step; erased by itself. */
  clone(): KeySchedule {
    const chain = Buffer.allocUnsafeSlow(this.#chain.length);
    chain.set(this.#chain);
    return new KeySchedule(this.fingerprint, chain, this.#step);
  }

  /** A copy of the chain key of this step, for a process that checks other entries of the epoch. The caller overwrites it. */
  copyChain(): Buffer {
    const chain = Buffer.allocUnsafeSlow(this.#chain.length);
    chain.set(this.#chain);
    return chain;
  }

  /** The keys from a step on, from what {@link copyChain} gave there. It has no fingerprint. */
  static fromChain(chain: Uint8Array, step: number): KeySchedule {
    const copy = Buffer.allocUnsafeSlow(chain.length);
    copy.set(chain);
    return new KeySchedule(Buffer.alloc(0), copy, step);
  }

  /** How many seal and close entries of the epoch have been passed. */
  get step(): number {
    return this.#step;
  }

  /** R_s, until the step ends. */
  get recordKey(): RecordKey {
    return this.#record;
  }

  /** MAC of a leaf hash under R_s, as 43 base64url characters: the `auth` of an entry. */
  authenticate(leafHash: Digest): string {
    return this.#record.mac(leafHash);
  }

  /** MAC of a checkpoint's text under P_s, 32 bytes. Public once computed (M3.2). */
  macCheckpoint(text: Uint8Array): Buffer {
    const key = hmacSha256(this.#chain, CHECKPOINT);
    const mac = hmacSha256(key, text);
    key.fill(0);
    return mac;
  }

  /** C_(s+1) = HMAC(C_s, "next"); the keys of step s are overwritten (M3.3). */
  advance(): void {
    this.#next();
    const key = hmacSha256(this.#chain, RECORD);
    this.#record.replace(key);
    key.fill(0);
  }

  /** {@link advance} to a step, without the record keys of those between. */
  walkTo(step: number): void {
    while (this.#step < step - 1) this.#next();
    if (this.#step < step) this.advance();
  }

  /** Overwrites every key. */
  erase(): void {
    this.#chain.fill(0);
    this.#record.erase();
  }

  #next(): void {
    const next = hmacSha256(this.#chain, NEXT);
    this.#chain.set(next);
    next.fill(0);
    this.#step++;
  }
}
