import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Brings, type Judgement, judgePaths } from '../support/judge.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { localKey } from '../support/signing-keys.ts';
import { dataKey, edKey } from '../vectors/keys.ts';
import { macKeys, macLog, signedLog } from '../vectors/logs.ts';
import { insertAfter } from '../vectors/spoil.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeFiles, judgeLog, kinds } from './auditors.ts';

/** Bytes that are made to lead a verifier astray, to exhaust it or to make it throw (spec 9, M8.25). */

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function judgeBytes(name: string, bytes: Buffer, auditor: Brings, limit: number = 1 << 26): Promise<Judgement> {
  writeFileSync(join(folder, name), bytes);
  return judgePaths([join(folder, name)], auditor, limit);
}

const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));

describe('compressed files', () => {
  const log = signedLog();
  const auditor = brings(log, { named: [edKey] });

  it('a gzip bomb is stopped at the limit, and is undecided', async () => {
    const bomb = gzipSync(Buffer.concat([bytesOf(log), Buffer.alloc(64 << 20, '\n')]));
    const found = await judgeBytes('bomb.jsonl.gz', bomb, auditor, 1 << 20);
    expect(found.verdict).toBe(2);
    expect(kinds(found)).toContain('LIMIT');
  });

  it('a second member with forged records is read as a part of the file: tampered', async () => {
    const forged = gzipSync(Buffer.from('{"forged":true}\n'));
    const found = await judgeBytes('members.jsonl.gz', Buffer.concat([gzipSync(bytesOf(log)), forged]), auditor);
    expect(found.verdict).toBe(1);
    expect(kinds(found)).toContain('FOREIGN_LINE');
  });

  it('bytes after the last member, also zeros: undecided', async () => {
    for (const after of [Buffer.from('x'), Buffer.alloc(512)]) {
      const found = await judgeBytes('trailing.jsonl.gz', Buffer.concat([gzipSync(bytesOf(log)), after]), auditor);
      expect(found.verdict).toBe(2);
      expect(kinds(found)).toEqual(new Set(['GZIP_TRAILING']));
    }
  });

  it('a member cut in its middle, or with a wrong checksum: never ok', async () => {
    const whole = gzipSync(bytesOf(log));
    const spoiled = Buffer.from(whole);
    spoiled.writeUInt32LE(1, spoiled.length - 8);
    for (const bytes of [whole.subarray(0, -30), spoiled]) {
      expect((await judgeBytes('cut.jsonl.gz', bytes, auditor)).verdict).not.toBe(0);
    }
  });
});

describe('converted files', () => {
  const log = macLog();
  const auditor = brings(log, { data: [dataKey] });

  it('CR LF throughout: undecided; with a record changed as well: tampered', async () => {
    const text = bytesOf(log).toString('utf8').replaceAll('\n', '\r\n');
    expect((await judgeBytes('crlf.jsonl', Buffer.from(text), auditor)).verdict).toBe(2);
    const changed = text.replace('"amount":21', '"amount":20');
    expect((await judgeBytes('crlf.jsonl', Buffer.from(changed), auditor)).verdict).toBe(1);
  });

  it('re-serialised JSON: undecided, some lines only: tampered', async () => {
    const lines = bytesOf(log).toString('utf8').trimEnd().split('\n');
    const again = lines.map((line) => JSON.stringify(JSON.parse(line), undefined, 1).replaceAll('\n', ''));
    const all = await judgeBytes('again.jsonl', Buffer.from(`${again.join('\n')}\n`), auditor);
    expect(all.verdict).toBe(2);
    expect(kinds(all)).toEqual(new Set(['RESERIALIZED']));
    const some = lines.map((line, at) => (at === 4 ? (again[at] ?? '') : line));
    expect((await judgeBytes('some.jsonl', Buffer.from(`${some.join('\n')}\n`), auditor)).verdict).toBe(1);
  });
});

