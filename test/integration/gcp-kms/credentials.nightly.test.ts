import { generateKeyPairSync } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GcpKmsOptions } from '../../../src/providers/gcp-kms/index.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { type ChildReport, useKeysInChild } from './child.ts';
import { isolatedEnvironment, machineEnvironment, proxiedEnvironment } from './environment.ts';

const subjectToken = 'canary-subject-token';
const audience = '//iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/pool/providers/prov';
const workload = 'principal://iam.googleapis.com/workload';
const account = 'audit@test-project.iam.gserviceaccount.com';

let server: GcpKmsServer;
let dataKey: string;
let signingKey: string;
let serviceAccountPem: string;

beforeAll(async () => {
  server = await startGcpKms();
  dataKey = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
  signingKey = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
  for (const principal of ['machine', workload, account, 'user']) {
    for (const role of ['viewer', 'cryptoKeyEncrypter', 'signer', 'publicKeyViewer']) {
      await server.admin('grant', { principal, role: `roles/cloudkms.${role}`, resource: 'projects/test-project' });
    }
  }
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  serviceAccountPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' });
  await server.admin('registerServiceAccount', { email: account, publicKey });
});
beforeEach(async () => {
  await server.admin('configureAuthority', {
    mode: 'ok',
    metadataPrincipal: 'machine',
    subjectToken,
    audience,
    stsPrincipal: workload,
    refresh: {
      clientId: 'client',
      clientSecret: 'canary-client-secret',
      refreshToken: 'canary-refresh-token',
      principal: 'user',
    },
    impersonated: account,
  });
  await server.admin('clearJournals');
});
afterAll(() => server?.stop());

/** How the service is reached: the three ways that carry a token. */
const ways: [string, () => GcpKmsOptions][] = [
  ['gRPC over TLS', () => ({ gcpEndpoint: `localhost:${server.ports.grpcTls}`, transport: 'grpc' })],
  ['REST over TLS', () => ({ gcpEndpoint: `https://localhost:${server.ports.https}`, transport: 'rest' })],
  ['gRPC in plaintext', () => ({ gcpEndpoint: `http://127.0.0.1:${server.ports.grpc}` })],
];

async function credentialFile(name: string, content: object): Promise<Record<string, string>> {
  const file = path.join(server.directory, `${name}.json`);
  await writeFile(file, JSON.stringify(content));
  return { ...isolatedEnvironment(server), GOOGLE_APPLICATION_CREDENTIALS: file };
}

const sts = (source: object, more: object = {}): object => ({
  type: 'external_account',
  audience,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `http://127.0.0.1:${server.ports.authority}/sts`,
  credential_source: source,
  ...more,
});

async function subjectFile(): Promise<string> {
  const file = path.join(server.directory, 'subject-token.txt');
  await writeFile(file, subjectToken);
  return file;
}

async function executable(): Promise<string> {
  const file = path.join(server.directory, 'subject.sh');
  const answer = {
    version: 1,
    success: true,
    token_type: 'urn:ietf:params:oauth:token-type:jwt',
    id_token: subjectToken,
    expiration_time: 4_102_444_800,
  };
  await writeFile(file, `#!/bin/sh\ncat <<'END'\n${JSON.stringify(answer)}\nEND\n`);
  await chmod(file, 0o700);
  return file;
}

