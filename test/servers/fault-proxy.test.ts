import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { get as getTls } from 'node:https';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';
import { createLoopbackCa } from './loopback-ca.mjs';

const ca = createLoopbackCa();
const server = createServer((incoming, answer) => {
  answer.setHeader('x-path', incoming.url ?? '');
  answer.end('{"real":true,"padding":"0123456789"}');
});
let plain: FaultProxy;
let secure: FaultProxy;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const upstream = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  plain = await FaultProxy.start({ upstream });
  secure = await FaultProxy.start({ upstream, tls: ca.issue() });
});
afterEach(() => {
  plain.heal();
  plain.resetCounts();
  secure.heal();
});
afterAll(async () => {
  await plain.stop();
  await secure.stop();
  server.close();
});

/** Status and body, or the error's code. */
function ask(proxy: FaultProxy, path = '/v1/x', timeout = 5_000): Promise<string> {
  return new Promise((resolve) => {
    const receive = (reply: IncomingMessage): void => {
      let body = '';
      reply.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      reply.on('end', () => resolve(`${reply.statusCode} ${body}`));
      reply.on('error', (error) => resolve(`cut: ${'code' in error ? error.code : error.message}`));
    };
    const url = proxy.url + path;
    const asked = url.startsWith('https:')
      ? getTls(url, { ca: ca.caPem, timeout, agent: false }, receive)
      : get(url, { timeout, agent: false }, receive);
    asked.on('timeout', () => {
      resolve('hangs');
      asked.destroy();
    });
    asked.on('error', (error) => resolve(String('code' in error ? error.code : error.message)));
  });
}

const real = '200 {"real":true,"padding":"0123456789"}';

test('hands requests on, plain and with TLS, and counts them by operation', async () => {
  expect(await ask(plain)).toBe(real);
  expect(await ask(plain, '/v1/y?q=1')).toBe(real);
  expect(await ask(secure)).toBe(real);
  expect(plain.counts()).toEqual({ 'GET /v1/x': 1, 'GET /v1/y': 1 });
  expect(plain.count()).toBe(2);
});

test('misbehaves on command and only where it is told to', async () => {
  plain.inject({ kind: 'status', status: 429, headers: { 'retry-after': '7' } }, { times: 1 });
  expect(await ask(plain)).toBe('429 ');
  expect(await ask(plain)).toBe(real);
  plain.inject({ kind: 'status', status: 503 }, { only: (operation) => operation.endsWith('/y') });
  expect(await ask(plain)).toBe(real);
  expect(await ask(plain, '/v1/y')).toBe('503 ');
  plain.inject({ kind: 'hang' });
  expect(await ask(plain, '/v1/x', 50)).toBe('hangs');
  plain.inject({ kind: 'reset' });
  expect(await ask(plain)).toBe('ECONNRESET');
  plain.inject({ kind: 'half' });
  expect(await ask(plain)).toBe('cut: ECONNRESET');
  plain.inject({ kind: 'garbage' });
  expect(await ask(plain)).toBe('200 <html>{"data":');
  plain.inject({ kind: 'slow', ms: 80 });
  expect(await ask(plain)).toBe(real);
  plain.inject({ kind: 'slow', ms: 60_000 });
  expect(await ask(plain, '/v1/x', 50)).toBe('hangs');
  plain.heal();
  expect(await ask(plain)).toBe(real);
});

test('resets a TLS connection as well', async () => {
  secure.inject({ kind: 'reset' });
  expect(await ask(secure)).toBe('ECONNRESET');
});

test('breaks TLS handshakes, and heals', async () => {
  secure.inject({ kind: 'tls' });
  expect(await ask(secure)).toMatch(/SSL|EPROTO/);
  secure.heal();
  expect(await ask(secure)).toBe(real);
  expect(() => plain.inject({ kind: 'tls' })).toThrow('TLS listener');
});
