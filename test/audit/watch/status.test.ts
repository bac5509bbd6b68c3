import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ResultCounts } from '../../../src/audit/run/audit-metrics.ts';
import { ALL } from '../../../src/audit/run/shard.ts';
import { Tally } from '../../../src/audit/run/summary.ts';
import { listenAddress } from '../../../src/audit/watch/listen-address.ts';
import { type StatusServer, serveStatus } from '../../../src/audit/watch/status-server.ts';
import { WatchStatus } from '../../../src/audit/watch/watch-status.ts';
import { TamperError } from '../../../src/errors.ts';

let server: StatusServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(status: WatchStatus): Promise<(path: string, method?: string) => Promise<Response>> {
  server = await serveStatus({ host: '127.0.0.1', port: 0 }, status);
  const { url } = server;
  return (path, method = 'GET') => fetch(`${url}${path}`, { method });
}

const done = (status: WatchStatus): void =>
  status.roundDone(
    new Tally([]).summary({
      ignored: { files: [], more: 0 },
      request: 'x',
      shard: ALL,
      time: '2026-11-26T00:00:00.000Z',
    }),
    new ResultCounts(),
    { endedAt: 1_800_000_000_000, tookMs: 5 },
  );

describe('/healthz and /metrics', () => {
  it('say how the last round went; what was found is no failure of the service', async () => {
    const status = new WatchStatus(undefined);
    const get = await serve(status);
    expect([(await get('/healthz')).status, await (await get('/healthz')).json()]).toMatchObject([
      200,
      { status: 'starting' },
    ]);
    done(status);
    expect(await (await get('/healthz')).json()).toMatchObject({
      status: 'ok',
      last: { at: '2027-01-15T08:00:00.000Z', verdict: 'undecided' },
    });
    status.roundFailed(new TamperError('UNAVAILABLE', 'the bucket is away'));
    const failed = await get('/healthz');
    expect(failed.status).toBe(503);
    expect(await failed.json()).toMatchObject({
      status: 'failed',
      rounds: { done: 1, failed: 1 },
      error: { code: 'UNAVAILABLE', message: 'the bucket is away' },
    });
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toContain('fapilog_tamper_audit_rounds_total{outcome="failed"} 1\n');
    expect(metrics).toContain('fapilog_tamper_audit_round_failed 1\n');
    expect(metrics).toContain('fapilog_tamper_audit_timestamp_seconds 1800000000\n');
    done(status);
    expect((await get('/healthz')).status).toBe(200);
    expect(await (await get('/metrics')).text()).toContain('fapilog_tamper_audit_round_failed 0\n');
  });

  it('say that the webhook does not take messages', async () => {
    const deliveries = { counts: { delivered: 2, failed: 3 }, waiting: 4, isFailing: true };
    const status = new WatchStatus(deliveries);
    done(status);
    const get = await serve(status);
    const health = await get('/healthz');
    expect([health.status, await health.json()]).toMatchObject([200, { status: 'degraded', webhook: { waiting: 4 } }]);
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toContain('fapilog_tamper_audit_webhook_waiting 4\n');
    expect(metrics).toContain('fapilog_tamper_audit_webhook_attempts_total{outcome="failed"} 3\n');
  });

  it('are all that is answered, and only read', async () => {
    const get = await serve(new WatchStatus(undefined));
    for (const path of ['/', '/metrics/', '/healthz/x', '//metrics', '/%6detrics']) {
      expect((await get(path)).status, path).toBe(404);
    }
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await get('/metrics', method)).status).toBe(405);
    const head = await get('/metrics?x=1', 'HEAD');
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      '',
    ]);
  });

  it('where somebody else listens already it is an error', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(serveStatus({ host: '127.0.0.1', port }, new WatchStatus(undefined))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('EADDRINUSE'),
    });
    other.close();
  });
});

describe('--listen', () => {
  it.each([
    ['127.0.0.1:9797', '127.0.0.1', 9797],
    ['[::1]:0', '::1', 0],
    ['localhost:1', 'localhost', 1],
    ['0.0.0.0:65535', '0.0.0.0', 65_535],
  ])('%s', (text, host, port) => {
    expect(listenAddress(text)).toEqual({ host, port });
  });

  it.each(['', '9797', ':9797', 'a:', 'a:65536', '::1:9797', 'a b:1', 'http://a:1', 'a:1/x', '[a]b:1'])(
    '%j is refused',
    (text) => {
      expect(() => listenAddress(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});
