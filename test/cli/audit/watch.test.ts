import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { runHere } from '../../support/command-line.ts';
import { type Received, type Receiver, startReceiver } from '../../support/webhook-receiver.ts';

/** `audit --watch` as a process, with a receiver of webhooks. */

const key = 'ab'.repeat(32);
const secret = `whsec_${Buffer.from(`canary${randomBytes(12).toString('hex')}`).toString('base64')}`;
let built: BuiltPackage;
let cwd = '';
let receiver: Receiver;
const running: ChildProcess[] = [];

beforeAll(async () => {
  built = await buildPackage({ complete: true });
});
afterAll(() => built.remove());
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'audit-watch-'));
  receiver = await startReceiver();
  mkdirSync(join(cwd, 'logs'));
  await seal('a');
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await receiver.close();
  rmSync(cwd, { recursive: true });
});

/** Puts a log there in one step: a round that sees a part of one calls it undecided, and rightly so. */
async function seal(name: string, origin = `example.com/${name}`): Promise<void> {
  const args = ['seal', '--quiet', '--out', `made/${name}/audit.jsonl`, '--origin', origin];
  const env = { FAPILOG_TAMPER_KEY: key };
  expect(await runHere(args, { cwd, env, input: 'paid 120\n' })).toMatchObject({ code: 0 });
  renameSync(join(cwd, 'made', name), join(cwd, 'logs', name));
}

const text = (name: string): string => readFileSync(join(cwd, name), 'utf8');

/** In one step too. */
function tamper(name = 'a'): void {
  writeFileSync(join(cwd, 'tampered'), text(`logs/${name}/audit.jsonl`).replace('paid 120', 'paid 12'));
  renameSync(join(cwd, 'tampered'), join(cwd, `logs/${name}/audit.jsonl`));
}

const args = (...more: string[]): string[] => [
  ...['audit', 'logs', '--origin', 'example.com/*', '--key-env', 'SOME_KEY', '--memory', 'memory'],
  ...more,
];
const watchArgs = (...more: string[]): string[] =>
  args('--watch', '--interval', '1s', '--listen', '127.0.0.1:0', ...more);

