import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RecoveryReport, recoverKeys } from '../../../src/api/recovery/recover-keys.ts';
import { auditorKeys, createSealer, type VerifyReport, verify } from '../../../src/index.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { awsError, type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { KmsAdmin, optionsFor, useEnvironmentCredentials } from './admin.ts';

/** Recovering data keys that AWS KMS wrapped, of a log whose alias has pointed to several keys. */

const origin = 'audit.example.com/payments/host-7';
let server: SharedServer;
let proxy: KmsProxy;
let admin: KmsAdmin;
let provider: AwsKmsProvider;
let directory = '';
let serial = 0;

beforeAll(async () => {
  useEnvironmentCredentials();
  server = running('localstack');
  proxy = await startKmsProxy(server.url);
  admin = new KmsAdmin(server.url);
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aws-recovered-'));
  provider = new AwsKmsProvider(optionsFor(proxy.url, { maxAttempts: 1 }));
});
afterEach(async () => {
  await provider.close();
  rmSync(directory, { recursive: true });
});
afterAll(async () => {
  admin?.close();
  await proxy?.stop();
});

const file = (): string => join(directory, 'audit.jsonl');
const out = (): string => join(directory, 'recovered.keys');

/** One run of the writer for each target of an alias. @returns the alias and the keys that it has pointed to */
async function sealed(runs: number): Promise<{ alias: string; arns: string[] }> {
  const alias = `alias/recovered-${++serial}`;
  const arns: string[] = [];
  for (let run = 1; run <= runs; run++) {
    const arn = await admin.createKey();
    if (run === 1) await admin.createAlias(alias, arn);
    else await admin.retarget(alias, arn);
    arns.push(arn);
    const keyProvider = new AwsKmsProvider(optionsFor(server.url));
    const sealer = createSealer({
      file: file(),
      origin,
      stateDir: join(directory, 'state'),
      keySource: 'aws-kms',
      keyId: alias,
      keyProvider,
    });
    for (let n = 1; n <= 5; n++) sealer.write(`{"run":${run},"n":${n}}`);
    await sealer.close();
    await keyProvider.close();
  }
  return { alias, arns };
}

const recover = (named: readonly string[]): Promise<RecoveryReport> => {
  proxy.calls.length = 0;
  const dataKeys = [{ source: 'aws-kms', keys: provider, named: named.map((name) => ({ name })) }];
  return recoverKeys({ paths: [file()], origin: [origin], places: [{ dataKeys, recoveredKeys: [] }], out: out() });
};
const outcomes = ({ periods }: RecoveryReport): (string | undefined)[][] =>
  periods.map(({ outcome, code }) => (code === undefined ? [outcome] : [outcome, code]));
const decrypted = (): number => proxy.calls.filter(({ operation }) => operation === 'Decrypt').length;
const offline = (): Promise<VerifyReport> =>
  verify({ paths: [file()], origin, keys: auditorKeys({ dataKeyFiles: [out()] }) });

describe('keys recover on LocalStack', () => {
  it('asks once for each key period, with every ARN that the alias pointed to', async () => {
    const { arns } = await sealed(3);
    const report = await recover(arns);
    expect(outcomes(report)).toEqual([['recovered'], ['recovered'], ['recovered']]);
    expect(decrypted()).toBe(3);
    expect((await offline()).verdict).toBe('ok');
  });

  it('with the alias alone, only what it points to now: the others are not asked for', async () => {
    const { alias, arns } = await sealed(3);
    const report = await recover([alias]);
    expect(outcomes(report)).toEqual([['not-named'], ['not-named'], ['recovered']]);
    expect(report.periods.map(({ identity }) => identity?.replace(/#.*/, ''))).toEqual(arns);
    expect(decrypted()).toBe(1);
    const verified = await offline();
    expect(verified.verdict).toBe('undecided');
    expect(verified.findings.filter(({ severity }) => severity === 'tampered')).toEqual([]);
  });

  it('a key that is pending deletion and one that is disabled are refused, each with its reason', async () => {
    const { arns } = await sealed(3);
    const [first = '', second = ''] = arns;
    await admin.doom(first);
    await admin.disable(second);
    const report = await recover(arns);
    expect(outcomes(report)).toEqual([['refused', 'KEY_PENDING_DELETION'], ['refused', 'KEY_DISABLED'], ['recovered']]);
    expect(report.complete).toBe(false);
  });

  it('permission refused for one of two', async () => {
    const { arns } = await sealed(2);
    proxy.fault = ({ operation, body }) =>
      operation === 'Decrypt' && body['KeyId'] === arns[0]
        ? awsError('AccessDeniedException', 'not authorized')
        : undefined;
    const report = await recover(arns);
    proxy.fault = () => undefined;
    expect(outcomes(report)).toEqual([['refused', 'ACCESS_DENIED'], ['recovered']]);
  });

  it('nothing recovered, nothing written', async () => {
    const { arns } = await sealed(1);
    await admin.disable(arns[0] ?? '');
    expect(outcomes(await recover(arns))).toEqual([['refused', 'KEY_DISABLED']]);
    expect(existsSync(out())).toBe(false);
  });
});
