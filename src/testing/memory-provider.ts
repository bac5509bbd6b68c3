import { randomBytes } from 'node:crypto';
import { TamperError, type TamperErrorCode } from '../errors.ts';
import { type Clock, systemClock } from '../foundation/clock.ts';
import { throwIfAborted } from '../foundation/deadline.ts';
import { callService } from '../keys/call.ts';
import { createDataKey } from '../keys/data-key.ts';
import type { KeyEventFacts, KeyOperation } from '../keys/events.ts';
import { joinIdentity, resolveNamed, splitIdentity } from '../keys/identity.ts';
import type {
  CallOptions,
  DataKey,
  DataKeyReference,
  KeyContext,
  KeyProvider,
  Signature,
  SignatureAlgorithm,
  SigningKey,
  SigningKeyOptions,
} from '../keys/provider.ts';
import { RotationWatch } from '../keys/rotation.ts';
import { verifySignature } from '../keys/signature.ts';
import { assertMessage, assertSigned } from '../keys/signed-message.ts';
import { VersionCache } from '../keys/version-cache.ts';
import { wrappingAad } from '../keys/wrapping-context.ts';
import { MemoryFaults } from './memory-faults.ts';
import { type MemoryKeyState, MemoryKeyVersion } from './memory-key.ts';

interface Found {
  readonly identity: string;
  readonly version: MemoryKeyVersion;
}

const stateCodes: Readonly<Record<Exclude<MemoryKeyState, 'enabled'>, TamperErrorCode>> = {
  disabled: 'KEY_DISABLED',
  expired: 'KEY_DISABLED',
  'not yet valid': 'KEY_DISABLED',
  'pending deletion': 'KEY_PENDING_DELETION',
  destroyed: 'KEY_PENDING_DELETION',
  unavailable: 'KEY_VERSION_UNAVAILABLE',
  gone: 'KEY_NOT_FOUND',
};

/** What a {@link MemoryProvider} is made from. */
export interface MemoryProviderOptions {
  /** The names of its keys. Default: `['audit']`. */
  readonly keyIds?: readonly string[];
  /** What its keys sign with. Default: `ed25519`. */
  readonly algorithm?: SignatureAlgorithm;
  /** How old its knowledge of a version may be, in seconds. Default: 300. */
  readonly keyCacheTtlSeconds?: number;
  /** The deadline of a call, in milliseconds. Default: 1,000. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/**
 * A key service in memory for tests, with versions (`audit:v1`, `audit:v2`, …), wrapped data keys that are bound to their
 * context, and {@link MemoryProvider.faults} of every kind. Not for logs that matter: its keys end with the process.
 */
export class MemoryProvider implements KeyProvider {
  readonly source = 'memory';
  readonly versionSeparator = ':v';
  /** Makes it fail, hang or lie. */
  readonly faults: MemoryFaults = new MemoryFaults();
  readonly #algorithm: SignatureAlgorithm;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #versions = new Map<string, MemoryKeyVersion[]>();
  readonly #cache: VersionCache<SigningKey>;
  readonly #watch = new RotationWatch();
  readonly #calls = new Map<KeyOperation, number>();
  #impostor: MemoryKeyVersion | undefined;
  #closed = false;

