import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignatureAlgorithm } from '../../../src/index.ts';
import { type GcpKmsOptions, GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { type ConformanceSubject, FakeClock, providerConformance } from '../../../src/testing/index.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { letTimePass, virtualDeadlines } from '../../support/virtual-time.ts';
import { becomeMachine } from './environment.ts';

let server: GcpKmsServer;
/** It stands still but for faults: a slow machine is no fault. */
const clock = new FakeClock(Date.now());

beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
});
afterAll(() => server?.stop());

const keyOf = (id: string): string =>
  `projects/test-project/locations/europe-west1/keyRings/conformance/cryptoKeys/${id}`;

/** Keys are made by the first check that needs them. */
const made = new Set<string>();

async function make(id: string, purpose: string, algorithm: string): Promise<void> {
  if (made.has(id)) return;
  made.add(id);
  await server.admin('createKey', { name: keyOf(id), purpose, algorithm });
}

async function fault(kind: string, more: object): Promise<() => Promise<unknown>> {
  await server.fault({ kind, times: 1_000, ...more });
  const stop = letTimePass(clock, kind !== 'hang');
  return async () => {
    await stop();
    await server.admin('clearFaults');
  };
}

function subject(
  name: string,
  gcpAlgorithm: string,
  algorithm: SignatureAlgorithm,
  options: () => GcpKmsOptions,
): ConformanceSubject {
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const data = keyOf(`${slug}-data`);
  const signing = keyOf(`${slug}-sign`);
  const ends = async (begin: Promise<() => Promise<unknown>>): Promise<() => Promise<void>> => {
    const end = await begin;
    return async () => {
      await end();
    };
  };
  return {
    name: `GcpKmsProvider, ${name}`,
    create: async () => {
      await make(`${slug}-data`, 'ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
      await make(`${slug}-sign`, algorithm === 'kms-hmac-sha256' ? 'MAC' : 'ASYMMETRIC_SIGN', gcpAlgorithm);
      return new GcpKmsProvider({ ...options(), ...virtualDeadlines, clock });
    },
    dataKey: { keyId: data, kind: 'wrapped' },
    signingKey: { keyId: signing, algorithm },
    absentKey: { keyId: keyOf('absent') },
    rotate: async (keyId) => {
      const { name: version } = await server.admin<{ name: string }>('createVersion', { key: keyId });
      if (keyId === data) await server.admin('setPrimary', { key: keyId, version: Number(version.split('/').at(-1)) });
    },
    faults: [
      {
        name: 'the service is unavailable',
        codes: ['UNAVAILABLE'],
        begin: () => ends(fault('status', { code: 'UNAVAILABLE' })),
      },
      { name: 'the quota is used up', codes: ['THROTTLED'], begin: () => ends(fault('throttle', {})) },
      {
        name: 'access is denied',
        codes: ['ACCESS_DENIED'],
        begin: () => ends(fault('status', { code: 'PERMISSION_DENIED' })),
      },
      {
        name: 'the token is refused',
        codes: ['UNAUTHENTICATED'],
        begin: () => ends(fault('status', { code: 'UNAUTHENTICATED' })),
      },
      { name: 'the service hangs', codes: ['TIMEOUT'], begin: () => ends(fault('hang', {})) },
      { name: 'the service fails', codes: ['UNAVAILABLE'], begin: () => ends(fault('status', { code: 'INTERNAL' })) },
    ],
  };
}

const overGrpc = (): GcpKmsOptions => ({ gcpEndpoint: `localhost:${server.ports.grpcTls}` });
const overRest = (): GcpKmsOptions => ({ gcpEndpoint: `http://127.0.0.1:${server.ports.http}`, transport: 'rest' });

it('test_gcp_kms_provider', async () => {
  const data = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
  const signing = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
  const provider = new GcpKmsProvider(overGrpc());
  const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
  const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');

  const dataKey = await provider.getKey(data, context);
  expect(dataKey.identity).toBe(`${data}/cryptoKeyVersions/1`);
  const { source, identity, wrapped = Buffer.alloc(0) } = dataKey;
  const recovered = await provider.recoverKey({ source, identity, wrapped }, data, context);
  expect(recovered.material).toEqual(dataKey.material);
  await expect(
    provider.recoverKey({ source, identity, wrapped }, data, { ...context, kid: 'c0ffee00.2' }),
  ).rejects.toMatchObject({ code: 'WRONG_KEY_OR_CONTEXT' });

  const key = await provider.getSigningKey(signing);
  const [signature] = await provider.signBatch(signing, [text]);
  expect(await provider.verify(key, text, signature?.bytes ?? Buffer.alloc(0))).toBe(true);
  expect(await provider.verify(key, Buffer.from('other'), signature?.bytes ?? Buffer.alloc(0))).toBe(false);

  await server.admin('createVersion', { key: signing });
  expect(await provider.rotateCheck()).toBe(true);
  expect((await provider.sign(signing, text)).identity).toBe(`${signing}/cryptoKeyVersions/2`);
  await provider.close();
  dataKey.erase();
  recovered.erase();
});

describe('the conformance suite', () => {
  const subjects = [
    subject('gRPC over TLS, P-256', 'EC_SIGN_P256_SHA256', 'ecdsa-p256-sha256', overGrpc),
    subject('gRPC over TLS, MAC', 'HMAC_SHA256', 'kms-hmac-sha256', overGrpc),
    subject('REST, Ed25519', 'EC_SIGN_ED25519', 'ed25519', overRest),
    subject('REST, MAC', 'HMAC_SHA256', 'kms-hmac-sha256', overRest),
  ];
  for (const check of subjects.flatMap((one) => providerConformance(one))) {
    it(check.name, async () => {
      await check.run();
      expect(made.size).toBeGreaterThan(0);
    });
  }
});
