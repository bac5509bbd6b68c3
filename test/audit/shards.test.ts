import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeAudits, type PartLines } from '../../src/audit/run/merge.ts';
import { runOf, type Shard, shardOf } from '../../src/audit/run/shard.ts';
import { formatVkey, type StreamResult } from '../../src/index.ts';
import {
  type Audited,
  auditFleet,
  DAY,
  type FleetFiles,
  fleetInBucket,
  NOW,
  rotatedLog,
  ship,
} from '../support/fleet.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/** Parts of an audit, on any number of machines: together they say what one process says. */

const options = { origin: ['fleet/*', 'fleet/missing', 'none/*'], publicKeys: [formatVkey('fleet', edKey.noteKey)] };

/** Forty streams, some of which are not ok; `grown`: with what came later. */
function fleet(grown: boolean): FleetFiles {
  const files = fleetInBucket();
  for (let at = 0; at < 40; at++) {
    const name = `h${at}`;
    ship(files, rotatedLog(`fleet/${name}`, grown && at % 3 === 0 ? 3 : 2), name);
    if (at % 10 === 1) ship(files, rotatedLog(`fleet/${name}`, 2, signKeys, 'other'), `${name}-other`);
    if (at % 10 === 2) files.write(`${name}/0002.jsonl`, Buffer.from('{"damaged":1}\n'));
  }
  ship(files, rotatedLog('other/x', 1), 'x');
  files.write('notes.txt', Buffer.from('text'));
  return files;
}

const linesOf = ({ results, summary }: Audited): string[] => [...results, summary].map((one) => JSON.stringify(one));
const part = (audited: Audited, name = 'part'): PartLines => ({ name, lines: linesOf(audited) });

async function parts(files: FleetFiles, count: number, run = 'tonight', now = NOW): Promise<Audited[]> {
  const all: Audited[] = [];
  for (let index = 0; index < count; index++)
    all.push(await auditFleet(files, { options, shard: { index, count, run }, now }));
  return all;
}

describe('any number of parts', () => {
  let one: FleetFiles;
  const first: StreamResult[][] = [];
  beforeAll(async () => {
    one = fleet(false);
    first.push([...(await mergeAudits([part(await auditFleet(one, { options }))])).results]);
    const later = fleet(true);
    for (const file of later.names()) if (!one.names().includes(file)) one.write(file, later.read(file));
    later.close();
    first.push([...(await mergeAudits([part(await auditFleet(one, { options }))])).results]);
  }, 120_000);
  afterAll(() => one.close());

  it.each([1, 2, 3, 4, 5, 6, 7])('%i say what one process says, the first time and the second', async (count) => {
    const files = fleet(false);
    const merged = await mergeAudits((await parts(files, count)).map((audited) => part(audited)));
    expect(merged.results).toEqual(first[0]);
    expect(merged.summary.verdict).toBe('tampered');
    const later = fleet(true);
    for (const file of later.names()) if (!files.names().includes(file)) files.write(file, later.read(file));
    const again = await mergeAudits((await parts(files, count)).map((audited) => part(audited)));
    expect(again.results).toEqual(first[1]);
    expect(again.summary).toMatchObject({ streams: first[1]?.length, shard: { index: 0, count: 1 } });
  });
});

