import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TamperError } from '../../../src/errors.ts';
import { emptyResult } from '../../../src/fleet/check/results.ts';
import { StorageMemory } from '../../../src/fleet/memory/storage-memory.ts';
import { Deliveries } from '../../../src/fleet/watch/deliveries.ts';
import { Outbox } from '../../../src/fleet/watch/outbox.ts';
import { Webhook } from '../../../src/fleet/watch/webhook.ts';
import { WebhookSecret } from '../../../src/fleet/watch/webhook-secret.ts';
import type { StreamResult } from '../../../src/index.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts';

/** What is found is told at least once, whatever the receiver and we do. */

const NOW = new Date('2026-11-26T00:00:00Z');
const secret = new WebhookSecret(Buffer.alloc(32, 7));
const patience = { baseMs: 1, mostMs: 4 };
let receiver: Receiver;
let bucket: MemoryStorage;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  receiver = await startReceiver();
  bucket = new MemoryStorage();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await receiver.close();
});

const ok = (stream: string): StreamResult => ({
  ...emptyResult(stream, 1, undefined),
  result: 'unchanged',
  verdict: 'ok',
});
const vanished = (stream: string): StreamResult => ({ ...ok(stream), result: 'vanished', verdict: 'tampered' });
const stopped = (stream: string): StreamResult => ({ ...ok(stream), result: 'stopped', verdict: 'undecided' });

const open = (): Promise<Outbox> => Outbox.open(new StorageMemory(bucket, 'watch'), 'id');
const told = (): string[] =>
  receiver.received.map(({ body }) => {
    const { stream, verdict, result } = JSON.parse(body).data;
    return `${stream}: ${verdict} ${result}`;
  });

interface Running {
  readonly deliveries: Deliveries;
  readonly troubles: TamperError[];
  end(): Promise<void>;
}

function run(outbox: Outbox, timeoutMs = 1_000, slowness = patience): Running {
  const troubles: TamperError[] = [];
  const stop = new AbortController();
  const webhook = new Webhook({ url: receiver.url, secret, timeoutMs });
  const deliveries = new Deliveries({
    outbox,
    webhook,
    patience: slowness,
    onTrouble: (error) => troubles.push(error),
  });
  const running = deliveries.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  ends.push(end);
  return { deliveries, troubles, end };
}

function round(outbox: Outbox, results: readonly StreamResult[], deliveries?: Deliveries): void {
  outbox.beginRound();
  for (const result of results) if (outbox.take(result, NOW)) deliveries?.wake();
  outbox.endRound();
  deliveries?.wake();
}

describe('what is told', () => {
  it('is a stream that becomes a finding, or another one, and each state once', async () => {
    const outbox = await open();
    const { deliveries } = run(outbox);
    round(outbox, [ok('a/1'), vanished('a/2')], deliveries);
    await receiver.got(1);
    round(outbox, [stopped('a/1'), vanished('a/2')], deliveries);
    await receiver.got(2);
    round(outbox, [vanished('a/1'), vanished('a/2')], deliveries);
    await receiver.got(3);
    round(outbox, [ok('a/1'), vanished('a/2')], deliveries);
    round(outbox, [vanished('a/1'), vanished('a/2')], deliveries);
    await receiver.got(4);
    expect(told()).toEqual([
      'a/2: tampered vanished',
      'a/1: undecided stopped',
      'a/1: tampered vanished',
      'a/1: tampered vanished',
    ]);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(4);
  });

  it('is not that a tampered stream has grown; and it is told again where it was gone and came back', async () => {
    const outbox = await open();
    const { deliveries } = run(outbox);
    const grown: StreamResult = { ...vanished('a/1'), result: 'grown' };
    round(outbox, [{ ...grown, result: 'new' }], deliveries);
    round(outbox, [grown], deliveries);
    round(outbox, [{ ...grown, result: 'unchanged' }], deliveries);
    await receiver.got(1);
    round(outbox, [], deliveries);
    round(outbox, [grown], deliveries);
    await receiver.got(2);
    expect(told()).toEqual(['a/1: tampered new', 'a/1: tampered grown']);
  });

  it('is bounded: a message of a hostile stream is short, and what has no room is told later', async () => {
    const finding = { code: 'FORK', severity: 'tampered', message: 'x'.repeat(100_000) } as const;
    const loud = (at: number): StreamResult => ({
      ...vanished(`a/${at}`),
      findings: Array.from({ length: 20 }, () => finding),
      more: 5,
    });
    const all = Array.from({ length: 1_500 }, (_, at) => loud(at));
    const outbox = await open();
    round(outbox, all);
    expect(outbox.size).toBe(1_000);
    await outbox.save();
    expect(bucket.text('watch/id.json')?.length).toBeLessThan(2_000_000);
    const { deliveries } = run(outbox);
    await receiver.got(1_000);
    round(outbox, all, deliveries);
    // at least once: a slow answer may be asked for again
    await expect.poll(() => new Set(told()).size, { timeout: 60_000 }).toBe(1_500);
    const [{ body } = expect.fail('nothing came')] = receiver.received;
    expect(JSON.parse(body).data).toMatchObject({ more: 22, findings: [{ code: 'FORK' }, {}, {}] });
  });
});

