import { isError, TamperError } from '../../errors.ts';
import { createDataKey, dataKeyBytes } from '../../keys/data-key.ts';
import type { KeyEventFacts } from '../../keys/events.ts';
import type { DataKey, Signature, SigningKey } from '../../keys/provider.ts';
import { toCanonicalSpki } from '../../keys/public-key.ts';
import { corrupted, malformed } from '../internal/service-error.ts';
import { vendorAlgorithm } from './algorithms.ts';
import type { AwsEncryptionContext, AwsKmsClient, AwsKmsKeyMetadata, AwsKmsReply } from './client.ts';
import { assertAnsweredBy, isKeyArn, replyIdentity } from './identity.ts';
import type { Ask } from './session.ts';

/** The calls of AWS KMS, one request each, with their replies checked. */

/** The longest ciphertext that AWS KMS returns or takes, in bytes. */
export const maxCiphertextBytes = 6144;

/** What AWS says of a key. */
export async function describeKey(ask: Ask, name: string): Promise<AwsKmsKeyMetadata & { readonly Arn: string }> {
  const reply = await ask('DescribeKey', name, (client, call) => client.describeKey({ KeyId: name }, call));
  return { ...reply.KeyMetadata, Arn: replyIdentity('DescribeKey', reply.KeyMetadata?.Arn) };
}

/** The public key of an ARN, as its canonical SPKI. */
export async function getPublicKey(ask: Ask, arn: string): Promise<Buffer> {
  const reply = await ask('GetPublicKey', arn, (client, call) => client.getPublicKey({ KeyId: arn }, call));
  assertAnsweredBy('GetPublicKey', arn, reply.KeyId);
  if (reply.PublicKey === undefined) throw malformed(`AWS KMS GetPublicKey "${arn}"`, 'no public key in the reply');
  return toCanonicalSpki(reply.PublicKey, `the public key of "${arn}"`);
}

/** Mints a data key, bound to its context. */
export async function generateDataKey(
  ask: Ask,
  name: string,
  EncryptionContext: AwsEncryptionContext,
  facts: KeyEventFacts,
): Promise<DataKey> {
  const input = { KeyId: name, KeySpec: 'AES_256', EncryptionContext } as const;
  const reply = await ask('GenerateDataKey', name, async (client, call) =>
    ownedUnlessLate(await client.generateDataKey(input, call), call.abortSignal),
  );
  try {
    const identity = replyIdentity('GenerateDataKey', reply.KeyId, reply.KeyMaterialId);
    if (isKeyArn(name)) assertAnsweredBy('GenerateDataKey', name, reply.KeyId);
    const material = materialOf('GenerateDataKey', reply.Plaintext);
    const wrapped = wrappedOf(reply.CiphertextBlob);
    facts.identity = identity;
    return createDataKey({ material, source: 'aws-kms', identity, wrapped });
  } finally {
    reply.Plaintext?.fill(0);
  }
}

/**
 * Recovers a data key with the key of an ARN.
 *
 * @throws {TamperError} `WRONG_KEY_OR_CONTEXT`: another key answered
 */
export async function decrypt(
  ask: Ask,
  arn: string,
  wrapped: Uint8Array,
  EncryptionContext: AwsEncryptionContext,
  facts: KeyEventFacts,
): Promise<DataKey> {
  const input = { KeyId: arn, CiphertextBlob: wrapped, EncryptionContext };
  const reply = await ask('Decrypt', arn, async (client, call) =>
    ownedUnlessLate(await client.decrypt(input, call), call.abortSignal),
  );
  try {
    const identity = replyIdentity('Decrypt', reply.KeyId, reply.KeyMaterialId);
    if (reply.KeyId !== arn) {
      throw new TamperError('WRONG_KEY_OR_CONTEXT', `AWS KMS Decrypt "${arn}": the reply is from key "${identity}"`);
    }
    facts.identity = identity;
    return createDataKey({ material: materialOf('Decrypt', reply.Plaintext), source: 'aws-kms', identity, wrapped });
  } finally {
    reply.Plaintext?.fill(0);
  }
}

/** An answer after the deadline is nobody's: its key is erased at once, and no copy is made. */
function ownedUnlessLate<R extends { readonly Plaintext?: Uint8Array | undefined }>(
  reply: R,
  signal: AbortSignal | undefined,
): R {
  if (signal?.aborted) {
    reply.Plaintext?.fill(0);
    signal.throwIfAborted();
  }
  return reply;
}

function materialOf(operation: string, plaintext: Uint8Array | undefined): Uint8Array {
  if (plaintext?.length === dataKeyBytes) return plaintext;
  const length = plaintext?.length ?? 0;
  throw malformed(`AWS KMS ${operation}`, `the data key has ${length} bytes instead of ${dataKeyBytes}`);
}

