import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { formatVkey, loadPolicy, type Policy } from '../../src/index.ts';
import {
  auditFleet,
  DAY,
  type FleetFiles,
  fleetInBucket,
  fleetOnDisk,
  NOW,
  rewritten,
  rotatedLog,
  ship,
  spoilSignature,
  ZSTD,
} from '../support/fleet.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { someOf } from '../support/tier.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/** A policy, with a checkpoint that it may pin as `a.note`. */
async function policyOf(streams: string, pinned = ''): Promise<Policy> {
  const folder = mkdtempSync(join(tmpdir(), 'policy-'));
  writeFileSync(join(folder, 'a.note'), pinned);
  writeFileSync(join(folder, 'policy.yaml'), `version: 1\nstreams: ${streams}\n`);
  try {
    return await loadPolicy(join(folder, 'policy.yaml'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What an audit says of each stream, compared with the time before. */

describe.each([
  ['a directory', fleetOnDisk],
  ['a bucket', fleetInBucket],
])('of %s', (_, make) => {
  let fleet: FleetFiles;
  beforeEach(() => {
    fleet = make();
  });
  afterEach(() => fleet.close());
  const said = async (more: Parameters<typeof auditFleet>[1] = {}): Promise<readonly string[]> =>
    (await auditFleet(fleet, more)).said;

  it('new, then unchanged, then grown', async () => {
    const log = rotatedLog('fleet/a', 3);
    ship(fleet, log, 'a');
    ship(fleet, rotatedLog('fleet/b', 1), 'b');
    expect(await said()).toEqual(['fleet/a: new ok whole', 'fleet/b: new ok whole']);
    expect(await said()).toEqual(['fleet/a: unchanged ok nothing', 'fleet/b: unchanged ok nothing']);
    ship(fleet, rotatedLog('fleet/a', 5), 'a', 3);
    const { said: third, results } = await auditFleet(fleet);
    expect(third).toEqual(['fleet/a: grown ok added', 'fleet/b: unchanged ok nothing']);
    expect(results.find(({ stream }) => stream === 'fleet/a')?.read.files).toBe(2);
    expect(await said()).toEqual(['fleet/a: unchanged ok nothing', 'fleet/b: unchanged ok nothing']);
  });

  it('a log that goes on in its last file, under another name of it', async () => {
    const log = new SealedLog('fleet/a').open(signKeys).seal().checkpoint().record('{"n":1}').seal().checkpoint();
    ship(fleet, log, 'a');
    expect(await said()).toEqual(['fleet/a: new ok whole']);
    log.record('{"n":2}').close('rotated').checkpoint().rotate('next.jsonl').record('{"n":3}').seal().checkpoint();
    const [first, next] = log.toFiles().map(({ bytes }) => bytes) as [Buffer, Buffer];
    fleet.remove('a/log.jsonl');
    fleet.write('a/closed.jsonl', first);
    fleet.write('a/log.jsonl', next);
    expect(await said()).toEqual(['fleet/a: grown ok whole']);
    log.record('{"n":4}').close('rotated').checkpoint().rotate('third.jsonl').record('{"n":5}').seal().checkpoint();
    const files = log.toFiles().map(({ bytes }) => bytes) as [Buffer, Buffer, Buffer];
    fleet.write('a/closed-2.jsonl', files[1]);
    fleet.write('a/log.jsonl', files[2]);
    expect(await said()).toEqual(['fleet/a: grown ok added']);
  });

  it('a restart is compared with the run before it', async () => {
    const log = rotatedLog('fleet/a', 3);
    ship(fleet, log, 'a');
    await said();
    log.file = '0004.jsonl';
    log.open(signKeys, { why: 'recovered' }).seal().checkpoint().record('{"n":1}').close('rotated').checkpoint();
    ship(fleet, log, 'a', 3);
    const { results } = await auditFleet(fleet);
    expect(results).toMatchObject([
      { result: 'grown', checked: 'added', read: { files: 2 }, findings: [{ code: 'RESTART' }] },
    ]);
  });

  it('vanished', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    ship(fleet, rotatedLog('fleet/b', 2), 'b');
    await said();
    for (const name of fleet.names().filter((one) => one.startsWith('a/'))) fleet.remove(name);
    const expected = ['fleet/a: vanished tampered nothing', 'fleet/b: unchanged ok nothing'];
    expect(await said()).toEqual(expected);
    expect(await said()).toEqual(expected);
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    expect(await said()).toContain('fleet/a: rewritten ok whole');
  });

  it('rolled back, by whole files and inside one', async () => {
    ship(fleet, rotatedLog('fleet/a', 3), 'a');
    ship(fleet, rotatedLog('fleet/b', 3), 'b');
    await said();
    fleet.remove('a/0003.jsonl');
    fleet.write('b/0003.jsonl', Buffer.alloc(0));
    expect(await said()).toEqual(['fleet/a: rolled_back tampered whole', 'fleet/b: rolled_back tampered whole']);
  });

  describe('what is missed may be in a file that nobody can read, which is said, and then it is undecided:', () => {
    const text = (name: string): string => fleet.read(name).toString('utf8');
    it.each<[string, string, RegExp, () => void]>([
      [
        'packed',
        'a/0003.jsonl.zst',
        /was left out, for it is not unpacked/,
        () => fleet.write('a/0003.jsonl.zst', ZSTD),
      ],
      ['an archive elsewhere', 'z/old.zst', /not unpacked/, () => fleet.write('z/old.zst', ZSTD)],
      [
        'written anew',
        'a/new.jsonl',
        /could not be read/,
        () => fleet.write('a/new.jsonl', Buffer.from(rewritten(text('a/0003.jsonl')))),
      ],
      [
        'in UTF-16',
        'a/wide.txt',
        /could not be read/,
        () => fleet.write('a/wide.txt', Buffer.from(`\ufeff${text('a/0003.jsonl')}`, 'utf16le')),
      ],
    ])('%s', async (_, file, why, act) => {
      ship(fleet, rotatedLog('fleet/a', 3), 'a');
      ship(fleet, rotatedLog('fleet/b', 1), 'b');
      await said();
      act();
      const last = fleet.read('a/0003.jsonl');
      fleet.remove('a/0003.jsonl');
      for (let night = 1; night <= 2; night++) {
        const { results, said: lines } = await auditFleet(fleet);
        expect(lines).toContain('fleet/a: rolled_back undecided whole');
        expect(lines).toContain('fleet/b: unchanged ok nothing');
        const shown = results.find(({ stream }) => stream === 'fleet/a')?.findings ?? [];
        const message = shown.find(({ code }) => code === 'END_UNPROVEN')?.message ?? '';
        expect(message).toMatch(why);
        expect(message).toContain(file);
      }
      for (const at of [1, 2]) fleet.remove(`a/000${at}.jsonl`);
      expect(await said()).toContain('fleet/a: vanished undecided nothing');
      ship(fleet, rotatedLog('fleet/a', 3), 'a');
      expect(fleet.read('a/0003.jsonl')).toEqual(last);
      expect((await said()).join()).toMatch(/fleet\/a: \w+ ok /);
    });

    it('but not what is there, and is another log', async () => {
      ship(fleet, rotatedLog('fleet/a', 3), 'a');
      await said();
      ship(fleet, rotatedLog('fleet/a', 4, signKeys, 'other'), 'a');
      fleet.write('a/0003.jsonl.zst', ZSTD);
      expect((await said()).join()).toContain('fleet/a: forked tampered whole');
    });
  });

  describe('of a stream that was undecided, what verified is asked for again:', () => {
    // a log that is not closed and need not be recent
    const undecided = { stoppedAfterMs: undefined };

    it.each<[string, string, () => void]>([
      ['rolled back', 'rolled_back tampered whole', () => fleet.remove('a/0003.jsonl')],
      ['forked', 'forked tampered whole', () => ship(fleet, rotatedLog('fleet/a', 4, signKeys, 'other'), 'a')],
      ['vanished', 'vanished tampered nothing', () => [1, 2, 3].map((at) => fleet.remove(`a/000${at}.jsonl`))],
    ])('%s', async (_what, expected, act) => {
      ship(fleet, rotatedLog('fleet/a', 3), 'a');
      expect(await said(undecided)).toEqual(['fleet/a: new undecided whole']);
      act();
      expect(await said(undecided)).toContain(`fleet/a: ${expected}`);
      expect((await said()).join('\n')).toMatch(/^fleet\/a: .+ tampered /m);
    });

    it('it proves nothing of what was in doubt', async () => {
      ship(fleet, rotatedLog('fleet/a', 3), 'a', 1);
      for (const result of ['new', 'unchanged', 'unchanged'])
        expect(await said()).toEqual([`fleet/a: ${result} undecided whole`]);
      ship(fleet, rotatedLog('fleet/a', 3), 'a');
      expect(await said()).toEqual([expect.stringContaining(' ok whole')]);
    });
  });

  it('forked: across folders, and against what is remembered', async () => {
    ship(fleet, rotatedLog('fleet/a', 3), 'a');
    ship(fleet, rotatedLog('fleet/b', 3), 'b');
    await said();
    ship(fleet, rotatedLog('fleet/a', 3, signKeys, 'other'), 'elsewhere');
    ship(fleet, rotatedLog('fleet/b', 4, signKeys, 'other'), 'b');
    expect(await said()).toEqual(['fleet/a: forked tampered whole', 'fleet/b: forked tampered whole']);
  });

  it('forked at once', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    ship(fleet, rotatedLog('fleet/a', 2, signKeys, 'other'), 'other');
    expect(await said()).toEqual(['fleet/a: forked tampered whole']);
  });

  it('copies are no fork, and are not read for ever', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    ship(fleet, rotatedLog('fleet/a', 2), 'copy');
    expect(await said()).toEqual(['fleet/a: new ok whole']);
    ship(fleet, rotatedLog('fleet/a', 3), 'a', 2);
    expect(await said()).toEqual(['fleet/a: grown ok added']);
    ship(fleet, rotatedLog('fleet/a', 3), 'copy', 2);
    expect(await said()).toEqual(['fleet/a: rewritten ok added']);
  });

  it('rewritten: the same entries in other files', async () => {
    ship(fleet, rotatedLog('fleet/a', 3), 'a');
    await said();
    fleet.write('b/moved.jsonl', fleet.read('a/0002.jsonl'));
    fleet.remove('a/0002.jsonl');
    expect(await said()).toEqual(['fleet/a: rewritten ok added']);
  });

  describe('a checkpoint of entries in another file than its own', () => {
    // the seals of the files, of which a checkpoint may come as late as it likes
    const sizes = [2, 6, 11, 16];
    const lines = (size: number, spoilt: boolean): Buffer => {
      const log = rotatedLog('fleet/a', 4).checkpoint({ size });
      const line = log.toFiles().at(-1)?.bytes.toString().split('\n').at(-2) ?? '';
      expect(line).toContain(`\\n${size}\\n`);
      return Buffer.from(`${spoilt ? spoilSignature(line) : line}\n`);
    };
    const cases = [2, 3, 4].flatMap((file) => sizes.slice(0, file).map((size) => ({ file, size })));

    it.each(someOf(cases, 12))(
      'of $size, in file $file that changed: what a whole verification says',
      async ({ file, size }) => {
        const name = `a/000${file}.jsonl`;
        ship(fleet, rotatedLog('fleet/a', 4), 'a');
        expect(await said()).toEqual(['fleet/a: new ok whole']);
        const bytes = fleet.read(name);
        fleet.write(name, Buffer.concat([bytes, lines(size, false)]));
        const { results } = await auditFleet(fleet);
        expect(results.map(({ verdict }) => verdict)).toEqual(['ok']);
        expect(await said()).toEqual(['fleet/a: unchanged ok nothing']);
        fleet.write(name, Buffer.concat([bytes, lines(size, true)]));
        expect(await said()).toEqual(['fleet/a: rewritten tampered whole']);
      },
    );

    it.each(someOf(cases, 12))(
      'of $size, in file $file that is new: what a whole verification says',
      async ({ file, size }) => {
        const files = rotatedLog('fleet/a', 4).toFiles();
        const add = (from: number, to: number): void => {
          for (const { name, bytes } of files.slice(from, to)) fleet.write(`a/${name}`, bytes);
        };
        add(0, file - 1);
        expect(await said()).toEqual(['fleet/a: new ok whole']);
        const { name, bytes } = files[file - 1] as (typeof files)[number];
        fleet.write(`a/${name}`, Buffer.concat([bytes, lines(size, true)]));
        expect(await said()).toEqual(['fleet/a: grown tampered whole']);
        fleet.write(`a/${name}`, Buffer.concat([bytes, lines(size, false)]));
        const { results } = await auditFleet(fleet);
        expect(results.map(({ verdict }) => verdict)).toEqual(['ok']);
      },
    );

    it('has no more read than the files from the one in which its entries end', async () => {
      ship(fleet, rotatedLog('fleet/a', 4), 'a');
      await said();
      fleet.write('a/0004.jsonl', Buffer.concat([fleet.read('a/0004.jsonl'), lines(16, false)]));
      const { said: words, results } = await auditFleet(fleet);
      expect([words, results[0]?.read.files]).toEqual([['fleet/a: rewritten ok added'], 2]);
    });
  });

  it('removed: undecided, but for what a retention deletes', async () => {
    ship(fleet, rotatedLog('fleet/a', 4), 'a');
    ship(fleet, rotatedLog('fleet/b', 4), 'b');
    await said();
    fleet.remove('a/0001.jsonl');
    fleet.remove('b/0002.jsonl');
    const kept = { retentionMs: 60_000 };
    expect(await said({ retentionMs: 10 * DAY })).toEqual([
      'fleet/a: removed undecided whole',
      'fleet/b: removed undecided whole',
    ]);
    expect(await said(kept)).toEqual(['fleet/a: removed ok whole', 'fleet/b: removed undecided whole']);
    fleet.remove('a/0002.jsonl');
    const { said: third, results } = await auditFleet(fleet, kept);
    expect(third).toEqual(['fleet/a: removed ok nothing', 'fleet/b: removed undecided whole']);
    expect(results.find(({ stream }) => stream === 'fleet/a')).toMatchObject({
      firstSeq: 12,
      removed: { files: 1, lastSeq: 11 },
    });
    ship(fleet, rotatedLog('fleet/a', 5), 'a', 4);
    expect(await said(kept)).toContain('fleet/a: grown ok added');
    fleet.remove('a/0003.jsonl');
    expect(await said()).toContain('fleet/a: removed undecided whole');
  });

  it('a whole stream that a retention has deleted is ok, with a warning each time', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    await said();
    for (const name of fleet.names()) fleet.remove(name);
    expect(await said()).toContain('fleet/a: vanished tampered nothing');
    for (let night = 1; night <= 2; night++) {
      const { results } = await auditFleet(fleet, { retentionMs: 60_000 });
      expect(results.find(({ stream }) => stream === 'fleet/a')).toMatchObject({
        result: 'removed',
        verdict: 'ok',
        findings: [{ code: 'EXPIRED', severity: 'warning' }],
      });
    }
  });

  it('vanished: also what nobody has audited yet, where a checkpoint of it is held by option or policy', async () => {
    const gone = rotatedLog('fleet/a', 2).note();
    ship(fleet, rotatedLog('fleet/b', 2), 'b');
    const base = { origin: 'fleet/*', publicKeys: [formatVkey('fleet', edKey.noteKey)] };
    const policy = await policyOf('[{ origin: fleet/*, pins: [a.note] }]', gone);
    for (const options of [
      { ...base, held: [gone] },
      { publicKeys: base.publicKeys, policy },
    ]) {
      for (let night = 1; night <= 2; night++) {
        const audited = await auditFleet(fleet, { options });
        const vanished = audited.results.find(({ stream }) => stream === 'fleet/a');
        expect(vanished).toMatchObject({ result: 'vanished', verdict: 'tampered' });
        expect(vanished?.findings).toMatchObject([{ code: 'KNOWN_CONTRADICTED' }]);
        expect(audited.results.map(({ stream }) => stream).sort()).toEqual(['fleet/a', 'fleet/b']);
        expect(audited.summary.verdict).toBe('tampered');
      }
    }
  });

  it('missing: not where a policy asks for no stream of the name', async () => {
    ship(fleet, rotatedLog('fleet/b', 2), 'b');
    const policy = await policyOf('[{ origin: fleet/* }, { origin: fleet/none, min: 0 }, { origin: fleet/one }]');
    const options = { publicKeys: [formatVkey('fleet', edKey.noteKey)], policy };
    const { said: lines } = await auditFleet(fleet, { options });
    expect(lines).toEqual(['fleet/b: new ok whole', 'fleet/one: missing undecided nothing']);
  });

  it('stopped: also where the newest seal is of a time to come', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    const year = new Date(NOW.getTime() - 365 * DAY);
    for (let night = 1; night <= 2; night++) {
      const { results } = await auditFleet(fleet, { now: year });
      expect(results).toMatchObject([{ result: 'stopped', verdict: 'undecided', findings: [{ code: 'STOPPED' }] }]);
      expect(results[0]?.findings[0]?.message).toContain('one of the two clocks is wrong');
    }
  });

  it('unclaimed: every file that might have been sealed, among any number that were not', async () => {
    ship(fleet, rotatedLog('fleet/a', 1), 'a');
    for (let at = 0; at < 200; at++) {
      const text = at % 5 === 0 ? `{"integrity":{}}\n${'x'.repeat(at)}\n` : `nothing ${at}\n`;
      fleet.write(`files/${String(at).padStart(3, '0')}.log`, Buffer.from(text));
    }
    const { results, summary } = await auditFleet(fleet);
    expect(results.find(({ result }) => result === 'unclaimed')?.files).toBe(40);
    expect(summary.ignored.files.length + summary.ignored.more).toBe(160);
  });

  it('vanished names the place that is audited no more', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    await said();
    const other = fleetOnDisk();
    ship(other, rotatedLog('fleet/b', 1), 'b');
    await other.settle();
    const { results } = await auditFleet(fleet, { places: [other.place] });
    const vanished = results.find(({ stream }) => stream === 'fleet/a');
    expect(vanished).toMatchObject({ result: 'vanished', verdict: 'tampered' });
    expect(vanished?.findings[0]?.message).toMatch(/0001\.jsonl, which is in none of the places that you named now$/);
    other.close();
  });

  it('stopped, and no more', async () => {
    const log = rotatedLog('fleet/a', 2);
    ship(fleet, log, 'a');
    const soon = { stoppedAfterMs: 3_600_000 };
    expect(await said(soon)).toEqual(['fleet/a: new ok whole']);
    const later = new Date(NOW.getTime() + 3_600_000);
    const { results } = await auditFleet(fleet, { ...soon, now: later });
    expect(results).toMatchObject([
      { result: 'stopped', verdict: 'undecided', checked: 'nothing', findings: [{ code: 'STOPPED' }] },
    ]);
    log.clock = later.getTime() - 60_000;
    log.rotate('0003.jsonl').record('{"n":1}').close('rotated').checkpoint();
    ship(fleet, log, 'a', 2);
    const [again] = (await auditFleet(fleet, { ...soon, now: later })).results;
    expect(again).toMatchObject({ result: 'grown', checked: 'added' });
  });

  it('what is not ok is verified whole each time, and is ok again where it was repaired', async () => {
    ship(fleet, rotatedLog('fleet/a', 3), 'a');
    await said();
    const right = fleet.read('a/0002.jsonl');
    const wrong = Buffer.from(right);
    wrong[wrong.indexOf('same')] = 0x53;
    fleet.write('a/0002.jsonl', wrong);
    expect((await said())[0]).toMatch(/^fleet\/a: \w+ tampered whole$/);
    expect((await said())[0]).toMatch(/^fleet\/a: \w+ tampered whole$/);
    fleet.write('a/0002.jsonl', right);
    expect((await said())[0]).toMatch(/^fleet\/a: \w+ ok whole$/);
    expect(await said()).toEqual(['fleet/a: unchanged ok nothing']);
  });

  it('another policy, another key: nothing counts as checked', async () => {
    ship(fleet, rotatedLog('fleet/a', 3), 'a');
    ship(fleet, rotatedLog('fleet/b', 3), 'b');
    await said();
    const named = (key: typeof edKey, name = 'fleet'): string => formatVkey(name, key.noteKey);
    const options = { origin: 'fleet/*', publicKeys: [named(edKey), named(nextEdKey, 'fleet/b')] };
    expect(await said({ options })).toEqual(['fleet/a: unchanged ok nothing', 'fleet/b: unchanged ok whole']);
    const other = { origin: 'fleet/*', publicKeys: [named(nextEdKey)] };
    expect(await said({ options: other })).toEqual([
      'fleet/a: unchanged undecided whole',
      'fleet/b: unchanged undecided whole',
    ]);
  });

  it('files of no stream that is named, and names without a stream', async () => {
    ship(fleet, rotatedLog('fleet/a', 1), 'a');
    ship(fleet, rotatedLog('other/a', 1), 'other');
    fleet.write('readme.txt', Buffer.from('hello\n'));
    const options = { origin: ['fleet/*', 'fleet/b', 'nothing/*'], publicKeys: [formatVkey('fleet', edKey.noteKey)] };
    const { said: all, summary } = await auditFleet(fleet, { options });
    expect(all).toEqual([
      ': unclaimed undecided nothing',
      'fleet/a: new ok whole',
      'fleet/b: missing undecided nothing',
      'nothing/*: missing undecided nothing',
    ]);
    expect(summary).toMatchObject({ verdict: 'undecided', ignored: { files: [{ why: 'nothing sealed' }] } });
  });
});

it('unchanged: also a file that was read right after its last change, and is read once more', async () => {
  const fleet = fleetOnDisk();
  onTestFinished(() => fleet.close());
  ship(fleet, rotatedLog('fleet/a', 2), 'a');
  // whenever it looks, the files were changed just now
  const { now } = Date;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 10_000);
  onTestFinished(() => clock.mockRestore());
  const rounds = async (count: number): Promise<readonly string[]> => {
    const lines: string[] = [];
    for (let round = 0; round < count; round++) lines.push(...(await auditFleet(fleet)).said);
    return lines;
  };
  expect(await rounds(3)).toEqual([
    'fleet/a: new ok whole',
    'fleet/a: unchanged ok whole',
    'fleet/a: unchanged ok whole',
  ]);
  clock.mockRestore();
  expect(await rounds(2)).toEqual(['fleet/a: unchanged ok whole', 'fleet/a: unchanged ok nothing']);
});
