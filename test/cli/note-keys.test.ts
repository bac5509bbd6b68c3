import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.ts';

let directory = '';
const at = (name: string): string => join(directory, name);
const keygen = (name: string, ...more: readonly string[]): Promise<CommandResult> =>
  runCommand(['keygen', '--out', at(name), ...more]);
const put = (name: string, content: string | Buffer): void => writeFileSync(at(name), content, { mode: 0o600 });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'note-keys-'));
  await keygen('sign.key', '--algorithm', 'Ed25519');
  await keygen('note.key', '--algorithm', 'Ed25519');
  await keygen('data.key');
  await keygen('later.key', '--algorithm', 'ML-DSA-44');
  put('raw.key', randomBytes(32));
  put('hex.key', randomBytes(32).toString('hex'));
  put('text.key', 'not a key\n');
  put('broken.key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  mkdirSync(at('directory'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const SIGNING = ['--algorithm', 'Ed25519', '--key-source', 'file'];
const options = (note: string, keys = [...SIGNING, '--key-file-path', at('sign.key')]): string[] => [
  ...keys,
  '--state-dir',
  at('state'),
  '--note-key-file-path',
  at(note),
];

/** What `doctor` says of a note key, and what `seal` does with it. */
async function askBoth(note: string, keys?: string[]): Promise<{ doctor: CommandResult; seal: CommandResult }> {
  const argv = options(note, keys);
  const out = join(mkdtempSync(at('log-')), 'a.jsonl');
  const seal = await runCommand(['seal', '--out', out, '--origin', 'audit.example.com/notes', ...argv], {
    input: '{"n":1}\n',
  });
  return { doctor: await runCommand(['doctor', ...argv]), seal };
}

/** M4.11. */
describe('the file of a note key', () => {
  it('is taken by doctor and by seal', async () => {
    const { doctor, seal } = await askBoth('note.key');
    expect([doctor.code, seal.code]).toEqual([0, 0]);
    expect(doctor.stdout).toMatch(/^ok +note key: sign and verify: a signature verifies/m);
  });

  it('is refused by both where it is the key that signs', async () => {
    const { doctor, seal } = await askBoth('sign.key');
    for (const said of [doctor.stdout, seal.stderr]) {
      expect(said).toMatch(/KEY_WRONG_USAGE: the note key of \S+ has the key id of a key that signs it/);
      expect(said).toContain('keygen --algorithm Ed25519');
    }
    expect(doctor.stdout).toMatch(/^failed +note key: /m);
    expect([doctor.code, seal.code === 0]).toEqual([1, false]);
  });

  it.each([
    ['none.key', 'KEY_NOT_FOUND'],
    ['data.key', 'KEY_MALFORMED'],
    ['raw.key', 'KEY_MALFORMED'],
    ['hex.key', 'KEY_MALFORMED'],
    ['text.key', 'KEY_MALFORMED'],
    ['broken.key', 'KEY_MALFORMED'],
    ['directory', 'KEY_MALFORMED'],
    ['later.key', 'KEY_WRONG_USAGE'],
  ])('is refused by both, with what to do, where it is %s', async (name, code) => {
    const { doctor, seal } = await askBoth(name);
    for (const said of [doctor.stdout, seal.stderr]) {
      expect(said).toContain(code);
      expect(said).toContain(at(name));
      expect(said).toMatch(/note_key_file_path.*fapilog-tamper keygen --algorithm Ed25519/);
      expect(said).not.toMatch(/[^_]key_file_path|random bytes/);
    }
    expect([doctor.code, seal.code === 0]).toEqual([1, false]);
  });

  it('is never the file of the data key, whose bytes would sign in public', async () => {
    const keys = ['--key-source', 'file', '--key-file-path', at('data.key')];
    const both = [...keys, '--signing-key-id', 'sign', '--signing-key-file-path', at('sign.key')];
    const { doctor, seal } = await askBoth('data.key', both);
    for (const said of [doctor.stdout, seal.stderr]) expect(said).toMatch(/KEY_MALFORMED: .*PEM/);
    expect([doctor.code, seal.code === 0]).toEqual([1, false]);
  });

  it('needs a key that signs, and is told of each way to have one', async () => {
    const { seal } = await askBoth('note.key', ['--key-source', 'file', '--key-file-path', at('data.key')]);
    expect(seal.stderr).toContain('no key signs checkpoints');
    for (const way of ['signing_key_id', 'use_kms_signing', 'algorithm: Ed25519']) expect(seal.stderr).toContain(way);
  });
});
