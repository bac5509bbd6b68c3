import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/config/file.ts';
import { loadPolicy } from '../../src/index.ts';
import { auditorFor } from '../../src/verify/auditor/auditor-for.ts';
import { demultiplex } from '../../src/verify/files/demultiplex.ts';
import { groupByOrigin } from '../../src/verify/files/grouping.ts';
import { peek } from '../../src/verify/input/peek.ts';
import { Allowance } from '../../src/verify/model/allowance.ts';
import { memorySource } from '../support/judge.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { bytesOf } from './reader.ts';

/** Files that the auditor brings, and how many streams and checkpoints there may be. */

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-limits-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string | Buffer): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** Nine lists of nine, each of them nine times the one before. */
const laughs = Array.from({ length: 10 }, (_, at) => {
  const before = at === 0 ? 'x' : `*a${at - 1}`;
  return `a${at}: &a${at} [${Array(9).fill(before).join(',')}]\n`;
}).join('');

const hostile: readonly (readonly [string, string])[] = [
  ['aliases that multiply', laughs],
  ['an alias', 'version: &a 1\nstreams: *a\n'],
  ['brackets within brackets', `a: ${'['.repeat(20_000)}`],
  ['brackets within brackets, closed', `a: ${'['.repeat(200)}${']'.repeat(200)}`],
  ['braces over many lines', 'a: {\n'.repeat(20_000)],
  ['maps within maps', Array.from({ length: 300 }, (_, at) => `${' '.repeat(at)}a:\n`).join('')],
  ['the same name twice', 'version: 1\nversion: 1\n'],
  ['the same name twice, deeper', 'version: 1\nstreams: [{ origin: a, origin: a }]\n'],
  ['a tag', 'version: !!js/function 1\n'],
];

describe('YAML', () => {
  it.each(hostile)('with %s is no policy', async (what, text) => {
    const path = file(`${what}.yaml`, text);
    await expect(loadPolicy(path)).rejects.toMatchObject({ code: 'POLICY_INVALID' });
  });

  it.each(hostile)('with %s is no configuration', (what, text) => {
    const path = file(`${what}.yaml`, text);
    expect(() => readConfigFile(path)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^CONFIG_(INVALID|UNKNOWN_OPTION)$/) }),
    );
  });

  it('that is too long is neither', async () => {
    const long = file('long.yaml', `# ${'x'.repeat(1 << 20)}\nversion: 1\n`);
    await expect(loadPolicy(long)).rejects.toMatchObject({ code: 'POLICY_INVALID' });
    expect(() => readConfigFile(long)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('of tens of thousands of names is refused for what it says, without comparing each with each', async () => {
    const names = Array.from({ length: 30_000 }, (_, at) => `k${at}: 1\n`).join('');
    await expect(loadPolicy(file('names.yaml', names))).rejects.toMatchObject({ code: 'POLICY_INVALID' });
  });
});

describe('held checkpoints', () => {
  it('are read once for all streams', () => {
    const log = new SealedLog().open({ signers: [edKey] }).seal();
    const other = new SealedLog('audit.example.com/other').open({ signers: [edKey] }).seal();
    let reads = 0;
    const notes = new Proxy([log.note(), other.note()], {
      get(target, name, receiver) {
        if (name === '0') reads++;
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
    const options = { paths: [], origin: 'audit.example.com/*' };
    for (let at = 0; at < 50; at++) expect(auditorFor(options, `audit.example.com/${at}`, notes).held).toEqual([]);
    expect(auditorFor(options, log.origin, notes).held.map(({ size }) => size)).toEqual([2]);
    expect(auditorFor(options, other.origin, notes).held.map(({ origin }) => origin)).toEqual([other.origin]);
    expect(reads).toBe(1);
  });
});

describe('files', () => {
  it('are grouped without copying those before', () => {
    const peek = { empty: false, tag: undefined, seq: 1, origin: undefined };
    const files = Array.from({ length: 50_000 }, () => ({ source: memorySource('a', Buffer.alloc(0)), peek }));
    expect(
      groupByOrigin(['audit.example.com/a'], files, { paths: [], origin: 'audit.example.com/a' }).get(
        'audit.example.com/a',
      ),
    ).toHaveLength(50_000);
  });
});

describe('streams in a mixed file', () => {
  it('are told apart up to a number: the rest is not read, and it is undecided', async () => {
    const log = (at: number): SealedLog =>
      new SealedLog(`audit.example.com/${at}`)
        .open({ signers: [edKey] })
        .seal()
        .checkpoint()
        .close()
        .checkpoint();
    const bytes = Buffer.concat(Array.from({ length: 30 }, (_, at) => bytesOf(log(at))));
    const source = memorySource('mixed.jsonl', bytes);
    const files = [{ source, peek: await peek(source) }];
    const patterns = ['audit.example.com/*'];
    const options = { paths: [], origin: patterns, publicKeys: [vkeyOf('key', edKey)] };
    const streamsOf = async (streams: number): Promise<readonly [number, string[]]> => {
      const reports = await demultiplex(files, patterns, (origin) => auditorFor(options, origin, []), {
        onBytes: () => undefined,
        allowance: new Allowance({ streams }),
      });
      return [reports.length, reports.flatMap(({ findings }) => findings.list().map(({ code }) => code))];
    };
    expect(await streamsOf(30)).toEqual([30, []]);
    expect(await streamsOf(20)).toEqual([20, ['LIMIT']]);
  });
});
