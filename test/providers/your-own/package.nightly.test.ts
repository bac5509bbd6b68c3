import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';

/** A provider that is installed as a package, by the command line as a process. */

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage({ own: true });
});
afterAll(() => built.remove());

const provider = (source: string): string => `
  import { createDataKey } from 'fapilog-tamper/keys';
  const options = { '~standard': { version: 1, vendor: 'own', validate: (value) =>
    typeof value.seed === 'string' ? { value } : { issues: [{ message: 'must be text', path: ['seed'] }] } } };
  const no = async () => { throw new Error('unused'); };
  const createProvider = (config, { seed }) => {
    const key = (identity) => createDataKey({ source: '${source}', identity, material: Buffer.from(seed.repeat(32)) });
    return { source: '${source}', versionSeparator: ':', getKey: async (name) => key(name + ':1'),
      recoverKey: async ({ identity }) => key(identity), getSigningKey: no, sign: no, signBatch: no, verify: no,
      rotateCheck: async () => false, close: async () => {} };
  };
  export { createProvider, options };
`;

function install(name: string, source: string): void {
  const folder = join(built.directory, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }));
  const library = new URL(`file://${join(built.directory, 'dist/keys/index.js')}`).href;
  writeFileSync(join(folder, 'index.js'), provider(source).replace('fapilog-tamper/keys', library));
}

it('seals, verifies each file that it closes, and is verified; its options come from a file or a variable', async () => {
  install('fapilog-tamper-keys-acme', 'acme');
  const cwd = built.directory;
  const config = join(cwd, 'tamper.yaml');
  mkdirSync(join(cwd, 'log'));
  const origin = 'audit.example.com/package';
  const head = `file: log/audit.jsonl\norigin: ${origin}\nkey_source: fapilog-tamper-keys-acme\nkey_id: payments\n`;
  writeFileSync(config, `${head}rotate_max_bytes: 300\nverify_on_close: true\nkey_provider_options: { seed: s }\n`);
  const input = '{"n":1}\n{"n":2}\n{"n":3}\n';
  const sealed = await built.run(['seal', '--config', config], { cwd, input });
  expect(sealed).toMatchObject({ code: 0, stderr: expect.not.stringContaining('VERIFY_FAILED') });
  const verified = await built.run(['verify', 'log', '--origin', origin, '--config', config], { cwd });
  expect(verified, verified.stdout).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('data key acme payments:1'),
  });
  writeFileSync(config, head);
  const env = { FAPILOG_TAMPER_KEY_PROVIDER_OPTIONS: '{"seed":"s"}' };
  expect(await built.run(['verify', 'log', '--origin', origin, '--config', config], { cwd, env })).toMatchObject({
    code: 0,
  });
  const without = await built.run(['verify', 'log', '--origin', origin, '--config', config], { cwd });
  expect(without.code).not.toBe(0);
  expect(`${without.stdout}${without.stderr}`).toContain('seed: must be text');
  expect(readFileSync(join(cwd, 'log/audit.jsonl'), 'utf8')).toContain('"source":"acme"');
});

it('is refused where it does not have the source of its name', async () => {
  install('fapilog-tamper-keys-wrong', 'acme');
  const argv = ['doctor', '--key-source', 'fapilog-tamper-keys-wrong', '--key-id', 'k'];
  const env = { FAPILOG_TAMPER_KEY_PROVIDER_OPTIONS: '{"seed":"s"}' };
  const { code, stdout, stderr } = await built.run(argv, { cwd: built.directory, env });
  expect(code).not.toBe(0);
  expect(`${stdout}${stderr}`).toContain('has the source acme instead of wrong');
});
