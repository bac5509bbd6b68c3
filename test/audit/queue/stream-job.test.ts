import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  digestOfJob,
  jobIdOf,
  newRunId,
  parseJob,
  parseJobResult,
  queueNameOf,
} from '../../../src/audit/queue/stream-job.ts';

const run = newRunId(new Date('2026-11-26T23:00:00.123Z'), new Uint8Array(8).fill(0xab));
const job = { run, origin: 'api.example.com/eu-1', basis: 'b', task: { files: [{ name: '/logs/a' }] } };

it('names a run by when it began, and never two the same', () => {
  expect(run).toBe('20261126T230000Z-abababababababab');
  const now = new Date();
  expect(new Set(Array.from({ length: 100 }, () => newRunId(now, randomBytes(8)))).size).toBe(100);
});

it('a job has the same id each time, and BullMQ takes it whatever the origin is', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, unit: 'binary' }),
      fc.string({ minLength: 1, unit: 'binary' }),
      (one, other) => {
        const id = jobIdOf({ run, origin: one });
        expect(id).toBe(jobIdOf({ run, origin: one }));
        expect(id).toMatch(/^[0-9A-Z-]+[0-9a-f]+\.[0-9a-f]{64}$/);
        expect(id === jobIdOf({ run, origin: other })).toBe(one === other);
      },
    ),
  );
});

it('the digest of a job changes with whatever is asked for', () => {
  const others = [{ run: 'x' }, { origin: 'x' }, { basis: 'x' }, { task: {} }, { task: { files: [] } }];
  const digests = [job, ...others.map((one) => ({ ...job, ...one }))].map(digestOfJob);
  expect(new Set(digests).size).toBe(digests.length);
  expect(digestOfJob(parseJob(JSON.parse(JSON.stringify(job)), 'x'))).toBe(digests[0]);
});

it.each([
  ['nothing', undefined],
  ['a text', 'job'],
  ['a job without a run', { ...job, run: undefined }],
  ['a job with a run that is none', { ...job, run: '../x' }],
  ['a job without an origin', { ...job, origin: '' }],
  ['a job with something more', { ...job, key: 'secret' }],
])('is no job: %s', (_what, value) => {
  expect(() => parseJob(value, 'line 7')).toThrow('line 7 is not a job of an audit');
});

it.each([
  undefined,
  null,
  'ok',
  7,
  {},
  { job: 'x', worker: 'w' },
  { job: 'x', worker: 'w', text: 5 },
  [],
  { text: 'x' },
])('is no result: %j', (value) => {
  expect(parseJobResult(value)).toBeUndefined();
});

it('the name of a queue carries the version of its jobs', () => {
  expect(queueNameOf('nightly')).toBe('audit-v3-nightly');
  for (const name of ['', 'a:b', 'a b', 'a/b', 'x'.repeat(65), '{a}'])
    expect(() => queueNameOf(name)).toThrow('--queue');
});
