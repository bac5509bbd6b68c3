import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditJobs, type AuditJobsRequest } from '../../src/audit/jobs/audit-jobs.ts';
import { summarise } from '../../src/audit/jobs/run-summary.ts';
import type { StreamOutcome } from '../../src/audit/queue/collect.ts';
import type { StreamJob } from '../../src/audit/queue/stream-job.ts';
import { type AuditSummary, formatVkey, type StreamResult } from '../../src/index.ts';
import {
  auditFleet,
  DAY,
  type FleetFiles,
  fleetInBucket,
  fleetOnDisk,
  NOW,
  rotatedLog,
  ship,
  ZSTD,
} from '../support/fleet.ts';
import { edKey } from '../vectors/keys.ts';

/** The audit as jobs, in whatever order and however often they are done, compared with one process. */

const RUN = '20261126T230000Z-0011223344556677';

function requestOf(fleet: FleetFiles, more: Partial<AuditJobsRequest> = {}): AuditJobsRequest {
  return {
    places: [fleet.place],
    memory: fleet.memory,
    options: { origin: ['fleet/*', 'other/named'], publicKeys: [formatVkey('fleet', edKey.noteKey)] },
    stoppedAfterMs: DAY,
    now: () => NOW,
    ...more,
  };
}

interface Run {
  readonly jobs: readonly StreamJob[];
  readonly rest: unknown;
}

/** The jobs as they are after they have been in a Redis. */
async function listed(audit: AuditJobs): Promise<Run> {
  const { streams, rest } = await audit.list();
  const jobs: StreamJob[] = [];
  for await (const stream of streams) jobs.push(JSON.parse(JSON.stringify({ run: RUN, ...stream })) as StreamJob);
  return { jobs, rest: JSON.parse(JSON.stringify(rest?.())) };
}

async function done(audit: AuditJobs, job: StreamJob): Promise<StreamOutcome> {
  const { text } = await audit.audit(job, { onProgress: () => undefined });
  return { state: 'done', origin: job.origin, text, worker: 'w' };
}

async function summed(
  outcomes: readonly StreamOutcome[],
  rest: unknown,
): Promise<{ results: StreamResult[]; summary: AuditSummary }> {
  const iterator = (async function* (): AsyncGenerator<StreamOutcome, unknown> {
    yield* outcomes;
    return rest;
  })();
  const results: StreamResult[] = [];
  const summary = await summarise(iterator, async (result) => void results.push(result));
  return { results: sorted(results), summary };
}

const sorted = (results: readonly StreamResult[]): StreamResult[] =>
  [...results].sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0));

/** Streams of every kind, and what one process says of them the second time. */
async function aged(
  make: () => FleetFiles,
): Promise<{ fleet: FleetFiles; said: Awaited<ReturnType<typeof auditFleet>> }> {
  const build = async (): Promise<FleetFiles> => {
    const fleet = make();
    for (const name of ['same', 'grown', 'tampered', 'vanished', 'back'])
      ship(fleet, rotatedLog(`fleet/${name}`, 3), name);
    await auditFleet(fleet, { ...requestOf(fleet), now: NOW });
    ship(fleet, rotatedLog('fleet/grown', 5), 'grown', 3);
    ship(fleet, rotatedLog('fleet/new', 2), 'new');
    ship(fleet, rotatedLog('fleet/new-bad', 2), 'new-bad');
    for (const name of ['tampered/0002.jsonl', 'new-bad/0001.jsonl']) {
      fleet.write(name, Buffer.from(fleet.read(name).toString('utf8').replace('same', 'sane')));
    }
    for (const name of fleet.names())
      if (name.startsWith('vanished/') || name === 'back/0003.jsonl') fleet.remove(name);
    ship(fleet, rotatedLog('strange/one', 1), 'strange');
    await fleet.settle();
    return fleet;
  };
  const one = await build();
  const said = await auditFleet(one, { ...requestOf(one), now: NOW });
  const names = (results: readonly StreamResult[]): string => JSON.stringify(results);
  const fleet = await build();
  const root = (name: string): string => name.replace(/\/logs$/, '');
  const text = names(sorted(said.results)).replaceAll(root(one.place.name), root(fleet.place.name));
  one.close();
  return { fleet, said: { ...said, results: JSON.parse(text) as StreamResult[] } };
}

