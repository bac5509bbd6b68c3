import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ABOUT_ADA, makeScene, type Scene } from './scene.ts';

/** What an erasure that was killed leaves beside a file, and proofs from before one (spec/erasure.md, R2.5 and R3.4). */

const WHAT = ['--where', 'user.id=2', '--reason', 'case 17', '--who', 'dpo', '--ended'];
const LEFT = ['erase-new', 'erase-old', 'erase-gone'];

/** A scene whose erasure was killed before the old file of this name, or what was to be the new one, was gone. */
async function leaving(ending: string): Promise<{ readonly scene: Scene; readonly left: string }> {
  const scene = await makeScene([], { compressed: false });
  const [file = ''] = scene.files;
  const left = join(dirname(file), `.${basename(file)}.${ending}`);
  copyFileSync(join(scene.directory, file), join(scene.directory, left));
  expect((await scene.verify()).code).toBe(2); // before an erasure too
  const old = readFileSync(join(scene.directory, left));
  rmSync(join(scene.directory, left));
  expect((await scene.erase(...WHAT)).code).toBe(0);
  writeFileSync(join(scene.directory, left), old);
  return { scene, left };
}

describe.each(LEFT)('a file .NAME.%s beside a file of the log (R3.4)', (ending) => {
  it('is told of as NOT_ERASED, with its name, and never read as a log', async () => {
    const { scene, left } = await leaving(ending);
    const judge = async (...paths: string[]): Promise<{ code: number; findings: Record<string, unknown>[] }> => {
      const argv = ['verify', ...paths, 'erasures.jsonl', '--policy', 'policy.yaml', '--format', 'json'];
      const { code, stdout } = await scene.run(argv);
      const { findings } = JSON.parse(stdout);
      return { code, findings: findings.filter(({ severity }: { severity: string }) => severity !== 'warning') };
    };
    const named = scene.files.filter((file) => !file.includes('.erase-'));
    for (const paths of [['logs'], named]) {
      const { code, findings } = await judge(...paths);
      expect(code).toBe(2);
      // no fork, no copy and nothing foreign: its lines are not looked at
      expect(findings).toEqual([expect.objectContaining({ code: 'NOT_ERASED', severity: 'undecided', file: left })]);
    }
    const printed = await scene.run(['cat', 'logs']);
    expect(printed.stdout).toContain('"text":"other"');
    expect(printed.stdout).not.toContain(ABOUT_ADA);
  });

  it('is gone after the next run', async () => {
    const { scene } = await leaving(ending);
    expect(await scene.erase()).toMatchObject({ code: 0 });
    expect(scene.files).toHaveLength(3);
    expect(scene.everything).not.toContain(ABOUT_ADA);
    expect((await scene.verify()).code).toBe(0);
  });
});

describe('what an erasure left of a file that was renamed since (R3.4)', () => {
  const judged = async (scene: Scene): Promise<unknown> => {
    const { code, stdout } = await scene.verify('--format', 'json');
    const { findings } = JSON.parse(stdout);
    return [
      code,
      ...findings.flatMap((one: { severity: string; code: string }) => (one.severity === 'warning' ? [] : [one.code])),
    ];
  };

  it('is told of, and is gone once it has the new name and erase has run again', async () => {
    const { scene, left } = await leaving('erase-old');
    const path = (name: string): string => join(scene.directory, name);
    const [file = ''] = scene.files.filter((name) => !name.includes('.erase-'));
    renameSync(path(file), path('logs/renamed.jsonl'));
    renameSync(path(`${file}.manifest.json`), path('logs/renamed.jsonl.manifest.json'));
    expect(await judged(scene)).toEqual([2, 'NOT_ERASED']);
    renameSync(path(left), path('logs/.renamed.jsonl.erase-old'));
    expect(await scene.erase()).toMatchObject({ code: 0 });
    expect(scene.everything).not.toContain(ABOUT_ADA);
    expect(await judged(scene)).toEqual([0]);
  });

  it('is not told of where it is of another log', async () => {
    const { scene, left } = await leaving('erase-old');
    copyFileSync(join(scene.directory, 'erasures.jsonl'), join(scene.directory, 'logs/.other.jsonl.erase-old'));
    rmSync(join(scene.directory, left));
    expect(await judged(scene)).toEqual([0]);
  });
});

describe('the proof of a record (R2.5)', () => {
  const prove = (scene: Scene, seq: string, out: string): ReturnType<Scene['run']> =>
    scene.run(['prove', 'logs', 'erasures.jsonl', '--policy', 'policy.yaml', '--seq', seq, '--out', out]);

  it('that was made before it was erased verifies after it, and no other one is made', async () => {
    const scene = await makeScene();
    const [, seq = ''] = new RegExp(`${ABOUT_ADA}.*"seq":(\\d+),`).exec(scene.everything) ?? [];
    const verify = (): ReturnType<Scene['run']> => scene.run(['verify', 'ada.tlog-proof', '--policy', 'policy.yaml']);
    expect(await prove(scene, seq, 'ada.tlog-proof')).toMatchObject({ code: 0 });
    const before = await verify();
    expect(before.code).toBe(0);
    expect(before.stdout).toContain(ABOUT_ADA);
    const files = new Map(scene.files.map((name) => [name, scene.read(name)]));
    expect((await scene.erase(...WHAT)).code).toBe(0);
    expect(await verify()).toEqual(before);
    const refused = await prove(scene, seq, 'again.tlog-proof');
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toContain(`entry ${seq} was erased by dpo at`);
    expect(() => scene.read('again.tlog-proof')).toThrow('ENOENT');
    // nor where an old copy was put back: it is on record as erased
    for (const [name, bytes] of files) if (!name.endsWith('.gz')) scene.write(name, bytes);
    const [first = ''] = scene.files.filter((name) => name.endsWith('.gz'));
    scene.write(first, files.get(first) ?? '');
    const standing = await prove(scene, seq, 'again.tlog-proof');
    expect(standing.code).toBe(2);
    expect(() => scene.read('again.tlog-proof')).toThrow('ENOENT');
  });
});
