import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { random } from '../support/growing-log.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { times } from '../support/tier.ts';
import { filesIn, readTiles } from '../support/tile-reader.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/** An export that is killed before, in or after any of its writes is finished by the next one (E5.4), and nothing else is left. */

const KILL = `
import fs from 'node:fs/promises';
import sync from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const [name, when, which] = process.env.KILL_AT.split(' ');
let calls = 0;
for (const owner of [fs, sync]) {
  const real = owner[name];
  if (real === undefined) continue;
  owner[name] = (...args) => {
    const dies = String(args[0]).includes('tiles') && ++calls === Number(which);
    if (dies && when === 'before') process.kill(process.pid, 'SIGKILL');
    const die = () => dies && process.kill(process.pid, 'SIGKILL');
    let done;
    try {
      done = real(...args);
    } finally {
      if (typeof done?.then !== 'function') die();
    }
    return typeof done?.then === 'function' ? done.finally(die) : done;
  };
}
syncBuiltinESMExports();
`;

let built: BuiltPackage;
let folder = '';
const at = (name: string): string => join(folder, name);
const log = new SealedLog().open(signKeys).seal().checkpoint();

beforeAll(async () => {
  built = await buildPackage();
  folder = mkdtempSync(join(tmpdir(), 'killed-'));
  writeFileSync(at('kill.mjs'), KILL);
  writeFileSync(at('signer.pub'), `${vkeyOf(log.origin, edKey)}\n`);
  for (let n = 0; n < 250; n++) log.record(`{"n":${n}}`);
  writeFileSync(at('early.jsonl'), log.fork().close().checkpoint().toFiles()[0]?.bytes ?? '');
  log.seal().checkpoint();
  writeFileSync(at('first.jsonl'), log.toFiles()[0]?.bytes ?? '');
  for (let n = 0; n < 300; n++) log.record(`{"m":${n}}`);
  writeFileSync(at('log.jsonl'), log.close().checkpoint().toFiles()[0]?.bytes ?? '');
}, 900_000);
afterAll(() => {
  built.remove();
  rmSync(folder, { recursive: true });
});

const run = (file: string, tiles: string, env: Record<string, string> = {}) => {
  const named = ['--origin', log.origin, '--public-key', at('signer.pub'), '--live', '--now', '2026-11-24T23:00:30Z'];
  return built.run(['export', at(file), '--tiles', tiles, ...named], { env });
};

/** A smaller tree is refused where the larger one is, or parts of it are. */
const isRefused = (stderr: string): boolean =>
  stderr.includes(`of ${log.size} entries, but only 253`) || stderr.includes('is not of the first 253 entries');

/** What is there besides a tree that a reader has read whole. */
function expectWhole(tiles: string): void {
  expect(readTiles(tiles)).toMatchObject({ size: log.size, strange: [] });
  expect(readdirSync(tiles).sort()).toEqual(['checkpoint', 'tile']);
}

it.each([
  ['rename', 'before', 1, 4],
  ['rename', 'after', 1, 4],
  ['open', 'after', 5, 4],
  ['mkdirSync', 'after', 1, 4],
  ['rmSync', 'before', 1, 1],
  ['rmSync', 'after', 1, 1],
  ['openSync', 'after', 1, 1],
])(
  '%s, %s it',
  async (name, when, step, least) => {
    const whole = at(`${name}-${when}-tiles-whole`);
    for (const file of ['first.jsonl', 'log.jsonl']) expect(await run(file, whole)).toMatchObject({ code: 0 });
    let killed = 0;
    for (let which = 1; ; which += step) {
      const tiles = at(`${name}-${when}-tiles-${which}`);
      if (which % 2 === 0) await run('first.jsonl', tiles);
      const before = existsSync(join(tiles, 'checkpoint')) ? readTiles(tiles).size : 0;
      const NODE_OPTIONS = `--import ${at('kill.mjs')}`;
      const { code, stderr } = await run('log.jsonl', tiles, { NODE_OPTIONS, KILL_AT: `${name} ${when} ${which}` });
      const ended = code === 0;
      expect([code === null || ended, stderr]).toEqual([true, ended ? expect.anything() : '']);
      if (existsSync(join(tiles, 'checkpoint'))) expect([before, log.size]).toContain(readTiles(tiles).size);
      expect(await run('log.jsonl', tiles)).toMatchObject({ code: 0 });
      const files = filesIn(tiles);
      for (const [path, bytes] of filesIn(whole)) {
        if (/\.p\/\d+$/.test(path) && which % 2 === 1) continue; // there was no smaller tree before
        expect([which, path, files.get(path)]).toEqual([which, path, bytes]);
      }
      expectWhole(tiles);
      if (ended) break;
      killed++;
    }
    expect(killed).toBeGreaterThan(least);
  },
  900_000,
);

it('and so is one whose predecessors were all killed, anywhere', async () => {
  const calls = [
    'rename',
    'open',
    'mkdirSync',
    'rmSync',
    'openSync',
    'renameSync',
    'unlinkSync',
    'rm',
    'readdir',
    'lstat',
  ];
  for (let seed = 1; seed <= times(6, 20); seed++) {
    const next = random(seed);
    const tiles = at(`tiles-seed-${seed}`);
    for (let left = 5; left > 0; left--) {
      const KILL_AT = `${calls[next(calls.length)]} ${next(2) === 0 ? 'before' : 'after'} ${1 + next(12)}`;
      const env = { NODE_OPTIONS: `--import ${at('kill.mjs')}`, KILL_AT };
      const { code, stderr } = await run(next(3) === 0 ? 'first.jsonl' : 'log.jsonl', tiles, env);
      expect([seed, KILL_AT, code === null || code === 0 || isRefused(stderr), stderr]).toEqual([
        seed,
        KILL_AT,
        true,
        stderr,
      ]);
    }
    expect([seed, await run('log.jsonl', tiles)]).toMatchObject([seed, { code: 0 }]);
    expectWhole(tiles);
  }
}, 3_600_000);

it('two at once leave one tree, and the one that loses says so', async () => {
  const tiles = at('tiles-at-once');
  const both = await Promise.all([run('first.jsonl', tiles), run('log.jsonl', tiles), run('log.jsonl', tiles)]);
  for (const { code, stderr } of both)
    expect(code === 0 || isRefused(stderr) || /meanwhile|being changed/.test(stderr)).toBe(true);
  expect(await run('log.jsonl', tiles)).toMatchObject({ code: 0 });
  expect(readTiles(tiles).size).toBe(log.size);
  expect(readFileSync(join(tiles, 'checkpoint'), 'utf8')).toContain(`\n${log.size}\n`);
});
