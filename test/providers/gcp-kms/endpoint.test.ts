import { createServer, type Server } from 'node:http';
import { createServer as createHttp2, createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { parseGcpEndpoint, probeLoopback } from '../../../src/providers/gcp-kms/endpoint.ts';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { createLoopbackCa } from '../../servers/loopback-ca.mjs';

describe('gcp_endpoint', () => {
  it.each([
    ['kms.example.com', { host: 'kms.example.com', port: 443, tls: true, loopback: false }],
    ['kms.example.com:8443', { host: 'kms.example.com', port: 8443, tls: true, loopback: false }],
    ['https://kms.example.com', { host: 'kms.example.com', port: 443, tls: true, loopback: false }],
    ['https://127.0.0.1:9', { host: '127.0.0.1', port: 9, tls: true, loopback: true }],
    ['http://127.0.0.1:9', { host: '127.0.0.1', port: 9, tls: false, loopback: true }],
    ['http://[::1]:9', { host: '::1', port: 9, tls: false, loopback: true }],
    ['HTTP://LOCALHOST:9/', { host: 'localhost', port: 9, tls: false, loopback: true }],
    ['localhost:9', { host: 'localhost', port: 9, tls: undefined, loopback: true }],
  ])('%s', (text, expected) => {
    expect(parseGcpEndpoint(text)).toEqual(expected);
  });

  it.each([
    'http://kms.example.com',
    'http://10.0.0.1:8080',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
  ])('refuses plaintext to another host: %s', (text) => {
    expect(() => new GcpKmsProvider({ gcpEndpoint: text })).toThrow(
      expect.objectContaining({ code: 'INSECURE_ENDPOINT' }),
    );
  });

  it.each([
    '',
    ' ',
    'ftp://kms.example.com',
    'kms.example.com/v1',
    'https://kms.example.com/?x=1',
    'https://me:canary@kms.example.com',
    'a b',
  ])('refuses "%s", and repeats no password', (text) => {
    expect(() => new GcpKmsProvider({ gcpEndpoint: text })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
    expect(() => new GcpKmsProvider({ gcpEndpoint: text })).not.toThrow(/canary/);
  });
});

describe('what a server on loopback speaks', () => {
  const { certPem, keyPem } = createLoopbackCa().issue();
  const tls = { cert: certPem, key: keyPem };
  const servers: NetServer[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  async function listen(server: NetServer | Server): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  it.each([
    ['gRPC in plaintext', () => createHttp2(), { tls: false, http2: true }],
    ['gRPC over TLS', () => createSecureServer(tls), { tls: true, http2: true }],
    ['REST in plaintext', () => createServer(), { tls: false, http2: false }],
    ['REST over TLS', () => createHttps(tls), { tls: true, http2: false }],
  ])('%s', async (_, make, expected) => {
    const port = await listen(make());
    expect(await probeLoopback('127.0.0.1', port, undefined)).toEqual(expected);
    expect(await probeLoopback('127.0.0.1', port, expected.tls)).toEqual(expected);
  });

  it('is away where nobody listens, whatever it may speak: that passes, and is no matter of credentials', async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    for (const tls of [undefined, true, false]) {
      for (const host of ['127.0.0.1', 'localhost']) {
        await expect(probeLoopback(host, port, tls)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
      }
    }
    const provider = new GcpKmsProvider({ gcpEndpoint: `127.0.0.1:${port}` });
    const name = 'projects/p/locations/l/keyRings/r/cryptoKeys/k';
    await expect(provider.getSigningKey(name)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    await provider.close();
  });
});
