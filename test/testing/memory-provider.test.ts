import { describe, expect, test } from 'vitest';
import type { SignatureAlgorithm } from '../../src/index.ts';
import {
  type ConformanceFault,
  type ConformanceSubject,
  conformanceContext,
  MemoryProvider,
  providerConformance,
} from '../../src/testing/index.ts';
import { times } from '../support/tier.ts';

const algorithms: SignatureAlgorithm[] = [
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha256',
  'ml-dsa-65',
  'kms-hmac-sha256',
  // each like its sister, and at night
  'ml-dsa-44',
  'rsa-pkcs1-sha256',
];

/** A subject whose providers share nothing, so that rotation and faults act on the newest one made. */
function subjectOf(algorithm: SignatureAlgorithm): ConformanceSubject {
  let newest = new MemoryProvider();
  const fault = (name: string, codes: ConformanceFault['codes'], act: () => void): ConformanceFault => ({
    name,
    codes,
    begin: () => {
      act();
      const broken = newest;
      return () => broken.faults.heal();
    },
  });
  return {
    name: `MemoryProvider, ${algorithm},`,
    create: () => {
      newest = new MemoryProvider({ algorithm, timeoutMs: 1_000 });
      return newest;
    },
    dataKey: { keyId: 'audit', kind: 'wrapped' },
    signingKey: { keyId: 'audit', algorithm },
    absentKey: { keyId: 'nothing' },
    rotate: (keyId) => newest.rotate(keyId),
    faults: [
      fault('the service is away', ['UNAVAILABLE'], () => newest.faults.failWith('UNAVAILABLE')),
      fault('access is denied', ['ACCESS_DENIED'], () => newest.faults.failWith('ACCESS_DENIED')),
      fault('the service hangs', ['TIMEOUT'], () => newest.faults.hang()),
    ],
  };
}

describe.each(algorithms.slice(0, times(6, 8)))('%s', (algorithm) => {
  for (const check of providerConformance(subjectOf(algorithm))) test(check.name, check.run);
});

test('a suite without anything to check is refused', () => {
  expect(() => providerConformance({ name: 'nothing', create: () => new MemoryProvider() })).toThrow(
    expect.objectContaining({ code: 'USAGE' }),
  );
});

test.each(['wrong-key', 'wrong-identity', 'truncated-signature', 'stale-version'] as const)(
  'the suite finds a provider that lies: %s',
  async (lie) => {
    const subject = subjectOf('ed25519');
    let newest: MemoryProvider | undefined;
    const liar: ConformanceSubject = {
      ...subject,
      create: () => {
        newest = new MemoryProvider();
        newest.faults.lie(lie);
        return newest;
      },
      rotate: (keyId) => newest?.rotate(keyId),
      faults: [],
    };
    const outcomes = await Promise.allSettled(providerConformance(liar).map((check) => check.run()));
    expect(outcomes.filter((outcome) => outcome.status === 'rejected').length).toBeGreaterThan(0);
  },
);

test('fails as often as it is told, and counts its calls', async () => {
  const provider = new MemoryProvider();
  provider.faults.failWith('THROTTLED', 2);
  await expect(provider.sign('audit', Buffer.of(1))).rejects.toMatchObject({ code: 'THROTTLED', retryable: true });
  await expect(provider.getKey('audit', conformanceContext)).rejects.toMatchObject({ code: 'THROTTLED' });
  expect((await provider.sign('audit', Buffer.of(1))).identity).toBe('audit:v1');
  expect(provider.calls('sign')).toBe(2);
  await provider.close();
});
