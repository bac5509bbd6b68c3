import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';

/** A reader that has seen enough, such as `head`, closes the pipe: that is no failure of the command. */

const origin = 'example.com/a';
const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
let built: BuiltPackage;
let cwd = '';

beforeAll(async () => {
  built = await buildPackage();
  cwd = mkdtempSync(join(tmpdir(), 'closed-pipes-'));
  const input = `${'x'.repeat(2000)}\n`.repeat(2000);
  await built.run(['seal', '--quiet', '--out', 'a.jsonl', '--origin', origin], { cwd, env, input });
});
afterAll(() => {
  built.remove();
  rmSync(cwd, { recursive: true });
});

/** Runs a command whose standard output is closed at once, or after the first bytes. */
async function run(argv: readonly string[], after: 'at once' | 'the first bytes'): Promise<[number | null, string]> {
  const main = join(built.directory, 'dist/cli/main.js');
  const child = spawn(process.execPath, [main, ...argv], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  if (after === 'at once') child.stdout.destroy();
  else child.stdout.once('data', () => child.stdout.destroy());
  const [code] = (await once(child, 'close')) as [number | null];
  return [code, stderr];
}

describe('a closed standard output', () => {
  const verify = ['--origin', origin];
  it.each([
    ['cat', ['cat', 'a.jsonl']],
    ['cat --verified', ['cat', '--verified', 'a.jsonl', ...verify]],
  ])('ends %s quietly, whenever it is closed', async (_name, argv) => {
    expect(await run(argv, 'at once')).toEqual([0, '']);
    expect(await run(argv, 'the first bytes')).toEqual([0, '']);
  });

  it.each([
    ['verify', ['verify', 'a.jsonl', ...verify], 0],
    ['verify, with its verdict', ['verify', 'a.jsonl', ...verify, '--keys', 'absent'], 2],
    ['verify --format json', ['verify', 'a.jsonl', ...verify, '--format', 'json'], 0],
    ['inspect', ['inspect', 'a.jsonl'], 0],
    ['policy init', ['policy', 'init', 'a.jsonl'], 0],
    ['keygen', ['keygen', '--out', 'new.key'], 0],
    ['doctor', ['doctor'], 0],
    ['--help', ['--help'], 0],
    ['cat --help', ['cat', '--help'], 0],
    ['--version', ['--version'], 0],
  ])('ends %s quietly', async (_name, argv, expected) => {
    const [code, stderr] = await run(argv, 'at once');
    expect(code).toBe(expected);
    expect(stderr).not.toMatch(/EPIPE|WRITE_FAILED|INTERNAL/);
  });
});

it.runIf(process.platform === 'linux')(
  'a log on a standard output that was closed before the start is refused',
  async () => {
    const main = join(built.directory, 'dist/cli/main.js');
    const command = `"${process.execPath}" "${main}" seal --quiet --out - --origin ${origin} --state-dir state`;
    const sealed = async (to: string): Promise<[number | null, string]> => {
      const child = spawn('sh', ['-c', `echo one | ${command} ${to}`], {
        cwd,
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const [code] = (await once(child, 'close')) as [number | null];
      return [code, stderr];
    };
    expect(await sealed('>&-')).toEqual([
      2,
      expect.stringMatching(/WRITE_FAILED: standard output is closed.*\n {2}hint: Give --out/),
    ]);
    expect(await sealed('>/dev/null')).toEqual([0, '']);
  },
);
