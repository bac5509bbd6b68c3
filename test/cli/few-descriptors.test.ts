import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { someOf, times } from '../support/tier.ts';

/** A process that may open few files decides nothing, or the same as any other: it never says "tampered", nor "a bug" (spec 8). */

const origin = 'example.com/few';
const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
let built: BuiltPackage;
let cwd = '';
/** The fewest open files with which Node.js itself starts. */
let fewest = 8;

function limited(
  openFiles: number,
  argv: readonly string[],
  input = '',
): { readonly code: number | null; readonly stderr: string } {
  const limit = ['-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh', process.execPath, ...argv];
  const { status, stderr } = spawnSync('sh', limit, { cwd, env: { ...process.env, ...env }, encoding: 'utf8', input });
  return { code: status, stderr };
}

beforeAll(async () => {
  built = await buildPackage();
  cwd = mkdtempSync(join(tmpdir(), 'few-descriptors-'));
  const main = join(built.directory, 'dist/cli/main.js');
  const seal = ['seal', '--out', 'logs/a.jsonl', '--state-dir', 'state', '--origin', origin];
  const more = ['--rotate-max-bytes', '4096', '--compress-rotated', '--quiet'];
  const input = `${'x'.repeat(100)}\n`.repeat(200);
  execFileSync(process.execPath, [main, ...seal, ...more], { cwd, env: { ...process.env, ...env }, input });
  writeFileSync(join(cwd, 'two-files.mjs'), "await import('./one-file.mjs');\n");
  writeFileSync(join(cwd, 'one-file.mjs'), "import 'node:fs/promises';\n");
  while (limited(fewest, ['two-files.mjs']).code !== 0) fewest++;
});
afterAll(() => {
  built.remove();
  rmSync(cwd, { recursive: true });
});

describe.skipIf(process.platform === 'win32')('with few open files', () => {
  it.each([
    ['verify', ['verify', 'logs', '--origin', origin]],
    ['verify --jobs', ['verify', 'logs', '--origin', origin, '--jobs', '2']],
    ['audit', ['audit', 'logs', '--origin', origin, '--memory', 'memory']],
    ['cat', ['cat', 'logs']],
    ['prove', ['prove', 'logs', '--seq', '3', '--origin', origin]],
  ])('%s ends with 2 and says why, or as it ends with many', (_name, argv) => {
    const main = join(built.directory, 'dist/cli/main.js');
    const many = limited(256, [main, ...argv]);
    let refused = 0;
    const limits = Array.from({ length: 6 }, (_, at) => fewest + 1 + 11 * at);
    for (const openFiles of someOf(limits, 6)) {
      const ended = limited(openFiles, [main, ...argv]);
      if (ended.code === many.code && ended.stderr === many.stderr) continue;
      expect(ended.code, `${openFiles}: ${ended.stderr}`).toBe(2);
      expect(ended.stderr).toMatch(/READ_FAILED: .*EMFILE.*\n {2}hint: Raise the limits of this process/);
      refused++;
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('--version says it with as few as Node.js itself needs', () => {
    const main = join(built.directory, 'dist/cli/main.js');
    for (let openFiles = fewest + 1; openFiles < fewest + 12; openFiles++)
      expect(limited(openFiles, [main, '--version']), `${openFiles}`).toEqual({ code: 0, stderr: '' });
  });

  it('seal keeps what came through its pipe, or says that it took nothing of it', () => {
    const main = join(built.directory, 'dist/cli/main.js');
    const ends = new Set<string>();
    for (let openFiles = fewest + 1; openFiles < fewest + 64; openFiles += times(12, 4)) {
      const name = `few-${openFiles}`;
      const argv = [main, 'seal', '--out', `${name}.jsonl`, '--state-dir', name, '--origin', origin, '--quiet'];
      const { code, stderr } = limited(openFiles, argv, 'a line\n');
      if (code === 0) continue;
      const state = join(cwd, name);
      const kept = existsSync(state) ? readdirSync(state).filter((file) => file.includes('.unsealed-')) : [];
      const isToldOf = stderr.includes('anything after its first 0 bytes was not taken');
      expect(kept.length > 0 || isToldOf, `${openFiles}: ${code} ${stderr}`).toBe(true);
      ends.add(isToldOf ? 'told' : 'kept');
    }
    expect(ends).toContain('told');
  });
});
