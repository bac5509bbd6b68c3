import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { type BuiltPackage, buildPackage, type RunResult } from '../../support/built-package.ts';
import { someOf } from '../../support/tier.ts';
import { isolatedEnvironment, machineAccount, machineEnvironment } from './environment.ts';

let server: GcpKmsServer;
let built: BuiltPackage;
let serial = 0;

beforeAll(async () => {
  built = await buildPackage({ complete: true });
  server = await startGcpKms();
  await server.admin('configureAuthority', { metadataPrincipal: machineAccount });
  for (const role of ['viewer', 'cryptoKeyEncrypterDecrypter', 'signer', 'publicKeyViewer']) {
    await server.admin('grant', {
      principal: machineAccount,
      role: `roles/cloudkms.${role}`,
      resource: 'projects/test-project',
    });
  }
});
afterAll(async () => {
  await server?.stop();
  built?.remove();
});

function run(argv: string[], env: Record<string, string>, input = ''): Promise<RunResult> {
  return built.run(argv, { env: { ...env, HOME: server.directory }, input, cwd: server.directory });
}

const endpoints: [string, () => string][] = [
  ['gRPC over TLS', () => `localhost:${server.ports.grpcTls}`],
  ['gRPC over TLS, as a URL', () => `https://localhost:${server.ports.grpcTls}`],
  ['gRPC in plaintext', () => `localhost:${server.ports.grpc}`],
  ['gRPC in plaintext, as a URL', () => `http://127.0.0.1:${server.ports.grpc}`],
  ['REST over TLS', () => `https://localhost:${server.ports.https}`],
  ['REST in plaintext', () => `http://127.0.0.1:${server.ports.http}`],
];

describe.each(someOf(endpoints, endpoints.length - 1))('gcp_endpoint from the command line: %s', (_, endpoint) => {
  it('seals standard input, verifies it, and the doctor is content', async () => {
    const keyId = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const signingKeyId = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_ED25519');
    serial += 1;
    const file = join(server.directory, `audit-${serial}.jsonl`);
    const config = join(server.directory, `tamper-${serial}.yaml`);
    writeFileSync(
      config,
      [
        'key_source: gcp-kms',
        `key_id: ${keyId}`,
        `signing_key_id: ${signingKeyId}`,
        `gcp_endpoint: ${endpoint()}`,
        `file: ${file}`,
        `state_dir: ${join(server.directory, `state-${serial}`)}`,
        'origin: audit.example.com/command-line',
        '',
      ].join('\n'),
    );
    const env = machineEnvironment(server);
    const sealed = await run(['seal', '--config', config], env, '{"n":1}\n{"n":2}\n');
    expect(sealed).toMatchObject({ code: 0 });
    const verified = await run(['verify', file, '--config', config, '--format', 'json'], env);
    expect(verified).toMatchObject({ code: 0 });
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: 'ok', streams: [{ records: 2 }] });
    const doctor = await run(['doctor', '--config', config], env);
    expect(doctor.stdout).toMatch(/credentials/);
    expect(doctor.code).toBe(0);
  });
});

describe('what is refused', () => {
  const key = 'projects/test-project/locations/europe-west1/keyRings/audit/cryptoKeys/any';
  const flags = ['--key-source', 'gcp-kms', '--key-id', key, '--origin', 'audit.example.com/a', '--out', '-'];

  it('plaintext to another host, before anything is sent', async () => {
    const result = await run(
      ['seal', ...flags, '--gcp-endpoint', 'http://kms.example.com'],
      isolatedEnvironment(server),
      'x\n',
    );
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('INSECURE_ENDPOINT');
  });

  it('doctor without credentials says so, and does not crash', async () => {
    const endpoint = ['--gcp-endpoint', `localhost:${server.ports.grpcTls}`];
    const doctor = [
      'doctor',
      '--key-source',
      'gcp-kms',
      '--key-id',
      key,
      '--origin',
      'audit.example.com/a',
      ...endpoint,
    ];
    const result = await run(doctor, isolatedEnvironment(server));
    expect(result.code).not.toBe(0);
    expect(result.stdout + result.stderr).toContain('UNAUTHENTICATED');
    expect(result.stdout + result.stderr).not.toMatch(/unhandled|at .*\.js:\d+/i);
  });
});

it('without @google-cloud/kms: the exact message and code, at the first call and not before', async () => {
  const bare = await buildPackage({ own: true });
  const program = `
    import { GcpKmsProvider } from './dist/providers/gcp-kms/index.js';
    await import('./dist/index.js');
    const provider = new GcpKmsProvider();
    await provider.rotateCheck();
    const key = 'projects/p/locations/l/keyRings/r/cryptoKeys/k';
    for (const use of [
      () => provider.getKey(key, { origin: 'a.example/b', kid: 'AAAAAAAA.1' }),
      () => provider.sign(key, Buffer.from('x')),
    ]) await use().catch((error) => console.log(JSON.stringify([error.code, error.message])));
    await provider.close();`;
  writeFileSync(join(bare.directory, 'program.mjs'), program);
  const { stdout, stderr } = await bare.run([], { program: 'program.mjs' });
  bare.remove();
  expect(stderr).toBe('');
  const message = 'Google Cloud KMS support requires @google-cloud/kms. Install it with: npm install @google-cloud/kms';
  const line = JSON.stringify(['DEPENDENCY_MISSING', message]);
  expect(stdout).toBe(`${line}\n${line}\n`);
});
