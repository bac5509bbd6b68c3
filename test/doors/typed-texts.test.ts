import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { createSealer, type SealerOptions } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { runCommand } from '../support/command-line.ts';
import { times } from '../support/tier.ts';
import { commandLine, nameOf, places } from './odd-places.ts';

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
beforeAll(() => {
  process.chdir(mkdtempSync(join(tmpdir(), 'typed-')));
  writeFileSync('blocked', 'no directory');
});
afterAll(() => {
  const made = process.cwd();
  process.chdir(before);
  rmSync(made, { recursive: true });
});

/** What ends at once without anything being listened to or written: the demonstration and the queue have doors of their own. */
const tried = commands.filter(({ name }) => !['demo', 'audit work', 'audit enqueue', 'audit collect'].includes(name));

async function flagsOf(name: string): Promise<string[]> {
  const row = commands.find((one) => one.name === name) ?? expect.fail(name);
  const { specs, takesConfig } = await row.load();
  const { readFlags, optionNames } = await import('../../src/internal.ts');
  expect(readFlags([], specs, takesConfig).positionals).toEqual([]);
  const options = takesConfig
    ? optionNames.map((one) => one.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`))
    : [];
  return [...Object.keys(specs), ...options];
}

async function placesOf(name: string): Promise<string[][]> {
  const flags = await flagsOf(name);
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

  it('in the place of a file that a key service needs', async () => {
    const looked = (await places()).filter(({ name, flag }) => name === 'doctor' && flag !== undefined);
    expect(looked.length).toBeGreaterThan(10);
    for (const place of looked) {
      vi.stubEnv('VAULT_TOKEN', place.flag === 'vault-token-file' ? '' : 'of-no-vault'); // else nothing more is looked at
      const { stdout, stderr } = await runCommand(commandLine(place, (path) => join(process.cwd(), path), secret));
      for (const part of hidden) expect.soft(`${stdout}${stderr}`, nameOf(place)).not.toContain(part);
    }
    vi.unstubAllEnvs();
  });

  it('in the place of the command', async () => {
    for (const argv of [[secret], [`--${secret}`], ['help', secret], ['keys', secret], ['policy', secret]]) {
      const { stdout, stderr } = await runCommand(argv);
      for (const part of hidden) expect.soft(`${stdout}${stderr}`).not.toContain(part);
    }
  });
});

/*
 * Combinations of flags, variables, members of a configuration in code and what must not be in them, by a seed: no output, no
 * error, no cause of one and no event repeats it.
 */

const COMBINATIONS = times(60, 5_000);

const pemOf = (type: 'ed25519' | 'x25519'): string => {
  const { privateKey } = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
};
const word = (): string => randomBytes(24).toString('base64url').replaceAll(/[-_]/g, 'x');
/** Each makes a secret, and the part of it that nothing may repeat. */
const makers: readonly (() => readonly [text: string, part: string])[] = [
  () => {
    const text = pemOf('ed25519');
    return [text, text.split('\n')[1] ?? ''];
  },
  () => {
    const text = pemOf('x25519').replaceAll('\n', '\\n');
    return [text, text.split('\\n')[1] ?? ''];
  },
  () => {
    const text = randomBytes(32).toString('base64');
    return [text, text.slice(0, 40)];
  },
  () => {
    const text = randomBytes(32).toString('hex');
    return [text, text.slice(0, 60)];
  },
  () => {
    const secret = word();
    return [`hvs.${secret}`, secret];
  },
  () => {
    const secret = word();
    return [`https://user:${secret}@host.example/p`, secret];
  },
  () => {
    const secret = word();
    return [`HTTPS://:${secret}@host.example/`, secret];
  },
];

/** Numbers from 0 to 1 that a seed decides. */
function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

