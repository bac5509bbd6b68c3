import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyReport, VerifyReport } from '../../src/index.ts';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { foreignOwner } from '../support/foreign-owner.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, nextEdKey, otherDataKey } from '../vectors/keys.ts';
import { bothKeys, macKeys, signKeys } from '../vectors/logs.ts';

/** Key flags replace what configuration and environment have of the same kind; the report says where each key is from. */

let directory = '';
let made = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'flags-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function put(name: string, content: string | Buffer): string {
  const place = join(directory, String(++made));
  mkdirSync(place);
  writeFileSync(join(place, name), content, { mode: 0o600 });
  return join(place, name);
}

const origin = 'o/a';
const hex = dataKey.toString('hex');
const other = otherDataKey.toString('hex');
const logOf = (keys: Parameters<SealedLog['open']>[0]): string => {
  const log = new SealedLog(origin).open(keys).seal().checkpoint().record('{"n":1}').close().checkpoint();
  return put('log.jsonl', log.toFiles()[0]?.bytes ?? '');
};
const verifyLog = async (log: string, args: string[], env: Record<string, string> = {}): Promise<CommandResult> =>
  runCommand(['verify', log, '--origin', origin, ...args], { env });
const reported = ({ stdout }: CommandResult): KeyReport[] =>
  (JSON.parse(stdout) as VerifyReport).streams.flatMap(({ keys }) => keys);
const publicKey = (key: SigningKey): string => put('signer.pub', `${vkeyOf(origin, key)}\n`);
const fingerprint = (key: SigningKey): string =>
  `sha256:${createHash('sha256')
    .update(key.signer.spki ?? '')
    .digest('hex')}`;

/** Places outside the flags that have the right data key. */
const outside: Readonly<Record<string, () => { readonly args: string[]; readonly env: Record<string, string> }>> = {
  'the environment': () => ({ args: [], env: { FAPILOG_TAMPER_KEY: hex } }),
  'another variable': () => ({ args: [], env: { FAPILOG_TAMPER_KEY_ENV_VAR: 'MY_KEY', MY_KEY: hex } }),
  'a configuration': () => {
    const text = `key_source: file\nkey_file_path: ${put('k.key', hex)}\n`;
    return { args: ['--config', put('tamper.yaml', text)], env: {} };
  },
  'option flags': () => ({ args: ['--key-source', 'file', '--key-file-path', put('k.key', hex)], env: {} }),
};

it.each([0o775, 0o757, 0o777])(
  'a directory of keys of mode %o is refused: others could put keys into it',
  async (mode) => {
    const keys = dirname(put('audit.key', hex));
    const verifyWith = async (): Promise<CommandResult> => verifyLog(logOf(macKeys), ['--keys', keys]);
    expect(await verifyWith()).toMatchObject({ code: 0 });
    chmodSync(keys, mode);
    expect(await verifyWith()).toMatchObject({ code: 2, stderr: expect.stringContaining('KEY_FILE_PERMISSIONS') });
  },
);

it('keys that another user owns are refused, and the file, its owner and we are named', async () => {
  const file = put('audit.key', hex);
  const keys = dirname(file);
  const user = process.geteuid?.(); // Windows has none
  for (const [flags, owned, what, alone] of [
    [['--keys', file], file, 'key file', true],
    [['--key-source', 'file', '--key-file-path', file], file, 'key file', true],
    [['--keys', keys], file, 'key file', false], // its directory is ours: only root can have it so
    [['--keys', keys], keys, 'directory of keys', true],
  ] as const) {
    if (user === undefined || (user !== 0 && !alone)) continue;
    const { owner, self, restore } = foreignOwner(owned, user);
    try {
      const { code, stdout, stderr } = await verifyLog(logOf(macKeys), [...flags]);
      expect(code).toBe(2);
      expect(stdout + stderr).toContain(
        `the ${what} ${owned} belongs to user ${owner}, but this process runs as user ${self}`,
      );
    } finally {
      restore();
    }
  }
  expect(await verifyLog(logOf(macKeys), ['--keys', keys])).toMatchObject({ code: 0 });
});

