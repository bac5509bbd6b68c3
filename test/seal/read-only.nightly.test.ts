import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';
import { workplace } from './workplace.ts';

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

const APPLICATION = `
import { createSealer } from './dist/index.js';
createSealer(JSON.parse(process.argv[2])).write('{"n":1}');
`;

it('a disk that takes nothing does not keep a process alive that only logs', () => {
  const { directory } = workplace();
  const log = join(directory, 'log');
  mkdirSync(log);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,ro', 'tmpfs', log]);
  try {
    const program = join(built.directory, writeProgram(built, 'application.mjs', APPLICATION));
    const options = {
      file: join(log, 'audit.jsonl'),
      stateDir: join(directory, 'state'),
      origin: 'audit.example.com/one',
    };
    const env = { ...process.env, FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
    const { status, signal } = spawnSync(process.execPath, [program, JSON.stringify(options)], {
      env,
      timeout: 20_000,
    });
    expect({ status, signal }).toEqual({ status: 0, signal: null });
  } finally {
    execFileSync('umount', [log]);
  }
});
