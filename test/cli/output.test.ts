import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../support/command-line.ts';

/** What `verify --format json` prints of a file with this name that was never sealed. */
async function shownOf(name: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'output-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, name), 'never sealed\n');
  const flags = ['--origin', 'audit.example.com/output', '--format', 'json'];
  const result = await runCommand(['verify', join(directory, name), ...flags]);
  expect(result.code).toBe(2);
  const stdout = Buffer.from(result.stdout, 'latin1').toString('utf8');
  const { findings } = JSON.parse(stdout) as { findings: { file?: string }[] };
  expect(findings.map(({ file }) => file)).toEqual([join(directory, name)]);
  return stdout;
}

describe('JSON for a terminal', () => {
  it.each([
    ['C1', '\u009b31m'],
    ['DEL', '\u007f'],
    ['a right-to-left override', '\u202e'],
    ['an isolate', '\u2066x\u2069'],
    ['a zero width joiner', '\u200d'],
    ['a byte-order mark', '\ufeff'],
    ['a line separator', '\u2028'],
    ['a tag character, outside the BMP', '\u{e0041}'],
  ])('escapes %s, and stays the same JSON', async (_, text) => {
    expect(await shownOf(`a${text}b`)).toMatch(/^[\n\x20-\x7e]*$/);
  });

  it('leaves letters, marks and emoji as they are', async () => {
    for (const name of ['Grüße', 'naïve', '日本語', '\u{1f600}']) expect(await shownOf(name)).toContain(name);
  });
});
