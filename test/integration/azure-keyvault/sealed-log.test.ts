import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createSealer,
  formatVkey,
  type SealerOptions,
  type SignatureAlgorithm,
  type VerifyReport,
} from '../../../src/index.ts';
import type { AzureKeyVaultProvider } from '../../../src/providers/azure-keyvault/index.ts';
import { verify } from '../../../src/verify/verify.ts';
import type { MadeKey } from '../../servers/azure-keyvault/start.ts';
import { useAzureServer } from './setup.ts';

const azure = useAzureServer();
const origin = 'audit.example.com/azure';

/** A log of one run per version: each begins after the one before was closed. */
async function sealRuns(
  provider: () => AzureKeyVaultProvider,
  options: Omit<SealerOptions, 'keyProvider'>,
  between: (run: number) => Promise<void>,
  runs: number,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'azure-log-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'audit.jsonl');
  for (let run = 1; run <= runs; run++) {
    await between(run);
    const sealer = createSealer({
      file,
      origin,
      stateDir: join(directory, 'state'),
      keySource: 'azure-keyvault',
      checkpointMaxSeconds: 60,
      ...options,
      keyProvider: provider(),
    });
    onTestFinished(() => sealer.closeSync());
    for (let line = 1; line <= 40; line++) sealer.write(`{"run":${run},"line":${line}}\n`);
    await sealer.flush();
    await sealer.close();
  }
  return file;
}

const vkeyOf = (made: MadeKey, algorithm: SignatureAlgorithm): string =>
  formatVkey('auditor', { algorithm, bytes: Buffer.from(made.spki ?? '', 'base64') });

function identities(report: VerifyReport): (string | undefined)[] {
  return report.streams.flatMap(({ keys }) => keys.map((key) => key.signers[0]?.identity ?? key.dataKey?.identity));
}

