import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { helpedCommands } from '../helped.ts';
import { COMPLETED, checkFlags, folderWithScript, NOT_COMPLETED } from './offered.ts';

/** The script, sourced into a bash that then completes command lines as its TAB key does. */

let cwd = '';
beforeAll(async () => {
  cwd = await folderWithScript('bash');
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** What readline does with the answer: `-o default` are files, `-o dirnames` folders, unless a word was offered. */
const PROGRAM = `
source ./script
compopt() { for one in "$@"; do case $one in
  +o) on=no ;; -o) on=yes ;; default) files=$on ;; dirnames) folders=$on ;; esac; done; }
while IFS= read -r line; do
  COMPREPLY=() files=yes folders=no
  typed=\${line//=/ = }
  read -ra COMP_WORDS <<<"fapilog-tamper $typed"
  [[ -z $line || $line == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _fapilog_tamper
  found=("\${COMPREPLY[@]}")
  if [[ \${#found[@]} -eq 0 && $files == yes ]]; then found=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); fi
  if [[ \${#found[@]} -eq 0 && $folders == yes ]]; then found=($(compgen -S / -d -- "\${COMP_WORDS[COMP_CWORD]}")); fi
  echo "\${found[*]}"
done
`;

function offered(lines: readonly string[]): string[][] {
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', PROGRAM], {
    cwd,
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').filter((word) => word !== ''));
}

describe('bash completes', () => {
  it('commands, flags, values, files and folders', () => {
    expect(offered(COMPLETED.map(([typed]) => typed))).toEqual(COMPLETED.map(([, word]) => [word]));
  });

  it('nothing where nothing is known', () => {
    expect(offered(NOT_COMPLETED)).toEqual(NOT_COMPLETED.map(() => []));
  });

  it('the first word of every command, and the second one', async () => {
    const commands = await helpedCommands();
    const firstWords = [...new Set(commands.map(({ name }) => name.split(' ', 1).join()))];
    expect(offered(['', 'keys ', 'keygen --algorithm=', 'verify --max-bytes '])).toEqual([
      [...firstWords, 'help', '--help', '--version'],
      ['show', 'recover'],
      ['HMAC-SHA256', 'Ed25519', 'ML-DSA-44', 'ML-DSA-65'],
      [],
    ]);
  });

  it('every flag of every command', () => checkFlags(offered));
});
