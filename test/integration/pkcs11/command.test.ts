import { createPublicKey } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../support/built-package.ts';
import { PIN, usePkcs11 } from './setup.ts';

/** A log that the command seals with keys of a token, in processes of their own, and what an auditor does with it. */

const pkcs11 = usePkcs11();
const origin = 'audit.example.com/pkcs11';
const lines = (from: number): string => Array.from({ length: 20 }, (_, n) => `{"n":${from + n}}\n`).join('');

let folder = '';
const printed: string[] = [];

/** The PIN is in no output of any command, and neither is it in a file that it writes. */
async function command(argv: readonly string[], input = ''): Promise<RunResult> {
  const result = await pkcs11.built.run(argv, { cwd: folder, env: { ...pkcs11.hsm.env, HOME: folder }, input });
  printed.push(result.stdout, result.stderr);
  return result;
}

/** Without the token: no configuration, no library. */
const auditor = (argv: readonly string[]): Promise<RunResult> =>
  pkcs11.built.run(argv, { cwd: folder, env: { SOFTHSM2_CONF: '/nonexistent', HOME: folder } });

const configure = (name: string, keys: string, more = ''): string => {
  const text = `file: ${name}/audit.jsonl\norigin: ${origin}\n${keys}state_dir: ${name}-state\n${more}`;
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, `${name}.yaml`), text);
  return `${name}.yaml`;
};
const source = (): string =>
  `key_source: fapilog-tamper-keys-pkcs11\nkey_provider_options: ${JSON.stringify(pkcs11.options())}\n`;

async function publicKeyFile(identity: string): Promise<string> {
  const provider = await pkcs11.provider();
  const { spki } = await provider.getSigningKey(identity);
  const pem = createPublicKey({ key: Buffer.from(spki ?? []), format: 'der', type: 'spki' });
  const path = join(folder, `${identity.replace('#', '-')}.pem`);
  writeFileSync(path, pem.export({ format: 'pem', type: 'spki' }));
  return path;
}

beforeAll(async () => {
  folder = join(pkcs11.hsm.directory, 'work');
  mkdirSync(folder);
  await pkcs11.key('aes', 'payments');
  await pkcs11.key('p256', 'notary');
});

