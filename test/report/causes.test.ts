import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer, formatVkey, generateKeyFile, type Sealer, type TamperConfig } from '../../src/index.ts';
import { runHere } from '../support/command-line.ts';
import { witnessKey } from '../support/witness-keys.ts';

/**
 * What an auditor reads first of a log that the writer sealed, for each thing that may have happened to it since. Each row was
 * judged as a stranger would: is it true, is it the root cause, does it say where to look?
 */

const ORIGIN = 'audit.example.com/shop';
const OTHER = 'audit.example.com/stock';

let root = '';
let made = 0;
let vkey = '';
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'causes-'));
  for (const name of ['data', 'other-data']) await generateKeyFile(join(root, `${name}.key`), 'HMAC-SHA256');
  for (const name of ['other-sign', 'sign']) {
    const { spki = Buffer.alloc(0) } = await generateKeyFile(join(root, `${name}.key`), 'Ed25519');
    vkey = formatVkey(ORIGIN, { algorithm: 'ed25519', bytes: spki });
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Mode = 'mac' | 'sign' | 'both';

/** The disk of a writer, and how its auditor calls `verify`. */
class Place {
  readonly folder: string = join(root, String(++made));
  readonly logs: string = this.at('logs');
  readonly file: string = this.at('logs', 'audit.jsonl');
  readonly manifest: string = `${this.file}.manifest.json`;

  constructor() {
    mkdirSync(this.logs, { recursive: true });
  }

  at(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Seals some lines, does something, and closes the log. */
  async seal(
    mode: Mode | TamperConfig,
    options: TamperConfig = {},
    act: (sealer: Sealer) => unknown = () => undefined,
    lines: readonly string[] = ['{"n":1}', '{"n":2}', '{"n":3}'],
  ): Promise<void> {
    const data = { keyFilePath: key('data') };
    const signing = { signingKeyId: 'sign', signingKeySource: 'file', signingKeyFilePath: key('sign') } as const;
    const modes: Readonly<Record<Mode, TamperConfig>> = {
      mac: data,
      sign: { algorithm: 'Ed25519', keyFilePath: key('sign') },
      both: { ...data, ...signing },
    };
    const keys = typeof mode === 'string' ? modes[mode] : mode;
    const disk = { file: this.file, stateDir: this.at('state'), keySource: 'file' } as const;
    const sealer = createSealer({ ...disk, origin: ORIGIN, checkpointMaxSeconds: 60, ...keys, ...options });
    sealer.on('warning', () => undefined);
    try {
      for (const line of lines) sealer.write(line);
      await sealer.flush().catch(() => undefined); // which rejects where lines were lost
      await act(sealer);
    } finally {
      await sealer.close().catch(() => undefined);
    }
  }

  /** Seals the lines 1 to 5 into three files. */
  async three(mode: Mode, options: TamperConfig = {}): Promise<[string, string, string]> {
    await this.seal(mode, options, async (sealer) => {
      for (const n of [4, 5]) {
        await sealer.rotate();
        sealer.write(`{"n":${n}}`);
        await sealer.flush();
      }
    });
    const [first = '', second = '', third = ''] = readdirSync(this.logs)
      .filter((name) => /\.jsonl(\.gz)?$/.test(name))
      .map((name) => join(this.logs, name));
    return [first, second, third];
  }

  /** What lies on the disk now, as a machine leaves it that stops. */
  keep(): void {
    for (const name of ['logs', 'state']) cpSync(this.at(name), this.at('kept', name), { recursive: true });
    for (const name of readdirSync(this.at('kept', 'state')))
      if (name.endsWith('.lock')) rmSync(this.at('kept', 'state', name));
  }

  /** Puts it back. */
  goBack(): void {
    for (const name of ['logs', 'state']) {
      rmSync(this.at(name), { recursive: true });
      renameSync(this.at('kept', name), this.at(name));
    }
  }

  /** A crash behind a line that no seal covers yet, and a new start. @returns the file as somebody shipped it before, and what came */
  async crash(mode: Mode, more = '{"n":4}'): Promise<readonly [shipped: Buffer, came: Buffer]> {
    let shipped = Buffer.alloc(0);
    await this.seal(mode, {}, async (sealer) => {
      if (more === '') this.keep();
      sealer.write('{"n":4}');
      await new Promise((resolve) => setImmediate(resolve));
      shipped = readFileSync(this.file);
      if (more !== '') this.keep();
    });
    this.goBack();
    const { length } = readFileSync(this.file);
    await this.seal(mode);
    return [shipped, readFileSync(this.file).subarray(length)];
  }

  change(edit: (text: string) => string, file: string = this.file): void {
    writeFileSync(file, edit(readFileSync(file, 'latin1')), 'latin1');
  }

  lines(edit: (lines: string[]) => string[]): void {
    this.change((text) => `${edit(text.trimEnd().split('\n')).join('\n')}\n`);
  }

  utf16(file: string): void {
    writeFileSync(file, `\ufeff${readFileSync(file, 'utf8')}`, 'utf16le');
  }

  /** A log of which lines of another one stand in the file. */
  async mixed(): Promise<void> {
    await this.seal('sign', { origin: OTHER });
    const other = readFileSync(this.file, 'latin1').split('\n');
    rmSync(this.file);
    await this.seal('sign');
    this.lines((lines) => lines.flatMap((line, at) => [line, other[at] ?? '']));
    rmSync(this.manifest);
  }

  /** The newest checkpoint of the log as it is now, in a file. */
  async note(): Promise<string> {
    const { stdout } = await runHere(['verify', ...signer(this), '--format', 'json']);
    const { streams } = JSON.parse(stdout) as { streams: { checkpoint: string }[] };
    writeFileSync(this.at('held.note'), streams[0]?.checkpoint ?? '');
    return this.at('held.note');
  }

  policy(stream: string, origin = ORIGIN): string[] {
    writeFileSync(this.at('policy.yaml'), `version: 1\nstreams: [{ origin: "${origin}", ${stream} }]\n`);
    return [this.logs, '--policy', this.at('policy.yaml')];
  }
}

const key = (name: string): string => join(root, `${name}.key`);
const named = ['--origin', ORIGIN];
const family = (p: Place): string[] => [p.logs, '--origin', `${ORIGIN}*`, ...dataKey()];
const dataKey = (): string[] => ['--keys', key('data')];
const publicKey = (): string[] => ['--public-key', `${key('sign')}.pub`];
const data = ({ logs }: Place): string[] => [logs, ...named, ...dataKey()];
const signer = ({ logs }: Place): string[] => [logs, ...named, ...publicKey()];
const isLine = (n: number) => (line: string) => line.startsWith(`{"n":${n},`);
const alter = (text: string): string => text.replace('{"n":2,', '{"n":9,');
function exchange(one: string, other: string): void {
  renameSync(one, `${one}~`);
  renameSync(other, one);
  renameSync(`${one}~`, other);
}

/** A key service that wraps a data key for the writer. It is gone when the log is verified. */
async function sealWithService(p: Place): Promise<string[]> {
  const wrapping = {
    type: 'aes256-gcm96',
    derived: false,
    latest_version: 1,
    keys: { 1: 1 },
    supports_encryption: true,
  };
  const ciphertext = `vault:v1:${Buffer.alloc(60, 7).toString('base64')}`;
  const server = createServer((_, response) => response.end(JSON.stringify({ data: { ...wrapping, ciphertext } })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service = {
    keySource: 'vault',
    keyId: 'transit/keys/audit',
    vaultAddr: address,
    vaultTokenFile: p.at('token'),
  } as const;
  writeFileSync(p.at('token'), 'x', { mode: 0o600 });
  try {
    await p.seal(service);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  const flags = ['--key-source', 'vault', '--key-id', 'transit/keys/audit', '--vault-addr', address];
  return [p.logs, ...named, ...flags, '--vault-token-file', p.at('token')];
}

type Make = (place: Place) => Promise<readonly string[]>;
/** What was done; the verdict; what is said first; a function that does it, and gives the arguments of `verify`. */
type Row = readonly [cause: string, verdict: keyof typeof SAYS, said: string, made: Make];

const SAYS = {
  ok: /^(The log \S+ is as it was sealed|All \d logs are as they were sealed)/,
  tampered: /The log \S+ is not as it was sealed: /,
  'not accepted': /The log \S+ is not accepted: /,
  undecided: /It cannot be decided whether the log \S+ is as it was sealed: /,
  'undecided file': /It cannot be decided whether what belongs to no log that you named is as it was sealed: /,
};

/** Seals a log, does something to it, and calls `verify`. */
const make =
  (mode: Mode, args: (p: Place) => readonly string[], act: (p: Place) => unknown = () => undefined): Make =>
  async (p) => {
    await p.seal(mode);
    await act(p);
    return args(p);
  };
/** The same of three files. */
const makeThree =
  (
    mode: Mode,
    act: (files: [string, string, string], p: Place) => unknown,
    options: TamperConfig = {},
    args = signer,
  ): Make =>
  async (p) => {
    await act(await p.three(mode, options), p);
    return args(p);
  };
const gone = (file: string): void => {
  rmSync(file);
  rmSync(`${file}.manifest.json`);
};
const gz = { compressRotated: true };

// biome-ignore format: a table
const rows: readonly Row[] = [
  ['nothing', 'ok',
    'The log audit.example.com/shop is as it was sealed: all its 7 entries were checked, and none is missing, changed, added or out of order.',
    make('mac', data)],
  ['a key that is another one', 'undecided',
    'the key that you gave is another one (entry 1)',
    make('mac', ({ logs }) => [logs, ...named, '--keys', key('other-data')])],
  ['no key', 'undecided',
    'you gave no key that can check the entries (entries 1 to 7)',
    make('mac', ({ logs }) => [logs, ...named])],
  ['a public key for a log of MACs', 'undecided',
    'you gave no key that can check the entries (entries 1 to 7)',
    make('mac', signer)],
  ['a public key too, for a log that has no signer', 'undecided',
    'entries are not covered by a signature that you demand (entries 1 to 7)',
    make('mac', (p) => [...data(p), ...publicKey()])],
  ['a data key for a log that is signed', 'undecided',
    'you gave no key that can check the entries (entries 1 to 7)',
    make('sign', data)],
  ['the key of another signer', 'undecided',
    'you gave no key that can check the entries (entries 1 to 7)',
    make('both', ({ logs }) => [logs, ...named, '--public-key', `${key('other-sign')}.pub`])],
  ['a key service that is gone', 'undecided',
    'the key service did not provide a key (entry 1); there is 1 more kind of finding',
    sealWithService],
  ['a name that is misspelt', 'undecided',
    'no stream named audit.example.com/shops is here; did you mean audit.example.com/shop?',
    make('mac', ({ logs }) => [logs, '--origin', `${ORIGIN}s`, ...dataKey()])],
  ['a policy for another log', 'undecided',
    'no stream named audit.example.com/stock is here; did you mean audit.example.com/shop?',
    make('mac', (p) => [...p.policy('start: whole', OTHER), ...dataKey()])],
  ['fewer logs than the policy demands', 'undecided',
    'only 1 of at least 2 streams named audit.example.com/shop* is here',
    make('mac', (p) => [...p.policy('min: 2', `${ORIGIN}*`), ...dataKey()])],
  ['a file that is not there, beside one that is', 'undecided file',
    'this file cannot be read, so its stream is unknown: there is no file or directory none.jsonl (none.jsonl)',
    make('mac', (p) => [p.at('none.jsonl'), ...data(p)])],
  ['a directory without logs', 'undecided',
    'no stream named audit.example.com/shop is here',
    async (p) => data(p)],
  ['the first file is missing', 'undecided',
    'the log begins at entry 8; no checkpoint that you hold proves what came before',
    makeThree('both', ([first]) => gone(first))],
  ['the second file is missing', 'undecided',
    'a part of the log is not here (entries 8 to 11)',
    makeThree('both', ([, second]) => gone(second))],
  ['the last file is missing', 'undecided',
    'the log ends with close rotated (entry 11): the file after it is missing, or its writer was killed before it began one',
    makeThree('both', ([, , last]) => gone(last))],
  ['the last file is missing, its manifest is not', 'undecided',
    'a part of the log is not here (entries 12 to 15); there is 1 more kind of finding',
    makeThree('both', ([, , last]) => rmSync(last))],
  ['manifests alone', 'undecided',
    'no stream named audit.example.com/shop is here, only manifests of its files',
    makeThree('both', (files) => files.map((one) => rmSync(one)))],
  ['no file, and a checkpoint is held', 'tampered',
    'you hold a checkpoint of 7 entries of this stream, but none of its files is here: they were deleted, or not handed over',
    async (p) => { await p.seal('sign'); const held = await p.note(); gone(p.file); return [...signer(p), '--since', held]; }],
  ['a manifest is missing that the policy demands', 'not accepted',
    'your policy demands a manifest, but there is none (audit.jsonl)',
    make('mac', (p) => [...p.policy('manifest: required'), ...dataKey()], (p) => rmSync(p.manifest))],
  ['cut inside a line', 'undecided',
    'the log ends inside a line (44 bytes); what it said is lost (audit.jsonl); there are 2 more kinds of finding',
    make('sign', signer, (p) => { p.change((text) => text.slice(0, text.indexOf('\n', 1400) + 45)); rmSync(p.manifest); })],
  ['cut behind a line', 'undecided',
    'the log ends at entry 5 without a close: it is still being written (--live), its writer was killed, or its end was cut off; there is 1 more kind of finding',
    make('sign', signer, (p) => { p.lines((lines) => lines.slice(0, 5)); rmSync(p.manifest); })],
  ['cut, its manifest tells', 'undecided',
    'a part of the log is not here (entries 6 to 7); there are 2 more kinds of finding',
    make('sign', signer, (p) => p.lines((lines) => lines.slice(0, 5)))],
  ['a .gz that is cut', 'undecided',
    'the compressed data is damaged: it is cut (audit.TIME.jsonl.gz); there are 2 more kinds of finding',
    makeThree('sign', ([first], p) => p.change((text) => text.slice(0, -4), first), gz)],
  ['a .gz with a flipped bit', 'undecided',
    'the compressed data is damaged: its checksum is wrong (audit.TIME.jsonl.gz); there is 1 more kind of finding',
    makeThree('sign', ([first], p) => p.change((text) => text.replace(/(?=[\s\S]{8}$)[\s\S]/, (byte) => (byte === 'a' ? 'b' : 'a')), first), gz)],
  ['a .gz with a byte behind it', 'undecided',
    'a compressed file has something behind its end (audit.TIME.jsonl.gz)',
    makeThree('sign', ([first]) => appendFileSync(first, 'x'), gz)],
  ['CR LF', 'undecided',
    'the lines of this file end with CR LF; they were sealed with LF (audit.jsonl)',
    make('sign', signer, (p) => p.change((text) => text.replaceAll('\n', '\r\n')))],
  ['CR LF in some lines', 'tampered',
    'a line that was never sealed in this form is among sealed ones (audit.jsonl)',
    make('sign', signer, (p) => p.lines((lines) => lines.map((line, at) => (at < 3 ? `${line}\r` : line))))],
  ['a byte order mark', 'undecided',
    'this file begins with a byte order mark; it was sealed without (audit.jsonl)',
    make('sign', signer, (p) => p.change((text) => `\u00ef\u00bb\u00bf${text}`))],
  ['another encoding', 'undecided',
    'a program wrote this file in another encoding; its checkpoints cannot be checked (audit.jsonl)',
    make('sign', signer, (p) => p.change((text) => text.replaceAll('\u00e2\u0080\u0094', '?')))],
  ['a copy in another encoding', 'undecided',
    'a program wrote logs/copy.jsonl in another encoding; logs/audit.jsonl is read instead',
    make('sign', signer, (p) => writeFileSync(p.at('logs', 'copy.jsonl'), readFileSync(p.file, 'utf8').replaceAll('—', '–')))],
  ['a manifest in another encoding', 'undecided',
    'the manifest cannot be read: a program wrote it in another encoding (audit.jsonl.manifest.json)',
    make('sign', signer, (p) => p.change((text) => text.replaceAll('\u00e2\u0080\u0094', '?'), p.manifest))],
  ['UTF-16', 'undecided',
    'no line is as it was sealed, but some mention "integrity": a tool may have rewritten the log on other lines, or in UTF-16 (audit.jsonl)',
    make('sign', signer, (p) => p.utf16(p.file))],
  ['written again by jq', 'undecided',
    'all 10 lines were parsed and rewritten by some tool; the bytes are no longer those that were sealed (audit.jsonl)',
    make('sign', signer, (p) => p.lines((lines) => lines.map((line) => line.replaceAll('":', '": '))))],
  ['an empty file', 'undecided',
    'there is no sealed line: what is here is empty (audit.jsonl)',
    make('sign', (p) => [p.file, ...named, ...publicKey()], (p) => { writeFileSync(p.file, ''); rmSync(p.manifest); })],
  ['a log that was never sealed', 'undecided',
    'none of the 2 lines of this file was ever sealed (audit.jsonl)',
    async (p) => { writeFileSync(p.file, '{"n":1}\n{"n":2}\n'); return [p.file, ...named, ...publicKey()]; }],
  ['a file that is no log', 'undecided',
    'the log ends inside a line (3000 bytes); it is cut, or no log (audit.jsonl)',
    async (p) => { writeFileSync(p.file, Buffer.alloc(3_000, 0x81)); return [p.file, ...named, ...publicKey()]; }],
  ['a line that is too long', 'undecided',
    'line 11 is longer than 16777216 bytes; nothing from here on can be decided (audit.jsonl)',
    make('sign', signer, (p) => appendFileSync(p.file, 'x'.repeat(17 << 20)))],
  ['an edited manifest', 'not accepted',
    'the manifest\'s "record_count" contradicts the file (audit.jsonl.manifest.json)',
    make('sign', signer, (p) => p.change((text) => text.replace('count": 3', 'count": 4'), p.manifest))],
  ['a manifest in UTF-16', 'undecided',
    'the manifest cannot be read: it was converted to UTF-16 (audit.jsonl.manifest.json)',
    make('sign', signer, (p) => p.utf16(p.manifest))],
  ['a manifest with a byte order mark', 'undecided',
    'the manifest cannot be read: a byte order mark was put before it (audit.jsonl.manifest.json)',
    make('sign', signer, (p) => p.change((text) => `\u00ef\u00bb\u00bf${text}`, p.manifest))],
  ['an altered line', 'tampered',
    '1 entry was changed after it was sealed (4); every other one from 1 to 7 is as it was sealed',
    make('sign', signer, (p) => p.change(alter))],
  ['an altered line, and a data key', 'tampered',
    '1 entry was changed after it was sealed (4); every other one from 1 to 7 has the MAC that it was sealed with',
    make('both', data, (p) => p.change(alter))],
  ['an altered line with a MAC, and a public key', 'tampered',
    'entries were changed, removed or added before a checkpoint (within entries 3 to 6)',
    make('both', signer, (p) => p.change(alter))],
  ['a removed line', 'tampered',
    'entry 4 was removed',
    make('sign', signer, (p) => p.lines((lines) => lines.filter((line) => !isLine(2)(line))))],
  ['an inserted line', 'tampered',
    'a line that was never sealed in this form is among sealed ones (after entry 4)',
    make('sign', signer, (p) => p.lines((lines) => lines.toSpliced(4, 0, '{"n":9}')))],
  ['a repeated line', 'tampered',
    'entries are in the log twice (entry 3)',
    make('sign', signer, (p) => p.lines((lines) => lines.toSpliced(4, 0, lines.find(isLine(1)) ?? '')))],
  ['sorted lines', 'tampered',
    'entries are not in the order in which they were sealed (entries 3 to 6); there is 1 more kind of finding',
    make('sign', signer, (p) => p.lines((lines) => lines.toSorted()))],
  ['files that changed places', 'not accepted',
    'the manifest says that the file ends with entry 11, but there is no close there (audit.TIME.jsonl.manifest.json and 1 other place)',
    makeThree('both', ([first, second]) => exchange(first, second))],
  ['the file of another log', 'undecided',
    'no stream named audit.example.com/shop is here; did you mean audit.example.com/stock?',
    async (p) => { await p.seal('sign', { origin: OTHER }); return signer(p); }],
  ['two logs in one file', 'tampered',
    'an entry of another log is in this one (audit.jsonl and 6 other places); there is 1 more kind of finding',
    async (p) => { await p.mixed(); return signer(p); }],
  ['two logs in one file, --demux', 'ok',
    'The log audit.example.com/shop is as it was sealed: all its 7 entries were checked, and none is missing, changed, added or out of order.',
    async (p) => { await p.mixed(); return [...signer(p), '--demux']; }],
  ['a checkpoint is held, and the log went back behind it', 'tampered',
    'you hold a checkpoint of 7 entries, but the log ends at entry 6: its end was cut off',
    async (p) => { await p.seal('sign', {}, () => p.keep()); const held = await p.note(); p.goBack(); return [...signer(p), '--since', held]; }],
  ['the same, and it went on from there', 'tampered',
    'the first 7 entries are not those of the checkpoint that you hold: the log was rewritten',
    async (p) => { await p.seal('sign', {}, () => p.keep()); const held = await p.note(); p.goBack(); await p.seal('sign'); return [...signer(p), '--since', held]; }],
  ['two writers went on from one backup', 'tampered',
    'two files begin with the same entry, and differ (entry 8)',
    async (p) => { await p.seal('sign', {}, async (s) => { await s.rotate(); p.keep(); }); cpSync(p.file, p.at('first.jsonl')); p.goBack(); await p.seal('sign'); cpSync(p.at('first.jsonl'), join(p.logs, 'restored.jsonl')); return signer(p); }],
  ['every checkpoint line is removed', 'undecided',
    'entries are not covered by a signature that you demand (entries 1 to 7); there is 1 more kind of finding',
    make('both', signer, (p) => { p.lines((lines) => lines.filter((line) => !line.includes('"note"'))); rmSync(p.manifest); })],
  ['a log that is still written', 'undecided',
    'the log ends at entry 6 without a close: it is still being written (--live), its writer was killed, or its end was cut off',
    async (p) => { await p.seal('sign', {}, () => p.keep()); p.goBack(); return signer(p); }],
  ['a log that is still written, --live', 'ok',
    'The log audit.example.com/shop is as it was sealed: all its 6 entries were checked, and none is missing, changed, added or out of order.',
    async (p) => { await p.seal('sign', {}, () => p.keep()); p.goBack(); return [...signer(p), '--live']; }],
  ['a log that was last written long ago, --live', 'undecided',
    'the newest verified seal was written LONG ago, but a live log is sealed every 300 s',
    async (p) => { await p.seal('sign', {}, () => p.keep()); p.goBack(); return [...signer(p), '--live', '--now', '2099-01-01T00:00:00Z']; }],
  ['a backup beside the log', 'ok',
    'The log audit.example.com/shop is as it was sealed: all its 7 entries were checked, and none is missing, changed, added or out of order.',
    async (p) => { await p.seal('sign', {}, () => cpSync(p.file, join(p.logs, 'backup.jsonl'))); return signer(p); }],
  ['a crash before a signature', 'undecided',
    'a restart took over entries that no signature you can check had covered (entry 7)',
    async (p) => { await p.crash('sign'); return signer(p); }],
  ['a crash before a signature, and a data key', 'ok',
    'The log audit.example.com/shop is as it was sealed: all its 14 entries were checked, and none is missing, changed, added or out of order.',
    async (p) => { await p.crash('both'); return data(p); }],
  ['a crash before a signature, and no key', 'undecided',
    'you gave no key that can check the entries (entries 1 to 7 and 1 other place); there is 1 more kind of finding',
    async (p) => { await p.crash('both'); return [p.logs, ...named]; }],
  ['a shipped copy that is ahead of its crashed host', 'ok',
    'The log audit.example.com/shop is as it was sealed: all its 13 entries were checked, and none is missing, changed, added or out of order.',
    async (p) => { const both = await p.crash('both', ''); rmSync(p.manifest); writeFileSync(p.file, Buffer.concat(both)); return data(p); }],
  ['the same, and a public key alone', 'undecided',
    'a shipped copy contains lines that its host has lost, and nothing shows who wrote them (entry 7)',
    async (p) => { const both = await p.crash('both', ''); rmSync(p.manifest); writeFileSync(p.file, Buffer.concat(both)); return signer(p); }],
  ['lines that the writer lost, more than the policy accepts', 'undecided',
    'the writer says that it lost lines (entry 69)',
    async (p) => { const lines = Array.from({ length: 200 }, () => 'x'.repeat(1_000)); await p.seal('mac', { maxPendingBytes: 65_536, maxLineBytes: 1_024 }, undefined, lines); return [...p.policy('accept: { dropped: 0 }'), ...dataKey()]; }],
  ['a new stream for one that was deleted', 'undecided',
    'this stream continues audit.example.com/shop (after entry 7), but no file of that stream was given',
    async (p) => { await p.seal('mac'); gone(p.file); await p.seal('mac', { onStateConflict: 'new_stream' }); return family(p); }],
  ['a stream for each file, and one is missing', 'undecided',
    'the stream ends with close continued (entry 7), but no file of audit.example.com/shop/TIME, which continues it, was given',
    makeThree('mac', ([, second]) => gone(second), { rotateChain: true }, family)],
  ['a signature is demanded, and there are MACs alone', 'undecided',
    'entries are not covered by a signature that you demand (entries 1 to 7)',
    make('mac', (p) => [...p.policy('require: [signature]'), ...dataKey()])],
  ['MACs are demanded, and there are signatures alone', 'not accepted',
    'a key period is weaker than your policy allows (entry 1)',
    make('sign', (p) => [...p.policy('records: mac'), ...publicKey()])],
  ['a log that was closed before the time that is demanded', 'undecided',
    'the log is sealed up to TIME, but your policy demands TIME',
    make('sign', (p) => [...p.policy('end: { until: "2099-01-01T00:00:00Z" }'), ...publicKey()])],
  ['no witness cosigned', 'undecided',
    'too few witnesses have cosigned the end (entries 1 to 7)',
    make('sign', (p) => [...signer(p), '--witness', witnessKey('witness.example.com/w1').vkey])],
];

/** Markup as a reader sees it. */
const shown = (markup: string): string =>
  markup
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
/** What differs from run to run. */
const steady = (text: string): string =>
  text
    .replaceAll(/\d{8}T\d{6}Z-[0-9a-f]+/g, 'TIME')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\d+ s ago/g, 'LONG ago')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS');

describe('what is said first', () => {
  it.each(rows)('%s: %s: %s', async (_cause, verdict, said, made) => {
    const place = new Place();
    const html = place.at('report.html');
    const { code, stdout, stderr } = await runHere(['verify', ...(await made(place)), '--html', html]);
    const read = (text: string): string => steady(text.replaceAll(`${place.folder}/`, ''));
    const headline = read(shown(/<h1>(.*?)<\/h1>/s.exec(readFileSync(html, 'utf8'))?.[1] ?? ''));
    const [, first] = /^(?:TAMPERED|UNDECIDED) {2}.*\n {2}(.*)$/m.exec(read(stdout)) ?? [];
    expect(stderr).toBe('');
    expect(code, stdout).toBe({ ok: 0, tampered: 1, 'not accepted': 1, undecided: 2, 'undecided file': 2 }[verdict]);
    expect(headline).toMatch(SAYS[verdict]);
    expect(verdict === 'ok' ? headline : first).toBe(said);
    expect(headline).toContain(said);
  });

  it('of a stream that the data key alone added, that no signing key which was named is its', async () => {
    const place = new Place();
    await place.seal('both');
    await place.seal('mac', { origin: `${ORIGIN}/b`, file: join(place.logs, 'b.jsonl') });
    writeFileSync(place.at('vkey'), vkey);
    const { code, stdout } = await runHere(['verify', ...family(place), '--public-key', place.at('vkey')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/OK {2}audit\.example\.com\/shop\/b\n(.*\n)*.*named are those of other streams\n/);
  });
});
