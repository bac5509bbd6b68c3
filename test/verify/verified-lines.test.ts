import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDataKey, formatVkey, type VerifyReport } from '../../src/index.ts';
import { bitFlips, moves, subjects } from '../support/mutations.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { someOf } from '../support/tier.ts';
import { type NamedDataKeys, type VerifyOptions, verifiedLines } from '../support/verifying.ts';
import { dataKey, edKey } from '../vectors/keys.ts';

/** Lines that are given after an ok verdict are those that the verdict is about, whatever is done to the files meanwhile. */

const origin = 'audit.example.com/vectors/a';
const macKeys = { dataKey };
const signing = { signers: [edKey] };
const publicKeys = [formatVkey(origin, edKey.noteKey)];

function named(...materials: Buffer[]): NamedDataKeys[] {
  return materials.map((material) => {
    const make = async () => createDataKey({ material: Buffer.from(material), source: 'env', identity: 'audit' });
    return { source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name: 'audit' }] };
  });
}

function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), 'verified-lines-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));

interface Given {
  readonly report: VerifyReport;
  readonly text: string;
  readonly problems: readonly string[];
  readonly unproven: number | undefined;
}

async function linesOf(options: VerifyOptions & { readonly temporaryDirectory?: string }): Promise<Given> {
  const pieces: Buffer[] = [];
  const problems: string[] = [];
  let unproven: number | undefined;
  const report = await verifiedLines({
    origin,
    ...options,
    onPiece: (piece, last) => {
      pieces.push(piece, Buffer.from(last ? '\n' : ''));
      return undefined;
    },
    onProblem: (message) => void problems.push(message),
    onUnproven: (size) => {
      unproven = size;
    },
  });
  return { report, text: Buffer.concat(pieces).toString('latin1'), problems, unproven };
}

function put(log: SealedLog, name = 'log.jsonl'): string {
  const path = join(folder(), name);
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(bytesOf(log)) : bytesOf(log));
  return path;
}

const closed = (): SealedLog =>
  new SealedLog(origin).open(macKeys).seal().checkpoint().record('one', '{"two":2}', 'three').close().checkpoint();

/** More than is kept in memory: 6,000 lines. */
function large(): SealedLog {
  const log = new SealedLog(origin).open(macKeys).seal().checkpoint();
  for (let at = 0; at < 6; at++) {
    for (let line = 0; line < 1000; line++) log.record(`{"n":${line},"pad":"${'x'.repeat(200)}"}`);
    log.seal().checkpoint();
  }
  return log.close().checkpoint();
}

