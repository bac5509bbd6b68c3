import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

// what is asked is answered, and what is wrong is said, before anything is installed or built
it.each([
  ['--help', [0, expect.stringMatching(/^npm start \[-- \[FILE\] \[--keep\]\]: /), '']],
  ['/nowhere.log', [64, '', expect.stringMatching(/^npm start: \/nowhere\.log does not exist; /)]],
  ['--kep', [64, '', expect.stringMatching(/^npm start: unknown flag --kep; /)]],
  ['README.md NOTICE', [64, '', expect.stringMatching(/^npm start: it takes one file at most; /)]],
])('npm start -- %s', (args, expected) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/start.mjs', ...args.split(' ')], {
    encoding: 'utf8',
    env: { PATH: '/nonexistent' }, // neither npm nor a compiler could be started
  });
  expect([status, stdout, stderr]).toEqual(expected);
});
