// Adds what is new in test/vectors to vectors/v1, and refuses to change what is there.
import { spawnSync } from 'node:child_process';
import { root } from './lib/run.mjs';

const { status } = spawnSync(
  process.execPath,
  ['--import', './test/child/typescript.mjs', 'test/vectors/generate.ts'],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;