interface Watching {
  readonly url: string;
  stdout(): string;
  stderr(): string;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

async function watching(argv: readonly string[], env: Record<string, string> = {}): Promise<Watching> {
  const child = spawn(process.execPath, [join(built.directory, 'dist/cli/main.js'), ...argv], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', SOME_KEY: key, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    stdout += part;
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      stderr += part;
      const [, found] = /watching; (\S+)\/metrics/.exec(stderr) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on('exit', () => reject(new Error(`it ended: ${stderr}`)));
  });
  return {
    url,
    stdout: () => stdout,
    stderr: () => stderr,
    get: async (path) => {
      const response = await fetch(url + path);
      return { status: response.status, text: await response.text() };
    },
    stop: async () => {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      const [code] = (await ended) as [number | null];
      return code;
    },
    kill: async () => {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const roundsDone = async (one: Watching): Promise<number> =>
  Number(/rounds_total\{outcome="done"\} (\d+)/.exec((await one.get('/metrics')).text)?.[1]);
const untilDone = (one: Watching, count = 1): Promise<void> =>
  expect.poll(() => roundsDone(one)).toBeGreaterThanOrEqual(count);
/** Until two more rounds are done: one may be running. */
const untilLater = async (one: Watching): Promise<void> => untilDone(one, (await roundsDone(one)) + 2);

const dataOf = ({ body }: Received) => JSON.parse(body).data;
const streamsOf = (received: readonly Received[]): string[] => received.map((one) => dataOf(one).stream).sort();

/** Everything below a directory, as text. */
const filesBelow = (path: string): string =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => statSync(name).isFile())
    .map((name) => readFileSync(name, 'latin1'))
    .join('\n');

describe('fapilog-tamper audit --watch', () => {
  it('sees streams that come, tells a webhook what it finds, once, and ends at SIGTERM with 0', async () => {
    const hook = ['--webhook', receiver.url, '--html', 'audit.html', '--metrics', 'audit.prom'];
    const one = await watching(watchArgs(...hook), { AUDIT_WEBHOOK_SECRET: secret });
    await untilDone(one);
    expect(await one.get('/healthz')).toMatchObject({ status: 200, text: expect.stringContaining('"status":"ok"') });
    expect(receiver.received).toEqual([]);
    await seal('b');
    tamper();
    await receiver.got(1);
    await untilDone(one, 3);
    expect(receiver.received).toHaveLength(1);
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
      type: 'audit.finding',
      data: { stream: 'example.com/a', verdict: 'tampered' },
    });
    const metrics = (await one.get('/metrics')).text;
    expect(metrics).toContain('fapilog_tamper_audit_streams{verdict="tampered"} 1\n');
    expect(metrics).toContain('fapilog_tamper_audit_streams{verdict="ok"} 1\n');
    expect(metrics).toContain('fapilog_tamper_audit_webhook_attempts_total{outcome="delivered"} 1\n');
    expect((await one.get('/healthz')).status, 'a finding is no failure of the service').toBe(200);
    expect(await one.stop()).toBe(0);
    expect(one.stdout().match(/^TAMPERED {3}example\.com\/a/gm)).toHaveLength(1);
    expect(text('audit.html')).toContain('example.com/a');
    expect(text('audit.prom')).toContain('fapilog_tamper_audit_streams{verdict="tampered"} 1\n');

    const again = await watching(watchArgs(...hook), { AUDIT_WEBHOOK_SECRET: secret });
    await untilDone(again, 3);
    expect(await again.stop()).toBe(0);
    expect(streamsOf(receiver.received), 'a restart sends what is open once more').toEqual([
      'example.com/a',
      'example.com/a',
    ]);

    const said = [one, again].map((each) => each.stdout() + each.stderr()).join('') + metrics + filesBelow(cwd);
    const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64');
    for (const spelling of [secret, secret.slice(6), bytes.toString('latin1'), bytes.toString('hex'), key]) {
      expect(said.includes(spelling), spelling).toBe(false);
    }
  });

  it('tells at the next start what it could not, of a receiver that refuses; and that one does not hold up its end', async () => {
    receiver.answer = (response) => response.writeHead(500).end();
    writeFileSync(join(cwd, 'webhook.secret'), `${secret}\n`, { mode: 0o600 });
    tamper();
    const hook = ['--webhook', receiver.url, '--webhook-secret-file', 'webhook.secret'];
    const one = await watching(watchArgs(...hook));
    await receiver.got(1);
    await expect.poll(async () => (await one.get('/healthz')).text).toContain('"status":"degraded"');
    expect(await one.stop()).toBe(0);
    expect(one.stderr()).toContain('HTTP status 500');
    expect(one.stderr(), 'what is behind the host may be a secret').not.toContain('/hook');
    receiver.received.length = 0;
    receiver.answer = () => undefined; // it hangs
    const again = await watching(watchArgs(...hook));
    await receiver.got(1);
    expect(receiver.received.map(dataOf)).toMatchObject([{ stream: 'example.com/a', verdict: 'tampered' }]);
    expect(await again.stop()).toBe(0);
  });

  it('tells of all streams that changed, after the rounds that follow, when the receiver takes it again', async () => {
    for (const name of ['b', 'c']) await seal(name);
    for (const name of ['a', 'b', 'c']) tamper(name);
    receiver.answer = (response) => response.writeHead(500).end();
    const one = await watching(watchArgs('--webhook', receiver.url), { AUDIT_WEBHOOK_SECRET: secret });
    await expect.poll(async () => (await one.get('/healthz')).text).toContain('{"waiting":3,"failing":true}');
    await untilLater(one);
    receiver.received.length = 0;
    receiver.answer = (response) => response.writeHead(200).end();
    await expect.poll(async () => (await one.get('/healthz')).text).toContain('{"waiting":0,"failing":false}');
    await untilLater(one);
    expect((await one.get('/metrics')).text).toContain('fapilog_tamper_audit_webhook_waiting 0\n');
    const accepted = /webhook_attempts_total\{outcome="delivered"\} (\d+)/.exec((await one.get('/metrics')).text)?.[1];
    expect([accepted, streamsOf(receiver.received)]).toEqual([
      '3',
      ['a', 'b', 'c'].map((name) => `example.com/${name}`),
    ]);
    expect(await one.stop()).toBe(0);
    expect(one.stderr().match(/HTTP status 500/g), 'reported once').toHaveLength(1);
    for (const spelling of [secret, secret.slice(6), 'canary']) expect(one.stderr()).not.toContain(spelling);
  });

  it('tells of what it finds when the receiver is not there, once that is', async () => {
    tamper();
    const { url } = receiver;
    await receiver.close();
    const one = await watching(watchArgs('--webhook', url), { AUDIT_WEBHOOK_SECRET: secret });
    await expect.poll(async () => (await one.get('/healthz')).text).toContain('"status":"degraded"');
    receiver = await startReceiver(Number(new URL(url).port));
    await receiver.got(1);
    await untilLater(one);
    expect(streamsOf(receiver.received)).toEqual(['example.com/a']);
    expect(await one.stop()).toBe(0);
    expect(one.stderr()).toContain('ECONNREFUSED');
    for (const spelling of [secret, secret.slice(6), 'canary', '/hook']) expect(one.stderr()).not.toContain(spelling);
  });

  it('that is killed between two rounds tells at the next start of what came meanwhile, and of what is still open', async () => {
    await seal('b');
    tamper();
    const hook = ['--webhook', receiver.url];
    const one = await watching(watchArgs(...hook), { AUDIT_WEBHOOK_SECRET: secret });
    await receiver.got(1);
    await untilLater(one);
    await one.kill();
    tamper('b');
    receiver.received.length = 0;
    const again = await watching(watchArgs(...hook), { AUDIT_WEBHOOK_SECRET: secret });
    await receiver.got(2);
    await untilLater(again);
    expect(await again.stop()).toBe(0);
    expect(streamsOf(receiver.received)).toEqual(['example.com/a', 'example.com/b']);
  });

  it('tells and prints each file of no stream that comes, whatever others there are', async () => {
    await seal('x', 'other.example/x');
    const one = await watching(watchArgs('--webhook', receiver.url), { AUDIT_WEBHOOK_SECRET: secret });
    await receiver.got(1);
    await seal('y', 'other.example/y');
    await receiver.got(2);
    const told = receiver.received.map(({ body }) => JSON.parse(body).data);
    expect(told).toMatchObject([
      { stream: '', result: 'unclaimed', findings: [{ file: expect.stringContaining('logs/x/') }] },
      { stream: '', result: 'unclaimed', findings: [{ file: expect.stringContaining('logs/y/') }, {}] },
    ]);
    await expect.poll(() => one.stdout().match(/belong to no stream that you named$/gm)).toHaveLength(2);
    expect(await one.stop()).toBe(0);
  });

  it('goes on after a round that failed, and says so meanwhile', async () => {
    const one = await watching(watchArgs());
    await untilDone(one);
    renameSync(join(cwd, 'logs'), join(cwd, 'moved'));
    await expect.poll(async () => (await one.get('/healthz')).status).toBe(503);
    expect((await one.get('/healthz')).text).toContain('"code":"NOT_FOUND"');
    expect((await one.get('/metrics')).text).toContain('fapilog_tamper_audit_round_failed 1\n');
    expect(one.stderr()).toContain('NOT_FOUND');
    renameSync(join(cwd, 'moved'), join(cwd, 'logs'));
    await expect.poll(async () => (await one.get('/healthz')).status).toBe(200);
    expect(await one.stop()).toBe(0);
  });

  it('takes no stream for a new one where its memory is gone', async () => {
    const one = await watching(watchArgs('--verbose'));
    await untilLater(one);
    renameSync(join(cwd, 'memory'), join(cwd, 'moved'));
    await expect.poll(async () => (await one.get('/healthz')).status).toBe(503);
    expect((await one.get('/healthz')).text).toMatch(
      /nothing is remembered any more in .*memory; earlier rounds left at least 1 there/,
    );
    expect(one.stderr()).toContain('hint: Is it mounted?');
    expect(readdirSync(cwd)).not.toContain('memory');
    tamper();
    renameSync(join(cwd, 'moved'), join(cwd, 'memory'));
    await expect.poll(() => one.stdout()).toContain('TAMPERED');
    expect(one.stdout().match(/seen for the first time/g)).toHaveLength(1);
    expect(await one.stop()).toBe(0);
  });

  it.each<[string, readonly string[], Record<string, string>, string]>([
    ['--interval alone', args('--interval', '5m'), {}, '--interval goes with --watch'],
    ['--listen alone', args('--listen', 'localhost:1'), {}, '--listen goes with --watch'],
    ['--webhook alone', args('--webhook', 'https://a.example'), {}, '--webhook goes with --watch'],
    ['a time', watchArgs('--now', '2026-11-26T00:00:00Z'), {}, '--now is a single time'],
    ['no pause', args('--watch', '--interval', '0s'), {}, '--interval is a duration'],
    ['no secret', watchArgs('--webhook', 'https://a.example/'), {}, 'AUDIT_WEBHOOK_SECRET'],
    ['no stream', ['audit', 'logs', '--memory', 'memory', '--watch', '--listen', '127.0.0.1:0'], {}, '--origin'],
    ['a secret for nobody', watchArgs('--webhook-secret-file', 'x'), {}, 'goes with --webhook URL'],
    ['plain http', watchArgs('--webhook', 'http://a.example/'), { AUDIT_WEBHOOK_SECRET: secret }, 'INSECURE_ENDPOINT'],
  ])('refuses %s: exit 64', async (_what, argv, env, message) => {
    const { code, stdout, stderr } = await runHere(argv, { cwd, env: { SOME_KEY: key, ...env } });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(message);
  });

  it.each([
    ['without its prefix', secret.slice(6)],
    ['too short', 'whsec_Y2FuYXJ5'],
    ['with something behind it', `${secret} x`],
    ['in quotation marks', `"${secret}"`],
  ])('refuses a secret %s, and quotes nothing of it', async (_what, given) => {
    writeFileSync(join(cwd, 'webhook.secret'), given, { mode: 0o600 });
    const hook = watchArgs('--webhook', receiver.url);
    const byFile = await runHere([...hook, '--webhook-secret-file', 'webhook.secret'], {
      cwd,
      env: { SOME_KEY: key },
    });
    const byVariable = await runHere(hook, { cwd, env: { SOME_KEY: key, AUDIT_WEBHOOK_SECRET: given } });
    for (const { code, stdout, stderr } of [byFile, byVariable]) {
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain('KEY_MALFORMED');
      expect(stderr).toContain('openssl rand');
      expect(stderr).not.toContain(given.slice(6, 14));
    }
  });

  it('refuses a secret in a file that others may read', async () => {
    writeFileSync(join(cwd, 'webhook.secret'), secret, { mode: 0o644 });
    const argv = watchArgs('--webhook', receiver.url, '--webhook-secret-file', 'webhook.secret');
    const { code, stderr } = await runHere(argv, { cwd, env: { SOME_KEY: key } });
    expect([code, stderr]).toEqual([2, expect.stringContaining('KEY_FILE_PERMISSIONS')]);
  });

  it('ends at SIGTERM also while a bucket does not answer', async () => {
    const silent = createServer(); // takes connections, and says nothing
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const asked = once(silent, 'connection');
    const { port } = silent.address() as AddressInfo;
    const env = {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'somebody',
      AWS_SECRET_ACCESS_KEY: 'something',
    };
    const one = await watching(
      watchArgs().map((arg) => (arg === 'logs' ? 's3://bucket/logs' : arg)),
      env,
    );
    await asked;
    expect(await one.stop()).toBe(0); // one request to it would be repeated for a minute and a half
    silent.close();
  }, 60_000);
});