describe('a log that the command seals with keys of a token', () => {
  it.each([
    ['p256', 'ecdsa-p256-sha256'],
    ['p384', 'ecdsa-p384-sha384'],
    ['ed25519', 'ed25519'],
    ['rsa', 'rsa-pss-sha256'],
  ] as const)('%s: is sealed, rotated twice, and verified with the public keys alone', async (kind, algorithm) => {
    const [wrap, sign] = [`wrap-${kind}`, `sign-${kind}`];
    const config = configure(kind, `${source()}key_id: ${wrap}\nsigning_key_id: ${sign}\n`);
    const pems: string[] = [];
    for (const version of ['01', '02', '03']) {
      await pkcs11.key(kind === 'rsa' ? 'hmac' : 'aes', wrap, version);
      await pkcs11.key(kind, sign, version);
      const sealed = await command(['seal', '--config', config], lines(20 * pems.length));
      expect(sealed, sealed.stderr).toMatchObject({ code: 0 });
      pems.push(await publicKeyFile(`${sign}#${version}`));
    }
    const flags = pems.flatMap((pem) => ['--public-key', pem]);
    const file = `${kind}/audit.jsonl`;
    const verified = await auditor(['verify', file, '--origin', origin, ...flags]);
    expect(verified, verified.stdout).toMatchObject({ code: 0 });
    expect(verified.stdout).toContain(`${sign}#03`);
    expect(readFileSync(join(folder, file), 'utf8')).toContain(`"${algorithm}"`);
    expect((await auditor(['verify', file, '--origin', origin, ...flags.slice(0, 4)])).code).not.toBe(0);

    const whole = await command(['verify', file, '--origin', origin, '--config', config]);
    expect(whole, whole.stdout).toMatchObject({ code: 0, stdout: expect.stringContaining(`${wrap}#03`) });

    const changed = join(folder, `${kind}/changed.jsonl`);
    writeFileSync(changed, readFileSync(join(folder, file), 'utf8').replace('{"n":45', '{"n":46'));
    expect((await auditor(['verify', changed, '--origin', origin, ...flags])).code).toBe(1);
  });

  it('is verified with data keys that keys recover took out of the token, after that is gone', async () => {
    const config = configure('recovered', `${source()}key_id: payments\nsigning_key_id: notary\n`);
    expect(await command(['seal', '--config', config], lines(0))).toMatchObject({ code: 0 });
    const file = 'recovered/audit.jsonl';
    const out = ['--origin', origin, '--config', config, '--out', 'recovered.keys'];
    expect(await command(['keys', 'recover', file, ...out])).toMatchObject({ code: 0 });
    const pem = await publicKeyFile('notary#01');
    const flags = ['--origin', origin, '--keys', 'recovered.keys', '--public-key', pem];
    expect(await auditor(['verify', file, ...flags])).toMatchObject({ code: 0 });
  });

  it('whose checkpoints carry MACs of the token is verified with the token', async () => {
    await pkcs11.key('hmac', 'seals');
    const config = configure('macs', `${source()}key_id: payments\nsigning_key_id: seals\n`);
    for (let run = 0; run < 2; run++)
      expect(await command(['seal', '--config', config], lines(20 * run))).toMatchObject({ code: 0 });
    const verified = await command(['verify', 'macs/audit.jsonl', '--origin', origin, '--config', config]);
    expect(verified, verified.stdout).toMatchObject({ code: 0 });
  });

  it('continues with the new versions without a restart', async () => {
    await pkcs11.key('aes', 'rotating');
    await pkcs11.key('p256', 'rotating-notary');
    const file = join(folder, 'rotating.jsonl');
    const program = join(pkcs11.built.directory, 'rotating.mjs');
    writeFileSync(
      program,
      `import { createSealer } from './dist/index.js';
       import { execFileSync } from 'node:child_process';
       import { readFileSync } from 'node:fs';
       const [file, options, ...keys] = process.argv.slice(2);
       const sealer = createSealer({ file, origin: '${origin}', stateDir: file + '-state', keyId: 'rotating',
         keySource: 'fapilog-tamper-keys-pkcs11', keyProviderOptions: JSON.parse(options), signingKeyId: 'rotating-notary',
         keyCacheTtlSeconds: 1 });
       sealer.write('{"n":1}\\n');
       await sealer.flush();
       for (const key of keys) execFileSync(process.execPath, JSON.parse(key));
       const isNew = () => ['rotating#02', 'rotating-notary#02'].every((name) => readFileSync(file, 'utf8').includes(name));
       for (const end = Date.now() + 60_000; !isNew() && Date.now() < end; ) {
         sealer.write('{"n":2}\\n');
         await sealer.flush();
         await new Promise((resolve) => setTimeout(resolve, 200));
       }
       await sealer.close();`,
    );
    const keys = [
      pkcs11.hsm.keyCommand(pkcs11.token, 'aes', 'rotating', '02'),
      pkcs11.hsm.keyCommand(pkcs11.token, 'p256', 'rotating-notary', '02'),
    ].map((argv) => JSON.stringify(argv));
    const { env } = pkcs11.hsm;
    const ran = await pkcs11.built.run([file, JSON.stringify(pkcs11.options()), ...keys], {
      program: 'rotating.mjs',
      env,
    });
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    const text = readFileSync(file, 'utf8');
    for (const identity of ['rotating#01', 'rotating#02', 'rotating-notary#01', 'rotating-notary#02'])
      expect(text).toContain(`"${identity}"`);
  });
});

describe('doctor', () => {
  const keys = 'key_id: payments\nsigning_key_id: notary\n';

  it('tries both keys', async () => {
    const { code, stdout } = await command(['doctor', '--config', configure('doctor', `${source()}${keys}`)]);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('payments#01') });
    expect(stdout).toContain('ecdsa-p256-sha256, key notary#01');
  });

  it('says what to do about a PIN that is wrong, and tries it once', async () => {
    const wrong = pkcs11.options({ pin_file: pkcs11.hsm.writePin('wrong', 'canary-wrong') });
    const head = `key_source: fapilog-tamper-keys-pkcs11\nkey_provider_options: ${JSON.stringify(wrong)}\n`;
    const { code, stdout, stderr } = await command(['doctor', '--config', configure('wrong', `${head}${keys}`)]);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('Write the right PIN into pin_file');
    expect((stdout + stderr).match(/CKR_PIN_INCORRECT/g)?.length).toBe(1);
    expect(stdout + stderr).not.toContain('canary-wrong');
  });
});

it('no output holds the PIN', () => {
  expect(printed.length).toBeGreaterThan(20);
  expect(printed.join('\n')).not.toContain(PIN);
});
