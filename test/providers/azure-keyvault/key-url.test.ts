import { describe, expect, it } from 'vitest';
import { AzureKeyVaultProvider } from '../../../src/providers/azure-keyvault/index.ts';
import {
  answeredVersion,
  assertAnsweredBy,
  keyUrl,
  parseKeyUrl,
  versionUrl,
} from '../../../src/providers/azure-keyvault/key-url.ts';

const version = '0123456789abcdef0123456789abcdef';

describe('the name of an Azure key', () => {
  it.each([
    ['https://v.vault.azure.net/keys/audit', 'https://v.vault.azure.net', undefined],
    ['https://V.vault.azure.net/keys/audit/', 'https://v.vault.azure.net', undefined],
    [`https://v.vault.azure.net:443/keys/audit/${version}`, 'https://v.vault.azure.net', version],
    ['https://h.managedhsm.azure.net/keys/audit', 'https://h.managedhsm.azure.net', undefined],
    ['https://v.vault.azure.cn/keys/audit', 'https://v.vault.azure.cn', undefined],
    ['https://localhost:8443/keys/audit', 'https://localhost:8443', undefined],
    ['http://127.0.0.1:8080/keys/audit', 'http://127.0.0.1:8080', undefined],
    ['http://[::1]:8080/keys/audit', 'http://[::1]:8080', undefined],
  ])('%s', (keyId, vaultUrl, expected) => {
    expect(parseKeyUrl(keyId)).toEqual({ vaultUrl, name: 'audit', version: expected });
  });

  it('may be a name alone where the vault is configured', () => {
    const url = parseKeyUrl(`audit/${version}`, 'https://v.vault.azure.net/');
    expect(versionUrl(url, version)).toBe(`https://v.vault.azure.net/keys/audit/${version}`);
    expect(keyUrl(parseKeyUrl('audit', 'https://v.vault.azure.net'))).toBe('https://v.vault.azure.net/keys/audit');
  });

  it.each([
    'audit',
    '',
    'https://v.vault.azure.net',
    'https://v.vault.azure.net/keys',
    'https://v.vault.azure.net/keys/',
    'https://v.vault.azure.net/secrets/audit',
    'https://v.vault.azure.net/keys/a_b',
    'https://v.vault.azure.net/keys/..%2Fsecrets',
    'https://v.vault.azure.net/keys/audit/v/sign',
    'https://v.vault.azure.net/keys/audit?api-version=1',
    'https://v.vault.azure.net/keys/audit#x',
    'https://user:password@v.vault.azure.net/keys/audit',
    'ftp://v.vault.azure.net/keys/audit',
    `https://v.vault.azure.net/keys/${'a'.repeat(128)}`,
  ])('is not %j', (keyId) => {
    expect(() => parseKeyUrl(keyId)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('a password in it is not repeated', () => {
    expect(() => parseKeyUrl('https://user:canary@v.vault.azure.net/keys/audit')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('canary') }),
    );
  });

  it.each(['http://v.vault.azure.net/keys/audit', 'http://localhost.example/keys/audit', 'http://10.0.0.1/keys/audit'])(
    '%s is refused, because tokens would be sent in clear',
    (keyId) => {
      expect(() => parseKeyUrl(keyId)).toThrow(expect.objectContaining({ code: 'INSECURE_ENDPOINT' }));
    },
  );

  it('is checked before anything is asked', async () => {
    const provider = new AzureKeyVaultProvider();
    await expect(provider.sign('http://10.0.0.1/keys/audit', Buffer.from('x'))).rejects.toMatchObject({
      code: 'INSECURE_ENDPOINT',
    });
    await provider.close();
    expect(() => new AzureKeyVaultProvider({ vaultUrl: 'http://10.0.0.1' })).toThrow(
      expect.objectContaining({ code: 'INSECURE_ENDPOINT' }),
    );
  });
});

describe('the version that an answer is from', () => {
  const asked = { vaultUrl: 'https://v.vault.azure.net', name: 'audit', version: undefined };
  const local = { vaultUrl: 'https://localhost:8443', name: 'audit', version: undefined };

  it.each([
    [asked, `https://v.vault.azure.net/keys/audit/${version}`],
    [asked, `https://v.vault.azure.net:443/keys/Audit/${version}`],
    [local, `https://127.0.0.1:9443/keys/audit/${version}`],
  ])('%o: %s', (url, kid) => {
    expect(answeredVersion(kid, url, 'getKey')).toBe(version);
  });

  it.each([
    ['another host', `https://evil.example/keys/audit/${version}`],
    ['another port', `https://v.vault.azure.net:8443/keys/audit/${version}`],
    ['loopback, though the vault is not', `https://localhost/keys/audit/${version}`],
    ['another key', `https://v.vault.azure.net/keys/other/${version}`],
  ])('%s is not taken', (_, kid) => {
    expect(() => answeredVersion(kid, asked, 'getKey')).toThrow(
      expect.objectContaining({ code: 'RESPONSE_CORRUPTED' }),
    );
  });

  it('another version is not taken where one was asked for', () => {
    const kid = `https://v.vault.azure.net/keys/audit/${version}`;
    expect(() => answeredVersion(kid, { ...asked, version: 'f'.repeat(32) }, 'sign')).toThrow(
      expect.objectContaining({ code: 'RESPONSE_CORRUPTED' }),
    );
  });

  it.each([
    undefined,
    '',
    'audit',
    'https://v.vault.azure.net/keys/audit',
    `https://v.vault.azure.net/secrets/audit/${version}`,
    `https://v.vault.azure.net/keys/audit/${version}/x`,
    'https://v.vault.azure.net/keys/audit/%20',
  ])('%j names none', (kid) => {
    expect(() => answeredVersion(kid, asked, 'getKey')).toThrow(
      expect.objectContaining({ code: 'RESPONSE_MALFORMED' }),
    );
  });

  it('an operation may be answered without a version, but not for another key or version', () => {
    const pinned = { ...asked, version };
    for (const kid of [
      undefined,
      'https://v.vault.azure.net/keys/audit',
      `https://v.vault.azure.net/keys/audit/${version}`,
    ]) {
      expect(() => assertAnsweredBy(kid, pinned, 'sign')).not.toThrow();
    }
    for (const kid of [
      'https://v.vault.azure.net/keys/other',
      `https://v.vault.azure.net/keys/audit/${'f'.repeat(32)}`,
    ]) {
      expect(() => assertAnsweredBy(kid, pinned, 'sign')).toThrow(
        expect.objectContaining({ code: 'RESPONSE_CORRUPTED' }),
      );
    }
  });
});