describe('what is told of files and texts of no stream', () => {
  const unclaimed = (...files: string[]): StreamResult => ({
    ...emptyResult('', files.length, undefined),
    result: 'unclaimed',
    findings: files.map((file) => ({ code: 'NO_KEY', severity: 'undecided', message: 'of a stream', file })),
  });
  const damaged = (id: string): StreamResult =>
    emptyResult('', 0, new TamperError('FORMAT_INVALID', `memory: ${id} is damaged`, { hint: 'Remove it.' }));
  const data = (): Record<string, unknown>[] => receiver.received.map(({ body }) => JSON.parse(body).data);

  it('is each file once, and a new one first, with its name', async () => {
    const outbox = await open();
    const { deliveries } = run(outbox);
    round(outbox, [unclaimed('logs/a', 'logs/b', 'logs/c')], deliveries);
    await receiver.got(1);
    round(outbox, [unclaimed('logs/a', 'logs/b', 'logs/c')], deliveries);
    round(outbox, [unclaimed('logs/a', 'logs/b', 'logs/c', 'logs/d')], deliveries);
    await receiver.got(2);
    round(outbox, [unclaimed('logs/d')], deliveries);
    round(outbox, [unclaimed('logs/a', 'logs/d')], deliveries);
    await receiver.got(3);
    const files = data().map(({ findings }) => (findings as { file: string }[]).map(({ file }) => file));
    expect(files).toEqual([
      ['logs/a', 'logs/b', 'logs/c'],
      ['logs/d', 'logs/a', 'logs/b'],
      ['logs/a', 'logs/d'],
    ]);
  });

  it('is each damaged text once, several in one round, with why; also after a restart', async () => {
    const outbox = await open();
    const { deliveries, end } = run(outbox);
    round(outbox, [damaged('one'), damaged('two'), unclaimed('logs/a')], deliveries);
    await receiver.got(3);
    round(outbox, [damaged('two'), unclaimed('logs/a'), damaged('one')], deliveries);
    round(outbox, [damaged('two'), damaged('three'), unclaimed('logs/a'), damaged('one')], deliveries);
    await receiver.got(4);
    await expect.poll(() => deliveries.waiting).toBe(0);
    await end();
    const after = await open();
    const second = run(after);
    round(after, [damaged('three'), damaged('four'), damaged('two')], second.deliveries);
    await receiver.got(5);
    const errors = data().map(({ result, error }) => [result, error]);
    const error = (id: string) => ({ code: 'FORMAT_INVALID', message: `memory: ${id} is damaged`, hint: 'Remove it.' });
    expect(new Set(errors)).toEqual(
      new Set([...['one', 'two', 'three', 'four'].map((id) => ['failed', error(id)]), ['unclaimed', undefined]]),
    );
    expect(errors).toHaveLength(5);
  });

  it('is cut: names, errors and what to do', async () => {
    const long = 'x'.repeat(10_000);
    const outbox = await open();
    const { deliveries } = run(outbox);
    const failed = emptyResult('', 0, new TamperError('FORMAT_INVALID', long, { hint: long }));
    round(outbox, [failed, unclaimed(long)], deliveries);
    await receiver.got(2);
    const all = [...data()].sort((one, other) => String(one['result']).localeCompare(String(other['result'])));
    expect(all).toMatchObject([
      { error: { message: 'x'.repeat(300), hint: 'x'.repeat(300) } },
      { findings: [{ file: 'x'.repeat(300) }] },
    ]);
    await outbox.save();
    expect(bucket.text('watch/id.json')).not.toContain('x'.repeat(301));
  });

  it('is told later where there was no room', async () => {
    const outbox = await open();
    const streams = Array.from({ length: 1_000 }, (_, at) => vanished(`a/${at}`));
    round(outbox, [...streams, damaged('one'), { ...unclaimed('logs/a'), more: 5 }]);
    const { deliveries } = run(outbox);
    await receiver.got(1_000);
    await expect.poll(() => deliveries.waiting).toBe(0);
    round(outbox, [...streams, damaged('one'), { ...unclaimed('logs/a'), more: 5 }], deliveries);
    await receiver.got(1_002);
    expect(told().slice(1_000).sort()).toEqual([': undecided failed', ': undecided unclaimed']);
  });
});

