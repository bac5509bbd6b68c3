import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiledPackage } from '../support/built-package.ts';
import { commandIn, copyOf } from './frozen-command.ts';
import { copyInto, filesBelow, folderOf, readScene, scenesOf, versions } from './frozen-folder.ts';
import { playSteps, playWrites, type Run, snapshotOf } from './playing.ts';

/** The checks of this folder can fail: each change of a format or an interface is made in a copy of the program, and noticed. */

let parent = '';
let dist = '';
beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'changed-'));
  dist = await compiledPackage();
});
afterAll(() => rmSync(parent, { recursive: true }));

const version = versions.at(-1) ?? '';

/** What the checks of a scene say, as compat.test.ts makes them. */
async function problemsOf(run: Run, name: string): Promise<string[]> {
  const scene = readScene(version, name);
  const folder = join(folderOf(version), name);
  const found = await playSteps(run, copyInto(parent, folder), scene.steps, 'frozen');
  if (scene.continued === undefined) return found;
  const copy = copyInto(parent, folder);
  const writes = await playWrites(run, copy, scene.continued.writes);
  return [...found, ...writes, ...(await playSteps(run, copy, scene.continued.steps, 'continued'))];
}

/** The program with something changed everywhere. */
function changed(name: string, ...changes: readonly (readonly [from: RegExp, to: string])[]): Run {
  const folder = copyOf(dist, join(parent, name.replaceAll(' ', '-')));
  let places = 0;
  for (const file of filesBelow(join(folder, 'dist')).filter((one) => one.endsWith('.js'))) {
    const path = join(folder, 'dist', file);
    const text = readFileSync(path, 'utf8');
    const next = changes.reduce((before, [from, to]) => before.replace(from, to), text);
    if (next === text) continue;
    places++;
    writeFileSync(path, next);
  }
  expect(places, `${name} stands in no file`).toBeGreaterThan(0);
  return commandIn(folder);
}

it('a program that only has a later version passes, with every scene', async () => {
  const folder = copyOf(dist, join(parent, 'later'));
  const path = join(folder, 'package.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"version": ".*"/, '"version": "99.0.0"'));
  const later = commandIn(folder);
  const { stdout } = await later(['--version'], { cwd: folder });
  expect(stdout).toBe('99.0.0\n');
  for (const name of scenesOf(version)) expect(await problemsOf(later, name)).toEqual([]);
});

describe('a deliberate change makes the checks fail', () => {
  it('without one they pass', async () => {
    const run = commandIn(copyOf(dist, join(parent, 'unchanged')));
    expect(await problemsOf(run, 'mac')).toEqual([]);
    expect(await problemsOf(run, 'fleet')).toEqual([]);
  });

  it.each([
    ['the prefix of a leaf', 'note-key', /const LEAF = 0;/g, 'const LEAF = 2;', 'tampered'],
    ['the name of the checkpoint line', 'mac', /kind\\":\\"checkpoint/g, 'kind\\":\\"tree_head', 'exit code'],
    ['the format number of a log', 'mac', /format\("format", 1\)/g, 'format("format", 2)', 'exit code'],
    [
      'the version of a state',
      'mac',
      /number\("version"\) !== 1\) throw/g,
      'number("version") !== 2) throw',
      'exit code',
    ],
    ['the version of a memory', 'fleet', /picklist\(\[1, 2\]\)/g, 'picklist([3])', 'exit code'],
    ['a member of the report', 'mac', /droppedLines/g, 'linesDropped', 'droppedLines is gone'],
    ['an exit code', 'killed', /undecided: 2,/g, 'undecided: 3,', 'exit code 3, not 2'],
    ['a finding code', 'mac', /RESTART/g, 'RESTARTED', '"RESTARTED", not "RESTART"'],
  ])('%s', async (name, scene, from, to, says) => {
    const problems = await problemsOf(changed(name, [from, to]), scene);
    expect(problems.join('\n')).toContain(says);
  });
});

describe('what a changed program has written', () => {
  it('as the memory of an audit with its journal is refused by name, and stays as it is', async () => {
    const copy = copyInto(parent, join(folderOf(version), 'fleet'));
    const [audit] = readScene(version, 'fleet').continued?.steps ?? [];
    const argv = audit?.argv ?? [];
    const later = changed(
      'later memory',
      [/picklist\(\[1, 2\]\)/g, 'picklist([1, 2, 3])'],
      [/version: 2,/g, 'version: 3,'],
    );
    expect(await later(argv, { cwd: copy })).toMatchObject({ code: 0 });
    const before = snapshotOf(copy);
    const { code, stderr } = await commandIn(copyOf(dist, join(parent, 'present')))(argv, { cwd: copy });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/FORMAT_INVALID.*version/)]);
    expect(snapshotOf(copy)).toEqual(before);
  });
});
