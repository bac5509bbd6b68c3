import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { StorageMemory } from '../../src/audit/memory/storage-memory.ts';
import { StoragePlace } from '../../src/audit/place/storage-place.ts';
import { TamperError } from '../../src/errors.ts';
import { type Audited, auditFleet, fleetInBucket, fleetOnDisk, rotatedLog, ship } from '../support/fleet.ts';
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

it('a file that was altered a moment ago, on a disk, is judged: its times are not old enough to show that it rests', async () => {
  for (let round = 0; round < 20; round++) {
    const disk = fleetOnDisk();
    onTestFinished(() => disk.close());
    ship(disk, rotatedLog('fleet/a', 1), 'a');
    expect((await auditFleet(disk)).said).toEqual(['fleet/a: new ok whole']);
    ship(disk, rotatedLog('fleet/a', 1, signKeys, 'other'), 'a');
    expect((await auditFleet(disk)).said[0]).toMatch(/^fleet\/a: \w+ tampered /);
  }
});

it.each([1, 2, 3])(
  'a file of a stream that is remembered, of %i, replaced each time it is read: replaced, and not cut off',
  async (count) => {
    ship(fleet, rotatedLog('fleet/a', count), 'a');
    ship(fleet, rotatedLog('fleet/b', 1), 'b');
    await auditFleet(fleet);
    const key = `logs/a/000${count}.jsonl`;
    const bytes = fleet.read(`a/000${count}.jsonl`);
    let version = 0;
    const grow = (): void => void fleet.bucket.set(key, `${bytes.toString()}${'\n'.repeat(++version)}`);
    grow();
    fleet.bucket.before = (request) => {
      if (request.method === 'read' && request.key === key) grow();
    };
    expect((await auditFleet(fleet)).said).toEqual([
      'fleet/a: replaced undecided nothing',
      'fleet/b: unchanged ok nothing',
    ]);
    fleet.bucket.before = undefined;
    fleet.bucket.set(key, bytes);
    expect((await auditFleet(fleet)).said[0]).toMatch(/^fleet\/a: rewritten ok /);
  },
);