describe('merge refuses', () => {
  let all: Audited[];
  beforeAll(async () => {
    all = await parts(fleet(false), 3);
  });
  const refused = async (given: PartLines[], code: string, message: RegExp): Promise<void> =>
    expect(mergeAudits(given)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });

  it('a part that is missing', async () => {
    await refused([part(all[0] as Audited), part(all[2] as Audited)], 'USAGE', /of 3 parts 1 are missing/);
  });

  it('a part that is given twice', async () => {
    const [a, b, c] = all.map((audited, at) => part(audited, `p${at}`)) as [PartLines, PartLines, PartLines];
    await refused([a, b, c, { ...b, name: 'again' }], 'USAGE', /^again is part 1 of 3, and so is p1/);
  });

  it('parts of different numbers, and of different audits', async () => {
    const other = await auditFleet(fleet(false), { options, shard: { index: 1, count: 2, run: 'tonight' } });
    await refused([part(all[0] as Audited), part(other)], 'USAGE', /is part 1 of 2, but part is one of 3/);
    const strict = await auditFleet(fleet(false), {
      options: { ...options, strict: true },
      shard: { index: 1, count: 3, run: 'tonight' },
    });
    await refused([part(all[0] as Audited), part(strict), part(all[2] as Audited)], 'USAGE', /of two audits/);
  });

  it("last night's part beside tonight's: what has vanished since would be hidden", async () => {
    const files = fleet(false);
    const last = await parts(files, 3, 'last', new Date(NOW.getTime() - DAY));
    for (const name of files.names()) if (name.startsWith('h0/')) files.remove(name);
    const tonight = await parts(files, 3);
    expect(tonight.flatMap(({ said }) => said)).toContain('fleet/h0: vanished tampered nothing');
    for (let mask = 1; mask < 7; mask++) {
      const mixed = tonight.map((one, at) => part(((mask >> at) & 1) === 1 ? (last[at] as Audited) : one, `p${at}`));
      await refused(mixed, 'USAGE', /^p\d is of run (last|tonight), but p0 of run (last|tonight)$/);
    }
  });

  it('parts that do not say of which run they are', async () => {
    const nameless: Audited[] = [];
    for (let index = 0; index < 2; index++)
      nameless.push(await auditFleet(fleet(false), { options, shard: { index, count: 2 } }));
    await refused(
      nameless.map((one) => part(one)),
      'USAGE',
      /does not say of which run/,
    );
  });

  it('a part of another night whose run has the same name, of another memory, or that does not say what its summary does', async () => {
    const files = fleet(false);
    const last = await parts(files, 2, 'nightly', new Date(NOW.getTime() - DAY));
    const tonight = await parts(files, 2, 'nightly');
    const [first, second] = tonight as [Audited, Audited];
    await refused([part(last[0] as Audited), part(second)], 'USAGE', /more than 12 hours/);
    const [other] = await parts(fleet(false), 2, 'nightly');
    const elsewhere = { ...other, summary: { ...other?.summary, request: 'another' } } as Audited;
    await refused([part(elsewhere), part(second)], 'USAGE', /of two audits: places, memory, names/);
    const lines = linesOf(first);
    expect(lines.join('\n')).toContain('"verdict":"tampered"');
    for (const [from, to] of [
      ['"verdict":"tampered"', '"verdict":"ok"'],
      ['"result":"unchanged"', '"result":"new"'],
      ['"read":{"files":2', '"read":{"files":1'],
    ] as const) {
      const changed = lines.map((line) => (line.includes('"summary":true') ? line : line.replaceAll(from, to)));
      if (changed.join() === lines.join()) continue;
      await refused([{ name: 'p', lines: changed }, part(second)], 'FORMAT_INVALID', /its summary does not say the/);
    }
  });

  it('no part for being late: what they say together is as of the first', async () => {
    const files = fleet(false);
    const [first] = await parts(files, 2);
    const [, late] = await parts(files, 2, 'tonight', new Date(NOW.getTime() + 3_600_000));
    const { summary } = await mergeAudits([part(late as Audited), part(first as Audited)]);
    expect(summary.time).toBe(NOW.toISOString());
  });

  it('a part that was interrupted', async () => {
    const lines = linesOf(all[0] as Audited);
    await refused([{ name: 'cut', lines: lines.slice(0, -1) }], 'FORMAT_INVALID', /^cut ends without a summary/);
    await refused([{ name: 'cut', lines: lines.slice(1) }], 'FORMAT_INVALID', /has \d+ streams, but its summary says/);
  });

  it('lines of anything else', async () => {
    const lines = linesOf(all[0] as Audited);
    await refused([{ name: 'p', lines: ['{"a":1}', ...lines] }], 'FORMAT_INVALID', /^p:1 is not output/);
    await refused([{ name: 'p', lines: [...lines, lines[0] as string] }], 'FORMAT_INVALID', /last line of an audit/);
    await refused([], 'USAGE', /name the results/);
  });
});

