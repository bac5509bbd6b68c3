import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Fault, FaultProxy } from '../../servers/fault-proxy.ts';
import { createLoopbackCa } from '../../servers/loopback-ca.mjs';
import type { OpenBao } from '../../servers/openbao.ts';
import { type LogMode, modes, SealedLog } from './sealed-log.ts';
import { makeToken, ownTransit, providerFor } from './transit-server.ts';

let server: OpenBao;
let proxy: FaultProxy;
let caPem: string;
const logs: SealedLog[] = [];
const tokens: string[] = [];

beforeAll(async () => {
  server = await ownTransit({ storage: 'raft' });
  const ca = createLoopbackCa();
  caPem = ca.caPem;
  proxy = await FaultProxy.start({ upstream: server.url, tls: ca.issue() });
});
afterEach(async () => {
  proxy.heal();
  for (const log of logs.splice(0)) await log.remove();
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

/** `impatient`: gives up soon where nothing answers; else a slow machine is no outage. */
async function start(
  mode: LogMode,
  options: { token?: string; waits?: boolean; impatient?: boolean } = {},
): Promise<SealedLog> {
  const { token, waits = false, impatient = false } = options;
  const VAULT_TOKEN = token ?? (await makeToken(server));
  tokens.push(VAULT_TOKEN);
  const provider = providerFor(proxy.url, {
    env: { VAULT_TOKEN, VAULT_CACERT_BYTES: caPem },
    ...(impatient ? { timeoutMs: 1_500, attemptTimeoutMs: 400 } : { timeoutMs: 120_000, attemptTimeoutMs: 60_000 }),
  });
  const log = await SealedLog.start(provider, modes[mode]);
  logs.push(log);
  if (!waits) await log.sealer.ready;
  return log;
}

/** Nothing lost, a gap since the right time, all covered, and the auditor finds all well. */
async function expectWhole(log: SealedLog): Promise<void> {
  await log.sealer.close();
  const report = await log.audit(server);
  expect(report.findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
  expect(report.verdict).toBe('ok');
  expect(report.streams[0]).toMatchObject({ records: log.written, droppedLines: 0, end: 'closed' });
  const everything = `${await log.everything()}${JSON.stringify(report)}`;
  for (const token of tokens) expect(everything.includes(token)).toBe(false);
  for (const key of log.dataKeys) expect(everything.includes(key)).toBe(false);
}

async function gaps(log: SealedLog): Promise<string[]> {
  return (await log.lines()).filter((line) => line.includes('"kind":"gap"') && line.includes('"why":"key_service"'));
}

describe.each(Object.keys(modes) as LogMode[])('sealing with %s', (mode) => {
  test('a log verifies, with the auditor asking Vault for what he may ask', async () => {
    const log = await start(mode);
    for (let round = 0; round < 3; round += 1) {
      log.write(500);
      await log.sealer.flush();
    }
    await expectWhole(log);
    expect(await gaps(log)).toEqual([]);
  });
});

const faults: [string, Fault][] = [
  ['Vault is sealed (503)', { kind: 'status', status: 503, body: '{"errors":["Vault is sealed"]}' }],
  ['Vault throttles (429)', { kind: 'status', status: 429 }],
  ['Vault hangs', { kind: 'hang' }],
  ['TLS fails', { kind: 'tls' }],
  ['connections are reset', { kind: 'reset' }],
  ['answers are garbage', { kind: 'garbage' }],
];

describe('at start', () => {
  test('Vault is away: lines are taken, wait, and are sealed when it is there', async () => {
    proxy.inject({ kind: 'status', status: 503 });
    const log = await start('both', { waits: true });
    const away = log.next('outage');
    log.write(1_000);
    await away;
    expect(log.sealer.stats.size).toBe(0);
    proxy.heal();
    await log.sealer.ready;
    log.write(1_000);
    await expectWhole(log);
  });

  test('a refusal is an error at once, whatever on_start_failure says', async () => {
    const log = await start('both', { token: 'hvs.of-nobody', waits: true });
    await expect(log.sealer.ready).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('under load, in the mode both', () => {
  test.each(faults)(
    '%s: no line is lost, a gap says since when, the next signature covers everything',
    async (_, fault) => {
      const log = await start('both', { impatient: fault.kind === 'hang' });
      log.load(2_000);
      await log.next('checkpoint');
      const over = log.next('outageOver');
      const away = log.next('outage');
      proxy.inject(fault);
      await away;
      await log.more(2_000);
      const signed = log.signed();
      proxy.heal();
      await Promise.all([over, signed]);
      log.rest();
      await expectWhole(log);
      expect((await gaps(log)).length).toBeGreaterThanOrEqual(1);
    },
  );

  test('slow answers are no outage', async () => {
    const log = await start('both');
    proxy.inject({ kind: 'slow', ms: 300 });
    log.load(2_000);
    for (let round = 0; round < 3; round += 1) await log.next('checkpoint');
    log.rest();
    await expectWhole(log);
    expect(await gaps(log)).toEqual([]);
  });

  test('the server is stopped and started again', async () => {
    const log = await start('both');
    log.load(2_000);
    await log.next('checkpoint');
    const over = log.next('outageOver');
    const away = log.next('outage');
    await server.kill();
    await away;
    await log.more(2_000);
    const signed = log.signed();
    await server.restart();
    await Promise.all([over, signed]);
    log.rest();
    await expectWhole(log);
    expect((await gaps(log)).length).toBeGreaterThanOrEqual(1);
  });
});
