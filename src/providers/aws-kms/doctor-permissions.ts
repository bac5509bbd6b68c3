import { isError } from '../../errors.ts';
import { wrappingPairs } from '../../keys/wrapping-context.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import { testMessage, tryPermission, untriedUnwrap } from '../internal/doctor-check.ts';
import type { DoctorSubject } from '../internal/doctor-subject.ts';
import { chooseAlgorithm, defaultSigningAlgorithms, vendorAlgorithm } from './algorithms.ts';
import type { AwsKmsKeyMetadata } from './client.ts';
import type { AwsKmsOptions } from './options.ts';
import type { Ask, AwsKmsSession } from './session.ts';

/** May we mint data keys, and recover them? */
export async function dataKeyPermissions(
  session: AwsKmsSession,
  subject: DoctorSubject<AwsKmsOptions>,
  arn: string,
): Promise<DoctorCheck[]> {
  const pairs = wrappingPairs(subject.context);
  let wrapped: Uint8Array | undefined;
  const mint = await permission(session, subject, 'GenerateDataKey', 'writer', arn, async (ask) => {
    const reply = await ask('GenerateDataKey', arn, (client, call) =>
      client.generateDataKey({ KeyId: arn, KeySpec: 'AES_256', EncryptionContext: pairs }, call),
    );
    reply.Plaintext?.fill(0);
    wrapped = reply.CiphertextBlob;
  });
  const blob = wrapped;
  if (blob === undefined) return [mint, untriedUnwrap('Decrypt', 'GenerateDataKey')];
  const recover = await permission(session, subject, 'Decrypt', 'auditor', arn, async (ask) => {
    const reply = await ask('Decrypt', arn, async (client, call) =>
      client.decrypt({ KeyId: arn, CiphertextBlob: blob, EncryptionContext: pairs, DryRun: true }, call).catch(dryRun),
    );
    if ('Plaintext' in reply) reply.Plaintext?.fill(0); // a server that does not know DryRun
  });
  return [mint, recover];
}

/** May we sign, and read the public key? `DryRun` makes no signature. */
export async function signingPermissions(
  session: AwsKmsSession,
  subject: DoctorSubject<AwsKmsOptions>,
  arn: string,
  key: AwsKmsKeyMetadata,
): Promise<DoctorCheck[]> {
  const algorithm = chooseAlgorithm(arn, key, subject.options.signingAlgorithms ?? defaultSigningAlgorithms);
  const vendor = vendorAlgorithm(algorithm);
  if (vendor === undefined) {
    const input = { KeyId: arn, Message: testMessage, MacAlgorithm: 'HMAC_SHA_256', DryRun: true } as const;
    return [
      await permission(session, subject, 'GenerateMac', 'writer', arn, (ask) =>
        ask('GenerateMac', arn, (client, call) => client.generateMac(input, call).catch(dryRun)),
      ),
    ];
  }
  const input = {
    KeyId: arn,
    Message: testMessage,
    MessageType: 'RAW',
    SigningAlgorithm: vendor,
    DryRun: true,
  } as const;
  return [
    await permission(session, subject, 'Sign', 'writer', arn, (ask) =>
      ask('Sign', arn, (client, call) => client.sign(input, call).catch(dryRun)),
    ),
    await permission(session, subject, 'GetPublicKey', 'both', arn, (ask) =>
      ask('GetPublicKey', arn, (client, call) => client.getPublicKey({ KeyId: arn }, call)),
    ),
  ];
}

async function permission(
  session: AwsKmsSession,
  { role }: DoctorSubject<AwsKmsOptions>,
  action: string,
  neededBy: 'writer' | 'auditor' | 'both',
  arn: string,
  probe: (ask: Ask) => Promise<unknown>,
): Promise<DoctorCheck> {
  const called = `kms:${action}`;
  const hint = `Give writers and auditors different roles, and deny ${called} to this one.`;
  const operation = action === 'Decrypt' ? 'recoverKey' : action === 'GenerateDataKey' ? 'getKey' : 'sign';
  return tryPermission({ action, called, neededBy, role, hint }, () => session.use(operation, arn, {}, probe));
}

/** How AWS says that the call would have succeeded. */
function dryRun(error: unknown): Record<string, never> {
  if (isError(error) && error.name === 'DryRunOperationException') return {};
  throw error;
}
