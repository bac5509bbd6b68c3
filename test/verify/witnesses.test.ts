import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import schema from '../../spec/report.schema.json' with { type: 'json' };
import { loadPolicy, type VerifyReport } from '../../src/index.ts';
import { runCommand } from '../support/command-line.ts';
import { checkpointLine } from '../support/sealed-lines.ts';
import type { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, vkeyOf } from '../support/signing-keys.ts';
import { type VerifyOptions, verify } from '../support/verifying.ts';
import { type Witness, witnessKey } from '../support/witness-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { signedBody } from '../vectors/logs.ts';

/** A second pair of eyes: cosignatures that the auditor demands (M4.10, M8.29). */

let directory = '';
let made = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'witnesses-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const SEEN = 1_795_561_230;
const w1 = witnessKey('witness.example.com/w1');
const w2 = witnessKey('witness.example.com/w2');
const { origin } = signedBody();
const signer = vkeyOf(origin, edKey);

const closed = (...witnesses: Witness[]): SealedLog =>
  signedBody()
    .close()
    .checkpoint({ witnesses: witnesses.map((witness) => ({ witness, time: SEEN })) });

function put(name: string, bytes: Buffer | string): string {
  const place = join(directory, String(++made));
  mkdirSync(place);
  writeFileSync(join(place, name), bytes);
  return join(place, name);
}

const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));
const check = async (log: SealedLog | Buffer, options: Partial<VerifyOptions> = {}): Promise<VerifyReport> =>
  verify({
    paths: [put('audit.jsonl', Buffer.isBuffer(log) ? log : bytesOf(log))],
    origin,
    publicKeys: [signer],
    witnesses: [w1.vkey, w2.vkey],
    ...options,
  });
const codes = ({ findings }: VerifyReport): string[] => findings.map(({ code }) => code);

describe('cosignatures that are demanded', () => {
  it('are said in the report: who saw how much of the log, and when', async () => {
    const report = await check(closed(w1, w2));
    expect(report.verdict).toBe('ok');
    const witness = ({ vkey }: Witness): object => {
      const [name = '', keyId = ''] = vkey.split('+');
      return { name, keyId, size: 14, time: '2026-11-24T23:00:30.000Z' };
    };
    expect(report.streams[0]?.witnessed).toEqual({ required: 2, size: 14, witnesses: [witness(w1), witness(w2)] });
    const valid = new Ajv2020({ strict: true, strictRequired: false }).compile(schema);
    valid(JSON.parse(JSON.stringify(report)));
    expect(valid.errors).toBeNull();
  });

  it('are not asked for, nor spoken of, where no witness is named', async () => {
    const report = await check(closed(), { witnesses: [] });
    expect(report.verdict).toBe('ok');
    expect(report.streams[0]).not.toHaveProperty('witnessed');
  });

  it.each([
    [[], 1, 'undecided'],
    [[w1], 1, 'ok'],
    [[w2], 1, 'ok'],
    [[w1], 2, 'undecided'],
    [[w1, w2], 2, 'ok'],
    [[w1, w1], 2, 'undecided'],
  ] as const)('%#: as many distinct witnesses as the auditor says', async (witnesses, cosignatures, verdict) => {
    const report = await check(closed(...witnesses), { cosignatures });
    expect(report.verdict).toBe(verdict);
    expect(codes(report)).toEqual(verdict === 'ok' ? [] : ['UNWITNESSED']);
    expect(report.streams[0]?.provenSize).toBe(verdict === 'ok' ? 14 : 0);
  });

  it('move --known no further than what was cosigned', async () => {
    const log = signedBody()
      .seal()
      .checkpoint({ witnesses: [{ witness: w1, time: SEEN }] })
      .seal()
      .checkpoint();
    const known = join(directory, 'known.json');
    const options = { witnesses: [w1.vkey], known, live: true, now: new Date(log.clock + 1000) };
    const report = await check(log, options);
    expect(report.verdict).toBe('ok');
    expect(report.streams[0]?.checkpoint).toContain('\n14\n');
    expect(readFileSync(known, 'utf8')).not.toContain('\\n15\\n');
    expect((await check(log, options)).verdict).toBe('ok');
  });

  it('move --known not at all where the verdict is undecided', async () => {
    const known = join(directory, 'untouched.json');
    expect((await check(closed(w1), { known })).verdict).toBe('undecided');
    expect(existsSync(known)).toBe(false);
  });

  it('decide what cat --verified prints: nothing of a log that is not witnessed', async () => {
    const path = put('audit.jsonl', bytesOf(closed(w1)));
    const flags = ['--verified', path, '--origin', origin, '--public-key', put('signer.pub', signer)];
    const one = await runCommand(['cat', ...flags, '--witness', w1.vkey]);
    expect([one.code, one.stdout.split('\n').length]).toEqual([0, 11]);
    const two = await runCommand(['cat', ...flags, '--witness', w2.vkey]);
    expect([two.code, two.stdout]).toEqual([2, '']);
  });
});

