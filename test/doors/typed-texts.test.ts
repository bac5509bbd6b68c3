import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { runCommand } from '../support/command-line.ts';

/**
 * Every text that a person can type, given a secret in its place: nothing that a command says repeats it. The flags are those of
 * the commands' own tables and of the options' schema, so that a new one is tried without being named here.
 */

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const body = pem.split('\n')[1] ?? '';
/** A secret, and the parts of it that no output may hold. */
const secrets: Readonly<Record<string, readonly [text: string, ...parts: string[]]>> = {
  'a private key': [pem, body],
  'a data key in base64': (() => {
    const key = randomBytes(32).toString('base64');
    return [key, key.slice(0, 40)] as const;
  })(),
  'a data key in hex': ['9f'.concat(randomBytes(31).toString('hex')), ''],
  'a token of Vault': ['hvs.CAESIGmNcA9rY3aR7e1uW2xQv0pT5kL8sD4fG6hJ', 'CAESIGmNcA9rY3aR7e1uW2xQv0pT5kL8sD4fG6hJ'],
  'a URL with a password': ['https://user:hunter2-Tr0ub4dor@host.example/p', 'hunter2-Tr0ub4dor'],
  'the same, in another case': ['HTTPS://user:hunter2-Tr0ub4dor@host.example/p', 'hunter2-Tr0ub4dor'],
};

// what is typed as a path is made below the working directory
const before = process.cwd();
beforeAll(() => process.chdir(mkdtempSync(join(tmpdir(), 'typed-'))));
afterAll(() => {
  const made = process.cwd();
  process.chdir(before);
  rmSync(made, { recursive: true });
});

/** What ends at once without anything being listened to or written: the demonstration and the queue have doors of their own. */
const tried = commands.filter(({ name }) => !['demo', 'audit work', 'audit enqueue', 'audit collect'].includes(name));

async function placesOf(name: string): Promise<string[][]> {
  const row = commands.find((one) => one.name === name) ?? expect.fail(name);
  const { specs, takesConfig } = await row.load();
  const { readFlags, optionNames } = await import('../../src/internal.ts');
  expect(readFlags([], specs, takesConfig).positionals).toEqual([]);
  const options = takesConfig
    ? optionNames.map((one) => one.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`))
    : [];
  const flags = [...Object.keys(specs), ...options];
  return [['SECRET'], ['--SECRET'], ...flags.flatMap((flag) => [[`--${flag}`, 'SECRET'], [`--${flag}=SECRET`]])];
}

describe.each(Object.entries(secrets))('%s', (_, [secret, ...parts]) => {
  const hidden = [secret.trim(), ...parts].filter((part) => part !== '');

  it.each(tried.map(({ name }) => name))('in any place of the command line of %s', async (name) => {
    for (const place of await placesOf(name)) {
      const argv = [...name.split(' '), ...place.map((word) => word.replace('SECRET', secret))];
      const { stdout, stderr } = await runCommand(argv);
      for (const part of hidden) expect.soft(`${stdout}${stderr}`, place.join(' ')).not.toContain(part);
    }
  });

  it('in the place of the command', async () => {
    for (const argv of [[secret], [`--${secret}`], ['help', secret], ['keys', secret], ['policy', secret]]) {
      const { stdout, stderr } = await runCommand(argv);
      for (const part of hidden) expect.soft(`${stdout}${stderr}`).not.toContain(part);
    }
  });
});
