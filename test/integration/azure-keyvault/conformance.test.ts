import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignatureAlgorithm } from '../../../src/index.ts';
import { AzureKeyVaultProvider } from '../../../src/providers/azure-keyvault/index.ts';
import { type ConformanceSubject, FakeClock, providerConformance } from '../../../src/testing/index.ts';
import { type AzureServer, startAzureKeyVault } from '../../servers/azure-keyvault/start.ts';
import { letTimePass, virtualDeadlines } from '../../support/virtual-time.ts';
import { writer, writerOptions } from './setup.ts';

let server: AzureServer;
/** It stands still but for faults: a slow machine is no fault. */
const clock = new FakeClock(Date.now());

beforeAll(async () => {
  server = await startAzureKeyVault();
  await server.admin('application', writer);
  await server.admin('principal', { clientId: writer.clientId });
  for (const { name, key } of kinds) await server.admin('createKey', { name, ...key });
});
afterAll(() => server.close());

const kinds: readonly { name: string; key: Record<string, unknown>; algorithm?: SignatureAlgorithm }[] = [
  { name: 'es256', key: { kty: 'EC', crv: 'P-256' }, algorithm: 'ecdsa-p256-sha256' },
  { name: 'es384', key: { kty: 'EC-HSM', crv: 'P-384' }, algorithm: 'ecdsa-p384-sha384' },
  { name: 'ps256', key: { kty: 'RSA' }, algorithm: 'rsa-pss-sha256' },
  { name: 'rs256', key: { kty: 'RSA-HSM' }, algorithm: 'rsa-pkcs1-sha256' },
  { name: 'oct', key: { kty: 'oct-HSM', size: 256 } },
];

function subject({ name, key, algorithm }: (typeof kinds)[number]): ConformanceSubject {
  const keyId = (): string => `${server.vaultUrl}/keys/${name}`;
  const named = {
    get keyId() {
      return keyId();
    },
  };
  return {
    name: `AzureKeyVaultProvider, ${name}`,
    create: () =>
      new AzureKeyVaultProvider({
        ...writerOptions(server),
        authorityHost: server.authorityUrl,
        caCertificates: server.caPem,
        rsaAlgorithm: algorithm === 'rsa-pkcs1-sha256' ? 'RS256' : 'PS256',
        ...virtualDeadlines,
        clock,
        retry: { attempts: 2, baseDelayMs: 5, maxDelayMs: 20 },
      }),
    ...(algorithm === undefined
      ? { dataKey: Object.assign(named, { kind: 'wrapped' as const }) }
      : { signingKey: Object.assign(named, { algorithm }) }),
    absentKey: {
      get keyId() {
        return `${server.vaultUrl}/keys/absent`;
      },
    },
    rotate: async () => {
      await server.admin('createKey', { name, ...key });
    },
    faults: [
      ['answers 503', ['UNAVAILABLE'], { kind: 'status', status: 503 }],
      ['answers 500 with a page', ['UNAVAILABLE'], { kind: 'status', status: 500, text: '<html>oops</html>' }],
      ['throttles', ['THROTTLED'], { kind: 'throttle' }],
      ['resets connections', ['UNAVAILABLE'], { kind: 'reset' }],
      ['sends half of each reply', ['UNAVAILABLE'], { kind: 'half' }],
      ['sends no JSON', ['RESPONSE_MALFORMED'], { kind: 'garbage' }],
      ['hangs', ['TIMEOUT'], { kind: 'hang' }],
    ].map(([what, codes, fault]) => ({
      name: `the vault ${what}`,
      codes: codes as ('UNAVAILABLE' | 'THROTTLED' | 'RESPONSE_MALFORMED' | 'TIMEOUT')[],
      begin: async () => {
        const { kind, ...more } = fault as { kind: string };
        await server.admin('fault', { on: '*', kind, ...more });
        const stop = letTimePass(clock, kind !== 'hang');
        return async () => {
          await stop();
          await server.admin('clearFaults');
        };
      },
    })),
  };
}

describe('test_azure_keyvault_provider', () => {
  for (const check of kinds.flatMap((kind) => providerConformance(subject(kind)))) {
    it(check.name, async () => {
      await expect(check.run()).resolves.toBeUndefined();
    });
  }
});
