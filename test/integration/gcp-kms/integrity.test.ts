import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TamperError } from '../../../src/errors.ts';
import type { DataKey, DataKeyReference, SigningKey } from '../../../src/index.ts';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { type Fault, type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { letTimePass, virtualDeadlines } from '../../support/virtual-time.ts';
import { becomeMachine } from './environment.ts';

const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');
const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
const canary = Buffer.from('canary-canary-canary-canary-cana');

let server: GcpKmsServer;
let grpc: GcpKmsProvider;
let rest: GcpKmsProvider;
let aes: string;
let mac: string;
let ec: string;
let macKey: SigningKey;
let goodMac: Uint8Array;
let dataKey: DataKey;
let reference: DataKeyReference;
/** The pauses between attempts are over at once. */
const clock = new FakeClock(Date.now());
const bounds = { ...virtualDeadlines, clock };
let stopTime: () => Promise<void>;

beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
  stopTime = letTimePass(clock, true);
  grpc = new GcpKmsProvider({ gcpEndpoint: `https://localhost:${server.ports.grpcTls}`, transport: 'grpc', ...bounds });
  rest = new GcpKmsProvider({ gcpEndpoint: `http://127.0.0.1:${server.ports.http}`, transport: 'rest', ...bounds });
  aes = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
  mac = await server.createKey('MAC', 'HMAC_SHA256');
  ec = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
  dataKey = await grpc.getKey(aes, context);
  reference = { source: 'gcp-kms', identity: dataKey.identity, ...(dataKey.wrapped && { wrapped: dataKey.wrapped }) };
  macKey = await grpc.getSigningKey(mac);
  await grpc.getSigningKey(ec);
  goodMac = (await grpc.sign(mac, text)).bytes;
  for (const key of [mac, ec]) await rest.getSigningKey(key);
});
beforeEach(() => server.admin('clearFaults'));
afterAll(async () => {
  await grpc?.close();
  await rest?.close();
  await stopTime?.();
  await server?.stop();
});

const uses: [string, (provider: GcpKmsProvider) => Promise<unknown>][] = [
  ['Encrypt', (provider) => provider.getKey(aes, context)],
  ['Decrypt', (provider) => provider.recoverKey(reference, aes, context)],
  ['MacSign', (provider) => provider.sign(mac, text)],
  ['MacVerify', (provider) => provider.verify(macKey, text, goodMac)],
  ['AsymmetricSign', (provider) => provider.sign(ec, text)],
  ['GetPublicKey', async (provider) => fresh(provider, (one) => one.getSigningKey(ec))],
];
const faults: [string, string[]][] = [
  ['wrong-crc', ['Encrypt', 'Decrypt', 'MacSign', 'AsymmetricSign', 'GetPublicKey']],
  ['missing-crc', ['Encrypt', 'Decrypt', 'MacSign', 'AsymmetricSign', 'GetPublicKey']],
  ['flip', ['Encrypt', 'Decrypt', 'MacSign', 'AsymmetricSign', 'GetPublicKey']],
  ['truncate', ['Encrypt', 'Decrypt', 'MacSign', 'AsymmetricSign']],
  ['wrong-name', ['Encrypt', 'MacSign', 'MacVerify', 'AsymmetricSign', 'GetPublicKey']],
  ['unverified', ['Encrypt', 'MacSign', 'MacVerify', 'AsymmetricSign']],
  ['contradict', ['MacVerify']],
];
const cases = faults.flatMap(([kind, methods]) =>
  uses.filter(([method]) => methods.includes(method)).map(([method, use]) => ({ kind, method, use })),
);

/** A provider that knows nothing yet, over the same transport. */
async function fresh<T>(like: GcpKmsProvider, use: (provider: GcpKmsProvider) => Promise<T>): Promise<T> {
  const provider = new GcpKmsProvider(
    like === grpc
      ? { gcpEndpoint: `localhost:${server.ports.grpcTls}`, ...bounds }
      : { gcpEndpoint: `http://127.0.0.1:${server.ports.http}`, transport: 'rest', ...bounds },
  );
  try {
    return await use(provider);
  } finally {
    await provider.close();
  }
}

async function countOf(method: string): Promise<number> {
  return (await server.journal()).filter((call) => call.method === method).length;
}

