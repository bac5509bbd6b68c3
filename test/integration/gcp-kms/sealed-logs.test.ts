import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isTamperError } from '../../../src/errors.ts';
import { createSealer, type Sealer, type TamperConfig } from '../../../src/index.ts';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { type BuiltPackage, buildPackage, type RunResult } from '../../support/built-package.ts';
import { runHere } from '../../support/command-line.ts';
import { someOf } from '../../support/tier.ts';
import { becomeMachine, machineAccount, machineEnvironment } from './environment.ts';

const origin = 'audit.example.com/payments/host-7';
let server: GcpKmsServer;
let auditor: BuiltPackage;
let directory: string;
let open: Sealer[];

beforeAll(async () => {
  auditor = await buildPackage({ complete: true });
  server = await startGcpKms();
  await becomeMachine(server);
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fapilog-tamper-log-'));
  open = [];
  await server.admin('clearFaults');
});
afterEach(async () => {
  for (const sealer of open) sealer.closeSync();
  await rm(directory, { recursive: true, force: true });
});
afterAll(async () => {
  await server?.stop();
  auditor?.remove();
});

/** Over TLS as in production, or by whatever the server on loopback is found to speak. */
const endpoints: [string, () => string][] = [
  ['gRPC over TLS', () => `https://localhost:${server.ports.grpcTls}`],
  ['gRPC in plaintext', () => `http://127.0.0.1:${server.ports.grpc}`],
  ['REST in plaintext', () => `127.0.0.1:${server.ports.http}`],
];
let gcpEndpoint = '';

function seal(keys: TamperConfig, more: TamperConfig = {}): Sealer {
  const sealer = createSealer({
    file: join(directory, 'audit.jsonl'),
    origin,
    stateDir: join(directory, 'state'),
    keySource: 'gcp-kms',
    gcpEndpoint,
    ...keys,
    ...more,
  });
  open.push(sealer);
  return sealer;
}

async function sealLines(keys: TamperConfig, more: TamperConfig = {}): Promise<string> {
  const sealer = seal(keys, more);
  await sealer.ready; // the SDK takes its time to load, and the end of a log does not wait for that
  for (let n = 0; n < 20; n += 1) sealer.write(`{"n":${n}}\n`);
  await sealer.close();
  return sealer.stats.file;
}

/** The auditor: another process, which has the log, its own names of keys, and credentials. */
function verify(
  file: string,
  flags: string[],
  env: Record<string, string> = machineEnvironment(server),
): Promise<RunResult> {
  return auditor.run(commandLine(file, flags), { env: { HOME: directory, ...env } });
}

/** The same in this process: where the auditor's own is not the question, to load the SDK once more takes most of the time. */
const verifyHere = (file: string, flags: string[]): Promise<RunResult> =>
  runHere(commandLine(file, flags), { env: { ...machineEnvironment(server) } });

const commandLine = (file: string, flags: string[]): string[] => [
  'verify',
  file,
  '--format',
  'json',
  '--origin',
  origin,
  ...flags,
];

const keyFlags = (keyId: string): string[] => [
  '--key-source',
  'gcp-kms',
  '--key-id',
  keyId,
  '--gcp-endpoint',
  gcpEndpoint,
];

/** What an auditor keeps: the public key of a version, taken from the service while it could be. */
async function publicKeyFile(version: string): Promise<string> {
  const provider = new GcpKmsProvider({ gcpEndpoint: `localhost:${server.ports.grpcTls}` });
  const { spki = new Uint8Array() } = await provider.getSigningKey(version);
  await provider.close();
  const base64 = Buffer.from(spki).toString('base64').replace(/.{64}/g, '$&\n');
  const file = join(directory, `${version.replaceAll('/', '-')}.pem`);
  writeFileSync(file, `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`);
  return file;
}

const codes = ({ stdout }: RunResult): string[] =>
  (JSON.parse(stdout) as { findings: { code: string }[] }).findings.map(({ code }) => code);
const summary = ({ stdout }: RunResult): unknown => {
  const { verdict, streams } = JSON.parse(stdout);
  return {
    verdict,
    records: streams[0].records,
    checkedBy: streams[0].keys.map((key: { checkedBy: string[] }) => key.checkedBy),
  };
};

