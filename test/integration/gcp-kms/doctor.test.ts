import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { checkKeys, type DoctorCheck, type TamperConfig } from '../../../src/index.ts';
import { checkGcpKms } from '../../../src/providers/gcp-kms/doctor.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { becomeMachine, machineAccount } from './environment.ts';

const context = { origin: 'audit.example.com/doctor', kid: 'AAAAAAAA.1' };
let server: GcpKmsServer;
let dataKeyId: string;
let signingKeyId: string;
let macKeyId: string;

beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
  dataKeyId = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
  signingKeyId = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
  macKeyId = await server.createKey('MAC', 'HMAC_SHA256');
});
beforeEach(async () => {
  await server.admin('clearFaults');
  await server.admin('withdraw', { principal: machineAccount });
});
afterAll(() => server?.stop());

async function grant(...roles: string[]): Promise<void> {
  for (const role of roles) {
    await server.admin('grant', {
      principal: machineAccount,
      role: `roles/cloudkms.${role}`,
      resource: 'projects/test-project',
    });
  }
}

const summary = (checks: readonly DoctorCheck[]): Record<string, string> =>
  Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));
const options = () => ({ gcpEndpoint: `localhost:${server.ports.grpcTls}`, timeoutMs: 120_000 });

it('finds nothing wrong with a writer that may do what it needs and no more', async () => {
  await grant('cryptoKeyEncrypter', 'signer', 'publicKeyViewer', 'viewer');
  const checks = await checkGcpKms({ options: options(), dataKeyId, signingKeyId, context });
  expect(summary(checks)).toEqual({
    credentials: 'ok',
    'data key: state': 'ok',
    'permission: encrypt': 'ok',
    'permission: decrypt': 'ok',
    'signing key: state': 'ok',
    'permission: sign': 'ok',
  });
  const details = checks.map(({ detail }) => detail).join('\n');
  expect(details).toContain('the service account of this machine');
  expect(details).toContain('ENABLED, version 1');
  expect(details).toContain('decrypt is denied, as it should be for a writer');
  expect(details).not.toMatch(/ya29|Bearer/);
});

it('passes a writer with the roles that the page names, granted on each key', async () => {
  const page = readFileSync(new URL('../../../docs/providers/gcp-kms.md', import.meta.url), 'utf8');
  const loop = /for role in ([A-Za-z ]+); do\n.*add-iam-policy-binding sign /.exec(page)?.[1]?.split(' ') ?? [];
  const wraps = /add-iam-policy-binding wrap .*--member "\$writer" --role roles\/cloudkms\.(\w+)/.exec(page)?.[1];
  expect([loop.length, wraps]).toEqual([3, 'cryptoKeyEncrypter']);
  const onKey = (role: string, resource: string): Promise<unknown> =>
    server.admin('grant', { principal: machineAccount, role: `roles/cloudkms.${role}`, resource });
  await onKey(wraps ?? '', dataKeyId);
  for (const role of loop) await onKey(role, signingKeyId);
  const both = await checkGcpKms({ options: options(), dataKeyId, signingKeyId, context });
  expect(both.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
});

it('warns of a writer that may decrypt, and does not need to read the key', async () => {
  await grant('cryptoKeyEncrypterDecrypter');
  const checks = await checkGcpKms({ options: options(), dataKeyId, context });
  expect(summary(checks)).toMatchObject({ 'data key: state': 'ok', 'permission: decrypt': 'warning' });
});

it.each([
  ['signerVerifier', 'ok'],
  ['signer', 'failed'],
])('a writer of MACs with the role %s: macVerify, which a restart needs, is %s', async (role, outcome) => {
  await grant(role, 'viewer');
  const checks = await checkGcpKms({ options: options(), signingKeyId: macKeyId, context });
  expect(summary(checks)).toMatchObject({ 'permission: sign': 'ok', 'permission: macVerify': outcome });
});

it('judges an auditor by what an auditor needs', async () => {
  await grant('verifier', 'viewer');
  const checks = await checkGcpKms({ options: options(), signingKeyId: macKeyId, role: 'auditor', context });
  expect(summary(checks)).toEqual({
    credentials: 'ok',
    'signing key: state': 'ok',
    'permission: sign': 'ok',
    'permission: macVerify': 'ok',
  });
});

it('fails with the reason and what to do, for a disabled key, a key for something else, and nobody', async () => {
  await grant('cryptoKeyEncrypter', 'signerVerifier', 'viewer');
  const disabled = await server.createKey('MAC', 'HMAC_SHA256');
  await server.admin('setState', { version: `${disabled}/cryptoKeyVersions/1`, state: 'DISABLED' });
  const [, state] = await checkGcpKms({ options: options(), signingKeyId: disabled, context });
  expect(state).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('KEY_DISABLED') });
  expect(state?.hint).toBeDefined();
  const wrong = await checkGcpKms({ options: options(), dataKeyId: macKeyId, signingKeyId: dataKeyId, context });
  expect(summary(wrong)).toMatchObject({ 'permission: encrypt': 'failed', 'signing key: state': 'failed' });
  await server.admin('withdraw', { principal: machineAccount });
  const nobody = await checkGcpKms({ options: options(), dataKeyId, context });
  expect(summary(nobody)).toMatchObject({ 'permission: encrypt': 'failed' });
});

it('cannot decide while the service is away', async () => {
  await server.fault({ kind: 'status', code: 'UNAVAILABLE', times: 1_000 });
  const checks = await checkGcpKms({ options: options(), dataKeyId, signingKeyId, context });
  expect(summary(checks)).toMatchObject({ 'data key: state': 'unknown', 'signing key: state': 'unknown' });
});

it('is what the doctor of a configuration asks', async () => {
  await grant('cryptoKeyEncrypter', 'signer', 'publicKeyViewer', 'viewer');
  const config: TamperConfig = {
    keySource: 'gcp-kms',
    keyId: dataKeyId,
    signingKeyId,
    gcpEndpoint: `localhost:${server.ports.grpcTls}`,
    origin: 'audit.example.com/doctor',
    file: 'audit.jsonl',
  };
  const checks = await checkKeys(config);
  expect(summary(checks)).toMatchObject({
    credentials: 'ok',
    'permission: decrypt': 'ok',
    'data key': 'ok',
    'sign and verify': 'ok',
  });
});

it('says that a service has no method, which is no missing permission', async () => {
  await grant('cryptoKeyEncrypter', 'viewer');
  await server.admin('addFault', { method: 'GetCryptoKey', kind: 'status', code: 'UNIMPLEMENTED' });
  const checks = await checkGcpKms({ options: options(), dataKeyId, context });
  expect(checks.find(({ name }) => name === 'data key: state')).toMatchObject({
    outcome: 'failed',
    code: 'UNSUPPORTED_OPERATION',
  });
});
