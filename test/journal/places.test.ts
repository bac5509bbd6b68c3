import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { JOURNAL, makeScene, type Scene } from './scene.ts';

/** What somebody who can write beside a journal, or where the logs are, puts there. */

const STAGED = 'journal.jsonl.nights/.staged';

async function oneNight(): Promise<Scene> {
  const scene = await makeScene();
  for (const name of ['a', 'b']) scene.ship(name, 1);
  expect(await scene.audit()).toMatchObject({ code: 0, stderr: '' });
  scene.ship('a', 2);
  return scene;
}

describe('in the place of what waits to be remembered', () => {
  it.each([
    ['a symbolic link', symlinkSync],
    ['a hard link', linkSync],
  ])('%s: what it leads to stays as it is', async (_what, link) => {
    const scene = await oneNight();
    const before = scene.read('journal.key');
    link(scene.path('journal.key'), scene.path(STAGED));
    expect(await scene.audit()).toMatchObject({ code: 0, stderr: '' });
    expect(scene.read('journal.key').equals(before)).toBe(true);
    expect(await scene.audit()).toMatchObject({ code: 0, journal: [] });
  });

  it('a pipe is no obstacle', async () => {
    const scene = await oneNight();
    expect(spawnSync('mkfifo', [scene.path(STAGED)]).status).toBe(0);
    expect(await scene.audit()).toMatchObject({ code: 0, stderr: '' });
  });

  it('a directory is named, and once it is gone the next night is ok', async () => {
    const scene = await oneNight();
    mkdirSync(scene.path(STAGED));
    const { code, stderr } = await scene.audit();
    expect([code, stderr]).toEqual([2, expect.stringMatching(/WRITE_FAILED: .*\.staged cannot be written/)]);
    rmSync(scene.path(STAGED), { recursive: true });
    expect(await scene.audit()).toMatchObject({ code: 0, stderr: '' });
  });
});

it('a directory in the place of a list: the streams are audited all the same, and nothing is sealed', async () => {
  const scene = await oneNight();
  const folder = 'journal.jsonl.nights';
  const [name = ''] = readdirSync(scene.path(folder));
  rmSync(scene.path(folder, name));
  mkdirSync(scene.path(folder, name));
  const before = scene.read('journal.jsonl');
  const { code, lines, journal } = await scene.audit();
  expect([code, journal]).toEqual([2, [`${JOURNAL} JOURNAL_LIST_MISSING`]]);
  expect(scene.read('journal.jsonl').equals(before)).toBe(true);
  expect([...lines.keys()].sort()).toEqual([JOURNAL, 'fleet/a', 'fleet/b']);
});

it('a copy of the journal where the logs are does not touch what is known of the journal', async () => {
  const scene = await oneNight();
  scene.write('logs/copy.jsonl', scene.read('journal.jsonl'));
  for (let night = 0; night < 2; night++) {
    const { journal } = await scene.audit('--origin', 'fleet/*', '--origin', JOURNAL);
    expect(journal).toEqual([]);
  }
  rmSync(scene.path('logs', 'copy.jsonl'));
  expect(await scene.audit()).toMatchObject({ code: 0, journal: [] });
});
