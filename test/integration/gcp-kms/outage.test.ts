import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isTamperError } from '../../../src/errors.ts';
import type { DataKey, Signature } from '../../../src/index.ts';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { TcpGate } from '../../servers/tcp-gate.ts';
import { nextPause, passingPauses, passingTime, virtualDeadlines } from '../../support/virtual-time.ts';
import { becomeMachine } from './environment.ts';

const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');
let server: GcpKmsServer;
let mac: string;

beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
  mac = await server.createKey('MAC', 'HMAC_SHA256');
});
beforeEach(() => server.admin('clearFaults'));
afterAll(() => server?.stop());

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'ok',
    (error: unknown) => (isTamperError(error) ? error.code : error),
  );
}

describe.each([
  ['gRPC', () => server.ports.grpcTls, 'https', 'grpc'],
  ['REST', () => server.ports.http, 'http', 'rest'],
] as const)('over %s', (_, upstream, scheme, transport) => {
  let gate: TcpGate;
  let clock: FakeClock;
  let provider: GcpKmsProvider;

  beforeEach(async () => {
    gate = await TcpGate.open(upstream());
    clock = new FakeClock(Date.now());
    const gcpEndpoint = `${scheme}://localhost:${gate.port}`;
    provider = new GcpKmsProvider({ gcpEndpoint, transport, ...virtualDeadlines, clock });
    await provider.sign(mac, text);
  });
  afterEach(async () => {
    await provider.close();
    await gate.stop();
  });

  it('a service that cannot be reached is UNAVAILABLE, and is used again once it can', async () => {
    gate.shut();
    for (let call = 0; call < 3; call += 1) {
      expect(await passingPauses(clock, codeOf(provider.sign(mac, text)))).toBe('UNAVAILABLE');
    }
    gate.reopen();
    // the SDK's own channel tries again in its own time
    while ((await passingPauses(clock, codeOf(provider.sign(mac, text)))) !== 'ok') await delay(50);
  });

  it('a connection that died without a word costs one attempt, not every call', async () => {
    const asked = gate.freeze();
    const first = codeOf(provider.sign(mac, text));
    await asked;
    await clock.advance(virtualDeadlines.attemptTimeoutMs);
    expect(await passingPauses(clock, first)).toBe('ok');
    expect(await codeOf(provider.sign(mac, text))).toBe('ok'); // no time passes: what hangs would do so for ever
  });

  it('a call that hangs ends at its deadline, by its signal, and with the provider', async () => {
    await server.fault({ kind: 'hang', times: 100 });
    expect(await passingTime(clock, codeOf(provider.sign(mac, text)))).toBe('TIMEOUT');
    const caller = new AbortController();
    const given = codeOf(provider.sign(mac, text, { signal: caller.signal }));
    caller.abort();
    expect(await given).toBe('ABORTED');
    const pending = codeOf(provider.sign(mac, text));
    await provider.close();
    expect(await pending).toBe('PROVIDER_CLOSED');
  });

  it('a token that is refused is not used again', async () => {
    await server.fault({ kind: 'status', code: 'UNAUTHENTICATED' });
    await server.admin('clearJournals');
    expect(await codeOf(provider.sign(mac, text))).toBe('UNAUTHENTICATED');
    expect(await codeOf(provider.sign(mac, text))).toBe('ok');
    const tokens = (await server.admin<{ path: string }[]>('authorityJournal')).filter(({ path }) =>
      path.endsWith('/token'),
    );
    expect(tokens).toHaveLength(1);
  });

  it('throttling is obeyed: not before the time that the service asks for', async () => {
    await server.fault({ kind: 'throttle', method: 'MacSign', retryDelaySeconds: 12.5 });
    const obedient = provider.sign(mac, text);
    expect(await nextPause(clock)).toBeGreaterThanOrEqual(12_500);
    await passingPauses(clock, obedient);
    await server.fault({ kind: 'throttle', method: 'MacSign', retryDelaySeconds: 3_600 });
    // at once, as there is no time for that: none passes here
    await expect(provider.sign(mac, text)).rejects.toMatchObject({ code: 'THROTTLED', retryAfterMs: 3_600_000 });
  });
});

describe('rotation under load', () => {
  it('every signature verifies and every data key is recovered, whichever version made it', async () => {
    const provider = new GcpKmsProvider({ gcpEndpoint: `localhost:${server.ports.grpcTls}` });
    const wrap = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
    const signatures: Signature[] = [];
    const dataKeys: { readonly kid: string; readonly key: DataKey }[] = [];
    let stopped = false;
    const load = Array.from({ length: 6 }, async (__, worker) => {
      for (let n = 1; !stopped; n += 1) {
        const kid = `AAAAAAA${worker}.${n}`;
        const [key, signature] = await Promise.all([
          provider.getKey(wrap, { origin: 'audit.example.com/load', kid }),
          provider.sign(sign, text),
        ]);
        dataKeys.push({ kid, key });
        signatures.push(signature);
        await delay(20);
      }
    });
    const used = async (version: number): Promise<void> => {
      const suffix = `/cryptoKeyVersions/${version}`;
      const by = ({ identity }: { identity: string }): boolean => identity.endsWith(suffix);
      while (!signatures.some(by) || !dataKeys.some(({ key }) => by(key))) await delay(10);
    };
    for (let version = 2; version <= 5; version += 1) {
      await used(version - 1);
      await server.admin('createVersion', { key: wrap });
      await server.admin('setPrimary', { key: wrap, version });
      await server.admin('createVersion', { key: sign });
      await server.admin('setState', { version: `${sign}/cryptoKeyVersions/${version - 1}`, state: 'DISABLED' });
      expect(await provider.rotateCheck()).toBe(true);
    }
    await used(5);
    stopped = true;
    await Promise.all(load);

    const versions = Array.from({ length: 5 }, (__, index) => index + 1);
    for (const version of versions) {
      await server.admin('setState', { version: `${sign}/cryptoKeyVersions/${version}`, state: 'ENABLED' });
    }
    const seen = new Set(signatures.map(({ identity }) => identity));
    expect([...seen].sort()).toEqual(versions.map((version) => `${sign}/cryptoKeyVersions/${version}`));
    for (const { identity, bytes } of signatures) {
      expect(await provider.verify(await provider.getSigningKey(identity), text, bytes)).toBe(true);
    }
    expect(new Set(dataKeys.map(({ key }) => key.identity)).size).toBe(5);
    for (const { kid, key } of dataKeys) {
      const { source, identity, wrapped = Buffer.alloc(0) } = key;
      const recovered = await provider.recoverKey({ source, identity, wrapped }, wrap, {
        origin: 'audit.example.com/load',
        kid,
      });
      expect(recovered.material.equals(key.material)).toBe(true);
    }
    expect(await provider.rotateCheck()).toBe(false);
    await provider.close();
  });
});
