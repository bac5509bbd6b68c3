import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { conformanceContext as context } from '../../../src/testing/index.ts';
import { healthy, type ScriptedAnswer, type ScriptedRequest, ScriptedVault } from './scripted-vault.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
const key = 'transit/keys/audit';
const mac = (version = 1): string => `vault:v${version}:${Buffer.alloc(32, 7).toString('base64')}`;

function vault(type: string, answer: (request: ScriptedRequest) => ScriptedAnswer): ScriptedVault {
  return new ScriptedVault((request) => healthy(type, request) ?? answer(request));
}

test.each(['x'.repeat(24), 'xxxxab', 'abababab', `${'x'.repeat(8)}.${'x'.repeat(8)}`])(
  'an answer that repeats the token %s is read to its end, and the error does not show the token',
  async (token) => {
    const errors = [`no ${token}`, `${token}${token}`, token.slice(1) + token];
    const scripted = vault('hmac', () => ({ status: 400, json: { errors } }));
    const failure: unknown = await scripted
      .provider({ token })
      .sign(key, text)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    if (!/^x+$/.test(token)) expect(String(failure)).not.toContain(token);
  },
);

describe('answers that no honest server gives', () => {
  test.each<[string, ScriptedAnswer]>([
    ['no JSON', { text: '<html>' }],
    ['an array', { json: [] }],
    ['no data', { json: {} }],
    ['another prefix', { json: { data: { hmac: mac().replace('vault', 'other') } } }],
    ['version 0', { json: { data: { hmac: mac(0) } } }],
    ['loose base64', { json: { data: { hmac: `${mac()}=` } } }],
    ['a number', { json: { data: { hmac: 7 } } }],
    ['status 299', { status: 299, json: { data: { hmac: mac() } } }],
  ])('sign: %s', async (_, answer) => {
    const provider = vault('hmac', () => answer).provider();
    await expect(provider.sign(key, text)).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });

  test('sign: another version than was asked for', async () => {
    const provider = vault('hmac', () => ({ json: { data: { hmac: mac(2) } } })).provider();
    await expect(provider.sign(`${key}:v1`, text)).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });

  test.each<[string, unknown]>([
    ['too few', [{ hmac: mac() }]],
    ['too many', [{ hmac: mac() }, { hmac: mac() }, { hmac: mac() }]],
    ['mixed versions', [{ hmac: mac(1) }, { hmac: mac(2) }]],
    ['a hole', [{ hmac: mac() }, null]],
    ['no list', { 0: { hmac: mac() } }],
  ])('batch: %s', async (_, results) => {
    const provider = vault('hmac', () => ({ json: { data: { batch_results: results } } })).provider();
    await expect(provider.signBatch(key, [text, text])).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });

  test.each([
    ['illegal base64 data at input byte 0', 'UNSUPPORTED_OPERATION'],
    ['signing key not found', 'KEY_NOT_FOUND'],
    ['requested version for signing is less than the minimum encryption key version', 'KEY_VERSION_UNAVAILABLE'],
  ])('batch: one item fails with "%s", although the status is 200', async (error, code) => {
    const results = [{ hmac: mac() }, { error }];
    const provider = vault('hmac', () => ({ json: { data: { batch_results: results } } })).provider();
    await expect(provider.signBatch(key, [text, text])).rejects.toMatchObject({
      code,
      message: expect.stringContaining('item 1'),
    });
  });

  test('verify: neither valid nor not is no verdict', async () => {
    for (const valid of [undefined, null, 'true', 1]) {
      const provider = vault('hmac', ({ body }) =>
        'signature' in body
          ? { status: 400, json: { errors: ['key type hmac does not support verification'] } }
          : { json: { data: { valid } } },
      ).provider();
      const known = { source: 'vault', identity: `${key}:v1`, algorithm: 'kms-hmac-sha256' } as const;
      await expect(provider.verify(known, text, Buffer.alloc(32))).rejects.toMatchObject({
        code: 'RESPONSE_MALFORMED',
      });
    }
  });

  test.each([
    ['31 bytes', Buffer.alloc(31, 7).toString('base64'), 'KEY_MALFORMED'],
    ['all zero', Buffer.alloc(32).toString('base64'), 'KEY_MALFORMED'],
    ['not base64', 'hvs.not-a-key', 'RESPONSE_MALFORMED'],
    ['nothing', undefined, 'RESPONSE_MALFORMED'],
  ])('decrypt: %s', async (_, plaintext, code) => {
    const provider = vault('aes256-gcm96', () => ({ json: { data: { plaintext } } })).provider();
    const reference = { source: 'vault', identity: `${key}:v1`, wrapped: Buffer.from(mac()) };
    await expect(provider.recoverKey(reference, key, context)).rejects.toMatchObject({ code });
  });
});

