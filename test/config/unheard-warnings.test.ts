import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../support/command-line.ts';

const canary = 'hvs.canary-of-the-test';
const literal = /vaultToken \(code\) is a literal credential/g;
const directory = mkdtempSync(join(tmpdir(), 'unheard-'));
const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
const loader = new URL('../child/typescript.mjs', import.meta.url).pathname;
afterAll(() => rmSync(directory, { recursive: true }));

/** What a program with a literal token writes; `options` and `later` are there, which resolves when all has been said. */
async function run(body: string): Promise<{ stdout: string; stderr: string }> {
  const place = mkdtempSync(join(directory, 'run-'));
  const program = `
import { createKeyProvider, createSealer } from ${source('index.ts')};
import { SealedTransport } from ${source('transports/winston.ts')};
const options = {
  file: ${JSON.stringify(join(place, 'a.jsonl'))}, stateDir: ${JSON.stringify(join(place, 'state'))}, origin: 'example.com/a',
  keySource: 'vault', vaultAddr: 'http://127.0.0.1:9', vaultPath: 'transit/keys/a', vaultToken: '${canary}',
};
const later = () => new Promise((resolve) => setTimeout(resolve, 50));
const told = [];
const tell = ({ code, message }) => told.push(code + ' ' + message);
${body}
console.log(JSON.stringify(told));
process.exit();
`;
  return promisify(execFile)(process.execPath, ['--import', loader, '--input-type=module', '--eval', program], {
    env: { PATH: process.env['PATH'], FAPILOG_TAMPER_ENGINE: 'typescript' },
    cwd: place,
  });
}

describe('a literal credential given to createSealer, the winston transport or createKeyProvider', () => {
  const make = `
const provider = await createKeyProvider(options);
const log = createSealer(options);
const { sealer } = new SealedTransport({ ...options, file: options.file + '.2', origin: 'example.com/b' });
`;

  it('is said once by each on standard error if nobody listens', async () => {
    const { stdout, stderr } = await run(`${make}\nawait later(); await later();`);
    expect(stderr.match(literal)).toHaveLength(3);
    expect(stderr).toMatch(/warning of the log example\.com\/a: KEY_WARNING/);
    expect(stderr).toMatch(/warning of the log example\.com\/b: KEY_WARNING/);
    expect(stderr).toMatch(/Warning: fapilog-tamper: vaultToken/);
    expect(stdout + stderr).not.toContain(canary);
  });

  it('is told to whoever listens, and then not said there', async () => {
    const listen = "log.on('warning', tell); sealer.on('warning', tell); provider.onWarning(tell);";
    const { stdout, stderr } = await run(`${make}\n${listen}\nawait later(); await later();`);
    expect(stderr).not.toMatch(literal);
    expect(stdout.match(literal)).toHaveLength(3);
    expect(stdout).toContain('KEY_WARNING');
    expect(stdout + stderr).not.toContain(canary);
  });
});

describe('a literal credential in the environment of a command', () => {
  const env = {
    FAPILOG_TAMPER_VAULT_TOKEN: canary,
    FAPILOG_TAMPER_KEY_SOURCE: 'vault',
    FAPILOG_TAMPER_VAULT_ADDR: 'http://127.0.0.1:9',
    FAPILOG_TAMPER_VAULT_PATH: 'transit/keys/a',
  };
  const sample = new URL('../samples/h04-both.jsonl', import.meta.url).pathname;

  it.each([
    ['verify', sample],
    ['cat', sample, '--verified'],
    ['audit', directory, '--memory', join(directory, 'memory')],
    ['keys', 'recover', sample, '--out', join(directory, 'out')],
    ['recover', '--break-lock', join(directory, 'none.jsonl')],
  ])('is said once by %s', async (...argv) => {
    const { stdout, stderr } = await runCommand(argv, { env });
    const said = stderr.split('\n').filter((line) => line.includes('literal credential'));
    expect(said).toEqual([
      'fapilog-tamper: warning: vault_token (environment variable FAPILOG_TAMPER_VAULT_TOKEN) is a literal credential: use VAULT_TOKEN, vault_token_file or another auth method',
    ]);
    expect(stdout + stderr).not.toContain(canary);
  });

  it('while options of services that only a policy uses are no matter for them', async () => {
    const { stderr } = await runCommand(['verify', sample], { env: { FAPILOG_TAMPER_AWS_REGION: 'eu-west-1' } });
    expect(stderr).not.toContain('has no effect');
  });
});
