import { spawnSync } from 'node:child_process';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, exportTiles, TamperError } from '../../src/index.ts';
import { grown, random, type Stage } from '../support/growing-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { times } from '../support/tier.ts';
import { checkLine, filesIn, readTiles } from '../support/tile-reader.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { dataKey, edKey } from '../vectors/keys.ts';

/**
 * A place for tiles that somebody prepared: an export that ends well leaves what an export to a new place writes (E5.3, E5.4, E5.5);
 * any other names the file.
 */

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacked-'));
  writeFileSync(join(folder, 'data.key'), dataKey.toString('base64'), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));
let made = 0;
const place = (): string => join(folder, `place-${++made}`);
const witness = witnessKey('witness.example.com/w1');

interface Outcome {
  readonly size?: number;
  /** Why nothing was exported. */
  readonly says?: string;
}

async function exported({ log }: Stage, tiles: string): Promise<Outcome> {
  const files = place();
  mkdirSync(files);
  const paths = log.toFiles().map(({ name, bytes }) => {
    writeFileSync(join(files, name), bytes);
    return join(files, name);
  });
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)], dataKeyFiles: [join(folder, 'data.key')] });
  try {
    const now = new Date(log.clock + 1000);
    const result = await exportTiles({ paths, tiles, origin: log.origin, keys, live: true, now });
    expect(result.report.verdict).toBe('ok');
    return result.exported === undefined ? { says: result.refusal?.message ?? '' } : { size: result.exported.size };
  } catch (error) {
    if (!(error instanceof TamperError)) throw error;
    expect(error.code).not.toBe('INTERNAL');
    return { says: error.message };
  } finally {
    rmSync(files, { recursive: true });
  }
}

/** The same name and beginning, and other entries. */
function forked(stages: readonly Stage[], next: (below: number) => number, length: number): Stage {
  const log = (stages[next(stages.length - 1)] as Stage).log.fork();
  while (log.size < length) log.record(`{"forged":${log.size}}`);
  log.seal().checkpoint();
  return { log, size: log.size };
}

/** What is there, links as what they lead to, and folders too. */
function lookAt(tiles: string): Map<string, string> {
  const all = readdirSync(tiles, { recursive: true, withFileTypes: true }).map((one) => join(one.parentPath, one.name));
  const said = (path: string): string => {
    const stats = lstatSync(path);
    if (stats.isSymbolicLink()) return `link ${readlinkSync(path)}`;
    return stats.isFile() ? readFileSync(path, 'hex') : `mode ${stats.mode}`;
  };
  return new Map(all.map((path) => [path, said(path)]));
}

interface Scene {
  readonly tiles: string;
  readonly next: (below: number) => number;
  readonly stages: readonly Stage[];
  readonly last: Stage;
  /** Tiles of a fork of the log. */
  readonly other: string;
  /** Tiles of the whole log. */
  readonly fresh: string;
}

const any = <T>(next: Scene['next'], from: readonly T[]): T => from[next(from.length)] as T;
const tileIn = ({ tiles, next }: Scene): string =>
  any(
    next,
    [...filesIn(tiles).keys()].filter((path) => path.startsWith('tile/')),
  );
/** One that the last tree needs. */
const neededIn = ({ fresh, next }: Scene, folders = false): string => {
  const paths = [...filesIn(fresh).keys()].filter((path) => path.startsWith('tile/'));
  return any(next, folders ? [...new Set(paths.map((path) => dirname(path)))] : paths);
};
const put = ({ tiles }: Scene, path: string, bytes: string | Buffer): string => {
  mkdirSync(dirname(join(tiles, path)), { recursive: true });
  rmSync(join(tiles, path), { recursive: true, force: true });
  writeFileSync(join(tiles, path), bytes);
  return path;
};
/** The checkpoint of a stage, as its log has it or with other lines below. */
const plant = (scene: Scene, { log, size }: Stage, lines?: (text: string) => string): string => {
  const note = log.note({ size, mac: false });
  return put(scene, 'checkpoint', lines === undefined ? note : lines(note));
};
const moved = (scene: Scene, path: string): string => {
  const away = place();
  mkdirSync(dirname(join(scene.tiles, path)), { recursive: true });
  try {
    renameSync(join(scene.tiles, path), away);
  } catch {
    cpSync(join(scene.fresh, path), away, { recursive: true });
  }
  return away;
};
const linked = (scene: Scene, path: string): string => {
  const away = moved(scene, path);
  symlinkSync(away, join(scene.tiles, path));
  return path;
};
const cutTo = (share: number) => (scene: Scene) => {
  const path = tileIn(scene);
  truncateSync(join(scene.tiles, path), Math.floor(statSync(join(scene.tiles, path)).size * share));
  return path;
};
const signature = (line: string, at: number): string => {
  const [dash, name, encoded = ''] = line.trimEnd().split(' ');
  const bytes = Buffer.from(encoded, 'base64');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return `${dash} ${name} ${bytes.toString('base64')}\n`;
};
const lastLine = (note: string): string => `${note.trimEnd().split('\n').at(-1)}\n`;
const textOf = (note: string): string => note.slice(0, note.indexOf('\n\n') + 1);

