import { createPrivateKey } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import schema from '../../spec/proof-report.schema.json' with { type: 'json' };
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { spoiled } from '../support/record-proof.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { localKey, vkeyOf } from '../support/signing-keys.ts';
import { edKey, nextEdKey, thirdEdKey } from '../vectors/keys.ts';
import { macLog, signedLog, signKeys } from '../vectors/logs.ts';

/** `prove`, and `verify` of what it made. */

const log = signedLog();
let folder = '';
const at = (name: string): string => join(folder, name);
const named = (...args: string[]): Promise<CommandResult> =>
  runCommand([...args, '--origin', log.origin, '--public-key', at('signer.pub')]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'proofs-'));
  writeFileSync(at('log.jsonl'), log.toFiles()[0]?.bytes ?? '');
  writeFileSync(at('signer.pub'), `${vkeyOf(log.origin, edKey)}\n`);
  await named('prove', at('log.jsonl'), '--seq', '5', '--out', at('5.tlog-proof'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('fapilog-tamper prove', () => {
  it('writes the same proof to a file and to standard output, and nothing else: exit 0', async () => {
    const printed = await named('prove', at('log.jsonl'), '--seq', '5');
    expect(printed).toEqual({ code: 0, stdout: readFileSync(at('5.tlog-proof'), 'latin1'), stderr: '' });
    expect(printed.stdout).toMatch(/^c2sp\.org\/tlog-proof@v1\nextra .*\nindex 4\n/);
  });

  it('has the signature of a note key that is named, or there is none', async () => {
    const noted = new SealedLog()
      .open({ signers: [edKey], notes: [nextEdKey] })
      .seal()
      .checkpoint()
      .record('1')
      .close()
      .checkpoint();
    writeFileSync(at('noted.jsonl'), noted.toFiles()[0]?.bytes ?? '');
    const noteKey = (key: typeof edKey): string[] => {
      writeFileSync(at('note.pub'), `${vkeyOf(noted.origin, key)}\n`);
      return ['--note-key', at('note.pub')];
    };
    const { code, stdout } = await named('prove', at('noted.jsonl'), '--seq', '3', ...noteKey(nextEdKey));
    const lines = Buffer.from(stdout, 'latin1').toString('utf8').split('\n—');
    expect([code, lines.length]).toEqual([0, 3]);
    const tiles = await named('export', at('noted.jsonl'), '--tiles', at('tiles'), ...noteKey(nextEdKey));
    expect([tiles.code, readFileSync(at('tiles/checkpoint'), 'utf8').split('\n—').length]).toEqual([0, 3]);
    for (const argv of [
      ['prove', at('noted.jsonl'), '--seq', '3'],
      ['export', at('noted.jsonl'), '--tiles', at('no')],
    ]) {
      const refused = await named(...argv, ...noteKey(thirdEdKey));
      expect([refused.code, refused.stdout]).toEqual([2, '']);
      expect(refused.stderr).toContain('note key');
    }
    expect(existsSync(at('no'))).toBe(false);
    writeFileSync(at('third.pub'), `${vkeyOf(noted.origin, thirdEdKey)}\n`);
    const both = [...noteKey(nextEdKey), '--note-key', at('third.pub')];
    const [missing] = /.*\+[0-9a-f]{8}(?=\+)/.exec(vkeyOf(noted.origin, thirdEdKey)) ?? [];
    for (const argv of [
      ['prove', at('noted.jsonl'), '--seq', '3'],
      ['export', at('noted.jsonl'), '--tiles', at('no')],
    ]) {
      const { stderr } = await named(...argv, ...both);
      expect(stderr).toContain(`of the note key ${missing}; leave out note keys`);
      expect((await named(...argv, '--note-key', '')).stderr).toContain('USAGE: --note-key is empty\n  hint:');
    }
  });

  it("is not held up by a variable of the writer's note key: exit 0", async () => {
    const env = { FAPILOG_TAMPER_NOTE_KEY_FILE_PATH: at('note.key') };
    const argv = [at('log.jsonl'), '--origin', log.origin, '--public-key', at('signer.pub')];
    expect((await runCommand(['verify', ...argv], { env })).code).toBe(0);
    expect((await runCommand(['prove', ...argv, '--seq', '5'], { env })).code).toBe(0);
  });

  it("takes the keys of the writer's configuration, as verify does: exit 0", async () => {
    await runCommand(['keygen', '--algorithm', 'Ed25519', '--out', at('writer.key')]);
    const key = localKey('ed25519', createPrivateKey(readFileSync(at('writer.key'))));
    const own = new SealedLog()
      .open({ signers: [key] })
      .seal()
      .checkpoint()
      .record('one')
      .close();
    writeFileSync(at('own.jsonl'), own.checkpoint().toFiles()[0]?.bytes ?? '');
    const options = { origin: own.origin, algorithm: 'Ed25519', key_source: 'file', key_file_path: at('writer.key') };
    writeFileSync(at('writer.yaml'), JSON.stringify(options));
    const argv = [at('own.jsonl'), '--config', at('writer.yaml')];
    expect((await runCommand(['verify', ...argv])).code).toBe(0);
    const place = ['--seq', '3', '--out', at('own.tlog-proof')];
    expect(await runCommand(['prove', ...argv, ...place])).toEqual({ code: 0, stdout: '', stderr: '' });
    const publicKey = ['--origin', own.origin, '--public-key', at('writer.key.pub')];
    expect((await runCommand(['verify', at('own.tlog-proof'), ...publicKey])).code).toBe(0);
  });

  it('takes the checkpoint of a manifest where the file has none over the record: exit 0', async () => {
    const closed = new SealedLog().open(signKeys).seal().checkpoint().record('one').close();
    writeFileSync(at('closed.jsonl'), closed.toFiles()[0]?.bytes ?? '');
    const manifest = JSON.stringify(closed.manifestOf('closed.jsonl'));
    writeFileSync(at('closed.jsonl.manifest.json'), manifest);
    expect((await named('verify', at('closed.jsonl'), '--part')).code).toBe(0);
    const place = ['--seq', '3', '--out', at('part.tlog-proof')];
    expect(await named('prove', at('closed.jsonl'), '--part', ...place)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await named('verify', at('part.tlog-proof'))).code).toBe(0);
    const tiles = await named('export', at('closed.jsonl'), '--part', '--tiles', at('part-tiles'));
    expect([tiles.code, readFileSync(at('part-tiles/checkpoint'), 'utf8').split('\n')[1]]).toEqual([0, '4']);
  });

  it('never writes over a file: exit 2', async () => {
    const before = readFileSync(at('5.tlog-proof'));
    const { code, stderr } = await named('prove', at('log.jsonl'), '--seq', '6', '--out', at('5.tlog-proof'));
    expect([code, readFileSync(at('5.tlog-proof')).equals(before)]).toEqual([2, true]);
    expect(stderr).toContain('already exists');
    const dash = await named('prove', at('log.jsonl'), '--seq', '6', '--out', '-');
    expect([dash.code, dash.stdout, existsSync('-')]).toEqual([64, '', false]);
    expect(dash.stderr).toContain('Leave --out away for standard output');
  });

  it('proves nothing of a log that is not ok, and says why: exit 1 or 2, nothing written', async () => {
    const bytes = readFileSync(at('log.jsonl'), 'utf8');
    writeFileSync(at('changed.jsonl'), bytes.replace('payment 9', 'payment 8'));
    writeFileSync(at('cut.jsonl'), bytes.slice(0, bytes.indexOf('{"integrity":{"seq":14')));
    for (const [file, code, word] of [
      ['changed.jsonl', 1, 'TAMPERED'],
      ['cut.jsonl', 2, 'END_UNPROVEN'],
    ] as const) {
      const result = await named('prove', at(file), '--seq', '3', '--out', at('none.tlog-proof'));
      expect([result.code, result.stdout]).toEqual([code, '']);
      expect(result.stderr).toContain(word);
      expect(existsSync(at('none.tlog-proof'))).toBe(false);
    }
  });

  it('says what keeps a record from being proven: exit 2', async () => {
    expect(await named('prove', at('log.jsonl'), '--seq', '99')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'prove: the log has no entry 99: here are entries 1 to 14\n',
    });
    expect((await named('prove', at('log.jsonl'), '--seq', '8')).stderr).toContain('control entry');
    writeFileSync(at('mac.jsonl'), macLog().toFiles()[0]?.bytes ?? '');
    writeFileSync(at('data.key'), `${Buffer.from((await import('../vectors/keys.ts')).dataKey).toString('base64')}\n`, {
      mode: 0o600,
    });
    const mac = await runCommand([
      'prove',
      at('mac.jsonl'),
      '--seq',
      '3',
      '--origin',
      log.origin,
      '--keys',
      at('data.key'),
    ]);
    expect([mac.code, mac.stdout]).toEqual([2, '']);
    expect(mac.stderr).toContain('no checkpoint over entry 3 is signed by a public key that you named');
  });

  it.each([[['--seq', '0']], [['--seq', 'three']], [['--seq', '1.5']], [[]]])('refuses %j: exit 64', async (args) => {
    const { code, stdout } = await named('prove', at('log.jsonl'), ...args);
    expect([code, stdout]).toEqual([64, '']);
  });

  it('reads standard input', async () => {
    const argv = ['prove', '-', '--seq', '5', '--origin', log.origin, '--public-key', at('signer.pub')];
    const { code, stdout } = await runCommand(argv, { input: readFileSync(at('log.jsonl')) });
    expect([code, stdout]).toEqual([0, readFileSync(at('5.tlog-proof'), 'latin1')]);
  });
});

