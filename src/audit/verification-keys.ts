import type { KeySource } from '../keys/identity.ts';
import type { SigningKey } from '../keys/provider.ts';
import type { PublicKeyName } from '../verify/auditor/options.ts';
import type { NamedDataKeys } from '../verify/data-keys/named-data-keys.ts';
import type { RecoveredDataKey } from '../verify/data-keys/recovered-data-keys.ts';

/** The keys of one verification, as the verifier takes them. Whoever opened them closes them. */
export interface VerificationKeys {
  readonly dataKeys: readonly NamedDataKeys[];
  /** Data keys that were recovered before, of one key period each. */
  readonly recoveredKeys: readonly RecoveredDataKey[];
  readonly publicKeys: readonly (string | PublicKeyName)[];
  /** Whether a signer in the log is a key that the auditor's side names. */
  readonly confirmSigner: (signer: SigningKey) => Promise<boolean>;
  /** Whether a signing key is named beside the public keys: it must have signed something of the log (M8.14). */
  readonly signerNamed: boolean;
  readonly verifyOnline: (signer: SigningKey, text: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  /** Closes what was opened. */
  readonly close: () => Promise<void>;
}

/** A signing key that somebody named, and where it lies. */
export interface NamedSigningKey {
  readonly source: KeySource;
  readonly keyId: string;
}