describe.each(Object.entries(outside))('with the right key in %s', (_, place) => {
  it('the log is right without a key flag', async () => {
    const { args, env } = place();
    expect(await verifyLog(logOf(macKeys), args, env)).toMatchObject({ code: 0 });
  });

  it.each(['--keys', '--key-env'])('another key by %s is a wrong key', async (flag) => {
    const { args, env } = place();
    const given = flag === '--keys' ? put('other.key', other) : 'OTHER';
    const policy = put('policy.yaml', `version: 1\nstreams: [{ origin: ${origin}, keys: [{ wrap: default }] }]\n`);
    for (const more of [[], ['--policy', policy]]) {
      const result = await verifyLog(logOf(macKeys), [...args, flag, given, ...more], { ...env, OTHER: other });
      expect(result.code, result.stdout).toBe(2);
      expect(result.stdout).toContain('WRONG_KEY');
      expect(result.stdout).toContain(`${flag} ${given}`);
    }
    const both = await verifyLog(logOf(bothKeys), [...args, flag, given, '--public-key', publicKey(edKey)], {
      ...env,
      OTHER: other,
    });
    expect(both.code, both.stdout).toBe(2);
  });

  it('a stranger’s public key does not pass, whatever the MACs say', async () => {
    const { args, env } = place();
    for (const keys of [bothKeys, signKeys]) {
      const result = await verifyLog(logOf(keys), [...args, '--public-key', publicKey(nextEdKey)], env);
      expect(result.code, result.stdout).toBe(2);
    }
    const right = await verifyLog(logOf(bothKeys), [...args, '--public-key', publicKey(edKey)], env);
    expect(right.code, right.stdout).toBe(0);
  });
});

describe('a public key by flag', () => {
  it('replaces the configured signing key', async () => {
    // the signing key of the log lies where the configuration says
    const seed = createHash('sha256').update('fapilog-tamper vectors: signing key 1').digest('hex');
    const config = ['--algorithm', 'Ed25519', '--key-source', 'file', '--key-file-path', put('sign.key', seed)];
    const log = logOf(signKeys);
    const own = await verifyLog(log, [...config, '--format', 'json']);
    expect(own.code, own.stdout).toBe(0);
    expect(reported(own)[0]?.signers[0]?.givenBy).toBe('the configured signing key');
    expect(await verifyLog(log, [...config, '--public-key', publicKey(nextEdKey)])).toMatchObject({ code: 2 });
    expect(await verifyLog(log, [...config, '--public-key', publicKey(edKey)])).toMatchObject({ code: 0 });
  });

  it('that is not the signer’s is said to be none, and what is needed', async () => {
    const needs = `it needs its data key (env audit) or the public key of its signer (${fingerprint(edKey)})`;
    const stranger = await verifyLog(logOf(bothKeys), ['--public-key', publicKey(nextEdKey)]);
    expect(stranger.stdout).toContain(`the public key that you gave does not sign it; ${needs}`);
    const two = ['--public-key', publicKey(nextEdKey), '--public-key', put('b.pub', vkeyOf('o', nextEdKey))];
    const strangers = await verifyLog(logOf(bothKeys), two);
    expect(strangers.stdout).toContain(`none of the 2 public keys that you gave signs it; ${needs}`);
    const nothing = await verifyLog(logOf(bothKeys), []);
    expect(nothing.stdout).toContain(`you gave no key for it; ${needs}`);
    const signing = await verifyLog(logOf(signKeys), ['--public-key', publicKey(nextEdKey)]);
    expect(signing.stdout).toContain(`it needs the public key of its signer (${fingerprint(edKey)})`);
  });
});

