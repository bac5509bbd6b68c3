import { isTamperError, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { throwIfAborted } from '../../foundation/deadline.ts';
import { defaultConcurrency, mapBounded } from '../../foundation/pool.ts';
import { ActiveCalls } from '../../keys/active-calls.ts';
import { callService, callWithin } from '../../keys/call.ts';
import { createDataKey, withNewMaterial } from '../../keys/data-key.ts';
import { type KeyEventFacts, type KeyOperation, withKeyEvent } from '../../keys/events.ts';
import { type KeySource, resolveNamed } from '../../keys/identity.ts';
import type {
  CallOptions,
  DataKey,
  DataKeyReference,
  KeyContext,
  KeyProvider,
  Signature,
  SigningKey,
  SigningKeyOptions,
} from '../../keys/provider.ts';
import type { RetryOptions } from '../../keys/retry.ts';
import { RotationWatch } from '../../keys/rotation.ts';
import { verifySignature } from '../../keys/signature.ts';
import { assertMessage, assertSigned } from '../../keys/signed-message.ts';
import { VersionCache } from '../../keys/version-cache.ts';
import type { WarningListener } from '../../keys/warnings.ts';
import { wrappingAad } from '../../keys/wrapping-context.ts';
import { corrupted } from '../internal/service-error.ts';
import { type Attempt, currentVersion, KeyCalls } from './calls.ts';
import { type AzureKeyUrl, keyUrl, parseKeyUrl, versionUrl } from './key-url.ts';
import { assertUsable, type KeyVersion, signingKeyOf } from './key-version.ts';
import { type AzureKeyVaultOptions, assertAzureOptions, defaultAttemptTimeoutMs } from './options.ts';
import { AzureSession } from './session.ts';
import { assertWraps, packWrappedKey, unpackWrappedKey } from './wrapped-key.ts';

const source = 'azure-keyvault';

type AzureSigningKey = SigningKey & { readonly spki: Uint8Array };

/**
 * Keys of Azure Key Vault and Managed HSM.
 *
 * Signs with EC (P-256, P-384) and RSA keys, always with a version that was resolved before; every signature is checked
 * against that version's public key before it is handed out. Wraps data keys with AES keys (`oct-HSM`) only. Verifies
 * offline. Errors of the service are in our codes (see `docs/errors.md`), each with its request id.
 *
 * `keyId` is `https://VAULT/keys/NAME`, which stands for the newest enabled version, or the identity of a version.
 */
export class AzureKeyVaultProvider implements KeyProvider {
  readonly source: KeySource = source;
  readonly #options: AzureKeyVaultOptions;
  readonly #clock: Clock;
  readonly #session: AzureSession;
  readonly #calls: KeyCalls;
  readonly #cache: VersionCache<KeyVersion>;
  readonly #watch = new RotationWatch();
  readonly #active = new ActiveCalls('the Azure Key Vault provider');

  /** @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT` */
  constructor(options: AzureKeyVaultOptions = {}) {
    assertAzureOptions(options);
    this.#options = options;
    this.#session = new AzureSession(options);
    this.#clock = this.#session.clock;
    this.#calls = new KeyCalls(this.#session);
    this.#cache = new VersionCache<KeyVersion>({
      ttlSeconds: options.keyCacheTtlSeconds ?? 300,
      clock: this.#clock,
      ...(options.random !== undefined && { random: options.random }),
      load: (name) => this.#use('getSigningKey', name, {}, (attempt) => this.#resolve(parseKeyUrl(name), attempt)),
      identityOf: (version) => version.identity,
    });
  }

  async getKey(keyId: string, context: KeyContext, options: CallOptions = {}): Promise<DataKey> {
    const aad = wrappingAad(context);
    const url = this.#parse(keyId);
    return this.#use('getKey', keyId, options, async (attempt) => {
      const version = await this.#resolve(url, attempt); // each key period asks anew: it may be the first after a rotation
      assertWraps(version);
      return withNewMaterial(async (material) => {
        const wrapped = await this.#calls.encrypt(version.url, material, aad, attempt);
        this.#watch.note(keyId, { identity: version.identity });
        return createDataKey({ material, source, identity: version.identity, wrapped });
      });
    });
  }

  async recoverKey(
    reference: DataKeyReference,
    named: string,
    context: KeyContext,
    options: CallOptions = {},
  ): Promise<DataKey> {
    const aad = wrappingAad(context);
    const own = this.#parse(named);
    return this.#use('recoverKey', named, options, async (attempt) => {
      const spelled = own.version === undefined ? keyUrl(own) : versionUrl(own, own.version);
      const { version } = resolveNamed(source, spelled, reference);
      if (version === undefined) throw new TamperError('KEY_NOT_NAMED', `the log names no version of "${spelled}"`);
      const parts = unpackWrappedKey(reference.wrapped, reference.identity);
      const url = { ...own, version };
      attempt.facts.identity = versionUrl(own, version);
      const material = await this.#calls.decrypt(url, parts, aad, attempt);
      const wrapped = packWrappedKey(parts);
      return createDataKey({ material, source, identity: versionUrl(own, version), wrapped });
    });
  }

  async getSigningKey(keyId: string, options: SigningKeyOptions = {}): Promise<SigningKey> {
    const version = await this.#version(keyId, options);
    if (options.toSign === true) {
      const { url } = version;
      // of a version that is named, the state may have changed since it was first looked at
      const now = this.#parse(keyId).version === undefined ? version : await this.#describe(keyId, url, options);
      assertUsable(now, this.#clock.now());
    }
    return this.#signingKey(version);
  }

  async sign(keyId: string, data: Uint8Array, options: CallOptions = {}): Promise<Signature> {
    this.#parse(keyId);
    return withKeyEvent({ operation: 'sign', source, keyId }, (facts) => this.#sign(keyId, data, options, facts));
  }

  async signBatch(keyId: string, items: readonly Uint8Array[], options: CallOptions = {}): Promise<Signature[]> {
    this.#parse(keyId);
    for (const item of items) assertMessage(item);
    if (items.length === 0) return [];
    return withKeyEvent({ operation: 'signBatch', source, keyId, items: items.length }, async (facts) => {
      const { identity } = await this.#version(keyId, options); // one version for all of them
      return mapBounded(
        items,
        defaultConcurrency,
        (item, signal) => this.#sign(identity, item, { signal }, facts),
        options.signal,
      );
    });
  }

  /**
   * Offline, with the public key that comes with `key`: the service's `verify` is never called, and the SDK's own local
   * one neither (it takes PS256 for PKCS #1 v1.5).
   *
   * @throws {TamperError} `KEY_WRONG_USAGE`, `KEY_MALFORMED`: the key is not one of this algorithm
   */
  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options: CallOptions = {}): Promise<boolean> {
    assertSigned(key, data, signature);
    this.#session.assertOpen();
    throwIfAborted(`${source} verify "${key.identity}"`, options.signal);
    const { spki } = key;
    if (spki === undefined)
      throw new TamperError('KEY_WRONG_USAGE', `Azure key "${key.identity}" has no public key here`);
    return withKeyEvent({ operation: 'verify', source, keyId: key.identity }, async (facts) => {
      facts.identity = key.identity;
      return verifySignature(key.algorithm, spki, data, signature);
    });
  }

  async rotateCheck(options: CallOptions = {}): Promise<boolean> {
    this.#session.assertOpen();
    throwIfAborted(`${source} rotateCheck`, options.signal);
    return this.#watch.check(async (keyId) => {
      const { identity } = await this.#cache.reload(keyUrl(this.#parse(keyId)), options.signal);
      return { identity };
    });
  }

  /** A client secret. */
  onWarning(listener: WarningListener): void {
    this.#session.warnings.listen(listener);
  }

  async close(): Promise<void> {
    this.#session.close();
    this.#cache.close();
    this.#active.close();
  }

  async #sign(keyId: string, data: Uint8Array, options: CallOptions, facts: KeyEventFacts): Promise<Signature> {
    assertMessage(data);
    const version = await this.#version(keyId, options);
    try {
      return await this.#signWith(version, data, options, facts);
    } catch (error) {
      const gone = isTamperError(error, 'KEY_DISABLED') || isTamperError(error, 'KEY_NOT_FOUND');
      if (!gone || this.#parse(keyId).version !== undefined) throw error;
      const next = await this.#cache.reload(keyUrl(version.url), options.signal); // disabled since we last looked
      if (next.identity === version.identity) throw error;
      this.#watch.note(keyId, { identity: next.identity });
      return this.#signWith(next, data, options, facts);
    }
  }

  #signWith(version: KeyVersion, data: Uint8Array, options: CallOptions, facts: KeyEventFacts): Promise<Signature> {
    const { identity, algorithm, spki } = this.#signingKey(version);
    facts.identity = identity;
    facts.version = version.url.version;
    return this.#active.run(options.signal, (outer) =>
      callWithin(facts, { what: `${source} sign "${identity}"`, ...this.#bounds(outer) }, async (signal) => {
        const bytes = await this.#calls.sign(version.url, algorithm, data, { signal, facts });
        if (!(await verifySignature(algorithm, spki, data, bytes))) {
          throw corrupted(`Azure Key Vault sign "${identity}"`, 'not a signature of this version');
        }
        return { bytes, algorithm, identity };
      }),
    );
  }

  /** The version that a key id stands for: the one it names, or the current one, at most the cache's age old. */
  async #version(keyId: string, options: CallOptions): Promise<KeyVersion> {
    const url = this.#parse(keyId);
    throwIfAborted(`${source} "${keyId}"`, options.signal);
    if (url.version !== undefined) {
      const known = this.#cache.at(versionUrl(url, url.version));
      if (known !== undefined) return known;
      const version = await this.#describe(keyId, url, options);
      this.#cache.remember(version);
      return version;
    }
    const version = await this.#cache.get(keyUrl(url), options.signal);
    this.#watch.note(keyId, { identity: version.identity });
    return version;
  }

  #describe(keyId: string, url: AzureKeyUrl, options: CallOptions): Promise<KeyVersion> {
    return this.#use('getSigningKey', keyId, options, (attempt) => this.#calls.getKey(url, attempt));
  }

  async #resolve(url: AzureKeyUrl, attempt: Attempt): Promise<KeyVersion> {
    const version =
      url.version === undefined
        ? await currentVersion(this.#calls, url, this.#clock.now(), attempt)
        : await this.#calls.getKey(url, attempt);
    attempt.facts.identity = version.identity;
    attempt.facts.version = version.url.version;
    return version;
  }

  #signingKey(version: KeyVersion): AzureSigningKey {
    return signingKeyOf(version, this.#options.rsaAlgorithm ?? 'PS256');
  }

  /** Every use of a key begins here: not closed, and its name is one. */
  #parse(keyId: string): AzureKeyUrl {
    this.#session.assertOpen();
    return parseKeyUrl(keyId, this.#options.vaultUrl);
  }

  /** One event, one deadline, bounded retries. */
  #use<T>(
    operation: KeyOperation,
    keyId: string,
    options: CallOptions,
    act: (attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    return this.#active.run(options.signal, (outer) =>
      callService({ operation, source, keyId, ...this.#bounds(outer) }, (signal, facts) => act({ signal, facts })),
    );
  }

  #bounds(signal: AbortSignal): Omit<RetryOptions, 'what'> {
    const { retry, random, timeoutMs = 10_000, attemptTimeoutMs = defaultAttemptTimeoutMs } = this.#options;
    const how = { ...(retry !== undefined && { policy: retry }), ...(random !== undefined && { random }) };
    return { timeoutMs, attemptTimeoutMs, clock: this.#clock, signal, ...how };
  }
}
