import { TamperError } from '../../errors.ts';
import { throwIfAborted } from '../../foundation/deadline.ts';
import { createDataKey, withNewMaterial } from '../../keys/data-key.ts';
import type { KeyEventFacts } from '../../keys/events.ts';
import { joinIdentity, type KeySource, resolveNamed } from '../../keys/identity.ts';
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
import { type Resolved, RotationWatch } from '../../keys/rotation.ts';
import { verifySignature } from '../../keys/signature.ts';
import { assertMessage, assertSigned } from '../../keys/signed-message.ts';
import { VersionCache } from '../../keys/version-cache.ts';
import type { WarningListener } from '../../keys/warnings.ts';
import { wrappingAad } from '../../keys/wrapping-context.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import { VaultConnection } from './connection.ts';
import { checkPermissions } from './doctor.ts';
import { parseKeyPath, type VaultKeyPath, versionIdentity } from './key-path.ts';
import {
  algorithmOfType,
  assertSigns,
  assertWraps,
  incarnationOf,
  signingKeyOf,
  type VaultKeyState,
} from './key-state.ts';
import { resolveSettings, type VaultProviderOptions } from './options.ts';
import { type TransitText, versionOfWrapped } from './transit.ts';

/**
 * Keys in the Transit engine of HashiCorp Vault or OpenBao, named `MOUNT/keys/NAME`; identities are `MOUNT/keys/NAME:vN`.
 * Data keys need a key of type `aes256-gcm96` or another AEAD; signatures one of type `ed25519`, `ecdsa-p256`,
 * `ecdsa-p384`, `rsa-2048` to `rsa-4096` (PSS), or `hmac` (checked online only).
 *
 * Every method that calls Vault throws {@link TamperError} with `KEY_NOT_FOUND`, `KEY_DISABLED`, `KEY_VERSION_UNAVAILABLE`,
 * `KEY_WRONG_USAGE`, `ACCESS_DENIED`, `UNAUTHENTICATED`, `CREDENTIALS_EXHAUSTED`, `THROTTLED`, `UNAVAILABLE`, `TIMEOUT`,
 * `ABORTED`, `TLS_FAILED`, `RESPONSE_MALFORMED`, `UNSUPPORTED_OPERATION`, `CONFIG_INVALID` (a key id of another form),
 * `CONFIG_UNREADABLE` (a TLS file) or `PROVIDER_CLOSED`, besides those that it names.
 */
export class VaultProvider implements KeyProvider {
  readonly source: KeySource = 'vault';
  readonly #path: string | undefined;
  readonly #connection: VaultConnection;
  readonly #states: VersionCache<VaultKeyState>;
  readonly #watch = new RotationWatch();

