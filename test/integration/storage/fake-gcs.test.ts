import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openGcsBucket } from '../../../src/providers/gcp-storage/open-bucket.ts';
import { openStorage } from '../../../src/providers/open-storage.ts';
import { parseLocation } from '../../../src/storage/location.ts';
import { type Fault, FaultProxy } from '../../servers/fault-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { listedIn, type StorageUnderTest, testObjectStorage } from '../../support/storage-conformance.ts';
import { testStorageFaults } from '../../support/storage-faults.ts';

/**
 * Google Cloud Storage as fake-gcs-server has it. It differs from Google's in this: it checks no credentials, and its 404
 * says "Not Found" of an object and of a bucket alike.
 */

const TOKEN = 'canary-access-token-of-the-store';
const SUBJECT = 'canary-subject-token-of-the-store';

let server: SharedServer;
let proxy: FaultProxy;
let folder: string;
let made = 0;
/** Exchanges the token of a workload for one of Google's (RFC 8693). */
let refuseToken = 0;
const tokens = createServer((_, response) => {
  const type = 'urn:ietf:params:oauth:token-type:access_token';
  const token = { access_token: TOKEN, issued_token_type: type, token_type: 'Bearer', expires_in: 3600 };
  const refusal = { error: 'invalid_grant', error_description: `no use of ${SUBJECT}` };
  response.writeHead(refuseToken || 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(refuseToken ? refusal : token));
});
const variables = ['STORAGE_EMULATOR_HOST', 'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_PROJECT', 'HOME'] as const;
const before = Object.fromEntries(variables.map((name) => [name, process.env[name]]));

