import { callService } from '../../keys/call.ts';
import type { SigningKey } from '../../keys/provider.ts';
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
import { stateName } from './algorithms.ts';
import type { GcpKey } from './client.ts';
import { defaultAttemptTimeoutMs, GcpKmsConnection } from './connection.ts';
import type { GcpKmsOptions } from './options.ts';
import { GcpKmsProvider } from './provider.ts';
import { parseKeyName } from './resource-name.ts';
import { credentialFacts } from './sdk.ts';

/**
 * Asks Google who we are, what state the keys are in, when they rotate, and what we may do and should not be able to do.
 * One data key and one signature are made and thrown away. Throws only our own bugs; what Google says is in the checks.
 */
export async function checkGcpKms(subject: DoctorSubject<GcpKmsOptions>): Promise<DoctorCheck[]> {
  const { dataKeyId, signingKeyId } = subject;
  const connection = new GcpKmsConnection(subject.options);
  const provider = new GcpKmsProvider(subject.options);
  const first = dataKeyId ?? signingKeyId;
  if (first === undefined) return [];
  try {
    const credentials = await check('credentials', async () => credentialFacts(await connection.ready(first)));
    const checks = [credentials];
    if (isShutOut(checks)) return checks;
    if (dataKeyId !== undefined) checks.push(...(await checkDataKey(connection, provider, subject, dataKeyId)));
    if (signingKeyId !== undefined) checks.push(...(await checkSigningKey(provider, subject, signingKeyId)));
    return checks;
  } finally {
    await provider.close();
    await connection.close();
  }
}

async function checkDataKey(
  connection: GcpKmsConnection,
  provider: GcpKmsProvider,
  subject: DoctorSubject<GcpKmsOptions>,
  keyId: string,
): Promise<DoctorCheck[]> {
  const state = await check('data key: state', async () => stateOf(connection, subject.options, keyId));
  const tried = await permissionsOf(subject).tryDataKey(
    {
      action: 'encrypt',
      probe: async () => {
        const minted = await provider.getKey(keyId, subject.context);
        minted.erase();
        return minted;
      },
    },
    {
      action: 'decrypt',
      probe: async (minted) => (await provider.recoverKey(minted, keyId, subject.context)).erase(),
    },
  );
  return [state, ...tried];
}

async function checkSigningKey(
  provider: GcpKmsProvider,
  subject: DoctorSubject<GcpKmsOptions>,
  keyId: string,
): Promise<DoctorCheck[]> {
  let key: SigningKey | undefined;
  const state = await check('signing key: state', async () => {
    const took = stopwatch();
    key = await provider.getSigningKey(keyId);
    const pinned = parseKeyName(keyId).version !== undefined;
    const rotation = pinned
      ? 'a named version never rotates'
      : 'a new version rotates it; Google never creates one by itself';
    return {
      outcome: 'ok',
      detail: `"${keyId}" is ${key.identity}, ${key.algorithm} (${took()}); ${rotation}`,
    };
  });
  if (key === undefined) return [state];
  const signer = key;
  const permissions = permissionsOf(subject);
  const sign = await permissions.try('sign', 'writer', () => provider.sign(signer.identity, testMessage));
  if (signer.spki !== undefined) return [state, sign];
  // a writer confirms with it, at a restart, what was sealed before
  const verify = await permissions.try('macVerify', 'both', () =>
    provider.verify(signer, testMessage, Buffer.alloc(32)),
  );
  return [state, sign, verify];
}

/** Reading the key is a permission of its own, which sealing does not need. */
async function stateOf(connection: GcpKmsConnection, options: GcpKmsOptions, keyId: string): Promise<Found> {
  const { key } = parseKeyName(keyId);
  const took = stopwatch();
  const { timeoutMs = 15_000, attemptTimeoutMs = defaultAttemptTimeoutMs } = options;
  const call = { operation: 'rotateCheck', method: 'getCryptoKey', resource: key } as const;
  const answer = await unlessDenied(
    callService({ operation: 'rotateCheck', source: 'gcp-kms', keyId, timeoutMs, attemptTimeoutMs }, (signal) =>
      connection.attempt(call, signal, (client, how) => client.getCryptoKey({ name: key }, how)),
    ),
  );
  if (answer === undefined) {
    return {
      outcome: 'ok',
      detail: `we may not read "${key}", but sealing does not need that`,
      hint: 'roles/cloudkms.viewer on the key lets doctor say when it rotates.',
    };
  }
  const [reply] = answer;
  const facts = `"${keyId}" is ${stateName(reply.primary?.state)}, version ${reply.primary?.name?.split('/').at(-1)}`;
  const enabled = stateName(reply.primary?.state) === 'ENABLED';
  return {
    outcome: enabled ? 'ok' : 'failed',
    detail: `${facts} (${took()}); ${rotationOf(reply)}`,
    ...(!enabled && { hint: 'Data keys need a key with purpose encryption and an enabled primary version.' }),
  };
}

function rotationOf(key: GcpKey): string {
  const seconds = Number(key.rotationPeriod?.seconds ?? 0);
  if (seconds === 0) return 'no automatic rotation; making another version primary rotates it';
  const next = Number(key.nextRotationTime?.seconds ?? 0) * 1000;
  const when = next > 0 ? `, next on ${new Date(next).toISOString()}` : '';
  return `automatic rotation every ${Math.round(seconds / 86_400)} days${when}`;
}

function permissionsOf({ role }: DoctorSubject<GcpKmsOptions>): Permissions {
  return new Permissions(role, () => 'Give writers and auditors different roles on the key.');
}