describe('a line that is made to make a verifier throw', () => {
  it('deeply nested JSON, long digits, lone surrogates, NUL: a finding, never an exception', async () => {
    const log = macLog();
    const deep = `{"integrity":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const hostile = [
      deep,
      `{"a":${'9'.repeat(10_000)}}`,
      '{"integrity":{"seq":99999999999999999999,"kind":"seal","key_id":"x"}}',
      '{"integrity":{"kind":"checkpoint","note":"\\ud800"}}',
      `{"integrity":{"kind":"checkpoint","note":"${'\\n'.repeat(1000)}"}}`,
      '{"__proto__":{"seq":1},"integrity":{"seq":1}}',
      '\0\0\0',
    ];
    for (const line of hostile) {
      const found = await judgeLog(insertAfter(macLog(), 5, line), brings(log, { data: [dataKey] }));
      expect(found.verdict, line.slice(0, 60)).toBe(1);
      const alone = await judgeFiles(
        [{ name: 'log.jsonl', bytes: Buffer.from(`${line}\n`) }],
        brings(log, { data: [dataKey] }),
      );
      expect(alone.verdict, line.slice(0, 60)).not.toBe(0);
    }
  });

  it('a key reference with an RSA key that is too small: malformed', async () => {
    const small = localKey('rsa-pkcs1-sha256', generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
    const weak = { ...small, sign: () => Buffer.alloc(128) };
    const log = new SealedLog()
      .open({ signers: [weak, edKey] })
      .seal()
      .checkpoint()
      .close()
      .checkpoint();
    const found = await judgeLog(log, brings(log, { named: [edKey] }));
    expect(found.verdict).toBe(1);
    expect(kinds(found)).toContain('CONTROL_MALFORMED');
  });

  it('control entries of the key holder with any JSON in any member: never ok unless they are as they were', async () => {
    const names = [
      'format',
      'origin',
      'time',
      'why',
      'size',
      'frontier',
      'checkpoint',
      'key',
      'epoch_seq',
      'step',
      'every',
      'torn',
      'adopted_from',
      'after',
    ];
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom<unknown>(-0, 1e21, 2 ** 53, '', [], {}, null, '2026-13-01T00:00:00.000Z'),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), value, async (name, changed) => {
        const leaf = (text: string): string => {
          const parsed = JSON.parse(`${text}"}}`) as { integrity: Record<string, unknown> };
          const entry = Object.fromEntries(
            Object.entries({ ...parsed.integrity, [name]: changed }).sort(
              ([a], [b]) => Number(a === 'key_id' || a === 'mac') - Number(b === 'key_id' || b === 'mac'),
            ),
          );
          return JSON.stringify({ integrity: entry }).slice(0, -3);
        };
        const log = new SealedLog()
          .open(macKeys, {}, { leaf })
          .seal()
          .checkpoint()
          .record('{"a":1}')
          .close()
          .checkpoint();
        const untouched = new SealedLog().open(macKeys).seal().checkpoint().record('{"a":1}').close().checkpoint();
        const found = await judgeLog(log, brings(log, { data: [dataKey] }));
        const same = log.lines[0]?.bytes.equals(untouched.lines[0]?.bytes ?? Buffer.alloc(0)) === true;
        // another promise, time or set-aside tail is for the key holder to say
        const free = ['time', 'every', 'torn'].includes(name);
        if (!same && !free) expect(found.verdict, `${name}: ${JSON.stringify(changed)}`).not.toBe(0);
      }),
      { numRuns: 400 },
    );
  });
});

describe('leaves', () => {
  it('of two different control entries are never the same', () => {
    const seal = { kind: 'seal', step: 1, time: '2026-11-24T23:00:00.000Z', records: 1, dropped: 0 } as const;
    const leaves = [seal, { ...seal, step: 11 }, { ...seal, records: 11 }].map((entry) =>
      new SealedLog().open({ dataKey }).control(entry).lines.at(-1)?.bytes.toString('latin1').slice(0, -46),
    );
    expect(new Set(leaves).size).toBe(3);
  });
});
