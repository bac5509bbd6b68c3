import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { S3 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, exportTiles, TamperError } from '../../../src/index.ts';
import { FaultProxy } from '../../servers/fault-proxy.ts';
import { running } from '../../servers/running.ts';
import { grown, random, type Stage } from '../../support/growing-log.ts';
import { vkeyOf } from '../../support/signing-keys.ts';
import { times } from '../../support/tier.ts';
import { filesIn, readTiles } from '../../support/tile-reader.ts';
import { dataKey, edKey } from '../../vectors/keys.ts';
import { AwsEnvironment } from '../aws-kms/environment.ts';

/** A folder of a bucket as the place for tiles: interrupted anywhere, prepared by somebody else, it ends as a new one or is refused. */

const Bucket = 'tiles';
let folder = '';
let proxy: FaultProxy;
let admin: S3;
let environment: AwsEnvironment;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 's3-tiles-'));
  writeFileSync(join(folder, 'data.key'), dataKey.toString('base64'), { mode: 0o600 });
  const { url } = running('moto');
  proxy = await FaultProxy.start({ upstream: url, operationOf: ({ method = '' }) => method });
  const credentials = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'secret' };
  admin = new S3({ region: 'us-east-1', endpoint: url, forcePathStyle: true, credentials });
  await admin.createBucket({ Bucket });
  environment = await AwsEnvironment.begin({
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: proxy.url,
  });
});
afterAll(async () => {
  await environment.end();
  await proxy.stop();
  admin.destroy();
  rmSync(folder, { recursive: true });
});

let made = 0;
const place = (): string => join(folder, `place-${++made}`);

