import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKeyProvider } from '../../../src/index.ts';
import { checkAwsKms } from '../../../src/providers/aws-kms/doctor.ts';
import { type AwsKmsOptions, AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { KmsAdmin } from './admin.ts';
import { type CredentialServer, startCredentialServer } from './credential-server.ts';
import { AwsEnvironment } from './environment.ts';

const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
let server: SharedServer;
let proxy: KmsProxy;
let environment: AwsEnvironment;
let arn: string;
let made: AwsKmsProvider[];

beforeAll(async () => {
  server = running('moto');
  proxy = await startKmsProxy(server.url);
  const admin = new KmsAdmin(server.url);
  arn = await admin.createKey();
  admin.close();
});
beforeEach(async () => {
  environment = await AwsEnvironment.begin({ AWS_ENDPOINT_URL_KMS: proxy.url });
  proxy.calls.length = 0;
  made = [];
});
afterEach(async () => {
  for (const provider of made) await provider.close();
  await environment.end();
});
afterAll(async () => {
  await proxy?.stop();
});

function provider(options: AwsKmsOptions = {}): AwsKmsProvider {
  const one = new AwsKmsProvider({ maxAttempts: 1, ...options });
  made.push(one);
  return one;
}

/** Mints a data key and returns the access key id and the session token that the request was signed with. */
async function signedWith(one: AwsKmsProvider): Promise<{ accessKey: string | undefined; token: unknown }> {
  (await one.getKey(arn, context)).erase();
  const headers = proxy.calls.at(-1)?.headers ?? {};
  return {
    accessKey: /Credential=([^/]+)\//.exec(String(headers.authorization))?.[1],
    token: headers['x-amz-security-token'],
  };
}

describe('the default credential chain', () => {
  it('environment variables, and the endpoint from AWS_ENDPOINT_URL_KMS', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'ASIAENVIRONMENT';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    process.env['AWS_SESSION_TOKEN'] = 'session';
    expect(await signedWith(provider())).toEqual({ accessKey: 'ASIAENVIRONMENT', token: 'session' });
  });

  it('a profile', async () => {
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = await environment.file(
      'credentials',
      '[audit]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n',
    );
    process.env['AWS_PROFILE'] = 'audit';
    expect(await signedWith(provider())).toEqual({ accessKey: 'AKIAPROFILE', token: undefined });
  });

  it('a profile that is named, before the keys and the profile of the environment', async () => {
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = await environment.file(
      'credentials',
      '[audit]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n',
    );
    process.env['AWS_ACCESS_KEY_ID'] = 'ASIAENVIRONMENT';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    const named = await createKeyProvider({ keySource: 'aws-kms', keyId: arn, awsProfile: 'audit' });
    made.push(named as AwsKmsProvider);
    for (const one of [provider({ profile: 'audit' }), named as AwsKmsProvider]) {
      expect(await signedWith(one)).toEqual({ accessKey: 'AKIAPROFILE', token: undefined });
    }
    await expect(provider({ profile: 'absent' }).getKey(arn, context)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it('a profile that assumes a role, with an external id and a name for the session', async () => {
    process.env['AWS_ENDPOINT_URL_STS'] = server.url;
    process.env['AWS_CONFIG_FILE'] = await environment.file(
      'config',
      '[profile audit]\nrole_arn = arn:aws:iam::123456789012:role/audit-writer\nrole_session_name = host-7\nexternal_id = 4711\ncredential_source = Environment\n',
    );
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIASOURCE';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    const { accessKey, token } = await signedWith(provider({ profile: 'audit' }));
    expect(accessKey).toMatch(/^ASIA/);
    expect(token).toEqual(expect.any(String));
  });

  it('a process', async () => {
    const credentials = { Version: 1, AccessKeyId: 'ASIAPROCESS', SecretAccessKey: 'secret', SessionToken: 'session' };
    const file = await environment.file('issued.json', JSON.stringify(credentials));
    process.env['AWS_CONFIG_FILE'] = await environment.file('config', `[default]\ncredential_process = cat ${file}\n`);
    expect(await signedWith(provider())).toEqual({ accessKey: 'ASIAPROCESS', token: 'session' });
  });

  describe('containers: ECS and EKS Pod Identity', () => {
    let issuer: CredentialServer;
    beforeEach(async () => {
      issuer = await startCredentialServer('pod-identity-token');
      process.env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] = issuer.url;
    });
    afterEach(() => issuer.stop());

    it('asks once, with the token of the environment', async () => {
      process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN'] = 'pod-identity-token';
      const one = provider();
      expect(await signedWith(one)).toEqual({ accessKey: 'ASIACONTAINER1', token: 'canary-container-token' });
      expect((await signedWith(one)).accessKey).toBe('ASIACONTAINER1');
      expect(issuer.asked).toEqual(['pod-identity-token']);
    });

    it('asks again before the session ends, with the token that the file holds by then', async () => {
      const file = await environment.file('token', 'stale-token');
      process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] = file;
      await writeFile(file, 'pod-identity-token');
      issuer.lifetimeSeconds = 60; // within the five minutes before which the SDK renews
      const one = provider();
      const first = await signedWith(one);
      // the SDK renews beside the call that finds the session near its end: the next ones have the new one
      await expect.poll(async () => (await signedWith(one)).accessKey).not.toBe(first.accessKey);
      expect(issuer.asked.length).toBeGreaterThanOrEqual(2);
    });

    it('a refusal is UNAUTHENTICATED', async () => {
      process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN'] = 'wrong-token';
      await expect(provider().getKey(arn, context)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    });

    it('an endpoint that hangs ends with the deadline', async () => {
      process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN'] = 'pod-identity-token';
      issuer.hangs = true;
      const failure = provider({ timeoutMs: 400 }).getKey(arn, context);
      await expect(failure).rejects.toMatchObject({ code: 'TIMEOUT' });
    });

    it('doctor says where they come from and until when, and nothing secret', async () => {
      process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN'] = 'pod-identity-token';
      const checks = await checkAwsKms({ options: {}, context });
      expect(checks.find((check) => check.name === 'credentials')).toMatchObject({
        outcome: 'ok',
        detail: expect.stringMatching(/^access key ASIA…NER1 from http, until 20/),
      });
      expect(JSON.stringify(checks)).not.toContain('canary');
    });
  });

  describe('web identity: IRSA', () => {
    beforeEach(async () => {
      process.env['AWS_WEB_IDENTITY_TOKEN_FILE'] = await environment.file('jwt', 'header.payload.signature');
      process.env['AWS_ROLE_ARN'] = 'arn:aws:iam::123456789012:role/log-writer';
      process.env['AWS_ROLE_SESSION_NAME'] = 'fapilog-tamper';
    });

    it('exchanges the token for a session at STS', async () => {
      process.env['AWS_ENDPOINT_URL_STS'] = server.url;
      const { accessKey, token } = await signedWith(provider());
      expect(accessKey).toMatch(/^ASIA/);
      expect(token).toEqual(expect.any(String));
    });

    it.each([
      ['InvalidIdentityToken', 'UNAUTHENTICATED'],
      ['ExpiredTokenException', 'UNAUTHENTICATED'],
      ['AccessDenied', 'UNAUTHENTICATED'],
    ])('STS saying %s is %s', async (name, code) => {
      const sts = await startKmsProxy();
      const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${name}</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>`;
      sts.fault = () => ({ status: 400, raw: body });
      process.env['AWS_ENDPOINT_URL_STS'] = sts.url;
      await expect(provider().getKey(arn, context)).rejects.toMatchObject({ code });
      await sts.stop();
    });
  });

  it('nothing at all is UNAUTHENTICATED, with what to do', async () => {
    await expect(provider().getKey(arn, context)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      hint: expect.stringContaining('doctor'),
    });
    expect(proxy.calls).toEqual([]);
  });
});

describe('what only moto does', () => {
  beforeEach(() => {
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIATEST';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
  });

  it('answers SignatureValid: false instead of throwing, which is false too', async () => {
    const admin = new KmsAdmin(server.url);
    const key = await admin.createKey('ECC_NIST_P256');
    const { Signature = new Uint8Array() } = await admin.kms.sign({
      KeyId: key,
      Message: Buffer.from('text'),
      SigningAlgorithm: 'ECDSA_SHA_256',
    });
    admin.close();
    const bare = { source: 'aws-kms', identity: key, algorithm: 'ecdsa-p256-sha256' } as const;
    expect(await provider().verify(bare, Buffer.from('text'), Signature)).toBe(true);
    expect(await provider().verify(bare, Buffer.from('other'), Signature)).toBe(false);
  });
});
