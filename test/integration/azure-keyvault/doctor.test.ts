import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkKeys } from '../../../src/index.ts';
import { type AzureDoctorSubject, checkAzureKeyVault } from '../../../src/providers/azure-keyvault/index.ts';
import { context, useAzureServer, writer, writerOptions } from './setup.ts';

const azure = useAzureServer();

const check = (
  subject: Omit<AzureDoctorSubject, 'options' | 'context'>,
  attemptTimeoutMs = 60_000,
): ReturnType<typeof checkAzureKeyVault> =>
  checkAzureKeyVault({
    ...subject,
    context,
    options: {
      ...writerOptions(azure.server),
      authorityHost: azure.server.authorityUrl,
      caCertificates: azure.server.caPem,
      retry: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
      attemptTimeoutMs,
    },
  });

const writerMay = (...allow: string[]): Promise<unknown> =>
  azure.server.admin('principal', { clientId: writer.clientId, allow });

function byName(checks: Awaited<ReturnType<typeof check>>): Record<string, string> {
  return Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));
}

describe('doctor', () => {
  it('says who we are, the state of the signing key, when it rotates and what we may do', async () => {
    const made = await azure.create('k', { rotates: 'P90D' });
    await writerMay('get', 'versions', 'rotationpolicy', 'sign');
    const checks = await check({ signingKeyId: azure.key('k') });
    expect(byName(checks)).toEqual({
      credentials: 'ok',
      'signing key: state': 'ok',
      'signing key: rotation': 'ok',
      'permission: list versions': 'ok',
      'permission: sign': 'ok',
    });
    const text = checks.map(({ detail }) => detail).join('\n');
    expect(text).toContain(`service principal, application ${writer.clientId}`);
    expect(text).toContain(azure.identity(made));
    expect(text).toContain('rotates by itself P90D');
    expect(text).not.toContain(writer.secret);
  });

  it('passes a writer with the data actions that the page names, and no others', async () => {
    await azure.create('k');
    const page = readFileSync(new URL('../../../docs/providers/azure-keyvault.md', import.meta.url), 'utf8');
    const role = /\{\s*"Name": "Audit log writer",[\s\S]*?\n\}/.exec(page)?.[0] ?? '';
    const { DataActions } = JSON.parse(role) as { DataActions: string[] };
    expect(DataActions).toEqual([expect.stringMatching(/keys\/read$/), expect.stringMatching(/keys\/sign\/action$/)]);
    await writerMay('get', 'versions', 'sign'); // keys/read is both reading and listing
    const checks = await check({ signingKeyId: azure.key('k') });
    expect(checks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });

  it('warns of a writer who can recover data keys, and praises one who cannot', async () => {
    await azure.create('o', { kty: 'oct-HSM' });
    const able = await check({ dataKeyId: azure.key('o') });
    expect(byName(able)).toMatchObject({ 'permission: encrypt': 'ok', 'permission: decrypt': 'warning' });
    await writerMay('get', 'versions', 'encrypt');
    const unable = await check({ dataKeyId: azure.key('o') });
    expect(byName(unable)).toMatchObject({
      'data key: rotation': 'ok',
      'permission: encrypt': 'ok',
      'permission: decrypt': 'ok',
    });
    const auditor = await check({ dataKeyId: azure.key('o'), role: 'auditor' });
    expect(byName(auditor)).toMatchObject({ 'permission: encrypt': 'warning', 'permission: decrypt': 'failed' });
  });

  it.each([
    ['a disabled key', { enabled: false }, 'failed'],
    ['an expired key', { exp: 1 }, 'failed'],
    ['a key that expires tomorrow', { exp: Math.floor(Date.now() / 1000) + 86_400 }, 'warning'],
    ['an AES key', { kty: 'oct-HSM' }, 'failed'],
  ])('%s', async (_, options, outcome) => {
    await azure.create('k', options);
    expect(byName(await check({ signingKeyId: azure.key('k') }))).toMatchObject({ 'signing key: state': outcome });
  });

  it('tells what cannot be asked from what is refused', async () => {
    await azure.create('k');
    await azure.server.admin('fault', { on: '*', kind: 'hang' });
    const hanging = await check({ signingKeyId: azure.key('k') }, 500);
    expect(byName(hanging)).toMatchObject({ 'signing key: state': 'unknown' });
    await azure.server.admin('clearFaults');
    await writerMay();
    const denied = await check({ signingKeyId: azure.key('k') });
    expect(byName(denied)).toMatchObject({ credentials: 'ok', 'signing key: state': 'failed' });
    await azure.server.admin('application', { clientId: writer.clientId, secret: 'changed' });
    const unknown = await check({ signingKeyId: azure.key('k') });
    expect(byName(unknown)).toMatchObject({ credentials: 'unknown', 'signing key: state': 'failed' });
    expect(unknown.at(-1)?.detail).toContain('UNAUTHENTICATED');
  });

  it('is part of the checks of a configuration', async () => {
    process.env['AZURE_TOKEN_CREDENTIALS'] = 'EnvironmentCredential';
    try {
      const checks = await checkKeys({
        keySource: 'azure-keyvault',
        keyId: azure.key('k'),
        useKmsSigning: true,
        origin: 'audit.example.com/azure',
      });
      expect(byName(checks)).toMatchObject({ credentials: 'unknown', 'signing key: state': 'failed' });
    } finally {
      delete process.env['AZURE_TOKEN_CREDENTIALS'];
    }
  });
});

it('a provider warns once of a client secret, and shows none of it', async () => {
  await azure.create('k');
  const provider = azure.provider();
  const said: string[] = [];
  provider.onWarning(({ code, message }) => said.push(`${code} ${message}`));
  await provider.getSigningKey(azure.key('k'));
  await provider.sign(azure.key('k'), Buffer.from('x'));
  expect(said).toEqual([expect.stringMatching(/^KEY_WARNING .*client secret/)]);
  expect(said.join()).not.toContain(writer.secret);
});
