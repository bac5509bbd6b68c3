import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';

const secret = 'ab'.repeat(32);
const env = { FAPILOG_TAMPER_KEY: secret };
let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

function folder(): string {
  const cwd = mkdtempSync(join(tmpdir(), 'key-events-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  return cwd;
}

const seal = (cwd: string, file: string): ReturnType<BuiltPackage['run']> =>
  built.run(['seal', '--out', 'a.jsonl', '--origin', 'example.com/a', '--key-events', file], {
    cwd,
    env,
    input: '{"n":1}\n',
  });

describe('seal --key-events', () => {
  it('appends each use of a key as one JSON object, for its owner alone, and never the key', async () => {
    const cwd = folder();
    for (const _run of [1, 2]) expect((await seal(cwd, 'keys.jsonl')).code).toBe(0);
    const text = readFileSync(join(cwd, 'keys.jsonl'), 'utf8');
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ operation }) => operation === 'getKey')).toHaveLength(2);
    expect(events.find(({ operation }) => operation === 'getKey')).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      operation: 'getKey',
      source: 'env',
      outcome: 'ok',
    });
    expect(statSync(join(cwd, 'keys.jsonl')).mode & 0o777).toBe(0o600);
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret, 'hex').toString('base64').slice(0, 20));
  });

  it.each([
    ['a directory that does not exist', () => 'nowhere/keys.jsonl'],
    [
      'a symbolic link',
      (cwd: string) => {
        symlinkSync(join(cwd, 'elsewhere'), join(cwd, 'link'));
        return 'link';
      },
    ],
    [
      'a file that holds something else, such as the key',
      (cwd: string) => {
        writeFileSync(join(cwd, 'audit.key'), secret);
        return 'audit.key';
      },
    ],
  ])('refuses %s before anything is sealed', async (_name, file) => {
    const cwd = folder();
    const { code, stderr } = await seal(cwd, file(cwd));
    expect(code).toBe(2);
    expect(stderr).toContain('WRITE_FAILED');
    expect(() => statSync(join(cwd, 'a.jsonl'))).toThrow('ENOENT');
  });
});
