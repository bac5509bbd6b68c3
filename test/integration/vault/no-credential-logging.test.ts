import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { DataKey } from '../../../src/index.ts';
import { Secret } from '../../../src/keys/secret.ts';
import { VaultProvider, type VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { conformanceContext as context, FakeClock } from '../../../src/testing/index.ts';
import { type Fault, FaultProxy } from '../../servers/fault-proxy.ts';
import { createLoopbackCa } from '../../servers/loopback-ca.mjs';
import { type BaoNamespace, pick } from '../../servers/openbao.ts';
import { letTimePass, virtualDeadlines } from '../../support/virtual-time.ts';
import { KeyEvents } from './key-events.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import { keys, makeToken, startTransit } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
let server: BaoNamespace;
let proxy: FaultProxy;
let cluster: KubernetesApi;
let directory: string;
/** Everything that must never be seen, by what it is. */
const canaries = new Map<string, string>();

beforeAll(async () => {
  server = await startTransit();
  cluster = await KubernetesApi.start();
  proxy = await FaultProxy.start({
    upstream: server.url,
    operationOf: ({ method, url, headers }) => {
      const token = headers['x-vault-token']; // also those that a login gave
      if (typeof token === 'string') canaries.set(`token ${token.slice(-4)}`, token);
      return `${method} ${url}`;
    },
  });
  directory = await mkdtemp(join(tmpdir(), 'vault-canary-'));
  await server.api('POST', 'sys/policies/acl/both', {
    policy: 'path "transit/*" { capabilities = ["create", "read", "update"] }',
  });
  await server.api('POST', 'sys/auth/approle', { type: 'approle' });
  await server.api('POST', 'auth/approle/role/w', { token_policies: ['both'] });
  await server.api('POST', 'sys/auth/kubernetes', { type: 'jwt' });
  await server.api('POST', 'auth/kubernetes/config', { jwt_validation_pubkeys: [cluster.publicKeyPem] });
  await server.api('POST', 'auth/kubernetes/role/w', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['vault'],
    token_policies: ['both'],
  });
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
  await cluster.stop();
  await rm(directory, { recursive: true });
});

/** Options for each way to log in, their credentials noted as canaries. */
async function logins(): Promise<Map<string, VaultProviderOptions>> {
  const note = (what: string, value: string): string => {
    canaries.set(what, value);
    return value;
  };
  const jwtPath = join(directory, 'jwt');
  await writeFile(jwtPath, note('jwt', cluster.tokenOf({ namespace: 'payments', name: 'api' })));
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, note('token in a file', await makeToken(server, { policies: ['both'] })));
  const role = pick(await server.api('GET', 'auth/approle/role/w/role-id'), 'data', 'role_id');
  const secretId = pick(await server.api('POST', 'auth/approle/role/w/secret-id', {}), 'data', 'secret_id');
  const headers = { 'x-vault-wrap-ttl': '60s' };
  const wrapped = await server.raw('POST', 'auth/approle/role/w/secret-id', {}, server.rootToken, headers);
  const option = note('token as an option', await makeToken(server, { policies: ['both'] }));
  const variable = note('token as a variable', await makeToken(server, { policies: ['both'] }));
  return new Map<string, VaultProviderOptions>([
    ['option', { token: option }],
    ['secret', { token: new Secret(option) }],
    ['variable', { env: { VAULT_TOKEN: variable } }],
    ['file', { tokenFile }],
    ['approle', { authMethod: 'approle', role, env: { VAULT_SECRET_ID: note('secret id', secretId) } }],
    [
      'wrapped',
      {
        authMethod: 'approle',
        role,
        secretIdWrapped: true,
        env: { VAULT_SECRET_ID: note('wrapping token', pick(wrapped.answer, 'wrap_info', 'token')) },
      },
    ],
    ['kubernetes', { authMethod: 'kubernetes', role: 'w', jwtPath }],
  ]);
}