function wrappedOf(blob: Uint8Array | undefined): Uint8Array {
  if (blob !== undefined && blob.length > 0 && blob.length <= maxCiphertextBytes) return Uint8Array.from(blob);
  const fault = `the wrapped key has ${blob?.length ?? 0} bytes instead of 1 to ${maxCiphertextBytes}`;
  throw malformed('AWS KMS GenerateDataKey', fault);
}

/** Signs with exactly this key. */
export async function sign(ask: Ask, key: SigningKey, data: Uint8Array): Promise<Signature> {
  const { identity, algorithm } = key;
  const bytes = algorithm === 'kms-hmac-sha256' ? await mac(ask, identity, data) : await signature(ask, key, data);
  if (bytes === undefined || bytes.length === 0) {
    throw malformed('AWS KMS', `no signature in the reply of "${identity}"`);
  }
  return { bytes: Uint8Array.from(bytes), algorithm, identity };
}

async function mac(ask: Ask, arn: string, data: Uint8Array): Promise<Uint8Array | undefined> {
  const reply = await ask('GenerateMac', arn, (client, call) =>
    client.generateMac({ KeyId: arn, Message: data, MacAlgorithm: 'HMAC_SHA_256' }, call),
  );
  assertAnsweredBy('GenerateMac', arn, reply.KeyId);
  return reply.Mac;
}

async function signature(ask: Ask, key: SigningKey, data: Uint8Array): Promise<Uint8Array | undefined> {
  const vendor = vendorAlgorithm(key.algorithm);
  if (vendor === undefined) throw new TamperError('UNSUPPORTED_OPERATION', `AWS KMS cannot sign with ${key.algorithm}`);
  const reply = await ask('Sign', key.identity, (client, call) =>
    client.sign({ KeyId: key.identity, Message: data, MessageType: 'RAW', SigningAlgorithm: vendor }, call),
  );
  assertAnsweredBy('Sign', key.identity, reply.KeyId);
  if (reply.SigningAlgorithm !== undefined && reply.SigningAlgorithm !== vendor) {
    throw corrupted(`AWS KMS Sign "${key.identity}"`, `signed with ${reply.SigningAlgorithm}`);
  }
  return reply.Signature;
}

/** The longest signature that `Verify` and `VerifyMac` take, in bytes. */
const maxSignatureBytes = 6144;

/**
 * Has AWS check a signature or MAC: for HMAC keys, and for keys whose public key nobody kept.
 *
 * @returns false only where AWS says that the signature is bad: by `KMSInvalidSignatureException` or
 * `KMSInvalidMacException` as documented, or by `SignatureValid: false` or `MacValid: false` as some servers do
 */
export async function verify(ask: Ask, key: SigningKey, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const arn = key.identity;
  if (!isKeyArn(arn)) throw new TamperError('USAGE', `"${arn}" is not the ARN of an AWS KMS key`);
  if (signature.length === 0 || signature.length > maxSignatureBytes) return false; // the service takes none such
  if (key.algorithm === 'kms-hmac-sha256') {
    const reply = await ask<MacReply>('VerifyMac', arn, async (client, call) => {
      const input = { KeyId: arn, Message: data, MacAlgorithm: 'HMAC_SHA_256', Mac: signature } as const;
      return client.verifyMac(input, call).catch(invalidIf('KMSInvalidMacException', arn));
    });
    return validityOf('VerifyMac', arn, reply.KeyId, reply.MacValid);
  }
  const vendor = vendorAlgorithm(key.algorithm);
  if (vendor === undefined) throw new TamperError('UNSUPPORTED_OPERATION', `AWS KMS cannot verify ${key.algorithm}`);
  const reply = await ask<SignatureReply>('Verify', arn, async (client, call) => {
    const input = {
      KeyId: arn,
      Message: data,
      MessageType: 'RAW',
      SigningAlgorithm: vendor,
      Signature: signature,
    } as const;
    return client.verify(input, call).catch(invalidIf('KMSInvalidSignatureException', arn));
  });
  return validityOf('Verify', arn, reply.KeyId, reply.SignatureValid);
}

type MacReply = Awaited<ReturnType<AwsKmsClient['verifyMac']>>;
type SignatureReply = Awaited<ReturnType<AwsKmsClient['verify']>>;

interface InvalidReply extends AwsKmsReply {
  readonly KeyId: string;
  readonly SignatureValid: false;
  readonly MacValid: false;
}

/** The exception for an invalid signature means false; all others are rethrown. */
function invalidIf(name: string, arn: string): (error: unknown) => InvalidReply {
  return (error) => {
    if (isError(error) && error.name === name) return { KeyId: arn, SignatureValid: false, MacValid: false };
    throw error;
  };
}

function validityOf(operation: string, arn: string, replied: string | undefined, valid: boolean | undefined): boolean {
  assertAnsweredBy(operation, arn, replied);
  if (typeof valid === 'boolean') return valid;
  throw malformed(`AWS KMS ${operation} "${arn}"`, 'the reply does not say whether it is valid');
}
