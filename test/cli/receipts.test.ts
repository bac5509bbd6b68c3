import { createPrivateKey, createPublicKey } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { type OpenedReceipt, openReceipt } from '../support/cose-receipt.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { localKey, vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey } from '../vectors/keys.ts';
import { macLog, signedLog } from '../vectors/logs.ts';

/** `prove --format cose`. */

const log = signedLog();
let folder = '';
const at = (name: string): string => join(folder, name);
const SIGNER = ['--algorithm', 'Ed25519', '--key-source', 'file', '--key-file-path'];
const prove = (...args: string[]): Promise<CommandResult> =>
  runCommand(['prove', at('log.jsonl'), '--format', 'cose', '--origin', log.origin, ...args]);
const signed = (...args: string[]): Promise<CommandResult> =>
  prove('--public-key', at('log.pub'), ...SIGNER, at('auditor.key'), ...args);

function opened(receipt: Buffer, leaf: string): OpenedReceipt {
  const spki = createPublicKey(readFileSync(at('auditor.key.pub'))).export({ format: 'der', type: 'spki' });
  return openReceipt(receipt, readFileSync(at(leaf)), spki);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cli-receipts-'));
  writeFileSync(at('log.jsonl'), log.toFiles()[0]?.bytes ?? '');
  writeFileSync(at('log.pub'), `${vkeyOf(log.origin, edKey)}\n`);
  await runCommand(['keygen', '--algorithm', 'Ed25519', '--out', at('auditor.key')]);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('fapilog-tamper prove --format cose', () => {
  it('writes a receipt and its leaf, which a verifier of others takes, and says nothing: exit 0', async () => {
    const result = await signed('--seq', '5', '--out', at('5.cose'), '--leaf', at('5.leaf'));
    expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
    const receipt = opened(readFileSync(at('5.cose')), '5.leaf');
    expect(receipt).toMatchObject({ alg: -8, issuer: log.origin, index: 4, size: 8 });
    const line = log.lines.find(({ seq }) => seq === 5)?.bytes ?? Buffer.of();
    expect(readFileSync(at('5.leaf'))).toEqual(line.subarray(0, -46));
  });

  it('is signed by a key of ML-DSA whose file is named as that of the signing key: exit 0', async () => {
    await runCommand(['keygen', '--algorithm', 'ML-DSA-44', '--out', at('pq.key')]);
    const place = ['--seq', '5', '--out', at('pq.cose'), '--leaf', at('pq.leaf')];
    const result = await prove('--public-key', at('log.pub'), ...SIGNER, at('pq.key'), ...place);
    expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
    const spki = Buffer.from(readFileSync(at('pq.key.pub'), 'utf8').replace(/-----.*?-----/g, ''), 'base64');
    expect(openReceipt(readFileSync(at('pq.cose')), readFileSync(at('pq.leaf')), spki).alg).toBe(-48);
  });

  it('prints the same receipt to a pipe, and none to a terminal', async () => {
    const printed = await signed('--seq', '5', '--leaf', at('printed.leaf'));
    expect(Buffer.from(printed.stdout, 'latin1')).toEqual(readFileSync(at('5.cose')));
    expect(opened(Buffer.from(printed.stdout, 'latin1'), 'printed.leaf').index).toBe(4);
    const argv = ['prove', at('log.jsonl'), '--seq', '5', '--format', 'cose', '--leaf', at('terminal.leaf')];
    const refused = await runCommand(argv, { terminal: true });
    expect([refused.code, refused.stdout, existsSync(at('terminal.leaf'))]).toEqual([64, '', false]);
    expect(refused.stderr).toContain('name a file with --out FILE');
  });

  it('verifies the log with the public half of the signing key where no other key is named', async () => {
    const own = ['--seq', '5', '--out', at('own.cose'), '--leaf', at('own.leaf')];
    const strange = await prove(...own, ...SIGNER, at('auditor.key'));
    expect([strange.code, existsSync(at('own.leaf'))]).toEqual([2, false]);
    const key = localKey('ed25519', createPrivateKey(readFileSync(at('auditor.key'))));
    const sealed = new SealedLog('example.com/own')
      .open({ signers: [key] })
      .seal()
      .checkpoint()
      .record('one')
      .close();
    writeFileSync(at('sealed.jsonl'), sealed.checkpoint().toFiles()[0]?.bytes ?? '');
    const argv = ['prove', at('sealed.jsonl'), '--format', 'cose', '--origin', 'example.com/own', '--seq', '3'];
    const proved = await runCommand([...argv, ...SIGNER, at('auditor.key'), ...own.slice(2)]);
    expect(proved).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(opened(readFileSync(at('own.cose')), 'own.leaf')).toMatchObject({ issuer: 'example.com/own', index: 2 });
  });

  it('never writes over a file, nor one of the two alone: exit 2', async () => {
    for (const [out, leaf, left] of [
      ['5.cose', 'new.leaf', 'new.leaf'],
      ['new.cose', '5.leaf', 'new.cose'],
    ] as const) {
      const before = [readFileSync(at('5.cose')), readFileSync(at('5.leaf'))];
      const { code, stderr } = await signed('--seq', '6', '--out', at(out), '--leaf', at(leaf));
      expect([code, existsSync(at(left))]).toEqual([2, false]);
      expect(stderr).toContain('already exists');
      expect([readFileSync(at('5.cose')), readFileSync(at('5.leaf'))]).toEqual(before);
    }
  });

  it('refuses files that cannot be written before it asks the key: exit 64, nothing written', async () => {
    mkdirSync(at('logs'));
    copyFileSync(at('log.jsonl'), at('logs/log.jsonl'));
    for (const [out, leaf, said] of [
      ['one.both', 'one.both', '--out and --leaf name one file'],
      ['no.cose', '', '--leaf takes the name of a file, not ""'],
      ['no.cose', '-', '--leaf takes the name of a file, not "-"'],
      ['-', 'no.leaf', '--out takes the name of a file, not "-"'],
      ['no.cose', 'absent/no.leaf', `there is no folder ${at('absent')}`],
      ['absent/no.cose', 'no.leaf', `there is no folder ${at('absent')}`],
      ['no.cose', 'logs/no.leaf', `--leaf ${at('logs/no.leaf')} is in ${at('logs')}, which is to be verified`],
    ] as const) {
      const named = (name: string): string => (name.length > 1 ? at(name) : name);
      const argv = ['prove', at('logs'), '--format', 'cose', '--origin', log.origin, '--public-key', at('log.pub')];
      const place = ['--seq', '6', '--out', named(out), '--leaf', named(leaf)];
      // a key file that is not there would be told of
      const { code, stdout, stderr } = await runCommand([...argv, ...place, ...SIGNER, at('absent.key')]);
      expect([code, stdout, stderr]).toEqual([64, '', expect.stringContaining(said)]);
      expect(existsSync('-') || [out, leaf].some((name) => name.length > 1 && existsSync(at(name)))).toBe(false);
    }
    expect(readdirSync(at('logs'))).toEqual(['log.jsonl']);
  });

  it('signs nothing of a log that is not ok, or of an entry that is no record: exit 1 or 2, nothing written', async () => {
    const bytes = readFileSync(at('log.jsonl'), 'utf8');
    writeFileSync(at('changed.jsonl'), bytes.replace('payment 9', 'payment 8'));
    const cut = bytes.slice(0, bytes.indexOf('{"integrity":{"seq":14'));
    writeFileSync(at('cut.jsonl'), cut);
    for (const [file, seq, code, word] of [
      ['changed.jsonl', '3', 1, 'TAMPERED'],
      ['cut.jsonl', '3', 2, 'END_UNPROVEN'],
      ['log.jsonl', '8', 2, 'control entry'],
      ['log.jsonl', '99', 2, 'no entry 99'],
    ] as const) {
      const argv = ['prove', at(file), '--format', 'cose', '--origin', log.origin, '--public-key', at('log.pub')];
      const place = ['--out', at('none.cose'), '--leaf', at('none.leaf')];
      const result = await runCommand([...argv, ...SIGNER, at('auditor.key'), '--seq', seq, ...place]);
      expect([result.code, result.stdout]).toEqual([code, '']);
      expect(result.stderr).toContain(word);
      expect([existsSync(at('none.cose')), existsSync(at('none.leaf'))]).toEqual([false, false]);
    }
  });

  it('says of a log without signatures that it has no receipts: exit 2', async () => {
    writeFileSync(at('mac.jsonl'), macLog().toFiles()[0]?.bytes ?? '');
    writeFileSync(at('data.key'), dataKey.toString('base64'), { mode: 0o600 });
    const argv = ['prove', at('mac.jsonl'), '--format', 'cose', '--origin', log.origin, '--keys', at('data.key')];
    const place = ['--seq', '5', '--out', at('none.cose'), '--leaf', at('none.leaf')];
    const { code, stderr } = await runCommand([...argv, ...place, ...SIGNER, at('auditor.key')]);
    expect([code, existsSync(at('none.leaf'))]).toEqual([2, false]);
    expect(stderr).toContain('prove: the log has no signatures, so there is no proof or receipt');
  });

  it.each<[string, string[], string]>([
    ['no file for the leaf', ['--format', 'cose', ...SIGNER, 'auditor.key'], '--leaf FILE'],
    ['a leaf of a tlog-proof', ['--leaf', 'x'], '--leaf goes with --format cose'],
    ['no signing key', ['--format', 'cose', '--leaf', 'x', '--out', 'y'], 'no signing key is configured'],
    [
      'a note key with a receipt',
      ['--format', 'cose', '--leaf', 'x', ...SIGNER, 'auditor.key', '--note-key', 'n'],
      '--note-key goes with a tlog-proof',
    ],
    ['another format', ['--format', 'jws'], 'tlog-proof or cose'],
  ])('refuses %s: exit 64', async (_name, args, said) => {
    const argv = ['prove', at('log.jsonl'), '--seq', '5', '--origin', log.origin, ...args];
    const { code, stdout, stderr } = await runCommand(argv);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(said);
  });

  it('refuses what a journal says of a stream: exit 64', async () => {
    for (const args of [
      ['--format', 'cose'],
      ['--leaf', 'x'],
    ]) {
      const { code, stderr } = await runCommand(['prove', '--stream', 'example.com/x', '--journal', 'j.yaml', ...args]);
      expect([code, stderr]).toEqual([64, expect.stringContaining('are about a record')]);
    }
  });
});