/** @returns its size, or why nothing was exported */
async function exported({ log }: Stage, tiles: string): Promise<number | string> {
  const files = place();
  mkdirSync(files);
  const paths = log.toFiles().map(({ name, bytes }) => {
    writeFileSync(join(files, name), bytes);
    return join(files, name);
  });
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)], dataKeyFiles: [join(folder, 'data.key')] });
  const now = new Date(log.clock + 1000);
  try {
    const { exported: tree, refusal } = await exportTiles({ paths, tiles, origin: log.origin, keys, live: true, now });
    return tree?.size ?? refusal?.message ?? '';
  } catch (error) {
    if (!(error instanceof TamperError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

async function keysOf(prefix: string): Promise<string[]> {
  const { Contents = [] } = await admin.listObjectsV2({ Bucket, Prefix: `${prefix}/` });
  return Contents.map(({ Key = '' }) => Key.slice(prefix.length + 1));
}

/** The folder as a directory. */
async function copied(prefix: string): Promise<string> {
  const copy = place();
  for (const key of await keysOf(prefix)) {
    const { Body, ContentType } = await admin.getObject({ Bucket, Key: `${prefix}/${key}` });
    expect(ContentType).toBe(key === 'checkpoint' ? 'text/plain; charset=utf-8' : 'application/octet-stream');
    mkdirSync(dirname(join(copy, key)), { recursive: true });
    writeFileSync(join(copy, key), (await Body?.transformToByteArray()) ?? '');
  }
  return copy;
}

interface Scene {
  readonly next: (below: number) => number;
  readonly keys: readonly string[];
  readonly last: Stage;
  put(key: string, bytes: string | Uint8Array): Promise<string>;
  remove(key: string): Promise<unknown>;
}

/** Each does one thing to the folder. @returns the object that it is about */
const attacks: Record<string, (scene: Scene) => Promise<string>> = {
  'nothing is done': async () => '',
  'an object is deleted': async ({ next, keys, remove }) => {
    await remove(keys[next(keys.length)] as string);
    return '';
  },
  'all tiles are deleted, and the last checkpoint is planted': async ({ keys, last, put, remove }) => {
    for (const key of keys) await remove(key);
    return put('checkpoint', last.log.note({ mac: false }));
  },
  'a tile is emptied': async ({ next, keys, put }) => {
    const tiles = keys.filter((key) => key !== 'checkpoint');
    return put(tiles[next(tiles.length)] as string, '');
  },
  'a tile has other bytes': async ({ next, keys, put }) => {
    const tiles = keys.filter((key) => key.startsWith('tile/0/'));
    const tile = tiles[next(tiles.length)] as string;
    return put(tile, Buffer.alloc(32 * Number(/\.p\/(\d+)/.exec(tile)?.[1] ?? 256)));
  },
  'something else is among the tiles': async ({ put }) => put('tile/x', 'x'),
  'a tile of a larger tree is there': async ({ put }) => put('tile/0/077', Buffer.alloc(8192)),
  'the checkpoint is long': async ({ put }) => put('checkpoint', Buffer.alloc(100_000)),
};

async function prepared(seed: number, prefix: string): Promise<Scene> {
  const next = random(seed * 7919 + 13);
  const stages = grown(seed, 300 + next(400));
  const last = stages.at(-1) as Stage;
  for (const stage of stages.slice(next(stages.length)).slice(0, 2)) {
    if (next(2) === 0) {
      let puts = 0;
      const from = 1 + next(8);
      const denied = '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>';
      proxy.inject(
        { kind: 'status', status: 403, body: denied },
        { only: (method) => method === 'PUT' && ++puts >= from },
      );
      expect([last.size, expect.stringMatching(/^ACCESS_DENIED/), stage.size]).toContainEqual(
        await exported(stage, `s3://${Bucket}/${prefix}`),
      );
      proxy.heal();
    } else expect(await exported(stage, `s3://${Bucket}/${prefix}`)).toBe(stage.size);
  }
  const keys = await keysOf(prefix);
  const put = async (key: string, bytes: string | Uint8Array): Promise<string> => {
    await admin.putObject({
      Bucket,
      Key: `${prefix}/${key}`,
      Body: Buffer.from(bytes as string),
      ContentType: key === 'checkpoint' ? 'text/plain; charset=utf-8' : 'application/octet-stream',
    });
    return key;
  };
  const remove = async (key: string): Promise<unknown> => admin.deleteObject({ Bucket, Key: `${prefix}/${key}` });
  return { next, keys, last, put, remove };
}

describe.each(Object.entries(attacks))('%s', (name, attack) => {
  it('in a bucket, before an export', async () => {
    for (let seed = 1; seed <= times(1, 20); seed++) {
      const prefix = `${name}/${seed}`;
      const scene = await prepared(seed, prefix);
      if (!scene.keys.some((key) => key.startsWith('tile/0/'))) continue; // interrupted at its first write
      const about = await attack(scene);
      const result = await exported(scene.last, `s3://${Bucket}/${prefix}`);
      if (typeof result === 'string') {
        expect([seed, result]).toEqual([seed, expect.stringContaining(`s3://${Bucket}/${prefix}/${about}`)]);
        expect(about).not.toBe('');
        continue;
      }
      const copy = await copied(prefix);
      const { size, strange } = readTiles(copy);
      expect([seed, size, result, strange]).toEqual([seed, scene.last.size, scene.last.size, []]);
      const fresh = place();
      await exported(scene.last, fresh);
      const files = filesIn(copy);
      for (const [path, bytes] of filesIn(fresh)) expect([seed, path, files.get(path)]).toEqual([seed, path, bytes]);
    }
  });
});

it('a write whose answer is lost is found to be ours', async () => {
  const [stage] = grown(5, 600).slice(-1) as [Stage];
  proxy.inject({ kind: 'lost' }, { only: (method) => method === 'PUT', times: 3 });
  expect(await exported(stage, `s3://${Bucket}/lost`)).toBe(stage.size);
  proxy.heal();
  expect(readTiles(await copied('lost'))).toMatchObject({ size: stage.size, strange: [] });
});

it('two exports at once leave one tree', async () => {
  const stages = grown(6, 600);
  const chosen = [stages.at(-1), stages.at(-2), stages.at(-1)] as Stage[];
  const results = await Promise.all(chosen.map((stage) => exported(stage, `s3://${Bucket}/both`)));
  const last = stages.at(-1) as Stage;
  for (const [at, result] of results.entries()) {
    const { size } = chosen[at] as Stage;
    // the shorter one may see tiles of the longer before there is a checkpoint that names them
    const early = size < last.size ? [expect.stringMatching(/\/tile\/.* is not of the first \d+ entries/)] : [];
    expect([size, expect.stringMatching(/^LOCKED .*meanwhile|only \d+ are proven/), ...early]).toContainEqual(result);
  }
  expect(await exported(last, `s3://${Bucket}/both`)).toBe(last.size);
  expect(readTiles(await copied('both'))).toMatchObject({ size: last.size, strange: [] });
});
