import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, createKeyProvider, createSealer, type KeyProvider, verify } from '../../../src/index.ts';
import { MemoryProvider } from '../../../src/testing/index.ts';
import { type CommandResult, runHere } from '../../support/command-line.ts';
import { KeyServer, writePageProvider } from '../../support/own-provider.ts';

/** A log by a third party's provider, and what a log or a policy may and may not make of the names of such providers. */

const origin = 'audit.example.com/orders';
let server: KeyServer;
let module = '';
let remove = (): void => undefined;
let cwd = '';
beforeAll(async () => {
  server = await KeyServer.start({ payments: 'aes', notary: 'ed25519', seals: 'hmac' });
  cwd = mkdtempSync(join(tmpdir(), 'third-party-'));
  ({ module, remove } = await writePageProvider(cwd));
});
afterAll(async () => {
  await server.close();
  remove();
});

const run = (...argv: string[]): Promise<CommandResult> => runHere(argv, { cwd });
const sealTo = (config: string, line: string): Promise<CommandResult> =>
  runHere(['seal', '--config', config], { cwd, input: `${line}\n` });

function configured(name: string, options: Readonly<Record<string, unknown>>): { config: string; log: string } {
  const log = `${name}.jsonl`;
  const own = { key_source: 'custom', key_provider_module: module, key_provider_options: server.options };
  const config = join(cwd, `${name}.json`);
  writeFileSync(config, JSON.stringify({ file: log, origin, state_dir: `${name}.state`, ...own, ...options }));
  return { config, log };
}

async function sealedThrice(name: string, options: Readonly<Record<string, unknown>>, keys: readonly string[]) {
  const place = configured(name, options);
  for (let n = 1; n <= 4; n++) {
    if (n > 1) for (const key of keys) await rotate(key);
    expect(await sealTo(place.config, `{"n":${n}}`)).toMatchObject({ code: 0 });
  }
  return place;
}

/** Of the key server's secret a provider may also give the bytes themselves: nothing is wrapped then. */
const store = (): string => {
  const path = join(cwd, 'store.mjs');
  const versions = JSON.stringify([1, 2, 3, 4].map((n) => String(n).repeat(32)));
  writeFileSync(
    path,
    `const versions = ${versions};
    const no = async () => { throw Object.assign(new Error('signs nothing'), { name: 'TamperError', code: 'UNSUPPORTED_OPERATION' }); };
    const keyOf = (name, n) => ({ source: 'store', identity: name + '#' + n, material: Buffer.from(versions[n - 1]), erase() {} });
    export const createProvider = () => ({
      source: 'store', versionSeparator: '#',
      getKey: async (name) => keyOf(name, globalThis.storeVersion ?? 1),
      recoverKey: async ({ identity }) => keyOf(identity.slice(0, -2), identity.slice(-1)),
      getSigningKey: no, sign: no, signBatch: no, verify: no, rotateCheck: async () => false, close: async () => {},
    });`,
  );
  return path;
};

async function rotate(key: string): Promise<void> {
  if (key !== 'store') return server.rotate(key);
  Reflect.set(globalThis, 'storeVersion', ((Reflect.get(globalThis, 'storeVersion') as number | undefined) ?? 1) + 1);
}

interface Kind {
  readonly name: string;
  readonly options: () => Readonly<Record<string, unknown>>;
  readonly keys: readonly string[];
  readonly policy: string;
  readonly dataKey?: string;
  readonly online?: boolean;
}

const sourceOf = ({ policy }: Kind): string => (policy.includes('store') ? 'store' : 'acme');

const kinds: readonly Kind[] = [
  {
    name: 'data-keys',
    options: () => ({ key_id: 'payments' }),
    keys: ['payments'],
    policy: '{ wrap: payments, source: acme }',
    dataKey: 'payments',
  },
  {
    name: 'unwrapped',
    options: () => ({ key_id: 'audit', key_provider_module: store(), key_provider_options: {} }),
    keys: ['store'],
    policy: '{ wrap: audit, source: store }',
    dataKey: 'audit',
  },
  {
    name: 'separators',
    options: () => ({ key_id: 'team/a#1', key_provider_module: store(), key_provider_options: {} }),
    keys: ['store'],
    policy: '{ wrap: "team/a#1", source: store }',
    dataKey: 'team/a#1',
  },
  { name: 'signatures', options: () => ({ key_id: 'notary', use_kms_signing: true }), keys: ['notary'], policy: '' },
  {
    name: 'online',
    options: () => ({ key_id: 'seals', use_kms_signing: true }),
    keys: ['seals'],
    policy: '',
    online: true,
  },
  {
    name: 'both',
    options: () => ({ key_id: 'payments', signing_key_id: 'notary' }),
    keys: ['payments', 'notary'],
    policy: '{ wrap: payments, source: acme }',
    dataKey: 'payments',
  },
];

