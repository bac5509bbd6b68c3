import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from '../support/command-line.ts';
import { fleetKey, fleetLog, fleetVkey } from '../support/topic-logs.ts';

/**
 * Puts one kind of odd file in the place of every path that a command takes, in a process of its own, since one that waits for a pipe
 * waits for good: `node --import ./test/child/typescript.mjs test/doors/putting.ts KIND`. It prints a line of JSON before each place
 * and one after it.
 */

/** What came of one place. */
export interface Put {
  readonly place: string;
  /** Undefined: it has begun. */
  readonly code?: number | 'never ends';
  readonly text?: string;
  /** What the link leads to, where the kind is one, was changed or made. */
  readonly touched?: boolean;
}

export const kinds: Readonly<Record<string, (path: string, victim: string) => unknown>> = {
  pipe: (path) => execFileSync('mkfifo', [path]),
  socket: (path) => new Promise<void>((resolve) => void createServer().listen(path, resolve).unref()),
  directory: (path) => mkdirSync(path),
  device: (path) => symlinkSync('/dev/zero', path),
  'link to a file of somebody': (path, victim) => {
    writeFileSync(victim, 'mine\n');
    symlinkSync(victim, path);
  },
  'link to itself': (path) => symlinkSync(path, path),
  'link to nothing': (path, victim) => symlinkSync(victim, path),
};

const ORIGIN = 'doors.example.com/put';
const NEVER_MS = 30_000;
/** How commands' own tables call what is a path. */
const isPath = (takes = ''): boolean => /FILE|PATH|DIRECTORY|NOTE|PLACE|\.tsr/.test(takes);
/** Options that are paths; `vault_path` names a key. */
const isPathOption = (name: string): boolean =>
  /_(?:file|path|dir|module)$|^file$|^anchors$/.test(name) && name !== 'vault_path';
/** They wait for a Redis, and take the paths of `audit`. */
const isTried = (name: string): boolean => !/^audit ./.test(name);

type At = (path: string) => string;

/** A command line that works without what is put. */
function working(name: string, at: At): string[] {
  const keys = ['--origin', ORIGIN, '--public-key', at('signer.pub'), '--key-env', 'KEY'];
  const writer = ['--origin', ORIGIN, '--key-source', 'env', '--key-id', 'audit', '--state-dir', at('state')];
  const asked = ['--origin', ORIGIN, '--url', 'http://127.0.0.1:9'];
  const lines: Readonly<Record<string, readonly string[]>> = {
    seal: ['--out', at('new.jsonl'), '--on-start-failure', 'stop', '--close-timeout-seconds', '1', ...writer],
    doctor: ['--file', at('new.jsonl'), ...writer],
    verify: [at('log.jsonl'), ...keys],
    audit: [at('log.jsonl'), '--memory', at('memory'), ...keys],
    prove: [at('log.jsonl'), '--seq', '2', ...keys],
    attest: [
      at('log.jsonl'),
      ...keys,
      '--key-source',
      'file',
      '--key-file-path',
      at('signer.key'),
      '--algorithm',
      'Ed25519',
    ],
    cat: [at('log.jsonl'), '--verified', ...keys],
    inspect: [at('log.jsonl')],
    witness: [at('log.jsonl'), ...asked, '--witness', fleetVkey, '--out', at('out')],
    timestamp: [at('log.jsonl'), ...asked, '--tsa-certificate', at('signer.pub'), '--out', at('out')],
    recover: ['--reason', 'a test', ...writer],
    'keys show': [at('log.jsonl')],
    'keys recover': [at('log.jsonl'), '--out', at('recovered'), '--origin', ORIGIN],
    'policy init': [at('log.jsonl')],
  };
  return [...name.split(' '), ...(lines[name] ?? [])];
}

const VAULT = ['--key-source', 'vault', '--vault-path', 'transit/keys/audit', '--vault-addr', 'https://127.0.0.1:9'];

/** What a flag goes with, and is not looked at without. */
const goesWith: Readonly<Record<string, (at: At) => readonly string[]>> = {
  timestamp: (at) => ['--tsa-certificate', at('signer.pub')],
  'tsa-certificate': (at) => ['--timestamp', at('stamp.tsr')],
  state: () => ['--from', 'kafka://127.0.0.1:9/t'],
  'webhook-secret-file': () => ['--watch', '--webhook', 'http://127.0.0.1:9'],
  'key-file-path': () => ['--key-source', 'file'],
  'key-provider-module': () => ['--key-source', 'custom'],
  'signing-key-file-path': () => ['--signing-key-id', 'sign', '--signing-key-source', 'file'],
  'post-quantum-key-file-path': () => ['--post-quantum-key-id', 'later', '--post-quantum-key-source', 'file'],
  'vault-token-file': () => VAULT,
  'vault-secret-id-file': () => [...VAULT, '--vault-auth-method', 'approle', '--vault-role', 'r'],
  'vault-jwt-path': () => [...VAULT, '--vault-auth-method', 'kubernetes', '--vault-role', 'r'],
  'vault-ca-file': () => VAULT,
  'vault-client-cert-file': (at) => [...VAULT, '--vault-client-key-file', at('signer.key')],
  'vault-client-key-file': (at) => [...VAULT, '--vault-client-cert-file', at('signer.pub')],
};

