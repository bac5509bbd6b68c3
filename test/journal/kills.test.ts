import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { someOf } from '../support/tier.ts';
import { breaks, recordsOf } from './reader.ts';
import { JOURNAL, makeScene, Scene } from './scene.ts';

/** An audit with a journal is killed before each of its calls that change a file, and run again (J2.1, J2.3). */

const run = promisify(execFile);
const HOOK = fileURLToPath(new URL('../erase/kill-at.mjs', import.meta.url));

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

/** Audits in a process that is killed before so many calls; 0: not at all. @returns what it said, and how many calls there were */
async function killedAt(scene: Scene, call: number): Promise<{ killed: boolean; stdout: string; calls: number }> {
  const program = join(built.directory, 'dist/cli/main.js');
  const argv = scene.argv(['--origin', 'fleet/*', '--verbose']);
  const env = { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], KILL_AT: String(call) };
  try {
    const { stdout, stderr } = await run(process.execPath, ['--import', HOOK, program, ...argv], {
      cwd: scene.directory,
      env,
    });
    return { killed: false, stdout, calls: Number(/calls: (\d+)/.exec(stderr)?.[1] ?? 0) };
  } catch (error) {
    expect(error).toMatchObject({ signal: 'SIGKILL' });
    return { killed: true, stdout: (error as { stdout: string }).stdout, calls: 0 };
  }
}

function copyOf(scene: Scene): Scene {
  const copy = new Scene(mkdtempSync(join(tmpdir(), 'journal-killed-')));
  onTestFinished(() => rmSync(copy.directory, { recursive: true, force: true }));
  cpSync(scene.directory, copy.directory, { recursive: true, preserveTimestamps: true });
  copy.nights = scene.nights;
  return copy;
}

it('an audit that is killed needs nobody, and no night is run again unseen', async () => {
  const first = await makeScene();
  for (const files of [1, 2]) {
    for (const name of ['a', 'b']) first.ship(name, files);
    if (files === 1) await first.audit();
  }
  first.ship('c', 1);
  const { calls } = await killedAt(copyOf(first), 0);
  expect(calls).toBeGreaterThan(50);
  let unfinished = 0;
  for (const call of someOf(
    Array.from({ length: calls }, (_, at) => at + 1),
    29,
  )) {
    const scene = copyOf(first);
    const { killed, stdout } = await killedAt(scene, call);
    expect(killed, `call ${call} of ${calls}`).toBe(true);
    const records = recordsOf(scene.file);
    const begun = records.filter(({ night }) => night.startsWith('2026-11-25T00:01'));
    if (stdout.includes('fleet/')) expect(begun.length, `after call ${call}: it said something`).toBeGreaterThan(0);
    const forged = copyOf(scene);
    forged.ship('b', 2, 'other');
    for (let night = 0; night < 2; night++)
      expect((await forged.audit()).lines.get('fleet/b')?.verdict, `forged after call ${call}`).toBe('tampered');
    const without = copyOf(scene);
    rmSync(without.path('journal.jsonl.nights', '.staged'), { force: true });
    for (let night = 0; night < 2; night++)
      expect((await without.audit()).code, `without what waited, after call ${call}`).toBe(0);
    const again = await scene.audit();
    const amiss = JSON.stringify([...again.lines.values()].filter(({ verdict }) => verdict !== 'ok'));
    expect([again.code, again.stderr, amiss], `run again after call ${call}`).toEqual([0, '', '[]']);
    const isOpen = begun.length > 0 && !scene.ended.some(({ night }) => night === begun[0]?.night);
    expect(again.journal, `after call ${call}`).toEqual(isOpen ? [`${JOURNAL} JOURNAL_UNFINISHED`] : []);
    unfinished += Number(isOpen);
    const next = await scene.audit();
    expect([next.code, next.journal], `and again after call ${call}`).toEqual([0, []]);
    const nights = scene.ended;
    for (const [at, night] of nights.entries())
      if (at > 0) expect(breaks(nights[at - 1] as typeof night, night)).toEqual([]);
    expect(nights.at(-1)?.entries?.get('fleet/c')?.state).toBe('ok');
    const { code, stderr } = await scene.prove('fleet/a');
    expect([code, stderr], `a proof after call ${call}`).toEqual([0, '']);
  }
  expect(unfinished).toBeGreaterThan(1);
}, 900_000);