describe.each(someOf(endpoints, endpoints.length - 1))(
  'a log sealed with Google Cloud KMS over %s verifies in another process',
  (_, endpoint) => {
    beforeEach(() => {
      gcpEndpoint = endpoint();
    });

    it('MACs by Cloud KMS itself, checked by macVerify', async () => {
      const mac = await server.createKey('MAC', 'HMAC_SHA256');
      const file = await sealLines({ keyId: mac, useKmsSigning: true });
      await server.admin('clearJournals');
      const result = await verify(file, [...keyFlags(mac), '--use-kms-signing']);
      expect(result).toMatchObject({ code: 0 });
      expect((await server.journal()).map(({ method }) => method)).toContain('MacVerify');
    });

    it('both: each auditor what he can', async () => {
      const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
      const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
      const file = await sealLines({ keyId: wrap, signingKeyId: sign });
      const pem = await publicKeyFile(`${sign}/cryptoKeyVersions/1`);
      expect(summary(await verify(file, ['--public-key', pem], {}))).toMatchObject({
        verdict: 'ok',
        checkedBy: [['signature']],
      });
      const all = await verifyHere(file, [...keyFlags(wrap), '--public-key', pem]);
      expect(summary(all)).toMatchObject({ verdict: 'ok', checkedBy: [['mac', 'signature']] });
    });
  },
);

describe('a log sealed with one key verifies in another process', () => {
  beforeEach(() => {
    gcpEndpoint = `localhost:${server.ports.grpcTls}`;
  });

  it('data key: from the wrapped key alone', async () => {
    const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const result = await verify(await sealLines({ keyId: wrap }), keyFlags(wrap));
    expect(result).toMatchObject({ code: 0 });
    expect(summary(result)).toEqual({ verdict: 'ok', records: 20, checkedBy: [['mac']] });
  });

  it('signatures: offline, without credentials or a service', async () => {
    const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_ED25519');
    const file = await sealLines({ keyId: sign, useKmsSigning: true });
    const pem = await publicKeyFile(`${sign}/cryptoKeyVersions/1`);
    const result = await verify(file, ['--public-key', pem], {});
    expect(result).toMatchObject({ code: 0 });
    expect(summary(result)).toEqual({ verdict: 'ok', records: 20, checkedBy: [['signature']] });
  });

  it('MACs: checked by a verifier who has no other right', async () => {
    const mac = await server.createKey('MAC', 'HMAC_SHA256');
    const file = await sealLines({ keyId: mac, useKmsSigning: true });
    await server.admin('grant', { principal: 'only-verifier', role: 'roles/cloudkms.verifier', resource: mac });
    await server.admin('configureAuthority', { metadataPrincipal: 'only-verifier' });
    const result = await verify(file, [...keyFlags(mac), '--use-kms-signing']);
    await server.admin('configureAuthority', { metadataPrincipal: machineAccount });
    expect(result).toMatchObject({ code: 0 });
  });
});

