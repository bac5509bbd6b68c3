import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { S3 } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseSignedCheckpoint } from '../../../src/format/checkpoint.ts';
import type { Sealer } from '../../../src/index.ts';
import { audit, ORIGIN, start, signingWorkplace as workplace } from '../../seal/workplace.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { AwsEnvironment } from '../aws-kms/environment.ts';

/** Anchors in a bucket with Object Lock: written once, read back at a start (M6.5). MiniStack checks no credentials. */

const SECRET = 'canary-secret-access-key-of-the-anchor';
const TOKEN = 'canary-session-token-of-the-anchor';
const credentials = {
  AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST',
  AWS_SECRET_ACCESS_KEY: SECRET,
  AWS_SESSION_TOKEN: TOKEN,
};
const FOLDER = `audit/${createHash('sha256').update(ORIGIN).digest('hex')}/`;
const keyOf = (size: number): string => `${FOLDER}${String(size).padStart(16, '0')}.note`;

/** What S3 answers with where it refuses a request: it repeats what it was sent. */
const xml = (code: string): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>refused</Message><CanonicalRequest>x-amz-security-token:${TOKEN}</CanonicalRequest></Error>`;

/** Whether a request is answered, or kept waiting, before it gets to the server. */
type Refusal = (request: IncomingMessage, response: ServerResponse) => unknown;
let refuse: Refusal | undefined;
const gate = createServer((request, response) => {
  if (refuse?.(request, response)) return;
  const { method, url: path, headers } = request;
  const { port } = new URL(server.url);
  const behind = forward({ host: '127.0.0.1', port, method, path, headers }, (reply) => {
    response.writeHead(reply.statusCode ?? 500, reply.headers);
    reply.pipe(response);
  });
  behind.on('error', (error) => response.destroy(error));
  request.pipe(behind);
});

let server: SharedServer;
let s3: S3;
let environment: AwsEnvironment;
let made = 0;
let Bucket = '';
let anchors: string[] = [];
beforeAll(async () => {
  server = running('ministack');
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const key = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'administrator' };
  s3 = new S3({ region: 'eu-west-1', endpoint: server.url, forcePathStyle: true, credentials: key });
});
afterAll(async () => {
  s3?.destroy();
  gate.closeAllConnections();
  gate.close();
});
beforeEach(async () => {
  environment = await AwsEnvironment.begin({
    ...credentials,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(gate.address() as AddressInfo).port}`,
  });
  refuse = undefined;
  Bucket = `checkpoints-${++made}`;
  anchors = [`s3://${Bucket}/audit`];
  await s3.createBucket({ Bucket, ObjectLockEnabledForBucket: true });
  await s3.putObjectLockConfiguration({
    Bucket,
    ObjectLockConfiguration: {
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 30 } },
    },
  });
});
afterEach(async () => environment.end());

async function keys(): Promise<string[]> {
  const { Contents = [] } = await s3.listObjectsV2({ Bucket });
  return Contents.map(({ Key = '' }) => Key);
}

async function noteAt(size: number): Promise<string> {
  const { Body } = await s3.getObject({ Bucket, Key: keyOf(size) });
  return (await Body?.transformToString()) ?? '';
}

/** Waits until the bucket has the checkpoint of a size. */
async function arrived(size: number): Promise<void> {
  while (!(await keys()).includes(keyOf(size))) await new Promise((resolve) => setTimeout(resolve, 20));
}

interface Told {
  readonly code?: string | undefined;
  readonly message: string;
}

async function logged(options: Parameters<typeof start>[0], ...lines: string[]): Promise<[Sealer, Told[]]> {
  const sealer = start(options);
  const warnings: Told[] = [];
  sealer.on('warning', (warning) => warnings.push(warning));
  for (const line of lines) sealer.write(line);
  await sealer.ready;
  await sealer.close();
  return [sealer, warnings];
}