describe('a sealed log', () => {
  it.each([
    ['ES256', { kty: 'EC', crv: 'P-256' }, 'ecdsa-p256-sha256'],
    ['ES384', { kty: 'EC-HSM', crv: 'P-384' }, 'ecdsa-p384-sha384'],
    ['PS256', { kty: 'RSA' }, 'rsa-pss-sha256'],
  ] as const)(
    'that spans five versions (%s) verifies offline, with the old versions disabled',
    async (_, key, algorithm) => {
      const made: MadeKey[] = [];
      const file = await sealRuns(
        () => azure.provider(),
        { keyId: azure.key('k'), useKmsSigning: true },
        async () => {
          made.push(await azure.create('k', key));
        },
        5,
      );
      for (const { version } of made) await azure.server.admin('updateKey', { name: 'k', version, enabled: false });
      await azure.server.admin('clearRequests');
      const publicKeys = made.map((one) => vkeyOf(one, algorithm));
      const report = await verify({ paths: [file], origin, publicKeys });
      expect(report.verdict).toBe('ok');
      expect(report.streams[0]).toMatchObject({ records: 200, runs: 5, end: 'closed' });
      expect(identities(report)).toEqual(made.map((one) => azure.identity(one)));
      expect(await azure.server.admin('requests')).toEqual([]);
      const altered = readFileSync(file, 'utf8').replace('{"run":3,"line":7', '{"run":3,"line":8');
      writeFileSync(file, altered);
      expect((await verify({ paths: [file], origin, publicKeys })).verdict).toBe('tampered');
    },
  );

  it('with data keys that five versions of an AES key wrapped verifies, and no other stream can use them', async () => {
    const made: MadeKey[] = [];
    const provider = azure.provider();
    const file = await sealRuns(
      () => provider,
      { keyId: azure.key('o') },
      async () => {
        made.push(await azure.create('o', { kty: 'oct-HSM' }));
      },
      5,
    );
    const dataKeys = [{ source: 'azure-keyvault', keys: azure.provider(), named: [{ name: azure.key('o') }] }];
    const report = await verify({ paths: [file], origin, dataKeys });
    expect(report.verdict).toBe('ok');
    expect(identities(report)).toEqual(made.map((one) => azure.identity(one)));
    const other = [{ source: 'azure-keyvault', keys: azure.provider(), named: [{ name: azure.key('p') }] }];
    expect((await verify({ paths: [file], origin, dataKeys: other })).verdict).toBe('undecided');
  });

  it('with both is checked by either, each offline of what it does not need', async () => {
    const signers: MadeKey[] = [];
    const provider = azure.provider();
    const file = await sealRuns(
      () => provider,
      { keyId: azure.key('o'), signingKeyId: azure.key('k') },
      async () => {
        await azure.create('o', { kty: 'oct-HSM' });
        signers.push(await azure.create('k'));
        await provider.rotateCheck();
      },
      2,
    );
    const publicKeys = signers.map((one) => vkeyOf(one, 'ecdsa-p256-sha256'));
    const dataKeys = [{ source: 'azure-keyvault', keys: azure.provider(), named: [{ name: azure.key('o') }] }];
    const both = await verify({ paths: [file], origin, publicKeys, dataKeys });
    expect(both.verdict).toBe('ok');
    expect(both.streams[0]?.keys.map(({ checkedBy }) => checkedBy)).toEqual([
      ['mac', 'signature'],
      ['mac', 'signature'],
    ]);
    await azure.server.admin('clearRequests');
    expect((await verify({ paths: [file], origin, publicKeys })).verdict).toBe('ok');
    expect(await azure.server.admin('requests')).toEqual([]);
  });

  it.each([
    ['signing', { useKmsSigning: true }, (): Partial<SealerOptions> => ({ keyId: azure.key('k') })],
    ['both', {}, (): Partial<SealerOptions> => ({ keyId: azure.key('o'), signingKeyId: azure.key('k') })],
  ] as const)(
    'follows four rotations under load in one run (%s), and verifies with the old versions disabled',
    async (_, mode, keys) => {
      const signers = [await azure.create('k')];
      await azure.create('o', { kty: 'oct-HSM' });
      const directory = mkdtempSync(join(tmpdir(), 'azure-log-'));
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
      const file = join(directory, 'audit.jsonl');
      const sealer = createSealer({
        file,
        origin,
        stateDir: join(directory, 'state'),
        keySource: 'azure-keyvault',
        keyCacheTtlSeconds: 1,
        checkpointMaxRecords: 100,
        ...mode,
        ...keys(),
        keyProvider: azure.provider({ keyCacheTtlSeconds: 1 }),
      });
      onTestFinished(() => sealer.closeSync());
      await sealer.ready;
      let written = 0;
      const load = setInterval(() => {
        for (let line = 0; line < 20; line++) sealer.write(`{"line":${++written}}\n`);
      }, 5);
      onTestFinished(() => clearInterval(load));
      for (let rotation = 1; rotation <= 4; rotation++) {
        const handover = new Promise((resolve) => sealer.once('handover', resolve));
        signers.push(await azure.create('k'));
        await handover;
        const before = written;
        while (written < before + 200) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      clearInterval(load);
      await sealer.flush();
      await sealer.close();
      for (const { version } of signers) await azure.server.admin('updateKey', { name: 'k', version, enabled: false });
      const publicKeys = signers.map((one) => vkeyOf(one, 'ecdsa-p256-sha256'));
      const dataKeys = [{ source: 'azure-keyvault', keys: azure.provider(), named: [{ name: azure.key('o') }] }];
      const report = await verify({
        paths: [file],
        origin,
        publicKeys,
        ...('useKmsSigning' in mode ? {} : { dataKeys }),
      });
      expect(report).toMatchObject({ verdict: 'ok', streams: [{ records: written, runs: 1, end: 'closed' }] });
      expect(identities(report)).toEqual(signers.map((one) => azure.identity(one)));
      const first = await verify({ paths: [file], origin, publicKeys: publicKeys.slice(0, 1), acceptSuccessors: true });
      expect(first.verdict).toBe('ok');
      expect((await verify({ paths: [file], origin, publicKeys: publicKeys.slice(0, 1) })).verdict).toBe('undecided');
    },
  );

  it('on an RSA key without use_kms_signing is signed, because the key cannot wrap a data key', async () => {
    const made = await azure.create('k', { kty: 'RSA' });
    const file = await sealRuns(
      () => azure.provider(),
      { keyId: azure.key('k') },
      async () => undefined,
      1,
    );
    const report = await verify({ paths: [file], origin, publicKeys: [vkeyOf(made, 'rsa-pss-sha256')] });
    expect(report).toMatchObject({ verdict: 'ok', streams: [{ keys: [{ records: 'hash' }] }] });
  });

  it('goes on while the vault is away, and is signed when it is back', async () => {
    const made = await azure.create('k');
    const provider = azure.provider({ retry: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1 } });
    const directory = mkdtempSync(join(tmpdir(), 'azure-log-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'audit.jsonl');
    const sealer = createSealer({
      file,
      origin,
      stateDir: join(directory, 'state'),
      keySource: 'azure-keyvault',
      keyId: azure.key('k'),
      useKmsSigning: true,
      checkpointMaxRecords: 10,
      keyProvider: provider,
    });
    onTestFinished(() => sealer.closeSync());
    await sealer.ready;
    const outage = new Promise((resolve) => sealer.once('outage', resolve));
    await azure.server.admin('fault', { on: '*', kind: 'status', status: 503 });
    for (let line = 1; line <= 100; line++) sealer.write(`{"line":${line}}\n`);
    await outage;
    await azure.server.admin('clearFaults');
    await sealer.flush();
    await sealer.close();
    const report = await verify({ paths: [file], origin, publicKeys: [vkeyOf(made, 'ecdsa-p256-sha256')] });
    expect(report).toMatchObject({ verdict: 'ok', streams: [{ records: 100, end: 'closed' }] });
  });
});

it.each([
  ['disabled', { enabled: false }],
  ['expired', { exp: 1 }],
  ['not valid yet', { nbf: Math.floor(Date.now() / 1000) + 86_400 }],
])('a key whose only version is %s is refused at the start, named with or without the version', async (_, state) => {
  const made = await azure.create('k', state);
  for (const keyId of [azure.key('k'), azure.identity(made)]) {
    const directory = mkdtempSync(join(tmpdir(), 'azure-log-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const sealer = createSealer({
      file: join(directory, 'audit.jsonl'),
      origin,
      stateDir: join(directory, 'state'),
      keySource: 'azure-keyvault',
      keyId,
      useKmsSigning: true,
      keyProvider: azure.provider(),
    });
    onTestFinished(() => sealer.closeSync());
    await expect(sealer.ready).rejects.toMatchObject({ code: 'KEY_DISABLED', hint: expect.any(String) });
  }
});
