import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { faults, refusedHandOver } from '../../support/refused-hand-over.ts';
import { becomeMachine } from './environment.ts';

let server: GcpKmsServer;
beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
});
afterAll(() => server?.stop());

const steps = [1, 2, 3, 4, 5, 6, 7, 8];

test.each(
  ['PERMISSION_DENIED', 'UNAUTHENTICATED', 'UNAVAILABLE'].flatMap((code) =>
    (['signing', 'both'] as const).flatMap((mode) => steps.map((step) => ({ code, mode, step }))),
  ),
)('Cloud KMS says $code for 3 s from step $step of a hand-over on ($mode): all is covered', async (one) => {
  const { code, mode, step } = one;
  const gcpEndpoint = `http://127.0.0.1:${server.ports.grpc}`;
  const provider = new GcpKmsProvider({ gcpEndpoint, keyCacheTtlSeconds: 1 });
  const auditor = new GcpKmsProvider({ gcpEndpoint });
  onTestFinished(async () => {
    await provider.close();
    await auditor.close();
    await server.admin('clearFaults');
  });
  const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
  const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
  const report = await refusedHandOver(
    {
      provider,
      options: {
        keySource: 'gcp-kms',
        gcpEndpoint,
        ...(mode === 'signing' ? { keyId: sign, useKmsSigning: true } : { keyId: wrap, signingKeyId: sign }),
      },
      ...(mode === 'both' && { dataKeys: [{ source: 'gcp-kms', keys: auditor, named: [{ name: wrap }] }] }),
      rotate: async () => {
        await server.admin('createVersion', { key: wrap });
        await server.admin('setPrimary', { key: wrap, version: 2 });
        await server.admin('createVersion', { key: sign });
      },
      refuseFrom: async (from) => {
        await server.admin('addFault', { kind: 'status', code, skip: from - 1, times: 1_000_000 });
      },
      heal: async () => {
        await server.admin('clearFaults');
      },
    },
    step,
  );
  expect(faults(report)).toEqual([]);
});
