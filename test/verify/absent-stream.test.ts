import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../src/index.ts';
import { runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { type VerifyOptions, verify } from '../support/verifying.ts';
import { edKey } from '../vectors/keys.ts';
import { macLog, signedLog, signKeys } from '../vectors/logs.ts';

/** A name that fits no file is a slip of the auditor's until something says otherwise; damage never is. */

let directory = '';
let made = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'absent-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function put(files: Readonly<Record<string, Buffer | string>>): string {
  const place = join(directory, String(++made));
  mkdirSync(place);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(place, name), bytes);
  return place;
}

const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));
const log = signedLog();
const { origin } = log;
const vkey = vkeyOf(origin, edKey);
const stdin = (bytes: Buffer | string): Partial<VerifyOptions> => ({
  paths: ['-'],
  input: Readable.from([Buffer.from(bytes)]),
});
const check = async (options: Partial<VerifyOptions>): Promise<VerifyReport> =>
  verify({ paths: [], origin, publicKeys: [vkey], ...options });
const absent = (report: VerifyReport): string | undefined =>
  report.findings.find(({ code, message }) => code === 'END_UNPROVEN' && message.includes('is here'))?.message;

const typos = ['audit.example.com/vectors/b', 'audit.example.com/vectors', 'Audit.example.com/vectors/a', 'x'];
const ways: Readonly<Record<string, (bytes: Buffer) => Partial<VerifyOptions>>> = {
  'a file': (bytes) => ({ paths: [join(put({ 'a.jsonl': bytes }), 'a.jsonl')] }),
  'a directory': (bytes) => ({ paths: [put({ 'a.jsonl': bytes })] }),
  'standard input': stdin,
  'mixed streams': (bytes) => ({ paths: [put({ 'a.jsonl': bytes })], demux: true }),
  'standard input with mixed streams': (bytes) => ({ ...stdin(bytes), demux: true }),
};

describe('a misspelt stream', () => {
  it.each(Object.entries(ways))('is undecided, with the name that was perhaps meant: %s', async (_, way) => {
    for (const typo of typos) {
      const report = await check({ ...way(bytesOf(log)), origin: typo });
      expect(report.verdict, typo).toBe('undecided');
      expect(absent(report)).toBe(`no stream named ${typo} is here; did you mean ${origin}?`);
      expect(report.findings.map(({ code }) => code).filter((code) => code !== 'NO_KEY')).toEqual(['END_UNPROVEN']);
    }
  });

  it('is asked for by the nearest of several', async () => {
    const names = ['o/payments/a', 'o/payments/b', 'o/orders/a'];
    const place = put(
      Object.fromEntries(
        names.map((name, at) => [`${at}.jsonl`, bytesOf(new SealedLog(name).open(signKeys).seal().checkpoint())]),
      ),
    );
    expect(absent(await check({ paths: [place], origin: 'o/payment/b' }))).toContain('did you mean o/payments/b?');
    expect(absent(await check({ paths: [place], origin: 'o/order/a' }))).toContain('did you mean o/orders/a?');
  });

  it('of a file that begins in the middle is told by its tag', async () => {
    const middle = bytesOf(log).toString().split('\n').slice(3).join('\n');
    const report = await check({ paths: [put({ 'a.jsonl': middle })], origin: 'o/x' });
    expect(absent(report)).toMatch(
      /^no stream named o\/x is here; the files belong to streams with the tags [\w-]{8}$/,
    );
  });

  it('ends verify with 2', async () => {
    const path = join(put({ 'a.jsonl': bytesOf(log) }), 'a.jsonl');
    const { code, stdout } = await runCommand(['verify', path, '--origin', 'audit.example.com/vectors/aa']);
    expect(code).toBe(2);
    expect(stdout).not.toContain('tampered ');
  });
});

