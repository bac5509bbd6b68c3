import { isTamperError, TamperError } from '../../errors.ts';
import { defaultConcurrency, mapBounded } from '../../foundation/pool.ts';
import { ActiveCalls } from '../../keys/active-calls.ts';
import { callService, callWithin } from '../../keys/call.ts';
import { createDataKey, withNewMaterial } from '../../keys/data-key.ts';
import { type KeyEventFacts, type KeyOperation, withKeyEvent } from '../../keys/events.ts';
import { resolveNamed, splitIdentity } from '../../keys/identity.ts';
import type {
  CallOptions,
  DataKey,
  DataKeyReference,
  KeyContext,
  KeyProvider,
  Signature,
  SigningKey,
} from '../../keys/provider.ts';
import { defaultRetryPolicy, type RetryOptions } from '../../keys/retry.ts';
import { RotationWatch } from '../../keys/rotation.ts';
import { verifySignature } from '../../keys/signature.ts';
import { assertMessage, assertSigned } from '../../keys/signed-message.ts';
import { VersionCache } from '../../keys/version-cache.ts';
import type { WarningListener } from '../../keys/warnings.ts';
import { wrappingAad } from '../../keys/wrapping-context.ts';
import { decryptKey, encryptKey, requestSignature, type SigningVersion, verifyMac } from './calls.ts';
import { defaultAttemptTimeoutMs, GcpKmsConnection } from './connection.ts';
import type { GcpKmsOptions } from './options.ts';
import { ReadBudget } from './read-budget.ts';
import { parseKeyName } from './resource-name.ts';
import { VersionReader } from './versions.ts';

const source = 'gcp-kms';

/**
 * Keys in Google Cloud KMS. A key id is the resource name of a CryptoKey, or of one version of it.
 *
 * Data keys are 32 local random bytes that `encrypt` wraps, bound to stream and key period by additional authenticated
 * data; signatures come from `asymmetricSign` or `macSign` with the newest enabled version. Every checksum is set, checked
 * and computed again; a reply that does not fit is discarded and asked for again. Nothing is retried twice: the SDK's own
 * retries are switched off.
 *
 * Errors: `DEPENDENCY_MISSING`, `CONFIG_INVALID`, `INSECURE_ENDPOINT`, `KEY_NOT_FOUND`, `KEY_DISABLED`,
 * `KEY_PENDING_DELETION`, `KEY_VERSION_UNAVAILABLE`, `KEY_WRONG_USAGE`, `WRONG_KEY_OR_CONTEXT`, `UNSUPPORTED_OPERATION`,
 * `ACCESS_DENIED`, `UNAUTHENTICATED`, `THROTTLED`, `UNAVAILABLE`, `TIMEOUT`, `ABORTED`, `RESPONSE_CORRUPTED`,
 * `RESPONSE_MALFORMED`, `TLS_FAILED`, `PROVIDER_CLOSED`.
 */
export class GcpKmsProvider implements KeyProvider {
  readonly source = 'gcp-kms';
  readonly #options: GcpKmsOptions;
  readonly #connection: GcpKmsConnection;
  readonly #versions: VersionCache<SigningVersion>;
  readonly #reader: VersionReader;
  readonly #watch = new RotationWatch();
  readonly #dataKeyNames = new Set<string>();
  readonly #reads: ReadBudget;
  readonly #active = new ActiveCalls('the Google Cloud KMS provider');