/** A command line with other flags in the place of those of the same names. */
function replaced(argv: readonly string[], by: readonly string[]): string[] {
  const names = new Set(by.filter((word) => word.startsWith('--')));
  const isGone = (word: string | undefined): boolean => word !== undefined && names.has(word) && !LISTS.has(word);
  return [...argv.filter((word, index) => !isGone(word) && !isGone(argv[index - 1])), ...by];
}
/** They are given in addition. */
const LISTS = new Set(['--public-key', '--timestamp', '--tsa-certificate']);

/** A place of a path; without a flag it is an argument. */
interface Place {
  readonly name: string;
  readonly flag?: string;
}

const SUBCOMMANDS: Readonly<Record<string, readonly string[]>> = {
  keys: ['keys show', 'keys recover'],
  policy: ['policy init'],
};
/** `keys show` takes paths alone. */
const hasFlag = (name: string): boolean => name !== 'keys show';

/** Every place of a path, as the help of the commands has them, and of the options as they are documented, which the writer's commands take. */
async function places(): Promise<Place[]> {
  const documented = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const options = [...documented.matchAll(/^\| `([a-z_]+)`/gm)]
    .flatMap(([, one = '']) => (isPathOption(one) ? [one] : []))
    .map((one) => one.replaceAll('_', '-'));
  const rows = [...(await runCommand(['help'])).stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}/gm)];
  const found: Place[] = [];
  for (const row of rows.map(([, name = '']) => name).filter(isTried)) {
    const { stdout } = await runCommand(['help', ...row.split(' ')]);
    const flags = [...stdout.matchAll(/^ {2}--([a-z-]+) (\S+) {2,}/gm)];
    const own = flags.flatMap(([, flag = '', takes]) => (isPath(takes) ? [flag] : []));
    for (const name of SUBCOMMANDS[row] ?? [row]) {
      const isWriter = ['seal', 'doctor'].includes(name);
      for (const flag of hasFlag(name) ? [...own, ...(isWriter ? options : [])] : []) found.push({ name, flag });
      if (!isWriter && !['keygen', 'demo'].includes(name)) found.push({ name });
    }
  }
  return found;
}

async function main([kind = '']: string[]): Promise<void> {
  const make = kinds[kind];
  if (make === undefined) throw new Error(`no kind ${kind}`);
  const root = mkdtempSync(join(tmpdir(), 'putting-'));
  const say = (line: Put): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  try {
    for (const { name, flag } of await places()) {
      const place = `${name} ${flag === undefined ? 'PATH' : `--${flag}`}`;
      say({ place });
      const directory = mkdtempSync(join(root, 'p-'));
      process.chdir(directory);
      const at = (path: string): string => join(directory, path);
      writeFileSync(
        at('log.jsonl'),
        `${fleetLog(ORIGIN, 5)
          .lines.map(({ bytes }) => bytes)
          .join('\n')}\n`,
      );
      writeFileSync(at('signer.pub'), `${fleetVkey}\n`);
      await runCommand(['keygen', '--algorithm', 'Ed25519', '--out', at('signer.key')]);
      await make(at('odd'), at('victim'));
      const before = existsSync(at('victim')) ? readFileSync(at('victim'), 'utf8') : undefined;
      const put = flag === undefined ? [at('odd')] : [...(goesWith[flag]?.(at) ?? []), `--${flag}`, at('odd')];
      const argv = replaced(
        working(name, at).filter((word) => flag !== undefined || word !== at('log.jsonl')),
        put,
      );
      const env = { KEY: fleetKey, FAPILOG_TAMPER_KEY: fleetKey };
      const never = delay(NEVER_MS, { code: 'never ends' as const, stdout: '', stderr: '' }, { ref: false });
      const { code, stdout, stderr } = await Promise.race([runCommand(argv, { env, input: '{"n":1}\n' }), never]);
      const after = existsSync(at('victim')) ? readFileSync(at('victim'), 'utf8') : undefined;
      say({ place, code, text: `${stdout}${stderr}`.slice(0, 2_000), touched: after !== before });
    }
  } finally {
    process.chdir(tmpdir());
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1]?.endsWith('putting.ts') === true) await main(process.argv.slice(2));
