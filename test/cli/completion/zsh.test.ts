import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPLETED, folderWithScript, NOT_COMPLETED } from './offered.ts';

let cwd = '';
beforeAll(async () => {
  cwd = await folderWithScript('zsh');
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** An interactive zsh on a terminal of its own, in which the TAB key completes, shows the line and empties it. */
const PROGRAM = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1= PS2= RPS1=; unsetopt prompt_cr prompt_sp; autoload -U compinit; compinit -u -D; source ./script'
zpty -w shell 'show() { zle complete-word; zle -I; print -r -- "<<$BUFFER>>"; BUFFER= }; zle -N show; bindkey "^I" show'
zpty -w shell 'echo "<<"begun">>"'
zpty -r -m shell out '*<<begun>>*'
while IFS= read -r line; do
  zpty -w -n shell "fapilog-tamper $line"$'\\t'
  zpty -r -m shell out '*<<*>>*'
  print -r -- "\${\${out##*<<}%%>>*}"
done
zpty -d shell
`;

/** The command line after TAB, without the program and the blank behind a word that is complete. */
function completed(lines: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync('zsh', ['-f', '-c', PROGRAM], {
    cwd,
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, HOME: cwd, TERM: 'dumb' },
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/^fapilog-tamper /, '').trimEnd());
}

describe('zsh completes', () => {
  it('commands, flags, values, files and folders', () => {
    // a flag that takes a value gets its =, and so may be followed by either
    const found = completed(COMPLETED.map(([typed]) => typed)).map((line) => /[^ =]*(?==?$)/.exec(line)?.[0]);
    expect(found).toEqual(COMPLETED.map(([, word]) => word));
  });

  it('nothing where nothing is known', () => {
    expect(completed(NOT_COMPLETED)).toEqual(NOT_COMPLETED);
  });
});
