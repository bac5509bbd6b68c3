import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-line.ts';

/** A log that a tool has written anew, whatever its form, is undecided: for verify and audit, of a file and of a directory (M8.22). */

const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const FILE = 'logs/a/log.jsonl';
let cwd = '';
let log = '';
let manifest = '';

const named = (origin: string): string[] => ['--origin', origin];
const run = async (...argv: string[]): Promise<number> => (await runHere(argv, { cwd, env })).code;

const auditOne = (): Promise<number> => run('audit', 'logs/a', ...named('example.com/a'), '--memory', 'memory-of-one');
const auditBoth = (): Promise<number> => run('audit', 'logs', ...named('example.com/*'), '--memory', 'memory-of-both');

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'rewritten-'));
  for (const name of ['a', 'b']) {
    const input = '{"n":1}\n{"n":2}\n';
    const args = ['seal', '--quiet', '--out', `logs/${name}/log.jsonl`, ...named(`example.com/${name}`)];
    expect((await runHere(args, { cwd, env, input })).code).toBe(0);
  }
  log = readFileSync(join(cwd, FILE), 'utf8');
  manifest = readFileSync(join(cwd, `${FILE}.manifest.json`), 'utf8');
  expect(await run('verify', FILE, ...named('example.com/a'), '--known', 'known')).toBe(0);
  expect(await auditOne()).toBe(0);
  expect(await auditBoth()).toBe(0);
});
afterAll(() => rmSync(cwd, { recursive: true }));

const objects = (): unknown[] =>
  log
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
const forms: Readonly<Record<string, () => string | Buffer>> = {
  'an array': () => `${JSON.stringify(objects())}\n`,
  'an array without LF': () => JSON.stringify(objects()),
  'an array in lines': () => JSON.stringify(objects(), undefined, 1),
  'an array in UTF-16, without LF': () => Buffer.from(`\ufeff${JSON.stringify(objects())}`, 'utf16le'),
  'the hits of a search': () => JSON.stringify({ hits: objects() }),
  'CR in the place of LF': () => log.replaceAll('\n', '\r'),
  'spaces in the place of LF': () => log.replaceAll('\n', ' '),
  CSV: () => log.replaceAll(/^.*$/gm, (line) => (line === '' ? '' : `"${line.replaceAll('"', '""')}"`)),
};

describe.each(['its manifest', 'no manifest'])('with %s', (beside) => {
  it.each(Object.entries(forms))('%s', async (_, write) => {
    writeFileSync(join(cwd, FILE), write());
    if (beside === 'no manifest') rmSync(join(cwd, `${FILE}.manifest.json`), { force: true });
    else writeFileSync(join(cwd, `${FILE}.manifest.json`), manifest);
    const one = [...named('example.com/a'), '--known', 'known'];
    expect({
      file: await run('verify', FILE, ...one),
      directory: await run('verify', 'logs/a', ...one),
      audit: await auditOne(),
      'audit of both': await auditBoth(),
    }).toEqual({ file: 2, directory: 2, audit: 2, 'audit of both': 2 });
  });
});

it('but a log that was cut inside its first line was cut', async () => {
  for (const length of [40, 200]) {
    writeFileSync(join(cwd, FILE), log.slice(0, length));
    const one = [...named('example.com/a'), '--known', 'known'];
    expect([await run('verify', FILE, ...one), await run('verify', 'logs/a', ...one)]).toEqual([1, 1]);
  }
});
