import { test } from 'vitest';
import { everyRefusal, faults, refusedHandOver } from '../../support/refused-hand-over.ts';
import { useAzureServer } from './setup.ts';

const azure = useAzureServer({ shared: true });
const forbidden = { error: { code: 'Forbidden', message: 'no', innererror: { code: 'ForbiddenByRbac' } } };
const refusals = [
  ['403 ForbiddenByRbac', { kind: 'status', status: 403, body: forbidden }],
  ['401', { kind: 'status', status: 401, body: { error: { code: 'Unauthorized', message: 'no' } } }],
  ['503', { kind: 'status', status: 503 }],
] as const;

test.concurrent.for(everyRefusal(refusals))(
  'Key Vault says $refusal.0 for 3 s from step $step of a hand-over on ($mode): all is covered',
  async ({ refusal: [says, fault], mode, step }, { expect, onTestFinished }) => {
    const names = ['wrap', 'sign'].map((use) => `${use}-${says.split(' ')[0]}-${mode}-${step}`) as [string, string];
    const [wrap, sign] = names.map((name) => azure.key(name)) as [string, string];
    const version = async (): Promise<void> => {
      await azure.create(names[0], { kty: 'oct-HSM' });
      await azure.create(names[1]);
    };
    await version();
    const auditor = azure.provider();
    const report = await refusedHandOver(
      {
        provider: azure.provider({ keyCacheTtlSeconds: 1 }),
        options: {
          keySource: 'azure-keyvault',
          ...(mode === 'signing' ? { keyId: sign, useKmsSigning: true } : { keyId: wrap, signingKeyId: sign }),
        },
        ...(mode === 'both' && { dataKeys: [{ source: 'azure-keyvault', keys: auditor, named: [{ name: wrap }] }] }),
        rotate: version,
        refuseFrom: async (from) => {
          await azure.server.admin('fault', { on: '*', ...fault, skip: from - 1, keys: names });
        },
        heal: async () => {
          await azure.server.admin('clearFaults', { keys: names });
        },
      },
      step,
      { onTestFinished },
    );
    expect(faults(report)).toEqual([]);
  },
);
