import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStorage } from '../../../src/providers/open-storage.ts';
import { parseLocation } from '../../../src/storage/location.ts';
import { running } from '../../servers/running.ts';
import { runCommand } from '../../support/command-line.ts';
import { objectStores } from '../../support/object-stores.ts';
import { SealedLog } from '../../support/sealed-log.ts';
import { ed25519Key, vkeyOf } from '../../support/signing-keys.ts';

/** `verify`, `inspect` and `cat` on the three object stores: what they say is what they say of files. */

const signer = ed25519Key('storage');
const log = new SealedLog()
  .open({ signers: [signer] })
  .seal()
  .checkpoint();
log.record('one', '{"level":30,"msg":"two"}').close('rotated').checkpoint().rotate('second.jsonl').seal().checkpoint();
for (let at = 0; at < 3; at++) log.record(JSON.stringify({ at, fill: 'x'.repeat(900_000) }));
log.seal().checkpoint().close('rotated').checkpoint().rotate('third.jsonl').seal().checkpoint();
log.record('last').close().checkpoint();
const [first, second, third] = log.toFiles().map(({ bytes }) => bytes) as [Buffer, Buffer, Buffer];
const objects = { 'a b/+%.jsonl': first, 'second.jsonl.gz': gzipSync(second), 'third.jsonl': third };
const spoilt = Buffer.from(third.toString('latin1').replace('"line":"last"', '"line":"lost"'), 'latin1');

const folder = mkdtempSync(join(tmpdir(), 'storage-commands-'));
const keys = join(folder, 'signer.vkey');
writeFileSync(keys, `${vkeyOf(log.origin, signer)}\n`);
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(objectStores)('$scheme', ({ server, make }) => {
  let root: string;
  let before: Record<string, string | undefined>;
  beforeAll(async () => {
    const { env, ...bucket } = await make(running(server).url, 'commands');
    root = bucket.name;
    before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]));
    Object.assign(process.env, env);
    const storage = await openStorage(parseLocation(root));
    for (const [key, bytes] of Object.entries(objects)) await storage.put(`logs/${key}`, bytes, undefined);
    for (const [key, bytes] of Object.entries(objects)) await storage.put(`bad/${key}`, bytes, undefined);
    const last = await storage.get('bad/third.jsonl', 1 << 20);
    await storage.put('bad/third.jsonl', spoilt, last?.version);
    await storage.put('logs/notes.txt', Buffer.from('not sealed'), undefined);
    storage.close();
  });
  afterAll(async () => {
    for (const [name, value] of Object.entries(before ?? {})) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  const audit = async (...place: string[]) =>
    runCommand(['verify', ...place, '--origin', log.origin, '--public-key', keys, '--format', 'json']);

  it('verify: a folder is ok, with a file beside it that was never sealed', async () => {
    const { code, stdout, stderr } = await audit(`${root}/logs`);
    expect([code, stderr]).toEqual([0, '']);
    const report = JSON.parse(stdout) as { streams: { records: number; files: string[] }[]; ignored: unknown };
    expect(report.streams[0]?.records).toBe(6);
    expect(report.streams[0]?.files).toEqual(
      ['a b/+%.jsonl', 'second.jsonl.gz', 'third.jsonl'].map((key) => `${root}/logs/${key}`),
    );
    expect(report.ignored).toMatchObject({ files: [{ file: `${root}/logs/notes.txt`, why: 'nothing sealed' }] });
  });

  it('verify: objects by their names, in any order', async () => {
    const places = Object.keys(objects).map((key) => `${root}/logs/${key}`);
    expect((await audit(...places.reverse())).code).toBe(0);
  });

  it('verify: a changed record is found, in the object that has it', async () => {
    const { code, stdout } = await audit(`${root}/bad/`);
    expect(code).toBe(1);
    expect(stdout).toContain(`"file": "${root}/bad/third.jsonl"`);
  });

  it('inspect and cat: the entries, and the lines as they were written', async () => {
    const seen = await runCommand(['inspect', `${root}/logs`, '--format', 'json']);
    expect(JSON.parse(seen.stdout)).toMatchObject({ records: 6 });
    const lines = await runCommand(['cat', `${root}/logs`]);
    expect(lines.code).toBe(0);
    expect(lines.stdout.split('\n').filter((line) => line.length < 100)).toEqual([
      'one',
      '{"level":30,"msg":"two"}',
      'last',
      '',
    ]);
  });

  it('says what is not there: an object, a bucket', async () => {
    for (const place of [`${root}/none`, `${root}-too/logs`]) {
      const { code, stderr } = await audit(place);
      expect(code).toBe(2);
      expect(stderr).toContain(
        place
          .replace(/\/(logs|none)$/, '')
          .split('/')
          .at(-1),
      );
      expect(stderr).toMatch(/NOT_FOUND/);
      expect(stderr).toContain('hint:');
    }
  });
});
