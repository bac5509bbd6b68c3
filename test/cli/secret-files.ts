import { createHash, createPrivateKey } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPolicy } from '../../src/index.ts';
import { runCommand } from '../support/command-line.ts';

/** A file that was mistaken for another is described and never quoted: it may hold a key. */

const sample = fileURLToPath(new URL('../samples/h04-both.jsonl', import.meta.url));
const origin = 'audit.example.com/payments/go-1';
let directory = '';
let log = '';
let server: Server;
let vault = '';

/** 32 bytes that are the same in each run of the test. */
const secretBytes = (at: number): Buffer => createHash('sha256').update(`secret ${at}`).digest();

function pemBody(seed: Buffer): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return key.export({ format: 'der', type: 'pkcs8' }).toString('base64');
}

/** How a key's text stands in a file: the text that must not be seen, and the file. */
const spellings: readonly ((key: Buffer) => {
  readonly text: string | Buffer;
  readonly file?: (text: string) => string;
})[] = [
  (key) => ({ text: key.toString('hex') }),
  (key) => ({ text: key.toString('hex'), file: (text) => `${text}\n` }),
  (key) => ({ text: key.toString('hex').toUpperCase(), file: (text) => `${text}\r\n` }),
  (key) => ({ text: key.toString('base64'), file: (text) => `${text}\n` }),
  (key) => ({ text: key.toString('base64url') }),
  (key) => ({ text: key }),
  (key) => ({ text: Buffer.concat([key, Buffer.from('\n')]) }),
  (key) => ({
    text: pemBody(key),
    file: (text) => `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n`,
  }),
  (key) => ({ text: key.toString('hex'), file: (text) => `0x${text}\n` }),
  (key) => ({ text: key.toString('base64'), file: (text) => `"${text}"` }),
  (key) => ({ text: key.toString('base64'), file: (text) => `{"key":"${text}"}\n` }),
  (key) => ({ text: key.toString('hex'), file: (text) => `{"${text}":1}\n` }),
  (key) => ({ text: key.toString('base64url'), file: (text) => `key: ${text}\n` }),
  (key) => ({ text: key.toString('hex'), file: (text) => `version: 1\nstreams: ${text}\n` }),
  (key) => ({ text: key.toString('hex'), file: (text) => `version: 1\n${text}: 1\n` }),
  (key) => ({ text: key.toString('base64'), file: (text) => `FAPILOG_TAMPER_KEY=${text}\n` }),
  (key) => ({ text: key.toString('base64'), file: (text) => `key_source: ${text}\n` }),
  (key) => ({ text: key.toString('hex'), file: (text) => `file: "{${text}}"\n` }),
  (key) => ({ text: key.toString('hex'), file: (text) => `data: !${text} 1\n` }),
  (key) => ({ text: key.toString('hex'), file: (text) => `%${text}\n---\na: *${text}\n` }),
  (key) => ({ text: key.toString('base64'), file: (text) => `audit.example.com/a+0011aabb+${text}\n` }),
  (key) => ({ text: key.toString('hex'), file: (text) => `# ${text}\naudit: "${text}\n` }),
  (key) => ({
    text: key.toString('base64'),
    file: (text) => `{"fapilog-tamper":"recovered data keys","version":1,"keys":1}\n${text} {"origin":"o"}\n`,
  }),
  (key) => ({
    text: key.toString('hex'),
    file: (text) => `{"fapilog-tamper":"recovered data keys","version":${text},"keys":1}\n`,
  }),
  (key) => ({
    text: key.toString('hex'),
    file: (text) => `{"version":1,"streams":{"${text}":{"first":"x","newest":"y"}}}`,
  }),
  (key) => ({
    text: key.toString('hex'),
    file: (text) => `{"version":1,"streams":{"a":{"first":"${text}","newest":"y"}}}`,
  }),
];

interface Secret {
  readonly text: Buffer;
  readonly content: Buffer;
  readonly name: string;
}

