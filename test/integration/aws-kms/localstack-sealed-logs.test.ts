import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KeySpec, KMS } from '@aws-sdk/client-kms';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { isTamperError } from '../../../src/errors.ts';
import { createSealer, type Sealer, type TamperConfig } from '../../../src/index.ts';
import { awsError, type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { type BuiltPackage, buildPackage, type RunResult } from '../../support/built-package.ts';
import { runHere } from '../../support/command-line.ts';
import { idOf, KmsAdmin, testCredentials } from './admin.ts';
import { AwsEnvironment } from './environment.ts';

const origin = 'audit.example.com/payments/host-7';
let server: SharedServer;
let proxy: KmsProxy;
let admin: KmsAdmin;
let auditor: BuiltPackage;
let environment: AwsEnvironment;
let directory: string;
let open: Sealer[];
let serial = 0;

beforeAll(async () => {
  auditor = await buildPackage({ complete: true });
  server = running('localstack');
  proxy = await startKmsProxy(server.url);
  admin = new KmsAdmin(server.url);
});
beforeEach(async () => {
  environment = await AwsEnvironment.begin(awsVariables());
  directory = await mkdtemp(join(tmpdir(), 'fapilog-tamper-log-'));
  proxy.fault = () => undefined;
  open = [];
});
afterEach(async () => {
  for (const sealer of open) sealer.closeSync();
  await rm(directory, { recursive: true, force: true });
  await environment.end();
});
afterAll(async () => {
  admin?.close();
  await proxy?.stop();
  auditor?.remove();
});

function awsVariables(): Record<string, string> {
  return {
    AWS_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL_KMS: proxy.url,
    AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
    AWS_MAX_ATTEMPTS: '1',
  };
}

interface Keys {
  readonly wrap: string;
  readonly sign: string;
  readonly wrapAlias: string;
  readonly signAlias: string;
}

async function makeKeys(spec: KeySpec = 'ECC_NIST_P256'): Promise<Keys> {
  serial += 1;
  const [wrap, sign] = [await admin.createKey(), await admin.createKey(spec)];
  const wrapAlias = await admin.createAlias(`alias/log-wrap-${serial}`, wrap);
  return { wrap, sign, wrapAlias, signAlias: await admin.createAlias(`alias/log-sign-${serial}`, sign) };
}

function seal(keys: TamperConfig, more: TamperConfig = {}): Sealer {
  const sealer = createSealer({
    file: join(directory, 'audit.jsonl'),
    origin,
    stateDir: join(directory, 'state'),
    keySource: 'aws-kms',
    ...keys,
    ...more,
  });
  open.push(sealer);
  return sealer;
}

async function sealLines(keys: TamperConfig, more: TamperConfig = {}): Promise<string> {
  const sealer = seal(keys, more);
  for (let n = 0; n < 20; n += 1) sealer.write(`{"n":${n}}\n`);
  await sealer.ready; // the close has a limit, and the first call of an SDK on a busy machine may take longer
  await sealer.close();
  return sealer.stats.file;
}

/** The auditor: another process, which has the log, its own names of keys, and credentials. */
async function verify(file: string, flags: string[], env: Record<string, string> = awsVariables()): Promise<RunResult> {
  const result = await auditor.run(['verify', file, '--format', 'json', ...flags], {
    env: { HOME: directory, ...env },
  });
  expectNoSecret(`${readFileSync(file, 'utf8')}${result.stdout}${result.stderr}`);
  return result;
}

/** The same in this process: where the auditor's own is not the question, to load the SDK once more takes most of the time. */
async function verifyHere(file: string, flags: string[]): Promise<RunResult> {
  const argv = ['verify', file, '--format', 'json', ...flags];
  const result = await runHere(argv, {
    env: { HOME: directory, AWS_EC2_METADATA_DISABLED: 'true', ...awsVariables() },
  });
  expectNoSecret(`${readFileSync(file, 'utf8')}${result.stdout}${result.stderr}`);
  return result;
}

/** Neither credentials nor any data key that KMS gave out in clear. */
function expectNoSecret(text: string): void {
  const keys = proxy.replies.flatMap(({ Plaintext }) => (typeof Plaintext === 'string' ? [Plaintext] : []));
  const forms = (key: string): string[] => {
    const bytes = Buffer.from(key, 'base64');
    return [bytes.toString('base64url'), bytes.toString('hex'), key.replace(/=+$/, '')];
  };
  const secrets = [testCredentials.secretAccessKey, ...keys.flatMap(forms)];
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
}

async function publicKeyFile(arn: string): Promise<string> {
  const { PublicKey = new Uint8Array() } = await admin.kms.getPublicKey({ KeyId: arn });
  const file = join(directory, `${idOf(arn)}.pem`);
  writeFileSync(
    file,
    createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' }).export({
      type: 'spki',
      format: 'pem',
    }),
  );
  return file;
}

