import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildManual } from '../../scripts/build/package/manual.mjs';
import { buildPackage } from '../support/built-package.ts';
import { helpedCommands } from './helped.ts';

let folder = '';
let pages: readonly string[] = [];
beforeAll(async () => {
  const built = await buildPackage();
  folder = mkdtempSync(join(tmpdir(), 'manual-'));
  pages = await buildManual(join(built.directory, 'dist'), folder);
  built.remove();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Bold, as a printer makes it: a character, back, and the same again. */
const OVERSTRUCK = new RegExp(`.${String.fromCharCode(8)}`, 'g');

/** A page as it is read, in one line, without hyphenation. */
function read(page: string): string {
  const { status, stdout, stderr } = spawnSync('mandoc', ['-T', 'ascii', '-O', 'width=500', page], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.replaceAll(OVERSTRUCK, '').replaceAll(/\s+/g, ' ');
}

describe('the manual', () => {
  it('has a page for every command, all of which package.json names', async () => {
    const names = (await helpedCommands()).map(({ name }) => `fapilog-tamper-${name.replace(' ', '-')}.1`);
    expect(pages).toEqual([...names, 'fapilog-tamper.1', 'fapilog-tamper-configuration.5'].sort());
    const { man } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(man).toEqual(pages.map((name) => `./dist/man/${name}`));
  });

  it('is written as mandoc demands', () => {
    const { stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...pages], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'))).toEqual([]);
  });

  it('says of each command what its help says', async () => {
    const plain = (words: string): string => words.replaceAll('…', '...').replaceAll(/\s+/g, ' ');
    for (const { name, summary, usage, examples, flags, says } of await helpedCommands()) {
      const text = read(`fapilog-tamper-${name.replace(' ', '-')}.1`);
      for (const part of [summary, usage, ...says, ...examples, ...flags]) expect(text).toContain(plain(part));
    }
  });

  it('has every option of docs/configuration.md', () => {
    const documented = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const rows = [...documented.matchAll(/^\| `([a-z_]+)` \| `(FAPILOG_TAMPER_\w+)` \| ([^|]*) \|/gm)];
    expect(rows.length).toBeGreaterThan(50);
    const text = read('fapilog-tamper-configuration.5');
    for (const [, name = '', variable, allowed] of rows)
      expect(text).toContain(`Flag --${name.replaceAll('_', '-')}, variable ${variable}; ${allowed}`);
  });
});
