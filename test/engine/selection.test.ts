import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineChoice } from '../../src/foundation/engine-choice.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';

describe('FAPILOG_TAMPER_ENGINE', () => {
  it.each([
    [undefined, 'auto'],
    ['', 'auto'],
    ['auto', 'auto'],
    ['native', 'native'],
    ['typescript', 'typescript'],
  ])('%o means %s', (value, choice) => {
    expect(engineChoice({ FAPILOG_TAMPER_ENGINE: value })).toBe(choice);
  });

  it.each(['Native', 'rust', ' auto', 'true'])('%o is refused', (value) => {
    expect(() => engineChoice({ FAPILOG_TAMPER_ENGINE: value })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringContaining('FAPILOG_TAMPER_ENGINE') }),
    );
  });
});

describe('without a native engine', () => {
  let built: BuiltPackage;
  const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`;
  const version = async (
    env: Record<string, string>,
  ): Promise<{ code: number | null; stdout: string; stderr: string }> => built.run(['--version', '--verbose'], { env });
  const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');
  /** A package that says that it brings an engine. */
  const install = (below: string, packageVersion: string, content: string): string => {
    const folder = join(built.directory, below, 'node_modules', '@fapilog-tamper', `engine-${platform}`);
    mkdirSync(folder, { recursive: true });
    const engine = { sha256: sha256(content) };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: packageVersion, engine }));
    writeFileSync(join(folder, 'engine.node'), content);
    return join(folder, 'engine.node');
  };
  /** What our own package says of the engines of its release. @returns its version */
  const pin = (engineSha256: unknown): string => {
    const path = join(built.directory, 'package.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
    writeFileSync(path, JSON.stringify({ ...manifest, engineSha256 }));
    return manifest.version;
  };

  beforeAll(async () => {
    built = await buildPackage({ own: true });
  });
  afterAll(() => built.remove());

  it('it is the one in TypeScript, and --version says why', async () => {
    const { code, stdout, stderr } = await version({});
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^\d+\.\d+\.\d+\S*\nengine: typescript \(@fapilog-tamper\/engine-\S+( or \S+)? is not installed\)$/m,
    );
    expect((await version({ FAPILOG_TAMPER_ENGINE: 'typescript' })).stdout).toMatch(
      /^engine: typescript \(FAPILOG_TAMPER_ENGINE asks for it\)$/m,
    );
  });

  it('native is refused with what to do', async () => {
    const { code, stderr } = await version({ FAPILOG_TAMPER_ENGINE: 'native' });
    expect(code).toBe(2);
    expect(stderr).toContain('DEPENDENCY_MISSING');
    expect(stderr).toContain('unset FAPILOG_TAMPER_ENGINE');
    expect((await version({ FAPILOG_TAMPER_ENGINE: 'rust' })).stderr).toContain('CONFIG_INVALID');
  });

  it('one of another version is never loaded, and one that cannot be loaded is named', async () => {
    const other = install('.', '0.0.1-other', 'never looked at');
    expect((await version({})).stdout).toContain(`engine: typescript (${other} is of version 0.0.1-other, not `);
    const own = pin({ [platform]: sha256('no shared object') });
    const broken = install('.', own, 'no shared object');
    const { stdout } = await version({});
    expect(stdout).toContain(`engine: typescript (${broken} cannot be loaded: `);
    expect((await version({ FAPILOG_TAMPER_ENGINE: 'native' })).code).toBe(2);

    for (const pinned of [undefined, {}, { [platform]: '' }, { [platform]: sha256('whole') }]) {
      pin(pinned);
      const another = install('.', own, 'who');
      const found = await version({});
      expect([found.code, found.stderr]).toEqual([0, '']);
      const why = pinned?.[platform] ? 'is not the one of the release' : 'is not one that this package names';
      expect(found.stdout).toContain(`engine: typescript (${another} ${why}`);
      const native = await version({ FAPILOG_TAMPER_ENGINE: 'native' });
      expect([native.code, native.stdout]).toEqual([2, '']);
      expect(native.stderr).toContain('DEPENDENCY_MISSING');
    }
  });

  it('one of a folder above, or of the working directory, is nobody to us', async () => {
    const own = pin({ [platform]: sha256('no shared object') });
    const planted = [install('.', own, 'no shared object'), install('apps', own, 'no shared object')];
    const inner = join(built.directory, 'apps', 'ours', 'tamper');
    for (const name of ['dist', 'package.json']) {
      cpSync(join(built.directory, name), join(inner, name), { recursive: true });
    }
    for (const name of readdirSync(join(built.directory, 'node_modules')).filter((one) => !one.includes('fapilog'))) {
      mkdirSync(join(inner, 'node_modules'), { recursive: true });
      symlinkSync(join(built.directory, 'node_modules', name), join(inner, 'node_modules', name));
    }
    const cwd = join(built.directory, 'work');
    planted.push(install('work', own, 'no shared object'));
    mkdirSync(join(cwd, 'engine'));
    writeFileSync(join(cwd, 'engine', `${platform}.node`), 'no shared object');
    const program = 'apps/ours/tamper/dist/cli/main.js';
    const { code, stdout } = await built.run(['--version', '--verbose'], { program, cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^engine: typescript \(.* is not installed\)$/m);
    for (const file of planted) expect(stdout).not.toContain(file);
  });
});
