import { isError } from '../../errors.ts';
import { wrappingPairs } from '../../keys/wrapping-context.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import {
  check,
  type DoctorSubject,
  type Found,
  isShutOut,
  Permissions,
  stopwatch,
  testMessage,
  unlessDenied,
} from '../internal/doctor-check.ts';
import { chooseAlgorithm, defaultSigningAlgorithms, vendorAlgorithm } from './algorithms.ts';
import type { AwsKmsCallOptions, AwsKmsClient, AwsKmsKeyMetadata, AwsKmsReply } from './client.ts';
import { callName, isKeyArn } from './identity.ts';
import type { AwsKmsOptions } from './options.ts';
import { regionOf } from './own-clients.ts';
import { AwsKmsSession } from './session.ts';

/** How close to its end a session is worth a warning, in milliseconds: the SDK renews five minutes before. */
const renewedBeforeMs = 5 * 60_000;

/**
 * Asks AWS who we are, what state the keys are in, when they rotate, and what we may do. Permissions are tested by
 * `DryRun`, which makes no signature; one data key is made and erased, because `Decrypt` needs something to be tested on.
 * Throws only our own bugs; what AWS says is in the checks.
 */
export async function checkAwsKms(subject: DoctorSubject<AwsKmsOptions>): Promise<DoctorCheck[]> {
  const session = new AwsKmsSession(subject.options);
  const { dataKeyId, signingKeyId } = subject;
  const checks: DoctorCheck[] = [];
  try {
    checks.push(await check('region', async () => region(session, [dataKeyId, signingKeyId])));
    const credentials = await check('credentials', async () => credentialFacts(session));
    checks.push(credentials);
    if (isShutOut(checks)) return checks;
    if (dataKeyId !== undefined) checks.push(...(await checkKey(session, subject, 'data key', dataKeyId)));
    if (signingKeyId !== undefined) checks.push(...(await checkKey(session, subject, 'signing key', signingKeyId)));
  } finally {
    await session.close();
  }
  return checks;
}

async function region(session: AwsKmsSession, keyIds: readonly (string | undefined)[]): Promise<Found> {
  const named = new Set(keyIds.map((keyId) => regionOf(keyId ?? '')).filter((found) => found !== undefined));
  const byName = keyIds.some((keyId) => keyId !== undefined && regionOf(keyId) === undefined);
  if (!byName && named.size > 0) return { outcome: 'ok', detail: `the ARNs of the keys name ${[...named].join(', ')}` };
  const ours = await session.region();
  if (ours === undefined) return { outcome: 'unknown', detail: 'a client was passed in; its region is its own' };
  const others = [...named].filter((found) => found !== ours);
  const elsewhere = others.length === 0 ? '' : `; an ARN names ${others.join(', ')}, and its calls go there`;
  return { outcome: 'ok', detail: `calls go to ${ours}${elsewhere}` };
}

async function credentialFacts(session: AwsKmsSession): Promise<Found> {
  const found = await session.credentials();
  if (found === undefined) return { outcome: 'unknown', detail: 'a client was passed in; its credentials are its own' };
  const from = found.from.length === 0 ? '' : ` from ${found.from.join(', ')}`;
  const account = found.accountId === undefined ? '' : `, account ${found.accountId}`;
  const detail = `access key ${found.accessKey}${from}${account}`;
  if (!found.temporary) {
    return {
      outcome: 'warning',
      detail: `${detail}; it does not expire`,
      hint: 'Prefer a role: EKS Pod Identity, IRSA, ECS, Lambda or an instance profile.',
    };
  }
  const until = found.expiration;
  if (until === undefined) return { outcome: 'ok', detail: `${detail}, a session` };
  const late = until.getTime() - session.clock.now() < renewedBeforeMs;
  return { outcome: late ? 'warning' : 'ok', detail: `${detail}, until ${until.toISOString()}` };
}

async function checkKey(
  session: AwsKmsSession,
  subject: DoctorSubject<AwsKmsOptions>,
  what: 'data key' | 'signing key',
  keyId: string,
): Promise<DoctorCheck[]> {
  const name = callName(keyId);
  let key: AwsKmsKeyMetadata | undefined;
  const state = await check(`${what}: state`, async () => {
    const took = stopwatch();
    key = await session.use('getSigningKey', keyId, {}, async (ask) => {
      const reply = await ask('DescribeKey', name, (client, call) => client.describeKey({ KeyId: name }, call));
      return reply.KeyMetadata ?? {};
    });
    return stateOf(subject, what, keyId, key, took());
  });
  if (key?.Arn === undefined) return [state];
  const arn = key.Arn;
  const rotation = await check(`${what}: rotation`, () => rotationOf(session, what, keyId, arn));
  if (state.outcome === 'failed') return [state, rotation];
  const permissions =
    what === 'data key'
      ? await dataKeyPermissions(session, subject, arn)
      : await signingPermissions(session, subject, arn, key);
  return [state, rotation, ...permissions];
}

function stateOf(
  subject: DoctorSubject<AwsKmsOptions>,
  what: 'data key' | 'signing key',
  keyId: string,
  key: AwsKmsKeyMetadata,
  took: string,
): Found {
  const detail = `"${keyId}" is ${key.Arn}, ${key.KeySpec} for ${key.KeyUsage}, ${key.KeyState} (${took})`;
  if (key.KeyState !== 'Enabled') {
    const until = key.DeletionDate === undefined ? '' : `; it is deleted on ${key.DeletionDate.toISOString()}`;
    return {
      outcome: 'failed',
      detail: detail + until,
      hint: 'Enable it, or cancel its deletion, or name another key.',
    };
  }
  if (what === 'data key' && (key.KeyUsage !== 'ENCRYPT_DECRYPT' || key.KeySpec !== 'SYMMETRIC_DEFAULT')) {
    return { outcome: 'failed', detail, hint: 'Data keys need a key of spec SYMMETRIC_DEFAULT.' };
  }
  if (what === 'signing key')
    chooseAlgorithm(keyId, key, subject.options.signingAlgorithms ?? defaultSigningAlgorithms);
  return { outcome: 'ok', detail };
}

