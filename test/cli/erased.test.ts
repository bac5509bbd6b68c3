import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import schema from '../../spec/report.schema.json' with { type: 'json' };
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { erasedWithLog, policyWith, saltedLog } from '../support/erased-log.ts';
import { erase } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';

/** What the commands say of erased records (spec/erasure.md, 2). */

const { log, erasures } = erasedWithLog(saltedLog(), 3, 4);
const second = erasedWithLog(saltedLog(), 7);
let folder = '';
const at = (name: string): string => join(folder, name);
const run = (...args: string[]): Promise<CommandResult> => runCommand(args);
const both = (): string[] => [at('log.jsonl'), at('erasures.jsonl'), '--policy', at('policy.yaml')];
const part = (): string[] => [at('part.jsonl'), at('part-erasures.jsonl'), '--policy', at('policy.yaml')];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'erased-'));
  const write = (name: string, one: typeof log): void => writeFileSync(at(name), one.toFiles()[0]?.bytes ?? '');
  write('log.jsonl', log);
  write('erasures.jsonl', erasures);
  write('part.jsonl', second.log);
  write('part-erasures.jsonl', second.erasures);
  write('all.jsonl', erase(saltedLog(), 3, 4, 5, 6, 7, 8, 9));
  const key = vkeyOf(log.origin, edKey);
  writeFileSync(at('policy.yaml'), policyWith(log, erasures, key));
  writeFileSync(at('few.yaml'), policyWith(log, erasures, key, '{ erased: 1 }'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('verify', () => {
  it('never says OK without the number of erased records, and says who erased what', async () => {
    const { code, stdout } = await run('verify', ...both());
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toContain(`OK, 2 records erased  ${log.origin}`);
    expect(lines).toContain(`OK  ${erasures.origin}`);
    expect(lines).toContain('OK, 2 records erased  2 streams');
    expect(lines).toContain('  2 of 7 records are erased (29 %), at most 2 in a row');
    for (const seq of [3, 4])
      expect(stdout).toContain(
        `ERASED: entry ${seq} was erased by dpo@example.com at 2026-11-25T08:00:00.000Z: case 17`,
      );
    expect((await run('verify', ...both(), '--quiet')).stdout).not.toMatch(new RegExp(`^OK {2}${log.origin}$`, 'm'));
  });

  it('is undecided above the limit of the policy, and without the erasure log', async () => {
    const few = await run('verify', at('log.jsonl'), at('erasures.jsonl'), '--policy', at('few.yaml'));
    expect([few.code, few.stdout.includes(`UNDECIDED  ${log.origin}`)]).toEqual([2, true]);
    const alone = await run('verify', at('log.jsonl'), '--policy', at('policy.yaml'));
    expect([alone.code, alone.stdout.includes('ERASED_UNPROVEN')]).toEqual([2, true]);
  });

  it('lists them as JSON of the published schema, and as a page', async () => {
    const report = JSON.parse((await run('verify', ...both(), '--format', 'json')).stdout);
    expect(new Ajv2020({ strict: false, validateFormats: false }).validate(schema, report)).toBe(true);
    const stream = report.streams.find(({ origin }: { origin: string }) => origin === log.origin);
    const by = { reason: 'case 17', who: 'dpo@example.com', time: '2026-11-25T08:00:00.000Z' };
    expect(stream.erased).toEqual({ records: 2, longestRun: 2, list: [3, 4].map((seq) => ({ seq, ...by })) });
    await run('verify', ...both(), '--html', at('report.html'));
    const page = readFileSync(at('report.html'), 'utf8');
    expect(page).toContain('with 2 records erased');
    expect(page).toContain('2 of 7 records are erased (29 %), at most 2 in a row');
    expect(page.match(/<th scope="row">dpo@example\.com<\/th>/g)).toHaveLength(2);
  });
});

describe('audit', () => {
  it('never says OK of all streams without the number of erased records (R2.4)', async () => {
    const place = at('place');
    mkdirSync(place);
    for (const name of ['log.jsonl', 'erasures.jsonl']) writeFileSync(join(place, name), readFileSync(at(name)));
    const audit = (memory: string, ...more: string[]): Promise<CommandResult> =>
      run('audit', place, '--policy', at('policy.yaml'), '--memory', at(memory), ...more);
    for (let time = 0; time < 2; time++) {
      const { code, stdout } = await audit('memory');
      expect([code, stdout.split('\n')[0]]).toEqual([
        0,
        'OK: 2 streams: 2 ok, 0 tampered, 0 undecided, 2 records erased',
      ]);
    }
    const { stdout } = await audit('other', '--format', 'json', '--quiet', '--html', at('audit.html'));
    expect(JSON.parse(stdout)).toMatchObject({ summary: true, verdict: 'ok', erased: 2 });
    expect(readFileSync(at('audit.html'), 'utf8')).toContain(
      'All 2 streams are as they were sealed but for 2 erased records.',
    );
  });
});

describe('cat', () => {
  it('says which records were erased, verified or not', async () => {
    const lines = 'long line\nnine\n';
    const plain = await run('cat', at('log.jsonl'));
    expect(plain).toMatchObject({ code: 2, stdout: `{"n":5}\n${lines}` });
    expect(plain.stderr).toBe(
      `cat: ${at('log.jsonl')}: entry 3 was erased\ncat: ${at('log.jsonl')}: entry 4 was erased\n`,
    );
    const verified = await run('cat', ...both(), '--verified');
    expect(verified).toMatchObject({ code: 2, stdout: `{"n":5}\n${lines}` });
    expect(verified.stderr).toBe('cat: entry 3 was erased\ncat: entry 4 was erased\n');
  });

  it('leaves out a long line of which a part was erased', async () => {
    const said = 'the long line that begins with entry 6 is left out: a part of it was erased';
    for (const args of [[at('part.jsonl')], [...part(), '--verified']]) {
      const { code, stdout, stderr } = await run('cat', ...args);
      expect([code, stdout]).toEqual([2, '{"n":3}\nfour\n{"n":5}\nnine\n']);
      expect(stderr.split('\n')).toHaveLength(2);
      expect(stderr).toContain(said);
    }
  });

  it('of a pipe, which is read once, says that the line is not whole', async () => {
    const input = readFileSync(at('part.jsonl'));
    const { code, stdout, stderr } = await runCommand(['cat', '-'], { input });
    expect([code, stdout]).toEqual([2, '{"n":3}\nfour\n{"n":5}\nlon\nine\nnine\n']);
    expect(stderr).toContain('the end of a long line is missing, from its part 2 on');
    expect(stderr).toContain('entry 7 was erased');
  });

  it('prints nothing of a log of which all is erased', async () => {
    const { stdout, stderr } = await run('cat', at('all.jsonl'));
    expect(stdout).toBe('');
    expect(stderr).toContain('entry 9 was erased');
  });
});

describe('prove', () => {
  it('proves what is left, with the erasure log among the files, and nothing that was erased', async () => {
    const made = await run('prove', ...both(), '--seq', '5', '--out', at('5.tlog-proof'));
    expect(made).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await run('verify', at('5.tlog-proof'), '--policy', at('policy.yaml'))).code).toBe(0);
    const refused = await run('prove', ...both(), '--seq', '4');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toBe(
      'prove: entry 4 was erased by dpo@example.com at 2026-11-25T08:00:00.000Z (case 17), so nothing is left of it to prove\n',
    );
  });
});

describe('inspect', () => {
  it('says that a key period has salts, and how many records are erased', async () => {
    const { stdout } = await run('inspect', at('log.jsonl'));
    expect(stdout).toContain('10 entries, 7 records (2 erased), ');
    expect(stdout).toContain('records hash, salted, signer');
    const json = JSON.parse((await run('inspect', at('log.jsonl'), '--format', 'json')).stdout);
    expect(json.erased).toBe(2);
  });
});
