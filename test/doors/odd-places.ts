import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createLoopbackCa } from '../servers/loopback-ca.mjs';
import { runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { fleetKey, fleetLog, fleetVkey, tamperings } from '../support/topic-logs.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { nextEdKey } from '../vectors/keys.ts';
import { DIRECTORY, type Good, putGood } from './odd-kinds.ts';

/**
 * Every place of a path, as the help of the commands has them, and of the options as they are documented, which the writer's
 * commands take: a new one is tried without being named. And for each a command line that works without what is put there.
 */

export const ORIGIN = 'doors.example.com/put';
/** How commands' own tables call what is a path. */
const isPath = (takes = ''): boolean => /FILE|PATH|DIRECTORY|NOTE|PLACE|\.tsr/.test(takes);
/** Options that are paths; `vault_path` names a key. */
const isPathOption = (name: string): boolean =>
  /_(?:file|path|dir|module)$|^file$|^anchors$/.test(name) && name !== 'vault_path';
const WRITERS = ['seal', 'doctor'];

/** The server that a place is not reached without. */
export function serverOf({ name, flag }: Place): 'redis' | 'kafka' | undefined {
  if (/^audit (?:enqueue|work|collect)$/.test(name)) return 'redis';
  return flag === 'state' ? 'kafka' : undefined;
}

export type At = (path: string) => string;

/** A place of a path; without a flag it is an argument. */
export interface Place {
  readonly name: string;
  readonly flag?: string;
  /** The path is given with a log that was tampered with: in a directory, or named before it. */
  readonly beside?: 'in a directory' | 'named';
}

export const nameOf = ({ name, flag, beside }: Place): string =>
  `${name} ${flag === undefined ? 'PATH' : `--${flag}`}${beside === undefined ? '' : ` beside a log that was tampered with, ${beside}`}`;

/** They take no path as an argument. */
const WITHOUT_PATH = [...WRITERS, 'keygen', 'audit collect', 'completion'];

export async function places(): Promise<Place[]> {
  const documented = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const options = [...documented.matchAll(/^\| `([a-z_]+)`/gm)]
    .flatMap(([, one = '']) => (isPathOption(one) ? [one] : []))
    .map((one) => one.replaceAll('_', '-'));
  const rows = [...(await runCommand(['help'])).stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}/gm)];
  const found: Place[] = [];
  for (const [, name = ''] of rows) {
    const { stdout } = await runCommand(['help', ...name.split(' ')]);
    const flags = [...stdout.matchAll(/^ {2}--([a-z-]+) (\S+) {2,}/gm)];
    const own = flags.flatMap(([, flag = '', takes]) => (isPath(takes) ? [flag] : []));
    for (const flag of [...own, ...(WRITERS.includes(name) ? options : [])]) found.push({ name, flag });
    if (!WITHOUT_PATH.includes(name)) found.push({ name });
    if (name === 'verify' || name === 'audit')
      found.push({ name, beside: 'in a directory' }, { name, beside: 'named' });
  }
  return found;
}

const ca = createLoopbackCa();
const log = fleetLog(ORIGIN, 5);
const lines = log.lines.map(({ bytes }) => bytes);
const text = (of: readonly Buffer[]): string => `${of.join('\n')}\n`;
const ERASURES = 'audit.example.com/erasures';
const erasures = new SealedLog(ERASURES)
  .open({ signers: [nextEdKey] })
  .seal()
  .checkpoint()
  .close()
  .checkpoint();
const witness = witnessKey('witness.example.com/w1').vkey;

/** What lies around in the directory that a command runs in. */
const files: Readonly<Record<string, string>> = {
  'log.jsonl': text(lines),
  'signer.pub': `${fleetVkey}\n`,
  'data.key': `${fleetKey}\n`,
  'note.pem': generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey,
  'ca.pem': ca.caPem,
  'client.pem': ca.issue(['localhost']).certPem,
  'client.key': ca.issue(['localhost']).keyPem,
  'policy.yaml': `version: 1\nstreams:\n  - origin: ${ORIGIN}\n`,
  'erasing.yaml': `version: 1
streams:
  - origin: ${ORIGIN}
  - origin: ${ERASURES}
    require: [signature]
    keys: [{ sign: "${vkeyOf(ERASURES, nextEdKey)}" }]
erasures: [${ERASURES}]
`,
  'erasures.yaml': `origin: ${ERASURES}\nfile: erasures.jsonl\nkey_source: env\nkey_id: erasures\nalgorithm: Ed25519\n`,
  'erasures.jsonl': String(erasures.toFiles()[0]?.bytes),
  'config.yaml': `origin: ${ORIGIN}\n`,
  'witness.vkey': `${witness}\n`,
  'module.mjs': 'export const createProvider = () => ({ source: "none" });\n',
  'stamp.tsr': 'no stamp\n',
  'odd.note': (JSON.parse(String(lines.at(-1))) as { integrity: { note: string } }).integrity.note,
};