describe('chunks', () => {
  const items = Array.from({ length: 500 }, (_, index) => Buffer.from(String(index)));

  test.each([
    [400, '{"errors":["refused JSON input due to high complexity: exceeded maximum number of strings"]}'],
    [413, ''],
  ])('a batch that is too large (%i) is halved until it fits', async (status, refusal) => {
    const sizes: number[] = [];
    const server = vault('hmac', ({ body }) => {
      const batch = body['batch_input'] as { input: string }[];
      sizes.push(batch.length);
      if (batch.length > 100) return { status, text: refusal };
      return { json: { data: { batch_results: batch.map(() => ({ hmac: mac() })) } } };
    });
    expect(await server.provider().signBatch(key, items)).toHaveLength(500);
    expect(sizes).toEqual([400, 200, 100, 100, 100, 100, 100]);
  });

  test('one item that is too large is an error, not a loop', async () => {
    const server = vault('hmac', () => ({ status: 413, text: '' }));
    await expect(server.provider().signBatch(key, items)).rejects.toMatchObject({ code: 'USAGE' });
    expect(server.requests.length).toBeLessThan(15);
  });
});

describe('repeating', () => {
  test('429 is repeated after the time that the server asks for', async () => {
    let calls = 0;
    const server = vault('hmac', () => {
      calls += 1;
      return calls === 1 ? { status: 429, headers: { 'retry-after': '0' } } : { json: { data: { hmac: mac() } } };
    });
    await server.provider().sign(key, text);
    expect(calls).toBe(2);
  });

  test.each([400, 404, 405, 501])('%i is not repeated', async (status) => {
    let calls = 0;
    const server = vault('hmac', () => {
      calls += 1;
      return { status, json: { errors: ['no'] } };
    });
    await expect(server.provider().sign(key, text)).rejects.toMatchObject({ retryable: false });
    expect(calls).toBe(1);
  });

  test.each([412, 429, 472, 473, 500, 502, 503])('%i is, three times in all', async (status) => {
    let calls = 0;
    const server = vault('hmac', () => {
      calls += 1;
      return { status, json: { errors: [] } };
    });
    await expect(server.provider().sign(key, text)).rejects.toMatchObject({ retryable: true });
    expect(calls).toBe(3);
  });
});

describe('closing', () => {
  test('ends calls that hang, at once, and refuses what comes later', async () => {
    const server = new ScriptedVault((request) => healthy('hmac', request) ?? new Promise(() => undefined));
    const provider = server.provider();
    await provider.getSigningKey(key);
    const hanging = [provider.sign(key, text), provider.signBatch(key, [text]), provider.sign(`${key}:v1`, text)];
    const ended = Promise.allSettled(hanging);
    await new Promise((resolve) => setImmediate(resolve));
    await provider.close();
    for (const result of await ended) expect(result).toMatchObject({ reason: { code: 'PROVIDER_CLOSED' } });
    await expect(provider.sign(key, text)).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
  });

  test('ends a login that hangs', async () => {
    const provider = new ScriptedVault(() => new Promise(() => undefined)).provider();
    const ended = Promise.allSettled([provider.getSigningKey(key)]);
    await new Promise((resolve) => setImmediate(resolve));
    await provider.close();
    expect(await ended).toMatchObject([{ reason: { code: 'PROVIDER_CLOSED' } }]);
  });

  test('leaves no listener on a signal that outlives the calls', async () => {
    const server = vault('hmac', () => ({ json: { data: { hmac: mac() } } }));
    const provider = server.provider();
    const { signal } = new AbortController();
    for (let round = 0; round < 20; round += 1) await provider.sign(key, text, { signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await provider.close();
  });
});

describe('requests', () => {
  test('carry token, namespace and X-Vault-Request, and their bodies are overwritten', async () => {
    const server = vault('aes256-gcm96', ({ body }) => {
      expect(Buffer.from(String(body['plaintext']), 'base64')).toHaveLength(32);
      expect(Buffer.from(String(body['associated_data']), 'base64').toString()).toBe(
        `fapilog-tamper/v1 data key\n${context.origin}\n${context.kid}\n`,
      );
      return { json: { data: { ciphertext: mac(), key_version: 1 } } };
    });
    const minted = await server.provider({ namespace: 'teams/a' }).getKey(key, context);
    minted.erase();
    const { headers } = server.requests.at(-1) ?? { headers: {} };
    expect(headers).toMatchObject({
      'x-vault-token': 'hvs.test',
      'x-vault-namespace': 'teams/a',
      'x-vault-request': 'true',
      'content-type': 'application/json',
    });
    expect(server.bodies.length).toBe(1);
    expect(server.bodies.every((body) => body.every((byte) => byte === 0))).toBe(true);
  });

  test('a local agent that adds the token gets none from us', async () => {
    const server = vault('hmac', () => ({ json: { data: { hmac: mac() } } }));
    const env = { HOME: '/nonexistent', VAULT_AGENT_ADDR: 'http://127.0.0.1:8100' };
    const { addr: _, ...options } = { addr: '', env, client: server };
    const { VaultProvider } = await import('../../../src/providers/vault/index.ts');
    await new VaultProvider(options).sign(key, text);
    expect(server.requests.every(({ headers }) => headers['x-vault-token'] === undefined)).toBe(true);
  });

  test('an injected client that fails with the request in its error does not leak it', async () => {
    const client = {
      request: (request: unknown) => Promise.reject(Object.assign(new Error('hvs.test'), { config: request })),
    };
    const server = new ScriptedVault(() => ({}));
    const failed = await server
      .provider({ client, maxAttempts: 1 })
      .sign(key, text)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'UNAVAILABLE' });
    expect(failed).not.toHaveProperty('cause');
  });
});
