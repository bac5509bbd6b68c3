import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { saltedLog } from '../support/erased-log.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { readTiles } from '../support/tile-reader.ts';
import { edKey } from '../vectors/keys.ts';
import { signedLog, signKeys } from '../vectors/logs.ts';

const log = signedLog();
let folder = '';
const at = (name: string): string => join(folder, name);
const exported = (file: string, tiles: string): Promise<CommandResult> =>
  runCommand(['export', at(file), '--tiles', at(tiles), '--origin', log.origin, '--public-key', at('signer.pub')]);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'export-'));
  const files = {
    log,
    salted: saltedLog(),
    other: new SealedLog().open(signKeys).seal().checkpoint().close().checkpoint(),
  };
  for (const [name, one] of Object.entries(files)) writeFileSync(at(`${name}.jsonl`), one.toFiles()[0]?.bytes ?? '');
  writeFileSync(at('signer.pub'), `${vkeyOf(log.origin, edKey)}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('fapilog-tamper export', () => {
  it('says what is there, and that lines without salts can be read: exit 0, and again', async () => {
    const first = await exported('log.jsonl', 'tiles');
    expect([first.code, first.stdout]).toEqual([
      0,
      `14 entries of ${log.origin} (14 new), 2 files written to ${at('tiles')}\n`,
    ]);
    expect(first.stderr).toContain('without a salt');
    expect(readTiles(at('tiles'))).toMatchObject({ origin: log.origin, size: 14 });
    expect(await exported('log.jsonl', 'tiles')).toEqual({
      code: 0,
      stdout: `14 entries of ${log.origin} (0 new), 0 files written to ${at('tiles')}\n`,
      stderr: '',
    });
    expect(await exported('salted.jsonl', 'salted')).toMatchObject({ code: 0, stderr: '' });
  });

  it('writes nothing of a log that is not ok, and prints the report: exit 1 or 2', async () => {
    const bytes = log.toFiles()[0]?.bytes.toString() ?? '';
    writeFileSync(at('changed.jsonl'), bytes.replace('payment 9', 'payment 8'));
    writeFileSync(at('cut.jsonl'), bytes.slice(0, bytes.indexOf('{"integrity":{"seq":14')));
    for (const [file, code, word] of [
      ['changed.jsonl', 1, 'TAMPERED'],
      ['cut.jsonl', 2, 'END_UNPROVEN'],
    ] as const) {
      const result = await exported(file, 'none');
      expect([result.code, result.stdout]).toEqual([code, '']);
      expect(result.stderr).toContain(word);
      expect(existsSync(at('none'))).toBe(false);
    }
  });

  it('refuses a place that has another tree: exit 2; and a command line without a place: exit 64', async () => {
    await exported('other.jsonl', 'others');
    const refused = await exported('log.jsonl', 'others');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`${at('others')}/checkpoint`);
    expect(await runCommand(['export', at('log.jsonl'), '--origin', log.origin])).toMatchObject({ code: 64 });
  });
});
