import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';

let built: BuiltPackage;
let cwd = '';
const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'close-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** Seals two files; `spoil` runs between the lines and the rotation. Prints what was warned of and how many files closed. */
const text = (spoil: string): string => `
import { readFileSync, writeFileSync } from 'node:fs';
import { createSealer } from './dist/index.js';
const file = ${JSON.stringify('FILE')};
const sealer = createSealer({ file, origin: 'example.com/a', stateDir: file + '.state', verifyOnClose: true });
const warnings = [];
let closed = 0;
sealer.on('warning', (error) => warnings.push(error.code));
sealer.on('closedFile', () => closed++);
sealer.write('one\\n');
await sealer.flush();
${spoil}
await sealer.rotate();
sealer.write('two\\n');
await sealer.flush();
await sealer.close();
console.log(JSON.stringify({ warnings, closed }));
`;

async function run(spoil: string): Promise<{ warnings: string[]; closed: number; stderr: string }> {
  const program = writeProgram(
    built,
    'verify-on-close.mjs',
    text(spoil).replace('"FILE"', JSON.stringify(join(cwd, 'a.jsonl'))),
  );
  const { code, stdout, stderr } = await built.run([], { program, cwd, env });
  expect(code, stderr).toBe(0);
  return { ...(JSON.parse(stdout) as { warnings: string[]; closed: number }), stderr };
}

it('verifies each closed file in a process of its own, and says nothing of a good one', async () => {
  // the key stands in the environment, which is said once
  expect(await run('')).toEqual({ warnings: ['KEY_WARNING'], closed: 2, stderr: '' });
});

it('warns of a file that somebody else altered before it was closed', async () => {
  const spoil = 'writeFileSync(file, readFileSync(file, \'utf8\').replace(\'"line":"one"\', \'"line":"own"\'));';
  const { warnings, stderr } = await run(spoil);
  expect(warnings).toContain('VERIFY_FAILED');
  expect(stderr).toMatch(/VERIFY_FAILED: .*a\.\d{8}T\d{6}Z-0001\.jsonl was altered/);
});