describe('the report', () => {
  it('says of each key where it is from and what its fingerprint is', async () => {
    const log = logOf(bothKeys);
    const [keys, signer] = [put('audit.key', hex), publicKey(edKey)];
    const ways: [string[], Record<string, string>, string][] = [
      [['--keys', keys], {}, `--keys ${keys}`],
      [['--key-env', 'SOME_KEY'], { SOME_KEY: hex }, '--key-env SOME_KEY'],
      [[], { FAPILOG_TAMPER_KEY: hex }, 'environment variable FAPILOG_TAMPER_KEY'],
      [['--key-source', 'file', '--key-file-path', keys], {}, `key file ${keys}`],
    ];
    for (const [args, env, from] of ways) {
      const given = [...args, '--public-key', signer];
      const [key] = reported(await verifyLog(log, [...given, '--format', 'json'], env));
      expect(key?.dataKey).toEqual({
        source: 'env',
        identity: 'audit',
        fingerprint: expect.stringMatching(/^[\w-]{43}$/),
        givenBy: from,
      });
      expect(key?.signers).toMatchObject([{ fingerprint: fingerprint(edKey), givenBy: `--public-key ${signer}` }]);
      const { stdout } = await verifyLog(log, given, env);
      expect(stdout).toContain(`data key env audit, from ${from}, fingerprint ${key?.dataKey?.fingerprint}\n`);
      expect(stdout).toContain(`signer file ${fingerprint(edKey)}, from --public-key ${signer}\n`);
      expect(stdout).not.toContain(hex.slice(0, 8));
    }
  });

  it('says of a key of the policy that it is from there, and of one that nobody named nothing', async () => {
    const policy = put(
      'p.yaml',
      `version: 1\nstreams: [{ origin: ${origin}, keys: [{ sign: "${vkeyOf(origin, edKey)}" }] }]\n`,
    );
    const result = await verifyLog(logOf(bothKeys), ['--policy', policy, '--format', 'json']);
    const [key] = reported(result);
    expect(key?.signers[0]?.givenBy).toBe('the policy');
    expect(key?.dataKey?.givenBy).toBeUndefined();
    const text = await verifyLog(logOf(bothKeys), ['--policy', policy]);
    expect(text.stdout).toContain('data key env audit (not checked), fingerprint ');
  });
});

describe('a key in the place of its name', () => {
  const hex = 'c3'.repeat(32);
  const spellings = [hex, Buffer.from(hex, 'hex').toString('base64'), Buffer.from(hex, 'hex').toString('base64url')];

  it.each(spellings.flatMap((key) => ['--keys', '--key-env'].map((flag) => [flag, key] as const)))(
    'is never shown: %s',
    async (flag, key) => {
      const { code, stdout, stderr } = await verifyLog(logOf(macKeys), [flag, key]);
      expect(code).not.toBe(0);
      expect(stdout + stderr).not.toContain(key.slice(0, 12));
    },
  );
});

describe('a signing key that only a configuration names', () => {
  it('must have signed: whoever holds the data key alone cannot leave the signatures out (M8.14)', async () => {
    const seed = put('sign.key', 'd4'.repeat(32));
    const text = [
      'key_source: file',
      `key_file_path: ${put('k.key', hex)}`,
      'key_id: audit',
      'signing_key_id: sign',
      `signing_key_file_path: ${seed}`,
      `origin: ${origin}`,
      `state_dir: ${join(directory, 'state')}`,
      '',
    ].join('\n');
    const config = put('tamper.yaml', text);
    const forged = await runCommand(['verify', logOf(macKeys), '--config', config]);
    expect(forged).toMatchObject({ code: 2, stdout: expect.stringContaining('UNSIGNED') });
    const file = join(directory, 'signed.jsonl');
    const sealed = await runCommand(['seal', '--config', config, '--out', file], { input: '{"n":1}\n' });
    expect(sealed).toMatchObject({ code: 0 });
    expect(await runCommand(['verify', file, '--config', config])).toMatchObject({ code: 0 });
  });
});

describe('a sealed log in the place of another file', () => {
  it.each([
    ['keys', 'a data key'],
    ['public-key', 'public keys'],
    ['policy', 'a policy'],
    ['config', 'options'],
    ['witness', 'the verifier key of a witness'],
    ['since', 'a signed checkpoint'],
  ])('of --%s is said to be one, not a bad file', async (flag, holds) => {
    const log = logOf(macKeys);
    chmodSync(log, 0o644); // as logs are: nobody is told to hide it
    for (const command of ['verify', 'prove', 'attest', 'cat']) {
      const more = command === 'prove' ? ['--seq', '3'] : command === 'cat' ? ['--verified'] : [];
      const { code, stderr } = await runCommand([command, log, '--origin', origin, `--${flag}`, log, ...more]);
      expect(code).toBe(64);
      expect(stderr).toContain(`USAGE: --${flag} ${log} is a sealed log\n  hint: Name a file with ${holds}`);
    }
  });
});