beforeAll(async () => {
  server = running('fake-gcs');
  proxy = await FaultProxy.start({ upstream: server.url, operationOf: ({ method = '' }) => method });
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-gcs-'));
  tokens.listen(0, '127.0.0.1');
  await once(tokens, 'listening');
  writeFileSync(join(folder, 'subject.txt'), SUBJECT);
});
afterAll(async () => {
  tokens.closeAllConnections();
  tokens.close();
  await proxy?.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  for (const name of variables) delete process.env[name];
  process.env['HOME'] = folder; // no credentials of whoever runs the tests
  process.env['STORAGE_EMULATOR_HOST'] = server.url;
  refuseToken = 0;
});
afterEach(() => {
  for (const name of variables) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

/** Names credentials: those of a workload outside of Google. */
function withCredentials(): void {
  const credentials = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/pool/providers/prov',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/sts`,
    credential_source: { file: join(folder, 'subject.txt') },
  };
  writeFileSync(join(folder, 'credentials.json'), JSON.stringify(credentials));
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = join(folder, 'credentials.json');
}

async function asked(path: string, init: RequestInit): Promise<void> {
  const response = await fetch(`${server.url}${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

async function bucket(): Promise<StorageUnderTest> {
  const name = `logs-${++made}`;
  const headers = { 'content-type': 'application/json' };
  await asked('/storage/v1/b?project=p', { method: 'POST', headers, body: JSON.stringify({ name }) });
  const opened = (of: string, requestTimeoutMs = 60_000) => openGcsBucket(of, { requestTimeoutMs });
  return {
    store: await opened(name),
    another: (requestTimeoutMs) => opened(name, requestTimeoutMs),
    write: (key, content, encoding) => {
      const query = new URLSearchParams({
        uploadType: 'media',
        name: key,
        ...(encoding && { contentEncoding: encoding }),
      });
      const body = new Uint8Array(Buffer.from(content as Uint8Array));
      return asked(`/upload/storage/v1/b/${name}/o?${query}`, { method: 'POST', body });
    },
    remove: (key) => asked(`/storage/v1/b/${name}/o/${encodeURIComponent(key)}`, { method: 'DELETE' }),
    absent: () => opened('there-is-no-such-bucket'),
  };
}

const refusal = (code: number, reason: string, message: string): Fault => ({
  kind: 'status',
  status: code,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ error: { code, message, errors: [{ message, domain: 'global', reason }] } }),
});

describe('Google Cloud Storage', () => {
  testObjectStorage({ open: bucket, refused: ['.', '..'], manyObjects: 1_010 });
});

describe('Google Cloud Storage that misbehaves', () => {
  beforeEach(() => {
    withCredentials();
    process.env['STORAGE_EMULATOR_HOST'] = proxy.url;
  });
  testStorageFaults({
    open: bucket,
    proxy: () => proxy,
    secrets: [TOKEN, SUBJECT],
    refusals: {
      denied: refusal(
        403,
        'forbidden',
        `auditor@x.iam.gserviceaccount.com has no storage.objects.get, Bearer ${TOKEN}`,
      ),
      unknown: refusal(401, 'authError', `Invalid Credentials: Bearer ${TOKEN}`),
    },
    versionHeader: 'x-goog-generation',
  });

  it('names who may not do what', async () => {
    const { store } = await bucket();
    proxy.inject(
      refusal(403, 'forbidden', 'auditor@x.iam.gserviceaccount.com does not have storage.objects.list access'),
    );
    await expect(listedIn(store)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringMatching(/auditor@x\.iam\.gserviceaccount\.com does not have storage\.objects\.list/),
    });
  });

  it('waits as long as it was asked to by whoever limits it', async () => {
    const { store } = await bucket();
    proxy.inject(refusal(403, 'rateLimitExceeded', 'slow down'), { times: 2 });
    expect(await listedIn(store)).toEqual([]);
  });

  it('says in the words of Google that the bucket, or the object, is not there', async () => {
    const { store } = await bucket();
    proxy.inject(refusal(404, 'notFound', 'The specified bucket does not exist.'));
    await expect(store.get('a', 10)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.read({ key: 'a', size: 10, version: '1' }, 0, 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    proxy.inject({ kind: 'status', status: 404, body: 'No such object: logs/a' });
    proxy.resetCounts();
    expect(await store.get('a', 10)).toBeUndefined();
    expect(proxy.count()).toBe(1);
  });

  it.each([
    ['is an object of another kind', { kind: 'storage#bucket' }],
    ['has names that are none', { kind: 'storage#objects', items: [{ name: 1, size: '1', generation: '1' }] }],
    ['has sizes that are none', { kind: 'storage#objects', items: [{ name: 'a', size: '-1', generation: '1' }] }],
    ['has no versions', { kind: 'storage#objects', items: [{ name: 'a', size: '1' }] }],
    ['goes in a circle', { kind: 'storage#objects', nextPageToken: 'again' }],
    [
      'is not in order',
      { kind: 'storage#objects', items: ['b', 'a'].map((name) => ({ name, size: '1', generation: '1' })) },
    ],
  ])('whose listing %s is not believed', async (_, body) => {
    const { store } = await bucket();
    proxy.inject({ kind: 'status', status: 200, body: JSON.stringify(body) });
    await expect(listedIn(store)).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });
});

describe('a bucket of Google', () => {
  it('is opened by its location', async () => {
    const { write } = await bucket();
    await write('logs/a', 'x');
    for (const host of [server.url, `${server.url}/`, `${server.url}/storage/v1`, server.url.replace('http://', '')]) {
      process.env['STORAGE_EMULATOR_HOST'] = host;
      const store = await openStorage(parseLocation(`gs://logs-${made}/logs`));
      expect(store.name).toBe(`gs://logs-${made}`);
      expect(await listedIn(store, 'logs/')).toHaveLength(1);
      store.close();
    }
  });

  it('is asked with the token that the credentials of this host give', async () => {
    withCredentials();
    const { store, write } = await bucket();
    await write('a', 'x');
    let sent: string | undefined;
    const seeing = await FaultProxy.start({
      upstream: server.url,
      operationOf: ({ headers }) => {
        sent = headers.authorization;
        return '';
      },
    });
    process.env['STORAGE_EMULATOR_HOST'] = seeing.url;
    expect(await listedIn(await openStorage(parseLocation(store.name)))).toHaveLength(1);
    await seeing.stop();
    expect(sent).toBe(`Bearer ${TOKEN}`);
  });

  it.each([
    [400, 'UNAUTHENTICATED'],
    [503, 'UNAVAILABLE'],
  ])(
    'whose credentials are answered with %d is an error without a secret, and asked again afterwards',
    async (status, code) => {
      withCredentials();
      const { store } = await bucket();
      refuseToken = status;
      const error: unknown = await listedIn(store).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, hint: expect.stringMatching(/Application Default Credentials/) });
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain(SUBJECT);
      refuseToken = 0;
      expect(await listedIn(store)).toEqual([]);
    },
  );

  it('without credentials where some are named is an error, and does not end the process', async () => {
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = join(folder, 'there-is-no-such-file.json');
    const { store } = await bucket();
    await expect(listedIn(store)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(store.put('a', Buffer.from('x'), undefined)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each([
    ['http://user:hunter2@storage.example.com', /password/, 'CONFIG_INVALID'],
    ['http://storage.example.com', /plain http/, 'INSECURE_ENDPOINT'],
    ['ftp://127.0.0.1', /neither http nor https/, 'CONFIG_INVALID'],
    ['https://127.0.0.1:443/hunter2', /path/, 'CONFIG_INVALID'],
    ['http://127.0.0.1/?hunter2', /query/, 'CONFIG_INVALID'],
    ['http://', /cannot be read/, 'CONFIG_INVALID'],
  ])('is not opened at %s', async (host, message, code) => {
    process.env['STORAGE_EMULATOR_HOST'] = host;
    const opened = openStorage(parseLocation('gs://logs'));
    await expect(opened).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(opened).rejects.toMatchObject({ message: expect.not.stringContaining('hunter2') });
  });
});
