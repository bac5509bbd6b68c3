import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { someOf, times } from '../support/tier.ts';
import { ABOUT_ADA, makeScene, Scene } from './scene.ts';

/** `erase` is killed before each of its calls that change a file, and run again (R3.2, R3.3). */

const run = promisify(execFile);
const HOOK = fileURLToPath(new URL('kill-at.mjs', import.meta.url));
const WHAT = ['--where', 'user.id=2', '--reason', 'case 17', '--ended'];
/** More than it makes; those behind its end kill nothing. */
const CALLS = 200;

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
}, 120_000);
afterAll(() => built.remove());

/** @returns whether it was killed */
async function killedAt(scene: Scene, call: number): Promise<boolean> {
  const program = join(built.directory, 'dist/cli/main.js');
  const argv = ['erase', 'logs', '--policy', 'policy.yaml', '--erasures', 'erasures.yaml', '--yes', ...WHAT];
  const env = { ...process.env, KILL_AT: String(call) };
  try {
    await run(process.execPath, ['--import', HOOK, program, ...argv], { cwd: scene.directory, env });
    return false;
  } catch (error) {
    expect(error).toMatchObject({ signal: 'SIGKILL' });
    return true;
  }
}

describe('an erasure that is killed', () => {
  const calls = Array.from({ length: CALLS }, (_, at) => at + 1);
  it('is never tampering, and the next run finishes it', async () => {
    const first = await makeScene();
    let killed = 0;
    for (const call of someOf(calls, 25)) {
      const scene = new Scene(mkdtempSync(join(tmpdir(), 'erase-killed-')));
      onTestFinished(() => rmSync(scene.directory, { recursive: true, force: true }));
      cpSync(first.directory, scene.directory, { recursive: true });
      killed += Number(await killedAt(scene, call));
      const after = await scene.verify();
      expect([0, 2], `killed before call ${call}: ${after.stdout}`).toContain(after.code);
      const again = await scene.erase(...WHAT);
      expect(again.code, `run again after call ${call}: ${again.stderr}`).not.toBe(64);
      expect(scene.everything).not.toContain(ABOUT_ADA);
      expect(scene.files, `left by a kill before call ${call}`).toHaveLength(3); // nothing was left beside them
      const { code, stdout } = await scene.verify();
      // what the killed writer of the erasure log had not signed yet a start took over, as of any log
      const adopted = code === 2 && !/undecided (?!ADOPTED)/.test(stdout);
      expect(code === 0 || adopted, `after call ${call}: ${stdout}`).toBe(true);
    }
    expect(killed).toBeGreaterThan(times(3, 50));
  }, 900_000);
});
