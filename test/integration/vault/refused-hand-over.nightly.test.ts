import { afterAll, beforeAll, test } from 'vitest';
import { FaultProxy } from '../../servers/fault-proxy.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { everyRefusal, faults, refusedHandOver } from '../../support/refused-hand-over.ts';
import { makeKeys, makeToken, providerFor, startTransit } from './transit-server.ts';

let server: BaoNamespace;
beforeAll(async () => {
  server = await startTransit();
});
afterAll(() => server.stop());

const refusals = [
  ['permission denied', 403],
  ['no valid token', 401],
  ['sealed', 503],
] as const;

test.concurrent.for(everyRefusal(refusals))(
  'OpenBao says $refusal.0 for 3 s from step $step of a hand-over on ($mode): all is covered',
  async ({ refusal: [words, status], mode, step }, { expect, onTestFinished }) => {
    const own = `refused-${status}-${mode}-${step}`;
    const { data, sign, policies } = await makeKeys(server, own);
    const proxy = await FaultProxy.start({ upstream: server.url });
    const env = { HOME: '/nonexistent', VAULT_TOKEN: await makeToken(server, { policies: [policies.writer] }) };
    const provider = providerFor(proxy.url, { env, keyCacheTtlSeconds: 1 });
    const auditor = providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken } });
    onTestFinished(async () => {
      await provider.close();
      await auditor.close();
      await proxy.stop();
    });
    let calls = 0;
    const report = await refusedHandOver(
      {
        provider,
        options: {
          keySource: 'vault',
          vaultAddr: proxy.url,
          ...(mode === 'signing'
            ? { vaultPath: sign, keyId: sign, useKmsSigning: true }
            : { vaultPath: data, keyId: data, signingKeyId: sign }),
        },
        ...(mode === 'both' && { dataKeys: [{ source: 'vault', keys: auditor, named: [{ name: data }] }] }),
        rotate: async () => {
          for (const key of [data, sign]) await server.api('POST', `${key}/rotate`, {});
        },
        refuseFrom: (from) => {
          const body = JSON.stringify({ errors: [words] });
          const only = (): boolean => {
            calls += 1;
            return calls >= from;
          };
          proxy.inject({ kind: 'status', status, body }, { only });
        },
        heal: () => proxy.heal(),
      },
      step,
      { onTestFinished },
    );
    expect(faults(report)).toEqual([]);
  },
);