describe('whoever may write to the log, without the key of a witness', () => {
  const good = closed(w1, w2);
  const lines = bytesOf(good).toString('utf8').split('\n');
  const at = lines.findLastIndex((line) => line.includes('checkpoint'));
  const note = (JSON.parse(lines[at] ?? '') as { integrity: { note: string } }).integrity.note;
  const withNote = (changed: string): Buffer => Buffer.from(lines.with(at, checkpointLine(changed)).join('\n'));

  it('finds no byte of a cosignature that may be changed', async () => {
    const parts = note.split('\n');
    const line = parts.at(-2) ?? '';
    const from = line.lastIndexOf(' ') + 1;
    const raw = Buffer.from(line.slice(from), 'base64');
    for (let byte = 0; byte < raw.length; byte++) {
      const changed = Buffer.from(raw);
      changed.writeUInt8(changed.readUInt8(byte) ^ 1, byte);
      parts[parts.length - 2] = line.slice(0, from) + changed.toString('base64');
      const report = await check(withNote(parts.join('\n')));
      // another key id is that of nobody: the cosignature is not there
      expect([byte, report.verdict]).toEqual([byte, byte < 4 ? 'undecided' : 'tampered']);
      expect(codes(report)).toContain(byte < 4 ? 'UNWITNESSED' : 'SIGNATURE_WRONG');
    }
  });

  it.each([
    ['an empty signature', Buffer.alloc(0)],
    ['a signature without a time', Buffer.alloc(64)],
    ['a byte too many', Buffer.alloc(73)],
    ['a time beyond what there can be', Buffer.alloc(72, 0xff)],
  ])('passes off nothing for a cosignature: %s', async (_, bytes) => {
    const [name = '', keyId = ''] = w1.vkey.split('+');
    const value = Buffer.concat([Buffer.from(keyId, 'hex'), bytes]).toString('base64');
    const report = await check(withNote(`${note.split('\n').slice(0, 5).join('\n')}\n— ${name} ${value}\n`));
    expect(report.verdict).not.toBe('ok');
    expect(codes(report)).toContain(bytes.length === 0 ? 'NOTE_MALFORMED' : 'SIGNATURE_WRONG');
  });

  it('gets nothing from cosignatures of an older size, of another log, or of its own making', async () => {
    const older = signedBody().seal();
    const forOlder = older.note({ witnesses: [w1, w2].map((witness) => ({ witness, time: SEEN })) });
    const own = witnessKey('witness.example.com/w1', 'of an attacker');
    const cases: readonly [Buffer, string][] = [
      [Buffer.concat([bytesOf(closed()), Buffer.from(checkpointLine(forOlder)), Buffer.from('\n')]), 'ROOT_MISMATCH'],
      [bytesOf(closed(own, w2)), 'UNWITNESSED'],
    ];
    for (const [bytes, code] of cases) {
      const report = await check(bytes);
      expect(report.verdict).not.toBe('ok');
      expect(codes(report)).toContain(code);
    }
  });

  it('cannot cut the log back below what was cosigned, however it goes on', async () => {
    const log = signedBody().seal();
    const cosigned = log.note({ witnesses: [w1, w2].map((witness) => ({ witness, time: SEEN })) });
    const rolledBack = signedBody().record('{"n":"instead"}').close().checkpoint();
    const report = await check(rolledBack, { held: [cosigned] });
    expect(report.verdict).toBe('tampered');
    expect(codes(report)).toContain('KNOWN_CONTRADICTED');
  });
});