export function layOut(at: At): void {
  mkdirSync(at('elsewhere'));
  for (const [name, content] of Object.entries(files)) writeFileSync(at(name), content, { mode: 0o600 });
}

/** The log with a record altered, in a directory in which a path is put. */
export function layOutTampered(directory: string): void {
  mkdirSync(directory);
  writeFileSync(join(directory, 'tampered.jsonl'), text(tamperings(2)['changed byte']?.(lines, log) ?? []));
}

/** What works in a place; what a command makes is not there yet. */
export function goodIn({ name, flag }: Place): Good {
  if (flag === undefined)
    return name === 'audit merge' ? '' : name === 'keys show' ? files['signer.pub'] : files['log.jsonl'];
  if (name === 'erase' && flag === 'policy') return files['erasing.yaml'];
  const known = GOOD[flag];
  return typeof known === 'string' ? files[known] : known;
}
const GOOD: Readonly<Record<string, Good>> = {
  config: 'config.yaml',
  policy: 'policy.yaml',
  erasures: 'erasures.yaml',
  journal: 'erasures.yaml',
  keys: 'data.key',
  'public-key': 'signer.pub',
  witness: 'witness.vkey',
  timestamp: 'stamp.tsr',
  'tsa-certificate': 'ca.pem',
  since: 'odd.note',
  memory: DIRECTORY,
  'state-dir': DIRECTORY,
  tiles: DIRECTORY,
  'webhook-secret-file': 'data.key',
  'redis-password-file': 'data.key',
  'result-key': 'data.key',
  'key-file-path': 'data.key',
  'signing-key-file-path': 'data.key',
  'post-quantum-key-file-path': 'data.key',
  'note-key-file-path': 'note.pem',
  'key-provider-module': 'module.mjs',
  'vault-token-file': 'data.key',
  'vault-secret-id-file': 'data.key',
  'vault-jwt-path': 'data.key',
  'vault-ca-file': 'ca.pem',
  'vault-client-cert-file': 'client.pem',
  'vault-client-key-file': 'client.key',
};

/** A command line that works without what is put. */
function working(name: string, at: At): string[] {
  const keys = ['--origin', ORIGIN, '--public-key', at('signer.pub'), '--key-env', 'KEY'];
  const writer = ['--origin', ORIGIN, '--key-source', 'env', '--key-id', 'audit', '--state-dir', at('state')];
  const asked = ['--origin', ORIGIN, '--url', 'http://127.0.0.1:9'];
  const audit = [at('log.jsonl'), '--memory', at('memory'), ...keys];
  const queue = ['--queue', basename(at(''))];
  const erasing = ['--policy', at('erasing.yaml'), '--erasures', at('erasures.yaml'), '--seq', '4', '--reason', 'r'];
  const commands: Readonly<Record<string, readonly string[]>> = {
    seal: ['--out', at('new.jsonl'), '--on-start-failure', 'stop', '--close-timeout-seconds', '1', ...writer],
    doctor: ['--file', at('new.jsonl'), ...writer],
    verify: [at('log.jsonl'), ...keys],
    audit,
    'audit merge': [at('part.jsonl')],
    'audit enqueue': [...audit, ...queue, '--run', at('run')],
    'audit work': [...audit, ...queue, '--until-done'],
    'audit collect': ['--run', at('run')],
    prove: [at('log.jsonl'), '--seq', '4', ...keys],
    export: [at('log.jsonl'), '--tiles', at('tiles'), ...keys],
    attest: [at('log.jsonl'), ...keys, '--key-source', 'file', '--key-file-path', at('signer.key'), '--algorithm', 'Ed25519'],
    cat: [at('log.jsonl'), '--verified', ...keys],
    inspect: [at('log.jsonl')],
    witness: [at('log.jsonl'), ...asked, '--witness', witness, '--out', at('out')],
    timestamp: [at('log.jsonl'), ...asked, '--tsa-certificate', at('ca.pem'), '--out', at('out')],
    recover: [at('new.jsonl'), '--reason', 'a test', ...writer],
    erase: [at('log.jsonl'), ...erasing, '--dry-run', ...keys],
    'keys show': [at('signer.pub')],
    'keys recover': [at('log.jsonl'), '--out', at('recovered'), '--origin', ORIGIN],
    'policy init': [at('log.jsonl')],
  }; // biome-ignore format: a table
  return [...name.split(' '), ...(commands[name] ?? [])];
}