  constructor(options: MemoryProviderOptions = {}) {
    this.#algorithm = options.algorithm ?? 'ed25519';
    this.#timeoutMs = options.timeoutMs ?? 1_000;
    this.#clock = options.clock ?? systemClock;
    for (const keyId of options.keyIds ?? ['audit']) this.#versions.set(keyId, [new MemoryKeyVersion(this.#algorithm)]);
    this.#cache = new VersionCache<SigningKey>({
      ttlSeconds: options.keyCacheTtlSeconds ?? 300,
      clock: this.#clock,
      load: (name) => this.#call('getSigningKey', name, {}, async () => this.#signingKey(name, true)),
      identityOf: (key) => key.identity,
    });
  }

  /** Adds a version to a key; from now on its name stands for that one. */
  rotate(keyId: string): void {
    this.#of(keyId).push(new MemoryKeyVersion(this.#algorithm));
  }

  /** Puts a version of a key, its newest one by default, into a state; `enabled` brings it back from any. */
  setState(keyId: string, state: MemoryKeyState, version: number = this.#of(keyId).length): void {
    const found = this.#of(keyId)[version - 1];
    if (found === undefined) throw new TamperError('USAGE', `memory key "${keyId}" has no version ${version}`);
    found.state = state;
  }

  /** Deletes a key and makes another one under its name, which begins with version 1 again. */
  remake(keyId: string): void {
    this.#versions.set(keyId, [new MemoryKeyVersion(this.#algorithm)]);
  }

  /** How often the imagined service was called for an operation, attempts that failed included. */
  calls(operation: KeyOperation): number {
    return this.#calls.get(operation) ?? 0;
  }

  async getKey(keyId: string, context: KeyContext, options: CallOptions = {}): Promise<DataKey> {
    return this.#call('getKey', keyId, options, async (facts) => {
      const { identity, version } = this.#usable(keyId);
      const material = randomBytes(32);
      const wrapped = version.wrap(material, wrappingAad(context));
      facts.identity = identity;
      const { incarnation } = version;
      this.#watch.note(keyId, { identity, incarnation });
      return createDataKey({ material, source: this.source, identity: this.#said(identity), wrapped, incarnation });
    });
  }

  async recoverKey(
    reference: DataKeyReference,
    named: string,
    context: KeyContext,
    options: CallOptions = {},
  ): Promise<DataKey> {
    return this.#call('recoverKey', named, options, async (facts) => {
      const { name, version } = resolveNamed(this, named, reference);
      const found = this.#find(version === undefined ? name : joinIdentity(this, name, version));
      facts.identity = found.identity;
      const { wrapped } = reference;
      if (wrapped === undefined || wrapped.length !== 60) {
        throw new TamperError('WRONG_KEY_OR_CONTEXT', `the log gives no wrapped key for "${named}"`);
      }
      const material = found.version.unwrap(wrapped, wrappingAad(context));
      return createDataKey({ material, source: this.source, identity: this.#said(found.identity), wrapped });
    });
  }

  async getSigningKey(keyId: string, options: SigningKeyOptions = {}): Promise<SigningKey> {
    this.#assertOpen();
    if (splitIdentity(this, keyId).version !== undefined) {
      const known = options.toSign === true ? undefined : this.#cache.at(keyId);
      return (
        known ??
        this.#call('getSigningKey', keyId, options, async () => this.#signingKey(keyId, options.toSign === true))
      );
    }
    const key = await this.#cache.get(keyId, options.signal);
    this.#watch.note(keyId, { identity: key.identity, incarnation: this.#incarnationOf(key) });
    return key;
  }

  async sign(keyId: string, data: Uint8Array, options: CallOptions = {}): Promise<Signature> {
    return this.#call('sign', keyId, options, async (facts) => this.#signature(keyId, data, facts));
  }

  async signBatch(keyId: string, items: readonly Uint8Array[], options: CallOptions = {}): Promise<Signature[]> {
    return this.#call('signBatch', keyId, options, async (facts) =>
      Promise.all(items.map(async (item) => this.#signature(keyId, item, facts))),
    );
  }

  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options: CallOptions = {}): Promise<boolean> {
    assertSigned(key, data, signature);
    this.#assertOpen();
    throwIfAborted(`memory verify "${key.identity}"`, options.signal);
    if (key.spki !== undefined) return verifySignature(key.algorithm, key.spki, data, signature);
    return this.#call('verify', key.identity, options, async () =>
      this.#find(key.identity).version.verifyMac(data, signature),
    );
  }

  async rotateCheck(options: CallOptions = {}): Promise<boolean> {
    this.#assertOpen();
    return this.#watch.check(async (name) => {
      const key = await this.#cache.reload(name, options.signal);
      return { identity: key.identity, incarnation: this.#incarnationOf(key) };
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cache.close();
    this.faults.heal();
    for (const versions of this.#versions.values()) for (const version of versions) version.erase();
  }

  async #call<T>(
    operation: KeyOperation,
    keyId: string,
    options: CallOptions,
    act: (facts: KeyEventFacts) => Promise<T>,
  ): Promise<T> {
    this.#assertOpen();
    const { signal } = options;
    const policy = { attempts: 1, baseDelayMs: 0, maxDelayMs: 0 };
    const bounds = { timeoutMs: this.#timeoutMs, policy, clock: this.#clock, signal };
    return callService({ operation, source: this.source, keyId, ...bounds }, async (_, facts) => {
      this.#calls.set(operation, this.calls(operation) + 1);
      await this.faults.strike(operation, keyId);
      this.#assertOpen();
      return act(facts);
    });
  }

  async #signature(keyId: string, data: Uint8Array, facts: KeyEventFacts): Promise<Signature> {
    assertMessage(data);
    const { identity, version } = this.#usable(keyId);
    this.#impostor ??= new MemoryKeyVersion(this.#algorithm);
    const bytes = await (this.faults.liesAbout('wrong-key') ? this.#impostor : version).sign(data);
    const said = this.faults.liesAbout('truncated-signature') ? bytes.subarray(0, -1) : bytes;
    facts.identity = identity;
    return { bytes: said, algorithm: this.#algorithm, identity: this.#said(identity) };
  }

  async #signingKey(keyId: string, toSign: boolean): Promise<SigningKey> {
    const { identity, version } = toSign ? this.#usable(keyId) : this.#find(keyId);
    const key = { source: this.source, identity: this.#said(identity), algorithm: this.#algorithm };
    const spki = await version.spki();
    return spki === undefined ? key : { ...key, spki };
  }

  /** As {@link MemoryProvider.#find}, for use: a name stands for its newest version that can be used. */
  #usable(keyId: string): Found {
    const found = this.#find(keyId);
    const { state } = found.version;
    if (state === 'enabled') return found;
    const { name, version } = splitIdentity(this, keyId);
    if (version === undefined) {
      const versions = this.#of(name);
      const newest = versions.findLastIndex((one) => one.state === 'enabled') + 1;
      if (newest > 0) return this.#find(joinIdentity(this, name, String(newest)));
    }
    throw new TamperError(stateCodes[state], `memory key "${found.identity}" is ${state}`);
  }

  #incarnationOf(key: SigningKey): string | undefined {
    const { name, version } = splitIdentity(this, key.identity);
    return this.#versions.get(name)?.[Number(version) - 1]?.incarnation;
  }

  #find(keyId: string): Found {
    const { name, version } = splitIdentity(this, keyId);
    const versions = this.#of(name);
    const newest = this.faults.liesAbout('stale-version') ? 1 : versions.length;
    const number = version === undefined ? newest : Number(version.replace(/^v/, ''));
    const found = versions[number - 1];
    if (found === undefined)
      throw new TamperError('KEY_VERSION_UNAVAILABLE', `memory key "${keyId}" has no such version`);
    return { identity: joinIdentity(this, name, String(number)), version: found };
  }

  #of(name: string): MemoryKeyVersion[] {
    const versions = this.#versions.get(name);
    if (versions === undefined) throw new TamperError('KEY_NOT_FOUND', `there is no memory key "${name}"`);
    return versions;
  }

  #said(identity: string): string {
    return this.faults.liesAbout('wrong-identity') ? joinIdentity(this, 'another', '1') : identity;
  }

  #assertOpen(): void {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', 'the memory provider is closed');
  }
}