describe.each(kinds)('a log of a third party’s keys, rotated three times: $name', (kind) => {
  const { name, options, keys, dataKey, online = false } = kind;
  let place = { config: '', log: '' };
  beforeAll(async () => {
    Reflect.deleteProperty(globalThis, 'storeVersion');
    place = await sealedThrice(name, options(), keys);
  });

  it('passes doctor', async () => {
    const { code, stdout } = await run('doctor', '--config', place.config);
    expect(code, stdout).toBe(0);
  });

  it('is ok by the configuration that sealed it, on the command line and through the API', async () => {
    const { code, stdout } = await run('verify', place.log, '--origin', origin, '--config', place.config);
    expect(code, stdout).toBe(0);
    const { key_id: keyId, signing_key_id, use_kms_signing, ...rest } = options() as Record<string, string>;
    const provider = await createKeyProvider({
      keySource: 'custom',
      keyProviderModule: rest['key_provider_module'] ?? module,
      keyProviderOptions: rest['key_provider_module'] === undefined ? server.options : {},
      keyId: keyId ?? '',
      ...(signing_key_id !== undefined && { signingKeyId: signing_key_id }),
      ...(use_kms_signing !== undefined && { useKmsSigning: true }),
    });
    expect(await verify({ paths: [join(cwd, place.log)], origin, keys: provider })).toMatchObject({ verdict: 'ok' });
    await provider.close();
  });

  it('is ok by a policy that names the keys and their source', async () => {
    const { stdout: draft } = await run('policy', 'init', place.log);
    const signs = [...draft.matchAll(/^ {6}- (\{ sign: .* \})$/gm)].map(([, one]) => one);
    const named = [...(kind.policy === '' ? [] : [kind.policy]), ...signs].map((one) => `      - ${one}\n`).join('');
    const policy = join(cwd, `${name}.policy.yaml`);
    writeFileSync(policy, `version: 1\nstreams:\n  - origin: ${origin}\n    keys:\n${named}`);
    const { code, stdout } = await run('verify', place.log, '--policy', policy, '--config', place.config);
    expect(code, stdout).toBe(0);
    if (dataKey !== undefined) expect(draft).toContain(`source: "${sourceOf(kind)}"`);
    const shown = await run('keys', 'show', policy);
    if (dataKey !== undefined) expect(shown.stdout).toContain(`data key ${sourceOf(kind)} ${dataKey}`);
  });

  if (dataKey !== undefined) {
    it('is ok offline by its recovered data keys', async () => {
      const out = `${name}.keys`;
      const { code, stdout } = await run(
        ...['keys', 'recover', place.log, '--origin', origin, '--config', place.config, '--out', out],
      );
      expect(code, stdout).toBe(0);
      expect(await run('verify', place.log, '--origin', origin, '--keys', out)).toMatchObject({ code: 0 });
      const policy = join(cwd, `${name}.later.yaml`);
      const first = `version: 1\nstreams: [{ origin: ${origin}, keys: [{ wrap: "${dataKey}", source: `;
      const source = sourceOf(kind);
      writeFileSync(policy, `${first}${source}, from_seq: 3 }] }]\n`);
      const ranged = await run('verify', place.log, '--policy', policy, '--keys', out);
      expect(ranged).toMatchObject({ code: 2, stdout: expect.stringContaining('names the data key') });
    });
  } else {
    it(online ? 'needs its service' : 'is ok offline by its public keys', async () => {
      const { stdout } = await run('keys', 'show', place.log, '--format', 'json');
      const vkeys = [...stdout.matchAll(/"vkey": ?"([^"]+)"/g)].map(([, vkey]) => vkey);
      expect(new Set(vkeys).size).toBe(4);
      writeFileSync(join(cwd, `${name}.pub`), vkeys.join('\n'));
      const offline = await run('verify', place.log, '--origin', origin, '--public-key', `${name}.pub`);
      expect(offline, offline.stdout).toMatchObject({ code: online ? 2 : 0 });
    });
  }

  it('is undecided, and not tampered, under another name', async () => {
    const config = join(cwd, `${name}.other.json`);
    const { key_id, signing_key_id, ...rest } = { ...options() } as Record<string, unknown>;
    const more = signing_key_id === undefined ? {} : { signing_key_id: 'seals' };
    const whole = { key_source: 'custom', key_provider_module: module, key_provider_options: server.options, ...rest };
    writeFileSync(config, JSON.stringify({ ...whole, key_id: key_id === 'notary' ? 'seals' : 'notary', ...more }));
    const { code, stdout } = await run('verify', place.log, '--origin', origin, '--config', config);
    expect(code, stdout).toBe(2);
  });
});

it('data keys may come from a third party and signatures from elsewhere, and the other way round', async () => {
  expect(await run('keygen', '--algorithm', 'Ed25519', '--out', 'signer.pem')).toMatchObject({ code: 0 });
  expect(await run('keygen', '--out', 'data.key')).toMatchObject({ code: 0 });
  const one = {
    key_id: 'payments',
    signing_key_id: 's',
    signing_key_source: 'file',
    signing_key_file_path: 'signer.pem',
  };
  const other = {
    key_source: 'file',
    key_file_path: 'data.key',
    signing_key_id: 'notary',
    signing_key_source: 'custom',
  };
  for (const [name, options] of Object.entries({ one, other })) {
    const { config, log } = await sealedThrice(`mixed-${name}`, options, ['payments', 'notary']);
    const { code, stdout } = await run('verify', log, '--origin', origin, '--config', config);
    expect(code, stdout).toBe(0);
    expect(stdout).toContain(name === 'one' ? 'data key acme payments#' : 'signer acme notary#');
  }
});

