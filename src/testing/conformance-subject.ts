import assert from 'node:assert/strict';
import { isTamperError, TamperError, type TamperErrorCode } from '../errors.ts';
import type { KeyProvider, SignatureAlgorithm } from '../keys/provider.ts';

/** A provider under test and what the test may do to its source. */
export interface ConformanceSubject {
  /** Names the provider in the checks' names: `VaultProvider, ed25519`. */
  readonly name: string;
  /** Makes a new provider on the same, working source. Called for each check; each provider is closed after it. */
  create(): Promise<KeyProvider> | KeyProvider;
  /** The key for data keys; left out where the provider has none. */
  readonly dataKey?: {
    readonly keyId: string;
    /** `wrapped`: each call mints a key and the log keeps it encrypted. `local`: each call reads the same key. */
    readonly kind: 'wrapped' | 'local';
  };
  /** The key for signatures; left out where the provider has none. */
  readonly signingKey?: {
    readonly keyId: string;
    readonly algorithm: SignatureAlgorithm;
  };
  /** The name of a key that does not exist, and the code it must give. Default code: `KEY_NOT_FOUND`. */
  readonly absentKey?: { readonly keyId: string; readonly code?: TamperErrorCode };
  /** Rotates a key at the source. Without it the checks about rotation are left out; a remote provider must have it. */
  rotate?(keyId: string): Promise<void> | void;
  /** Ways in which the source can fail. For each, every power that needs the source must throw its code. */
  readonly faults?: readonly ConformanceFault[];
}

/** One way in which a source can fail. */
export interface ConformanceFault {
  /** What happens, in a few words: `server answers 503`. */
  readonly name: string;
  /** The code that every call must give; several where it depends on the moment. */
  readonly codes: readonly TamperErrorCode[];
  /** Makes it happen; given back is what ends it. */
  begin(): Promise<() => Promise<void> | void> | (() => Promise<void> | void);
}

/** One thing a provider must do. */
export interface ConformanceCheck {
  /** What it must do, as a sentence that begins with the subject's name. */
  readonly name: string;
  /** Does it. Rejects with an `AssertionError`, or with what the provider threw, if the provider fails. */
  run(): Promise<void>;
}

/** What one check does with a new provider. */
export type ConformanceTrial = (provider: KeyProvider, subject: ConformanceSubject) => Promise<void>;

/** The stream that checks mint keys for. */
export const conformanceContext = { origin: 'conformance.example.com/stream-1', kid: 'c0ffee00.1' } as const;

/** Demands that a promise rejects with a {@link TamperError} of one of these codes. */
export async function assertRejectsWith(promise: Promise<unknown>, codes: readonly TamperErrorCode[]): Promise<void> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    assert.ok(isTamperError(error), `threw ${String(error)} instead of a TamperError`);
    assert.ok(codes.includes(error.code), `threw ${error.code} (${error.message}) instead of ${codes.join(' or ')}`);
    return;
  }
  assert.fail(
    `gave ${typeof value === 'boolean' ? String(value) : typeof value} instead of throwing ${codes.join(' or ')}`,
  );
}

/** The value, or `USAGE`: a trial was run without what it needs. */
export function mustHave<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TamperError('USAGE', `this conformance check needs "${what}"`);
  return value;
}
