import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { createSealer } from '../../src/index.ts';
import { optionNames, readFlags } from '../../src/internal.ts';
import { runCommand } from '../support/command-line.ts';
import { times } from '../support/tier.ts';

/**
 * Combinations of flags, variables, members of a configuration in code and what must not be in them, by a seed: no output, no
 * error, no cause of one and no event repeats it.
 */

const COMBINATIONS = times(150, 10_000);

const pem = (type: 'ed25519' | 'x25519'): string => {
  const { privateKey } = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
};
const word = (): string => randomBytes(24).toString('base64url').replaceAll(/[-_]/g, 'x');
/** Each makes a secret, and the part of it that nothing may repeat. */
const makers: readonly (() => readonly [text: string, part: string])[] = [
  () => {
    const text = pem('ed25519');
    return [text, text.split('\n')[1] ?? ''];
  },
  () => {
    const text = pem('x25519').replaceAll('\n', '\\n');
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

/** Places of the environment besides the options' own. */
const variables = [
  ...optionNames.map((name) => `FAPILOG_TAMPER_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`),
  'FAPILOG_TAMPER_KEY',
  'FAPILOG_TAMPER_ENGINE',
  'VAULT_TOKEN',
  'VAULT_NAMESPACE',
  'REDIS_URL',
  'REDIS_PASSWORD',
  'NO_COLOR',
];

const before = process.cwd();
beforeAll(() => process.chdir(mkdtempSync(join(tmpdir(), 'combined-'))));
afterAll(() => {
  const made = process.cwd();
  process.chdir(before);
  rmSync(made, { recursive: true });
});

/** Numbers from 0 to 1 that a seed decides. */
function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** What ends at once: the demonstration and the queue go on until they are stopped. */
const tried = commands.filter(({ name }) => !['demo', 'audit work', 'audit enqueue', 'audit collect'].includes(name));

async function flagsOf(row: (typeof commands)[number]): Promise<string[]> {
  const { specs, takesConfig } = await row.load();
  readFlags([], specs, takesConfig);
  const options = optionNames.map((one) => one.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
  return [...Object.keys(specs), ...(takesConfig ? options : [])];
}

it(`${COMBINATIONS} combinations of places and secrets`, { timeout: 3_600_000 }, async () => {
  const seed = Number(process.env['FAPILOG_TEST_SEED'] ?? 1);
  const next = numbersOf(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const began = performance.now();
  let said = 0;
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
      const options = Object.fromEntries(names.map((name) => [name, secretAt(`option ${name}`)]));
      output = inCode(options);
    } else {
      const row = pick(tried);
      const flags = await flagsOf(row);
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
      // a line that is sealed is in the log, and a tool that shows a log shows its lines
      if (places.at(-1) === 'input') parts.pop();
    }
    if (output !== '') said++;
    for (const part of parts) expect(output, `${at} of seed ${seed}: ${places.join(', ')}`).not.toContain(part);
  }
  console.info(
    `${COMBINATIONS} combinations in ${((performance.now() - began) / 1_000).toFixed(0)} s, ${said} of which something was said of`,
  );
  expect(said).toBeGreaterThan(COMBINATIONS / 2);
});

/** What a sealer made with these options throws, with its causes. */
function inCode(options: Record<string, string>): string {
  try {
    const sealer = createSealer(options as unknown as Parameters<typeof createSealer>[0]);
    const events: unknown[] = [];
    sealer.on('warning', (event) => events.push(event)).on('error', (event) => events.push(event));
    sealer.closeSync();
    return inspect(events, { depth: 10, showHidden: true });
  } catch (error) {
    return `${inspect(error, { depth: 10, showHidden: true })}${JSON.stringify(error)}`;
  }
}