/** A log of two runs, both anchored, whose files and state are put back to the end of the first. */
async function rolledBack(): Promise<ReturnType<typeof workplace> & { sizes: [number, number] }> {
  const place = workplace();
  const { directory, file, options } = place;
  const [first] = await logged({ ...options(), anchors }, '{"n":1}');
  await arrived(first.stats.size);
  const copy = join(directory, 'copy');
  cpSync(join(directory, 'state'), join(copy, 'state'), { recursive: true });
  cpSync(file, join(copy, 'audit.jsonl'));
  const [second] = await logged({ ...options(), anchors }, '{"n":2}');
  await arrived(second.stats.size);
  for (const name of ['state', 'audit.jsonl']) {
    rmSync(join(directory, name), { recursive: true });
    cpSync(join(copy, name), join(directory, name), { recursive: true });
  }
  return { ...place, sizes: [first.stats.size, second.stats.size] };
}

describe('an anchor in S3', () => {
  it('gets each checkpoint as an object of its own, and a log that agrees with it goes on', async () => {
    const { directory, options, provider } = workplace();
    for (const line of ['{"n":1}', '{"n":2}', '{"n":3}']) {
      const [sealer, warnings] = await logged({ ...options(), anchors }, line);
      const { size } = sealer.stats;
      await arrived(size);
      expect(parseSignedCheckpoint(await noteAt(size))).toMatchObject({ origin: ORIGIN, size });
      expect(warnings).toEqual([]);
    }
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('without a prefix, and without Object Lock, works too', async () => {
    await s3.createBucket({ Bucket: `plain-${made}` });
    anchors = [`s3://plain-${made}`];
    const [sealer] = await logged({ ...workplace().options(), anchors }, '{"n":1}');
    Bucket = `plain-${made}`;
    const key = keyOf(sealer.stats.size).replace('audit/', '');
    while (!(await keys()).includes(key)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('cannot lose a checkpoint before its time: the version is locked, with the rights of an administrator', async () => {
    const [sealer] = await logged({ ...workplace().options(), anchors }, '{"n":1}');
    const { size } = sealer.stats;
    await arrived(size);
    const { VersionId, ObjectLockMode } = await s3.headObject({ Bucket, Key: keyOf(size) });
    expect(ObjectLockMode).toBe('COMPLIANCE');
    const gone = s3.deleteObject({ Bucket, Key: keyOf(size), VersionId, BypassGovernanceRetention: true });
    await expect(gone).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(await noteAt(size)).toContain(ORIGIN);
  });

  it('finds a log and its state that were rolled back together: nothing is written', async () => {
    const { options } = await rolledBack();
    await expect(start({ ...options(), anchors }).ready).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      message: expect.stringContaining('audit holds a checkpoint'),
    });
  });

  it('finds that everything was deleted', async () => {
    const { directory, file, options } = workplace();
    const [sealer] = await logged({ ...options(), anchors }, '{"n":1}');
    await arrived(sealer.stats.size);
    rmSync(file);
    rmSync(join(directory, 'state'), { recursive: true });
    await expect(start({ ...options(), anchors }).ready).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  it('finds another history of the same size', async () => {
    const { options: theirs, provider: keyProvider } = workplace();
    const [sealer] = await logged({ ...theirs(), anchors }, '{"n":"theirs"}');
    await arrived(sealer.stats.size);
    const ours = { ...workplace().options(), keyProvider };
    await logged(ours, '{"n":"ours"}');
    await expect(start({ ...ours, anchors }).ready).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  it('that was away at the start tells later: what it has is not written over', async () => {
    const { options, sizes } = await rolledBack();
    const before = await noteAt(sizes[1]);
    refuse = (request, response) => request.method === 'GET' && response.writeHead(403).end(xml('AccessDenied'));
    const sealer = start({ ...options(), anchors });
    const warnings: Told[] = [];
    sealer.on('warning', (warning) => warnings.push(warning));
    sealer.write('{"n":"instead"}');
    await sealer.ready;
    refuse = undefined;
    await sealer.close();
    expect(sealer.stats.size).toBe(sizes[1]);
    const alarm = (): Told | undefined =>
      warnings.find(({ message }) => message.includes(`where checkpoint ${sizes[1]} of ${ORIGIN} belongs`));
    while (alarm() === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(alarm()?.code).toBe('STATE_CONFLICT');
    expect(warnings[0]?.message).toContain('could not be asked');
    expect(await noteAt(sizes[1])).toBe(before);
  });

  it('that holds something else where a checkpoint belongs is told of', async () => {
    const { options } = workplace();
    const [sealer] = await logged(options(), '{"n":1}');
    await s3.putObject({ Bucket, Key: keyOf(sealer.stats.size + 1), Body: 'x' });
    await s3.putObject({ Bucket, Key: keyOf(sealer.stats.size + 2), Body: 'x'.repeat(70_000) });
    const [, warnings] = await logged({ ...options(), anchors }, '{"n":2}');
    expect(warnings[0]).toMatchObject({
      code: 'RESPONSE_MALFORMED',
      message: expect.stringMatching(/ is not the signed checkpoint that its name says, and neither is 1 more$/),
    });
  });

  it('of another stream in the same bucket does not matter', async () => {
    const [theirs] = await logged({ ...workplace().options(), origin: 'audit.example.com/other', anchors }, '{"n":1}');
    while ((await keys()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const [ours, warnings] = await logged({ ...workplace().options(), anchors }, '{"n":1}');
    expect([ours.stats.size, warnings]).toEqual([theirs.stats.size, []]);
  });

  it.each<[string, Refusal, string]>([
    [
      'refuses the credentials',
      (_, response) => response.writeHead(403).end(xml('InvalidAccessKeyId')),
      'InvalidAccessKeyId',
    ],
    [
      'refuses the signature',
      (_, response) => response.writeHead(403).end(xml('SignatureDoesNotMatch')),
      'SignatureDoesNotMatch',
    ],
    ['refuses everything', (_, response) => response.writeHead(403).end(xml('AccessDenied')), 'AccessDenied'],
    ['has no such bucket', (_, response) => response.writeHead(404).end(xml('NoSuchBucket')), 'NoSuchBucket'],
    ['fails', (_, response) => response.writeHead(500).end(xml('InternalError')), 'could not be asked'],
    ['babbles', (_, response) => response.end('<html>'), 'could not be asked'],
    ['hangs', () => true, 'no answer within'],
    ['cuts the line', (_, response) => response.destroy(), 'could not be asked'],
  ])('that %s is a warning without a secret, and holds nothing up', async (_, how, says) => {
    refuse = how;
    const { directory, options, provider } = workplace();
    const sealer = start({ ...options(), anchors });
    const warnings: unknown[] = [];
    sealer.on('warning', (warning) => warnings.push(warning));
    sealer.write('{"n":1}');
    await sealer.ready;
    await sealer.close();
    while (!inspect(warnings).includes('did not accept')) await new Promise((resolve) => setTimeout(resolve, 50));
    expect((warnings[0] as Told).message).toContain(says);
    for (const secret of [SECRET, TOKEN, 'administrator']) {
      expect(inspect(warnings, { depth: null, showHidden: true })).not.toContain(secret);
    }
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('without any credentials is a warning', async () => {
    for (const name of Object.keys(credentials)) delete process.env[name];
    const { directory, options, provider } = workplace();
    const [, warnings] = await logged({ ...options(), anchors }, '{"n":1}');
    expect(warnings[0]?.message).toContain('CredentialsProviderError');
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('over plain http to another host is asked nothing', async () => {
    process.env['AWS_ENDPOINT_URL'] = 'http://user:hunter2@s3.example.com';
    const [, warnings] = await logged({ ...workplace().options(), anchors }, '{"n":1}');
    expect(warnings[0]?.message).toContain('AWS_ENDPOINT_URL is plain http to another host');
    expect(inspect(warnings, { depth: null })).not.toContain('hunter2');
  });
});