describe('fapilog-tamper verify NAME.tlog-proof', () => {
  it('says ok, what is proven, since when, by which key, and what is not: exit 0', async () => {
    const { code, stdout, stderr } = await named('verify', at('5.tlog-proof'));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')).toEqual([
      `OK  ${at('5.tlog-proof')}`,
      `  entry 5 of ${log.origin}, under its checkpoint of 8 entries`,
      expect.stringMatching(
        /^ {2}sealed at 2026-11-24T23:00:\d\d\.000Z by the writer's clock: it was in the log by then$/,
      ),
      `  signed by ed25519 ${edKey.signer.identity} (--public-key ${at('signer.pub')})`,
      '  the record:',
      '    {"level":30,"msg":"payment 3 booked","amount":21}',
      'This proof says that this record is in the log, and nothing about the records around it.',
      '',
    ]);
    expect((await named('verify', at('5.tlog-proof'), '--quiet')).stdout).toBe(`OK  ${at('5.tlog-proof')}\n`);
  });

  it('prints JSON after its published schema, of proofs that hold and of those that do not', async () => {
    const validate = new Ajv2020({ strict: true, strictRequired: false }).compile(schema);
    writeFileSync(at('junk.tlog-proof'), 'junk');
    writeFileSync(at('index.tlog-proof'), readFileSync(at('5.tlog-proof'), 'utf8').replace('index 4', 'index 5'));
    for (const [files, code] of [
      [['5.tlog-proof'], 0],
      [['5.tlog-proof', 'junk.tlog-proof', 'index.tlog-proof'], 1],
    ] as const) {
      const result = await named('verify', ...files.map(at), '--format', 'json');
      expect(result.code).toBe(code);
      const report: unknown = JSON.parse(result.stdout);
      expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
      expect(report).toMatchObject({ version: 1, proofs: files.map((name) => ({ file: at(name) })) });
    }
  });

  it('says tampered or undecided, with the record that is not proven: exit 1 and 2', async () => {
    const change = (text: string): string =>
      spoiled(text, (one) => (one.extra[1] = Buffer.from(String(one.extra[1]).replace('"amount":21', '"amount":22'))));
    writeFileSync(at('changed.tlog-proof'), change(readFileSync(at('5.tlog-proof'), 'utf8')));
    const changed = await named('verify', at('changed.tlog-proof'));
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(/^TAMPERED /);
    expect(changed.stdout).toContain('INCLUSION_WRONG: entry 5, as it stands here, is not in the tree of 8 entries');
    expect(changed.stdout).toContain('what it says about the record, which is not proven:');
    const other = await runCommand([
      'verify',
      at('5.tlog-proof'),
      '--origin',
      'example.com/other',
      '--public-key',
      at('signer.pub'),
    ]);
    expect(other.code).toBe(2);
    expect(other.stdout).toContain('ORIGIN_NOT_NAMED');
  });

  it('shows a record whose bytes would change a terminal, and never sends them', async () => {
    const hostile = new SealedLog()
      .open(signKeys)
      .seal()
      .checkpoint()
      .record('\u001b[2Jgone\u202e')
      .close()
      .checkpoint();
    writeFileSync(at('hostile.jsonl'), hostile.toFiles()[0]?.bytes ?? '');
    await named('prove', at('hostile.jsonl'), '--seq', '3', '--out', at('hostile.tlog-proof'));
    const { code, stdout } = await named('verify', at('hostile.tlog-proof'));
    expect(code).toBe(0);
    expect(stdout).toContain('\n    \\u{1b}[2Jgone\\u{202e}\n');
    const json = await named('verify', at('hostile.tlog-proof'), '--format', 'json');
    expect(json.stdout).toContain('\\u001b[2Jgone\\u202e');
    expect(json.stdout).not.toContain('\u001b');
  });

  it('takes a policy and a held checkpoint instead of a public key', async () => {
    writeFileSync(at('held.note'), log.note({ size: 8 }));
    const held = ['verify', at('5.tlog-proof'), '--origin', log.origin, '--since', at('held.note')];
    expect(await runCommand(held)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('you hold this very checkpoint'),
    });
    const key = vkeyOf(log.origin, edKey);
    writeFileSync(
      at('policy.yaml'),
      `version: 1\nstreams:\n  - origin: ${log.origin}\n    keys:\n      - { sign: "${key}", until_seq: 7 }\n`,
    );
    const late = await runCommand(['verify', at('5.tlog-proof'), '--policy', at('policy.yaml')]);
    expect(late.code).toBe(2);
    expect(late.stdout).toContain('outside the range of the key');
  });

  it.each([
    ['--known', 'known.json'],
    ['--keys', '.'],
    ['--key-env', 'KEY'],
    ['--manifest', 'm'],
    ['--unwrap', 'docker'],
    ['--live'],
    ['--part'],
    ['--demux'],
    ['--accept-successors'],
    ['--max-bytes', '9'],
    ['--jobs', '2'],
    ['--now', '2026-11-24T23:00:00Z'],
  ])('refuses %s, which is about logs, and names it: exit 64', async (...flag) => {
    const { code, stdout, stderr } = await named('verify', at('5.tlog-proof'), ...flag);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(flag[0]);
  });

  // E3.1
  it('a proof in the place of a log is none, whatever it proves: the name says which it is', async () => {
    copyFileSync(at('5.tlog-proof'), at('audit.jsonl'));
    const { code, stdout, stderr } = await named('verify', at('audit.jsonl'));
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('is the proof of a record, but does not have the name of one');
    const directory = await named('verify', folder);
    expect(directory.code).not.toBe(0);
    copyFileSync(at('log.jsonl'), at('log.tlog-proof'));
    const asProof = await named('verify', at('log.tlog-proof'));
    expect(asProof.code).toBe(1);
    expect(asProof.stdout).toContain('PROOF_MALFORMED');
  });

  it('proofs and logs in one command are refused: exit 64; a proof that is not there is no verdict: exit 2', async () => {
    expect((await named('verify', at('5.tlog-proof'), at('log.jsonl'))).code).toBe(64);
    const absent = await named('verify', at('absent.tlog-proof'));
    expect([absent.code, absent.stdout]).toEqual([2, '']);
    expect(absent.stderr).toContain('NOT_FOUND');
    const nobody = await runCommand(['verify', at('5.tlog-proof')]);
    expect([nobody.code, nobody.stdout]).toEqual([64, '']);
  });
});
