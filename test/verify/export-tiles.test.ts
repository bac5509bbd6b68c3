import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  auditorKeys,
  type ExportedTiles,
  type ExportTilesOptions,
  exportTiles,
  TamperError,
  verify,
} from '../../src/index.ts';
import { erasedWithLog, policyWith } from '../support/erased-log.ts';
import { grown, random } from '../support/growing-log.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { times } from '../support/tier.ts';
import { filesIn, leafHash, readTiles } from '../support/tile-reader.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { dataKey, edKey, p256Key } from '../vectors/keys.ts';
import { bothLog, macLog, signedLog, signKeys } from '../vectors/logs.ts';
import { edit } from '../vectors/spoil.ts';

/** A log as tiles that another reader reads, entry by entry, and what is never written (E5.1, E5.2, E5.3, E5.4, E5.5). */

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tiles-'));
  writeFileSync(join(folder, 'data.key'), dataKey.toString('base64'), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const codeOf = (error: unknown): string | undefined => (error instanceof TamperError ? error.code : undefined);
let made = 0;
const place = (): string => join(folder, `place-${++made}`);

function pathsOf(log: SealedLog, gz = false): string[] {
  const directory = place();
  mkdirSync(directory);
  return log.toFiles().map(({ name, bytes }) => {
    const path = join(directory, gz ? `${name}.gz` : name);
    writeFileSync(path, gz ? gzipSync(bytes) : bytes);
    return path;
  });
}

const keysOf = ({ origin }: SealedLog) =>
  auditorKeys({ publicKeys: [vkeyOf(origin, edKey)], dataKeyFiles: [join(folder, 'data.key')] });

async function exported(log: SealedLog, tiles: string, more: Partial<ExportTilesOptions> = {}): Promise<ExportedTiles> {
  const options = { origin: log.origin, keys: keysOf(log), live: true, now: new Date(log.clock + 1000) };
  return exportTiles({ paths: pathsOf(log), tiles, ...options, ...more });
}

/** What is there is the log up to its checkpoint: each entry hashes to the leaf that the writer gave it. */
function expectTiles(tiles: string, log: SealedLog, size: number): void {
  const read = readTiles(tiles);
  expect([read.origin, read.size]).toEqual([log.origin, size]);
  if (log.size === size) expect(read.strange).toEqual([]);
  const leaves = read.entries.map((entry) => leafHash(entry).toString('latin1'));
  expect(leaves.findIndex((leaf, at) => leaf !== log.leaves[at])).toBe(-1);
}

describe('a log as tiles', () => {
  it.each([2, 255, 256, 257, 511, 512, 513])(
    'of %i entries has every tile that C2SP tlog-tiles asks for',
    async (size) => {
      const right = new SealedLog().open(signKeys).seal().checkpoint();
      while (right.size < size - 1) right.record(`{"n":${right.size}}`);
      if (size > 2) right.close().checkpoint();
      const tiles = place();
      const { report, exported: tree } = await exported(right, tiles);
      expect(report.verdict).toBe('ok');
      expect(tree).toMatchObject({ origin: right.origin, size, before: 0, readable: size > 2 });
      expectTiles(tiles, right, size);
      expect(readTiles(tiles).note).toBe(tree?.checkpoint);
    },
  );

  it('grows by whatever steps to the same bytes as at once, with restarts, files, abandoned tails and salts', async () => {
    let abandoned = 0;
    for (let seed = 1; seed <= times(3, 30); seed++) {
      const stages = grown(seed, 600 + seed * 7);
      const next = random(seed + 1000);
      const [stepwise, once] = [place(), place()];
      const last = stages.at(-1);
      for (const stage of stages) {
        if (stage !== last && next(3) > 0) continue;
        const { report, exported: tree } = await exported(stage.log, stepwise);
        expect([
          seed,
          report.verdict,
          report.streams[0]?.findings.filter(({ severity }) => severity !== 'warning'),
        ]).toEqual([seed, 'ok', []]);
        expect(tree?.size).toBe(stage.size);
        expectTiles(stepwise, stage.log, stage.size);
      }
      if (last === undefined) throw new Error('a log grows');
      const { report } = await exported(last.log, once, { paths: pathsOf(last.log, true) });
      abandoned += report.streams[0]?.abandonedEntries ?? 0;
      const whole = filesIn(once);
      const steps = filesIn(stepwise);
      for (const [path, bytes] of whole) expect([path, steps.get(path)]).toEqual([path, bytes]);
      for (const path of steps.keys()) if (!whole.has(path)) expect(path).toMatch(/\.p\/\d+$/);
      expect((await exported(last.log, once)).exported).toMatchObject({ files: 0, before: last.size, size: last.size });
      expect(filesIn(once)).toEqual(whole);
    }
    expect(abandoned).toBeGreaterThan(2);
  });

  it('says nothing of a record with a salt, erased or not', async () => {
    const log = new SealedLog()
      .open({ ...signKeys, salted: true })
      .seal()
      .checkpoint();
    log.record('{"user":"secret-ada"}', 'secret text', '{"user":"secret-bob"}').close().checkpoint();
    const [whole, less] = [place(), place()];
    expect((await exported(log, whole)).exported?.readable).toBe(false);
    const { log: erased, erasures } = erasedWithLog(log.fork(), 4);
    const policy = join(folder, 'erasures.yaml');
    writeFileSync(policy, policyWith(log, erasures, vkeyOf(log.origin, edKey)));
    const paths = [...pathsOf(erased), ...pathsOf(erasures)];
    const { report, exported: tree } = await exportTiles({ paths, policy, tiles: less });
    expect([report.verdict, tree?.size]).toEqual(['ok', 6]);
    expect(filesIn(less)).toEqual(filesIn(whole));
    const bundle = readTiles(whole).entries.map(String);
    expect(bundle.join('\n')).not.toContain('secret');
    expect(bundle[2]).toMatch(/^\{"integrity":\{"seq":3,"commit":"[\w-]{43}","key_id":"[\w-]{8}\.1","hash":"$/);
  });

  it('shows each line of a record without a salt, without its auth', async () => {
    const log = bothLog();
    const tiles = place();
    const { exported: tree } = await exported(log, tiles);
    expect(tree?.readable).toBe(true);
    const entries = log.lines.filter(({ seq }) => seq !== undefined);
    expect(readTiles(tiles).entries.map(String)).toEqual(entries.map(({ bytes }) => bytes.toString().slice(0, -46)));
  });

  it('has all signature lines of its checkpoint: those of witnesses in other files, and later ones', async () => {
    const [w1, w2] = [witnessKey('witness.example.com/w1'), witnessKey('witness.example.com/w2')];
    const log = signedLog();
    const tiles = place();
    const time = Math.floor(log.clock / 1000);
    const cosigned = join(folder, 'cosigned');
    const line = (witness: typeof w1): string =>
      `{"integrity":{"kind":"checkpoint","note":${JSON.stringify(log.note({ witnesses: [{ witness, time }] }))}}}\n`;
    writeFileSync(cosigned, line(w1));
    const paths = [...pathsOf(log), cosigned];
    await exported(log, tiles, { paths, witnesses: [w1.vkey] });
    const first = readTiles(tiles).signatures;
    expect(first.map((one) => one.split(' ')[1])).toEqual([log.origin, 'witness.example.com/w1']);
    writeFileSync(cosigned, line(w2));
    const witnesses = [w1.vkey, w2.vkey];
    const later = await exported(log, tiles, { paths, witnesses, cosignatures: 1 });
    expect(later.exported).toMatchObject({ files: 0, before: 14, size: 14 });
    expect([...readTiles(tiles).signatures].sort()).toEqual(
      [
        ...first,
        log
          .note({ witnesses: [{ witness: w2, time }] })
          .trimEnd()
          .split('\n')
          .at(-1),
      ].sort(),
    );
  });

  it('ends where witnesses have cosigned it', async () => {
    const witness = witnessKey('witness.example.com/w1');
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('one').seal();
    const time = Math.floor(log.clock / 1000);
    log
      .checkpoint({ witnesses: [{ witness, time }] })
      .record('two')
      .seal()
      .checkpoint();
    const tiles = place();
    expect((await exported(log, tiles, { witnesses: [witness.vkey] })).exported?.size).toBe(4);
    expectTiles(tiles, log, 4);
  });

  it('needs all the cosignatures that are demanded under one checkpoint', async () => {
    const [w1, w2] = [witnessKey('witness.example.com/w1'), witnessKey('witness.example.com/w2')];
    const witnesses = [w1.vkey, w2.vkey];
    const sealed = (log: SealedLog, ...names: (typeof w1)[]): SealedLog => {
      const time = Math.floor(log.record('one').seal().clock / 1000);
      return log.checkpoint({ witnesses: names.map((witness) => ({ witness, time })) });
    };
    const begun = (): SealedLog => new SealedLog().open(signKeys).seal().checkpoint();
    const apart = sealed(sealed(begun(), w1), w2);
    const [nowhere, tiles] = [place(), place()];
    const { report, refusal } = await exported(apart, nowhere, { witnesses });
    expect([report.verdict, refusal?.code]).toEqual(['ok', 'UNWITNESSED']);
    expect(filesIn(nowhere).size).toBe(0);
    const both = sealed(sealed(sealed(begun(), w1, w2), w1), w2);
    expect((await exported(both, tiles, { witnesses })).exported?.size).toBe(4);
    expect(readTiles(tiles).signatures.map((line) => line.split(' ')[1])).toEqual([
      both.origin,
      'witness.example.com/w1',
      'witness.example.com/w2',
    ]);
  });

  it('is signed by other algorithms too', async () => {
    const log = new SealedLog()
      .open({ signers: [p256Key] })
      .seal()
      .checkpoint()
      .record('one')
      .close()
      .checkpoint();
    const tiles = place();
    await exported(log, tiles, { keys: auditorKeys({ publicKeys: [vkeyOf(log.origin, p256Key)] }) });
    expectTiles(tiles, log, 4);
  });
});

describe('nothing is written', () => {
  const nothing = async (log: SealedLog, more: Partial<ExportTilesOptions> = {}): Promise<ExportedTiles> => {
    const tiles = place();
    const result = await exported(log, tiles, more);
    expect(result.exported).toBeUndefined();
    expect(filesIn(tiles).size).toBe(0);
    return result;
  };

  it('of a log that is not ok, wherever it was changed', async () => {
    const log = signedLog();
    for (let seq = 1; seq <= log.size; seq++) {
      const { report, refusal } = await nothing(edit(signedLog(), seq, '":"', '":"x'));
      expect([seq, report.verdict === 'ok', refusal]).toEqual([seq, false, undefined]);
    }
  });

  it('of a log whose end is not proven', async () => {
    const log = signedLog();
    log.lines.splice(-2);
    expect((await nothing(log, { live: false })).report.verdict).toBe('undecided');
  });

  it('where the first files are missing', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('one').close('rotated').checkpoint();
    const held = [log.note({ size: log.size })];
    log.rotate('next.jsonl').record('two').close().checkpoint();
    log.lines = log.lines.filter(({ file }) => file === 'next.jsonl');
    const { report, refusal } = await nothing(log, { held });
    expect([report.verdict, refusal?.code]).toEqual(['ok', 'ENTRIES_MISSING']);
  });

  it('where no public key signs it, or none is named', async () => {
    const keys = auditorKeys({ dataKeyFiles: [join(folder, 'data.key')] });
    expect((await nothing(macLog(), { keys })).refusal?.code).toBe('UNSIGNED');
    expect((await nothing(bothLog(), { keys })).refusal?.code).toBe('UNSIGNED');
  });

  it('where an entry is longer than a bundle can hold: 65,535 bytes are not', async () => {
    const ofLength = (length: number): SealedLog => {
      const log = new SealedLog().open(signKeys).seal().checkpoint().record('{"a":""}');
      const rest = length - ((log.lines.at(-1)?.bytes.length ?? 0) - 46);
      const padded = new SealedLog()
        .open(signKeys)
        .seal()
        .checkpoint()
        .record(`{"a":"${'x'.repeat(rest)}"}`);
      return padded.close().checkpoint();
    };
    const { refusal } = await nothing(ofLength(65_536));
    expect(refusal?.code).toBe('ENTRY_TOO_LONG');
    expect(refusal?.message).toContain('entry 3 ');
    const tiles = place();
    await exported(ofLength(65_535), tiles);
    expect(readTiles(tiles).entries[2]?.length).toBe(65_535);
    const salted = new SealedLog()
      .open({ ...signKeys, salted: true })
      .seal()
      .checkpoint();
    salted.record('x'.repeat(200_000)).close().checkpoint();
    const private_ = place();
    await exported(salted, private_);
    expectTiles(private_, salted, 4);
  });

  it('in what is verified, whatever leads there', async () => {
    const [path = ''] = pathsOf(signedLog());
    const directory = join(path, '..');
    for (const tiles of [directory, join(directory, 'tiles'), join(directory, 'a/../b')]) {
      await expect(exported(signedLog(), tiles, { paths: [directory] })).rejects.toMatchObject({ code: 'USAGE' });
    }
    await expect(
      exported(signedLog(), 's3://bucket/logs/tiles', { paths: ['s3://bucket/logs'] }),
    ).rejects.toMatchObject({ code: 'USAGE' });
    expect((await verify({ paths: [directory], origin: signedLog().origin, keys: keysOf(signedLog()) })).verdict).toBe(
      'ok',
    );
  });

  it.each([
    ['tiles', 7],
    ['tiles', ''],
    ['seq', 7],
  ])('with %s: %j', async (name, value) => {
    const options = { [name]: value } as unknown as Partial<ExportTilesOptions>;
    await expect(exported(signedLog(), place(), options)).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('a place with another tree', () => {
  const base = (): SealedLog =>
    new SealedLog().open(signKeys).seal().checkpoint().record('one', 'two').seal().checkpoint();
  const long = (log: SealedLog, word: string): SealedLog => {
    for (let at = 0; at < 300; at++) log.record(`${word} ${at}`);
    return log.close().checkpoint();
  };

  it.each([
    [
      'of another stream',
      () => long(new SealedLog('audit.example.com/vectors/b').open(signKeys).seal(), 'x'),
      'stream',
    ],
    ['of a fork', () => long(base(), 'other'), 'other entries'],
    ['of a longer log', () => long(base(), 'word').open(signKeys, { why: 'resumed' }).seal().checkpoint(), 'entries'],
  ])('is refused by name and stays as it is: %s', async (_name, other, says) => {
    const tiles = place();
    await exported(other(), tiles);
    const before = filesIn(tiles);
    expect(before.size).toBeGreaterThan(4);
    const { report, refusal, exported: tree } = await exported(long(base(), 'word'), tiles);
    expect([report.verdict, refusal?.code, tree]).toEqual(['ok', 'OTHER_TREE', undefined]);
    expect(refusal?.message).toContain(`${tiles}/checkpoint`);
    expect(refusal?.message).toContain(says);
    expect(filesIn(tiles)).toEqual(before);
  });

  it('is refused too where an export was killed before it wrote its checkpoint', async () => {
    const tiles = place();
    await exported(base(), tiles);
    const checkpoint = readFileSync(join(tiles, 'checkpoint'));
    await exported(long(base(), 'other'), tiles);
    writeFileSync(join(tiles, 'checkpoint'), checkpoint);
    const before = filesIn(tiles);
    expect((await exported(long(base(), 'word'), tiles)).refusal?.code).toBe('OTHER_TREE');
    expect(filesIn(tiles)).toEqual(before);
    expect((await exported(long(base(), 'other'), tiles)).exported).toMatchObject({ before: 5, size: 306, files: 0 });
  });

  it('is refused where its checkpoint is none, or was changed', async () => {
    const name = 'checkpoint';
    const tiles = place();
    await exported(base(), tiles);
    const whole = readFileSync(join(tiles, name));
    for (let at = 0; at < whole.indexOf('\n\n'); at++) {
      writeFileSync(
        join(tiles, name),
        whole.map((byte, place) => (place === at ? byte ^ 1 : byte)),
      );
      const before = filesIn(tiles);
      const work = exported(long(base(), 'word'), tiles).then(({ refusal }) => refusal?.code);
      expect(['READ_FAILED', 'OTHER_TREE']).toContain(await work.catch(codeOf));
      expect(filesIn(tiles)).toEqual(before);
    }
    writeFileSync(join(tiles, name), whole);
    expect((await exported(long(base(), 'word'), tiles)).exported?.size).toBe(306);
  });

  it('never gets a full tile overwritten', async () => {
    const tiles = place();
    mkdirSync(join(tiles, 'tile/0'), { recursive: true });
    writeFileSync(join(tiles, 'tile/0/000'), 'mine');
    const { refusal } = await exported(long(base(), 'word'), tiles);
    expect([refusal?.code, refusal?.message]).toEqual(['OTHER_TREE', expect.stringContaining(`${tiles}/tile/0/000 `)]);
    expect(readFileSync(join(tiles, 'tile/0/000'), 'utf8')).toBe('mine');
    expect(filesIn(tiles).has('checkpoint')).toBe(false);
  });
});

describe('an export that fails at any of its writes', () => {
  const real = fsPromises.rename;
  afterEach(() => {
    fsPromises.rename = real;
    syncBuiltinESMExports();
  });

  it('leaves tiles for every checkpoint that a reader sees, and is finished by the next one', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint();
    for (let at = 0; at < 250; at++) log.record(`{"n":${at}}`);
    const early = log.seal().checkpoint().fork();
    for (let at = 0; at < 300; at++) log.record(`{"m":${at}}`);
    log.close().checkpoint();
    const once = place();
    await exported(early, once);
    await exported(log, once);
    const whole = filesIn(once);
    for (let fails = 1; ; fails++) {
      const tiles = place();
      await exported(early, tiles);
      let renames = 0;
      fsPromises.rename = async (from, to) => {
        if (++renames >= fails) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        return real(from, to);
      };
      syncBuiltinESMExports();
      const failed = await exported(log, tiles).then(() => undefined, codeOf);
      fsPromises.rename = real;
      syncBuiltinESMExports();
      expect(failed).toBe(renames < fails ? undefined : 'WRITE_FAILED');
      expectTiles(tiles, log, renames < fails ? log.size : early.size);
      expect((await exported(log, tiles)).exported?.size).toBe(log.size);
      expect(filesIn(tiles)).toEqual(whole);
      if (failed === undefined) {
        expect(fails).toBeGreaterThan(8);
        return;
      }
    }
  });
});
