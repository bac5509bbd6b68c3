import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { start, workplace } from '../seal/workplace.ts';
import { auditFleet, type FleetFiles, fleetInBucket, fleetOnDisk, rotatedLog, ship } from '../support/fleet.ts';

/** What is not there, or is there and not looked at, is said. */

const CLOSED = rotatedLog('fleet/a', 1);
CLOSED.rotate('0002.jsonl').record('{"n":3}').close().checkpoint();

describe.each([
  ['on a disk', fleetOnDisk],
  ['in a bucket', fleetInBucket],
] as const)('places %s', (_where, open) => {
  let fleet: FleetFiles;
  let other: FleetFiles;
  beforeEach(() => {
    [fleet, other] = [open(), fleetOnDisk()];
    ship(fleet, CLOSED, 'a');
  });
  afterEach(() => {
    fleet.close();
    other.close();
  });
  const both = (): Promise<Awaited<ReturnType<typeof auditFleet>>> =>
    auditFleet(fleet, { places: [fleet.place, other.place] });

  it.each([
    ['nothing', () => undefined],
    ['an empty file', () => other.write('b/0001.jsonl', Buffer.alloc(0))],
    ['what is no log', () => other.write('b/readme.txt', Buffer.from('nothing sealed\n'))],
  ])('one of two holds %s: it is named, and the audit undecided', async (_what, put) => {
    put();
    for (const night of ['new', 'unchanged']) {
      const { said, summary, results } = await both();
      expect(said).toEqual([': missing undecided nothing', expect.stringContaining(`fleet/a: ${night} ok`)]);
      expect(results.flatMap(({ findings }) => findings)).toEqual([
        expect.objectContaining({ code: 'END_UNPROVEN', file: other.place.name }),
      ]);
      expect(summary.verdict).toBe('undecided');
    }
  });

  it('an emptied file is of the stream whose manifest stands beside it, which is not ok', async () => {
    const { directory, options, provider } = workplace(['audit']);
    const sealer = start({ ...options(), origin: 'fleet/w' });
    sealer.write('{"n":1}');
    await sealer.rotate();
    sealer.write('{"n":2}');
    await sealer.close();
    for (const name of readdirSync(directory).filter((one) => /\.jsonl(\.manifest\.json)?$/.test(one)))
      fleet.write(`w/${name}`, readFileSync(join(directory, name)));
    fleet.write('w/audit.jsonl', Buffer.alloc(0));
    const dataKeys = [{ source: provider.source, versionSeparator: ':v', keys: provider, named: [{ name: 'audit' }] }];
    for (let night = 1; night <= 2; night++) {
      const { results } = await auditFleet(fleet, { options: { origin: 'fleet/*', dataKeys } });
      const found = results.flatMap(({ stream, verdict, findings }) =>
        findings.map(({ code }) => [stream, verdict, code]),
      );
      expect(found).toContainEqual(['fleet/w', 'undecided', 'FILES_MISSING']);
      expect(results.map(({ stream }) => stream).sort()).toEqual(['fleet/a', 'fleet/w']);
    }
  });

  it('each of two holds a log: nothing is missed, and of what vanishes later its streams are', async () => {
    ship(other, rotatedLog('fleet/b', 2), 'b');
    expect((await both()).said).toHaveLength(2);
    for (const name of other.names()) other.remove(name);
    expect((await both()).said).toEqual([
      expect.stringContaining('fleet/a: unchanged ok'),
      'fleet/b: vanished tampered nothing',
    ]);
  });
});

it('what a start took out of a log is left out, and listed; a folder may be called so', async () => {
  const fleet = fleetInBucket();
  onTestFinished(() => fleet.close());
  ship(fleet, CLOSED, 'a/b.torn-c');
  fleet.write('a/b.torn-c/x.jsonl.torn-20261129T100000Z', Buffer.from('{"level":30'));
  const { said, summary } = await auditFleet(fleet);
  expect(said).toEqual([expect.stringContaining('fleet/a: new ok')]);
  expect(summary.ignored.files).toEqual([
    { file: expect.stringContaining('/x.jsonl.torn-20261129T100000Z'), why: 'beside a log' },
  ]);
});

it('an object with a hidden name is left out, and listed', async () => {
  const fleet = fleetInBucket();
  onTestFinished(() => fleet.close());
  ship(fleet, CLOSED, 'a');
  fleet.write('a/.hidden/0001.jsonl', CLOSED.toFiles()[0]?.bytes as Buffer);
  const { said, summary } = await auditFleet(fleet);
  expect(said).toEqual([expect.stringContaining('fleet/a: new ok')]);
  expect(summary.ignored.files).toEqual([
    { file: expect.stringContaining('/a/.hidden/0001.jsonl'), why: 'hidden name' },
  ]);
});