function secretFile(_: unknown, at: number): Secret {
  const { text, file } = spellings[at % spellings.length]?.(secretBytes(at)) ?? { text: '' };
  const content = Buffer.isBuffer(text) ? text : Buffer.from(file?.(text) ?? text);
  return { text: Buffer.isBuffer(text) ? text : Buffer.from(text), content, name: `${at}` };
}

let secrets: readonly Secret[] = [];

const verifying: Readonly<Record<string, (path: string) => string[]>> = {
  '--public-key': (path) => ['--public-key', path],
  '--policy': (path) => ['--policy', path],
  '--since': (path) => ['--since', path],
  '--known': (path) => ['--known', path],
  '--config': (path) => ['--config', path],
  '--manifest': (path) => ['--manifest', path],
  '--keys': (path) => ['--keys', path],
  'a pin': (path) => {
    const policy = join(directory, `pins-${path.split('/').at(-1)}.yaml`);
    writeFileSync(policy, `version: 1\nstreams: [{ origin: ${origin}, pins: ["${path}"] }]\n`);
    return ['--policy', policy];
  },
  '--key-file-path': (path) => ['--key-source', 'file', '--key-file-path', path],
  '--signing-key-file-path': (path) => {
    return ['--signing-key-id', 's', '--signing-key-source', 'file', '--signing-key-file-path', path];
  },
};

const configured: Readonly<Record<string, (path: string) => string[]>> = {
  '--config': (path) => ['--config', path],
  '--key-file-path': (path) => ['--key-source', 'file', '--key-file-path', path],
  '--key-file-path of a signing key': (path) => [
    '--algorithm',
    'Ed25519',
    '--key-source',
    'file',
    '--key-file-path',
    path,
  ],
  '--signing-key-file-path': (path) => {
    return ['--signing-key-id', 's', '--signing-key-source', 'file', '--signing-key-file-path', path];
  },
  '--key-provider-module': (path) => ['--key-source', 'custom', '--key-id', 'k', '--key-provider-module', path],
  '--vault-token-file': (path) => [...atVault(), '--vault-token-file', path],
  '--vault-secret-id-file': (path) => {
    return [...atVault(), '--vault-auth-method', 'approle', '--vault-role', 'r', '--vault-secret-id-file', path];
  },
  '--vault-jwt-path': (path) => {
    return [...atVault(), '--vault-auth-method', 'kubernetes', '--vault-role', 'r', '--vault-jwt-path', path];
  },
  '--vault-ca-file': (path) => [...atVault('https'), '--vault-ca-file', path],
  '--vault-client-key-file': (path) => {
    return [...atVault('https'), '--vault-client-cert-file', path, '--vault-client-key-file', path];
  },
};

function atVault(scheme = 'http'): string[] {
  const address = vault.replace('http', scheme);
  return ['--key-source', 'vault', '--vault-path', 'transit/keys/k', '--vault-addr', address];
}

let places = 0;
/** A state directory whose state of the stream holds the secret. */
function stateHolding(content: Buffer): string {
  const place = join(directory, `state-${++places}`);
  mkdirSync(place, { mode: 0o700 });
  const name = createHash('sha256').update('o/a').digest('hex');
  writeFileSync(join(place, `${name}.chainstate`), content, { mode: 0o600 });
  return place;
}

/** A file that is not there yet. */
const unused = (): string => join(directory, `new-${++places}`);

const others: Readonly<Record<string, (path: string, content: Buffer) => string[]>> = {
  'verify PATH': (path) => ['verify', path, '--origin', origin],
  'verify --demux PATH': (path) => ['verify', path, '--origin', 'audit.example.com/*', '--demux'],
  'cat PATH': (path) => ['cat', path],
  'inspect PATH': (path) => ['inspect', path],
  'policy init PATH': (path) => ['policy', 'init', path],
  'keys show PATH': (path) => ['keys', 'show', path],
  'keys recover PATH': (path) => ['keys', 'recover', path, '--origin', origin, '--out', unused()],
  'keys recover --out': (path) => ['keys', 'recover', log, '--origin', origin, '--out', path],
  'keys recover --keys': (path) => ['keys', 'recover', log, '--origin', origin, '--out', unused(), '--keys', path],
  'keys recover --policy': (path) => ['keys', 'recover', log, '--out', unused(), '--policy', path],
  'keys recover --config': (path) => ['keys', 'recover', log, '--origin', origin, '--out', unused(), '--config', path],
  'keygen --out': (path) => ['keygen', '--out', path],
  'recover FILE': (path) => [
    'recover',
    path,
    '--reason',
    'x',
    '--origin',
    'o/a',
    '--state-dir',
    join(directory, `s${++places}`),
  ],
  'recover --state-dir': (_, content) => {
    return [
      'recover',
      join(directory, 'x.jsonl'),
      '--reason',
      'x',
      '--origin',
      'o/a',
      '--state-dir',
      stateHolding(content),
    ];
  },
  'recover --config': (path) => ['recover', join(directory, 'x.jsonl'), '--reason', 'x', '--config', path],
};

