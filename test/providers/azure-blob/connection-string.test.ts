import { describe, expect, it } from 'vitest';
import { openContainer, parseConnectionString } from '../../../src/providers/azure-blob/open-container.ts';

const KEY = 'aHVudGVyMg=='; // hunter2

describe('a connection string', () => {
  it.each([
    [
      `DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=${KEY};EndpointSuffix=core.windows.net`,
      { endpoint: 'https://acct.blob.core.windows.net', accountKey: KEY, signature: undefined },
    ],
    [
      `AccountName=acct;AccountKey=${KEY};EndpointSuffix=core.usgovcloudapi.net;`,
      { endpoint: 'https://acct.blob.core.usgovcloudapi.net', accountKey: KEY, signature: undefined },
    ],
    [
      `AccountName=acct;AccountKey=${KEY};BlobEndpoint=http://127.0.0.1:10000/acct/`,
      { endpoint: 'http://127.0.0.1:10000/acct', accountKey: KEY, signature: undefined },
    ],
    [
      'BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=2024&sig=a%2Bb%3D',
      { endpoint: 'https://acct.blob.core.windows.net', accountKey: undefined, signature: 'sv=2024&sig=a%2Bb%3D' },
    ],
    [
      'BlobEndpoint=https://acct.blob.core.chinacloudapi.cn',
      { endpoint: 'https://acct.blob.core.chinacloudapi.cn', accountKey: undefined, signature: undefined },
    ],
    [
      'EndpointSuffix=core.usgovcloudapi.net',
      { endpoint: 'https://acct.blob.core.usgovcloudapi.net', accountKey: undefined, signature: undefined },
    ],
  ])('%s is read', (text, connection) => {
    expect(parseConnectionString(text, 'acct')).toEqual(connection);
  });

  it("of the emulator means the emulator's own account, and no other", () => {
    expect(parseConnectionString('UseDevelopmentStorage=true', 'devstoreaccount1')).toMatchObject({
      endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
      accountKey: expect.any(String),
    });
    expect(() => parseConnectionString('UseDevelopmentStorage=true', 'acct')).toThrow(/account acct/);
  });

  it.each([
    ['hunter2', /NAME=VALUE/],
    [`AccountName=acct;${KEY.replaceAll('=', '')}`, /NAME=VALUE/],
    [`AccountName=other;AccountKey=${KEY}`, /is not that of the account acct/],
    [`AccountName=other;AccountKey=${KEY};BlobEndpoint=https://acct.blob.core.windows.net`, /account acct/],
    [`AccountKey=${KEY};BlobEndpoint=https://other.blob.core.windows.net`, /account acct/],
    [`AccountKey=${KEY};BlobEndpoint=http://127.0.0.1:10000/other`, /account acct/],
    [`AccountName=acct;AccountKey=${KEY};BlobEndpoint=nowhere`, /address/],
    [`AccountName=acct;AccountKey=${KEY};BlobEndpoint=ftp://acct.example.com`, /address/],
    ['AccountName=acct;BlobEndpoint=https://acct:hunter2@acct.blob.core.windows.net', /password/],
    ['AccountName=acct;BlobEndpoint=https://acct.blob.core.windows.net?sig=hunter2', /query/],
  ])('%j is refused, and not shown', async (text, message) => {
    const invalid = expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) });
    const env = { AZURE_STORAGE_CONNECTION_STRING: text };
    const error: unknown = await openContainer('acct', 'logs', { env }).catch((thrown: unknown) => thrown);
    expect(error).toEqual(invalid);
    for (const secret of ['hunter2', KEY, KEY.replaceAll('=', '')]) expect(String(error)).not.toContain(secret);
  });

  it.each([
    `AccountName=acct;AccountKey=${KEY};BlobEndpoint=http://acct.example.com`,
    `DefaultEndpointsProtocol=http;AccountName=acct;AccountKey=${KEY}`,
    'AccountName=acct;BlobEndpoint=http://127.0.0.1:10000/acct',
  ])('%j is refused: it would send what is secret over plain http', async (text) => {
    const opened = openContainer('acct', 'logs', { env: { AZURE_STORAGE_CONNECTION_STRING: text } });
    await expect(opened).rejects.toMatchObject({
      code: 'INSECURE_ENDPOINT',
      message: expect.not.stringContaining(KEY),
    });
  });
});
