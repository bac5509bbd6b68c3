import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AuditSummary, formatVkey, type StreamResult } from '../../../src/index.ts';
import { freePort } from '../../servers/free-port.ts';
import { RedisServer } from '../../servers/redis.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { type CommandResult, runCommand } from '../../support/command-line.ts';
import { type FleetFiles, fleetOnDisk, rotatedLog, ship } from '../../support/fleet.ts';
import { edKey, nextEdKey } from '../../vectors/keys.ts';
import { AuditProcess } from './command.ts';

const CANARY = 'canary-5f0c-password';

const audit = async (args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> =>
  runCommand(['audit', ...args], { env });

function linesOf(stdout: string): { results: StreamResult[]; summary: AuditSummary } {
  const all = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as StreamResult & AuditSummary);
  const summary = all.pop();
  if (summary?.summary !== true) throw new Error(`no summary: ${stdout}`);
  return { results: all, summary };
}

describe('the commands of a queue', () => {
  let built: BuiltPackage;
  let fleet: FleetFiles;
  let folder: string;
  let server: RedisServer;
  let run: string;
  let memory: string;
  let env: Record<string, string>;
  let count = 0;

  beforeAll(async () => {
    built = await buildPackage({ complete: true });
    server = await RedisServer.start({ password: CANARY });
    fleet = fleetOnDisk();
    folder = await mkdtemp(join(tmpdir(), 'commands-'));
    await writeFile(join(folder, 'keys.pub'), `${formatVkey('fleet', edKey.noteKey)}\n`);
    await writeFile(join(folder, 'other.pub'), `${formatVkey('fleet', nextEdKey.noteKey)}\n`);
    expect((await runCommand(['keygen', '--out', join(folder, 'results.key')])).code).toBe(0);
    for (const name of ['a', 'b', 'c']) ship(fleet, rotatedLog(`fleet/${name}`, 2), name);
    await fleet.settle();
  });
  beforeEach(async () => {
    count += 1;
    env = { REDIS_URL: server.url, REDIS_PASSWORD: CANARY };
    run = join(folder, `${count}.run`);
    memory = join(folder, `memory-${count}`);
    await server.command('FLUSHALL');
  });
  afterAll(async () => {
    await server.stop();
    built.remove();
    fleet.close();
    await rm(folder, { recursive: true });
  });

  const asked = (keys = 'keys.pub'): string[] => [
    ...[fleet.place.name, '--memory', memory, '--origin', 'fleet/*', '--public-key', join(folder, keys)],
    ...['--stopped-after', '9999999d'],
  ];
  const enqueue = async (...more: string[]): Promise<CommandResult> =>
    audit(['enqueue', ...asked(), '--run', run, ...more], env);
  const work = async (...more: string[]): Promise<CommandResult> =>
    audit(['work', ...asked(), '--until-done', ...more], env);
  const collect = async (...more: string[]): Promise<CommandResult> =>
    audit(['collect', '--run', run, '--format', 'json', ...more], env);

  it('a worker with another key refuses, names the stream, and ends with 64; one with the right one does the rest', async () => {
    expect((await enqueue()).code).toBe(0);
    const refused = await audit(['work', ...asked('other.pub')], env);
    expect(refused.code).toBe(64);
    expect(refused.stderr).toMatch(/POLICY_INVALID: fleet\/\w of run \S+ is refused/);
    const done = await work();
    expect(done).toMatchObject({
      code: 0,
      stdout: '3 streams audited, 0 attempts failed, 0 jobs lost\n',
    });
    const collected = await collect();
    expect(collected.code).toBe(0);
    expect(linesOf(collected.stdout).results.map(({ stream, verdict }) => `${stream} ${verdict}`)).toEqual([
      'fleet/a ok',
      'fleet/b ok',
      'fleet/c ok',
    ]);
  });

  it('what Redis has lost is undecided and named, and enqueueing again completes the run with the same results', async () => {
    await enqueue();
    await work();
    const before = await collect();
    await server.command('FLUSHALL');
    const lost = await collect('--wait');
    expect(lost.code).toBe(2);
    expect(
      linesOf(lost.stdout).results.map(({ stream, verdict, error }) => `${stream} ${verdict} ${error?.code}`),
    ).toEqual(['fleet/a undecided MISSING', 'fleet/b undecided MISSING', 'fleet/c undecided MISSING']);
    const again = await enqueue();
    expect(again.stdout).toMatch(
      /^run \S+, which \S+ already was: 3 streams: 3 added, 0 tried again, 0 there already\n$/,
    );
    await work();
    expect(await collect()).toEqual(before);
  });

  it('with a key of results, those that were made without it are undecided', async () => {
    await enqueue();
    await work();
    const key = ['--result-key', join(folder, 'results.key')];
    const refused = await collect(...key);
    expect(refused.code).toBe(2);
    expect(linesOf(refused.stdout).results.map(({ error }) => error?.code)).toEqual(['FAILED', 'FAILED', 'FAILED']);
    run = join(folder, `${count}-second.run`);
    await enqueue(...key);
    await work(...key);
    expect((await collect(...key)).code).toBe(0);
  });

  it('over TLS, with the CA that NODE_EXTRA_CA_CERTS names', async () => {
    const secured = await RedisServer.start({ tls: true, password: CANARY });
    try {
      const by = { REDIS_URL: secured.url, REDIS_PASSWORD: CANARY, NODE_EXTRA_CA_CERTS: secured.caFile ?? '' };
      for (const args of [
        ['enqueue', ...asked(), '--run', run],
        ['work', ...asked(), '--until-done'],
        ['collect', '--run', run],
      ]) {
        const one = new AuditProcess(built, args, by); // the variable is read where a process begins
        expect([await one.ended(), one.stderr]).toEqual([0, '']);
      }
    } finally {
      await secured.stop();
    }
  });

  it('needs no more rights than docs/audit-workers.md names', async () => {
    const page = await readFile(new URL('../../../docs/audit-workers.md', import.meta.url), 'utf8');
    const rights = /`(~fapilog-tamper:\* [^`]+)`/.exec(page)?.[1] ?? '';
    const answer = await server.command(
      'ACL',
      'SETUSER',
      'auditor',
      'reset',
      'on',
      `>${CANARY}-2`,
      ...rights.split(' '),
    );
    expect(answer).toBe('+OK\r\n');
    env = { REDIS_URL: server.url.replace('redis://', 'redis://auditor@'), REDIS_PASSWORD: `${CANARY}-2` };
    const said = [await enqueue(), await work(), await collect()];
    expect(said.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
      [0, ''],
    ]);
  });

  it('the file of a run is not gone on with for another audit', async () => {
    await enqueue();
    const other = await audit(['enqueue', ...asked('other.pub'), '--run', run], env);
    expect(other).toMatchObject({ code: 64, stderr: expect.stringContaining('POLICY_INVALID') });
    expect((await enqueue('--queue', 'second')).code).toBe(64);
  });

  it('the password is in no output, no job, no result and no file of a run', async () => {
    const file = join(folder, 'password');
    await writeFile(file, `${CANARY}\n`, { mode: 0o600 });
    const said = [await enqueue(), await work('--progress'), await collect('--wait', '--progress')];
    expect(said.map(({ code }) => code)).toEqual([0, 0, 0]);
    const withFile = await audit(['collect', '--run', run, '--redis-password-file', file], { REDIS_URL: server.url });
    expect(withFile.code).toBe(0);
    const wrong = await audit(['collect', '--run', run], { REDIS_URL: server.url, REDIS_PASSWORD: `${CANARY}-wrong` });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('UNAUTHENTICATED') });
    const inUrl = server.url.replace('redis://', `redis://:${CANARY}@`);
    const inArguments = await audit(['collect', '--run', run, '--redis-url', inUrl]);
    expect(inArguments).toMatchObject({ code: 64, stderr: expect.stringContaining('--redis-password-file') });
    const text = JSON.stringify([...said, withFile, wrong, inArguments]);
    expect(text).not.toContain('canary');
    expect(await readFile(run, 'utf8')).not.toContain('canary');
    const dump = await server.command('EVAL', DUMP, '0');
    expect(dump).toContain('fleet/a');
    expect(dump).not.toContain('canary');
  });

  it.each(['enqueue', 'work', 'collect'])('audit %s says that nobody listens, and ends', async (verb) => {
    await enqueue();
    const port = await freePort();
    env = { REDIS_URL: `redis://:${CANARY}@127.0.0.1:${port}` };
    const other = verb === 'enqueue' ? enqueue : verb === 'work' ? work : collect;
    const { code, stdout, stderr } = await other();
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^fapilog-tamper: UNAVAILABLE: redis://127.0.0.1:${port}: connect ECONNREFUSED`));
    expect(stderr).toContain('hint: ');
    expect(stdout + stderr).not.toContain('canary');
  });

  it('names what is missing on the command line', async () => {
    for (const args of [['enqueue', ...asked()], ['collect'], ['collect', '--run', run, '--timeout', '5s'], ['work']]) {
      expect((await audit(args, env)).code).toBe(64);
    }
    expect(await audit(['collect', '--run', '/nonexistent'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('NOT_FOUND'),
    });
  });
});

/** Everything that the Redis holds. */
const DUMP = `
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local type = redis.call('TYPE', key).ok
  local value = { key }
  if type == 'hash' then value = redis.call('HGETALL', key) end
  if type == 'string' then value = { redis.call('GET', key) } end
  if type == 'stream' then value = { cjson.encode(redis.call('XRANGE', key, '-', '+')) } end
  for _, one in ipairs(value) do all[#all + 1] = one end
end
return all`;
