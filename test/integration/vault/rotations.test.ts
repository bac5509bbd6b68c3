import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { VerifyReport } from '../../../src/verify/report.ts';
import type { OpenBao } from '../../servers/openbao.ts';
import { type LogMode, modes, SealedLog } from './sealed-log.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

let server: OpenBao;
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
