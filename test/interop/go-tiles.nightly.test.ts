import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goTool } from '../../scripts/lib/go-tools.mjs';
import { auditorKeys, exportTiles } from '../../src/index.ts';
import { makeScene } from '../erase/scene.ts';
import { goProgram } from '../support/registry-tools.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { filesIn, readTiles } from '../support/tile-reader.ts';
import { edKey, nextEdKey, p256Key } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/** torchwood v0.9.0 and the fsck of tessera v1.0.4 read what we export, and refuse it with one byte changed. */

let binary = '';
let folder = '';
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  binary = goProgram('tiles');
  folder = mkdtempSync(join(tmpdir(), 'go-tiles-'));
}, 3_600_000);
afterAll(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly Torchwood: string;
  readonly Tessera: string;
  readonly Entries: number;
}

function ask({ origin }: SealedLog, tiles: string, mutants: readonly { path: string; at: number }[] = []): Answer[] {
  return askAs(vkeyOf(origin, edKey), tiles, mutants);
}

function askAs(vkey: string, tiles: string, mutants: readonly { path: string; at: number }[] = []): Answer[] {
  const input = JSON.stringify({ dir: tiles, vkey, mutants });
  const { stdout, stderr, status } = spawnSync(binary, [], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Answer[];
}

async function exported(log: SealedLog, name: string): Promise<string> {
  const [file, tiles] = [at(`${name}.jsonl`), at(name)];
  writeFileSync(file, Buffer.concat(log.toFiles().map(({ bytes }) => bytes)));
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] });
  const { report, exported: tree } = await exportTiles({ paths: [file], origin: log.origin, keys, tiles });
  expect([report.verdict, tree?.size]).toEqual(['ok', log.size]);
  return tiles;
}

/** Which file stands under each path, and when it was written. */
function placesIn(tiles: string): Map<string, string> {
  const files = readdirSync(tiles, { recursive: true, encoding: 'utf8' }).filter(
    (path) => !isFolder(join(tiles, path)),
  );
  return new Map(
    files.map((path) => {
      const { ino, mtimeNs } = statSync(join(tiles, path), { bigint: true });
      return [path, `${ino} ${mtimeNs}`];
    }),
  );
}

const isFolder = (path: string): boolean => statSync(path).isDirectory();

/** A log of so many entries. */
function logOf(size: number, salted = false): SealedLog {
  const log = new SealedLog();
  log.every = { ...log.every, records: 1_000_000 };
  log
    .open({ ...signKeys, ...(salted && { salted }) })
    .seal()
    .checkpoint();
  while (log.size < size - 1) log.record(`{"n":${log.size},"user":"user ${log.size % 17}"}`);
  return log.close().checkpoint();
}

