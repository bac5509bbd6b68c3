import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';

/** Lines that can neither be sealed nor kept, up to the end of the process: it is told, and ends as it would without us. */
const program = `
import { rmSync, writeFileSync } from 'node:fs';
import { createSealer, TamperError } from './dist/index.js';
const [directory, end] = process.argv.slice(2);
const stateDir = directory + '/state';
let asked = false;
const away = async () => {
  asked = true;
  throw new TamperError('UNAVAILABLE', 'away', { retryable: true });
};
const keyProvider = {
  source: 'away', getKey: away, recoverKey: away, getSigningKey: away, sign: away, signBatch: away, verify: away,
  rotateCheck: async () => false, close: async () => undefined,
};
const sealer = createSealer({ file: directory + '/a.jsonl', stateDir, origin: 'example.com/a', keyProvider });
let warnings = 0;
sealer.on('warning', () => warnings++);
process.on('exit', (code) => console.log(JSON.stringify({ code, warnings, stats: sealer.stats })));
while (!asked) await new Promise((resolve) => setTimeout(resolve, 10));
// in one turn: lines that wait for a while are kept in the state directory
for (let n = 0; n < 100; n++) sealer.write('{"n":' + n + '}');
rmSync(stateDir, { recursive: true });
writeFileSync(stateDir, 'no directory any more');
if (end === 'close') await sealer.close().catch(({ code }) => console.log(code));
if (end === 'exit') process.exit(3);
if (end === 'throw') throw new Error('of the application');
`;

let built: BuiltPackage;
const directory = mkdtempSync(join(tmpdir(), 'no-room-'));
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => {
  built.remove();
  rmSync(directory, { recursive: true });
});

it.each([
  ['close', 0],
  ['exit', 3],
  ['throw', 1],
  ['by itself', 0],
])('a process that ends (%s) while nothing can be kept: code %i, and one word for what is lost', async (end, code) => {
  const place = mkdtempSync(join(directory, 'case-'));
  const result = await built.run([place, end], { program: writeProgram(built, 'no-room.mjs', program) });
  expect(result.code, result.stderr).toBe(code);
  expect(result.stderr).not.toContain('RangeError');
  const last = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '{}') as {
    warnings: number;
    stats: { uncounted: number };
  };
  if (end === 'close') expect(last.stats.uncounted).toBe(100);
  expect(last.warnings).toBeLessThanOrEqual(4);
});