const noFault = { kind: 'slow', ms: 0 } as const satisfies Fault;
test('test_no_credential_logging', { timeout: 120_000 }, async () => {
  const seen: string[] = [];
  const look = (value: unknown): void => {
    seen.push(inspect(value, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null }));
    seen.push(JSON.stringify(value) ?? '');
    if (value instanceof Error) seen.push(value.stack ?? '', String(value));
  };
  const output = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      seen.push(String(chunk));
      return true;
    }),
  );
  const events = new KeyEvents();
  const tls = await FaultProxy.start({ upstream: server.url, tls: createLoopbackCa().issue() });
  let failures = 0;
  let successes = 0;
  try {
    const ways = await logins();
    const faults: Fault[] = [
      noFault,
      { kind: 'status', status: 503, body: '{"errors":["sealed"]}' },
      { kind: 'status', status: 429 },
      { kind: 'status', status: 403, body: '{"errors":["permission denied"]}' },
      { kind: 'hang' },
      { kind: 'reset' },
      { kind: 'half' },
      { kind: 'garbage' },
      { kind: 'echo' },
    ];
    const only: ((operation: string) => boolean)[] = [
      () => true,
      (operation) => operation.includes('/transit/'),
      (operation) => operation.includes('/encrypt/'),
    ];
    for (const options of ways.values()) {
      for (const fault of faults) {
        for (const scope of fault === noFault ? [only[0]] : only) {
          const clock = new FakeClock(Date.now());
          const given = { ...virtualDeadlines, maxAttempts: 1, clock, ...options };
          const provider = new VaultProvider({
            addr: proxy.url,
            ...given,
            env: { HOME: '/nonexistent', ...options.env },
          });
          // sign first where the fault is in the engine alone, so that there is a token to lose
          proxy.inject(fault, scope === undefined ? {} : { only: scope });
          const calls: (() => Promise<unknown>)[] = [
            () => provider.getSigningKey(keys.ed25519),
            () => provider.sign(keys.ed25519, text),
            () => provider.signBatch(keys.mac, [text, text]),
            async () => {
              const key: DataKey = await provider.getKey(keys.data, context);
              note(key);
              const recovered = await provider.recoverKey(key, keys.data, context);
              note(recovered);
              return [key, recovered];
            },
            () => provider.rotateCheck(),
          ];
          const stopTime = letTimePass(clock, fault.kind !== 'hang');
          for (const call of calls) {
            await call().then(
              (value) => {
                successes += 1;
                look(value);
              },
              (error: unknown) => {
                failures += 1;
                look(error);
              },
            );
          }
          await stopTime();
          look(provider);
          proxy.heal();
          await provider.close();
          look(provider);
        }
      }
      const untrusted = new VaultProvider({ addr: tls.url, maxAttempts: 1, ...options });
      await untrusted.sign(keys.ed25519, text).catch(look);
      await untrusted.close();
    }
    look(events.all);
  } finally {
    events.end();
    for (const spy of output) spy.mockRestore();
    proxy.heal();
    await tls.stop();
  }

  expect(successes).toBeGreaterThan(20);
  expect(failures).toBeGreaterThan(100);
  expect(events.of('login').length).toBeGreaterThan(5);
  expect(canaries.size).toBeGreaterThan(10);
  const everything = seen.join('\n');
  expect(/refused: x+ .*plaintext/.test(everything)).toBe(true); // the echo came through, and was scrubbed
  expect(/plaintext\W{1,8}(?!x+\W)[A-Za-z0-9+/]{20}/.test(everything)).toBe(false);
  for (const [what, canary] of canaries) {
    const found = everything.indexOf(canary);
    expect(found, `${what} was printed: …${everything.slice(Math.max(0, found - 80), found)}`).toBe(-1);
  }
});

/** A data key in each spelling that some output might give it. */
function note(key: DataKey): void {
  const { material } = key;
  canaries.set(`data key ${canaries.size} as hex`, material.toString('hex'));
  canaries.set(`data key ${canaries.size} as base64`, material.toString('base64'));
  canaries.set(`data key ${canaries.size} as bytes`, inspect(material).slice(8, 8 + 3 * 32 - 1));
  canaries.set(`data key ${canaries.size} as numbers`, [...material].join(','));
}