describe('go', () => {
  it.each([3, 255, 256, 257, 511, 65_535, 65_536, 65_537, 66_000])(
    'reads every entry of a log of %i entries',
    async (size) => {
      const log = logOf(size, size % 2 === 0);
      const tiles = await exported(log, `size-${size}`);
      expect(readTiles(tiles).size).toBe(size);
      expect(ask(log, tiles)).toEqual([{ Torchwood: 'ok', Tessera: 'ok', Entries: size }]);
    },
  );

  it('reads a million entries of which some were erased, and the next export writes only what is new', async () => {
    const scene = await makeScene([], { compressed: false, lines: 1_000_000, fileBytes: 50_000_000 });
    const erased = await scene.erase('--seq', '1000-1999', '--seq', '700000-700001', '--reason', 'case 17');
    expect([erased.code, erased.stderr]).toEqual([0, '']);
    const vkey = (await scene.vkeyIn('logs')) ?? 'none';
    const tiles = join(scene.directory, 'tiles');
    const exported = async (): Promise<Answer | undefined> => {
      const argv = ['export', 'logs', 'erasures.jsonl', '--policy', 'policy.yaml', '--tiles', 'tiles'];
      expect((await scene.run(argv)).code).toBe(0);
      return askAs(vkey, tiles)[0];
    };
    const first = await exported();
    expect(first).toMatchObject({ Torchwood: 'ok', Tessera: 'ok' });
    expect(first?.Entries).toBeGreaterThan(1_000_000);
    const before = placesIn(tiles);
    await scene.run(['seal', '--config', 'log.yaml', '--quiet'], '{"more":true}\n'.repeat(1_000));
    const second = await exported();
    expect(second).toMatchObject({ Torchwood: 'ok', Tessera: 'ok' });
    expect(second?.Entries).toBeGreaterThanOrEqual((first?.Entries ?? 0) + 1_000);
    const after = placesIn(tiles);
    const touched = [...after].filter(([path, place]) => before.get(path) !== place).map(([path]) => path);
    expect(touched.filter((path) => before.has(path))).toEqual(['checkpoint']);
    expect([...before.keys()].filter((path) => !after.has(path))).toEqual([]);
    expect(touched.length).toBeLessThan(20);
  });

  it('reads a log of P-256 by its note key', async () => {
    const log = new SealedLog()
      .open({ signers: [p256Key], notes: [edKey] })
      .seal()
      .checkpoint()
      .record('1', '2')
      .close()
      .checkpoint();
    const [file, tiles] = [at('note.jsonl'), at('note')];
    writeFileSync(file, log.toFiles()[0]?.bytes ?? '');
    const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, p256Key)] });
    const asked = { paths: [file], origin: log.origin, keys, tiles };
    const unnamed = await exportTiles({ ...asked, tiles: at('note-unnamed') });
    expect(unnamed.exported?.checkpoint.split('\n\n')[1]?.trimEnd().split('\n')).toHaveLength(1);
    const { exported: tree } = await exportTiles({ ...asked, noteKeys: [vkeyOf(log.origin, edKey)] });
    expect(tree?.size).toBe(log.size);
    expect(ask(log, tiles)).toEqual([{ Torchwood: 'ok', Tessera: 'ok', Entries: log.size }]);
    const refused = await exportTiles({ ...asked, tiles: at('other'), noteKeys: [vkeyOf(log.origin, nextEdKey)] });
    expect(refused.refusal?.code).toBe('UNSIGNED');
  });

  it('refuses it with one byte changed, wherever that is', async () => {
    const log = logOf(1100, true);
    const tiles = await exported(log, 'mutants');
    const mutants = [...filesIn(tiles)].flatMap(([path, hex]) => {
      const length = hex.length / 2;
      const places = Array.from({ length: 40 }, (_, at) => Math.floor((at * (length - 1)) / 39));
      return [...new Set(places)].map((place) => ({ path, at: place }));
    });
    expect(mutants.length).toBeGreaterThan(400);
    const [whole, ...changed] = ask(log, tiles, mutants);
    expect(whole).toEqual({ Torchwood: 'ok', Tessera: 'ok', Entries: 1100 });
    const accepted = changed.flatMap((one, which) =>
      one.Torchwood === 'ok' || one.Tessera === 'ok' ? [{ ...mutants[which], ...one }] : [],
    );
    expect(accepted).toEqual([]);
  });

  it('fsck of tessera, the command, says the same of a directory', async () => {
    const log = logOf(700);
    const tiles = await exported(log, 'fsck');
    writeFileSync(at('log.vkey'), vkeyOf(log.origin, edKey));
    const fsck = (): string => {
      const flags = ['--ui=false', '--N=8', `--storage_url=file://${tiles}`, `--public_key=${at('log.vkey')}`];
      return spawnSync(goTool('fsck'), flags, { encoding: 'utf8' }).stderr;
    };
    expect(fsck()).toContain(`Successfully fsck'd log with size 700`);
    const path = join(tiles, 'tile/0/001');
    writeFileSync(
      path,
      readFileSync(path).map((byte, place) => (place === 4711 ? byte ^ 1 : byte)),
    );
    expect(fsck()).toContain('fsck failed');
  });
});
