import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { nodeOf } from '../support/registry-tools.ts';

const program = fileURLToPath(new URL('./ml-dsa-agree.mjs', import.meta.url));

test('Node.js and @noble/post-quantum agree about every signature of ML-DSA, right or changed', async () => {
  const rounds = 100;
  const { stdout } = await promisify(execFile)(await nodeOf(24), [program, String(rounds)], { timeout: 600_000 });
  const seen = JSON.parse(stdout) as { good: number; bad: number; apart: unknown[] };
  expect(seen.apart).toEqual([]);
  expect(seen.good).toBeGreaterThanOrEqual(4 * rounds);
  expect(seen.good + seen.bad).toBe(4 * rounds * 12);
}, 660_000);