describe('a log whose first lines are damaged', () => {
  const lines = bytesOf(log).toString().split('\n').filter(Boolean);
  const foreign = bytesOf(macLog())
    .toString()
    .replaceAll(/"key_id":"[\w-]{8}\./g, '"key_id":"AAAAAAAA.')
    .split('\n');
  const damages: Readonly<Record<string, string[]>> = {
    'the first is of another stream': [foreign[0] ?? '', ...lines.slice(1)],
    'the first is of another stream, with a seq of its own': [foreign[7] ?? '', ...lines],
    'a whole other log stands before it': [...foreign.filter(Boolean), ...lines],
    'the first is no line of ours': ['{"a":1}', ...lines.slice(1)],
    'the first is missing': lines.slice(1),
    'the first ten are no lines of ours': [...Array<string>(10).fill('x'), ...lines.slice(10)],
    'no line is one of ours': lines.map((line) => `${line} `),
    'every line was written again': lines.map((line) =>
      JSON.stringify(JSON.parse(line), undefined, 1).replaceAll('\n', ''),
    ),
    'nothing is left': [],
  };

  it.each(Object.entries(damages))('is that log, damaged: %s', async (what, damaged) => {
    const text = damaged.map((line) => `${line}\n`).join('');
    for (const way of [{ paths: [put({ 'a.jsonl': text })] }, stdin(text)]) {
      const report = await check(way);
      expect(report.verdict).not.toBe('ok');
      expect(report.streams.map((stream) => stream.origin)).toEqual([origin]);
      // a file without a byte in a directory is nobody's: then the stream itself is what is missing
      if (what !== 'nothing is left') expect(absent(report)).toBeUndefined();
    }
  });

  it('is tampered with where a line of another stream was put into it', async () => {
    const text = `${foreign[0]}\n${lines.join('\n')}\n`;
    for (const way of [{ paths: [put({ 'a.jsonl': text })] }, stdin(text)]) {
      expect(await check(way)).toMatchObject({ verdict: 'tampered' });
    }
  });

  it('is never ok where every line was made another stream’s', async () => {
    const text = bytesOf(log)
      .toString()
      .replaceAll(/"key_id":"[\w-]{8}\./g, '"key_id":"AAAAAAAA.');
    for (const way of [{ paths: [put({ 'a.jsonl': text })] }, stdin(text)]) {
      expect((await check(way)).verdict).toBe('undecided');
    }
  });
});

describe('standard input', () => {
  it('is read whole, in chunks of any size, and belongs to a stream that a pattern covers', async () => {
    const bytes = bytesOf(log);
    for (const size of [1, 7, 1000, bytes.length]) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      const report = await check({ paths: ['-'], input: Readable.from(chunks), origin: 'audit.example.com/*' });
      expect(report).toMatchObject({ verdict: 'ok', streams: [{ origin, lastSeq: 14 }] });
    }
  });

  it('may be larger than what is looked at first', async () => {
    const large = new SealedLog().open(signKeys).seal().checkpoint();
    for (let at = 0; at < 400; at++) large.record(`{"n":${at},"pad":"${'x'.repeat(10_000)}"}`);
    const bytes = bytesOf(large.close().checkpoint());
    const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, at) =>
      bytes.subarray(at * 65_536, (at + 1) * 65_536),
    );
    const report = await check({ paths: ['-'], input: Readable.from(chunks) });
    expect(report).toMatchObject({ verdict: 'ok', streams: [{ records: 400 }] });
  });

  it('that breaks off is unreadable, at whatever byte', async () => {
    const bytes = bytesOf(log);
    async function* broken(): AsyncIterable<Buffer> {
      yield bytes.subarray(0, 900);
      throw Object.assign(new Error('broken'), { code: 'EIO' });
    }
    const report = await check({ paths: ['-'], input: Readable.from(broken()) });
    expect(report.verdict).toBe('undecided');
    expect(report.findings.map(({ code }) => code)).toContain('UNREADABLE');
  });
});