const wrapFlags = (keyId: string): string[] => ['--origin', origin, '--key-source', 'aws-kms', '--key-id', keyId];
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

describe('a log sealed with AWS KMS verifies in another process', () => {
  it('data key: by ARN and by alias, from the wrapped key alone', async () => {
    const { wrap, wrapAlias } = await makeKeys();
    const file = await sealLines({ keyId: wrapAlias });
    expect(proxy.replies.some(({ Plaintext }) => Plaintext !== undefined)).toBe(true); // there is something to look for
    for (const name of [wrap, wrapAlias]) {
      const result = await verify(file, wrapFlags(name));
      expect(result).toMatchObject({ code: 0 });
      expect(summary(result)).toEqual({ verdict: 'ok', records: 20, checkedBy: [['mac']] });
    }
  });

  it.each<KeySpec>(['ECC_NIST_P256', 'ECC_NIST_P384', 'RSA_2048'])(
    'signatures, %s: offline, without any credentials',
    async (spec) => {
      const { sign, signAlias } = await makeKeys(spec);
      const file = await sealLines({ keyId: signAlias, useKmsSigning: true });
      proxy.calls.length = 0;
      const result = await verify(file, ['--origin', origin, '--public-key', await publicKeyFile(sign)], {});
      expect(result).toMatchObject({ code: 0 });
      expect(summary(result)).toEqual({ verdict: 'ok', records: 20, checkedBy: [['signature']] });
      expect(proxy.calls).toEqual([]);
    },
  );

  it('MACs by KMS itself, checked by VerifyMac', async () => {
    const { sign, signAlias } = await makeKeys('HMAC_256');
    const file = await sealLines({ keyId: signAlias, useKmsSigning: true });
    proxy.calls.length = 0;
    const result = await verify(file, [...wrapFlags(sign), '--use-kms-signing']);
    expect(result).toMatchObject({ code: 0 });
    expect(proxy.calls.map(({ operation }) => operation)).toContain('VerifyMac');
  });

  it('both: each auditor what he can', async () => {
    const { wrap, sign, wrapAlias, signAlias } = await makeKeys();
    const file = await sealLines({ keyId: wrapAlias, signingKeyId: signAlias });
    const pem = await publicKeyFile(sign);
    const publicOnly = await verify(file, ['--origin', origin, '--public-key', pem], {});
    expect(summary(publicOnly)).toMatchObject({ verdict: 'ok', checkedBy: [['signature']] });
    const all = await verify(file, [...wrapFlags(wrap), '--public-key', pem]);
    expect(summary(all)).toMatchObject({ verdict: 'ok', checkedBy: [['mac', 'signature']] });
  });
});