describe('names that a log, a policy or a job brings', () => {
  const names = (): string[] => [
    './evil.mjs',
    join(cwd, 'evil.mjs'),
    pathToFileURL(join(cwd, 'evil.mjs')).href,
    'fapilog-tamper-keys-evil',
    'custom',
    'acme',
  ];

  async function logBy(source: string, at: number): Promise<string> {
    const file = join(cwd, `evil-${at}.jsonl`);
    const service = new MemoryProvider({ algorithm: 'kms-hmac-sha256' });
    const claiming = new Proxy(service, {
      get(target, member) {
        if (member === 'source') return source;
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const given: unknown = await Reflect.apply(value, target, args);
          if (member === 'getKey') return Object.defineProperty(given as object, 'source', { value: source });
          return member === 'getSigningKey' ? { ...(given as object), source } : given;
        };
      },
    }) as KeyProvider;
    const keys = {
      keySource: 'custom',
      keyProviderModule: './evil.mjs',
      keyId: 'audit',
      signingKeyId: 'seals',
    } as const;
    const signing = new Proxy(new MemoryProvider({ keyIds: ['seals'], algorithm: 'kms-hmac-sha256' }), {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function') return member === 'source' ? source : value;
        return async (...args: unknown[]) => {
          const given: unknown = await Reflect.apply(value, target, args);
          return member === 'getSigningKey' ? { ...(given as object), source } : given;
        };
      },
    }) as KeyProvider;
    const sealer = createSealer({
      ...{ file, origin, stateDir: join(cwd, `evil-${at}.state`), ...keys },
      ...{ keyProvider: claiming, signingKeyProvider: signing },
    });
    sealer.write('{"n":1}');
    await sealer.close();
    return file;
  }

  it('load no module and are undecided, whatever they are', async () => {
    const marker = join(cwd, 'loaded');
    writeFileSync(
      join(cwd, 'evil.mjs'),
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(marker)}, 'x'); export const createProvider = () => ({});`,
    );
    const { config } = configured('honest', { key_id: 'payments', signing_key_id: 'notary' });
    for (const [at, source] of names().entries()) {
      const log = await logBy(source, at);
      const { stdout: shown } = await run('keys', 'show', log, '--format', 'json');
      const vkeys = [...shown.matchAll(/"vkey": ?"([^"]+)"/g)].map(([, vkey]) => vkey);
      writeFileSync(join(cwd, 'evil.pub'), vkeys.join('\n'));
      const policy = join(cwd, 'evil.yaml');
      const wrap = JSON.stringify({ wrap: 'audit', source });
      writeFileSync(policy, `version: 1\nstreams: [{ origin: ${origin}, keys: [${wrap}] }]\n`);
      for (const more of [
        ['--origin', origin],
        ['--origin', origin, '--public-key', 'evil.pub'],
        ['--policy', policy],
        ['--policy', policy, '--public-key', 'evil.pub'],
        ['--policy', policy, '--config', config],
        ['--origin', origin, '--public-key', 'evil.pub', '--config', config],
      ]) {
        const { code, stdout, stderr } = await run('verify', log, ...more);
        expect(code, `${source} ${more.join(' ')}\n${stdout}${stderr}`).toBe(2);
      }
      for (const more of [[], ['--policy', policy], ['--config', config]]) {
        expect(await run('keys', 'recover', log, '--origin', origin, ...more, '--out', 'none.keys')).not.toMatchObject({
          code: 0,
        });
      }
    }
    expect(existsSync(marker)).toBe(false);
  });

  it('a policy with a source that the configuration does not have says so', async () => {
    const log = await logBy('elsewhere', 99);
    const policy = join(cwd, 'elsewhere.yaml');
    const write = (source: string): void =>
      writeFileSync(
        policy,
        `version: 1\nstreams: [{ origin: ${origin}, keys: [{ wrap: audit, source: ${source} }] }]\n`,
      );
    write('elsewhere');
    const { code, stdout } = await run('verify', log, '--policy', policy);
    expect(code).toBe(2);
    expect(stdout).toContain('the configuration has no key source "elsewhere"');
    write('');
    expect(await run('verify', log, '--policy', policy)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('source'),
    });
  });

  it('a provider object with a separator that could be part of a version makes nothing ok', async () => {
    const log = await logBy('elsewhere', 100);
    const provider = Object.assign(new MemoryProvider(), { source: 'elsewhere', versionSeparator: '-v' });
    const keys = auditorKeys({ provider, dataKeys: ['audit'] });
    await expect(verify({ paths: [log], origin, keys })).resolves.toMatchObject({ verdict: 'undecided' });
  });
});