describe.each([
  ['a directory', fleetOnDisk],
  ['a bucket', fleetInBucket],
])('jobs on %s', (_, make) => {
  let fleet: FleetFiles;
  let said: Awaited<ReturnType<typeof auditFleet>>;
  beforeEach(async () => {
    ({ fleet, said } = await aged(make));
  });
  afterEach(() => fleet.close());

  it('come to what one process says', async () => {
    const audit = new AuditJobs(requestOf(fleet));
    const { jobs, rest } = await listed(audit);
    const outcomes = [];
    for (const job of [...jobs].reverse()) outcomes.push(await done(audit, job));
    const { results, summary } = await summed(outcomes, rest);
    expect(results.map(({ stream, result, verdict }) => `${stream}: ${result} ${verdict}`)).toEqual([
      ': unclaimed undecided',
      'fleet/back: rolled_back tampered',
      'fleet/grown: grown ok',
      'fleet/new: new ok',
      'fleet/new-bad: new tampered',
      'fleet/same: unchanged ok',
      'fleet/tampered: rewritten tampered',
      'fleet/vanished: vanished tampered',
      'other/named: missing undecided',
    ]);
    expect(results).toEqual(said.results);
    expect({ ...summary, request: '' }).toEqual({ ...said.summary, request: '' });
  });

  it('come to the same where each is done again, by another worker and at once by two', async () => {
    const audit = new AuditJobs(requestOf(fleet));
    const { jobs, rest } = await listed(audit);
    for (const job of jobs) await Promise.all([done(audit, job), done(new AuditJobs(requestOf(fleet)), job)]);
    const outcomes = await Promise.all(jobs.map(async (job) => done(new AuditJobs(requestOf(fleet)), job)));
    expect((await summed(outcomes, rest)).results).toEqual(said.results);
  });

  it('a stream of which a file is packed after the listing is undecided', async () => {
    const audit = new AuditJobs(requestOf(fleet));
    const { jobs } = await listed(audit);
    const isPacked = (name: string): boolean => /^(?:grown\/000[3-5]|tampered\/)/.test(name);
    for (const name of fleet.names().filter(isPacked)) {
      fleet.write(`${name}.zst`, ZSTD);
      fleet.remove(name);
    }
    const of = async (origin: string): Promise<StreamResult> => {
      const outcome = await done(audit, jobs.find((job) => job.origin === origin) as StreamJob);
      return JSON.parse('text' in outcome ? outcome.text : '{}') as StreamResult;
    };
    for (const [origin, result] of [
      ['fleet/grown', 'rolled_back'],
      ['fleet/tampered', 'vanished'],
    ] as const) {
      const said = await of(origin);
      expect(said).toMatchObject({ result, verdict: 'undecided' });
      expect(JSON.stringify(said.findings)).toMatch(/\.jsonl\.zst was left out, for it is not unpacked/);
    }
  });

  it('once a run is over, the next one finds nothing new', async () => {
    const audit = new AuditJobs(requestOf(fleet));
    for (const job of (await listed(audit)).jobs) await done(audit, job);
    const { jobs, rest } = await listed(audit);
    const next = jobs.map((job) => ({ ...job, run: RUN.replace('23', '24') }));
    const { results } = await summed(await Promise.all(next.map(async (job) => done(audit, job))), rest);
    const ok = results.filter(({ verdict }) => verdict === 'ok');
    expect(ok.map(({ stream, result, checked }) => `${stream}: ${result} ${checked}`)).toEqual([
      'fleet/grown: unchanged nothing',
      'fleet/new: unchanged nothing',
      'fleet/same: unchanged nothing',
    ]);
  });

  it('a stream without a result is undecided and says why', async () => {
    const audit = new AuditJobs(requestOf(fleet));
    const { jobs, rest } = await listed(audit);
    const states: StreamOutcome[] = [
      { state: 'failed', origin: 'fleet/back', why: 'READ_FAILED: x (worker w)' },
      { state: 'waiting', origin: 'fleet/grown' },
      { state: 'active', origin: 'fleet/new', worker: 'w' },
      { state: 'missing', origin: 'fleet/new-bad' },
    ];
    const others = jobs.filter(({ origin }) => !states.some((one) => one.origin === origin));
    const outcomes = [...states, ...(await Promise.all(others.map(async (job) => done(audit, job))))];
    const { results, summary } = await summed(outcomes, rest);
    expect(results).toHaveLength(said.results.length);
    const without = results.filter(({ error }) => error !== undefined);
    expect(without.map(({ stream, verdict, result, error }) => [stream, verdict, result, error?.code])).toEqual([
      ['fleet/back', 'undecided', 'failed', 'FAILED'],
      ['fleet/grown', 'undecided', 'failed', 'WAITING'],
      ['fleet/new', 'undecided', 'failed', 'ACTIVE'],
      ['fleet/new-bad', 'undecided', 'failed', 'MISSING'],
    ]);
    expect(summary.verdict).toBe('tampered');
  });
});

describe('what a worker must have in common with who enqueued', () => {
  let fleet: FleetFiles;
  beforeEach(() => {
    fleet = fleetInBucket();
  });
  afterEach(() => fleet.close());
  const basis = (more: Partial<AuditJobsRequest>): string => new AuditJobs(requestOf(fleet, more)).basisOf('fleet/a');
  const options = (): AuditJobsRequest['options'] => requestOf(fleet).options;

  it.each<[string, () => Partial<AuditJobsRequest>]>([
    ['the names', () => ({ options: { ...options(), origin: 'fleet/a' } })],
    ['the keys', () => ({ options: { ...options(), publicKeys: [] } })],
    ['what is strict', () => ({ options: { ...options(), strict: true } })],
    ['when a stream has stopped', () => ({ stoppedAfterMs: DAY * 2 })],
    ['what a retention deletes', () => ({ retentionMs: DAY })],
    ['the places', () => ({ places: [fleetOnDisk().place] })],
    ['the memory', () => ({ memory: fleetOnDisk().memory })],
  ])('%s', (_what, more) => {
    expect(basis({})).toBe(basis({}));
    expect(basis(more())).not.toBe(basis({}));
  });
});

it.each([
  ['nothing', undefined],
  ['no files', {}],
  ['a file without a version', { files: [{ name: 'a', size: 1 }] }],
  ['a size below 0', { files: [{ name: 'a', size: -1, version: 'x' }] }],
  ['something more', { files: [], key: 'x' }],
])('a job that asks for %s is refused', async (_what, task) => {
  const fleet = fleetInBucket();
  const job = { run: RUN, origin: 'fleet/a', basis: '', task };
  await expect(new AuditJobs(requestOf(fleet)).audit(job, { onProgress: () => undefined })).rejects.toMatchObject({
    code: 'FORMAT_INVALID',
  });
});
