import { TamperError } from '../../errors.ts';
import { mapBounded } from '../../foundation/pool.ts';
import { type KeySource, namesIdentity, splitIdentity } from '../../keys/identity.ts';
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
import { verifySignature } from '../../keys/signature.ts';
import { assertMessage, assertSigned } from '../../keys/signed-message.ts';
import { VersionCache } from '../../keys/version-cache.ts';
import type { WarningListener } from '../../keys/warnings.ts';
import { wrappingPairs } from '../../keys/wrapping-context.ts';
import { chooseAlgorithm, defaultSigningAlgorithms } from './algorithms.ts';
import { decrypt, describeKey, generateDataKey, getPublicKey, maxCiphertextBytes, sign, verify } from './calls.ts';
import { callName, isKeyArn, replyIdentity } from './identity.ts';
import { type AwsKmsOptions, defaultTtlSeconds } from './options.ts';
import { HandedOut, isOther } from './rotation.ts';
import { type Ask, AwsKmsSession } from './session.ts';

const source = 'aws-kms';
const defaultConcurrency = 8;

/** A signing key, and the state that it was in when we last asked. */
interface KnownKey {
  readonly key: SigningKey;
  readonly state: string | undefined;
}

/**
 * Keys in AWS KMS. A key is named by its id, ARN, alias or alias ARN. Data keys need a symmetric encryption key; signatures
 * a key of spec ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_EDWARDS25519, RSA_2048 and above, or HMAC_256.
 *
 * Credentials come from the SDK's default chain and from nowhere else. `@aws-sdk/client-kms` is loaded at the first call.
 *
 * Besides the codes each method names, every method that calls AWS throws {@link TamperError} with `KEY_NOT_FOUND`,
 * `KEY_DISABLED`, `KEY_PENDING_DELETION`, `KEY_VERSION_UNAVAILABLE`, `KEY_WRONG_USAGE`, `ACCESS_DENIED`,
 * `UNAUTHENTICATED`, `THROTTLED`, `UNAVAILABLE`, `TIMEOUT`, `ABORTED`, `TLS_FAILED`, `RESPONSE_MALFORMED`,
 * `RESPONSE_CORRUPTED`, `CONFIG_INVALID`, `INSECURE_ENDPOINT`, `DEPENDENCY_MISSING`, `PROVIDER_CLOSED`.
 */
export class AwsKmsProvider implements KeyProvider {
  readonly source: KeySource = source;
  readonly #options: AwsKmsOptions;
  readonly #session: AwsKmsSession;
  readonly #concurrency: number;
  readonly #ttlSeconds: number;
  readonly #keys: VersionCache<KnownKey>;
  readonly #handedOut = new HandedOut();
  /** What names of data keys that are no ARN stood for, and when that was asked. */
  readonly #arns = new Map<string, { readonly arn: string; readonly at: number }>();

