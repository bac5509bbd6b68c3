import type { KeySource } from '../../keys/identity.ts';
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
import { assertSigned } from '../../keys/signed-message.ts';
import type { WarningListener } from '../../keys/warnings.ts';
import { AwsDataKeys } from './data-keys.ts';
import { isKeyArn, replyIdentity } from './identity.ts';
import type { AwsKmsOptions } from './options.ts';
import { HandedOut, isOther } from './rotation.ts';
import { AwsKmsSession } from './session.ts';
import { AwsSigning } from './signing.ts';

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
  readonly source: KeySource = 'aws-kms';
  readonly #session: AwsKmsSession;
  readonly #dataKeys: AwsDataKeys;
  readonly #signing: AwsSigning;
  readonly #handedOut = new HandedOut();

  /** @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT`: see {@link AwsKmsOptions} */
  constructor(options: AwsKmsOptions = {}) {
    this.#session = new AwsKmsSession(options);
    this.#dataKeys = new AwsDataKeys(this.#session, this.#handedOut, options);
    this.#signing = new AwsSigning(this.#session, this.#handedOut, options);
  }

  /**
   * Mints a data key by one `GenerateDataKey`, bound to `context` (spec 5). Its identity is the key's ARN, `#` and the id
   * of the key material, as the reply names them.
   */
  async getKey(keyId: string, context: KeyContext, options: CallOptions = {}): Promise<DataKey> {
    this.#session.assertOpen();
    return this.#dataKeys.getKey(keyId, context, options);
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
    return this.#dataKeys.recoverKey(reference, named, context, options);
  }

  /**
   * What a name stands for: `DescribeKey` for ARN and algorithm, `GetPublicKey` for the public key; cached for
   * `keyCacheTtlSeconds`.
   *
   * @throws {TamperError} `UNSUPPORTED_OPERATION`: the key signs by nothing that the log format knows
   */
  async getSigningKey(keyId: string, options: SigningKeyOptions = {}): Promise<SigningKey> {
    this.#session.assertOpen();
    return this.#signing.getSigningKey(keyId, options);
  }

  /** Signs 1 to 4,096 bytes by `Sign` (RAW) or, for an HMAC key, `GenerateMac`. An ARN signs with exactly that key. */
  async sign(keyId: string, data: Uint8Array, options: CallOptions = {}): Promise<Signature> {
    this.#session.assertOpen();
    return this.#signing.sign(keyId, data, options);
  }

  /** As {@link AwsKmsProvider.sign}, `concurrency` calls at a time, all with one key. */
  async signBatch(keyId: string, items: readonly Uint8Array[], options: CallOptions = {}): Promise<Signature[]> {
    this.#session.assertOpen();
    return this.#signing.signBatch(keyId, items, options);
  }

  /** Checks offline where `key` has a public key, by `Verify` or `VerifyMac` otherwise. */
  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options: CallOptions = {}): Promise<boolean> {
    assertSigned(key, data, signature);
    this.#session.assertOpen();
    return this.#signing.verify(key, data, signature, options);
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
        const { KeyMetadata = {} } = await ask('DescribeKey', name, (client, call) =>
          client.describeKey({ KeyId: name }, call),
        );
        const material = use === 'data' ? KeyMetadata.CurrentKeyMaterialId : undefined;
        const identity = replyIdentity('DescribeKey', KeyMetadata.Arn, material);
        if (use === 'signing' && isOther(before, identity)) await this.#signing.reload(name, options);
        return identity;
      }),
    );
  }

  /** Credentials that never expire. */
  onWarning(listener: WarningListener): void {
    this.#session.warnings.listen(listener);
  }

  async close(): Promise<void> {
    this.#signing.close();
    this.#handedOut.clear();
    await this.#session.close();
  }
}
