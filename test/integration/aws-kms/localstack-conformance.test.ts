import { afterAll, beforeAll, describe, it } from 'vitest';
import type { SignatureAlgorithm } from '../../../src/index.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { type ConformanceSubject, providerConformance } from '../../../src/testing/index.ts';
import { awsError, type KmsFault, type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { KmsAdmin, optionsFor, useEnvironmentCredentials } from './admin.ts';

type Spec = 'ECC_NIST_P256' | 'ECC_NIST_P384' | 'RSA_2048' | 'HMAC_256';

let server: SharedServer;
let proxy: KmsProxy;
let admin: KmsAdmin;
const specOf = new Map<string, Spec | 'SYMMETRIC_DEFAULT'>();

beforeAll(async () => {
  useEnvironmentCredentials();
  server = running('localstack');
  proxy = await startKmsProxy(server.url);
  admin = new KmsAdmin(server.url);
  for (const spec of ['SYMMETRIC_DEFAULT', 'ECC_NIST_P256', 'ECC_NIST_P384', 'RSA_2048', 'HMAC_256'] as const) {
    const alias = await admin.createAlias(aliasFor(spec), await admin.createKey(spec));
    specOf.set(alias, spec);
  }
});
afterAll(async () => {
  admin?.close();
  await proxy?.stop();
});

describe.each<[Spec, SignatureAlgorithm]>([
  ['ECC_NIST_P256', 'ecdsa-p256-sha256'],
  ['ECC_NIST_P384', 'ecdsa-p384-sha384'],
  ['RSA_2048', 'rsa-pss-sha256'],
  ['HMAC_256', 'kms-hmac-sha256'],
])('conformance on LocalStack, %s', (spec, algorithm) => {
  const subject: ConformanceSubject = {
    name: `AwsKmsProvider, ${algorithm},`,
    create: () => new AwsKmsProvider(optionsFor(proxy.url, { maxAttempts: 1, timeoutMs: 120_000 })),
    dataKey: { keyId: aliasFor('SYMMETRIC_DEFAULT'), kind: 'wrapped' },
    signingKey: { keyId: aliasFor(spec), algorithm },
    absentKey: { keyId: 'alias/absent' },
    rotate: async (keyId) => admin.retarget(keyId, await admin.createKey(specOf.get(keyId))),
    faults: [
      fault('the connection is cut', ['UNAVAILABLE'], 'drop'),
      fault('the service throttles', ['THROTTLED'], awsError('ThrottlingException', 'Rate exceeded')),
      fault('the service fails', ['UNAVAILABLE'], awsError('KMSInternalException', 'try again', 500)),
      fault('access is denied', ['ACCESS_DENIED'], awsError('AccessDeniedException', 'not authorized')),
      fault('the session has expired', ['UNAUTHENTICATED'], awsError('ExpiredTokenException', 'expired')),
      fault('the reply is no JSON', ['RESPONSE_MALFORMED'], { status: 200, raw: '{"KeyId":' }),
      fault('the reply is empty', ['RESPONSE_MALFORMED'], { status: 200, json: {} }),
    ],
  };
  for (const check of providerConformance(subject)) it(check.name, () => check.run());
});

function aliasFor(spec: string): string {
  return `alias/${spec.toLowerCase().replaceAll('_', '-')}`;
}

function fault(
  name: string,
  codes: ['UNAVAILABLE' | 'THROTTLED' | 'ACCESS_DENIED' | 'UNAUTHENTICATED' | 'RESPONSE_MALFORMED'],
  what: KmsFault,
): NonNullable<ConformanceSubject['faults']>[number] {
  return {
    name,
    codes,
    begin: () => {
      proxy.fault = () => what;
      return () => {
        proxy.fault = () => undefined;
      };
    },
  };
}