/** What must have been done before a command works. */
export async function prepare(place: Place, at: At, env: Readonly<Record<string, string>>): Promise<void> {
  const { name } = place;
  if (name === 'audit collect') await runCommand(working('audit enqueue', at), { env });
  if (name === 'audit work') {
    // a worker is given what the run was made with
    putGood(at('odd'), goodIn(place));
    await runCommand(commandLine({ ...place, name: 'audit enqueue' }, at, at('odd')), { env });
    rmSync(at('odd'), { recursive: true });
  }
  if (name === 'audit merge') {
    const { stdout } = await runCommand([...working('audit', at), '--format', 'json'], { env });
    writeFileSync(at('part.jsonl'), stdout);
  }
  if (name === 'attest' || place.flag === 'leaf')
    await runCommand(['keygen', '--algorithm', 'Ed25519', '--out', at('signer.key')]);
}

const VAULT = ['--key-source', 'vault', '--vault-path', 'transit/keys/audit', '--vault-addr', 'https://127.0.0.1:9'];

/** What a flag goes with, and is not looked at without. */
const goesWith: Readonly<Record<string, (at: At) => readonly string[]>> = {
  timestamp: (at) => ['--tsa-certificate', at('ca.pem')],
  'tsa-certificate': (at) => ['--timestamp', at('stamp.tsr')],
  state: () => ['--from', process.env['TOPIC'] ?? ''],
  'webhook-secret-file': () => ['--watch', '--webhook', 'http://127.0.0.1:9'],
  journal: () => ['--stream', ORIGIN],
  leaf: (at) => [
    '--format',
    'cose',
    '--key-source',
    'file',
    '--key-file-path',
    at('signer.key'),
    '--algorithm',
    'Ed25519',
  ],
  'key-file-path': () => ['--key-source', 'file'],
  'key-provider-module': () => ['--key-source', 'custom'],
  'signing-key-file-path': () => ['--signing-key-id', 'sign', '--signing-key-source', 'file'],
  'post-quantum-key-file-path': () => ['--post-quantum-key-id', 'later', '--post-quantum-key-source', 'file'],
  'note-key-file-path': () => ['--algorithm', 'Ed25519'],
  'vault-token-file': () => VAULT,
  'vault-secret-id-file': () => [...VAULT, '--vault-auth-method', 'approle', '--vault-role', 'r'],
  'vault-jwt-path': () => [...VAULT, '--vault-auth-method', 'kubernetes', '--vault-role', 'r'],
  'vault-ca-file': () => VAULT,
  'vault-client-cert-file': (at) => [...VAULT, '--vault-client-key-file', at('client.key')],
  'vault-client-key-file': (at) => [...VAULT, '--vault-client-cert-file', at('client.pem')],
};

/** A command line with other flags in the place of those of the same names. */
function replaced(argv: readonly string[], by: readonly string[]): string[] {
  const names = new Set(by.filter((word) => word.startsWith('--')));
  const isGone = (word: string | undefined): boolean => word !== undefined && names.has(word) && !LISTS.has(word);
  return [...argv.filter((word, index) => !isGone(word) && !isGone(argv[index - 1])), ...by];
}
/** They are given in addition. */
const LISTS = new Set(['--public-key', '--timestamp', '--tsa-certificate']);

/** How the path is called in its place: of some the name says what they are. */
export function oddIn({ flag, beside }: Place, at: At): string {
  if (beside === 'in a directory') return at('logs/odd.jsonl');
  if (flag === 'timestamp') return at('odd.tsr');
  return flag === 'manifest' ? at('elsewhere/log.jsonl.manifest.json') : at('odd');
}

/** The command line with a path in its place. */
export function commandLine({ name, flag, beside }: Place, at: At, odd: string): string[] {
  const given =
    beside === 'in a directory' ? [at('logs')] : [odd, ...(beside === 'named' ? [at('logs/tampered.jsonl')] : [])];
  const companions =
    name === 'timestamp' || (name === 'audit' && flag === 'journal') ? [] : (goesWith[flag ?? '']?.(at) ?? []);
  const put = flag === undefined ? given : [...companions, `--${flag}`, ...given];
  const own = ['log.jsonl', 'part.jsonl', 'signer.pub', 'new.jsonl'].map(at);
  const without = (word: string): boolean =>
    (flag === 'state' && word === at('log.jsonl')) ||
    (name === 'prove' && flag === 'journal' && ['--seq', '4', at('log.jsonl')].includes(word)) ||
    (name === 'seal' && flag === 'file' && ['--out', at('new.jsonl')].includes(word));
  const isArgument = (word: string, before = ''): boolean => own.includes(word) && !before.startsWith('--');
  const line = working(name, at).filter((word, index, all) => flag !== undefined || !isArgument(word, all[index - 1]));
  return replaced(
    line.filter((word) => !without(word)),
    put,
  );
}