/** Where credentials come from, and whom the server then sees. */
const sources: [string, string, () => Promise<Record<string, string>>][] = [
  ['the metadata server', 'machine', async () => machineEnvironment(server)],
  [
    'a service account key',
    account,
    () =>
      credentialFile('service-account', {
        type: 'service_account',
        client_email: account,
        private_key: serviceAccountPem,
        project_id: 'test-project',
      }),
  ],
  [
    'workload identity from a file',
    workload,
    async () => credentialFile('from-file', sts({ file: await subjectFile() })),
  ],
  [
    'workload identity from a URL',
    workload,
    () =>
      credentialFile(
        'from-url',
        sts({
          url: `http://127.0.0.1:${server.ports.authority}/subject-token`,
          headers: {},
          format: { type: 'json', subject_token_field_name: 'tok' },
        }),
      ),
  ],
  [
    'workload identity from an executable',
    workload,
    async () => ({
      ...(await credentialFile(
        'from-executable',
        sts({ executable: { command: await executable(), timeout_millis: 5_000 } }),
      )),
      GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: '1',
    }),
  ],
  [
    'workload identity that impersonates a service account',
    account,
    async () =>
      credentialFile(
        'impersonating',
        sts(
          { file: await subjectFile() },
          {
            service_account_impersonation_url: `http://127.0.0.1:${server.ports.authority}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
          },
        ),
      ),
  ],
];

function expectSuccess(report: ChildReport): void {
  expect(report.stderr).toBe('');
  expect(report.outcomes.map(({ name, code, message }) => ({ name, code, message }))).toEqual([
    { name: 'getKey', code: 'ok' },
    { name: 'sign', code: 'ok' },
  ]);
  expect(report).toMatchObject({ exitCode: 0, alive: true });
}

describe.each(ways)('%s', (way, options) => {
  const known = way === 'gRPC in plaintext' ? sources.slice(0, 3) : sources;
  it.each(known)('uses the keys as the principal of %s', async (_source, principal, environment) => {
    const report = await useKeysInChild({ options: options(), dataKey, signingKey }, await environment());
    expectSuccess(report);
    const seen = await server.journal();
    expect(seen.map(({ method, outcome }) => `${method} ${outcome}`)).toEqual([
      'Encrypt OK',
      'ListCryptoKeyVersions OK',
      'GetPublicKey OK',
      'AsymmetricSign OK',
    ]);
    expect(new Set(seen.map((call) => call.principal))).toEqual(new Set([principal]));
  });
});

describe('with no endpoint configured, behind a proxy', () => {
  const user = {
    type: 'authorized_user',
    client_id: 'client',
    client_secret: 'canary-client-secret',
    refresh_token: 'canary-refresh-token',
  };

  async function proxied(name: string, content: object): Promise<Record<string, string>> {
    return { ...proxiedEnvironment(server), ...pick(await credentialFile(name, content)) };
  }
  const pick = ({ GOOGLE_APPLICATION_CREDENTIALS = '' }: Record<string, string>): Record<string, string> => ({
    GOOGLE_APPLICATION_CREDENTIALS,
  });

  it('uses the keys as the user of gcloud', async () => {
    const report = await useKeysInChild({ options: {}, dataKey, signingKey }, await proxied('user', user));
    expectSuccess(report);
    expect(new Set((await server.journal()).map((call) => call.principal))).toEqual(new Set(['user']));
  });

  it('uses the keys as the service account that the user impersonates', async () => {
    const impersonated = {
      type: 'impersonated_service_account',
      service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
      source_credentials: user,
    };
    const report = await useKeysInChild(
      { options: {}, dataKey, signingKey },
      await proxied('impersonated', impersonated),
    );
    expectSuccess(report);
    expect(new Set((await server.journal()).map((call) => call.principal))).toEqual(new Set([account]));
  });
});

describe('without credentials', () => {
  const deadlines = { timeoutMs: 4_500, attemptTimeoutMs: 3_500 };

  function expectCode(report: ChildReport, ...codes: string[]): void {
    expect(report.stderr).toBe('');
    expect(report.outcomes.length).toBeGreaterThanOrEqual(2);
    for (const { code } of report.outcomes) expect(codes).toContain(code);
    expect(report).toMatchObject({ exitCode: 0, alive: true });
    expect(JSON.stringify(report)).not.toMatch(/canary|ya29|PRIVATE KEY|Bearer/);
  }

  async function failing(options: GcpKmsOptions, env: Record<string, string>, uses = 1): Promise<ChildReport> {
    return useKeysInChild({ options: { ...options, ...deadlines }, dataKey, signingKey, uses }, env);
  }

  describe.each(ways.slice(0, 2))('%s', (_, options) => {
    it('none can be found: UNAUTHENTICATED, and the process lives', async () => {
      expectCode(await failing(options(), isolatedEnvironment(server), 3), 'UNAUTHENTICATED');
      expect(await server.journal()).toEqual([]);
    });

    it('the file is absent or unreadable: UNAUTHENTICATED, and nothing of it is repeated', async () => {
      const absent = { ...isolatedEnvironment(server), GOOGLE_APPLICATION_CREDENTIALS: '/nonexistent/key.json' };
      const report = await failing(options(), absent);
      expectCode(report, 'UNAUTHENTICATED');
      expect(JSON.stringify(report)).toContain('/nonexistent/key.json');
      const file = path.join(server.directory, 'broken.json');
      await writeFile(file, '{ "private_key": canary-of-a-broken-file }');
      const broken = { ...isolatedEnvironment(server), GOOGLE_APPLICATION_CREDENTIALS: file };
      expectCode(await failing(options(), broken), 'UNAUTHENTICATED');
    });

    it.each([
      ['refuses', 'refuse', 'UNAUTHENTICATED'],
      ['answers 503', 'unavailable', 'UNAVAILABLE'],
      ['hangs', 'hang', 'TIMEOUT'],
      ['issues a token that the service does not know', 'unknown-token', 'UNAUTHENTICATED'],
    ])('the token service %s', async (_what, mode, code) => {
      const environment = await credentialFile('workload', sts({ file: await subjectFile() }));
      await server.admin('configureAuthority', { mode });
      expectCode(await failing(options(), environment), code);
      // gcp-metadata repeats a 503 by itself, which may take as long as an attempt
      const late = mode === 'unavailable' ? ['TIMEOUT'] : [];
      expectCode(await failing(options(), machineEnvironment(server)), code, ...late);
    });

    it('the token service is not there: UNAVAILABLE', async () => {
      const source = sts({ file: await subjectFile() }, { token_url: 'http://127.0.0.1:1/sts' });
      expectCode(await failing(options(), await credentialFile('absent-sts', source)), 'UNAVAILABLE');
    });
  });
});
