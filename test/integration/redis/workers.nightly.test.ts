import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseRemembered } from '../../../src/audit/memory/remembered.ts';
import { type AuditSummary, formatVkey, type StreamResult } from '../../../src/index.ts';
import { RedisServer } from '../../servers/redis.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { runCommand } from '../../support/command-line.ts';
import { type FleetFiles, fleetOnDisk, rotatedLog, ship } from '../../support/fleet.ts';
import { SealedLog } from '../../support/sealed-log.ts';
import { edKey, nextEdKey } from '../../vectors/keys.ts';
import { signKeys } from '../../vectors/logs.ts';
import { AuditProcess } from './command.ts';

/** 200 streams, audited by processes that are killed and stopped, by way of a Redis that restarts; and by one process. */

const BIG = [20, 60, 100, 140, 180];

/** Of such a length that something can happen in the middle. */
function bigLog(origin: string): SealedLog {
  const log = new SealedLog(origin);
  log.file = '0001.jsonl';
  log.open(signKeys).seal().checkpoint();
  for (let at = 0; at < 60; at += 1)
    log.record(...Array.from({ length: 1000 }, (_, n) => `{"at":${at},"n":${n}}`)).seal();
  return log.close().checkpoint();
}

interface Output {
  readonly results: readonly StreamResult[];
  readonly summary: Omit<AuditSummary, 'request'>;
}

function outputOf(stdout: string): Output {
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(
      (line) => JSON.parse(line, (key, value) => (key === 'wholeAt' ? 'a time' : value)) as StreamResult & AuditSummary,
    );
  const summary = lines.pop();
  if (summary?.summary !== true) throw new Error(`no summary: ${stdout.slice(-500)}`);
  const { request: _, ...rest } = summary;
  const results = lines.sort((a, b) => (a.stream < b.stream ? -1 : Number(a.stream > b.stream)));
  return { results, summary: rest };
}

/** What is remembered, but for when it was checked and read whole, and by which run. */
async function remembered(memory: string): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const id of await readdir(memory)) {
    const [newest = ''] = (await readdir(join(memory, id)))
      .filter((name) => /^\d+\.json$/.test(name))
      .sort()
      .reverse();
    const { run: _, ...rest } = parseRemembered(await readFile(join(memory, id, newest), 'utf8'), id, newest);
    all[id] = JSON.parse(JSON.stringify(rest).replaceAll(/"(checked|whole)":"[^"]*"/g, '"$1":""'));
  }
  return all;
}

