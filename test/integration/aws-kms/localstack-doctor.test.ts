import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkKeys, type DoctorCheck } from '../../../src/index.ts';
import { checkAwsKms } from '../../../src/providers/aws-kms/doctor.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { awsError, type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { KmsAdmin, optionsFor, testCredentials, useEnvironmentCredentials } from './admin.ts';

const context = { origin: 'audit.example.com/payments/host-7', kid: 'AAAAAAAA.1' };
let server: SharedServer;
let proxy: KmsProxy;
let admin: KmsAdmin;
let wrap: string;
let sign: string;

beforeAll(async () => {
  server = running('localstack');
  proxy = await startKmsProxy(server.url);
  admin = new KmsAdmin(server.url);
  wrap = await admin.createKey();
  sign = await admin.createKey('ECC_NIST_P256');
  await admin.createAlias('alias/doctor-wrap', wrap);
});
beforeEach(() => {
  useEnvironmentCredentials();
  proxy.fault = () => undefined;
  proxy.calls.length = 0;
});
afterEach(() => {
  delete process.env['AWS_ENDPOINT_URL_KMS'];
});
afterAll(async () => {
  admin?.close();
  await proxy?.stop();
});

interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | string[];
}

/** What the writer's policy in docs/providers/aws-kms.md allows and denies, word for word. */
function documentedWriter(): { allowed: Set<string>; denied: Set<string> } {
  const page = readFileSync(new URL('../../../docs/providers/aws-kms.md', import.meta.url), 'utf8');
  const policies = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text ?? ''));
  const writer: { Statement: Statement[] } = policies.find(({ Statement: [first] = [] }) =>
    String((first as Statement | undefined)?.Sid).startsWith('MintDataKeys'),
  );
  const actions = (effect: string): Set<string> =>
    new Set(writer.Statement.filter(({ Effect }) => Effect === effect).flatMap(({ Action }) => Action));
  return { allowed: actions('Allow'), denied: actions('Deny') };
}

