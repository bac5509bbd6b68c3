import { isError, TamperError } from '../../errors.ts';
import type { SigningKey } from '../../keys/provider.ts';
import { vendorAlgorithm } from './algorithms.ts';
import type { AwsKmsClient, AwsKmsReply } from './client.ts';
import { assertAnsweredBy, isKeyArn } from './identity.ts';
import type { Ask } from './session.ts';

/** The longest signature that `Verify` and `VerifyMac` take, in bytes. */
const maxSignatureBytes = 6144;

/**
 * Has AWS check a signature or MAC: for HMAC keys, and for keys whose public key nobody kept.
 *
 * @returns false only where AWS says that the signature is bad: by `KMSInvalidSignatureException` or
 * `KMSInvalidMacException` as documented, or by `SignatureValid: false` or `MacValid: false` as some servers do
 */
export async function verifyOnline(
  ask: Ask,
  key: SigningKey,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const arn = key.identity;
  if (!isKeyArn(arn)) throw new TamperError('USAGE', `"${arn}" is not the ARN of an AWS KMS key`);
  if (signature.length === 0 || signature.length > maxSignatureBytes) return false; // the service takes none such
  if (key.algorithm === 'kms-hmac-sha256') {
    const reply = await ask<MacReply>('VerifyMac', arn, async (client, call) => {
      const input = { KeyId: arn, Message: data, MacAlgorithm: 'HMAC_SHA_256', Mac: signature } as const;
      return client.verifyMac(input, call).catch(badIf('KMSInvalidMacException', arn));
    });
    return verdict('VerifyMac', arn, reply.KeyId, reply.MacValid);
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
    return client.verify(input, call).catch(badIf('KMSInvalidSignatureException', arn));
  });
  return verdict('Verify', arn, reply.KeyId, reply.SignatureValid);
}

type MacReply = Awaited<ReturnType<AwsKmsClient['verifyMac']>>;
type SignatureReply = Awaited<ReturnType<AwsKmsClient['verify']>>;

interface Bad extends AwsKmsReply {
  readonly KeyId: string;
  readonly SignatureValid: false;
  readonly MacValid: false;
}

/** The exception for an invalid signature means false; all others are rethrown. */
function badIf(name: string, arn: string): (error: unknown) => Bad {
  return (error) => {
    if (isError(error) && error.name === name) return { KeyId: arn, SignatureValid: false, MacValid: false };
    throw error;
  };
}

function verdict(operation: string, arn: string, replied: string | undefined, valid: boolean | undefined): boolean {
  assertAnsweredBy(operation, arn, replied);
  if (typeof valid === 'boolean') return valid;
  throw new TamperError(
    'RESPONSE_MALFORMED',
    `AWS KMS ${operation} "${arn}": the reply does not say whether it is valid`,
  );
}
