import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, runHere } from '../../support/command-line.ts';

/** The files that an audit writes besides what it prints. */

const key = 'ab'.repeat(32);
let cwd = '';

beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'audit-outputs-'));
  mkdirSync(join(cwd, 'logs'));
  for (const name of ['a', 'b']) {
    const seal = ['seal', '--quiet', '--out', `logs/${name}.jsonl`, '--origin', `example.com/${name}`];
    const env = { FAPILOG_TAMPER_KEY: key };
    expect((await runHere(seal, { cwd, env, input: 'paid 120\n' })).code).toBe(0);
  }
});
afterEach(() => rmSync(cwd, { recursive: true }));

const audit = (...more: string[]): Promise<CommandResult> =>
  runHere(['audit', 'logs', '--origin', 'example.com/*', '--key-env', 'SOME_KEY', '--memory', 'memory', ...more], {
    cwd,
    env: { SOME_KEY: key },
  });
const text = (name: string): string => readFileSync(join(cwd, name), 'utf8');
const tamper = (): void =>
  writeFileSync(join(cwd, 'logs/a.jsonl'), text('logs/a.jsonl').replace('paid 120', 'paid 12'));

describe('fapilog-tamper audit --html --metrics', () => {
  it('writes both whole, replaces earlier ones, and leaves nothing else behind', async () => {
    const files = ['--html', 'audit.html', '--metrics', 'audit.prom'];
    expect(await audit(...files)).toMatchObject({ code: 0, stderr: '' });
    expect(text('audit.html')).toContain('All 2 streams are as they were sealed.');
    expect(text('audit.prom')).toMatch(/^fapilog_tamper_audit_streams\{verdict="ok"\} 2$/m);
    expect(text('audit.prom')).toMatch(/^fapilog_tamper_audit_results\{result="new"\} 2$/m);
    expect(statSync(join(cwd, 'audit.prom')).mode & 0o777, 'node_exporter is another user').toBe(0o644);
    tamper();
    expect(await audit(...files)).toMatchObject({ code: 1, stderr: '' });
    expect(text('audit.html')).toMatch(/AUTH_WRONG/);
    expect(text('audit.prom')).toMatch(/^fapilog_tamper_audit_streams\{verdict="tampered"\} 1$/m);
    expect(text('audit.prom')).toMatch(/^fapilog_tamper_audit_timestamp_seconds \d+/m);
    expect(
      readdirSync(cwd)
        .filter((name) => name !== '.fapilog-chainstate')
        .sort(),
    ).toEqual(['audit.html', 'audit.prom', 'logs', 'memory']);
    expect(text('audit.html') + text('audit.prom')).not.toContain(key);
  });

  it('says how many lines wait for the next start of the writer that is configured here', async () => {
    const whole = text('logs/a.jsonl');
    writeFileSync(join(cwd, 'logs/a.jsonl'), whole.slice(0, 300)); // no start goes on there
    const seal = ['seal', '--out', 'logs/a.jsonl', '--origin', 'example.com/a'];
    expect((await runHere(seal, { cwd, env: { FAPILOG_TAMPER_KEY: key }, input: 'one\ntwo\n' })).code).toBe(2);
    writeFileSync(join(cwd, 'logs/a.jsonl'), whole);
    const elsewhere = await audit('--metrics', 'audit.prom');
    expect([elsewhere.code, elsewhere.stderr]).toEqual([0, '']);
    expect(text('audit.prom')).toMatch(/^fapilog_tamper_audit_kept_lines 0$/m);
    const here = await audit('--metrics', 'audit.prom', '--file', 'logs/a.jsonl');
    expect(here.code).toBe(0);
    expect(here.stderr).toMatch(/^note: 2 lines that could not be sealed wait in \S+ for the next start\n$/);
    expect(text('audit.prom')).toMatch(/^fapilog_tamper_audit_kept_lines 2$/m);
  });

  it.each([
    ['--html', 'report'],
    ['--metrics', 'file of metrics'],
  ])('%s replaces nothing but an earlier one, and audits nothing before that is clear: exit 64', async (flag, what) => {
    writeFileSync(join(cwd, 'precious'), 'mine');
    for (const [place, message] of [
      ['precious', `exists and is no ${what}`],
      ['logs/a.jsonl', 'which is to be verified'],
      ['logs/new', 'which is to be verified'],
      ['nowhere/new', `there is no folder nowhere for the ${what}`],
    ] as const) {
      const { code, stdout, stderr } = await audit(flag, place);
      expect([code, stdout], place).toEqual([64, '']);
      expect(stderr).toContain(message);
    }
    expect(text('precious')).toBe('mine');
    expect(readdirSync(cwd)).not.toContain('memory');
  });

  it.each([
    ['the same', ['--html', 'out', '--metrics', 'out']],
    ['the same, spelt otherwise', ['--html', 'out', '--metrics', './made/../out']],
    ['the same, behind a link', ['--html', 'made/out', '--metrics', 'link/out']],
  ])('refuses one place for both: %s', async (_what, flags) => {
    mkdirSync(join(cwd, 'made'));
    symlinkSync('made', join(cwd, 'link'));
    const { code, stdout, stderr } = await audit(...flags);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('--html and --metrics name one file');
    expect(readdirSync(cwd)).not.toContain('memory');
    expect(readdirSync(cwd)).not.toContain('out');
  });

  it.each(['--html', '--metrics'])(
    '%s is not in the memory, nor the memory itself: nothing is audited',
    async (flag) => {
      const asked = async (place: string): Promise<void> => {
        const { code, stdout, stderr } = await audit(flag, place);
        expect([code, stdout], place).toEqual([64, '']);
        expect(stderr, place).toContain(`${flag} ${place} is in the memory memory`);
      };
      await asked('memory'); // which is not there yet
      expect(readdirSync(cwd)).not.toContain('memory');
      expect(await audit()).toMatchObject({ code: 0 });
      const before = readdirSync(join(cwd, 'memory'), { recursive: true });
      symlinkSync('memory', join(cwd, 'link'));
      mkdirSync(join(cwd, 'memory/.deeper'));
      for (const place of ['memory/x', 'logs/../memory/x', 'link/x', 'memory/.deeper/x']) await asked(place);
      rmSync(join(cwd, 'memory/.deeper'), { recursive: true });
      expect(readdirSync(join(cwd, 'memory'), { recursive: true })).toEqual(before);
      expect(await audit(flag, 'memory.out'), 'beside it').toMatchObject({ code: 0 });
    },
  );

  it('that cannot be written is an error, but what was found counts more', async () => {
    const long = `${'x'.repeat(245)}.prom`; // a name that leaves no room for that of the file until it is whole
    const fine = await audit('--metrics', long);
    expect(fine).toMatchObject({ code: 2, stderr: expect.stringContaining('WRITE_FAILED: the file of metrics') });
    tamper();
    const found = await audit('--metrics', long);
    expect(found).toMatchObject({ code: 1, stderr: expect.stringContaining('WRITE_FAILED: the file of metrics') });
    expect(found.stdout).toContain('TAMPERED');
  });
});

describe('fapilog-tamper audit merge', () => {
  it('writes one report and one file of metrics over all parts', async () => {
    for (const part of ['0/2', '1/2']) {
      const { code, stdout } = await audit('--shard', part, '--run', 'tonight', '--format', 'json');
      expect(code).toBe(0);
      writeFileSync(join(cwd, `part-${part[0]}.ndjson`), stdout);
    }
    const merge = ['audit', 'merge', 'part-0.ndjson', 'part-1.ndjson', '--html', 'all.html', '--metrics', 'all.prom'];
    expect(await runHere(merge, { cwd })).toMatchObject({ code: 0, stderr: '' });
    expect(text('all.html')).toContain('All 2 streams are as they were sealed.');
    expect(text('all.prom')).toMatch(/^fapilog_tamper_audit_streams\{verdict="ok"\} 2$/m);
    expect(text('all.prom')).not.toContain('duration_seconds');
    const same = [...merge.slice(0, 4), '--html', 'same', '--metrics', 'same'];
    expect(await runHere(same, { cwd })).toMatchObject({ code: 64, stdout: '' });
    const over = [...merge.slice(0, 4), '--html', 'part-0.ndjson'];
    expect(await runHere(over, { cwd })).toMatchObject({ code: 64 });
  });
});
