import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
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
import { closeOnSignals, createSealer } from './dist/index.js';
const sealer = createSealer(JSON.parse(process.argv[2]));
closeOnSignals(sealer);
sealer.write('{"n":1}');
setInterval(() => undefined, 1_000);
console.log(process.pid);
`;

it('as the first process of a container, an application ends at a signal, its log closed', async () => {
  const { directory, file } = workplace();
  const program = join(built.directory, writeProgram(built, 'application.mjs', APPLICATION));
  const options = { file, stateDir: join(directory, 'state'), origin: 'audit.example.com/one', keySource: 'env' };
  const argv = ['--pid', '--fork', '--kill-child', process.execPath, program, JSON.stringify(options)];
  const env = { ...process.env, FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
  const child = spawn('unshare', argv, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await once(child.stdout, 'data');
  expect(String(said)).toBe('1\n');
  spawn('pkill', ['-TERM', '-P', String(child.pid)]); // from outside, as a container runtime does
  const [code] = await once(child, 'close');
  expect(code).toBe(128 + 15);
  expect(readFileSync(file, 'utf8')).toMatch(/"kind":"close"/);
});