  /** @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT` */
  constructor(options: GcpKmsOptions = {}) {
    this.#options = options;
    this.#connection = new GcpKmsConnection(options);
    this.#reads = new ReadBudget(options.clock);
    this.#versions = new VersionCache<SigningVersion>({
      ttlSeconds: options.keyCacheTtlSeconds ?? 300,
      load: (name) => this.#resolve(name, {}),
      identityOf: (version) => version.key.identity,
      ...(options.clock !== undefined && { clock: options.clock }),
    });
    this.#reader = new VersionReader(this.#connection, (identity) => this.#versions.at(identity));
  }

  /**
   * Mints a data key: 32 local random bytes that one `encrypt` wraps, bound to `context` (spec 5). Its identity is the
   * version that the reply names: the primary one, or the one that `keyId` names.
   */
  async getKey(keyId: string, context: KeyContext, options: CallOptions = {}): Promise<DataKey> {
    const aad = wrappingAad(context);
    const { key } = parseKeyName(keyId);
    return withNewMaterial(async (material) => {
      const { identity, wrapped } = await this.#call('getKey', keyId, options, async (signal, facts) => {
        const reply = await encryptKey(this.#connection, keyId, material, aad, signal);
        noteIdentity(facts, reply.identity);
        return reply;
      });
      this.#dataKeyNames.add(key);
      this.#watch.note(keyId, { identity });
      return createDataKey({ material, source, identity, wrapped });
    });
  }

  /**
   * Recovers a data key by one `decrypt` with the CryptoKey that `named` means. From the log come `wrapped` and nothing else.
   *
   * @throws {TamperError} `KEY_NOT_NAMED`: the log names another key; `WRONG_KEY_OR_CONTEXT`: this key did not wrap it for
   * this stream and key period; `KEY_DISABLED`, `KEY_PENDING_DELETION`: the version that did can not be used now
   */
  async recoverKey(
    reference: DataKeyReference,
    named: string,
    context: KeyContext,
    options: CallOptions = {},
  ): Promise<DataKey> {
    const aad = wrappingAad(context);
    const { key } = parseKeyName(resolveNamed(source, named, reference).name);
    const { wrapped, identity } = reference;
    if (wrapped === undefined || wrapped.length === 0) {
      throw new TamperError(
        'WRONG_KEY_OR_CONTEXT',
        `the log gives no wrapped data key for Google Cloud KMS key "${named}"`,
      );
    }
    return this.#call('recoverKey', named, options, async (signal, facts) => {
      const material = await decryptKey(this.#connection, key, wrapped, aad, signal);
      noteIdentity(facts, identity);
      return createDataKey({ material, source, identity, wrapped });
    });
  }

  /**
   * Resolves a signing key: the newest enabled version by number, or the one that `keyId` names, with its public key.
   *
   * @throws {TamperError} `KEY_WRONG_USAGE`: it encrypts; `UNSUPPORTED_OPERATION`: its algorithm has no name in the log
   */
  async getSigningKey(keyId: string, options: CallOptions = {}): Promise<SigningKey> {
    return (await this.#version(keyId, options)).key;
  }

  /**
   * Signs `data` (1 to 4,096 bytes): by digest, Ed25519 and MACs by the data itself. The signature is checked here with
   * the public key. Where `keyId` names no version and the one in use is gone, the next newest signs.
   *
   * @throws {TamperError} `USAGE`: empty or too long
   */
  async sign(keyId: string, data: Uint8Array, options: CallOptions = {}): Promise<Signature> {
    assertMessage(data);
    const version = await this.#version(keyId, options);
    return withKeyEvent({ operation: 'sign', source, keyId }, (facts) =>
      this.#sign(keyId, version, data, facts, options),
    );
  }

  /** Signs several: Cloud KMS has no batch call, so each is a call of its own, `concurrency` at once. */
  async signBatch(keyId: string, items: readonly Uint8Array[], options: CallOptions = {}): Promise<Signature[]> {
    this.#active.assertOpen();
    for (const item of items) assertMessage(item);
    if (items.length === 0) return [];
    const version = await this.#version(keyId, options);
    const { concurrency = defaultConcurrency } = this.#options;
    return withKeyEvent({ operation: 'signBatch', source, keyId, items: items.length }, (facts) =>
      mapBounded(
        items,
        concurrency,
        (item, signal) => this.#sign(keyId, version, item, facts, { signal }),
        options.signal,
      ),
    );
  }

  /** Checks a signature with the public key, offline; a MAC by `macVerify`. */
  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options: CallOptions = {}): Promise<boolean> {
    assertSigned(key, data, signature);
    this.#active.assertOpen();
    if (key.spki !== undefined) return verifySignature(key.algorithm, key.spki, data, signature);
    if (parseKeyName(key.identity).version === undefined) {
      throw new TamperError(
        'KEY_VERSION_UNAVAILABLE',
        `"${key.identity}" names no version, but a MAC is checked with the version that made it`,
      );
    }
    if (signature.length !== 32) return false; // no HMAC-SHA-256; the service would refuse the request
    return this.#call('verify', key.identity, options, (signal, facts) => {
      noteIdentity(facts, key.identity);
      return verifyMac(this.#connection, key.identity, data, signature, signal);
    });
  }

  /**
   * Looks up every key that was handed out by a name without version: the primary version of a wrapping key, the newest
   * enabled one of a signing key. Waits where it would take more than a tenth of the default read quota.
   */
  async rotateCheck(options: CallOptions = {}): Promise<boolean> {
    this.#active.assertOpen();
    return this.#watch.check(async (name) => {
      await this.#reads.take(`Google Cloud KMS rotateCheck "${name}"`, options.signal);
      if (!this.#dataKeyNames.has(name)) return (await this.#versions.reload(name, options.signal)).key;
      return { identity: await this.#call('rotateCheck', name, options, (signal) => this.#primary(name, signal)) };
    });
  }

  /** The key file of a service account, which never expires. */
  onWarning(listener: WarningListener): void {
    this.#connection.warnings.listen(listener);
  }

  /** Ends the calls under way with `PROVIDER_CLOSED` and closes the connection, unless the client was given in. */
  async close(): Promise<void> {
    this.#versions.close();
    this.#active.close();
    await this.#connection.close();
  }

  async #version(keyId: string, options: CallOptions): Promise<SigningVersion> {
    this.#active.assertOpen();
    if (parseKeyName(keyId).version === undefined) {
      const version = await this.#versions.get(keyId, options.signal);
      this.#watch.note(keyId, version.key);
      return version;
    }
    const known = this.#versions.at(keyId);
    if (known !== undefined) return known;
    const version = await this.#resolve(keyId, options);
    this.#versions.remember(version);
    return version;
  }

  #resolve(keyId: string, options: CallOptions): Promise<SigningVersion> {
    return this.#call('getSigningKey', keyId, options, async (signal, facts) => {
      const version = await this.#reader.signingVersion(keyId, this.#versions.peek(keyId)?.key.identity, signal);
      noteIdentity(facts, version.key.identity);
      return version;
    });
  }

  /** A writer may be allowed to encrypt and nothing else; what `encrypt` says of the primary is as good. */
  async #primary(key: string, signal: AbortSignal): Promise<string> {
    try {
      return await this.#reader.primary(key, signal);
    } catch (error) {
      if (!isTamperError(error, 'ACCESS_DENIED')) throw error;
      const probe = Buffer.from('fapilog-tamper/v1 rotation check');
      return (await encryptKey(this.#connection, key, probe, probe, signal)).identity;
    }
  }

  /** Signs with a version; where that can no longer be used, with the one that its name stands for by now. */
  async #sign(
    keyId: string,
    version: SigningVersion,
    data: Uint8Array,
    facts: KeyEventFacts,
    options: CallOptions,
  ): Promise<Signature> {
    const signWith = (chosen: SigningVersion): Promise<Signature> =>
      this.#active.run(options.signal, (outer) =>
        callWithin(facts, { what: `${source} sign "${keyId}"`, ...this.#bounds(), signal: outer }, (signal) => {
          noteIdentity(facts, chosen.key.identity);
          return requestSignature(this.#connection, chosen, data, signal);
        }),
      );
    try {
      return await signWith(version);
    } catch (error) {
      if (!isGone(error) || keyId === version.key.identity) throw error;
      const next = await this.#versions.reload(keyId, options.signal);
      if (next.key.identity === version.key.identity) throw error;
      return signWith(next);
    }
  }

  #call<T>(
    operation: KeyOperation,
    keyId: string,
    options: CallOptions,
    attempt: (signal: AbortSignal, facts: KeyEventFacts) => Promise<T>,
  ): Promise<T> {
    return this.#active.run(options.signal, (signal) =>
      callService({ operation, source, keyId, ...this.#bounds(), signal }, attempt),
    );
  }

  #bounds(): Omit<RetryOptions, 'what' | 'signal'> {
    const { timeoutMs = 15_000, attemptTimeoutMs = defaultAttemptTimeoutMs, clock } = this.#options;
    return { timeoutMs, attemptTimeoutMs, policy: defaultRetryPolicy, ...(clock !== undefined && { clock }) };
  }
}

/** The version that a name stood for can no longer be used; another may have taken its place. */
function isGone(error: unknown): boolean {
  return (
    isTamperError(error, 'KEY_DISABLED') ||
    isTamperError(error, 'KEY_PENDING_DELETION') ||
    isTamperError(error, 'KEY_VERSION_UNAVAILABLE')
  );
}

function noteIdentity(facts: KeyEventFacts, identity: string): void {
  facts.identity = identity;
  const { version } = splitIdentity(source, identity);
  if (version !== undefined) facts.version = version;
}
