/**
 * The contract between this package and a key source. Small interfaces, one capability each; a provider `satisfies` those
 * it claims, and the factory returns what a configuration needs.
 *
 * Failure is part of the contract: a method returns a value only when it is right. Absent, denied, disabled, pending
 * deletion, throttled, unreachable, malformed and wrong context are different {@link TamperErrorCode}s, and none of them
 * ever becomes null, false or a default.
 */
import type { Mode } from '../config/index.ts';
import { isMlDsa, type MlDsaAlgorithm } from '../core/ml-dsa.ts';
import { TamperError } from '../errors.ts';
import type { KeyNaming, KeySource } from './identity.ts';
import type { WarningListener } from './warnings.ts';

/** Signature algorithms by the names of spec 2 (`A`). `kms-hmac-sha256` has no public key and is checked online only. */
export type SignatureAlgorithm =
  | 'ed25519'
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p384-sha384'
  | 'rsa-pss-sha256'
  | 'rsa-pkcs1-sha256'
  | MlDsaAlgorithm
  | 'kms-hmac-sha256';

/** Options of one call. Every provider also has its own deadline; whichever ends first wins. */
export interface CallOptions {
  /** Ends the call early with code `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** Options for resolving a signing key. */
export interface SigningKeyOptions extends CallOptions {
  /**
   * The key is to sign from now on: a key that according to its service cannot (disabled, expired, not yet valid, pending
   * deletion) is refused at once. Without it, old versions are resolved too, for checking signatures.
   */
  readonly toSign?: boolean;
}

/**
 * What a wrapped data key is bound to (spec 5, wrapping context). Writer and auditor each compute it from what they know;
 * it is never stored.
 */
export interface KeyContext {
  /** The stream's origin (spec 1). */
  readonly origin: string;
  /** The key id of the key period, `TAG.EPOCH` (spec 1). */
  readonly kid: string;
}

/** 32 secret bytes for one key period of one stream. The caller owns it and calls {@link DataKey.erase}. */
export interface DataKey {
  /** Exactly 32 bytes in memory of their own (not pooled). */
  readonly material: Buffer;
  readonly source: KeySource;
  /** The identity that the service *returned* (spec 2, `identity`); for a local key the configured `key_id`. */
  readonly identity: string;
  /** The same key encrypted by the key service; absent for a local key. */
  readonly wrapped?: Uint8Array;
  /**
   * What distinguishes the key that was asked for from another one with the same identity, if that is possible. Never written.
   */
  readonly incarnation?: string;
  /** Overwrites {@link DataKey.material} with zeros. Safe to call twice. */
  erase(): void;
}

/** A wrapped data key as the log names it. It is not trusted: `identity` was matched against a named key before. */
export interface DataKeyReference {
  readonly source: KeySource;
  readonly identity: string;
  readonly wrapped?: Uint8Array;
}

/** One version of a signing key, as it goes into the log (spec 2, SIGNER). */
export interface SigningKey {
  readonly source: KeySource;
  /** The resolved identity, version included. Giving it back to {@link Signing.sign} signs with exactly this version. */
  readonly identity: string;
  readonly algorithm: SignatureAlgorithm;
  /** The public key as DER SubjectPublicKeyInfo, canonical; absent for `kms-hmac-sha256` only. */
  readonly spki?: Uint8Array;
}

/** A signature and what made it. ECDSA is DER; Ed25519 is 64 bytes; RSA-PSS has a salt of 32 bytes. */
export interface Signature {
  readonly bytes: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  /** The resolved identity of the version that signed, as the service returned it. */
  readonly identity: string;
}

/** A source of data keys: for `records: mac`. */
export interface DataKeys {
  /**
   * Generates one data key for one key period of one stream (local sources read theirs). Never cached, never shared.
   *
   * @param keyId - the configured `key_id`, or an identity that this provider returned
   */
  getKey(keyId: string, context: KeyContext, options?: CallOptions): Promise<DataKey>;
  /**
   * Recovers the data key of a sealed key period. `named` is what the auditor calls the key; endpoint, credentials and key
   * name of the call come from it and from the configuration, never from `reference`, which supplies only `wrapped` and a
   * version (spec 8.1).
   */
  recoverKey(reference: DataKeyReference, named: string, context: KeyContext, options?: CallOptions): Promise<DataKey>;
}

/** A source of signatures over checkpoints. */
export interface Signing {
  /** Resolves the current version of a signing key and its public key. Never older than `key_cache_ttl_seconds`. */
  getSigningKey(keyId: string, options?: SigningKeyOptions): Promise<SigningKey>;
  /** Signs `data` (1 to 4,096 bytes; `USAGE` otherwise). `keyId` is a configured name, or the identity of the version to sign with. */
  sign(keyId: string, data: Uint8Array, options?: CallOptions): Promise<Signature>;
  /**
   * Signs several, in order, all or nothing. Natively where the service can; otherwise with bounded concurrency. A sealer does
   * not use it: it signs one root for each checkpoint.
   */
  signBatch(keyId: string, items: readonly Uint8Array[], options?: CallOptions): Promise<Signature[]>;
  /**
   * Checks a signature: offline where `key` has a public key, by the service otherwise.
   *
   * @returns false only for a bad signature; every other failure throws
   */
  verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options?: CallOptions): Promise<boolean>;
}

/** What every provider has: the name that goes into the log as `source`, how its identities are written, and an end. */
export interface ProviderLifecycle extends KeyNaming {
  /** Whose signatures it gives, if they come from elsewhere than the data keys. Default: its own. */
  readonly signatures?: KeyNaming;
  /**
   * The keys in the configuration that it was made from, set by `createKeyProvider`. A verifier that is given the provider
   * asks for these keys and no others (spec 8.1).
   */
  readonly configured?: Mode;
  /**
   * Asks the source whether any key that this provider has handed out would now resolve to another identity, or to another
   * key with the same identity, and refreshes what it knows. The first call after a change returns true, later ones false:
   * so each writer needs its own provider.
   */
  rotateCheck(options?: CallOptions): Promise<boolean>;
  /**
   * Calls `listener` once for each thing about keys and credentials that works but should be changed, including earlier
   * ones. A provider without warnings leaves it out.
   */
  onWarning?(listener: WarningListener): void;
  /** Erases secrets, stops timers, closes connections. Safe to call twice; other methods throw `PROVIDER_CLOSED` after. */
  close(): Promise<void>;
}

/** A provider with every capability. What a key cannot do throws `UNSUPPORTED_OPERATION` or `KEY_WRONG_USAGE`. */
export interface KeyProvider extends DataKeys, Signing, ProviderLifecycle {}

/** @throws {TamperError} `KEY_WRONG_USAGE`: the key that `post_quantum_key_id` names is not one of ML-DSA */
export function assertPostQuantum({ algorithm, identity }: SigningKey): void {
  if (isMlDsa(algorithm)) return;
  throw new TamperError('KEY_WRONG_USAGE', `post_quantum_key_id names a key of ${algorithm}: ${identity}`, {
    hint: 'Name a key of ML-DSA-44 or ML-DSA-65; other keys that sign are named by signing_key_id.',
  });
}
