import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Summary } from './differential/main.ts';
import { pythonForVerifier } from './differential/python.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** A run with disagreements ends with code 1, its summary printed all the same. */
function summaryOf(failed: unknown): { stdout: string } {
  if (!(failed instanceof Error && 'stdout' in failed && typeof failed.stdout === 'string' && failed.stdout !== '')) {
    throw failed;
  }
  if ('stderr' in failed) console.error(failed.stderr);
  return { stdout: failed.stdout };
}

/**
 * Mutants of each of two processes, and honest logs: an eighth of what a change of the format or the verifier is judged by (CONTRIBUTING.md).
 * DIFFERENTIAL_MUTANTS says otherwise; DIFFERENTIAL_SEED looks elsewhere.
 */
const MUTANTS = Number(process.env['DIFFERENTIAL_MUTANTS'] ?? 6_250);
const LOGS = Math.ceil(MUTANTS / 250);

/** One process of its own, as `npm run differential` starts it. What it prints on a disagreement says where it is kept. */
async function inProcess(seed: number, out: string): Promise<Summary> {
  const args = ['--import', './test/child/typescript.mjs', 'test/interop/differential/main.ts'];
  const wish = ['--mutants', String(MUTANTS), '--logs', String(LOGS), '--seed', String(seed), '--out', out, '--quiet'];
  const options = { cwd: root, maxBuffer: 1 << 26 };
  const { stdout } = await run(process.execPath, [...args, ...wish], options).catch(summaryOf);
  return JSON.parse(stdout) as Summary;
}

it(`on ${2 * MUTANTS} mutants of ${2 * LOGS} honest logs no verifier says 0 alone, and no honest log is called tampered with`, async () => {
  const out = join(root, 'coverage', 'differential'); // outlives the test
  await pythonForVerifier();
  const seed = Number(process.env['DIFFERENTIAL_SEED'] ?? 1);
  const parts = await Promise.all([inProcess(seed, out), inProcess(seed + 1_000_000, out)]);
  const total = (what: 'logs' | 'mutants' | 'honest' | 'disagreements'): number =>
    parts.reduce((sum, part) => sum + part[what], 0);
  console.log(JSON.stringify(parts));
  expect(total('disagreements'), `kept in ${out}`).toBe(0);
  expect(total('logs')).toBeGreaterThanOrEqual(2 * LOGS);
  expect(total('mutants')).toBeGreaterThanOrEqual(2 * MUTANTS);
  expect(total('honest')).toBeGreaterThanOrEqual(4 * LOGS);
}, 3_600_000);
