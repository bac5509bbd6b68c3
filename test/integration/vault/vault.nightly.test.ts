import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FaultProxy } from '../../servers/fault-proxy.ts';
import type { OpenBao } from '../../servers/openbao.ts';
import { modes, SealedLog } from './sealed-log.ts';
import { makeToken, ownTransit, providerFor } from './transit-server.ts';

let server: OpenBao;
let proxy: FaultProxy;
let log: SealedLog | undefined;

beforeAll(async () => {
  server = await ownTransit({ storage: 'raft' });
  proxy = await FaultProxy.start({ upstream: server.url });
});
afterEach(async () => {
  await log?.remove();
  log = undefined;
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

test('the server is away for a minute under load: no line is lost, and the next signature covers everything', async () => {
  const provider = providerFor(proxy.url, { env: { VAULT_TOKEN: await makeToken(server) } });
  log = await SealedLog.start(provider, modes.both);
  await log.sealer.ready;
  log.load(2_000);
  await log.next('checkpoint');
  const over = log.next('outageOver');
  const away = log.next('outage');
  await server.kill();
  await away;
  await wait(60_000); // the minute itself
  const signed = log.signed();
  await server.restart();
  await Promise.all([over, signed]);
  log.rest();
  await log.sealer.close();
  const report = await log.audit(server);
  expect(report.findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
  expect(report.streams[0]).toMatchObject({ verdict: 'ok', records: log.written, droppedLines: 0, end: 'closed' });
  expect(log.written).toBeGreaterThan(100_000);
  const gaps = (await log.lines()).filter((line) => line.includes('"kind":"gap"'));
  expect(gaps.some((line) => line.includes('"why":"key_service"'))).toBe(true);
});

test('a million records at the default settings cost at most 1,000 requests', async () => {
  proxy.resetCounts();
  const provider = providerFor(proxy.url, { env: { VAULT_TOKEN: await makeToken(server) } });
  log = await SealedLog.start(provider, { ...modes.both, checkpointMaxSeconds: 60 });
  await log.sealer.ready;
  while (log.written < 1_000_000) {
    log.write(1_000);
    if (log.sealer.stats.pendingBytes > 0) await once(log.sealer, 'drain');
    await wait(0); // as an application that writes as fast as the sealer takes
  }
  await log.sealer.close();
  console.info(`requests for 1,000,000 records: ${proxy.count()}, ${JSON.stringify(proxy.counts())}`);
  expect(proxy.count()).toBeLessThanOrEqual(1_000);
  expect((await log.audit(server)).streams[0]).toMatchObject({ verdict: 'ok', records: 1_000_000 });
});