it(`${COMBINATIONS} combinations of places and secrets`, { timeout: 3_600_000 }, async () => {
  const seed = Number(process.env['FAPILOG_TEST_SEED'] ?? 1);
  const next = numbersOf(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const { optionNames } = await import('../../src/internal.ts');
  const variables = [
    ...optionNames.map((one) => `FAPILOG_TAMPER_${one.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`),
    ...['FAPILOG_TAMPER_KEY', 'FAPILOG_TAMPER_ENGINE', 'VAULT_TOKEN', 'VAULT_NAMESPACE', 'REDIS_URL', 'REDIS_PASSWORD'],
  ];
  const began = performance.now();
  const said = { anything: 0, json: 0, inCode: 0, causes: 0 };
  for (let at = 0; at < COMBINATIONS; at++) {
    const parts: string[] = [];
    const places: string[] = [];
    const secretAt = (place: string): string => {
      const [text, part] = pick(makers)();
      parts.push(part);
      places.push(place);
      return text;
    };
    let output: string;
    if (next() < 0.2) {
      const names = Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(optionNames));
      const options = Object.fromEntries(
        names.map((name) => {
          const text = secretAt(`option ${name}`);
          return [name, name === 'anchors' ? [text] : text];
        }),
      );
      output = await inCode(options, pick([undefined, 'blocked', `logs-${at}`]));
      said.inCode++;
      if (output.includes('[cause]')) said.causes++;
    } else {
      const row = pick(tried);
      const flags = await flagsOf(row.name);
      const argv = row.name.split(' ');
      const count = 1 + Math.floor(next() * 3);
      for (let each = 0; each < count; each++) {
        const flag = pick(flags);
        const way = next();
        if (way < 0.4) argv.push(`--${flag}`, secretAt(`--${flag}`));
        else if (way < 0.8) argv.push(`--${flag}=${secretAt(`--${flag}=`)}`);
        else if (way < 0.9) argv.push(secretAt('an argument'));
        else argv.push(`--${secretAt('a flag')}`);
      }
      if (next() < 0.3 && flags.includes('format')) argv.push('--format', 'json');
      const names = Array.from({ length: Math.floor(next() * 3) }, () => pick(variables));
      const env = Object.fromEntries(names.map((name) => [name, secretAt(`variable ${name}`)]));
      const { stdout, stderr } = await runCommand(argv, { env, input: next() < 0.1 ? secretAt('input') : '' });
      output = stdout + stderr;
      if (argv.includes('json')) said.json++;
      // a line that is sealed is in the log, and a tool that shows a log shows its lines
      if (places.at(-1) === 'input') parts.pop();
    }
    if (output !== '') said.anything++;
    for (const part of parts) expect(output, `${at} of seed ${seed}: ${places.join(', ')}`).not.toContain(part);
  }
  const { anything, causes: _rare, ...of } = said;
  console.info(
    `${COMBINATIONS} combinations in ${((performance.now() - began) / 1_000).toFixed(0)} s, ${anything} of which something was said of: ${JSON.stringify(said)}`,
  );
  expect(anything).toBeGreaterThan(COMBINATIONS / 2);
  expect(Math.min(...Object.values(of))).toBeGreaterThan(0);
});

/**
 * What a sealer throws and says in events, with all causes. The options stand alone, or take the places of some of those of a sealer
 * that would run in a folder, or that cannot have its file there: what is wrong with them is found later then, or not at all.
 */
async function inCode(typed: Readonly<Record<string, unknown>>, folder: string | undefined): Promise<string> {
  const heard: unknown[] = [];
  const provider = new MemoryProvider();
  const working: SealerOptions = {
    file: `${folder}/audit.jsonl`,
    origin: 'doors.example.com/typed',
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'audit',
    keyProvider: provider,
  };
  try {
    const sealer = createSealer({ ...(folder !== undefined && working), ...typed } as SealerOptions);
    for (const event of ['warning', 'error', 'kept', 'checkpoint', 'close'] as const)
      sealer.on(event as 'warning', (said) => heard.push(said));
    sealer.write('{"n":1}');
    await sealer.ready.catch((error: unknown) => heard.push(error));
    await sealer.close().catch((error: unknown) => heard.push(error));
  } catch (error) {
    heard.push(error);
  } finally {
    await provider.close();
  }
  return `${inspect(heard, { depth: 10, showHidden: true })}${JSON.stringify(heard)}`;
}