  /** @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT`: see {@link AwsKmsOptions} */
  constructor(options: AwsKmsOptions = {}) {
    this.#options = options;
    this.#session = new AwsKmsSession(options);
    this.#concurrency = options.concurrency ?? defaultConcurrency;
    this.#ttlSeconds = options.keyCacheTtlSeconds ?? defaultTtlSeconds;
    this.#keys = new VersionCache<KnownKey>({
      ttlSeconds: this.#ttlSeconds,
      load: (name) => this.#load(name),
      identityOf: ({ key }) => key.identity,
      clock: this.#session.clock,
    });
  }

  /**
   * Mints a data key by one `GenerateDataKey`, bound to `context` (spec 5). Its identity is the key's ARN, `#` and the id
   * of the key material, as the reply names them. No key is cached or shared.
   */
  async getKey(keyId: string, context: KeyContext, options: CallOptions = {}): Promise<DataKey> {
    this.#session.assertOpen();
    const name = callName(keyId);
    const pairs = wrappingPairs(context);
    return this.#session.use('getKey', keyId, options, async (ask, facts) => {
      const key = await generateDataKey(ask, name, pairs, facts);
      this.#handedOut.add('data', name, key.identity);
      return key;
    });
  }

  /**
   * Recovers a data key by `Decrypt` with the ARN that `named` means: itself, or what `DescribeKey` says of it.
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
    this.#session.assertOpen();
    return this.#session.use('recoverKey', named, options, async (ask, facts) => {
      const pairs = wrappingPairs(context);
      const arn = await this.#trustedArn(ask, named);
      if (reference.source !== source || !isNamed(reference.identity, named, arn)) {
        throw new TamperError('KEY_NOT_NAMED', `the log names a different key from AWS KMS "${named}" (${arn})`, {
          hint: isKeyArn(named)
            ? 'If the key that sealed this log is one of yours, name its ARN.'
            : 'An alias names the key that it points to now; for older key periods, name the ARN of the key.',
        });
      }
      const { wrapped } = reference;
      if (wrapped === undefined || wrapped.length === 0 || wrapped.length > maxCiphertextBytes) {
        throw new TamperError('WRONG_KEY_OR_CONTEXT', `the key period ${context.kid} has no wrapped key of "${arn}"`);
      }
      return decrypt(ask, arn, wrapped, pairs, facts);
    });
  }

  /**
   * What a name stands for: `DescribeKey` for ARN and algorithm, `GetPublicKey` for the public key; cached for
   * `keyCacheTtlSeconds`.
   *
   * @throws {TamperError} `UNSUPPORTED_OPERATION`: the key signs by nothing that the log format knows
   */
  async getSigningKey(keyId: string, options: SigningKeyOptions = {}): Promise<SigningKey> {
    this.#session.assertOpen();
    const name = callName(keyId);
    const { key, state } = await this.#keys.get(name, options.signal);
    if (options.toSign === true) assertUsable(name, state);
    this.#handedOut.add('signing', name, key.identity);
    return key;
  }

  /** Signs 1 to 4,096 bytes by `Sign` (RAW) or, for an HMAC key, `GenerateMac`. An ARN signs with exactly that key. */
  async sign(keyId: string, data: Uint8Array, options: CallOptions = {}): Promise<Signature> {
    this.#session.assertOpen();
    assertMessage(data);
    const key = await this.#keyToSignWith(keyId, options);
    return this.#session.use('sign', keyId, options, async (ask, facts) => {
      const signature = await sign(ask, key, data);
      facts.identity = signature.identity;
      return signature;
    });
  }

  /**
   * As {@link AwsKmsProvider.sign}, `concurrency` calls at a time, all with one key: AWS KMS has no call for several messages.
   * One event for the batch; its deadline grows with the rounds of calls it needs.
   */
  async signBatch(keyId: string, items: readonly Uint8Array[], options: CallOptions = {}): Promise<Signature[]> {
    this.#session.assertOpen();
    for (const item of items) assertMessage(item);
    if (items.length === 0) return [];
    const key = await this.#keyToSignWith(keyId, options);
    const batch = { ...options, items: items.length, rounds: Math.ceil(items.length / this.#concurrency) };
    return this.#session.use('signBatch', keyId, batch, async (ask, facts) => {
      facts.identity = key.identity;
      return mapBounded(items, this.#concurrency, (item) => sign(ask, key, item));
    });
  }

  /** Checks offline where `key` has a public key, by `Verify` or `VerifyMac` otherwise. */
  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options: CallOptions = {}): Promise<boolean> {
    assertSigned(key, data, signature);
    this.#session.assertOpen();
    const { spki } = key;
    if (spki !== undefined && key.algorithm !== 'kms-hmac-sha256') {
      return verifySignature(key.algorithm, spki, data, signature);
    }
    assertMessage(data);
    return this.#session.use('verify', key.identity, options, async (ask, facts) => {
      facts.identity = key.identity;
      return verify(ask, key, data, signature);
    });
  }

  /**
   * Asks by `DescribeKey` whether an alias points elsewhere or a key has new material. A signing key named by its ARN is
   * not asked about: it never changes.
   */
  async rotateCheck(options: CallOptions = {}): Promise<boolean> {
    this.#session.assertOpen();
    return this.#session.use('rotateCheck', '*', options, (ask) =>
      this.#handedOut.compare(async (use, name, before) => {
        if (use === 'signing' && isKeyArn(name)) return before;
        const { Arn, CurrentKeyMaterialId } = await describeKey(ask, name);
        const identity = replyIdentity('DescribeKey', Arn, use === 'data' ? CurrentKeyMaterialId : undefined);
        if (use === 'signing' && isOther(before, identity)) await this.#keys.reload(name, options.signal);
        return identity;
      }),
    );
  }

  /** Credentials that never expire. */
  onWarning(listener: WarningListener): void {
    this.#session.warnings.listen(listener);
  }

  async close(): Promise<void> {
    this.#keys.close();
    this.#handedOut.clear();
    await this.#session.close();
  }

  /** A pinned identity signs with that key, wherever its alias points by now; a name with what it stands for. */
  async #keyToSignWith(keyId: string, options: CallOptions): Promise<SigningKey> {
    const name = callName(keyId);
    const pinned = isKeyArn(name) ? this.#keys.at(name)?.key : undefined;
    return pinned ?? this.getSigningKey(keyId, options);
  }

  #load(name: string): Promise<KnownKey> {
    return this.#session.use('getSigningKey', name, {}, async (ask, facts) => {
      const found = await describeKey(ask, name);
      const { Arn: identity, KeyState: state } = found;
      facts.identity = identity;
      // a version that is asked for by its ARN may be retired: an auditor still wants its public key
      if (!isKeyArn(name)) assertUsable(name, state);
      const algorithm = chooseAlgorithm(name, found, this.#options.signingAlgorithms ?? defaultSigningAlgorithms);
      if (algorithm === 'kms-hmac-sha256') return { key: { source, identity, algorithm }, state };
      const spki = await getPublicKey(ask, identity); // by ARN: the alias may have been pointed elsewhere since
      return { key: { source, identity, algorithm, spki }, state };
    });
  }

  /** The ARN that the auditor's side means. Only a name of its own is ever resolved, never one from the log (spec 8.1). */
  async #trustedArn(ask: Ask, named: string): Promise<string> {
    const name = callName(named);
    if (isKeyArn(name)) return name;
    const at = this.#session.clock.now();
    const known = this.#arns.get(name);
    if (known !== undefined && at - known.at < this.#ttlSeconds * 1000) return known.arn; // a log has many key periods
    const { Arn: arn } = await describeKey(ask, name);
    this.#arns.set(name, { arn, at });
    return arn;
  }
}

/** A key named with its material id is that material alone; named without, it is any (spec 8.1). */
function isNamed(identity: string, named: string, arn: string): boolean {
  const whole = splitIdentity(source, named).version === undefined;
  return namesIdentity(whole ? arn : named, source, identity);
}

/** A state that could not sign anyhow is said now, not at the first checkpoint. */
function assertUsable(name: string, state: string | undefined): void {
  if (state === undefined || state === 'Enabled') return;
  if (state === 'Disabled')
    throw new TamperError('KEY_DISABLED', `AWS KMS key "${name}" is disabled`, {
      hint: 'Enable it, or seal with another key.',
    });
  if (state === 'PendingDeletion' || state === 'PendingReplicaDeletion') {
    throw new TamperError('KEY_PENDING_DELETION', `AWS KMS key "${name}" is pending deletion`, {
      hint: 'Cancel the deletion, or seal with another key.',
    });
  }
  throw new TamperError('KEY_VERSION_UNAVAILABLE', `AWS KMS key "${name}" is in state ${state}`, {
    hint: 'It can be used once AWS says that it is enabled.',
  });
}