/** Each does one thing to a place. @returns the files that it is about; an export that refuses names one of them */
const attacks: Record<string, (scene: Scene) => string | readonly string[]> = {
  'nothing is done': () => [],
  'a file is deleted': (scene) => {
    const path = any(scene.next, [...filesIn(scene.tiles).keys()]);
    rmSync(join(scene.tiles, path));
    return path;
  },
  'all tiles are deleted': ({ tiles }) => {
    rmSync(join(tiles, 'tile'), { recursive: true });
    return [];
  },
  'a tile is cut': cutTo(0.6),
  'a tile is emptied': cutTo(0),
  'a tile is longer': (scene) => {
    const path = tileIn(scene);
    return put(scene, path, Buffer.concat([readFileSync(join(scene.tiles, path)), Buffer.alloc(32)]));
  },
  'a byte of a tile is changed': (scene) => {
    const path = tileIn(scene);
    const bytes = readFileSync(join(scene.tiles, path));
    const at = scene.next(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return put(scene, path, bytes);
  },
  'two files are swapped': (scene) => {
    const [a, b] = [tileIn(scene), tileIn(scene)];
    const bytes = readFileSync(join(scene.tiles, a));
    put(scene, a, readFileSync(join(scene.tiles, b)));
    return [a, put(scene, b, bytes)];
  },
  "a tile is another tree's": (scene) => {
    const path = any(
      scene.next,
      [...filesIn(scene.other).keys()].filter((one) => one.startsWith('tile/')),
    );
    return put(scene, path, readFileSync(join(scene.other, path)));
  },
  "all tiles are another tree's": (scene) => {
    cpSync(join(scene.other, 'tile'), join(scene.tiles, 'tile'), { recursive: true });
    return [...filesIn(scene.other).keys()].filter((path) => path.startsWith('tile/'));
  },
  'another tree is there': (scene) => {
    cpSync(scene.other, scene.tiles, { recursive: true });
    return [...filesIn(scene.other).keys()];
  },
  'the checkpoint is that of another tree': (scene) =>
    put(scene, 'checkpoint', readFileSync(join(scene.other, 'checkpoint'))),
  'the checkpoint of the whole log is planted': (scene) => plant(scene, scene.last),
  'that of an earlier size is planted': (scene) => plant(scene, any(scene.next, scene.stages)),
  'it is planted where nothing else is': (scene) => {
    rmSync(scene.tiles, { recursive: true });
    return plant(scene, scene.last);
  },
  "it is planted above another tree's tiles": (scene) => {
    rmSync(scene.tiles, { recursive: true });
    cpSync(join(scene.other, 'tile'), join(scene.tiles, 'tile'), { recursive: true });
    return [...filesIn(scene.tiles).keys(), plant(scene, scene.last)];
  },
  'it is planted above empty tiles': (scene) => {
    const paths = [...filesIn(scene.fresh).keys()].filter((path) => path.startsWith('tile/'));
    for (const path of paths) put(scene, path, '');
    return [...paths, plant(scene, scene.last)];
  },
  'it is planted above all tiles but one': (scene) => {
    rmSync(scene.tiles, { recursive: true });
    cpSync(scene.fresh, scene.tiles, { recursive: true });
    rmSync(join(scene.tiles, neededIn(scene)));
    return plant(scene, scene.last);
  },
  'it has a wrong signature by our key': (scene) =>
    plant(scene, scene.last, (note) => `${textOf(note)}\n${signature(lastLine(note), 20)}`),
  'it has a wrong signature by our key too': (scene) =>
    plant(scene, scene.last, (note) => note + signature(lastLine(note), 20)),
  'it has a line of our name by an unknown key': (scene) =>
    plant(scene, scene.last, (note) => note + signature(lastLine(note), 2)),
  'it has a wrong cosignature of a witness': (scene) =>
    plant(scene, scene.last, (note) => note + signature(witness.cosign(textOf(note), 1), 30)),
  'it has 2,000 lines': (scene) => plant(scene, scene.last, (note) => note + '— x AAAAAAA=\n'.repeat(2_000)),
  'it has no signature': (scene) => plant(scene, scene.last, textOf),
  'it is very long': (scene) => put(scene, 'checkpoint', Buffer.alloc(1_000_000, 'x')),
  'it is empty': (scene) => put(scene, 'checkpoint', ''),
  'it is a link': (scene) => linked(scene, 'checkpoint'),
  'it is a link to nothing': (scene) => {
    rmSync(join(scene.tiles, 'checkpoint'));
    symlinkSync(place(), join(scene.tiles, 'checkpoint'));
    return 'checkpoint';
  },
  'it is a FIFO': (scene) => {
    rmSync(join(scene.tiles, 'checkpoint'));
    spawnSync('mkfifo', [join(scene.tiles, 'checkpoint')]);
    return 'checkpoint';
  },
  'it is a folder': (scene) => {
    rmSync(join(scene.tiles, 'checkpoint'));
    return dirname(put(scene, 'checkpoint/x', 'x'));
  },
  'a tile is a link': (scene) => linked(scene, neededIn(scene)),
  'a folder of tiles is a link': (scene) => linked(scene, neededIn(scene, true)),
  'the folder of all tiles is a link': (scene) => linked(scene, 'tile'),
  'a tile is a link to nothing': (scene) => {
    const path = put(scene, neededIn(scene), '');
    rmSync(join(scene.tiles, path));
    symlinkSync(place(), join(scene.tiles, path));
    return path;
  },
  'a tile is a FIFO': (scene) => {
    const path = put(scene, neededIn(scene), '');
    rmSync(join(scene.tiles, path));
    spawnSync('mkfifo', [join(scene.tiles, path)]);
    return path;
  },
  'a tile is a folder': (scene) => {
    const path = neededIn(scene);
    rmSync(join(scene.tiles, path), { force: true });
    mkdirSync(join(scene.tiles, path), { recursive: true });
    return path;
  },
  'a tile is a folder with a file': (scene) => {
    const path = neededIn(scene);
    rmSync(join(scene.tiles, path), { force: true });
    return put(scene, `${path}/x`, 'x');
  },
  'a folder of tiles is a file': (scene) => put(scene, neededIn(scene, true), 'x'),
  'something else is among the tiles': (scene) =>
    put(
      scene,
      any(scene.next, [
        'tile/0/x',
        'tile/0/.nfs01',
        'tile/x',
        'tile/0/000.p/0',
        'tile/0/000.p/256',
        'tile/0/000.p/07',
        'tile/-1/000',
        'tile/0/0000',
        'tile/0/999',
        'tile/0/x001/000',
        'tile/9/000',
        'tile/entries/000.gz',
        'tile/entries/001.p/x',
      ]),
      any(scene.next, ['', 'x', Buffer.alloc(32)]),
    ),
  'a partial tile of no size is among them': (scene) => {
    const base = neededIn(scene).replace(/\.p\/.*/, '');
    return put(scene, `${base}.p/${1 + scene.next(255)}`, Buffer.alloc(32));
  },
  'a full tile is there as a partial one too': (scene) =>
    put(scene, 'tile/0/000.p/256', readFileSync(join(scene.fresh, 'tile/0/000'))),
  'a partial tile is there as a full one too': (scene) => {
    const path = [...filesIn(scene.fresh).keys()].find((one) => one.startsWith('tile/0/') && one.includes('.p/'));
    if (path === undefined) return [];
    return put(scene, path.replace(/\.p\/.*/, ''), readFileSync(join(scene.fresh, path)));
  },
  'unfinished files were left': (scene) => {
    put(scene, '.unfinished/7', 'half');
    return put(scene, '.unfinished/x/y', 'half');
  },
  'the folder of unfinished files is a file': (scene) => put(scene, '.unfinished', 'x'),
  'it leads elsewhere': (scene) => {
    const away = place();
    mkdirSync(away);
    writeFileSync(join(away, 'mine'), 'mine');
    symlinkSync(away, join(scene.tiles, '.unfinished'));
    return '.unfinished';
  },
  'the lock of an export that was killed on another host was left': (scene) => {
    utimesSync(join(scene.tiles, put(scene, 'checkpoint.lock', '{')), 0, 0);
    return [];
  },
  'what waited for a lock was killed': (scene) => {
    put(scene, `checkpoint.lock.${'0af7'.repeat(4)}`, '{');
    return [];
  },
  'a lock that leads to nothing is there': (scene) => {
    symlinkSync(place(), join(scene.tiles, 'checkpoint.lock'));
    return 'checkpoint.lock';
  },
  'a lock that is a FIFO is there': (scene) => {
    spawnSync('mkfifo', [join(scene.tiles, 'checkpoint.lock')]);
    return 'checkpoint.lock';
  },
  'a lock that is a folder is there': (scene) => dirname(put(scene, 'checkpoint.lock/x', 'x')),
};

const real = fsPromises.rename;
/** An export of which every rename from one on fails. */
async function broken(stage: Stage, tiles: string, from: number): Promise<void> {
  let renames = 0;
  fsPromises.rename = async (...names) => {
    if (String(names[1]).startsWith(tiles) && ++renames >= from)
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    return real(...names);
  };
  syncBuiltinESMExports();
  try {
    await exported(stage, tiles);
  } finally {
    fsPromises.rename = real;
    syncBuiltinESMExports();
  }
}

async function sceneOf(seed: number): Promise<Scene> {
  const next = random(seed * 7919 + 13);
  const stages = grown(seed, 300 + next(500));
  const last = stages.at(-1) as Stage;
  const [tiles, other, fresh] = [place(), place(), place()];
  expect((await exported(forked(stages, next, last.size + next(300) - 150), other)).size).toBeGreaterThan(0);
  expect(await exported(last, fresh)).toEqual({ size: last.size });
  const first = next(stages.length);
  await exported(stages[first] as Stage, tiles);
  for (const stage of stages.slice(first + 1, first + 1 + next(3))) {
    if (next(2) === 0) await broken(stage, tiles, 1 + next(6));
    else await exported(stage, tiles);
  }
  return { tiles, next, stages, last, other, fresh };
}

describe.each(Object.entries(attacks))('%s', (_name, attack) => {
  it('before an export', async () => {
    const ends = { well: 0, refused: 0 };
    for (let seed = 1; seed <= times(1, 12); seed++) {
      const scene = await sceneOf(seed);
      const { tiles, last, fresh } = scene;
      const about = [attack(scene)].flat();
      const before = lookAt(tiles);
      const { says } = await exported(last, tiles);
      if (says !== undefined) {
        ends.refused++;
        expect([seed, about.filter((path) => says.includes(join(tiles, path))).length > 0, says]).toEqual([
          seed,
          true,
          says,
        ]);
        const after = lookAt(tiles);
        for (const [path, was] of before)
          if (!path.includes('.unfinished') && !path.endsWith('.lock'))
            expect([seed, path, after.get(path)]).toEqual([seed, path, was]);
        continue;
      }
      ends.well++;
      const read = readTiles(tiles);
      expect([seed, read.size, read.strange]).toEqual([seed, last.size, []]);
      const text = textOf(read.note);
      for (const line of read.signatures) checkLine(text, line, vkeyOf(last.log.origin, edKey));
      const files = filesIn(tiles);
      for (const [path, bytes] of filesIn(fresh)) expect([seed, path, files.get(path)]).toEqual([seed, path, bytes]);
      const others = [...files.keys()].filter((path) => !path.startsWith('tile/'));
      expect([seed, others]).toEqual([seed, ['checkpoint']]);
      expect(readdirSync(tiles).sort()).toEqual(['checkpoint', 'tile']);
    }
    expect(ends.well + ends.refused).toBe(times(1, 12));
  });
});
