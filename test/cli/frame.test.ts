import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { exitCodeOf } from '../../src/cli/exit-code.ts';
import { TamperError, type TamperErrorCode } from '../../src/errors.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { runCommand } from '../support/command-line.ts';

let built: BuiltPackage;
const directory = mkdtempSync(join(tmpdir(), 'cli-'));
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => {
  built.remove();
  rmSync(directory, { recursive: true });
});

describe('fapilog-tamper', () => {
  it('--version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await built.run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const { code, stdout, stderr } = await built.run(['-V', '--verbose']);
    expect([code, stderr]).toEqual([0, '']);
    const [first, engine, platform] = stdout.split('\n');
    expect(first).toBe(version);
    expect(engine).toMatch(/^engine: typescript \(.+\)$/);
    expect(platform).toBe(`platform: ${process.platform}-${process.arch}, Node.js ${process.version}`);
  });

  it('--help lists every command and the exit codes', async () => {
    const { code, stdout, stderr } = await built.run(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const { name, summary } of commands)
      expect(stdout).toMatch(new RegExp(`^ {2}${name} +${summary.slice(0, 20)}`, 'm'));
    expect(stdout).toContain(
      '0 done, 1 tampered or a failed check, 2 undecided or not\nreachable, 64 wrong usage, 70 a',
    );
  });

  it('without a command: usage on standard error', async () => {
    const { code, stdout, stderr } = await built.run([]);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('usage: fapilog-tamper COMMAND');
  });

  it.each([
    ['verfy', 'verify'],
    ['log', 'cat'],
    ['Key', 'keys'],
    ['version', '--version'],
  ])('an unknown command, %s', async (typed, like) => {
    expect(await built.run([typed])).toEqual({
      code: 64,
      stdout: '',
      stderr: `fapilog-tamper: USAGE: unknown command ${typed}\n  hint: Did you mean ${like}? All commands: fapilog-tamper help\n`,
    });
  });

  it.each([
    [['keys'], 'Run: fapilog-tamper help keys'],
    [['policy', 'inti'], 'Did you mean policy init?'],
    [['help', 'keys', 'recovr'], 'Did you mean keys recover?'],
  ])('the first word of two-word commands, %j', async (argv, hint) => {
    const { code, stdout, stderr } = await runCommand(argv);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(hint);
  });

  it('help of the first word of two-word commands lists them', async () => {
    const { code, stdout, stderr } = await runCommand(['help', 'keys']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ {2}keys show .*\n {2}keys recover /m);
    expect(stdout).not.toContain('seal');
    expect(await runCommand(['keys', '--help'])).toEqual({ code, stdout, stderr });
  });

  it.each([
    ['verify', ['Streams and keys', 'Witnesses and time stamps', 'How the log is read', 'A topic of Kafka', 'Output']],
    ['audit', ['The audit', 'Streams and keys', 'One part of an audit', 'As a service', 'Output']],
  ])('help of %s has its flags under headings', async (name, headings) => {
    const { stdout } = await runCommand(['help', name]);
    for (const heading of headings) expect(stdout).toMatch(new RegExp(`\\n\\n${heading}:\\n {2}\\S`));
  });

  it('help of an unknown command', async () => {
    const { code, stdout, stderr } = await runCommand(['help', 'verfy']);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('Did you mean verify?');
  });

  it.each(commands.map(({ name }) => name))('%s: --help, -h and help', async (name) => {
    const { code, stdout, stderr } = await runCommand([...name.split(' '), '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(await runCommand([...name.split(' '), '-h'])).toEqual({ code, stdout, stderr });
    for (const help of ['help', '--help', '-h'])
      expect(await runCommand([help, ...name.split(' ')])).toEqual({ code, stdout, stderr });
    expect(stdout).toMatch(new RegExp(`^usage: fapilog-tamper ${name} `));
    const command = await commands.find((row) => row.name === name)?.load();
    for (const flag of Object.keys(command?.flags ?? {})) expect(stdout).toContain(`--${flag}`);
  });

  it.each(commands.map(({ name }) => name))('%s has examples, and it knows the flags in them', async (name) => {
    const { stdout } = await runCommand(['help', ...name.split(' ')]);
    const program = `fapilog-tamper ${name}`;
    const lines = [...stdout.matchAll(/^ {2}(.*)$/gm)].map(([, text = '']) => text);
    const examples = lines.filter((text) => text === program || text.includes(`${program} `));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    expect(examples.length).toBeLessThanOrEqual(3);
    for (const example of examples) {
      const ours = example.slice(example.indexOf(program) + program.length).replace(/ [|<>] .*$/, '');
      const args = [...ours.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
      const { code, stderr } = await runCommand([...name.split(' '), ...args, '--help']);
      expect([code, stderr], example).toEqual([0, '']);
    }
  });

  it.each([
    ['an unknown flag', ['keygen', '--ouput', 'x'], 'unknown flag --ouput', 'Did you mean --out?'],
    ['an unknown short flag', ['keygen', '-x'], 'unknown flag --x', 'Did you mean'],
    ['a misspelt option', ['doctor', '--key-sorce', 'env'], 'unknown flag --key-sorce', 'Did you mean --key-source?'],
    [
      'the beginning of an option',
      ['doctor', '--key-file', 'x'],
      'unknown flag --key-file',
      'Did you mean --key-file-path?',
    ],
    [
      'the option file by the name that seal has for it',
      ['doctor', '--out', 'x'],
      'unknown flag --out',
      'Did you mean --file?',
    ],
    ['a missing value', ['keygen', '--out'], "Option '--out <value>' argument missing", undefined],
    [
      'a wrong value',
      ['doctor', '--checkpoint-max-records', '1e3'],
      'option checkpointMaxRecords (flag --checkpoint-max-records) must be a whole number, not "1e3"',
      'docs/configuration.md',
    ],
    ['a secret', ['doctor', '--vault-token', 'hvs.canary'], '--vault-token is refused', 'Use VAULT_TOKEN'],
  ])('refuses %s', async (_, argv, message, hint) => {
    const { code, stdout, stderr } = await built.run(argv);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(message);
    if (hint !== undefined) expect(stderr).toContain(hint);
    expect(stderr).not.toContain('canary');
    expect(stderr).not.toContain('    at ');
  });

  it('prints control characters of a file name as text', async () => {
    const { stderr } = await built.run(['doctor', '--config', 'a\u001b[31mb']);
    expect(stderr).toContain('a\\u{1b}[31mb');
    expect(stderr).not.toContain('\u001b');
  });
});

describe('exit codes', () => {
  const cases: [TamperErrorCode, number][] = [
    ['USAGE', 64],
    ['CONFIG_INVALID', 64],
    ['CONFIG_UNREADABLE', 64],
    ['POLICY_INVALID', 64],
    ['INSECURE_ENDPOINT', 64],
    ['KEY_NOT_FOUND', 2],
    ['UNAVAILABLE', 2],
    ['WRITE_FAILED', 2],
    ['DEPENDENCY_MISSING', 2],
    ['INTERNAL', 70],
  ];
  it.each(cases)('%s is %i', (code, exit) => expect(exitCodeOf(new TamperError(code, 'x'))).toBe(exit));

  it('anything else is our bug, never a verdict', () => {
    for (const thrown of [new Error('x'), new TypeError('x'), 'x', undefined]) expect(exitCodeOf(thrown)).toBe(70);
  });
});
