import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { ABOUT_ADA, ERASURES, makeScene, OF_ADA, type Scene } from './scene.ts';

/**
 * What is left of erased records in the blocks of an ext4 disk (R3.2): a whole disk is in a file, which is read and searched.
 * Files are not compressed here: what compressed data says cannot be found by its bytes.
 */

const run = promisify(execFile);
const HOOK = fileURLToPath(new URL('kill-at.mjs', import.meta.url));
const WHAT = ['--where', 'user.id=2', '--reason', 'case 17', '--ended'];
/** How far before its last call that changes a file a run is killed. */
const KILLED_BEFORE_END = [1, 4, 9, 16, 25, 36];

const root = mkdtempSync(join(tmpdir(), 'blocks-'));
const disks: Disk[] = [];
let built: BuiltPackage;
beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error('these tests mount disks: run them as root');
  built = await buildPackage();
}, 120_000);
afterAll(() => {
  for (const disk of disks) disk.remove();
  rmSync(root, { recursive: true, force: true });
  built.remove();
});

/** A disk of its own, with ext4 as mkfs makes it: its journal has no data of files (data=ordered). */
class Disk {
  readonly place: string;
  readonly #image: string;
  readonly #device: string;

  constructor(name: string) {
    this.#image = join(root, `${name}.img`);
    this.place = join(root, name);
    mkdirSync(this.place);
    execFileSync('truncate', ['-s', '32M', this.#image]);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#image]);
    this.#device = execFileSync('losetup', ['--find', '--show', this.#image], { encoding: 'utf8' }).trim();
    execFileSync('mount', [this.#device, this.place]);
    disks.push(this);
  }

  /** Those of some texts that are anywhere on it. */
  has(texts: readonly string[]): string[] {
    execFileSync('sync');
    execFileSync('blockdev', ['--flushbufs', this.#device]);
    const bytes = readFileSync(this.#image);
    return texts.filter((text) => bytes.includes(text));
  }

  remove(): void {
    execFileSync('umount', [this.place]);
    execFileSync('losetup', ['--detach', this.#device]);
  }
}

/** What the records of Ada say, each one's own text and its salt, and a line and a salt of somebody else's. */
function wordsOf(scene: Scene): { readonly erased: string[]; readonly kept: string[] } {
  const lines = scene.everything.split('\n').filter((line) => line.startsWith('{"n":'));
  const words = (some: string[]): string[] =>
    some.flatMap((line) => [line.slice(0, line.indexOf(',"integrity"')), /"salt":"([\w-]{22})"/.exec(line)?.[1] ?? '']);
  const erased = words(lines.filter((line) => line.includes(ABOUT_ADA)));
  const kept = words(lines.filter((line) => !line.includes(ABOUT_ADA)));
  expect(erased.length).toBe(2 * OF_ADA);
  expect([...erased, ...kept].every((word) => word.length >= 22)).toBe(true);
  return { erased, kept };
}

const on = (disk: Disk): Promise<Scene> => makeScene([], { parent: disk.place, compressed: false });

/** Runs the command as a process, killed before a call; with 0 not at all. @returns what it said at its end */
async function killedAt(scene: Scene, call: number): Promise<string> {
  const argv = ['erase', 'logs', '--policy', 'policy.yaml', '--erasures', 'erasures.yaml', '--yes', ...WHAT];
  const program = [join(built.directory, 'dist/cli/main.js'), ...argv];
  const env = { ...process.env, KILL_AT: String(call) };
  const done = run(process.execPath, ['--import', HOOK, ...program], { cwd: scene.directory, env });
  if (call === 0) return (await done).stderr;
  await expect(done).rejects.toMatchObject({ signal: 'SIGKILL' });
  return '';
}

describe('a disk', () => {
  /** Until the test ends, before its scene is removed. */
  const mount = (place: string, ...options: string[]): void => {
    execFileSync('mount', [...options, place]);
    onTestFinished(() => void execFileSync('umount', ['--lazy', place]));
  };

  it('that may not be written is told, and the next run erases', async () => {
    const scene = await makeScene();
    const logs = join(scene.directory, 'logs');
    mount(logs, '--bind', logs);
    execFileSync('mount', ['-o', 'remount,bind,ro', logs]);
    const { code, stderr } = await scene.erase(...WHAT);
    expect([code, stderr]).toEqual([2, expect.stringContaining('cannot be rewritten (EROFS)')]);
    execFileSync('mount', ['-o', 'remount,bind,rw', logs]);
    expect(await scene.erase(...WHAT)).toMatchObject({ code: 0 });
    expect((await scene.verify()).code).toBe(0);
  });

  it('that is full under the erasure log is told in seconds, and the next run erases', async () => {
    const scene = await makeScene();
    const place = join(scene.directory, 'er');
    mkdirSync(place);
    mount(place, '-t', 'tmpfs', '-o', 'size=12k', 'none');
    for (const name of ['erasures.jsonl', 'erasures.jsonl.manifest.json']) {
      writeFileSync(join(place, name), scene.read(name));
      rmSync(join(scene.directory, name));
    }
    const config = scene.read('erasures.yaml').toString();
    scene.write('erasures.yaml', config.replace('file: erasures.jsonl', 'file: er/erasures.jsonl'));
    const before = scene.everything;
    const { code, stderr } = await scene.erase(...WHAT.with(3, 'r'.repeat(1_000)));
    expect([code, stderr]).toEqual([2, expect.stringContaining('WRITE_FAILED')]);
    expect(scene.everything).toBe(before);
    execFileSync('mount', ['-o', 'remount,size=4m', place]);
    await scene.erase(...WHAT);
    expect(scene.everything).not.toContain(ABOUT_ADA);
    const verified = await scene.run(['verify', 'logs', 'er', '--policy', 'policy.yaml', '--format', 'json']);
    const { findings } = JSON.parse(verified.stdout);
    const against = findings.filter(({ severity }: { severity: string }) => severity !== 'warning');
    // what the full disk had cut off was signed by nobody, as after any crash
    expect(
      against.every((one: { code: string; origin: string }) => one.code === 'ADOPTED' && one.origin === ERASURES),
    ).toBe(true);
  }, 60_000);
});

describe('the blocks of a disk', () => {
  it('have neither the text nor the salt of an erased record, and all of the others', async () => {
    const disk = new Disk('whole');
    const scene = await on(disk);
    const { erased, kept } = wordsOf(scene);
    expect(disk.has(erased)).toEqual(erased); // the same search finds them while they are there
    expect((await scene.erase(...WHAT)).code).toBe(0);
    expect(scene.read('erasures.jsonl').toString()).toContain('"storage":"in-place"');
    expect(disk.has([...erased, ABOUT_ADA])).toEqual([]);
    expect(disk.has(kept)).toEqual(kept);
  });

  it('have nothing of it after a kill and a second run either (R3.3)', async () => {
    const counted = await makeScene([], { compressed: false });
    const [, calls = ''] = /^calls: (\d+)$/m.exec(await killedAt(counted, 0)) ?? [];
    let wasThere = 0;
    for (const before of KILLED_BEFORE_END) {
      const disk = new Disk(`killed-${before}`);
      const scene = await on(disk);
      const { erased, kept } = wordsOf(scene);
      await killedAt(scene, Number(calls) - before);
      wasThere += disk.has(erased).length;
      const { code, stderr } = await scene.erase('--ended'); // without being told what
      expect(code, `killed ${before} calls before the end: ${stderr}`).toBe(0);
      expect(disk.has([...erased, ABOUT_ADA]), `killed ${before} calls before the end`).toEqual([]);
      expect(disk.has(kept)).toEqual(kept);
    }
    expect(wasThere).toBeGreaterThan(0); // some kills came before the old file was overwritten
  }, 600_000);
});
