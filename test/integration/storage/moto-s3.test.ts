import { S3 } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Replaced } from '../../../src/foundation/file-identity.ts';
import { openBucket } from '../../../src/providers/aws-s3/open-bucket.ts';
import { openStorage } from '../../../src/providers/open-storage.ts';
import { parseLocation } from '../../../src/storage/location.ts';
import { type Fault, FaultProxy } from '../../servers/fault-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { listedIn, type StorageUnderTest, testObjectStorage } from '../../support/storage-conformance.ts';
import { testStorageFaults } from '../../support/storage-faults.ts';
import { AwsEnvironment } from '../aws-kms/environment.ts';

/** S3 as moto has it. */

const SECRET = 'canary-secret-access-key-of-the-store';
const TOKEN = 'canary-session-token-of-the-store';
const region = 'eu-west-1';

let server: SharedServer;
let proxy: FaultProxy;
let admin: S3;
let environment: AwsEnvironment;
let made = 0;
beforeAll(async () => {
  server = running('moto');
  proxy = await FaultProxy.start({ upstream: server.url, operationOf: ({ method = '' }) => method });
  const credentials = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'administrator' };
  admin = new S3({ region, endpoint: server.url, forcePathStyle: true, credentials });
});
afterAll(async () => {
  admin?.destroy();
  await proxy?.stop();
});
beforeEach(async () => {
  environment = await AwsEnvironment.begin({
    AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST',
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_SESSION_TOKEN: TOKEN,
    AWS_ENDPOINT_URL_S3: server.url,
  });
});
afterEach(() => environment.end());

async function bucket(): Promise<StorageUnderTest> {
  const Bucket = `logs-${++made}`;
  await admin.createBucket({ Bucket, CreateBucketConfiguration: { LocationConstraint: region } });
  const opened = (name: string, requestTimeoutMs = 60_000) => openBucket(name, { requestTimeoutMs });
  return {
    store: await opened(Bucket),
    another: (requestTimeoutMs) => opened(Bucket, requestTimeoutMs),
    write: async (Key, content, ContentEncoding) => {
      await admin.putObject({ Bucket, Key, Body: content, ...(ContentEncoding && { ContentEncoding }) });
    },
    remove: async (Key) => {
      await admin.deleteObject({ Bucket, Key });
    },
    absent: () => opened('there-is-no-such-bucket'),
  };
}

const refusal = (status: number, code: string): Fault => ({
  kind: 'status',
  status,
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>refused</Message><CanonicalRequest>x-amz-security-token:${TOKEN}</CanonicalRequest></Error>`,
});

describe('S3', () => {
  testObjectStorage({ open: bucket, refused: [], manyObjects: 1_010 });
});

describe('S3 that misbehaves', () => {
  beforeEach(() => {
    process.env['AWS_ENDPOINT_URL_S3'] = proxy.url;
  });
  testStorageFaults({
    open: bucket,
    proxy: () => proxy,
    secrets: [SECRET, TOKEN, 'AKIATESTTESTTESTTEST'],
    refusals: { denied: refusal(403, 'AccessDenied'), unknown: refusal(403, 'InvalidAccessKeyId') },
    versionHeader: 'etag',
  });

  it('says what is wrong with a bucket of another region, and with an object in an archive', async () => {
    const { store } = await bucket();
    proxy.inject(refusal(301, 'PermanentRedirect'));
    await expect(listedIn(store)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringMatching(/AWS_REGION/),
    });
    proxy.inject(refusal(403, 'InvalidObjectState'));
    await expect(store.get('a', 10)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: false,
      hint: expect.stringMatching(/restore/),
    });
  });

  it.each([
    ['says that there is more, and not where', '<IsTruncated>true</IsTruncated>'],
    ['goes in a circle', '<IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken>'],
    ['does not say whether there is more', ''],
  ])('whose listing %s is not believed', async (_, more) => {
    const { store } = await bucket();
    proxy.inject({
      kind: 'status',
      status: 200,
      body: `<?xml version="1.0"?><ListBucketResult>${more}</ListBucketResult>`,
    });
    await expect(listedIn(store)).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });

  it('whose keys are not in order is not believed', async () => {
    const { store } = await bucket();
    const key = (name: string): string => `<Contents><Key>${name}</Key><Size>1</Size><ETag>"1"</ETag></Contents>`;
    for (const names of [
      ['b', 'a'],
      ['a', 'a'],
      ['%F0%9F%98%80', '%EF%BD%81'],
    ]) {
      const body = `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${names.map(key).join('')}</ListBucketResult>`;
      proxy.inject({ kind: 'status', status: 200, body });
      await expect(listedIn(store)).rejects.toMatchObject({
        code: 'RESPONSE_MALFORMED',
        message: expect.stringMatching(/order/),
      });
    }
  });
});

describe('a bucket of S3', () => {
  it('is opened by its location, with the region that is named', async () => {
    delete process.env['AWS_REGION'];
    const { write } = await bucket();
    await write('logs/a', 'x');
    const store = await openStorage(parseLocation(`s3://logs-${made}/logs`), { region });
    expect(store.name).toBe(`s3://logs-${made}`);
    expect(await listedIn(store, 'logs/')).toHaveLength(1);
    store.close();
  });

  it('without a region, or without credentials, is an error that says so', async () => {
    await bucket();
    const location = parseLocation(`s3://logs-${made}`);
    delete process.env['AWS_REGION'];
    await expect(listedIn(await openStorage(location))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringMatching(/AWS_REGION/),
    });
    process.env['AWS_REGION'] = region;
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) delete process.env[name];
    await expect(listedIn(await openStorage(location))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('whose server knows no such key is an error that says so', async () => {
    const { store } = await bucket();
    const enforce = (after: string) => fetch(`${server.url}/moto-api/reset-auth`, { method: 'POST', body: after });
    await enforce('0');
    try {
      await expect(listedIn(store)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await expect(store.put('a', Buffer.from('x'), undefined)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    } finally {
      await enforce('inf');
    }
  });

  it('is asked nothing over plain http to another host', async () => {
    process.env['AWS_ENDPOINT_URL_S3'] = 'http://user:hunter2@s3.example.com';
    const opened = openStorage(parseLocation('s3://logs'));
    await expect(opened).rejects.toMatchObject({
      code: 'INSECURE_ENDPOINT',
      message: expect.not.stringContaining('hunter2'),
    });
  });
});

it('an object that was written again is another one, also with the same ETag', async () => {
  const { store, write } = await bucket();
  await write('a', 'content');
  const [before] = await listedIn(store);
  if (before === undefined) throw new Error('nothing is listed');
  expect(await store.read(before, 0, 7)).toEqual(Buffer.from('content'));
  let after = before;
  while (after.written === before.written) {
    await write('a', 'content');
    after = (await listedIn(store))[0] ?? before;
  }
  expect(after.version).toBe(before.version);
  await expect(store.read(before, 0, 7)).rejects.toBeInstanceOf(Replaced);
  expect(await store.read(after, 0, 7)).toEqual(Buffer.from('content'));
  store.close();
});