describe('an audit by several workers', () => {
  let built: BuiltPackage;
  let fleet: FleetFiles;
  let folder: string;
  let alone: Output;
  let server: RedisServer;
  const processes: AuditProcess[] = [];

  const start = (args: readonly string[], env?: Record<string, string>): AuditProcess => {
    const one = new AuditProcess(built, args, env);
    processes.push(one);
    return one;
  };
  const asked = (memory: string): string[] => [
    ...[fleet.place.name, '--memory', join(folder, memory), '--origin', 'fleet/*'],
    ...['--public-key', join(folder, 'keys.pub'), '--stopped-after', '9999999d'],
  ];
  const redis = (): string[] => ['--redis-url', server.url];
  const run = (): string[] => ['--run', join(folder, 'audit.run')];

  /** Stops a worker in the middle of a long log. @returns the stream */
  const caught = async (worker: AuditProcess): Promise<string> => {
    for (const missed: string[] = []; ; ) {
      const origin = await worker.says(
        new RegExp(`auditing (?!(?:${['-', ...missed].join('|')})\\n)(fleet/\\d+-big)\\n`),
      );
      worker.signal('SIGSTOP');
      const { stdout } = await runCommand(['audit', 'collect', ...run(), ...redis(), '--format', 'json']);
      const result = outputOf(stdout).results.find(({ stream }) => stream === origin);
      if (result?.error?.code === 'ACTIVE') return origin;
      missed.push(origin); // it was done by then
      worker.signal('SIGCONT');
    }
  };

  beforeAll(async () => {
    built = await buildPackage({ complete: true });
    fleet = fleetOnDisk();
    folder = await mkdtemp(join(tmpdir(), 'workers-'));
    await writeFile(join(folder, 'keys.pub'), `${formatVkey('fleet', edKey.noteKey)}\n`);
    const name = (at: number): string => `fleet/${String(at).padStart(3, '0')}`;
    for (let at = 0; at < 180; at += 1) ship(fleet, rotatedLog(name(at), 2), name(at));
    await fleet.settle();
    const first = start(['--format', 'json', ...asked('first')]);
    expect(await first.ended()).toBe(0);
    for (let at = 0; at < 40; at += 1) ship(fleet, rotatedLog(name(at), 4), name(at), 2);
    for (const at of [41, 42, 43]) {
      const file = `${name(at)}/0001.jsonl`;
      fleet.write(file, Buffer.from(fleet.read(file).toString('utf8').replace('same', 'sane')));
    }
    for (const at of [51, 52]) for (const file of ['0001.jsonl', '0002.jsonl']) fleet.remove(`${name(at)}/${file}`);
    fleet.remove(`${name(53)}/0002.jsonl`);
    for (let at = 180; at < 200; at += 1) ship(fleet, rotatedLog(name(at), 2), name(at));
    for (const at of [190, 191]) ship(fleet, rotatedLog(name(at), 2, { signers: [nextEdKey] }), name(at));
    for (const at of BIG) {
      const lines = bigLog(`${name(at)}-big`).lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]);
      fleet.write(`big/${at}/0001.jsonl`, Buffer.concat(lines));
    }
    await fleet.settle();
    for (const copy of ['alone', 'workers', 'many'])
      await cp(join(folder, 'first'), join(folder, copy), { recursive: true });
    const one = start(['--format', 'json', ...asked('alone')]);
    expect(await one.ended()).toBe(1);
    alone = outputOf(one.stdout);
  });

  beforeEach(() => {
    processes.length = 0;
  });
  afterEach(async () => {
    for (const one of processes) await one.stop();
    await server.stop();
    await rm(join(folder, 'audit.run'), { force: true });
  });

  it('one is killed, one stopped for longer than it may, Redis restarts: it comes to what one process says', async () => {
    server = await RedisServer.start({ persistent: true });
    expect(new Set(alone.results.map(({ result }) => result))).toEqual(
      new Set(['grown', 'unchanged', 'rewritten', 'vanished', 'rolled_back', 'new']),
    );
    expect(alone.summary.verdicts.undecided).toBeGreaterThan(0);
    expect(alone.summary.verdicts.ok).toBeGreaterThan(150);
    const first = start(['enqueue', ...asked('workers'), ...run(), ...redis()]);
    expect(await first.ended()).toBe(0);
    expect(first.stdout).toMatch(/^run \S+: 205 streams: 205 added, 0 tried again, 0 there already\n$/);
    const again = start(['enqueue', ...asked('workers'), ...run(), ...redis()]);
    expect(await again.ended()).toBe(0);
    expect(again.stdout).toContain('0 added, 0 tried again, 205 there already');

    const work = ['work', ...asked('workers'), ...redis(), '--lock', '2s', '--progress'];
    const killed = start(work);
    await caught(killed);
    killed.signal('SIGKILL');
    expect(await killed.ended()).toBe('SIGKILL');
    const stopped = start(work);
    const stoppedAt = await caught(stopped);
    const third = start(work);
    await third.says(/auditing (fleet\/\d+-big)/);
    await server.kill();
    await third.says(/is away/);
    await wait(300);
    await server.restart();
    await third.says(/is back/);
    await third.says(new RegExp(`audited ${stoppedAt}\n`));
    stopped.signal('SIGCONT');
    await stopped.says(/lost /);

    const collect = start(['collect', ...run(), ...redis(), '--wait', '--timeout', '120s', '--format', 'json']);
    expect(await collect.ended()).toBe(1);
    const together = outputOf(collect.stdout);
    expect(together.results).toEqual(alone.results);
    expect(together.summary).toEqual({ ...alone.summary, time: expect.any(String) as unknown });
    expect(Date.parse(together.summary.time)).toBeGreaterThan(Date.parse(alone.summary.time));
    expect(await remembered(join(folder, 'workers'))).toEqual(await remembered(join(folder, 'alone')));
    const second = start(['collect', ...run(), ...redis(), '--format', 'json']);
    await second.ended();
    expect(outputOf(second.stdout)).toEqual(together);

    for (const one of [stopped, third]) {
      one.signal('SIGTERM');
      expect(await one.ended()).toBe(0);
    }
    expect(stopped.stdout).toMatch(/ 1 jobs lost\n$/);
    expect(stopped.stderr).not.toContain(`audited ${stoppedAt}\n`);
  }, 240_000);

  it('26 workers, and Redis is killed twice meanwhile: each stream is answered once, as by one process', async () => {
    server = await RedisServer.start({ persistent: true });
    const workers = Array.from({ length: 26 }, () =>
      start(['work', ...asked('many'), ...redis(), '--lock', '10s', '--progress']),
    );
    await expect.poll(() => server.command('INFO', 'clients')).toContain('blocked_clients:26');
    const enqueue = start(['enqueue', ...asked('many'), ...run(), ...redis()]);
    expect(await enqueue.ended()).toBe(0);
    const said = (what: string): string[] =>
      workers.flatMap(({ stderr }) =>
        [...stderr.matchAll(new RegExp(`: ${what} (fleet/[\\w-]+)`, 'g'))].map(([, stream]) => stream as string),
      );
    for (const least of [20, 100]) {
      await expect.poll(() => said('audited').length, { interval: 5 }).toBeGreaterThan(least);
      await server.kill();
      expect(said('audited').length).toBeLessThan(180);
      await wait(300);
      await server.restart();
    }
    const collect = start(['collect', ...run(), ...redis(), '--wait', '--timeout', '120s', '--format', 'json']);
    expect(await collect.ended()).toBe(1);
    const together = outputOf(collect.stdout);
    expect(together.results).toEqual(alone.results);
    expect(together.summary).toEqual({ ...alone.summary, time: expect.any(String) as unknown });
    expect(await remembered(join(folder, 'many'))).toEqual(await remembered(join(folder, 'alone')));
    for (const one of workers) one.signal('SIGTERM');
    for (const one of workers) expect(await one.ended()).toBe(0);
    // a reply of Redis that never came: the stream is done, and its worker says that it has lost it
    const streams = alone.results.flatMap(({ stream }) => stream);
    expect(said('audited')).toHaveLength(new Set(said('audited')).size);
    expect([...new Set([...said('audited'), ...said('lost')])].sort()).toEqual(streams);
  }, 240_000);
});