describe('a file that cannot be read', () => {
  const denied = (key: string): void => {
    fleet.bucket.before = (request) => {
      if (request.method !== 'read' || request.key !== key) return;
      throw new TamperError('ACCESS_DENIED', 's3://memory GetObject failed (AccessDenied)', { hint: 'Ask for it.' });
    };
  };
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c', 'd']) ship(fleet, rotatedLog(`fleet/${name}`, 2), name);
    await auditFleet(fleet);
    fleet.write('b/0002.jsonl', Buffer.from(fleet.read('b/0002.jsonl').toString().replace('"n":1', '"n":7')));
    fleet.remove('c/0002.jsonl');
  });

  it('of a stream that is remembered, is said of that stream, and of all others what there is to say', async () => {
    fleet.bucket.set('logs/a/0002.jsonl', fleet.read('a/0002.jsonl'));
    denied('logs/a/0002.jsonl');
    const { said, results } = await auditFleet(fleet);
    expect(said).toEqual([
      'fleet/a: failed undecided nothing',
      'fleet/b: rewritten tampered whole',
      'fleet/c: rolled_back tampered whole',
      'fleet/d: unchanged ok nothing',
    ]);
    const a = results.find(({ stream }) => stream === 'fleet/a');
    expect(a).toMatchObject({ error: { code: 'ACCESS_DENIED', hint: 'Ask for it.' } });
    expect(a?.findings).toMatchObject([{ code: 'UNREADABLE', file: expect.stringContaining('a/0002.jsonl') }]);
    fleet.bucket.before = undefined;
    expect((await auditFleet(fleet)).said[0]).toBe('fleet/a: rewritten ok added');
  });

  it('of nobody knows which stream: what is missed may be in it, but what is wrong is wrong', async () => {
    for (const key of fleet.bucket.keys()) if (key.startsWith('logs/d/')) fleet.bucket.delete(key);
    fleet.write('x.jsonl', Buffer.from('{}\n'));
    denied('logs/x.jsonl');
    const { said, results } = await auditFleet(fleet);
    expect(said).toEqual([
      ': failed undecided nothing',
      'fleet/a: unchanged ok nothing',
      'fleet/b: rewritten tampered whole',
      'fleet/c: rolled_back undecided whole',
      'fleet/d: vanished undecided nothing',
    ]);
    for (const { findings } of results.filter(({ result }) => result === 'vanished' || result === 'rolled_back'))
      expect(findings.map(({ message }) => message).join()).toContain('x.jsonl');
    fleet.remove('x.jsonl');
    expect((await auditFleet(fleet)).said).toEqual([
      'fleet/a: unchanged ok nothing',
      'fleet/b: unchanged tampered whole',
      'fleet/c: rolled_back tampered whole',
      'fleet/d: vanished tampered nothing',
    ]);
  });

  it('of nobody knows which stream, and that came to be so during the audit', async () => {
    fleet.bucket.set('logs/d/0002.jsonl', fleet.read('d/0002.jsonl')); // to be read once more
    fleet.bucket.before = ({ method, key }) => {
      if (method === 'read' && key === 'logs/x.jsonl') throw new TamperError('ACCESS_DENIED', 'GetObject failed');
      if (method !== 'read' || key !== 'logs/d/0002.jsonl') return;
      fleet.bucket.set('logs/x.jsonl', fleet.read('d/0002.jsonl'));
      for (const at of [1, 2]) fleet.bucket.delete(`logs/d/000${at}.jsonl`);
    };
    expect((await auditFleet(fleet)).said.at(-1)).toBe('fleet/d: vanished undecided nothing');
  });

  it('and where nothing can be read, the audit ends with the error', async () => {
    for (let at = 0; at < 40; at++) fleet.write(`new/${at}.jsonl`, Buffer.from('{}\n'));
    fleet.bucket.before = ({ method, key }) => {
      if (method === 'read' && key.startsWith('logs/new/'))
        throw new TamperError('UNAVAILABLE', 'away', { retryable: true });
    };
    await expect(auditFleet(fleet)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

it('the manifest beside a copy, which cannot be read, leaves it undecided and stops no other stream', async () => {
  ship(fleet, rotatedLog('fleet/a', 2), 'a');
  ship(fleet, rotatedLog('fleet/a', 2), 'copy');
  ship(fleet, rotatedLog('fleet/b', 1), 'b');
  fleet.write('copy/0001.jsonl.manifest.json', Buffer.from('{}'));
  fleet.bucket.before = ({ method, key }) => {
    if (method === 'read' && key === 'logs/copy/0001.jsonl.manifest.json')
      throw new TamperError('ACCESS_DENIED', 'GetObject failed');
  };
  expect((await auditFleet(fleet)).said).toEqual([
    ': failed undecided nothing',
    'fleet/a: new ok whole',
    'fleet/b: new ok whole',
  ]);
});

it('what is found is said also where it cannot be remembered', async () => {
  for (const name of ['a', 'b']) ship(fleet, rotatedLog(`fleet/${name}`, 2), name);
  await auditFleet(fleet);
  ship(fleet, rotatedLog('fleet/a', 3), 'a', 2);
  fleet.remove('b/0002.jsonl');
  fleet.bucket.before = ({ method, key }) => {
    if (method === 'put' && key.startsWith('memory/')) throw new TamperError('ACCESS_DENIED', 'PutObject failed');
  };
  const { said, results } = await auditFleet(fleet);
  expect(said).toEqual(['fleet/a: failed undecided nothing', 'fleet/b: rolled_back tampered whole']);
  for (const { error } of results) expect(error).toMatchObject({ code: 'ACCESS_DENIED' });
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
