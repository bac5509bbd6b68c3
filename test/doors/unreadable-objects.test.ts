import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';

/**
 * One object of a bucket that cannot be read, beside a log or of it, is a finding that names it: it is kept apart, everything else is
 * verified, and tampering is told as if it were not there.
 */

const ORIGIN = 'doors.example.com/objects';
const DAY = '2026-11-24T23:00:00.000Z';

/** How an object is listed, and refused. */
const refusals = {
  'an archived class': [403, 'InvalidObjectState'],
  'no right to it': [403, 'AccessDenied'],
  'a key of encryption that is gone': [400, 'KMS.DisabledException'],
  'one that is listed and not there': [404, 'NoSuchKey'],
  'another length than is listed': [200, ''],
} as const;

const objects = new Map<string, Buffer>();
const locked = new Map<string, (typeof refusals)[keyof typeof refusals]>();
let server: Server;
const directory = mkdtempSync(join(tmpdir(), 'unreadable-'));

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://s3');
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    if (key === '') {
      const prefix = url.searchParams.get('prefix') ?? '';
      const listed = [...objects].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
      const members = listed.map(
        ([name, bytes]) =>
          `<Contents><Key>${encodeURIComponent(name)}</Key><Size>${bytes.length}</Size><ETag>"1"</ETag><LastModified>${DAY}</LastModified></Contents>`,
      );
      response.end(
        `<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>${members.join('')}</ListBucketResult>`,
      );
      return;
    }
    const bytes = objects.get(key);
    const [status, code] = locked.get(key) ?? (bytes === undefined ? [404, 'NoSuchKey'] : [206, '']);
    if (status >= 300 || bytes === undefined) {
      response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
      return;
    }
    const [, from = '0', to = ''] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const part = bytes.subarray(Number(from), Number(to) + 1);
    const length = status === 200 ? bytes.length + 7 : bytes.length;
    const headers = { etag: '"1"', 'last-modified': new Date(DAY).toUTCString(), 'content-length': part.length };
    response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${to}/${length}` }).end(part);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATESTTESTTESTTEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'of-no-account');
  writeFileSync(join(directory, 'key.pub'), `${vkeyOf('doors', edKey)}\n`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  objects.clear();
  locked.clear();
  for (const { name, bytes } of rotated().toFiles()) objects.set(`logs/${name}`, bytes);
});

/** Three files of one run. */
function rotated(): SealedLog {
  const log = new SealedLog(ORIGIN);
  log.file = 'audit-1.jsonl';
  log
    .open({ signers: [edKey] })
    .seal()
    .checkpoint()
    .record(...records(1))
    .seal()
    .checkpoint();
  for (const n of [2, 3]) {
    log
      .close('rotated')
      .checkpoint()
      .rotate(`audit-${n}.jsonl`)
      .record(...records(n))
      .seal()
      .checkpoint();
  }
  return log.close().checkpoint();
}

const records = (n: number): string[] => Array.from({ length: 5 }, (_, at) => `{"n":${n * 10 + at}}`);

const verify = () =>
  runCommand(['verify', 's3://bucket/logs', '--origin', ORIGIN, '--public-key', join(directory, 'key.pub')]);

function alterRecord(): void {
  const bytes = objects.get('logs/audit-1.jsonl') ?? expect.fail('no such file');
  objects.set('logs/audit-1.jsonl', Buffer.from(bytes.toString().replace('{"n":11', '{"n":17')));
}

it('a log of several objects is ok, and tampered with one record altered', async () => {
  expect(await verify()).toMatchObject({ code: 0 });
  alterRecord();
  expect(await verify()).toMatchObject({ code: 1 });
});

describe.each(Object.entries(refusals))('%s', (_what, refusal) => {
  it.each(['a-stray.jsonl', 'inner/zz.log', 'audit-2.jsonl.manifest.json'])(
    'beside the log, %s, is named and leaves it undecided, and an altered record tampered',
    async (name) => {
      const key = `logs/${name}`;
      objects.set(key, Buffer.from('x'.repeat(100)));
      locked.set(key, refusal);
      const good = await verify();
      expect(good.stdout + good.stderr).toContain(name);
      expect(good.code, good.stdout + good.stderr).toBe(2);
      expect(good.stdout).toMatch(/UNREADABLE/);
      expect(good.stdout).not.toMatch(/INTERNAL|TAMPERED/);
      alterRecord();
      const bad = await verify();
      expect(bad.stdout).toContain(name);
      expect(bad.stdout).toContain('TAMPERED');
      expect(bad.code).toBe(1);
    },
  );

  it.each([1, 2, 3])('of the log itself, the object %d, is named and leaves it undecided', async (n) => {
    locked.set(`logs/audit-${n}.jsonl`, refusal);
    const { code, stdout, stderr } = await verify();
    expect(stdout + stderr).toContain(`audit-${n}.jsonl`);
    expect(code, stdout + stderr).toBe(2);
  });
});
