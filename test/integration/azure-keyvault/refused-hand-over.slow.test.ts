import { expect, test } from 'vitest';
import { faults, refusedHandOver } from '../../support/refused-hand-over.ts';
import { useAzureServer } from './setup.ts';

const azure = useAzureServer();
const steps = [1, 2, 3, 4, 5, 6, 7, 8];
const forbidden = { error: { code: 'Forbidden', message: 'no', innererror: { code: 'ForbiddenByRbac' } } };
const refusals = [
  ['403 ForbiddenByRbac', { kind: 'status', status: 403, body: forbidden }],
  ['401', { kind: 'status', status: 401, body: { error: { code: 'Unauthorized', message: 'no' } } }],
  ['503', { kind: 'status', status: 503 }],
] as const;

test.each(
  refusals.flatMap(([says, fault]) =>
    (['signing', 'both'] as const).flatMap((mode) => steps.map((step) => ({ says, fault, mode, step }))),
  ),
)('Key Vault says $says for 3 s from step $step of a hand-over on ($mode): all is covered', async (one) => {
  const { fault, mode, step } = one;
  const wrap = azure.key('o');
  const sign = azure.key('k');
  await azure.create('o', { kty: 'oct-HSM' });
  await azure.create('k');
  const auditor = azure.provider();
  const report = await refusedHandOver(
    {
      provider: azure.provider({ keyCacheTtlSeconds: 1 }),
      options: {
        keySource: 'azure-keyvault',
        ...(mode === 'signing' ? { keyId: sign, useKmsSigning: true } : { keyId: wrap, signingKeyId: sign }),
      },
      ...(mode === 'both' && { dataKeys: [{ source: 'azure-keyvault', keys: auditor, named: [{ name: wrap }] }] }),
      rotate: async () => {
        await azure.create('o', { kty: 'oct-HSM' });
        await azure.create('k');
      },
      refuseFrom: async (from) => {
        await azure.server.admin('fault', { on: '*', ...fault, skip: from - 1 });
      },
      heal: async () => {
        await azure.server.admin('clearFaults');
      },
    },
    step,
  );
  expect(faults(report)).toEqual([]);
});