describe('over the years', () => {
  beforeEach(() => {
    gcpEndpoint = `localhost:${server.ports.grpcTls}`;
  });

  it('a log that spans five versions of both keys verifies, offline with the old ones disabled', async () => {
    const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
    const pems: string[] = [];
    let file = '';
    for (let version = 1; version <= 5; version += 1) {
      if (version > 1) {
        await server.admin('createVersion', { key: wrap });
        await server.admin('setPrimary', { key: wrap, version });
        await server.admin('createVersion', { key: sign });
      }
      file = await sealLines({ keyId: wrap, signingKeyId: sign });
      pems.push('--public-key', await publicKeyFile(`${sign}/cryptoKeyVersions/${version}`));
    }
    const text = readFileSync(file, 'utf8');
    for (const key of [wrap, sign]) {
      for (let version = 1; version <= 5; version += 1) expect(text).toContain(`"${key}/cryptoKeyVersions/${version}"`);
    }
    expect(summary(await verifyHere(file, [...keyFlags(wrap), ...pems]))).toMatchObject({
      verdict: 'ok',
      records: 100,
    });
    for (let version = 1; version <= 4; version += 1) {
      for (const key of [wrap, sign]) {
        await server.admin('setState', { version: `${key}/cryptoKeyVersions/${version}`, state: 'DISABLED' });
      }
    }
    const offline = await verify(file, pems, {});
    expect(summary(offline)).toMatchObject({ verdict: 'ok', records: 100 });
    const undecided = await verifyHere(file, keyFlags(wrap));
    expect(undecided.code).toBe(2);
    expect(codes(undecided)).toContain('KEY_SERVICE');
    expect(undecided.stdout).toContain('KEY_DISABLED');
  });

  it('four rotations under load: hand-overs without a restart, and the whole log verifies', async () => {
    const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
    const sealer = seal({ keyId: wrap, signingKeyId: sign }, { keyCacheTtlSeconds: 1, checkpointMaxRecords: 50 });
    await sealer.flush();
    const names = (version: number): boolean => {
      const text = readFileSync(sealer.stats.file, 'utf8');
      return [wrap, sign].every((key) => text.includes(`"${key}/cryptoKeyVersions/${version}"`));
    };
    let lines = 0;
    const load = setInterval(() => {
      for (let n = 0; n < 20; n += 1) sealer.write(`{"n":${lines++}}\n`);
    }, 10);
    const pems = ['--public-key', await publicKeyFile(`${sign}/cryptoKeyVersions/1`)];
    try {
      for (let version = 2; version <= 5; version += 1) {
        await server.admin('createVersion', { key: wrap });
        await server.admin('setPrimary', { key: wrap, version });
        await server.admin('createVersion', { key: sign });
        while (!names(version)) await delay(50);
        pems.push('--public-key', await publicKeyFile(`${sign}/cryptoKeyVersions/${version}`));
      }
    } finally {
      clearInterval(load);
    }
    await sealer.close();
    for (let version = 1; version <= 4; version += 1) {
      await server.admin('setState', { version: `${sign}/cryptoKeyVersions/${version}`, state: 'DISABLED' });
    }
    const { file, records } = sealer.stats;
    expect(records).toBe(lines);
    const all = await verifyHere(file, [...keyFlags(wrap), ...pems]);
    expect(summary(all)).toMatchObject({ verdict: 'ok', records });
    expect(codes(all)).not.toContain('RESTART');
    for (let version = 1; version <= 4; version += 1) {
      await server.admin('setState', { version: `${wrap}/cryptoKeyVersions/${version}`, state: 'DESTROYED' });
    }
    expect(summary(await verify(file, pems, {}))).toMatchObject({ verdict: 'ok', records });
  });

  it('a log does not verify with another key, nor with the wrapped key of another stream', async () => {
    const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const other = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const file = await sealLines({ keyId: wrap });
    await server.admin('clearJournals');
    const stranger = await verifyHere(file, keyFlags(other));
    expect(stranger.code).toBe(2);
    expect(codes(stranger)).toContain('NO_KEY');
    expect((await server.journal()).map(({ method }) => method)).not.toContain('Decrypt');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(wrap, other));
    const claimed = await verifyHere(file, keyFlags(other));
    expect(claimed.code).not.toBe(0);
    expect(codes(claimed)).toContain('WRONG_KEY');
  });
});

describe('while it is sealed', () => {
  beforeEach(() => {
    gcpEndpoint = `localhost:${server.ports.grpcTls}`;
  });

  it.each<[string, string, object]>([
    ['throttled', 'THROTTLED', { kind: 'throttle' }],
    ['denied', 'ACCESS_DENIED', { kind: 'status', code: 'PERMISSION_DENIED' }],
    ['without valid credentials', 'UNAUTHENTICATED', { kind: 'status', code: 'UNAUTHENTICATED' }],
    ['cut off', 'UNAVAILABLE', { kind: 'drop' }],
    ['giving damaged answers', 'RESPONSE_CORRUPTED', { kind: 'flip' }],
  ])('the service is %s: %s, sealing goes on, and all verifies afterwards', async (_, code, fault) => {
    const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
    const pem = await publicKeyFile(`${sign}/cryptoKeyVersions/1`);
    const sealer = seal({ keyId: wrap, signingKeyId: sign }, { checkpointMaxRecords: 10 });
    await sealer.flush();
    await server.admin('addFault', { method: 'AsymmetricSign', times: 1_000, ...fault });
    const outage = new Promise<unknown>((resolve) => sealer.once('outage', ({ error }) => resolve(error)));
    for (let n = 0; n < 10; n += 1) sealer.write(`{"n":${n}}\n`);
    const error = await outage;
    expect(isTamperError(error) && error.code).toBe(code);
    for (let n = 10; n < 25; n += 1) sealer.write(`{"n":${n}}\n`);
    await server.admin('clearFaults');
    await sealer.flush();
    await sealer.close();
    const result = await verifyHere(sealer.stats.file, [...keyFlags(wrap), '--public-key', pem]);
    expect(summary(result)).toEqual({ verdict: 'ok', records: 25, checkedBy: [['mac', 'signature']] });
  });
});
