import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { signLocally } from '../../../src/keys/signature.ts';
import type { AwsKmsCallOptions, AwsKmsClient, AwsKmsReply } from '../../../src/providers/aws-kms/index.ts';

/** An exception as the SDK throws it: named, with `$fault`, `$metadata`, and the hidden `$response` with bodies in it. */
export function kmsException(name: string, message = `about ${name}`): Error {
  const error = Object.assign(new Error(message), {
    $fault: 'client',
    $metadata: { httpStatusCode: 400, requestId: 'request-id-of-the-fake', attempts: 1 },
    $response: { body: 'canary-response-body', headers: { 'x-amz-security-token': 'canary-session-token' } },
  });
  error.name = name;
  return error;
}

interface FakeKey {
  readonly arn: string;
  readonly spec: 'SYMMETRIC_DEFAULT' | 'ECC_NIST_EDWARDS25519' | 'HMAC_256';
  readonly usage: string;
  state: string;
  readonly materials: Map<string, Buffer>;
  current: string;
  readonly pair?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

/**
 * AWS KMS as its API reference documents it, for what no test server does: `KeyMaterialId` in every reply together with
 * rotation on demand. Real cryptography; keys and aliases live in memory.
 */
export class FakeKms implements AwsKmsClient {
  readonly #keys = new Map<string, FakeKey>();
  readonly #aliases = new Map<string, string>();
  /** The operations called, in order. */
  readonly calls: string[] = [];
  /** Called before each operation; may throw, wait, or return a reply of its own. */
  intercept: (operation: string, input: { KeyId: string }, options?: AwsKmsCallOptions) => unknown = () => undefined;

  createKey(spec: FakeKey['spec'] = 'SYMMETRIC_DEFAULT'): string {
    const id = [4, 2, 2, 2, 6].map((length) => randomBytes(length).toString('hex')).join('-');
    const arn = `arn:aws:kms:eu-west-1:111122223333:key/${id}`;
    const usages = {
      SYMMETRIC_DEFAULT: 'ENCRYPT_DECRYPT',
      ECC_NIST_EDWARDS25519: 'SIGN_VERIFY',
      HMAC_256: 'GENERATE_VERIFY_MAC',
    };
    const key: FakeKey = {
      arn,
      spec,
      usage: usages[spec],
      state: 'Enabled',
      materials: new Map(),
      current: '',
      ...(spec === 'ECC_NIST_EDWARDS25519' && { pair: generateKeyPairSync('ed25519') }),
    };
    this.#keys.set(arn, key);
    this.rotate(arn);
    return arn;
  }

  alias(name: string, arn: string): string {
    this.#aliases.set(name, arn);
    return name;
  }

  /** `RotateKeyOnDemand`: new material, the same ARN; the old material decrypts for ever. */
  rotate(arn: string): void {
    const key = this.#key(arn);
    key.current = randomBytes(32).toString('hex');
    key.materials.set(key.current, randomBytes(32));
  }

  setState(arn: string, state: string): void {
    this.#key(arn).state = state;
  }