describe('a receiver that does not take it', () => {
  it('is asked again, with the same id and the same body, and the failure is told once', async () => {
    let refusals = 5;
    receiver.answer = (response) => response.writeHead(refusals-- > 0 ? 503 : 200).end();
    const outbox = await open();
    const { deliveries, troubles } = run(outbox);
    round(outbox, [vanished('a/1')], deliveries);
    await receiver.got(6);
    await expect.poll(() => deliveries.counts).toEqual({ delivered: 1, failed: 5 });
    expect(new Set(receiver.received.map(({ headers, body }) => `${headers['webhook-id']} ${body}`)).size).toBe(1);
    expect(troubles).toHaveLength(1);
    expect([outbox.size, deliveries.isFailing]).toEqual([0, false]);
  });

  it('holds up no other message', async () => {
    receiver.answer = (response, { body }) => response.writeHead(body.includes('a/bad') ? 400 : 200).end();
    const outbox = await open();
    const { deliveries } = run(outbox);
    round(outbox, [vanished('a/bad'), vanished('a/1'), vanished('a/2')], deliveries);
    await expect.poll(() => deliveries.counts.delivered).toBe(2);
    expect(outbox.size).toBe(1);
  });
});

describe('a receiver that does not answer', () => {
  /** No attempt ends by itself within a test. */
  const FOREVER_MS = 600_000;

  it('holds up no other message, also none that is found later; and what hangs has its id after a restart', async () => {
    receiver.answer = (response, { body }) => void (body.includes('a/slow') || response.writeHead(204).end());
    const outbox = await open();
    const { deliveries, end } = run(outbox, FOREVER_MS);
    round(outbox, [vanished('a/slow'), vanished('a/1')], deliveries);
    await expect.poll(() => deliveries.counts.delivered).toBe(1);
    round(outbox, [vanished('a/slow'), vanished('a/1'), vanished('a/2')], deliveries);
    await expect.poll(() => deliveries.counts.delivered).toBe(2);
    const id = receiver.received.find(({ body }) => body.includes('a/slow'))?.headers['webhook-id'];
    await end();
    expect([outbox.size, deliveries.counts.failed]).toEqual([1, 0]);
    receiver.received.length = 0;
    receiver.answer = (response) => response.writeHead(204).end();
    const after = run(await open());
    await expect.poll(() => after.deliveries.counts.delivered).toBe(1);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([id]);
  });

  it('has eight messages at once, not more', async () => {
    const held: (() => void)[] = [];
    let most = 0;
    receiver.answer = (response) => {
      held.push(() => response.writeHead(204).end());
      most = Math.max(most, held.length);
    };
    const outbox = await open();
    const { deliveries } = run(outbox, FOREVER_MS);
    round(
      outbox,
      Array.from({ length: 30 }, (_, at) => vanished(`a/${at}`)),
      deliveries,
    );
    await receiver.got(8);
    for (let count = 9; count <= 30; count++) {
      held.shift()?.();
      await receiver.got(count);
    }
    for (const answer of held.splice(0)) answer();
    await expect.poll(() => deliveries.counts).toEqual({ delivered: 30, failed: 0 });
    expect([most, new Set(told()).size]).toEqual([8, 30]);
  });

  it('and one that refuses everything, is not asked about all messages at once', async () => {
    receiver.answer = (response) => response.writeHead(503).end();
    const outbox = await open();
    const { deliveries, end } = run(outbox, FOREVER_MS, { baseMs: FOREVER_MS, mostMs: FOREVER_MS });
    round(
      outbox,
      Array.from({ length: 100 }, (_, at) => vanished(`a/${at}`)),
      deliveries,
    );
    await expect.poll(() => deliveries.counts.failed).toBeGreaterThanOrEqual(8);
    deliveries.wake();
    await end();
    expect(receiver.received.length, 'eight that failed, seven meanwhile, and one more').toBeLessThanOrEqual(16);
    expect(outbox.size).toBe(100);
  });

  it('leaves room for what is new, however many messages hang that failed before', async () => {
    const asked = new Set<unknown>();
    receiver.answer = (response, { body, headers }) => {
      if (body.includes('a/new')) response.writeHead(204).end();
      else if (!asked.has(headers['webhook-id'])) response.writeHead(400).end();
      asked.add(headers['webhook-id']);
    };
    const outbox = await open();
    const { deliveries } = run(outbox, FOREVER_MS);
    const bad = Array.from({ length: 10 }, (_, at) => vanished(`a/bad${at}`));
    round(outbox, bad, deliveries);
    await receiver.got(14);
    round(outbox, [...bad, vanished('a/new')], deliveries);
    await expect.poll(() => deliveries.counts).toEqual({ delivered: 1, failed: 10 });
    expect(receiver.received).toHaveLength(15);
    expect(deliveries.isFailing, 'ten are not taken').toBe(true);
  });
});

