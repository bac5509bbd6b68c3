import { describe, expect, it } from 'vitest';
import { TamperError } from '../../../src/errors.ts';
import type { KeyProvider, Mode } from '../../../src/index.ts';
import { checkUse } from '../../../src/providers/check-keys.ts';
import { EnvKeyProvider } from '../../../src/providers/env.ts';

const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };
const env = { D: 'ab'.repeat(32), S: 'cd'.repeat(32) };
const local = new EnvKeyProvider({ dataKeys: { d: 'D' }, signingKeys: { s: 'S' }, env });
const dataKey = { source: 'env', keyId: 'd' } as const;
const signingKey = { source: 'env', keyId: 's' } as const;

function without(changes: Partial<KeyProvider>): KeyProvider {
  return new Proxy<KeyProvider>(local, {
    get: (target, name: keyof KeyProvider) => {
      const member = changes[name] ?? target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

function failing(code: 'UNSUPPORTED_OPERATION' | 'UNAVAILABLE', retryable: boolean): () => Promise<never> {
  return async () => {
    throw new TamperError(code, 'no', { retryable, hint: 'look' });
  };
}

describe('checkUse', () => {
  const both: Mode = { name: 'both', records: 'mac', dataKey, signingKey, signingIfNoDataKey: false };

  it('uses both keys', async () => {
    const checks = await checkUse(local, both, context);
    expect(checks.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['data key', 'ok'],
      ['signing key', 'ok'],
      ['sign and verify', 'ok'],
    ]);
  });

  it('says that an Azure key without wrapping signs instead, and tests that', async () => {
    const mode: Mode = { name: 'data-key', records: 'mac', dataKey: { ...signingKey }, signingIfNoDataKey: true };
    const checks = await checkUse(without({ getKey: failing('UNSUPPORTED_OPERATION', false) }), mode, context);
    expect(checks.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['mode', 'ok'],
      ['signing key', 'ok'],
      ['sign and verify', 'ok'],
    ]);
  });

  it('anywhere else a key that cannot wrap has failed', async () => {
    const mode: Mode = { name: 'data-key', records: 'mac', dataKey, signingIfNoDataKey: false };
    expect(await checkUse(without({ getKey: failing('UNSUPPORTED_OPERATION', false) }), mode, context)).toEqual([
      {
        name: 'data key',
        outcome: 'failed',
        code: 'UNSUPPORTED_OPERATION',
        detail: 'UNSUPPORTED_OPERATION: no',
        hint: 'look',
      },
    ]);
  });

  it('what may work later is unknown, not failed', async () => {
    const [check] = await checkUse(without({ getKey: failing('UNAVAILABLE', true) }), both, context);
    expect(check).toMatchObject({ outcome: 'unknown', detail: 'UNAVAILABLE: no' });
  });

  it('a signature that does not verify has failed', async () => {
    const checks = await checkUse(without({ verify: async () => false }), both, context);
    expect(checks.at(-1)).toMatchObject({ name: 'sign and verify', outcome: 'failed' });
  });

  it('asks for no verification where only the service can verify', async () => {
    const getSigningKey = async () => ({ source: 'env', identity: 's', algorithm: 'kms-hmac-sha256' }) as const;
    const checks = await checkUse(without({ getSigningKey, verify: failing('UNAVAILABLE', false) }), both, context);
    expect(checks.at(-1)).toMatchObject({
      outcome: 'ok',
      detail: expect.stringContaining('only the service can check'),
    });
  });

  it('lets our own bugs through', async () => {
    const getKey = async () => {
      throw new TypeError('bug');
    };
    await expect(checkUse(without({ getKey }), both, context)).rejects.toThrow('bug');
  });
});
