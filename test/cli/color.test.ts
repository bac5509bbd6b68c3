import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-line.ts';

/** Verdicts in color, as people know it of other commands. */

const KEY = { SEAL_KEY: '6b'.repeat(32) };
const env = { FAPILOG_TAMPER_KEY_SOURCE: 'env', FAPILOG_TAMPER_KEY_ENV_VAR: 'SEAL_KEY', ...KEY };
const keys = ['--origin', 'shop/a', '--key-env', 'SEAL_KEY'];
const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const PLAIN = '\u001b[39m';

let cwd = '';
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'color-'));
  mkdirSync(join(cwd, 'logs'));
  await runHere(['seal', '--quiet', '--out', 'logs/a.jsonl', '--origin', 'shop/a'], {
    cwd,
    env,
    input: '{"n":1}\n{"n":2}\n',
  });
  const changed = readFileSync(join(cwd, 'logs/a.jsonl'), 'utf8').replace('"n":1', '"n":7');
  writeFileSync(join(cwd, 'logs/changed.jsonl'), changed);
});
afterAll(() => rmSync(cwd, { recursive: true }));

const verify = async (file: string, more: Record<string, string>, terminal: boolean, ...flags: string[]) =>
  (await runHere(['verify', file, ...keys, ...flags], { cwd, env: { ...KEY, ...more }, terminal })).stdout;

describe('a verdict', () => {
  it('is colored in a terminal, and so are findings', async () => {
    expect(await verify('logs/a.jsonl', {}, true)).toContain(`${GREEN}OK${PLAIN}  shop/a\n`);
    const tampered = await verify('logs/changed.jsonl', {}, true);
    expect(tampered).toContain(`${RED}TAMPERED${PLAIN}  shop/a`);
    expect(tampered).toContain(`${RED}  tampered${PLAIN}  AUTH_WRONG`);
  });

  it.each([
    ['a pipe', {}, false, false],
    ['NO_COLOR', { NO_COLOR: '1' }, true, false],
    ['an empty NO_COLOR', { NO_COLOR: '' }, true, true],
    ['a dumb terminal', { TERM: 'dumb' }, true, false],
    ['FORCE_COLOR into a pipe', { FORCE_COLOR: '1' }, false, true],
    ['FORCE_COLOR of 0', { FORCE_COLOR: '0' }, true, false],
    ['FORCE_COLOR before NO_COLOR', { FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  ] as const)('with %s', async (_what, more, terminal, colored) => {
    expect((await verify('logs/a.jsonl', more, terminal)).startsWith(colored ? GREEN : 'OK')).toBe(true);
  });

  it('is never colored in JSON', async () => {
    expect(await verify('logs/a.jsonl', { FORCE_COLOR: '1' }, true, '--format', 'json')).not.toContain('\u001b');
  });

  it('is colored by an audit, too', async () => {
    const { stdout } = await runHere(['audit', 'logs', '--origin', 'shop/a', '--memory', 'm'], {
      cwd,
      env,
      terminal: true,
    });
    expect(stdout).toContain(`${RED}TAMPERED${PLAIN}`);
  });
});