describe('verified lines', () => {
  const dataKeys = named(dataKey);

  it('are given from a file, a compressed one, a directory and standard input alike', async () => {
    const lines = 'one\n{"two":2}\nthree\n';
    const path = put(closed());
    for (const paths of [[path], [put(closed(), 'log.jsonl.gz')], [join(path, '..')]]) {
      expect(await linesOf({ paths, dataKeys })).toMatchObject({ text: lines, problems: [], unproven: undefined });
    }
    const input = Readable.from([bytesOf(closed())]);
    expect((await linesOf({ paths: ['-'], input, dataKeys })).text).toBe(lines);
  });

  it('are none of an undemanded tag, and a genuine record keeps its place', async () => {
    const log = closed();
    const at = log.lines.findIndex(({ seq }) => seq === 4);
    const forged = `{"evil":true,"integrity":{"seq":4,"key_id":"AAAAAAAA.1","mac":"${'A'.repeat(43)}"}}`;
    log.lines.splice(at, 0, { file: 'log.jsonl', bytes: Buffer.from(forged), kind: 'raw' });
    const { report, text } = await linesOf({ paths: [put(log)], dataKeys, demux: true });
    expect(report.verdict).toBe('ok');
    expect(text).toBe('one\n{"two":2}\nthree\n');
  });

  it('end at the proven end of a log that is still written', async () => {
    const log = new SealedLog(origin).open(signing).seal().checkpoint().record('one').seal().checkpoint();
    const now = new Date(log.clock + 1000);
    log.record('{"forged":1}', 'two').longRecord(Buffer.from('a long line'), 4).seal();
    const { report, text, unproven } = await linesOf({ paths: [put(log)], publicKeys, live: true, now });
    expect([report.verdict, text, unproven]).toEqual(['ok', 'one\n', 4]);
  });

  it('are whole: a long line that is proven in part only is not begun', async () => {
    const log = new SealedLog(origin).open(macKeys).seal().checkpoint().record('one');
    const parts = (part: number, last: boolean): unknown =>
      log.recordAs(`{"line":"${Buffer.from(`part ${part} `).toString('base64')}",`, 'base64', part, last);
    parts(1, false);
    log.seal().checkpoint();
    const now = new Date(log.clock + 1000);
    parts(2, true);
    const part = await linesOf({ paths: [put(log)], dataKeys, live: true, now });
    expect([part.report.verdict, part.text, part.problems]).toEqual(['ok', 'one\n', []]);
    const whole = await linesOf({ paths: [put(log.seal().checkpoint())], dataKeys, live: true, now });
    expect(whole.text).toBe('one\npart 1 part 2 \n');
  });

  it('say so where a writer never ended a long line', async () => {
    const log = new SealedLog(origin).open(macKeys).seal().checkpoint();
    log
      .recordAs(`{"line":"${Buffer.from('begun').toString('base64')}",`, 'base64', 1, false)
      .seal()
      .checkpoint();
    log.open(macKeys).seal().checkpoint().record('next').close().checkpoint();
    const { report, text, problems } = await linesOf({ paths: [put(log)], dataKeys: named(dataKey, dataKey) });
    expect([report.verdict, text]).toEqual(['ok', 'begun\nnext\n']);
    expect(problems).toHaveLength(1);
  });

  it('are without those that a crash abandoned', async () => {
    const same = new SealedLog(origin).open(macKeys).seal().checkpoint().record('kept').seal().checkpoint();
    const shipped = same.fork().record('lost', 'lost too', 'and this');
    const lost = shipped.lines.slice(same.lines.length);
    const before = same.lines.length;
    same.open(macKeys).seal().checkpoint().record('after').close().checkpoint();
    same.lines.splice(before, 0, ...lost);
    const both = await linesOf({ paths: [put(same)], dataKeys });
    expect([both.report.verdict, both.report.streams[0]?.abandonedEntries]).toEqual(['ok', 3]);
    expect(both.text).toBe('kept\nafter\n');
  });

  it('are those that were verified, whatever is put in the place of the file meanwhile', async () => {
    const genuine = large();
    const path = put(genuine);
    const forged = `${path}.forged`;
    const changed = bytesOf(genuine).toString('latin1').replaceAll('"pad":"xxx', '"pad":"evil');
    let progress = 0;
    const swap = (): void => {
      progress++;
      writeFileSync(forged, changed);
      renameSync(forged, path);
    };
    const temporaryDirectory = folder();
    const given = await linesOf({ paths: [path], dataKeys, onProgress: swap, temporaryDirectory });
    expect(progress).toBeGreaterThan(1);
    expect(given.report.verdict).toBe('ok');
    expect(given.text).not.toContain('evil');
    expect(given.text.split('\n')).toHaveLength(6001);
    expect(readdirSync(temporaryDirectory)).toEqual([]);
  });

  it('wait in a file without a name, and a full or absent directory is a coded error', async () => {
    const paths = [put(large())];
    const temporaryDirectory = join(folder(), 'absent');
    await expect(linesOf({ paths, dataKeys, temporaryDirectory })).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      hint: expect.stringContaining('TMPDIR') as string,
    });
  });

  it('are of one stream', async () => {
    const other = new SealedLog('audit.example.com/vectors/b').open(macKeys).seal().checkpoint().record('other');
    const paths = [put(closed()), put(other.close().checkpoint(), 'b.jsonl')];
    const options = { paths, origin: 'audit.example.com/vectors/*', dataKeys };
    await expect(linesOf(options)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(linesOf({ ...options, demux: true })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

const GENUINE = [
  '{"level":30,"msg":"an object"}',
  '{}',
  'plain text',
  '\u00ff\u0000A',
  'a long line in parts',
  'after the gap',
  'next file',
  'second run',
  'third run',
];

describe.each(subjects())('of a changed log sealed with $name', (subject) => {
  it('nothing is given but genuine lines', { timeout: 120_000 }, async () => {
    const { log, auditor } = subject;
    const dataKeys = named(
      ...[...new Set(Object.values(auditor.data_keys ?? {}))].map((hex) => Buffer.from(hex, 'hex')),
    );
    const given = { dataKeys, publicKeys: auditor.vkeys ?? [], paths: [join(folder(), 'log.jsonl')] };
    const write = (lines: readonly { readonly bytes: Buffer }[]): void =>
      writeFileSync(given.paths[0] as string, Buffer.concat(lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])));
    write(log.lines);
    const whole = await linesOf(given);
    expect(whole.report.verdict, JSON.stringify(whole.report.findings)).toBe('ok');
    expect(new Set(whole.text.split('\n').slice(0, -1))).toEqual(new Set(GENUINE));
    for (const mutation of someOf([...bitFlips(subject, 1499, 7), ...moves(subject, false)], 8)) {
      write(mutation.lines);
      for (const demux of [false, true]) {
        const { report, text } = await linesOf({ ...given, demux });
        if (report.verdict !== 'ok') expect(text, mutation.what).toBe('');
        for (const line of text.split('\n').slice(0, -1)) expect(GENUINE, mutation.what).toContain(line);
      }
    }
  });
});
