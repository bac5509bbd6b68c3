import { BlobServiceClient, type ContainerClient, ContainerSASPermissions } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openContainer } from '../../../src/providers/azure-blob/open-container.ts';
import { openStorage } from '../../../src/providers/open-storage.ts';
import { parseLocation } from '../../../src/storage/location.ts';
import { ACCOUNT, ACCOUNT_KEY as KEY } from '../../servers/azurite.ts';
import { type Fault, FaultProxy } from '../../servers/fault-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { listedIn, type StorageUnderTest, testObjectStorage } from '../../support/storage-conformance.ts';
import { testStorageFaults } from '../../support/storage-faults.ts';

/** Azure Blob Storage as Azurite has it. */

const VARIABLE = 'AZURE_STORAGE_CONNECTION_STRING';

let server: SharedServer;
let proxy: FaultProxy;
let admin: BlobServiceClient;
let made = 0;
const before = process.env[VARIABLE];
const connection = (url: string, key = KEY): string =>
  `AccountName=${ACCOUNT};AccountKey=${key};BlobEndpoint=${url}/${ACCOUNT}`;

beforeAll(async () => {
  server = running('azurite');
  proxy = await FaultProxy.start({ upstream: server.url, operationOf: ({ method = '' }) => method });
  admin = BlobServiceClient.fromConnectionString(`DefaultEndpointsProtocol=http;${connection(server.url)}`);
});
afterAll(async () => {
  await proxy?.stop();
});
beforeEach(() => {
  process.env[VARIABLE] = connection(server.url);
});
afterEach(() => {
  if (before === undefined) delete process.env[VARIABLE];
  else process.env[VARIABLE] = before;
});

async function container(): Promise<StorageUnderTest & { client: ContainerClient }> {
  const name = `logs-${++made}`;
  const client = admin.getContainerClient(name);
  await client.create();
  const opened = (of: string, requestTimeoutMs = 60_000) => openContainer(ACCOUNT, of, { requestTimeoutMs });
  return {
    client,
    store: await opened(name),
    another: (requestTimeoutMs) => opened(name, requestTimeoutMs),
    write: async (key, content, encoding) => {
      const body = Buffer.from(content as Uint8Array);
      const blobHTTPHeaders = encoding === undefined ? {} : { blobContentEncoding: encoding };
      await client.getBlockBlobClient(key).upload(body, body.length, { blobHTTPHeaders });
    },
    remove: async (key) => {
      await client.getBlobClient(key).delete();
    },
    absent: () => opened('there-is-no-such-container'),
  };
}

const refusal = (status: number, code: string): Fault => ({
  kind: 'status',
  status,
  headers: { 'x-ms-error-code': code, 'content-type': 'application/xml' },
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>refused ${KEY}</Message></Error>`,
});

describe('Azure Blob Storage', () => {
  testObjectStorage({
    open: container,
    refused: ['.', '..', '../up', 'a/../b', 'a/./b', 'back\\slash'],
    manyObjects: 1_010,
  });
});

describe('Azure Blob Storage that misbehaves', () => {
  beforeEach(() => {
    process.env[VARIABLE] = connection(proxy.url);
  });
  testStorageFaults({
    open: container,
    proxy: () => proxy,
    secrets: [KEY, 'canary-account-key-of-the-store'],
    refusals: {
      denied: refusal(403, 'AuthorizationPermissionMismatch'),
      unknown: refusal(403, 'AuthenticationFailed'),
    },
    versionHeader: 'etag',
  });

  it('says what keeps a blob from being written or read, and takes none of it for a lost race', async () => {
    const { store } = await container();
    const put = () => store.put('a', Buffer.from('x'), undefined);
    proxy.inject(refusal(412, 'LeaseIdMissing'));
    await expect(put()).rejects.toMatchObject({ code: 'ACCESS_DENIED', hint: expect.stringMatching(/lease/) });
    proxy.inject(refusal(409, 'BlobImmutableDueToPolicy'));
    await expect(put()).rejects.toMatchObject({ code: 'ACCESS_DENIED', hint: expect.stringMatching(/immutability/) });
    proxy.inject(refusal(409, 'BlobArchived'));
    await expect(store.get('a', 10)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: false,
      hint: expect.stringMatching(/archive/),
    });
  });
});

/** A listing as Azure gives it: one page. */
const listing = (...names: string[]): Fault => ({
  kind: 'status',
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="${server.url}/" ContainerName="logs"><Blobs>${names
    .map(
      (name) =>
        `<Blob><Name>${name}</Name><Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties></Blob>`,
    )
    .join('')}</Blobs><NextMarker /></EnumerationResults>`,
});

describe('a container of Azure', () => {
  it('is opened by its location', async () => {
    const { write } = await container();
    await write('logs/a', 'x');
    const store = await openStorage(parseLocation(`az://${ACCOUNT}/logs-${made}/logs`));
    expect(store.name).toBe(`az://${ACCOUNT}/logs-${made}`);
    expect(await listedIn(store, 'logs/')).toHaveLength(1);
    store.close();
  });

  // Azurite lists by JavaScript's order of strings. Azure lists by UTF-16 too; with a hierarchical namespace folder by folder.
  it.each([
    ['by UTF-16', ['a', '😀', '\uff41']],
    ['folder by folder', ['A', 'A/1', 'A-B', 'A-B/2', 'A.C']],
  ])('that lists %s is put in the order of the bytes', async (_, names) => {
    process.env[VARIABLE] = connection(proxy.url);
    const { store } = await container();
    proxy.inject(listing(...names));
    const sorted = [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    expect((await listedIn(store)).map(({ key }) => key)).toEqual(sorted);
    expect(sorted).not.toEqual(names);
    proxy.inject(listing('a', 'a'));
    await expect(listedIn(store)).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
    proxy.heal();
  });

  it('is opened with a shared access signature, which is in no error', async () => {
    const { write, client } = await container();
    await write('a', 'x');
    const url = await client.generateSasUrl({
      permissions: ContainerSASPermissions.parse('rl'),
      expiresOn: new Date(Date.now() + 3_600_000),
    });
    const signature = url.slice(url.indexOf('?'));
    process.env[VARIABLE] = `BlobEndpoint=${server.url}/${ACCOUNT};SharedAccessSignature=${signature}`;
    const store = await openStorage(parseLocation(`az://${ACCOUNT}/logs-${made}`));
    expect(await listedIn(store)).toHaveLength(1);
    expect((await store.get('a', 10))?.bytes.toString()).toBe('x');
    const denied: unknown = await store.put('b', Buffer.from('x'), undefined).catch((error: unknown) => error);
    expect(denied).toMatchObject({ code: 'ACCESS_DENIED' });
    const secret = new URL(url).searchParams.get('sig') ?? '';
    for (const form of [secret, encodeURIComponent(secret)]) expect(String(denied)).not.toContain(form);
  });

  it('whose key is another one is an error that says so', async () => {
    await container();
    process.env[VARIABLE] = connection(server.url, Buffer.from('canary-of-a-wrong-key').toString('base64'));
    const store = await openStorage(parseLocation(`az://${ACCOUNT}/logs-${made}`));
    // Azure answers 403 AuthenticationFailed (UNAUTHENTICATED, see above); Azurite answers as to one who may not
    const refused = { code: 'ACCESS_DENIED', message: expect.stringMatching(/AuthorizationFailure/) };
    await expect(listedIn(store)).rejects.toMatchObject(refused);
    await expect(store.put('a', Buffer.from('x'), undefined)).rejects.toMatchObject(refused);
  });
});