/** The first 6 bytes of a secret's text that were printed. */
function leak(text: Buffer, outputs: readonly string[]): string | undefined {
  const printed = outputs.map((output) => output.replaceAll(directory, ''));
  for (const spelled of [text.toString('latin1'), JSON.stringify(text.toString('utf8')), text.toString('hex')]) {
    for (let at = 0; at + 6 <= spelled.length; at++) {
      const piece = spelled.slice(at, at + 6);
      if (/^(\\ufffd|ufffd\\|[\\ufd]+)/.test(piece)) continue;
      if (printed.some((output) => output.includes(piece))) return piece;
    }
  }
  return undefined;
}

async function tryAll(argv: (path: string, content: Buffer) => string[]): Promise<string[]> {
  const leaks: string[] = [];
  for (const { text, content, name } of secrets) {
    const path = join(directory, `s-${++places}`);
    writeFileSync(path, content, { mode: 0o600 });
    const args = argv(path, content);
    const { code, stdout, stderr } = await runCommand(args, { env: { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) } });
    const piece = leak(text, [stdout, stderr]);
    if (piece !== undefined) leaks.push(`${name} (${JSON.stringify(piece)}): ${stdout}${stderr}`);
    if (code === 70) leaks.push(`${name} is called our bug: ${stderr}`);
  }
  return leaks;
}

/** Each spelling once with 26 of them. */
export function secretFiles(count: number): void {
  secrets = Array.from({ length: count }, secretFile);
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'secret-'));
    log = join(directory, 'log.jsonl');
    copyFileSync(sample, log);
    server = createServer((_request, response) => response.writeHead(403).end('{"errors":["permission denied"]}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    vault = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  describe('no byte of a secret is printed that was passed to', () => {
    it.each(Object.entries(verifying))('verify and cat, as %s', async (_, flags) => {
      expect(await tryAll((path) => ['verify', log, '--origin', origin, ...flags(path)])).toEqual([]);
      expect(await tryAll((path) => ['cat', '--verified', log, '--origin', origin, ...flags(path)])).toEqual([]);
    });

    it.each(Object.entries(configured))('doctor, as %s', async (_, flags) => {
      expect(await tryAll((path) => ['doctor', ...flags(path)])).toEqual([]);
    });

    it.each(Object.entries(configured))('seal, as %s', async (_, flags) => {
      const sealing = (): string[] => {
        const place = join(directory, `o-${++places}`);
        return [
          'seal',
          '--origin',
          'o/a',
          '--out',
          `${place}.jsonl`,
          '--state-dir',
          place,
          '--on-start-failure',
          'stop',
        ];
      };
      expect(await tryAll((path) => [...sealing(), ...flags(path)])).toEqual([]);
    });

    it.each(Object.entries(others))('%s', async (_, argv) => {
      expect(await tryAll(argv)).toEqual([]);
    });

    it('a program, not in an error either, nor in what caused it', async () => {
      for (const { text, content } of secrets) {
        const path = join(directory, `s-${++places}`);
        writeFileSync(path, content, { mode: 0o600 });
        const error: unknown = await loadPolicy(path).catch((one: unknown) => one);
        const { inspect } = await import('node:util');
        expect(leak(text, [inspect(error, { depth: 9 })])).toBeUndefined();
      }
    });
  });
}
