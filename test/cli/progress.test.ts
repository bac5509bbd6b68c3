import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passed } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-line.ts';

let cwd = '';
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'progress-'));
  await runHere(['keygen', '--out', 'key'], { cwd });
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** An input that takes longer than the second after which progress is shown. */
async function* lines(): AsyncGenerator<Buffer> {
  yield Buffer.from('first\n');
  await passed(1_100);
  yield Buffer.from('second\n');
}

describe('seal', () => {
  const sealed = async (name: string, terminal: boolean, ...flags: string[]): Promise<string> => {
    const argv = [
      'seal',
      '--out',
      `${name}.jsonl`,
      '--origin',
      `shop/${name}`,
      '--key-source',
      'file',
      '--key-file-path',
      'key',
      ...flags,
    ];
    const { code, stderr } = await runHere(argv, { cwd, terminal, input: lines() });
    expect(code).toBe(0);
    return stderr;
  };

  it('shows on a terminal how far it is, and takes the line away before it says more', async () => {
    const erase = '\r\u001b[K';
    const [before, shown, after] = (await sealed('a', true)).split(erase);
    expect([before, shown]).toEqual(['', expect.stringMatching(/^sealing: [01] lines?, 0 MB, 0 MB\/s$/)]);
    expect(after).toMatch(/^fapilog-tamper: sealed 2 lines of shop\/a in /);
  });

  it.each([
    ['no terminal', 'b', false, [], /^fapilog-tamper: sealed 2 lines of shop\/b in .*\n$/],
    ['--quiet', 'c', true, ['--quiet'], /^$/],
    ['copies on the same terminal', 'd', true, ['--tee'], /^fapilog-tamper: sealed 2 lines of shop\/d in .*\n$/],
  ] as const)('shows nothing with %s', async (_, name, terminal, flags, said) => {
    expect(await sealed(name, terminal, ...flags)).toMatch(said);
  });
});
