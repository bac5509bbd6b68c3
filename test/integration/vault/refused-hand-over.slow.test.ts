import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { FaultProxy } from '../../servers/fault-proxy.ts';
import type { OpenBao } from '../../servers/openbao.ts';
import { faults, refusedHandOver } from '../../support/refused-hand-over.ts';
import { type LogMode, modes } from './sealed-log.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

let server: OpenBao;
beforeAll(async () => {
  server = await startTransit();
});
afterAll(() => server.stop());

const steps = [1, 2, 3, 4, 5, 6, 7, 8];
const refusals = [
  ['permission denied', 403],
  ['no valid token', 401],
  ['sealed', 503],
] as const;

test.each(
  refusals.flatMap(([words, status]) =>
    (['signing', 'both'] as const).flatMap((mode) => steps.map((step) => ({ words, status, mode, step }))),
  ),
)('OpenBao says "$words" for 3 s from step $step of a hand-over on ($mode): all is covered', async (one) => {
  const { words, status, mode, step } = one;
  const proxy = await FaultProxy.start({ upstream: server.url });
  const env = { HOME: '/nonexistent', VAULT_TOKEN: await makeToken(server) };
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
        vaultPath: mode === 'both' ? keys.data : keys.ed25519,
        ...modes[mode satisfies LogMode],
      },
      ...(mode === 'both' && { dataKeys: [{ source: 'vault', keys: auditor, named: [{ name: keys.data }] }] }),
      rotate: async () => {
        for (const key of [keys.data, keys.ed25519]) await server.api('POST', `${key}/rotate`, {});
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
  );
  expect(faults(report)).toEqual([]);
});
