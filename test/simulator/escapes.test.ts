import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scheduleOf } from './schedule.ts';
import { simulate } from './simulation.ts';
import { compileTree } from './tree.ts';

/** What reaches out of the simulated world is told; else a schedule would say something of this machine. */
describe('a writer that reaches out of its world', () => {
  let root = '';
  let sealer = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'escapes-'));
    cpSync('src', join(root, 'src'), { recursive: true });
    cpSync('package.json', join(root, 'package.json'));
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
    sealer = readFileSync('src/seal/sealer.ts', 'utf8');
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** At the beginning of the constructor. */
  function change(imported: string, done: string): void {
    const text = sealer.replace('    super();\n', `    super();\n    ${done}\n`);
    expect(text).not.toBe(sealer);
    writeFileSync(join(root, 'src/seal/sealer.ts'), `${imported}\n${text}`);
  }

  it.each([
    ["import { spawnSync } from 'node:child_process';", "spawnSync('true');", /node:child_process is not modelled/],
    ["import { watchFile } from 'node:fs';", "watchFile('/log/a.jsonl', () => undefined);", /"watchFile"/],
    ["import { setTimeout } from 'node:timers';", 'setTimeout(() => undefined, 1);', /node:timers is not modelled/],
  ])('does not compile: %s', async (imported, done, told) => {
    change(imported, done);
    await expect(compileTree(root)).rejects.toThrow(told);
  });

  it.each([
    'process.hrtime();',
    "process.getBuiltinModule('node:fs').readdirSync('/');",
    "void fetch('http://127.0.0.1/');",
    "void import(['node', 'vm'].join(':'));",
  ])('fails its schedule: %s', async (done) => {
    change('', done);
    const { violations } = await simulate(await compileTree(root), scheduleOf(1));
    expect(violations.length).toBeGreaterThan(0);
  });
});