async function rotationOf(session: AwsKmsSession, what: string, keyId: string, arn: string): Promise<Found> {
  const byAlias = !isKeyArn(callName(keyId)) && keyId.includes('alias/');
  const alias = byAlias
    ? 'pointing the alias at another key rotates it'
    : 'a name that is not an alias always stands for the same key';
  if (what === 'signing key') return { outcome: 'ok', detail: `AWS never rotates this kind of key; ${alias}` };
  const status = await unlessDenied(
    session.use('rotateCheck', keyId, {}, (ask) =>
      ask(
        'GetKeyRotationStatus',
        arn,
        async (client, call) => (await client.getKeyRotationStatus?.({ KeyId: arn }, call)) ?? {},
      ),
    ),
  );
  if (status === undefined) {
    return {
      outcome: 'ok',
      detail: `we may not ask when it rotates, but sealing does not need that; ${alias}`,
      hint: 'kms:GetKeyRotationStatus on the key lets doctor say when it rotates.',
    };
  }
  if (status.KeyRotationEnabled === undefined) return { outcome: 'unknown', detail: alias };
  if (!status.KeyRotationEnabled) return { outcome: 'ok', detail: `no automatic rotation; ${alias}` };
  const next = status.NextRotationDate === undefined ? '' : `, next on ${status.NextRotationDate.toISOString()}`;
  return { outcome: 'ok', detail: `automatic rotation every ${status.RotationPeriodInDays ?? 365} days${next}` };
}

function permissionsOf({ role }: DoctorSubject<AwsKmsOptions>): Permissions {
  const hintFor = (called: string): string =>
    `Give writers and auditors different roles, and deny ${called} to this one.`;
  return new Permissions(role, hintFor, (action) => `kms:${action}`);
}

/** May we mint data keys, and recover them? */
function dataKeyPermissions(
  session: AwsKmsSession,
  subject: DoctorSubject<AwsKmsOptions>,
  arn: string,
): Promise<DoctorCheck[]> {
  const EncryptionContext = wrappingPairs(subject.context);
  const mint = (): Promise<Uint8Array | undefined> =>
    session.use('getKey', arn, {}, async (ask) => {
      const reply = await ask('GenerateDataKey', arn, (client, call) =>
        client.generateDataKey({ KeyId: arn, KeySpec: 'AES_256', EncryptionContext }, call),
      );
      reply.Plaintext?.fill(0);
      return reply.CiphertextBlob;
    });
  const recover = (CiphertextBlob: Uint8Array): Promise<void> =>
    session.use('recoverKey', arn, {}, async (ask) => {
      const reply = await ask('Decrypt', arn, async (client, call) =>
        client.decrypt({ KeyId: arn, CiphertextBlob, EncryptionContext, DryRun: true }, call).catch(dryRun),
      );
      if ('Plaintext' in reply) reply.Plaintext?.fill(0); // a server that does not know DryRun
    });
  return permissionsOf(subject).tryDataKey(
    { action: 'GenerateDataKey', probe: mint },
    { action: 'Decrypt', probe: recover },
  );
}

/** May we sign, and read the public key? `DryRun` makes no signature. */
async function signingPermissions(
  session: AwsKmsSession,
  subject: DoctorSubject<AwsKmsOptions>,
  arn: string,
  key: AwsKmsKeyMetadata,
): Promise<DoctorCheck[]> {
  const permissions = permissionsOf(subject);
  const permission = (
    action: string,
    neededBy: 'writer' | 'both',
    call: (client: AwsKmsClient, options: AwsKmsCallOptions) => Promise<AwsKmsReply>,
  ): Promise<DoctorCheck> =>
    permissions.try(action, neededBy, () => session.use('sign', arn, {}, (ask) => ask(action, arn, call)));
  const algorithm = chooseAlgorithm(arn, key, subject.options.signingAlgorithms ?? defaultSigningAlgorithms);
  const vendor = vendorAlgorithm(algorithm);
  if (vendor === undefined) {
    const input = { KeyId: arn, Message: testMessage, MacAlgorithm: 'HMAC_SHA_256', DryRun: true } as const;
    return [
      await permission('GenerateMac', 'writer', (client, call) => client.generateMac(input, call).catch(dryRun)),
      // a writer confirms with it, at a restart, what was sealed before
      await permission('VerifyMac', 'both', (client, call) =>
        client.verifyMac({ ...input, Mac: Buffer.alloc(32) }, call).catch(dryRunOr('KMSInvalidMacException')),
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
    await permission('Sign', 'writer', (client, call) => client.sign(input, call).catch(dryRun)),
    await permission('GetPublicKey', 'both', (client, call) => client.getPublicKey({ KeyId: arn }, call)),
  ];
}

/** How AWS says that the call would have succeeded. */
function dryRun(error: unknown): Record<string, never> {
  return dryRunOr('DryRunOperationException')(error);
}

/** Or that it may be made: `allowed` refuses what it was made for. */
function dryRunOr(allowed: string): (error: unknown) => Record<string, never> {
  return (error) => {
    if (isError(error) && (error.name === 'DryRunOperationException' || error.name === allowed)) return {};
    throw error;
  };
}
