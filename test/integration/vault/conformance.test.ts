import { afterAll, beforeAll, describe, test } from 'vitest';
import type { SignatureAlgorithm } from '../../../src/index.ts';
import {
  type ConformanceFault,
  type ConformanceSubject,
  FakeClock,
  providerConformance,
} from '../../../src/testing/index.ts';
import { type Fault, FaultProxy } from '../../servers/fault-proxy.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { letTimePass, virtualDeadlines } from '../../support/virtual-time.ts';
import { keys, providerFor, startTransit } from './transit-server.ts';

let server: BaoNamespace;
let proxy: FaultProxy;
/** It stands still but for faults: a slow machine is no fault. */
const clock = new FakeClock(Date.now());

beforeAll(async () => {
  server = await startTransit();
  proxy = await FaultProxy.start({ upstream: server.url });
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

const fault = (name: string, codes: ConformanceFault['codes'], injected: Fault): ConformanceFault => ({
  name,
  codes,
  begin: () => {
    proxy.inject(injected);
    const stop = letTimePass(clock, injected.kind !== 'hang');
    return async () => {
      await stop();
      proxy.heal();
    };
  },
});

const faults: ConformanceFault[] = [
  fault('Vault is sealed (503)', ['UNAVAILABLE'], {
    kind: 'status',
    status: 503,
    body: '{"errors":["Vault is sealed"]}',
  }),
  fault('Vault throttles (429)', ['THROTTLED'], { kind: 'status', status: 429, body: '{"errors":["rate limit"]}' }),
  fault('a standby lags (412)', ['UNAVAILABLE'], { kind: 'status', status: 412, body: '{"errors":["stale"]}' }),
  fault('Vault denies (403)', ['ACCESS_DENIED', 'UNAUTHENTICATED'], {
    kind: 'status',
    status: 403,
    body: '{"errors":["permission denied"]}',
  }),
  fault('a proxy redirects (307)', ['UNAVAILABLE'], {
    kind: 'status',
    status: 307,
    headers: { location: 'http://127.0.0.2/' },
  }),
  fault('Vault hangs', ['TIMEOUT'], { kind: 'hang' }),
  fault('connections are reset', ['UNAVAILABLE'], { kind: 'reset' }),
  fault('answers are cut in the middle', ['UNAVAILABLE'], { kind: 'half' }),
  fault('answers are garbage', ['RESPONSE_MALFORMED'], { kind: 'garbage' }),
];

function subjectOf(signing: keyof typeof keys, algorithm: SignatureAlgorithm): ConformanceSubject {
  return {
    name: `VaultProvider, ${signing},`,
    create: () => providerFor(proxy.url, { token: server.rootToken, ...virtualDeadlines, maxAttempts: 2, clock }),
    dataKey: { keyId: keys.data, kind: 'wrapped' },
    signingKey: { keyId: keys[signing], algorithm },
    absentKey: { keyId: 'transit/keys/nobody' },
    rotate: async (keyId) => {
      await server.api('POST', `${keyId}/rotate`, {});
    },
    faults: signing === 'ed25519' ? faults : [],
  };
}

describe.each([
  ['ed25519', 'ed25519'],
  ['p256', 'ecdsa-p256-sha256'],
  ['p384', 'ecdsa-p384-sha384'],
  ['rsa', 'rsa-pss-sha256'],
  ['mldsa44', 'ml-dsa-44'],
  ['mldsa65', 'ml-dsa-65'],
  ['mac', 'kms-hmac-sha256'],
] as const)('%s', (signing, algorithm) => {
  for (const check of providerConformance(subjectOf(signing, algorithm))) test(check.name, check.run);
});