describe('a restart', () => {
  it('goes on with what was not taken, and repeats nothing that was', async () => {
    receiver.answer = (response, { body }) => response.writeHead(body.includes('a/bad') ? 500 : 200).end();
    const before = await open();
    const first = run(before);
    round(before, [vanished('a/bad'), vanished('a/1')], first.deliveries);
    await expect.poll(() => first.deliveries.counts.delivered).toBe(1);
    const id = receiver.received.find(({ body }) => body.includes('a/bad'))?.headers['webhook-id'];
    await first.end();
    receiver.answer = (response) => response.writeHead(200).end();
    receiver.received.length = 0;
    const after = await open();
    const second = run(after);
    round(after, [vanished('a/bad'), vanished('a/1')], second.deliveries);
    await expect.poll(() => second.deliveries.counts.delivered).toBe(1);
    expect(told()).toEqual(['a/bad: tampered vanished']);
    expect(receiver.received[0]?.headers['webhook-id']).toBe(id);
  });

  it('in the middle of everything, at any request to the memory, loses no finding', async () => {
    const all = ['a/1', 'a/2', 'a/3'];
    for (let kill = 1; kill <= 6; kill++) {
      bucket = new MemoryStorage();
      receiver.received.length = 0;
      const before = await open();
      let requests = 0;
      bucket.before = () => {
        if (++requests >= kill) throw new Error('killed');
      };
      const stop = new AbortController();
      const webhook = new Webhook({ url: receiver.url, secret });
      const deliveries = new Deliveries({ outbox: before, webhook, patience, onTrouble: () => undefined });
      const dying = deliveries.run(stop.signal).catch((error: unknown) => error);
      round(before, all.map(vanished), deliveries);
      await Promise.race([dying, receiver.got(3)]);
      stop.abort();
      await dying;
      bucket.before = undefined;
      const outbox = await open();
      const after = run(outbox);
      round(outbox, all.map(vanished), after.deliveries);
      await expect
        .poll(() => [...new Set(told())].sort(), { message: `killed at ${kill}` })
        .toEqual(all.map((name) => `${name}: tampered vanished`));
      await after.end();
    }
  });
});

describe('what is kept of it', () => {
  it('that is damaged is an error that says what to do', async () => {
    bucket.set('watch/id.json', '{"version":1,"told":{"a":1},"waiting":[]}');
    await expect(open()).rejects.toMatchObject({ code: 'FORMAT_INVALID', hint: expect.stringContaining('Remove it') });
  });

  it('that cannot be written is told, and messages are sent all the same', async () => {
    const outbox = await open();
    bucket.before = ({ method }) => {
      if (method === 'put') throw new TamperError('ACCESS_DENIED', 'no');
    };
    const { deliveries, troubles } = run(outbox);
    round(outbox, [vanished('a/1')], deliveries);
    await receiver.got(1);
    await expect.poll(() => troubles.map(({ code }) => code)).toContain('ACCESS_DENIED');
    bucket.before = undefined;
    await expect.poll(() => bucket.text('watch/id.json')).toContain('a/1');
  });

  it('that somebody else has written meanwhile is written all the same', async () => {
    const [one, other] = [await open(), await open()];
    round(one, [vanished('a/1')]);
    round(other, [vanished('a/2')]);
    await one.save();
    await other.save();
    expect(bucket.text('watch/id.json')).toContain('a/2');
  });
});