describe('the signer as its own witness', () => {
  it('is refused: the key of a signer that was named is no second pair of eyes', async () => {
    const self = witnessKey('witness.example.com/self');
    const spki = Buffer.concat([
      Buffer.from('302a300506032b6570032100', 'hex'),
      Buffer.from(self.vkey.split('+').slice(2).join('+'), 'base64').subarray(1),
    ]);
    const key = ed25519Key('signing key 1');
    const log = vkeyOf(origin, { ...key, noteKey: { algorithm: 'ed25519', bytes: spki } });
    await expect(check(closed(self), { publicKeys: [log], witnesses: [self.vkey] })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('the key of a signer'),
    });
  });
});

describe('the names of witnesses', () => {
  const shared = witnessKey('witness.example.com/again', 'witness.example.com/w1');

  it.each([
    ['one key under two names', { witnesses: [w1.vkey, shared.vkey] }, 'the same key'],
    ['one witness twice', { witnesses: [w1.vkey, w1.vkey] }, 'the same key'],
    ['more cosignatures than witnesses', { cosignatures: 3 }, '3 cosignatures are demanded'],
    ['cosignatures of nobody', { witnesses: [], cosignatures: 1 }, 'no witness is named'],
    ['the key of a signer', { witnesses: [signer] }, 'signs as a log does'],
    ['something else', { witnesses: ['witness.example.com/w1'] }, 'three parts'],
  ])('are refused before a verdict where they could be taken wrongly: %s', async (_, options, says) => {
    await expect(check(closed(w1, w2), options)).rejects.toMatchObject({ message: expect.stringContaining(says) });
  });

  it('in a policy are read with the same care', async () => {
    const policy = async (members: string): Promise<unknown> =>
      loadPolicy(put('policy.yaml', `version: 1\nstreams:\n  - origin: ${origin}\n    ${members}\n`));
    for (const [members, says] of [
      [`witnesses: ["${w1.vkey}", "${shared.vkey}"]`, 'the same key'],
      [`witnesses: ["${signer}"]`, 'signs as a log does'],
      [`witnesses: ["${w1.vkey}"]\n    cosignatures: 2`, '2 cosignatures are demanded'],
      ['cosignatures: 1', '0 witnesses are named'],
      [`witnesses: ["${w1.vkey}"]\n    cosignatures: 0`, 'streams[0].cosignatures'],
    ] as const) {
      await expect(policy(members), members).rejects.toMatchObject({
        code: 'POLICY_INVALID',
        message: expect.stringContaining(says),
      });
    }
  });

  it('in a policy count for its stream alone, and before those of flags', async () => {
    const path = put('audit.jsonl', bytesOf(closed(w1)));
    const pub = put('signer.pub', signer);
    const text = (witness: Witness): string =>
      `version: 1\nstreams:\n  - origin: ${origin}\n    keys: [{ sign: "${signer}" }]\n    witnesses: ["${witness.vkey}"]\n`;
    const run = async (policy: string, ...more: string[]): Promise<number> =>
      (await runCommand(['verify', path, '--policy', put('policy.yaml', policy), ...more])).code;
    expect(await run(text(w1))).toBe(0);
    expect(await run(text(w2))).toBe(2);
    expect(await run(text(w2), '--witness', w1.vkey)).toBe(2);
    const other = `version: 1\nstreams:\n  - origin: audit.example.com/other\n    min: 1\n    witnesses: ["${w2.vkey}"]\n`;
    expect(await run(`${other}  - origin: ${origin}\n`, '--public-key', pub, '--witness', w1.vkey)).toBe(2); // the other is not here
  });

  it('are refused with another id, another type or another length of the key', async () => {
    const told = (witness: string): Promise<VerifyReport> => check(closed(w1), { witnesses: [witness] });
    const refusal = (says: string): object => ({ code: expect.any(String), message: expect.stringContaining(says) });
    const [name, id, ...rest] = w1.vkey.split('+') as [string, string, string];
    const key = rest.join('+');
    const typed = Buffer.from(key, 'base64');
    const vkey = (bytes: Buffer, keyId = id): string => `${name}+${keyId}+${bytes.toString('base64')}`;
    expect((await told(vkey(typed))).verdict).toBe('ok');
    await expect(told(vkey(typed, '00000000'))).rejects.toMatchObject(refusal('its id does not match'));
    await expect(told(`${name}2+${id}+${key}`)).rejects.toMatchObject(refusal('its id does not match'));
    for (const type of [0x00, 0x02, 0x05, 0x06, 0xff]) {
      const other = Buffer.from(typed);
      other.writeUInt8(type, 0);
      await expect(told(vkey(other)), String(type)).rejects.toMatchObject(refusal('does not know'));
    }
    for (const bytes of [
      typed.subarray(0, 32),
      Buffer.concat([typed, Buffer.alloc(1)]),
      Buffer.alloc(33, 0x04).fill(0, 1),
    ])
      await expect(told(vkey(bytes))).rejects.toMatchObject(refusal('does not know'));
  });
});

