import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPLETED, checkFlags, folderWithScript, NOT_COMPLETED } from './offered.ts';

let cwd = '';
beforeAll(async () => {
  cwd = await folderWithScript('fish');
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** What fish offers, without its descriptions, in the order of the lines. */
function offered(lines: readonly string[]): string[][] {
  const program =
    'source ./script; while read -l line; complete -C "fapilog-tamper $line" | string replace -r "\\t.*" ""; echo .; end';
  const { status, stdout, stderr } = spawnSync('fish', ['--no-config', '-c', program], {
    cwd,
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    env: { ...process.env, HOME: cwd },
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout
    .split(/^\.\n/m)
    .slice(0, -1)
    .map((part) => part.split('\n').slice(0, -1));
}

describe('fish completes', () => {
  it('commands, flags, values, files and folders', () => {
    const found = offered(COMPLETED.map(([typed]) => typed)).map((words) =>
      words.map((word) => word.replace(/.*=/, '')),
    );
    expect(found).toEqual(COMPLETED.map(([, word]) => [word]));
  });

  it('nothing where nothing is known', () => {
    expect(offered(NOT_COMPLETED)).toEqual(NOT_COMPLETED.map(() => []));
  });

  it('every flag of every command', () => checkFlags(offered));
});
