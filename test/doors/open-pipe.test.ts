import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';

/** `application | fapilog-tamper seal` while the pipe is open, with key sources that load modules of their own meanwhile. */

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

const sources: Readonly<Record<string, string>> = {
  'imports node:process': "import { stdin } from 'node:process';\nexport const touched = () => stdin.readableLength;",
  'imports all of node:process':
    "import * as own from 'node:process';\nexport const touched = () => own.default.stdin.readableLength;",
  'touches process.stdin later': 'export const touched = () => process.stdin.readableLength;',
};

it.each(Object.entries(sources))('a key source that %s gives keys while the pipe is open', async (_, touches) => {
  const directory = mkdtempSync(join(tmpdir(), 'open-pipe-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const provider = writeProgram(
    built,
    'provider.mjs',
    `${touches}
import { MemoryProvider } from './dist/testing/index.js';
export async function createProvider() {
  touched();
  return new MemoryProvider();
}
`,
  );
  const flags = [
    '--out',
    join(directory, 'log.jsonl'),
    '--state-dir',
    join(directory, 'state'),
    '--origin',
    'doors.example.com/pipe',
  ];
  const keys = [
    '--key-source',
    'custom',
    '--key-provider-module',
    join(built.directory, provider),
    '--key-id',
    'audit',
  ];
  const child = spawn(process.execPath, [join(built.directory, 'dist/cli/main.js'), 'seal', ...flags, ...keys], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], FAPILOG_TAMPER_ENGINE: 'typescript' },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close');
  child.stdin.write('{"n":1}\n');
  const log = join(directory, 'log.jsonl');
  const isSealed = (): boolean => readFileSync(log, { encoding: 'utf8', flag: 'a+' }).includes('"n":1');
  while (!isSealed() && child.exitCode === null && !said.includes('warning'))
    await new Promise((resolve) => setTimeout(resolve, 20));
  child.stdin.end('{"n":2}\n');
  const [code] = await ended;
  expect(said).toMatch(/sealed 2 lines/);
  expect(code).toBe(0);
  expect(readFileSync(log, 'utf8')).toContain('"n":2');
});