describe('it does not verify', () => {
  it('with another key, also of another account', async () => {
    const { wrapAlias } = await makeKeys();
    const file = await sealLines({ keyId: wrapAlias });
    const strangers = new KMS({
      region: 'eu-west-1',
      endpoint: server.url,
      credentials: { accessKeyId: '111122223333', secretAccessKey: 'x' }, // LocalStack: the account
    });
    const foreign = (await strangers.createKey({})).KeyMetadata?.Arn ?? '';
    strangers.destroy();
    expect(foreign).toContain(':111122223333:');
    for (const other of [foreign, await admin.createKey()]) {
      proxy.calls.length = 0;
      const result = await verifyHere(file, wrapFlags(other));
      expect(result.code).toBe(2);
      expect(codes(result)).toContain('NO_KEY');
      expect(proxy.calls.map(({ operation }) => operation)).not.toContain('Decrypt');
    }
  });

  it('when the log claims the auditor’s key for a data key that another one wrapped', async () => {
    const { wrap, wrapAlias } = await makeKeys();
    const own = await admin.createKey();
    const file = await sealLines({ keyId: wrapAlias });
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(wrap, own));
    const result = await verifyHere(file, wrapFlags(own));
    expect(result.code).not.toBe(0);
    expect(codes(result)).toContain('WRONG_KEY');
  });

  it('with the wrapped key of another stream under the same key', async () => {
    const { wrap, wrapAlias } = await makeKeys();
    const file = await sealLines({ keyId: wrapAlias });
    await mkdir(join(directory, 'other'));
    const other = await sealLines(
      { keyId: wrapAlias },
      { file: join(directory, 'other/audit.jsonl'), origin: `${origin}0`, stateDir: join(directory, 'other/state') },
    );
    const wrapped = (path: string): string => /"wrapped":"([^"]+)"/.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
    writeFileSync(file, readFileSync(file, 'utf8').replace(wrapped(file), wrapped(other)));
    const result = await verifyHere(file, wrapFlags(wrap));
    expect(result.code).not.toBe(0);
    expect(codes(result)).toContain('WRONG_KEY');
  });

  it('while the wrapping key is disabled: that is undecided, not tampered', async () => {
    const { wrap } = await makeKeys();
    const file = await sealLines({ keyId: wrap });
    await admin.disable(wrap);
    const result = await verifyHere(file, wrapFlags(wrap));
    expect(result.code).toBe(2);
    expect(codes(result)).toContain('KEY_SERVICE');
    expect(result.stdout).toContain('KEY_DISABLED');
    await admin.enable(wrap);
    expect((await verifyHere(file, wrapFlags(wrap))).code).toBe(0);
  });
});

describe('while it is sealed', () => {
  it('an alias that is pointed elsewhere between announcement and Sign changes nothing', async () => {
    const { sign, wrapAlias, signAlias, wrap } = await makeKeys();
    const sealer = seal({ keyId: wrapAlias, signingKeyId: signAlias });
    await sealer.ready;
    await admin.retarget(signAlias, await admin.createKey('RSA_2048'));
    for (let n = 0; n < 5; n += 1) sealer.write(`{"n":${n}}\n`);
    await sealer.close();
    const result = await verifyHere(sealer.stats.file, [...wrapFlags(wrap), '--public-key', await publicKeyFile(sign)]);
    expect(summary(result)).toEqual({ verdict: 'ok', records: 5, checkedBy: [['mac', 'signature']] });
  });

  it('keys that rotate while lines come are handed over, and every key period verifies', async () => {
    const { wrap, sign, wrapAlias, signAlias } = await makeKeys();
    const [nextWrap, nextSign] = [await admin.createKey(), await admin.createKey('RSA_2048')];
    const materials = new Map([
      [wrap, await admin.material(wrap)],
      [nextWrap, await admin.material(nextWrap)],
    ]);
    proxy.fault = ({ operation }) => {
      if (operation !== 'GenerateDataKey') return undefined;
      return { edit: (reply) => ({ ...reply, KeyMaterialId: materials.get(String(reply['KeyId'])) }) }; // as AWS does
    };
    const sealer = seal({ keyId: wrapAlias, signingKeyId: signAlias }, { keyCacheTtlSeconds: 1 });
    await sealer.flush();
    const rotations = [
      () => admin.retarget(signAlias, nextSign),
      () => admin.retarget(wrapAlias, nextWrap),
      async () => {
        await admin.rotateMaterial(nextWrap);
        materials.set(nextWrap, await admin.material(nextWrap));
      },
    ];
    let n = 0;
    const timer = setInterval(() => sealer.write(`{"n":${n++}}\n`), 5);
    onTestFinished(() => clearInterval(timer));
    for (const rotate of rotations) {
      const handedOver = once(sealer, 'handover');
      await rotate();
      await handedOver;
    }
    clearInterval(timer);
    await sealer.close();

    const policy = join(directory, 'policy.yaml');
    const keys = [wrap, nextWrap].map((arn) => `      - { wrap: "${arn}" }\n`).join('');
    const demand = '    records: mac\n    require: [mac, signature]\n    end: closed\n';
    writeFileSync(policy, `version: 1\nstreams:\n  - origin: ${origin}\n${demand}    keys:\n${keys}`);
    const pems = [await publicKeyFile(sign), await publicKeyFile(nextSign)];
    const flags = ['--policy', policy, '--public-key', pems[0] ?? '', '--public-key', pems[1] ?? ''];
    const result = await verifyHere(sealer.stats.file, flags);
    expect(summary(result)).toEqual({ verdict: 'ok', records: n, checkedBy: Array(4).fill(['mac', 'signature']) });
    expect(result.code).toBe(0);

    // the first public key alone, and what it hands over to: nothing asked of AWS
    const successors = ['--origin', origin, '--public-key', pems[0] ?? '', '--accept-successors'];
    expect(summary(await verify(sealer.stats.file, successors, {}))).toMatchObject({ verdict: 'ok', records: n });
    // without its word the second key counts for nothing
    expect((await verify(sealer.stats.file, ['--origin', origin, '--public-key', pems[0] ?? ''], {})).code).toBe(2);
  });

  it.each<[string, string, (arn: string) => Promise<void> | void, (arn: string) => Promise<void> | void]>([
    ['throttled', 'THROTTLED', () => refuse('ThrottlingException', 'Rate exceeded'), heal],
    ['with an expired session', 'UNAUTHENTICATED', () => refuse('ExpiredTokenException', 'expired'), heal],
    ['denied', 'ACCESS_DENIED', () => refuse('AccessDeniedException', 'not authorized'), heal],
    ['cut off', 'UNAVAILABLE', cut, heal],
    ['disabled', 'KEY_DISABLED', (arn) => admin.disable(arn), (arn) => admin.enable(arn)],
    ['pending deletion', 'KEY_PENDING_DELETION', (arn) => admin.doom(arn), (arn) => admin.spare(arn)],
  ])('the signing key is %s: %s, sealing goes on, and all verifies afterwards', async (_what, code, begin, end) => {
    const { wrap, sign, wrapAlias, signAlias } = await makeKeys();
    const sealer = seal({ keyId: wrapAlias, signingKeyId: signAlias }, { checkpointMaxRecords: 10 });
    await sealer.flush();
    await begin(sign);
    const outage = new Promise<unknown>((resolve) => sealer.once('outage', ({ error }) => resolve(error)));
    for (let n = 0; n < 10; n += 1) sealer.write(`{"n":${n}}\n`);
    const error = await outage;
    expect(isTamperError(error) && error.code).toBe(code);
    for (let n = 10; n < 25; n += 1) sealer.write(`{"n":${n}}\n`);
    await end(sign);
    await sealer.flush();
    await sealer.close();
    const result = await verifyHere(sealer.stats.file, [...wrapFlags(wrap), '--public-key', await publicKeyFile(sign)]);
    expect(summary(result)).toEqual({ verdict: 'ok', records: 25, checkedBy: [['mac', 'signature']] });
    expect(readFileSync(sealer.stats.file, 'utf8')).toContain('"why":"key_service"');
  });
});

