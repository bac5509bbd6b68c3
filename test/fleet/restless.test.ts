import { beforeEach, describe, expect, it } from 'vitest';
import { StorageMemory } from '../../src/fleet/memory/storage-memory.ts';
import { StoragePlace } from '../../src/fleet/place/storage-place.ts';
import { type Audited, auditFleet, fleetInBucket, rotatedLog, ship } from '../support/fleet.ts';
import { signKeys } from '../vectors/logs.ts';

/** Objects that change while they are audited, and two auditors at once. */

let fleet: ReturnType<typeof fleetInBucket>;
beforeEach(() => {
  fleet = fleetInBucket();
});
const { stringify } = JSON;

describe('an object that is replaced between the listing and its reading', () => {
  const log = rotatedLog('fleet/a', 3);
  const [, second] = log.toFiles().map(({ bytes }) => bytes) as [Buffer, Buffer, Buffer];

  it('by the same again: ok', async () => {
    ship(fleet, log, 'a');
    let left = 3;
    fleet.bucket.before = ({ method, key }) => {
      if (method === 'read' && key === 'logs/a/0002.jsonl' && left-- > 0) fleet.bucket.set(key, second);
    };
    expect((await auditFleet(fleet)).said).toEqual(['fleet/a: new ok whole']);
  });

  it('by another one: that is found', async () => {
    ship(fleet, log, 'a');
    const other = rotatedLog('fleet/a', 3, signKeys, 'other').toFiles()[1]?.bytes as Buffer;
    let done = false;
    fleet.bucket.before = ({ method, key }) => {
      if (method !== 'read' || key !== 'logs/a/0002.jsonl' || done) return;
      done = true;
      fleet.bucket.set(key, other);
    };
    expect((await auditFleet(fleet)).said[0]).toMatch(/^fleet\/a: \w+ tampered whole$/);
  });

  it('each time: replaced, which is undecided', async () => {
    ship(fleet, log, 'a');
    ship(fleet, rotatedLog('fleet/b', 1), 'b');
    let version = 0;
    fleet.bucket.before = ({ method, key }) => {
      if (method === 'read' && key === 'logs/a/0002.jsonl') fleet.bucket.set(key, `${second.toString()}\n${++version}`);
    };
    expect((await auditFleet(fleet)).said).toEqual([
      ': replaced undecided nothing',
      'fleet/a: new undecided whole',
      'fleet/b: new ok whole',
    ]);
  });
});

it('an object that is moved while it is listed is no rolled-back stream', async () => {
  const log = rotatedLog('fleet/a', 3);
  ship(fleet, log, 'a');
  await auditFleet(fleet);
  fleet.bucket.pageSize = 1;
  let lists = 0;
  fleet.bucket.before = ({ method, key }) => {
    if (method !== 'list' || key !== 'logs/' || ++lists !== 3) return;
    // the listing has passed the new name, and the old one is gone
    fleet.bucket.set('logs/a/0000-moved.jsonl', fleet.read('a/0003.jsonl'));
    fleet.bucket.delete('logs/a/0003.jsonl');
  };
  expect((await auditFleet(fleet)).said).toEqual(['fleet/a: rewritten ok added']);
});

/** Another auditor of the same bucket, with counts and hooks of its own. */
function another(): typeof fleet {
  const bucket = fleet.bucket.another();
  return {
    ...fleet,
    bucket,
    place: new StoragePlace(bucket, 'logs', 2 ** 30),
    memory: new StorageMemory(bucket, 'memory'),
  };
}

async function newestSize(): Promise<number[]> {
  const sizes: number[] = [];
  for await (const id of fleet.memory.ids()) {
    const { streams } = JSON.parse((await fleet.memory.read(id))?.text ?? '') as { streams: { newest: string }[] };
    for (const { newest } of streams) sizes.push(Number(newest.split('\n')[1]));
  }
  return sizes;
}

describe('two auditors at once', () => {
  it('one sees more than the other, and is remembered first: nothing goes back, nothing is rolled back', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    const slow = another();
    let faster: Promise<Audited> | undefined;
    slow.bucket.before = async ({ method }) => {
      if (method !== 'put' || faster !== undefined) return;
      ship(fleet, rotatedLog('fleet/a', 4), 'a', 2);
      faster = auditFleet(another());
      await faster;
    };
    const { said } = await auditFleet(slow);
    expect((await faster)?.said).toEqual(['fleet/a: new ok whole']);
    expect(said).toEqual(['fleet/a: unchanged ok nothing']);
    expect(await newestSize()).toEqual([rotatedLog('fleet/a', 4).size]);
  });

  it('what one remembers contradicts what the other sees: found, and not forgotten', async () => {
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    const slow = another();
    let done = false;
    slow.bucket.before = async ({ method }) => {
      if (method !== 'put' || done) return;
      done = true;
      const files = fleet.names().map((name): [string, Buffer] => [name, fleet.read(name)]);
      ship(fleet, rotatedLog('fleet/a', 2, signKeys, 'other'), 'a');
      await auditFleet(another());
      for (const [name, bytes] of files) fleet.write(name, bytes);
    };
    expect((await auditFleet(slow)).said).toEqual(['fleet/a: forked tampered whole']);
    expect((await auditFleet(fleet)).said).toEqual(['fleet/a: forked tampered whole']);
  });

  it('fifty rounds: the newest size never decreases, and every round is ok', async () => {
    for (let round = 1; round <= 50; round++) {
      ship(fleet, rotatedLog('fleet/a', round), 'a', round - 1);
      ship(fleet, rotatedLog('fleet/b', round), 'b', round - 1);
      const before = await newestSize();
      const both = await Promise.all([auditFleet(another()), auditFleet(another())]);
      expect(both.flatMap(({ results }) => results.filter(({ verdict }) => verdict !== 'ok'))).toEqual([]);
      const after = await newestSize();
      expect(
        before.every((size, at) => size <= (after[at] ?? 0)),
        stringify({ before, after }),
      ).toBe(true);
      expect(after).toEqual([rotatedLog('fleet/a', round).size, rotatedLog('fleet/b', round).size]);
    }
  }, 120_000);
});

it('what is new is read, and nothing else: requests are counted', async () => {
  for (let at = 0; at < 20; at++) ship(fleet, rotatedLog(`fleet/${at}`, 3), `${at}`);
  await auditFleet(fleet);
  fleet.bucket.requests.length = 0;
  await auditFleet(fleet);
  const ofLogs = (method: string): number =>
    fleet.bucket.requests.filter((request) => request.method === method && request.key.startsWith('logs/')).length;
  expect([ofLogs('list'), ofLogs('read'), ofLogs('get'), fleet.bucket.count('put')]).toEqual([1, 0, 0, 0]);
  ship(fleet, rotatedLog('fleet/7', 4), '7', 3);
  fleet.bucket.requests.length = 0;
  await auditFleet(fleet);
  expect([ofLogs('list'), ofLogs('read'), ofLogs('get'), fleet.bucket.count('put')]).toEqual([1, 2, 0, 1]);
});
