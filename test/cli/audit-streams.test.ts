import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, runHere } from '../support/command-line.ts';

/** `fapilog-tamper audit` on a directory, as somebody runs it. */

const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
let cwd = '';

beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'fleet-audit-'));
  mkdirSync(join(cwd, 'logs'));
  for (const name of ['a', 'b', 'c']) await seal(name);
});
afterEach(() => rmSync(cwd, { recursive: true }));

const seal = async (name: string): Promise<CommandResult> =>
  runHere(['seal', '--quiet', '--out', `logs/${name}.jsonl`, '--origin', `fleet/${name}`], {
    cwd,
    env,
    input: '{"n":1}\n',
  });
const audit = async (...args: string[]): Promise<CommandResult> =>
  runHere(['audit', ...args, '--origin', 'fleet/*'], { cwd, env });

it('says all is ok, as of when; then what has vanished, by exit code and name', async () => {
  const first = await audit('logs', '--memory', 'memory', '--now', '2100-01-01T00:00:00Z');
  expect([first.code, first.stderr]).toEqual([0, '']);
  expect(first.stdout).toMatch(/^OK: 3 streams: 3 ok, 0 tampered, 0 undecided\n {2}new 3\n/);
  expect(first.stdout).toContain('as of 2100-01-01T00:00:00.000Z: nothing here shows what came after');
  rmSync(join(cwd, 'logs', 'b.jsonl'));
  const second = await audit('logs', '--memory', 'memory');
  expect(second.code).toBe(1);
  expect(second.stdout).toMatch(/^TAMPERED {3}fleet\/b: has vanished\n/);
});

it.each(['b.jsonl.gz', 'b.jsonl.1.gz', 'b.jsonl-20261129.gz'])(
  'does not call a stream vanished whose only file was compressed as %s and is damaged, wherever',
  async (name) => {
    await audit('logs', '--memory', 'memory');
    const path = join(cwd, 'logs', 'b.jsonl');
    const whole = gzipSync(readFileSync(path));
    rmSync(path);
    rmSync(`${path}.manifest.json`);
    const cuts = [1, 2, 5, 10, 18, 60, whole.length - 1].map((length) => whole.subarray(0, length));
    const flips = [0, 2, 3, 12].map((at) => Buffer.from(whole).fill(0xff, at, at + 1));
    for (const bytes of [...cuts, ...flips]) {
      writeFileSync(join(cwd, 'logs', name), bytes);
      const { code, stdout } = await audit('logs', '--memory', 'memory');
      expect([code, stdout], `${bytes.length} bytes`).toEqual([2, expect.stringContaining(name)]);
    }
  },
);

it('shows a whole stream that a retention has deleted, though it is ok', async () => {
  await audit('logs', '--memory', 'memory');
  rmSync(join(cwd, 'logs', 'b.jsonl'));
  const { code, stdout } = await audit(
    'logs',
    '--memory',
    'memory',
    '--retention',
    '1d',
    '--now',
    '2100-01-01T00:00:00Z',
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/^OK {9}fleet\/b: files that were checked are gone\n +warning {3}EXPIRED: /);
});

it('says of a stream how far it goes, and not how much of it is gone', async () => {
  await audit('logs', '--memory', 'memory');
  const path = join(cwd, 'logs', 'b.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"n":1', '"n":7'));
  const { stdout } = await audit('logs', '--memory', 'memory');
  expect(stdout).toMatch(/^TAMPERED {3}fleet\/b: .*, up to entry [1-9]\d*\n/);
});

describe('a command that is refused leaves nothing behind', () => {
  const everything = (): string[] => readdirSync(cwd, { recursive: true }).map(String).sort();

  it.each<[string, number, string[]]>([
    ['a place that is not there', 2, ['nowhere', '--memory', 'memory']],
    ['a memory inside a place', 64, ['logs', '--memory', 'logs/memory']],
    ['a memory inside a place by a link', 64, ['logs', '--memory', 'link/memory/deeper']],
    ['a memory that is a file', 2, ['logs', '--memory', 'file']],
    ['a memory below a file', 2, ['logs', '--memory', 'file/memory']],
    ['a memory of no name', 64, ['logs', '--memory=']],
    ['cosignatures without witnesses', 64, ['logs', '--memory', 'memory', '--cosignatures', '2']],
    ['a part without a run', 64, ['logs', '--memory', 'memory', '--shard', '0/2']],
    ['a part that is none', 64, ['logs', '--memory', 'memory', '--shard', '2/2', '--run', 'x']],
  ])('%s', async (_, expected, args) => {
    symlinkSync('logs', join(cwd, 'link'));
    writeFileSync(join(cwd, 'file'), '');
    const was = everything();
    const { code, stdout, stderr } = await audit(...args);
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toMatch(/^fapilog-tamper: [A-Z_]+: .+/);
    expect(everything()).toEqual(was);
  });
});

describe('parts', () => {
  const partOf = async (index: number, run: string): Promise<string> => {
    const { stdout } = await audit(
      'logs',
      '--memory',
      'memory',
      '--shard',
      `${index}/2`,
      '--run',
      run,
      '--format',
      'json',
    );
    const name = `${run}-${index}.ndjson`;
    writeFileSync(join(cwd, name), stdout);
    return name;
  };

  it('of one run are merged, and of two nights refused', async () => {
    const monday = [await partOf(0, 'monday'), await partOf(1, 'monday')];
    const merged = await runHere(['audit', 'merge', ...monday], { cwd });
    expect([merged.code, merged.stderr]).toEqual([0, '']);
    expect(merged.stdout).toMatch(/^OK: 3 streams: 3 ok/);
    for (const name of ['a', 'b', 'c']) rmSync(join(cwd, 'logs', `${name}.jsonl`));
    await seal('d');
    const tuesday = [await partOf(0, 'tuesday'), await partOf(1, 'tuesday')];
    expect((await runHere(['audit', 'merge', ...tuesday], { cwd })).code).toBe(1);
    for (const mixed of [
      [monday[0], tuesday[1]],
      [tuesday[0], monday[1]],
    ]) {
      const { code, stdout, stderr } = await runHere(['audit', 'merge', ...(mixed as string[])], { cwd });
      expect([code, stdout]).toEqual([64, '']);
      expect(stderr).toMatch(/is of run (monday|tuesday), but \S+ of run (monday|tuesday)/);
    }
  });

  it('without a stream of their own say so', async () => {
    for (const name of ['b', 'c']) rmSync(join(cwd, 'logs', `${name}.jsonl`));
    const said = await Promise.all(
      [0, 1].map(async (index) => audit('logs', '--memory', 'memory', '--shard', `${index}/2`, '--run', 'x')),
    );
    expect(said.filter(({ stdout }) => stdout.includes('no stream falls to this part'))).toHaveLength(1);
  });
});

it('a memory that is not there yet is made with what is above it', async () => {
  const { code } = await audit('logs', '--memory', 'some/where/memory');
  expect(code).toBe(0);
  expect(existsSync(join(cwd, 'some/where/memory'))).toBe(true);
});