it('without @aws-sdk/client-kms: the exact message and code, at the first call and not before', async () => {
  const bare = await buildPackage({ own: true });
  const program = `
    import { AwsKmsProvider } from './dist/providers/aws-kms/index.js';
    await import('./dist/index.js');
    const provider = new AwsKmsProvider({ region: 'eu-west-1' });
    await provider.rotateCheck();
    await provider.getKey('alias/a', { origin: 'a.example/b', kid: 'AAAAAAAA.1' }).catch((error) => {
      console.log(JSON.stringify([error.code, error.message]));
    });
    await provider.close();`;
  writeFileSync(join(bare.directory, 'program.mjs'), program);
  const { stdout, stderr } = await bare.run([], { program: 'program.mjs' });
  bare.remove();
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual([
    'DEPENDENCY_MISSING',
    'AWS KMS support requires @aws-sdk/client-kms. Install it with: npm install @aws-sdk/client-kms',
  ]);
});

function refuse(name: string, message: string): void {
  proxy.fault = () => awsError(name, message);
}

function cut(): void {
  proxy.fault = () => 'drop';
}

function heal(): void {
  proxy.fault = () => undefined;
}

it('a key that is disabled or pending deletion is refused at the start, by alias and by ARN', async () => {
  const { sign, signAlias } = await makeKeys();
  await admin.disable(sign);
  for (const keyId of [sign, signAlias]) {
    await expect(seal({ keyId, useKmsSigning: true }).ready).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  }
  await admin.enable(sign);
  await admin.doom(sign);
  for (const keyId of [sign, signAlias]) {
    await expect(seal({ keyId, useKmsSigning: true }).ready).rejects.toMatchObject({ code: 'KEY_PENDING_DELETION' });
  }
});
