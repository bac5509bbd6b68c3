import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/**
 * Two and a half minutes of fuzzing over all targets; FUZZ_SECONDS says otherwise. The seed is the same each time, so that a run can be
 * repeated; FUZZ_SEED, or `npm run fuzz`, looks elsewhere.
 */

const root = fileURLToPath(new URL('../../', import.meta.url));
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 150);

it(
  `finds nothing in ${seconds} seconds`,
  async () => {
    const program = ['--import', './test/child/typescript.mjs', 'test/fuzz/main.ts'];
    const seed = process.env['FUZZ_SEED'] ?? '1';
    const options = ['--seconds', String(seconds), '--seed', seed, '--crashes', 'coverage/fuzz'];
    const child = spawn(process.execPath, [...program, ...options], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const code = await new Promise((resolve) => {
      child.on('close', resolve);
    });
    expect(code, output).toBe(0);
    expect(output).toMatch(/^log-both: [1-9]\d* executions/m);
  },
  seconds * 3_000 + 600_000,
);
