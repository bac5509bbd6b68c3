import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiledPackage } from '../support/built-package.ts';
import { commandIn, copyOf, frozenCommand } from './frozen-command.ts';
import { copyInto, type FrozenScene, folderOf, readScene, scenesOf, versions } from './frozen-folder.ts';
import { lostFiles, playSteps, playWrites, type Run, snapshotOf } from './playing.ts';

/** Logs that several versions write by turns, verified by each of them. */

let parent = '';
let present: Run;
beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'compat-'));
  present = commandIn(copyOf(await compiledPackage(), join(parent, 'present')));
});
afterAll(() => rmSync(parent, { recursive: true }));

/** What a start may refuse to go on from: a code that says it, and nothing is changed. */
const REFUSAL = /STATE_MALFORMED|STATE_CONFLICT|UNSUPPORTED/;

describe.each(versions)('a log of %s, continued by this version', (version) => {
  let frozen: Run;
  beforeAll(async () => {
    frozen = await frozenCommand(version);
  });
  const scenes = scenesOf(version)
    .map((name): [string, FrozenScene] => [name, readScene(version, name)])
    .filter(([, { continued }]) => continued !== undefined);

  it.each(scenes)('is verified by both: %s', async (name, scene) => {
    const { writes = [], steps = [] } = scene.continued ?? {};
    const folder = join(folderOf(version), name);
    const copy = copyInto(parent, folder);
    expect(await playWrites(present, copy, writes)).toEqual([]);
    expect(lostFiles(folder, copy, scene)).toEqual([]);
    const apart = copyInto(parent, folder);
    expect(await playWrites(present, apart, writes)).toEqual([]);
    expect(await playSteps(present, copy, steps, 'continued')).toEqual([]);
    expect(await playSteps(frozen, apart, steps, 'continued')).toEqual([]);
  });

  it.each(scenes)('goes on with its own writer, or is refused by name: %s', async (name, scene) => {
    const { writes = [], steps = [] } = scene.continued ?? {};
    const copy = copyInto(parent, join(folderOf(version), name));
    expect(await playWrites(present, copy, writes)).toEqual([]);
    const seals = writes.filter(({ argv }) => argv[0] === 'seal');
    const before = snapshotOf(copy);
    const problems = await playWrites(frozen, copy, seals);
    if (problems.length > 0) {
      for (const problem of problems) expect(problem).toMatch(REFUSAL);
      expect(snapshotOf(copy)).toEqual(before);
      return;
    }
    const verifying = steps.filter(({ argv }) => argv[0] === 'verify');
    for (const { argv, exit, env } of verifying) {
      for (const run of [present, frozen]) {
        const { code, stdout, stderr } = await run(argv, { cwd: copy, ...(env && { env }) });
        expect(code, `${stdout}${stderr}`).toBe(exit);
      }
    }
  });
});