  /**
   * Reads options and environment; calls nobody. TLS files are read before the first call.
   *
   * @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT`
   */
  constructor(options: VaultProviderOptions = {}) {
    const settings = resolveSettings(options);
    this.#path = options.path === undefined ? undefined : parseKeyPath(options.path).path;
    this.#connection = new VaultConnection(options, settings);
    this.#states = new VersionCache<VaultKeyState>({
      ttlSeconds: options.keyCacheTtlSeconds ?? 300,
      clock: settings.clock,
      load: (path) => this.#readKey(parseKeyPath(path)),
      identityOf: (state) => versionIdentity(state.path, state.latestVersion),
    });
  }

  /** Mints 32 random bytes here and lets Transit `encrypt` them, bound to `context` (spec 5). */
  async getKey(keyId: string, context: KeyContext, options: CallOptions = {}): Promise<DataKey> {
    const aad = wrappingAad(context);
    const key = this.#parse(keyId, options);
    const state = await this.#states.get(key.path, options.signal);
    assertWraps(state); // with `create`, encrypt would make an absent key
    return this.#connection.use('getKey', key, options, (call, facts) =>
      withNewMaterial(async (material) => {
        const { text, version } = await this.#connection.transit.encrypt(key, material, aad, call);
        const identity = this.#resolved(facts, key, version);
        const incarnation = incarnationOf(state, version);
        const wrapped = Buffer.from(text, 'latin1');
        return createDataKey({ material, source: this.source, identity, wrapped, incarnation });
      }),
    );
  }

  /**
   * Recovers a data key by Transit `decrypt` with the key that `named` means.
   *
   * @throws {TamperError} `KEY_NOT_NAMED`: the log names another key; `WRONG_KEY_OR_CONTEXT`: this key did not wrap it for
   * this stream and key period
   */
  async recoverKey(
    reference: DataKeyReference,
    named: string,
    context: KeyContext,
    options: CallOptions = {},
  ): Promise<DataKey> {
    const aad = wrappingAad(context);
    const { name, version } = resolveNamed(this.source, named, reference);
    const key = this.#parse(version === undefined ? name : joinIdentity(this.source, name, version), options);
    const { wrapped } = reference;
    if (wrapped === undefined || key.version === undefined || versionOfWrapped(wrapped) !== key.version) {
      throw new TamperError('WRONG_KEY_OR_CONTEXT', `the log's wrapped key is not one of Vault key "${key.path}"`, {
        hint: 'The log was altered, or was not written with Vault.',
      });
    }
    const text = Buffer.from(wrapped).toString('latin1');
    return this.#connection.use('recoverKey', key, options, async (call, facts) => {
      const material = await this.#connection.transit.decrypt(key, text, aad, call);
      const identity = this.#resolved(facts, key, versionOfWrapped(wrapped) ?? 0);
      return createDataKey({ material, source: this.source, identity, wrapped });
    });
  }

  /**
   * What a name stands for now, its version and public key, at most `keyCacheTtlSeconds` old; for an identity, that version.
   * Needs read on `MOUNT/keys/NAME`.
   */
  async getSigningKey(keyId: string, options: SigningKeyOptions = {}): Promise<SigningKey> {
    const key = this.#parse(keyId, options);
    const state = await this.#stateOf(key, options);
    const version = key.version ?? state.latestVersion;
    if (options.toSign === true) assertSigns(state, version);
    const signingKey = signingKeyOf(state, version);
    this.#note(key, state, version);
    return signingKey;
  }

  /** Signs 1 to 4,096 bytes by Transit `sign`, or `hmac` for a key of type `hmac`. An identity signs with its version. */
  async sign(keyId: string, data: Uint8Array, options: CallOptions = {}): Promise<Signature> {
    const key = this.#parse(keyId, options);
    assertMessage(data);
    const algorithm = algorithmOfType(await this.#states.get(key.path, options.signal));
    const signed = await this.#connection.use('sign', key, options, async (call, facts) => {
      const text = await this.#connection.transit.sign(key, algorithm, data, call);
      this.#resolved(facts, key, text.version);
      return text;
    });
    return this.#signature(key, algorithm, signed);
  }

  /** Signs many by `batch_input`, 400 in a request, all with one version. */
  async signBatch(keyId: string, items: readonly Uint8Array[], options: CallOptions = {}): Promise<Signature[]> {
    const key = this.#parse(keyId, options);
    for (const item of items) assertMessage(item);
    if (items.length === 0) return [];
    const algorithm = algorithmOfType(await this.#states.get(key.path, options.signal));
    const bounds = { ...options, items: items.length };
    const signed = await this.#connection.use('signBatch', key, bounds, async (call, facts) => {
      const texts = await this.#connection.transit.signBatch(key, algorithm, items, call);
      this.#resolved(facts, key, texts[0]?.version ?? 0);
      return texts;
    });
    return signed.map((text) => this.#signature(key, algorithm, text));
  }

  /**
   * Checks offline where `key` has a public key; by Transit `verify` for MACs and where the public key is missing.
   *
   * @throws {TamperError} `KEY_VERSION_UNAVAILABLE`: only Vault could say, and the version is below `min_decryption_version`;
   * `KEY_WRONG_USAGE`: a MAC of a key of another type than `hmac`
   */
  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options: CallOptions = {}): Promise<boolean> {
    assertSigned(key, data, signature);
    const path = this.#parse(key.identity, options);
    const { algorithm, spki } = key;
    if (spki !== undefined) return verifySignature(algorithm, spki, data, signature);
    const { version } = path;
    if (version === undefined) {
      throw new TamperError('KEY_VERSION_UNAVAILABLE', `"${path.path}" names no version to verify with`);
    }
    if (signature.length === 0 || (algorithm === 'kms-hmac-sha256' && signature.length !== 32)) return false;
    return this.#connection.use('verify', path, options, async (call, facts) => {
      this.#resolved(facts, path, version);
      const type = algorithm === 'kms-hmac-sha256' ? this.#states.peek(path.path)?.type : 'hmac';
      if (type === undefined ? !(await this.#connection.transit.isMacKey(path, call)) : type !== 'hmac')
        throw notOnlyMacs(path);
      return this.#connection.transit.verify({ ...path, version }, algorithm, data, signature, call);
    });
  }

  /**
   * Reads `MOUNT/keys/NAME` again for every name that was handed out. A key that was deleted and made again counts as
   * changed, although its version may have the same number.
   */
  async rotateCheck(options: CallOptions = {}): Promise<boolean> {
    this.#connection.assertOpen();
    throwIfAborted('vault rotateCheck', options.signal);
    return this.#watch.check(async (name) => {
      const key = parseKeyPath(name, this.#path);
      const state = await this.#states.reload(key.path, options.signal);
      return resolvedIn(state, key.version ?? state.latestVersion);
    });
  }

  /** A literal token, TLS that is not verified, a token that ends and cannot be renewed. */
  onWarning(listener: WarningListener): void {
    this.#connection.warnings.listen(listener);
  }

  /** Tests, for `doctor`, that we can log in, what the token may do with keys, and that it may not do the opposite. */
  async checkPermissions(keys: {
    readonly dataKeyId?: string;
    readonly signingKeyId?: string;
  }): Promise<DoctorCheck[]> {
    this.#connection.assertOpen();
    const parse = (keyId: string | undefined): VaultKeyPath | undefined =>
      keyId === undefined ? undefined : parseKeyPath(keyId, this.#path);
    return checkPermissions({
      logIn: () => this.#connection.logIn(),
      dataKey: parse(keys.dataKeyId),
      signingKey: parse(keys.signingKeyId),
      stateOf: (key) => this.#states.get(key.path),
      capabilities: (paths) =>
        this.#connection.use('describeKey', { path: 'sys/capabilities-self' }, {}, (call) =>
          this.#connection.transit.capabilities(paths, call),
        ),
    });
  }

  async close(): Promise<void> {
    this.#states.close();
    await this.#connection.close();
  }

  async #stateOf(key: VaultKeyPath, options: CallOptions): Promise<VaultKeyState> {
    const state = await this.#states.get(key.path, options.signal);
    // a version that we were given may be newer than what we know
    if (key.version === undefined || key.version <= state.latestVersion) return state;
    return this.#states.reload(key.path, options.signal);
  }

  #readKey(key: VaultKeyPath): Promise<VaultKeyState> {
    return this.#connection.use('describeKey', key, {}, async (call, facts) => {
      const state = await this.#connection.transit.readKey(key, call);
      facts.identity = versionIdentity(state.path, state.latestVersion);
      facts.version = String(state.latestVersion);
      return state;
    });
  }

  /** Takes in which version answered, and refuses one that was not asked for. */
  #resolved(facts: KeyEventFacts, key: VaultKeyPath, version: number): string {
    const identity = versionIdentity(key.path, version);
    facts.identity = identity;
    facts.version = String(version);
    if (key.version !== undefined && key.version !== version) {
      throw new TamperError(
        'RESPONSE_MALFORMED',
        `Vault: "${key.path}" version ${key.version} was asked, ${version} answered`,
      );
    }
    const known = this.#states.peek(key.path);
    if (known !== undefined && key.version === undefined) this.#note(key, known, version);
    if (known !== undefined && known.latestVersion < version) this.#states.expire(key.path);
    return identity;
  }

  #note(key: VaultKeyPath, state: VaultKeyState, version: number): void {
    const resolved = resolvedIn(state, version);
    this.#watch.note(key.version === undefined ? key.path : resolved.identity, resolved);
  }

  #signature(key: VaultKeyPath, algorithm: Signature['algorithm'], text: TransitText): Signature {
    return { bytes: text.bytes, algorithm, identity: versionIdentity(key.path, text.version) };
  }

  #parse(keyId: string, options: CallOptions): VaultKeyPath {
    this.#connection.assertOpen();
    throwIfAborted(`vault key "${keyId}"`, options.signal);
    return parseKeyPath(keyId, this.#path);
  }
}

/** Every Transit key makes MACs, for anyone who has the permission `hmac`: one that signs would then be forged by them. */
function notOnlyMacs({ path }: VaultKeyPath): TamperError {
  return new TamperError('KEY_WRONG_USAGE', `Vault: key "${path}" is not of type hmac, so its MACs are not accepted`, {
    hint: 'Name a key of type hmac, or verify the signatures of this key.',
  });
}

function resolvedIn(state: VaultKeyState, version: number): Resolved {
  return { identity: versionIdentity(state.path, version), incarnation: incarnationOf(state, version) };
}