describe('doctor for AWS KMS', () => {
  it('says who we are, what the keys are, when they rotate and what we may do', async () => {
    const checks = await checkAwsKms({
      options: optionsFor(proxy.url),
      dataKeyId: 'alias/doctor-wrap',
      signingKeyId: sign,
      context,
    });
    expect(byName(checks)).toMatchObject({
      region: { outcome: 'ok', detail: 'calls go to eu-west-1' },
      credentials: { outcome: 'warning', detail: expect.stringContaining('AKIA…TEST') },
      'data key: state': { outcome: 'ok', detail: expect.stringContaining(wrap) },
      'data key: rotation': { outcome: 'ok', detail: expect.stringContaining('pointing the alias') },
      'permission: GenerateDataKey': { outcome: 'ok' },
      'permission: Decrypt': { outcome: 'warning', hint: expect.stringContaining('deny kms:Decrypt') },
      'signing key: state': { outcome: 'ok', detail: expect.stringContaining('ECC_NIST_P256') },
      'signing key: rotation': { outcome: 'ok' },
      'permission: Sign': { outcome: 'ok' },
      'permission: GetPublicKey': { outcome: 'ok' },
    });
    expect(JSON.stringify(checks)).not.toContain(testCredentials.secretAccessKey);
    const context_ = { 'fapilog-tamper': 'v1', origin: context.origin, key_id: context.kid };
    const dryRuns = proxy.calls.filter((call) => call.body['DryRun'] === true).map((call) => call.operation);
    expect(dryRuns).toEqual(['Decrypt', 'Sign']);
    expect(proxy.calls.find((call) => call.operation === 'Decrypt')?.body['EncryptionContext']).toEqual(context_);
  });

  it.each([
    ['as the page has it', []],
    ['without kms:GetKeyRotationStatus', ['kms:GetKeyRotationStatus']],
  ])('passes a writer with the documented policy, %s', async (_, without) => {
    const { allowed, denied } = documentedWriter();
    proxy.fault = ({ operation, body }) => {
      const action = `kms:${operation}`;
      const refused = !allowed.has(action) || denied.has(action) || without.includes(action);
      if (refused) return awsError('AccessDeniedException', `not authorized to perform: ${action}`);
      return body['DryRun'] === true ? awsError('DryRunOperationException', 'would have succeeded', 412) : undefined;
    };
    const checks = await checkAwsKms({
      options: optionsFor(proxy.url),
      dataKeyId: 'alias/doctor-wrap',
      signingKeyId: sign,
      context,
    });
    expect(checks.filter(({ outcome }) => outcome === 'failed' || outcome === 'unknown')).toEqual([]);
    expect(byName(checks)['permission: Decrypt']).toMatchObject({ outcome: 'ok' });
  });

  it('takes DryRunOperationException for yes and AccessDeniedException for no', async () => {
    proxy.fault = (call) => {
      if (call.operation === 'Decrypt')
        return awsError('AccessDeniedException', 'not authorized to perform: kms:Decrypt');
      return call.body['DryRun'] === true
        ? awsError('DryRunOperationException', 'would have succeeded', 412)
        : undefined;
    };
    const writer = await checkAwsKms({ options: optionsFor(proxy.url), dataKeyId: wrap, signingKeyId: sign, context });
    expect(byName(writer)).toMatchObject({
      'permission: Decrypt': { outcome: 'ok', detail: expect.stringContaining('is denied, as it should be') },
      'permission: Sign': { outcome: 'ok' },
    });
    const auditor = await checkAwsKms({ options: optionsFor(proxy.url), dataKeyId: wrap, role: 'auditor', context });
    expect(byName(auditor)).toMatchObject({
      'permission: Decrypt': { outcome: 'failed', detail: expect.stringContaining('ACCESS_DENIED') },
      'permission: GenerateDataKey': { outcome: 'warning' },
    });
  });

  it('tells a writer of MACs that a restart needs VerifyMac', async () => {
    const mac = await admin.createKey('HMAC_256');
    const checksOf = async (): Promise<unknown> => {
      const checks = await checkAwsKms({ options: optionsFor(proxy.url), signingKeyId: mac, context });
      return checks.filter(({ name }) => name.endsWith('Mac')).map(({ name, outcome }) => `${outcome} ${name}`);
    };
    expect(await checksOf()).toEqual(['ok permission: GenerateMac', 'ok permission: VerifyMac']);
    proxy.fault = ({ operation }) =>
      operation === 'VerifyMac'
        ? awsError('AccessDeniedException', 'not authorized to perform: kms:VerifyMac')
        : undefined;
    expect(await checksOf()).toEqual(['ok permission: GenerateMac', 'failed permission: VerifyMac']);
  });

  it('does not call a service that is away a failure', async () => {
    proxy.fault = () => 'drop';
    const checks = await checkAwsKms({ options: optionsFor(proxy.url, { maxAttempts: 1 }), dataKeyId: wrap, context });
    expect(byName(checks)['data key: state']).toMatchObject({
      outcome: 'unknown',
      detail: expect.stringContaining('UNAVAILABLE'),
    });
  });

  it('names what is wrong with region, state and usage', async () => {
    const elsewhere = await checkAwsKms({
      options: optionsFor(proxy.url),
      dataKeyId: 'alias/doctor-wrap',
      signingKeyId: sign.replace('eu-west-1', 'us-east-2'),
      context,
    });
    expect(elsewhere[0]).toMatchObject({ outcome: 'ok', detail: expect.stringContaining('an ARN names us-east-2') });
    expect(byName(elsewhere)['signing key: state']).toMatchObject({ detail: expect.stringContaining('KEY_NOT_FOUND') });
    const usage = await checkAwsKms({ options: optionsFor(proxy.url), dataKeyId: sign, signingKeyId: wrap, context });
    expect(byName(usage)).toMatchObject({
      'data key: state': { outcome: 'failed', hint: expect.stringContaining('SYMMETRIC_DEFAULT') },
      'signing key: state': { outcome: 'failed', detail: expect.stringContaining('KEY_WRONG_USAGE') },
    });
    const doomed = await admin.createKey();
    await admin.doom(doomed);
    const state = await checkAwsKms({ options: optionsFor(proxy.url), dataKeyId: doomed, context });
    expect(byName(state)['data key: state']).toMatchObject({
      outcome: 'failed',
      detail: expect.stringMatching(/PendingDeletion.*deleted on 20/),
    });
  });

  it('says that there are no credentials, and no region', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) delete process.env[name];
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    const checks = await checkAwsKms({ options: { endpoint: proxy.url }, dataKeyId: 'alias/doctor-wrap', context });
    expect(byName(checks)).toMatchObject({
      region: {
        outcome: 'failed',
        detail: expect.stringContaining('CONFIG_INVALID'),
        hint: expect.stringContaining('aws_region'),
      },
      credentials: { outcome: 'failed', detail: expect.stringContaining('UNAUTHENTICATED') },
    });
    delete process.env['AWS_EC2_METADATA_DISABLED'];
  });

  it('runs from a configuration, with the origin that policies know', async () => {
    process.env['AWS_ENDPOINT_URL_KMS'] = proxy.url;
    const checks = await checkKeys({
      keySource: 'aws-kms',
      awsRegion: 'eu-west-1',
      keyId: 'alias/doctor-wrap',
      signingKeyId: sign,
      origin: 'audit.example.com/payments/host-7',
    });
    expect(checks.filter((found) => found.outcome === 'failed')).toEqual([]);
    expect(byName(checks)).toMatchObject({ 'data key': { outcome: 'ok' }, 'sign and verify': { outcome: 'ok' } });
    const minted = proxy.calls.filter((call) => call.operation === 'GenerateDataKey');
    expect(minted.map((call) => call.body['EncryptionContext'])).toEqual(
      minted.map(() => expect.objectContaining({ origin: 'audit.example.com/payments/host-7' })),
    );
  });
});

function byName(checks: readonly DoctorCheck[]): Record<string, DoctorCheck> {
  return Object.fromEntries(checks.map((found) => [found.name, found]));
}

it('a provider warns once of credentials that never expire, when they have worked, and shows none', async () => {
  const provider = new AwsKmsProvider(optionsFor(proxy.url));
  const warned = new Promise<string[]>((resolve) => {
    const said: string[] = [];
    provider.onWarning(({ code, message }) => resolve([...said, `${code} ${message}`]));
  });
  await provider.getSigningKey(sign);
  const [text] = await warned;
  expect(text).toMatch(/^KEY_WARNING .*AKIA…TEST.* never expire/);
  expect(text).not.toContain(testCredentials.secretAccessKey);
  await provider.sign(sign, Buffer.from('x'));
  const again: string[] = [];
  provider.onWarning(({ message }) => again.push(message));
  expect(again).toHaveLength(1);
  await provider.close();
});