describe('verify --witness', () => {
  const flags = (path: string, ...more: string[]): string[] => [
    'verify',
    path,
    '--origin',
    origin,
    '--public-key',
    put('signer.pub', signer),
    ...more,
  ];

  it('takes a verifier key or a file of them, and says who cosigned', async () => {
    const path = put('audit.jsonl', bytesOf(closed(w1)));
    const file = put('witnesses.txt', `# the witnesses\n${w1.vkey}\n\n${w2.vkey}\n`);
    const one = await runCommand(flags(path, '--witness', file, '--cosignatures', '1'));
    expect(one.code).toBe(0);
    expect(one.stdout).toContain('cosigned up to entry 14 by 1 of 2 witnesses');
    expect(one.stdout).toMatch(/witness\.example\.com\/w1\+[0-9a-f]{8}: entry 14, seen 2026-11-24T23:00:30\.000Z/);
    expect(one.stdout).toMatch(/witness\.example\.com\/w2\+[0-9a-f]{8}: no cosignature/);
    const both = await runCommand(flags(path, '--witness', file));
    expect(both.code).toBe(2);
    expect(both.stdout).toContain('UNWITNESSED: nothing is cosigned by 2 of the 2 witnesses that you named');
  });

  it.each([
    ['a file that does not exist', ['--witness', '/nowhere/witnesses.txt'], 2],
    ['a file without any', ['--witness', '__EMPTY__'], 2],
    ['no number', ['--witness', w1.vkey, '--cosignatures', '0'], 64],
    ['cosignatures of nobody', ['--cosignatures', '1'], 64],
  ])('says what is wrong with %s', async (_, more, code) => {
    const given = more.map((one) => (one === '__EMPTY__' ? put('empty.txt', '# nobody\n') : one));
    const result = await runCommand(flags(put('audit.jsonl', bytesOf(closed(w1))), ...given));
    expect(result.code).toBe(code);
    expect(result.stdout).toBe('');
    expect(result.stderr).not.toBe('');
  });
});
