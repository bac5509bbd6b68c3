import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BaoNamespace, pick } from '../../servers/openbao.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { keys, makeToken, startTransit } from './transit-server.ts';

let server: BaoNamespace;
let built: BuiltPackage;

beforeAll(async () => {
  [server, built] = await Promise.all([startTransit(), buildPackage()]);
  await server.api('POST', 'sys/auth/approle', { type: 'approle' });
  await server.api('POST', 'auth/approle/role/w', { token_policies: ['writer'] });
});
afterAll(async () => {
  await server.stop();
  built.remove();
});

test('seals with a writer by AppRole, verifies with an auditor by token, and doctor finds all well', async () => {
  const role = pick(await server.api('GET', 'auth/approle/role/w/role-id'), 'data', 'role_id');
  const secretId = pick(await server.api('POST', 'auth/approle/role/w/secret-id', {}), 'data', 'secret_id');
  const file = (name: string): string => join(built.directory, name);
  writeFileSync(file('secret-id'), `${secretId}\n`);
  const common = [
    'key_source: vault',
    `vault_addr: ${server.url}`,
    `vault_path: ${keys.data}`,
    'signing_key_id: audit-sign',
    'origin: audit.example.com/command-line',
  ];
  writeFileSync(
    file('writer.yaml'),
    [
      ...common,
      'vault_auth_method: approle',
      `vault_role: ${role}`,
      `vault_secret_id_file: ${file('secret-id')}`,
      `state_dir: ${file('state')}`,
    ].join('\n'),
  );
  writeFileSync(file('auditor.yaml'), common.join('\n'));
  const env = { HOME: built.directory };
  const lines = Array.from({ length: 100 }, (_, index) => `{"n":${index}}\n`).join('');

  const doctor = await built.run(['doctor', '--config', file('writer.yaml')], { env });
  expect(doctor.stderr).toBe('');
  expect(doctor.code).toBe(0);
  expect(doctor.stdout).toContain('permission: update transit/sign/audit-sign');

  const sealed = await built.run(['seal', '--config', file('writer.yaml'), '--out', file('audit.jsonl')], {
    env,
    input: lines,
  });
  expect(sealed.stderr).toContain('sealed 100 lines');
  expect(sealed.code).toBe(0);

  const VAULT_TOKEN = await makeToken(server, { policies: ['auditor'] });
  const verified = await built.run(['verify', file('audit.jsonl'), '--config', file('auditor.yaml')], {
    env: { ...env, VAULT_TOKEN },
  });
  expect(`${verified.stdout}${verified.stderr}`).not.toMatch(/TAMPERED|UNDECIDED/i);
  expect(verified.code).toBe(0);
  for (const { stdout, stderr } of [doctor, sealed, verified]) {
    for (const secret of [secretId, VAULT_TOKEN]) expect(`${stdout}${stderr}`).not.toContain(secret);
  }
});
