import { createHash, createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, nextEdKey } from '../vectors/keys.ts';
import { bothKeys, macKeys } from '../vectors/logs.ts';

const origin = 'audit.example.com/shop';
const vectors = fileURLToPath(new URL('../../vectors/keys/', import.meta.url));
let directory = '';
let made = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'keys-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function put(name: string, content: string | Buffer, place = ''): string {
  const folder = join(directory, place || String(++made));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return join(folder, name);
}

const digestOf = (spki: Uint8Array | undefined): string =>
  createHash('sha256')
    .update(spki ?? '')
    .digest('hex');
/** In groups of four, made another way than the package makes it. */
const groups = (hex: string): string =>
  Array.from({ length: hex.length / 4 }, (_, at) => hex.slice(4 * at, 4 * at + 4)).join(' ');
const show = (...args: string[]): Promise<CommandResult> => runCommand(['keys', 'show', ...args]);
const json = async (...args: string[]): Promise<unknown> =>
  JSON.parse((await show(...args, '--format', 'json')).stdout);
/** No spelling of the keys that are in the files. */
function expectNoSecret({ stdout, stderr }: CommandResult): void {
  for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
    expect(`${stdout}${stderr}`).not.toContain(dataKey.toString(encoding));
  }
}

it('of a log with a forged file that sorts first no command names the forger alone without a word of the fork', async () => {
  const bytesOf = (key: typeof edKey): Buffer => {
    const log = new SealedLog(origin)
      .open({ signers: [key] })
      .record('{"n":1}')
      .close()
      .checkpoint();
    return Buffer.concat(log.toFiles().map(({ bytes }) => bytes));
  };
  for (const [forged, real] of [
    ['a.jsonl', 'audit.jsonl'],
    ['z.jsonl', 'audit.jsonl'],
  ] as const) {
    const folder = dirname(put(real, bytesOf(edKey)));
    writeFileSync(join(folder, forged), bytesOf(nextEdKey));
    const drafted = await runCommand(['policy', 'init', folder]);
    expect(drafted.stdout).toMatch(/^# DO NOT USE THIS.*both begin with entry 1 but differ: the log was forked/m);
    const shown = await show(folder);
    expect(`${shown.stdout}${shown.stderr}`).toMatch(/both begin with entry 1 but differ: the log was forked/);
    const looked = await runCommand(['inspect', folder]);
    expect(`${looked.stdout}${looked.stderr}`).toContain('the log was forked');
  }
});

describe('fapilog-tamper keys show', () => {
  const edDigest = digestOf(edKey.signer.spki);

  it('a PEM: algorithm, and a fingerprint to read out; the verifier key where the stream is named', async () => {
    const pem = put(
      'signer.pub',
      `-----BEGIN PUBLIC KEY-----\n${edKey.signer.spki?.toString('base64')}\n-----END PUBLIC KEY-----\n`,
    );
    const result = await show(pem);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain(`${pem}: a public key\n  ed25519\n    fingerprint   ${groups(edDigest)}\n`);
    expect(result.stdout).not.toContain('verifier key');
    expect((await show(pem, '--origin', origin)).stdout).toContain(`verifier key  ${vkeyOf(origin, edKey)}\n`);
  });

  it.each([
    ['p256', ['ecdsa-p256-sha256']],
    ['p384', ['ecdsa-p384-sha384']],
    ['rsa-pss', ['rsa-pss-sha256', 'rsa-pkcs1-sha256']], // an RSA key does not say its padding
  ])('a PEM of %s, and of its private half', async (name, algorithms) => {
    const pem = readFileSync(join(vectors, `${name}.pem`));
    const spki = createPublicKey(pem).export({ format: 'der', type: 'spki' });
    const text = createPublicKey(pem).export({ format: 'pem', type: 'spki' });
    const key = { fingerprint: `sha256:${digestOf(spki)}`, spoken: groups(digestOf(spki)) };
    expect(await json(put('signer.pub', text))).toMatchObject([
      { kind: 'public keys', keys: algorithms.map((algorithm) => ({ algorithm, ...key })) },
    ]);
    expect(await json(put('signer.pem', pem))).toMatchObject([
      { kind: 'signing key', key: { algorithm: algorithms[0], ...key } },
    ]);
  });

  it('verifier keys, one for each line', async () => {
    const path = put('keys.txt', `# ours\n${vkeyOf(origin, edKey)}\n\n${vkeyOf('o/b', nextEdKey)}\n`);
    expect(await json(path)).toEqual([
      {
        kind: 'public keys',
        path,
        keys: [edKey, nextEdKey].map((key, at) => ({
          algorithm: 'ed25519',
          fingerprint: `sha256:${digestOf(key.signer.spki)}`,
          spoken: groups(digestOf(key.signer.spki)),
          vkey: vkeyOf(at === 0 ? origin : 'o/b', key),
        })),
      },
    ]);
  });

  it.each(['hex', 'base64', 'raw'] as const)('a data key (%s): that it is one, and nothing of it', async (spelling) => {
    const path = put('audit.key', spelling === 'raw' ? dataKey : dataKey.toString(spelling));
    const result = await show(path);
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('32 secret bytes');
    expectNoSecret(result);
    // nor anything computed from it, which could be compared with guesses
    const digests = ['sha256', 'sha512'].map((name) => createHash(name).update(dataKey).digest('hex'));
    for (const digest of digests) expect(result.stdout).not.toContain(digest.slice(0, 8));
  });

  it('what keygen made: of a signing key its public half', async () => {
    const path = join(directory, 'sign.key');
    const { stdout } = await runCommand(['keygen', '--out', path, '--algorithm', 'Ed25519', '--format', 'json']);
    const { identity } = JSON.parse(stdout) as { identity: string };
    expect(await json(path)).toMatchObject([
      { kind: 'signing key', path, key: { algorithm: 'ed25519', fingerprint: identity } },
    ]);
    expect(await json(`${path}.pub`)).toMatchObject([{ kind: 'public keys', keys: [{ fingerprint: identity }] }]);
    const shown = (await show(path)).stdout;
    for (const line of readFileSync(path, 'utf8')
      .split('\n')
      .filter((one) => one.length > 40)) {
      expect(shown).not.toContain(line);
    }
  });

  it('a directory of key files', async () => {
    const folder = join(put('a.key', dataKey.toString('hex'), 'dir'), '..');
    put('b.key', nextEdKey.noteKey.bytes.subarray(12).toString('hex'), 'dir');
    const result = await json(folder);
    expect(result).toMatchObject([
      { kind: 'secret key', name: 'a' },
      { kind: 'secret key', name: 'b' },
    ]);
  });

  it('a folder as an auditor gets it: its public key and its log, and nothing about a key of something else', async () => {
    const log = new SealedLog(origin)
      .open({ signers: [edKey] })
      .seal()
      .checkpoint()
      .record('{"n":1}')
      .close()
      .checkpoint();
    const path = put('log.jsonl', log.toFiles()[0]?.bytes ?? '', 'folder');
    put('signer.pub', `${vkeyOf(origin, edKey)}\n`, 'folder');
    put('id_ed25519.pub', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE somebody@example.com\n', 'folder');
    const { code, stdout } = await show(join(path, '..'));
    expect(code).toBe(0);
    expect(stdout).toContain('signer.pub: a public key\n');
    expect(stdout).toContain('folder: one key period\n');
    expect(stdout.split(groups(edDigest))).toHaveLength(3);
    expect(stdout).not.toContain('signer.pub: left out');
    expect(stdout).toContain('id_ed25519.pub: left out');
  });

  it('a key file that others may read is refused, and so is what is none of these', async () => {
    const { chmodSync } = await import('node:fs');
    const path = put('open.key', dataKey.toString('hex'));
    chmodSync(path, 0o644);
    expect(await show(path)).toMatchObject({ code: 2, stderr: expect.stringContaining('KEY_FILE_PERMISSIONS') });
    expect(await show(put('x', 'some text\n'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('FORMAT_INVALID'),
    });
    expect(await show(join(directory, 'absent'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('NOT_FOUND'),
    });
  });

  it('recovered data keys: whose they are, never what they are', async () => {
    const fp = Buffer.alloc(32, 7);
    const names = {
      origin,
      key_id: 'AAAAAAAA.1',
      source: 'aws-kms',
      identity: 'arn:aws:kms:x:1:key/1#m',
      named: 'alias/a',
      fp: fp.toString('base64url'),
    };
    const head = '{"fapilog-tamper":"recovered data keys","version":1,"keys":1}';
    const path = put('recovered.keys', `${head}\n${dataKey.toString('base64')} ${JSON.stringify(names)}\n`);
    const result = await show(path);
    expect(result.code).toBe(0);
    expect(result.stdout).toContain(`AAAAAAAA.1 of ${origin}: aws-kms arn:aws:kms:x:1:key/1#m, named alias/a`);
    expect(result.stdout).toContain(groups(fp.toString('hex')));
    expectNoSecret(result);
  });

  it('a policy: each key with its stream, its entries and its fingerprint', async () => {
    const path = put(
      'policy.yaml',
      `version: 1\nstreams:\n  - origin: ${origin}\n    keys:\n      - { wrap: transit/keys/a, until_seq: 9 }\n      - { sign: "${vkeyOf(origin, edKey)}", from_seq: 4 }\n`,
    );
    const { stdout } = await show(path);
    expect(stdout).toContain(`stream ${origin}\n  data key vault transit/keys/a, for entries 1 to 9\n`);
    expect(stdout).toContain(`ed25519, for entry 4 and later\n    fingerprint   ${groups(edDigest)}\n`);
  });

  it('a sealed log: every key period, each signer once, and that it proves nothing', async () => {
    const log = new SealedLog(origin).open(macKeys).seal().checkpoint().record('{"n":1}').close().checkpoint();
    log
      .open(bothKeys)
      .seal()
      .checkpoint()
      .handOver({ dataKey, signers: [nextEdKey] })
      .record('{"n":2}')
      .close()
      .checkpoint();
    const path = put('log.jsonl', log.toFiles()[0]?.bytes ?? '');
    const { stdout, code } = await show(path);
    expect(code).toBe(0);
    expect(stdout).toContain(': 3 key periods\n');
    expect(stdout).toMatch(/\.1 of audit\.example\.com\/shop: entries 1 to 4, data key, new\n/);
    expect(stdout).toMatch(/\.2 of audit\.example\.com\/shop: entries 5 to 8, both, recovered; signed by sha256:/);
    expect(stdout).toMatch(/\.3 of audit\.example\.com\/shop: entries 9 to 10, both, hand-over; signed by sha256:/);
    for (const key of [edKey, nextEdKey]) {
      expect(stdout.split(`fingerprint   ${groups(digestOf(key.signer.spki))}\n`)).toHaveLength(2);
      expect(stdout).toContain(`verifier key  ${vkeyOf(origin, key)}\n`);
    }
    expect(stdout).toContain('It proves nothing until you have compared it');
    expect(await json(path)).toMatchObject([
      { kind: 'log', complete: true, periods: [{}, { signers: [{ algorithm: 'ed25519' }] }, {}] },
    ]);
  });

  it('what a log claims reaches no terminal raw, and a stream that it lies about has no name', async () => {
    const log = new SealedLog(origin).open(macKeys, { origin: 'audit.example.com/another' }).seal().close();
    const path = put('log.jsonl', log.toFiles()[0]?.bytes ?? '');
    expect((await show(path)).stdout).toContain('of a stream that no open names');
    const text = readFileSync(path, 'latin1').replace('"identity":"audit"', '"identity":"\\u001b[31mred"');
    writeFileSync(path, text);
    const { stdout } = await show(path);
    expect(stdout).toContain('\\u{1b}[31mred');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('fapilog-tamper keys', () => {
  it.each([
    ['no subcommand', [], 'say which: keys show or keys recover'],
    ['another subcommand', ['shwo'], 'Did you mean keys show?'],
    ['nothing to show', ['show'], 'keys show PATH'],
    ['nothing to recover', ['recover'], 'keys recover PATH'],
    ['nowhere to write', ['recover', 'x', '--origin', 'o/a'], '--out FILE'],
    ['no stream', ['recover', 'x', '--out', 'y'], 'name the stream'],
    ['recover’s flags with show', ['show', 'x', '--out', 'y'], 'unknown flag --out'],
    ['a configuration with show', ['show', 'x', '--key-source', 'env'], 'unknown flag --key-source'],
  ])('%s is wrong usage', async (_, args, message) => {
    const { code, stderr, stdout } = await runCommand(['keys', ...args]);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(message);
  });
});
