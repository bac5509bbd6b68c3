import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-line.ts';
import { someOf } from '../support/tier.ts';

const shared = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
let cwd = '';

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'real-'));
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
});

/** Seals the text, verifies the log, and gives the application's lines back. */
async function sealAndGiveBack(name: string, input: string): Promise<string> {
  const origin = `audit.example.com/${name}`;
  const seal = ['seal', '--quiet', '--out', `${name}.sealed`, '--origin', origin];
  expect(await runHere(seal, { cwd, env, input })).toMatchObject({ code: 0, stderr: '' });
  const verdict = await runHere(['verify', `${name}.sealed`, '--origin', origin, '--quiet'], { cwd, env });
  expect(verdict).toMatchObject({ code: 0, stdout: `OK  ${origin}\n` });
  const { stdout } = await runHere(['cat', `${name}.sealed`], { cwd, env });
  return stdout;
}

/** Each line of the input without the CR or LF that ended it, each with LF. */
function linesOf(input: string): string {
  const lines = input.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => `${line.replace(/\r$/, '')}\n`).join('');
}

describe('real logs', () => {
  it.each(someOf(['Apache_2k.log', 'HDFS_2k.log', 'OpenSSH_2k.log'], 3))(
    '%s comes back line by line, byte for byte',
    async (name) => {
      if (!existsSync(shared + name)) {
        if (process.env['CI'] === 'true') throw new Error(`the real log ${shared}${name} is not there`);
        process.stderr.write(`not run: the real log ${name} is not beside this checkout\n`);
        return;
      }
      const input = readFileSync(shared + name, 'utf8');
      expect(Buffer.byteLength(input)).toBeGreaterThan(100_000);
      expect(await sealAndGiveBack(name, input)).toBe(linesOf(input));
    },
  );

  it('100,000 JSON lines come back as they went in', async () => {
    const lines = Array.from({ length: 100_000 }, (_, at) =>
      JSON.stringify({ level: 30, at, user: `u${at % 97}`, msg: 'paid' }),
    );
    const input = `${lines.join('\n')}\n`;
    expect(await sealAndGiveBack('json', input)).toBe(input);
  });
});
