import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKeyProvider } from '../../../src/index.ts';
import { runCommand } from '../../support/command-line.ts';

/** Files with credentials that the AWS SDK reads by itself: what cannot be read is a matter of credentials, and no bug of ours. */

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'credentials-'));
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('HOME', directory);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const kinds: Readonly<Record<string, (file: string) => Readonly<Record<string, string>>>> = {
  'a web identity token': (file) => ({
    AWS_WEB_IDENTITY_TOKEN_FILE: file,
    AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/audit',
  }),
  'a Pod Identity token': (file) => ({
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:9/v1/credentials',
  }),
  'a web identity token of a profile': (file) => {
    const config = join(directory, 'config');
    const role = 'role_arn = arn:aws:iam::111122223333:role/audit';
    writeFileSync(config, `[default]\n${role}\nweb_identity_token_file = ${file}\n`);
    return { AWS_CONFIG_FILE: config };
  },
};
const unreadable: Readonly<Record<string, (file: string) => unknown>> = {
  absent: () => undefined,
  'a directory': (file) => mkdirSync(file),
  'a link to itself': (file) => symlinkSync(file, file),
};

describe.each(Object.entries(kinds))('%s', (_, variables) => {
  it.each(Object.entries(unreadable))('that is %s', async (__, make) => {
    mkdirSync(join(directory, 'tokens'));
    const file = join(directory, 'tokens', 'token');
    make(file);
    for (const [name, value] of Object.entries(variables(file))) vi.stubEnv(name, value);
    const provider = await createKeyProvider({ keySource: 'aws-kms', keyId: 'alias/audit' });
    await expect(provider.getSigningKey('alias/audit')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await provider.close();
    const { code, stderr } = await runCommand(['verify', 's3://bucket/logs', '--origin', 'o/a']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('UNAUTHENTICATED')]);
  });
});
