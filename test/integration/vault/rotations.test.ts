import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { VerifyReport } from '../../../src/index.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { type LogMode, modes, SealedLog } from './sealed-log.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

let server: BaoNamespace;
const logs: SealedLog[] = [];

beforeAll(async () => {
  server = await startTransit();
});
afterEach(async () => {
  for (const log of logs.splice(0)) await log.remove();
});
afterAll(() => server.stop());

async function start(mode: LogMode): Promise<SealedLog> {
  const provider = providerFor(server.url, { env: { VAULT_TOKEN: await makeToken(server) }, keyCacheTtlSeconds: 1 });
  const log = await SealedLog.start(provider, { ...modes[mode], keyCacheTtlSeconds: 1 });
  logs.push(log);
  await log.sealer.ready;
  return log;
}

const worse = ({ findings }: VerifyReport): string[] =>
  findings.filter(({ severity }) => severity !== 'warning').map(({ code, message }) => `${code} ${message}`);

async function config(path: string, minimum: number): Promise<void> {
  await server.api('POST', `${path}/config`, { min_decryption_version: minimum });
}

describe('test_multi_key_verification', () => {
  test('ten rotations in each of three logs: all verify; then old versions go', { timeout: 120_000 }, async () => {
    const macs = await start('data key');
    const signed = await start('signing');
    const both = await start('both');
    const all = [macs, signed, both];
    for (const log of all) log.load(1_000);
    for (let round = 0; round < 10; round += 1) {
      const handedOver = all.map((log) => log.next('handover'));
      await server.api('POST', `${keys.data}/rotate`, {});
      await server.api('POST', `${keys.ed25519}/rotate`, {});
      await Promise.all(handedOver);
    }
    for (const log of all) {
      log.rest();
      await log.sealer.close();
      const report = await log.audit(server);
      expect(worse(report)).toEqual([]);
      expect(report.verdict).toBe('ok');
      const [stream] = report.streams;
      expect(stream).toMatchObject({ records: log.written, droppedLines: 0, runs: 1 });
      // with two keys, a look between the two rotations begins a key period of its own
      expect(stream?.keys.length).toBeGreaterThanOrEqual(11);
      expect(new Set(stream?.keys.map(({ keyId }) => keyId)).size).toBe(stream?.keys.length);
      expect(stream?.keys.every(({ status }) => status !== 'unvouched')).toBe(true);
      const lines = await log.lines();
      for (const { keyId } of stream?.keys ?? []) expect(lines.some((line) => line.includes(keyId))).toBe(true);
    }

    await config(keys.data, 8);
    await config(keys.ed25519, 8);
    const offline = await signed.audit(server);
    expect(worse(offline)).toEqual([]);
    expect(offline.verdict).toBe('ok');
    expect((await both.audit(server, { macs: false })).verdict).toBe('ok');
    const undecided = await macs.audit(server);
    expect(undecided.verdict).toBe('undecided');
    expect(undecided.findings.some(({ severity }) => severity === 'tampered')).toBe(false);
    expect(worse(undecided).join('\n')).toMatch(/KEY_SERVICE .*audit-data/);
    expect(worse(undecided).join('\n')).toMatch(/:v1\b/);
    await config(keys.data, 1);
    await config(keys.ed25519, 1);
    expect((await macs.audit(server)).verdict).toBe('ok');
  });

  test('the report names each key with its version', async () => {
    const first = await start('both');
    first.write(100);
    await first.sealer.close();
    const report = await first.audit(server);
    expect(worse(report)).toEqual([]);
    expect(report.streams[0]?.keys[0]?.dataKey?.identity).toMatch(/^transit\/keys\/audit-data:v\d+$/);
    expect(report.streams[0]?.keys[0]?.signers[0]?.identity).toMatch(/^transit\/keys\/audit-sign:v\d+$/);
  });
});

describe('a key that was deleted and made again under its name', () => {
  test.each(['signing', 'both'] as const)(
    'is another key, although it is version 1 again: the log goes on under it (%s)',
    { timeout: 120_000 },
    async (mode) => {
      const remove = async (): Promise<void> => {
        await server.api('POST', `${keys.ed25519}/config`, { deletion_allowed: true });
        await server.raw('DELETE', keys.ed25519, undefined, server.rootToken);
      };
      const make = (): Promise<unknown> => server.api('POST', keys.ed25519, { type: 'ed25519' });
      await remove(); // the tests before have made versions of it
      await make();
      const log = await start(mode);
      log.write(10);
      await log.sealer.flush();
      const signedBefore = log.sealer.stats.covered;
      const handover = log.next('handover');
      const outage = log.next('outage'); // there is no key at all; a look may notice it before the removal is answered
      await remove();
      log.write(10);
      await outage;
      await make();
      await handover;
      log.write(10);
      await log.sealer.flush();
      // a seal of its own may be on its way to its signature
      await expect.poll(() => log.sealer.stats.size - log.sealer.stats.covered).toBe(0);
      await log.sealer.close();
      const report = await log.audit(server);
      expect(report.streams[0]).toMatchObject({ records: 30, end: 'closed' });
      expect(report.streams[0]?.keys.map(({ signers }) => signers[0]?.identity)).toEqual([
        `${keys.ed25519}:v1`,
        `${keys.ed25519}:v1`,
      ]);
      const found = report.findings.filter(({ severity }) => severity !== 'warning');
      expect(found.map(({ code, seq }) => [code, seq])).toEqual([['UNSIGNED', signedBefore + 1]]);
    },
  );
});
