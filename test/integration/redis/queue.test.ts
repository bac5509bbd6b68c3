import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { QueuedAudit, WorkerEvent } from '../../../src/audit/queue/attempt.ts';
import { ResultKey } from '../../../src/audit/queue/result-key.ts';
import { TamperError } from '../../../src/errors.ts';
import { RedisServer } from '../../servers/redis.ts';
import { collected, echo, enqueued, newRun, streams, workWith } from './fake-audit.ts';

describe('a queue on Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterEach(async () => {
    await server.command('FLUSHALL');
  });
  afterAll(async () => {
    await server.stop();
  });

  it('gives every stream to one worker, and every result back in the order of the run', async () => {
    const file = await newRun(streams(450));
    expect(await enqueued(server, file)).toEqual({ added: 450, retried: 0, present: 0 });
    const did: string[] = [];
    const audit: QueuedAudit = {
      ...echo,
      audit: async (job, context) => {
        did.push(job.origin);
        return echo.audit(job, context);
      },
    };
    const worked = await Promise.all(
      [1, 2, 3].map(async (at) => workWith(server, audit, { name: `w${at}`, untilDone: true })),
    );
    expect(worked.reduce((sum, { done }) => sum + done, 0)).toBe(450);
    expect([...did].sort()).toEqual(
      streams(450)
        .map(({ origin }) => origin)
        .sort(),
    );
    const { all, rest } = await collected(server, file);
    expect(rest).toEqual({ listed: 450 });
    expect(all.map((one) => (one.state === 'done' ? one.text : one.state))).toEqual(
      streams(450).map(({ origin, task }) => `${JSON.stringify({ origin, task })}\n`),
    );
    expect(await collected(server, file)).toEqual({ all, rest });
  });

  it('takes nothing a second time, whether it waits or is done', async () => {
    const file = await newRun(streams(5));
    await enqueued(server, file);
    expect(await enqueued(server, file)).toEqual({ added: 0, retried: 0, present: 5 });
    await workWith(server, echo, { untilDone: true });
    expect(await enqueued(server, file)).toEqual({ added: 0, retried: 0, present: 5 });
    expect(await workWith(server, echo, { untilDone: true })).toEqual({ done: 0, failed: 0, lost: 0 });
  });

  it('keeps two runs of the same streams apart', async () => {
    const [one, other] = [await newRun(streams(3)), await newRun(streams(3))];
    await enqueued(server, one);
    await enqueued(server, other);
    expect((await workWith(server, echo, { untilDone: true })).done).toBe(6);
    expect((await collected(server, one)).all.every(({ state }) => state === 'done')).toBe(true);
  });

  it('tries again what fails, and says in the end which stream failed, why and whose it was', async () => {
    const file = await newRun(streams(3));
    await enqueued(server, file);
    const attempts = new Map<string, number>();
    const audit: QueuedAudit = {
      ...echo,
      audit: async (job, context) => {
        const attempt = (attempts.get(job.origin) ?? 0) + 1;
        attempts.set(job.origin, attempt);
        if (job.origin.endsWith('/0') && attempt === 1) throw new TamperError('READ_FAILED', 'the disk is away');
        if (job.origin.endsWith('/1')) throw new TamperError('READ_FAILED', 'the disk is gone');
        if (job.origin.endsWith('/2')) return { text: `attempt ${attempt}\n`, again: 'the service did not answer' };
        return echo.audit(job, context);
      },
    };
    await workWith(server, audit, { name: 'w7', untilDone: true });
    const { all } = await collected(server, file);
    expect(all).toEqual([
      { state: 'done', origin: 'example.com/0', worker: 'w7', text: expect.stringContaining('example.com/0') },
      { state: 'failed', origin: 'example.com/1', why: 'READ_FAILED: the disk is gone (worker w7)' },
      { state: 'done', origin: 'example.com/2', worker: 'w7', text: 'attempt 2\n' },
    ]);
    expect(await enqueued(server, file)).toEqual({ added: 0, retried: 1, present: 2 });
    await workWith(server, echo, { untilDone: true });
    expect((await collected(server, file)).all[1]).toMatchObject({ state: 'done' });
  });

  it('says of a stream that waits that it waits, and of one that is lost that it is missing', async () => {
    const file = await newRun(streams(2));
    expect((await collected(server, file)).all.map(({ state }) => state)).toEqual(['missing', 'missing']);
    await enqueued(server, file);
    expect((await collected(server, file)).all.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });

  it('a worker with another policy refuses, ends, and leaves the job to the others', async () => {
    const file = await newRun(streams(3));
    await enqueued(server, file);
    const other: QueuedAudit = { ...echo, basisOf: () => 'c' };
    await expect(workWith(server, other)).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      message: expect.stringMatching(/^example\.com\/\d of run \S+ is refused/),
    });
    expect((await workWith(server, echo, { untilDone: true })).done).toBe(3);
    expect((await collected(server, file)).all.every(({ state }) => state === 'done')).toBe(true);
  });

  it('a worker with another key of results refuses, ends, and leaves the jobs to the others', async () => {
    const file = await newRun(streams(3));
    const key = new ResultKey(Buffer.alloc(32, 7));
    await enqueued(server, file, 2, key);
    const resultKey = new ResultKey(Buffer.alloc(32, 8));
    await expect(workWith(server, echo, { resultKey, untilDone: true })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/^example\.com\/\d of run \S+ is refused: .* --result-key$/),
    });
    expect((await workWith(server, echo, { resultKey: key, untilDone: true })).done).toBe(3);
    expect((await collected(server, file, key)).all.every(({ state }) => state === 'done')).toBe(true);
  });

  it('where every worker has another policy, the stream has failed and says why', async () => {
    const file = await newRun(streams(1));
    await enqueued(server, file);
    const other: QueuedAudit = { ...echo, basisOf: () => 'c' };
    for (const _ of [1, 2]) await expect(workWith(server, other)).rejects.toMatchObject({ code: 'POLICY_INVALID' });
    expect((await collected(server, file)).all).toEqual([
      {
        state: 'failed',
        origin: 'example.com/0',
        why: expect.stringMatching(/^POLICY_INVALID: .* is refused: .*\(worker w\)$/),
      },
    ]);
  });

  it('finishes its job when it is stopped, and begins no other', async () => {
    const file = await newRun(streams(3));
    await enqueued(server, file);
    let stop: () => void = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const audit: QueuedAudit = {
      ...echo,
      audit: async (job, context) => {
        stop();
        await wait(300);
        return echo.audit(job, context);
      },
    };
    expect(await workWith(server, audit, { stopped })).toEqual({ done: 1, failed: 0, lost: 0 });
    expect((await collected(server, file)).all.map(({ state }) => state).sort()).toEqual([
      'done',
      'waiting',
      'waiting',
    ]);
  });

  it('is told how far a job is, now and then', async () => {
    const file = await newRun(streams(1));
    await enqueued(server, file);
    const events: WorkerEvent[] = [];
    const audit: QueuedAudit = {
      ...echo,
      audit: async (job, context) => {
        context.onProgress(1, 30);
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
        try {
          for (const read of [2, 3]) context.onProgress(read, 30);
        } finally {
          vi.useRealTimers();
        }
        return echo.audit(job, context);
      },
    };
    await workWith(server, audit, { untilDone: true, onEvent: (event) => events.push(event) });
    expect(events).toMatchObject([{ what: 'began' }, { what: 'progress', read: 2, total: 30 }, { what: 'done' }]);
  });

  it.each([
    ['of another job', { job: 'f'.repeat(64), worker: 'x', text: '{}\n' }],
    ['that is none', { text: 5 }],
    ['that is a text', 'ok'],
  ])('takes no result %s', async (_what, forged) => {
    const file = await newRun(streams(1));
    await enqueued(server, file);
    await workWith(server, echo, { untilDone: true });
    const keys = await server.command('KEYS', 'fapilog-tamper:*Z-*');
    const key = /fapilog-tamper:\S+/.exec(keys)?.[0] ?? '';
    await server.command('HSET', key, 'returnvalue', JSON.stringify(forged));
    expect((await collected(server, file)).all[0]?.state).toBe('failed');
  });

  it('where workers share a key, no result counts that was made without it', async () => {
    const [key, other] = [new ResultKey(Buffer.alloc(32, 1)), new ResultKey(Buffer.alloc(32, 2))];
    for (const resultKey of [undefined, other, key]) {
      const file = await newRun(streams(1));
      await enqueued(server, file, 2, resultKey);
      await workWith(server, echo, { untilDone: true, ...(resultKey && { resultKey }) });
      expect((await collected(server, file)).all[0]?.state).toBe('done');
      expect((await collected(server, file, key)).all[0]?.state).toBe(resultKey === key ? 'done' : 'failed');
    }
  });

  it.each([
    ['without the key', undefined],
    ['with another key', new ResultKey(Buffer.alloc(32, 2))],
  ])('a worker that has a key does no job that was enqueued %s', async (_how, jobKey) => {
    const file = await newRun(streams(1));
    await enqueued(server, file, 1, jobKey);
    const told = { untilDone: true, resultKey: new ResultKey(Buffer.alloc(32, 1)) };
    await expect(workWith(server, echo, told)).rejects.toMatchObject({ code: 'USAGE' });
    expect((await collected(server, file)).all[0]?.state).toBe('failed');
  });

  it('a job without the key behind one that has it ends no worker', async () => {
    const resultKey = new ResultKey(Buffer.alloc(32, 1));
    const [good, forged] = [await newRun(streams(1)), await newRun(streams(1))];
    await enqueued(server, good, 1, resultKey);
    await enqueued(server, forged, 1);
    expect(await workWith(server, echo, { untilDone: true, resultKey })).toMatchObject({ done: 1, failed: 1 });
    expect((await collected(server, good, resultKey)).all[0]?.state).toBe('done');
    expect((await collected(server, forged, resultKey)).all[0]).toMatchObject({
      state: 'failed',
      why: expect.stringMatching(/^FORMAT_INVALID: .* was not made with the key of --result-key/),
    });
  });

  it('takes no result of a job that was changed in the queue', async () => {
    const file = await newRun(streams(1));
    await enqueued(server, file);
    const keys = await server.command('KEYS', 'fapilog-tamper:*Z-*');
    const key = /fapilog-tamper:\S+/.exec(keys)?.[0] ?? '';
    const [{ origin, basis } = { origin: '', basis: '' }] = streams(1);
    const changed = { run: file.header.run, origin, basis, task: { files: [] } };
    await server.command('HSET', key, 'data', JSON.stringify(changed));
    await workWith(server, echo, { untilDone: true });
    expect((await collected(server, file)).all).toEqual([
      { state: 'failed', origin, why: 'the result of worker w is that of another job' },
    ]);
  });
});
