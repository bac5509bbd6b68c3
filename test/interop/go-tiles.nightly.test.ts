import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goTool } from '../../scripts/lib/go-tools.mjs';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';
import { auditorKeys, exportTiles } from '../../src/index.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { filesIn, readTiles } from '../support/tile-reader.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/** torchwood v0.9.0 and the fsck of tessera v1.0.4 read what we export, and refuse it with one byte changed. */

const source = fileURLToPath(new URL('./tiles/', import.meta.url));
const cache = join(toolCache(), 'go-tiles');
const binary = join(cache, process.platform === 'win32' ? 'tiles.exe' : 'tiles');
let folder = '';
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  const { status, stderr, error } = spawnSync('go', ['build', '-o', binary, '.'], { cwd: source, encoding: 'utf8' });
  if (status !== 0) throw new Error(`go build failed: ${error?.message ?? stderr}`);
  folder = mkdtempSync(join(tmpdir(), 'go-tiles-'));
}, 3_600_000);
afterAll(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly Torchwood: string;
  readonly Tessera: string;
  readonly Entries: number;
}

function ask({ origin }: SealedLog, tiles: string, mutants: readonly { path: string; at: number }[] = []): Answer[] {
  const input = JSON.stringify({ dir: tiles, vkey: vkeyOf(origin, edKey), mutants });
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