  async describeKey(
    input: { readonly KeyId: string },
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['describeKey']> {
    return this.#run('DescribeKey', input, options, (key) => ({
      KeyMetadata: {
        Arn: key.arn,
        KeySpec: key.spec,
        KeyUsage: key.usage,
        KeyState: key.state,
        ...(key.spec === 'SYMMETRIC_DEFAULT' && { CurrentKeyMaterialId: key.current }),
        ...(key.pair && { SigningAlgorithms: ['ED25519_PH_SHA_512', 'ED25519_SHA_512'] }),
        ...(key.spec === 'HMAC_256' && { MacAlgorithms: ['HMAC_SHA_256'] }),
      },
    }));
  }

  async generateDataKey(
    input: Parameters<AwsKmsClient['generateDataKey']>[0],
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['generateDataKey']> {
    return this.#run('GenerateDataKey', input, options, (key) => {
      this.#usable(key, 'ENCRYPT_DECRYPT');
      const Plaintext = new Uint8Array(Buffer.from(randomBytes(32)));
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key.materials.get(key.current) ?? '', iv);
      cipher.setAAD(canonical(input.EncryptionContext));
      const body = Buffer.concat([cipher.update(Plaintext), cipher.final()]);
      const CiphertextBlob = new Uint8Array(
        Buffer.concat([Buffer.from(key.arn), Buffer.from(key.current, 'hex'), iv, cipher.getAuthTag(), body]),
      );
      return { Plaintext, CiphertextBlob, KeyId: key.arn, KeyMaterialId: key.current };
    });
  }

  async decrypt(
    input: Parameters<AwsKmsClient['decrypt']>[0],
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['decrypt']> {
    return this.#run('Decrypt', input, options, (key) => {
      this.#usable(key, 'ENCRYPT_DECRYPT');
      const blob = Buffer.from(input.CiphertextBlob);
      const header = Buffer.from(key.arn);
      if (blob.length !== header.length + 92) throw kmsException('InvalidCiphertextException');
      if (!blob.subarray(0, header.length).equals(header)) throw kmsException('IncorrectKeyException');
      const rest = blob.subarray(header.length);
      const KeyMaterialId = rest.subarray(0, 32).toString('hex');
      const material = key.materials.get(KeyMaterialId);
      if (material === undefined) throw kmsException('InvalidCiphertextException');
      const decipher = createDecipheriv('aes-256-gcm', material, rest.subarray(32, 44));
      decipher.setAAD(canonical(input.EncryptionContext));
      decipher.setAuthTag(rest.subarray(44, 60));
      try {
        const Plaintext = new Uint8Array(Buffer.concat([decipher.update(rest.subarray(60)), decipher.final()]));
        return { Plaintext, KeyId: key.arn, KeyMaterialId };
      } catch {
        throw kmsException('InvalidCiphertextException'); // AWS says no more than that
      }
    });
  }

  async getPublicKey(
    input: { readonly KeyId: string },
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['getPublicKey']> {
    return this.#run('GetPublicKey', input, options, (key) => {
      if (key.pair === undefined) throw kmsException('UnsupportedOperationException');
      const PublicKey = new Uint8Array(key.pair.publicKey.export({ type: 'spki', format: 'der' }));
      return { PublicKey, KeyId: key.arn };
    });
  }

  async sign(
    input: Parameters<AwsKmsClient['sign']>[0],
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['sign']> {
    return this.#run('Sign', input, options, (key) => {
      this.#usable(key, 'SIGN_VERIFY');
      if (key.pair === undefined) throw kmsException('InvalidKeyUsageException');
      const Signature = new Uint8Array(signLocally('ed25519', key.pair.privateKey, input.Message));
      return { Signature, KeyId: key.arn, SigningAlgorithm: input.SigningAlgorithm };
    });
  }

  async verify(
    input: Parameters<AwsKmsClient['verify']>[0],
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['verify']> {
    return this.#run('Verify', input, options, (key) => {
      this.#usable(key, 'SIGN_VERIFY');
      throw kmsException('KMSInvalidSignatureException');
    });
  }

  async generateMac(
    input: Parameters<AwsKmsClient['generateMac']>[0],
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['generateMac']> {
    return this.#run('GenerateMac', input, options, (key) => {
      this.#usable(key, 'GENERATE_VERIFY_MAC');
      return { Mac: new Uint8Array(macOf(key, input.Message)), KeyId: key.arn };
    });
  }

  async verifyMac(
    input: Parameters<AwsKmsClient['verifyMac']>[0],
    options?: AwsKmsCallOptions,
  ): ReturnType<AwsKmsClient['verifyMac']> {
    return this.#run('VerifyMac', input, options, (key) => {
      this.#usable(key, 'GENERATE_VERIFY_MAC');
      const mac = macOf(key, input.Message);
      if (mac.length !== input.Mac.length || !timingSafeEqual(mac, input.Mac))
        throw kmsException('KMSInvalidMacException');
      return { MacValid: true, KeyId: key.arn };
    });
  }

  async #run<R extends object>(
    operation: string,
    input: { KeyId: string },
    options: AwsKmsCallOptions | undefined,
    reply: (key: FakeKey) => R,
  ): Promise<R & AwsKmsReply> {
    this.calls.push(operation);
    const own = await this.intercept(operation, input, options);
    if (own !== undefined) return own as R & AwsKmsReply;
    if (options?.abortSignal?.aborted) throw Object.assign(new Error('Request aborted'), { name: 'AbortError' });
    return { ...reply(this.#key(input.KeyId)), $metadata: { requestId: 'request-id-of-the-fake', attempts: 1 } };
  }

  #key(name: string): FakeKey {
    const key = this.#keys.get(this.#aliases.get(name) ?? name);
    if (key === undefined) throw kmsException('NotFoundException', `Key ${name} is not found.`);
    return key;
  }

  #usable(key: FakeKey, usage: string): void {
    if (key.state === 'Disabled') throw kmsException('DisabledException', `${key.arn} is disabled.`);
    if (key.state !== 'Enabled') {
      const words = key.state
        .replaceAll(/([A-Z])/g, ' $1')
        .toLowerCase()
        .trim();
      throw kmsException('KMSInvalidStateException', `${key.arn} is ${words}.`);
    }
    if (key.usage !== usage) throw kmsException('InvalidKeyUsageException');
  }
}

function canonical(context: Record<string, string>): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort()));
}

function macOf(key: FakeKey, message: Uint8Array): Buffer {
  return createHmac('sha256', key.materials.get(key.current) ?? '')
    .update(message)
    .digest();
}
