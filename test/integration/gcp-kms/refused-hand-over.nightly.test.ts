import { afterAll, beforeAll, test } from 'vitest';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { everyRefusal, faults, refusedHandOver } from '../../support/refused-hand-over.ts';
import { becomeMachine } from './environment.ts';

let server: GcpKmsServer;
beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
});
afterAll(() => server?.stop());

test.concurrent.for(everyRefusal(['PERMISSION_DENIED', 'UNAUTHENTICATED', 'UNAVAILABLE']))(
  'Cloud KMS says $refusal for 3 s from step $step of a hand-over on ($mode): all is covered',
  async ({ refusal: code, mode, step }, { expect, onTestFinished }) => {
    const gcpEndpoint = `http://127.0.0.1:${server.ports.grpc}`;
    const provider = new GcpKmsProvider({ gcpEndpoint, keyCacheTtlSeconds: 1 });
    const auditor = new GcpKmsProvider({ gcpEndpoint });
    onTestFinished(async () => {
      await provider.close();
      await auditor.close();
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
          await server.admin('addFault', {
            kind: 'status',
            code,
            skip: from - 1,
            times: 1_000_000,
            keys: [wrap, sign],
          });
        },
        heal: async () => {
          await server.admin('clearFaults', { keys: [wrap, sign] });
        },
      },
      step,
      { onTestFinished },
    );
    expect(faults(report)).toEqual([]);
  },
);