describe.each([
  ['gRPC', () => grpc],
  ['REST', () => rest],
])('a reply over %s that does not fit', (_, provider) => {
  it.each(cases)('$kind of $method once: discarded and asked for again', async ({ kind, method, use }) => {
    const before = await countOf(method);
    await server.fault({
      kind,
      method,
      ...(kind === 'wrong-name' && method === 'Encrypt' && { name: `${mac}/cryptoKeyVersions/1` }),
    });
    await use(provider());
    expect((await countOf(method)) - before).toBe(2);
  });

  it.each(cases)(
    '$kind of $method for good: RESPONSE_CORRUPTED after three attempts',
    async ({ kind, method, use }) => {
      const before = await countOf(method);
      const name = kind === 'wrong-name' && method === 'Encrypt' ? { name: `${mac}/cryptoKeyVersions/1` } : {};
      await server.fault({ kind, method, times: 100, ...name });
      await expect(use(provider())).rejects.toMatchObject({ code: 'RESPONSE_CORRUPTED' });
      expect((await countOf(method)) - before).toBe(3);
    },
  );

  it.each([
    ['MacSign', () => mac],
    ['AsymmetricSign', () => ec],
  ])('a truncated or altered answer of %s under a checksum that fits it is discarded too', async (method, key) => {
    await server.fault({ kind: 'truncate', method, refit: true });
    const before = await countOf(method);
    expect(await provider().sign(key(), text)).toMatchObject({ identity: `${key()}/cryptoKeyVersions/1` });
    expect((await countOf(method)) - before).toBe(2);
    if (method === 'MacSign') return; // a MAC of the right length can only be checked by the service
    await server.fault({ kind: 'flip', method, refit: true, times: 100 });
    await expect(provider().sign(key(), text)).rejects.toMatchObject({ code: 'RESPONSE_CORRUPTED' });
  });

  it('a bit that flips on the way to the service is found there, and the call repeated', async () => {
    const message = 'The checksum in field data_crc32c did not match the data in field data.';
    await server.fault({ kind: 'status', method: 'MacSign', code: 'INVALID_ARGUMENT', message });
    await provider().sign(mac, text);
    await server.fault({ kind: 'status', method: 'MacSign', code: 'INVALID_ARGUMENT', message, times: 100 });
    await expect(provider().sign(mac, text)).rejects.toMatchObject({ code: 'RESPONSE_CORRUPTED' });
  });

  it('a list that names versions of another key is discarded', async () => {
    const other = `${aes}/cryptoKeyVersions/9`;
    await server.fault({
      kind: 'replace',
      method: 'ListCryptoKeyVersions',
      reply: { cryptoKeyVersions: [{ name: other, state: 'ENABLED', algorithm: 'HMAC_SHA256' }] },
      times: 100,
    });
    await expect(fresh(provider(), (one) => one.getSigningKey(mac))).rejects.toMatchObject({
      code: 'RESPONSE_CORRUPTED',
    });
  });

  it('a stale list does not lead back to an older version, and a version that is gone does', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    await server.admin('forgetAnswers');
    await fresh(provider(), async (one) => {
      await one.sign(key, text);
      await server.admin('createVersion', { key });
      expect(await one.rotateCheck()).toBe(true);
      await server.fault({ kind: 'stale', method: 'ListCryptoKeyVersions' });
      expect(await one.rotateCheck()).toBe(false);
      expect((await one.sign(key, text)).identity).toBe(`${key}/cryptoKeyVersions/2`);
      await server.admin('setState', { version: `${key}/cryptoKeyVersions/2`, state: 'DISABLED' });
      expect(await one.rotateCheck()).toBe(true);
      expect((await one.sign(key, text)).identity).toBe(`${key}/cryptoKeyVersions/1`);
    });
  });

  it('a list that was not filtered does not make a disabled version the newest', async () => {
    await server.fault({
      kind: 'replace',
      method: 'ListCryptoKeyVersions',
      reply: {
        cryptoKeyVersions: [
          { name: `${mac}/cryptoKeyVersions/1`, state: 'ENABLED', algorithm: 'HMAC_SHA256' },
          { name: `${mac}/cryptoKeyVersions/2`, state: 'DISABLED', algorithm: 'HMAC_SHA256' },
        ],
      },
    });
    const key = await fresh(provider(), (one) => one.getSigningKey(mac));
    expect(key.identity).toBe(`${mac}/cryptoKeyVersions/1`);
  });
});

describe('secrets', () => {
  /** Everything that a person or a log could see of an error. */
  const seen = (error: TamperError): string =>
    [inspect(error, { depth: 12, showHidden: true }), JSON.stringify(error), String(error.stack)].join('\n');

  const noisy: Fault[] = [
    { kind: 'status', code: 'INVALID_ARGUMENT', message: `Invalid value at 'plaintext': ${canary.toString('base64')}` },
    { kind: 'status', code: 'FAILED_PRECONDITION', message: 'no' },
    { kind: 'status', code: 'PERMISSION_DENIED' },
    { kind: 'status', code: 'UNAUTHENTICATED' },
    { kind: 'wrong-crc', times: 100 },
    { kind: 'drop', times: 100 },
  ];

  it.each([
    ['gRPC', () => grpc],
    ['REST', () => rest],
  ])('no data key and no token is in any error over %s', async (_, provider) => {
    const plaintext = dataKey.material;
    const forms = [plaintext.toString('hex'), plaintext.toString('base64'), plaintext.toString('latin1'), 'ya29.'];
    for (const fault of noisy) {
      for (const use of [() => provider().getKey(aes, context), () => provider().recoverKey(reference, aes, context)]) {
        await server.admin('clearFaults');
        await server.fault({ ...fault, ...(fault.kind === 'wrong-crc' && { method: 'Decrypt' }) });
        const error: unknown = await use().catch((reason: unknown) => reason);
        if (fault.kind === 'wrong-crc' && !(error instanceof TamperError)) continue; // getKey is not concerned
        expect(error).toBeInstanceOf(TamperError);
        const text = seen(error as TamperError);
        for (const secret of [...forms, canary.toString('base64')]) expect(text).not.toContain(secret);
        expect(text).not.toMatch(/Bearer|authorization|_header|config:/i);
      }
    }
  });
});