describe('which run a part belongs to', () => {
  const some = { index: 0, count: 2 };

  it('is said by a flag, or by the id of the array job', () => {
    expect(runOf('2026-11-25', {}, some)).toBe('2026-11-25');
    const batch = { AWS_BATCH_JOB_ARRAY_INDEX: '1', AWS_BATCH_JOB_ID: '3c5e9a2f-1:1' };
    expect(runOf(undefined, batch, some)).toBe('3c5e9a2f-1');
    expect(runOf('mine', batch, some)).toBe('mine');
    expect(runOf(undefined, {}, { index: 0, count: 1 })).toBeUndefined();
  });

  it.each<[string | undefined, Record<string, string>]>([
    [undefined, {}],
    [undefined, { AWS_BATCH_JOB_ID: 'no-array:1' }],
    ['', {}],
    ['two words', {}],
    ['\u001b[31m', {}],
    ['x'.repeat(201), {}],
  ])('a part without one is refused, and so is %j', (flag, env) => {
    expect(() => runOf(flag, env, some)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('which part a process is', () => {
  const env = (more: Record<string, string>): Shard => shardOf(undefined, more);

  it('is said by a flag, by Kubernetes or by AWS Batch', () => {
    expect(shardOf('2/5', { JOB_COMPLETION_INDEX: '1', JOB_COMPLETIONS: '3' })).toEqual({ index: 2, count: 5 });
    expect(env({ JOB_COMPLETION_INDEX: '1', JOB_COMPLETIONS: '3' })).toEqual({ index: 1, count: 3 });
    expect(env({ AWS_BATCH_JOB_ARRAY_INDEX: '4', AWS_BATCH_JOB_ARRAY_SIZE: '8' })).toEqual({ index: 4, count: 8 });
    expect(env({})).toEqual({ index: 0, count: 1 });
  });

  it.each<[Record<string, string>, RegExp, RegExp]>([
    [{ JOB_COMPLETION_INDEX: '1' }, /JOB_COMPLETION_INDEX .* of how many/, /Set JOB_COMPLETIONS/],
    [{ AWS_BATCH_JOB_ARRAY_INDEX: '1' }, /AWS_BATCH_JOB_ARRAY_INDEX .* of how many/, /Set AWS_BATCH_JOB_ARRAY_SIZE/],
    [{ JOB_COMPLETIONS: '3' }, /nothing says which/, /JOB_COMPLETION_INDEX/],
    [{ AWS_BATCH_JOB_ARRAY_SIZE: '3' }, /nothing says which/, /AWS_BATCH_JOB_ARRAY_INDEX/],
    [{ JOB_COMPLETION_INDEX: '1', AWS_BATCH_JOB_ARRAY_SIZE: '3' }, /Kubernetes and of AWS Batch/, /--shard I\/N/],
  ])('a job of several that cannot tell is refused, says why, and never audits all: %j', (given, message, hint) => {
    const wrong = { code: 'USAGE', message: expect.stringMatching(message), hint: expect.stringMatching(hint) };
    expect(() => env(given)).toThrow(expect.objectContaining(wrong));
  });

  it.each<Record<string, string>>([
    { JOB_COMPLETION_INDEX: '3', JOB_COMPLETIONS: '3' },
    { JOB_COMPLETION_INDEX: 'x', JOB_COMPLETIONS: '3' },
    { JOB_COMPLETION_INDEX: '', JOB_COMPLETIONS: '3' },
    { JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '' },
    { AWS_BATCH_JOB_ARRAY_INDEX: '0', AWS_BATCH_JOB_ARRAY_SIZE: '0' },
  ])('what is no part of any number is refused, and names the variables: %j', (given) => {
    const [index = '', count = ''] = Object.keys(given);
    expect(() => env(given)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`${index}/${count} is I/N`) }),
    );
  });

  it.each(['', '1', '1/1', '-1/2', '2/2', '01/3', '1/0', '0/3 '])('--shard %j is refused', (text) => {
    expect(() => shardOf(text, {})).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
