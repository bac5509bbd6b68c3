import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { verdictText } from '../../src/cli/verify-text.ts';
import { createDataKey, formatVkey, type VerifyReport } from '../../src/index.ts';
import { findFiles } from '../../src/verify/found/found-files.ts';
import { IgnoredFiles } from '../../src/verify/verdict/ignored-files.ts';
import { type EpochKeys, SealedLog } from '../support/sealed-log.ts';
import { someOf, times } from '../support/tier.ts';
import { type VerifyOptions, verify } from '../support/verifying.ts';
import { dataKey, edKey } from '../vectors/keys.ts';

/** What stands beside a log in its directory, and what that may change: nothing. */

const origin = 'audit.example.com/vectors/a';

/** Four files: `log.1.jsonl` to `log.4.jsonl`. */
function fourFiles(keys: EpochKeys): SealedLog {
  const log = new SealedLog(origin);
  log.file = 'log.1.jsonl';
  log.open(keys).seal().checkpoint().record('one', '{"two":2}');
  for (const file of ['log.2.jsonl', 'log.3.jsonl', 'log.4.jsonl']) {
    log.close('rotated').checkpoint().rotate(file).record('three', 'four').seal().checkpoint();
  }
  return log.close().checkpoint();
}

const make = async () => createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });
const modes: [string, EpochKeys, Partial<VerifyOptions>][] = [
  [
    'mac',
    { dataKey },
    { dataKeys: [{ source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name: 'audit' }] }] },
  ],
  ['hash', { signers: [edKey] }, { publicKeys: [formatVkey(origin, edKey.noteKey)] }],
];

class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'directories-'));

  constructor(log?: SealedLog) {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }));
    for (const { name, bytes } of log?.toFiles() ?? []) this.put(name, bytes);
  }

  put(name: string, bytes: Buffer | string): string {
    const path = join(this.path, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, bytes);
    return path;
  }
}

const codes = (report: VerifyReport): string[] => report.findings.map(({ code }) => code);

describe.each(modes)('a directory with a log sealed in mode %s', (mode, keys, key) => {
  const log = fourFiles(keys);
  const options = { origin, ...key };

  it('is verified with all below it, whatever else stands there; what was left out is said', async () => {
    const folder = new Folder();
    for (const [at, { name, bytes }] of log.toFiles().entries()) {
      folder.put(at < 2 ? `2026/01/${name}` : name, bytes); // rotated files are often sorted away
    }
    folder.put('signer.pub', 'some+name+key\n');
    folder.put('Thumbs.db', 'x');
    folder.put('new.jsonl', '');
    folder.put('2026/plain.log', 'a line\n'.repeat(20_000));
    folder.put('large.log', '{"level":30}\n'.repeat(2_000_000)); // longer than what is looked through for a first entry
    folder.put('core', Buffer.alloc(18 * 1024 * 1024, 1)); // longer than a line may be
    folder.put('old.log.gz', gzipSync('never sealed\n'));
    folder.put('package-lock.json', '{"packages":{"a":{"integrity":"sha512-AAAA"}}}\n');
    folder.put('.hidden/log.1.jsonl', 'other');
    folder.put('2026/.log.1.jsonl', 'other');
    symlinkSync(folder.path, join(folder.path, '2026', 'cycle'));
    symlinkSync(join(folder.path, 'log.4.jsonl'), join(folder.path, 'current'));
    execFileSync('mkfifo', [join(folder.path, 'pipe')]);
    const report = await verify({ paths: [folder.path], ...options });
    expect(report.verdict, codes(report).join()).toBe('ok');
    expect(report.streams[0]?.files).toHaveLength(4);
    const ignored = report.ignored.files.map(({ file, why }) => `${file.slice(folder.path.length + 1)}: ${why}`);
    expect(ignored.sort()).toEqual([
      '2026/.log.1.jsonl: hidden name',
      '2026/cycle: symbolic link',
      '2026/plain.log: nothing sealed',
      'Thumbs.db: nothing sealed',
      'core: nothing sealed',
      'current: symbolic link',
      'large.log: nothing sealed',
      'new.jsonl: empty',
      'old.log.gz: nothing sealed',
      'package-lock.json: nothing sealed',
      'pipe: not a regular file',
      'signer.pub: nothing sealed',
    ]);
    expect(verdictText(report, 'normal')).toContain('left out 12 files');
    expect(verdictText(report, 'verbose')).toContain('Thumbs.db (nothing sealed)');
    for (const more of mode === 'mac' ? [{ demux: true }, { origin: 'audit.example.com/*' }] : []) {
      expect((await verify({ paths: [folder.path], ...options, ...more })).verdict).toBe('ok');
    }
  });

  it.each(['x.torn-1', 'x.lock', 'x.tmp'])(
    'is read in the folder %s too: only files are ours by their names',
    async (name) => {
      const folder = new Folder();
      const [first, ...rest] = log.toFiles();
      for (const one of rest) folder.put(one.name, one.bytes);
      folder.put(`${name}/${first?.name}`, first?.bytes ?? '');
      const report = await verify({ paths: [folder.path], ...options });
      expect([report.verdict, report.ignored.files]).toEqual(['ok', []]);
    },
  );

  it('is never ok when any one of its files was overwritten, emptied, cut or removed', {
    timeout: 120_000,
  }, async () => {
    const ways = [{}, { demux: true }, { origin: 'audit.example.com/*' }];
    let tried = 0;
    for (const { name, bytes } of log.toFiles()) {
      const cuts: [string, Buffer][] = [];
      for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
        const rest = bytes.subarray(at + 1).toString('latin1');
        // a checkpoint line alone changes nothing where a later one covers all (M9.1)
        const entries = rest.split('\n').some((line) => line.includes('"seq":'));
        if (entries || (name === 'log.4.jsonl' && rest !== ''))
          cuts.push([`cut after byte ${at}`, bytes.subarray(0, at + 1)]);
        cuts.push([`cut in the line that ends at byte ${at}`, bytes.subarray(0, at - 20)]);
      }
      const other: [string, Buffer | undefined][] = [
        ['removed', undefined],
        ['emptied', Buffer.alloc(0)],
        ['zeros', Buffer.alloc(bytes.length)],
        ['text', Buffer.from('a plain log line\n'.repeat(50))],
        ['objects', Buffer.from('{"level":30,"integrity":"sha512-AAAA"}\n'.repeat(50))],
        ['written again', Buffer.from(bytes.toString('utf8').replaceAll('":', '": '))],
        ['in UTF-16', Buffer.from(bytes.toString('latin1'), 'utf16le')],
        ['compressed garbage', gzipSync('garbage\n')],
        ['damaged gzip', gzipSync(bytes).subarray(0, 100)],
      ];
      for (const [what, instead] of [...someOf(cuts, 36), ...other]) {
        const folder = new Folder(log);
        if (instead === undefined) rmSync(join(folder.path, name));
        else folder.put(name, instead);
        tried++;
        for (const more of ways.slice(0, times(1, 3)).map((_, at) => ways[(tried + at) % 3])) {
          const report = await verify({ paths: [folder.path], ...options, ...more });
          expect(report.verdict, `${name} ${what}`).not.toBe('ok');
        }
        rmSync(folder.path, { recursive: true });
      }
    }
  });

  it.each([
    ['a line that is too long', Buffer.alloc(17 * 1024 * 1024, 'x')],
    ['more lines than are looked through', Buffer.from(`${'garbage'.repeat(1000)}\n`.repeat(3000))],
  ])('is never ok when %s stands before the entries of a file', async (_what, before) => {
    const folder = new Folder(log);
    folder.put('log.2.jsonl', Buffer.concat([before, log.toFiles()[1]?.bytes ?? Buffer.alloc(0)]));
    expect((await verify({ paths: [folder.path], ...options })).verdict).not.toBe('ok');
  });

  it.each(['xz', 'zst', 'bz2', 'lz4', 'zip'])(
    'a file that was compressed to .%s is undecided where it was named or has its manifest, and else left out',
    async (ending) => {
      const begins = { xz: 'fd377a585a00', zst: '28b52ffd', bz2: '425a6839314159265359', lz4: '04224d18' }[ending];
      const [first, second, third, last] = fourFiles({ dataKey }).toFiles();
      const folder = new Folder();
      for (const one of [first, second, third]) folder.put(one?.name ?? '', one?.bytes ?? '');
      const packed = Buffer.concat([Buffer.from(begins ?? '504b0304', 'hex'), gzipSync(last?.bytes ?? '')]);
      const path = folder.put(`${last?.name}.${ending}`, packed);
      const key = {
        dataKeys: [{ source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name: 'audit' }] }],
      };
      const asked = { origin, ...key, held: [fourFiles({ dataKey }).note()] };
      const beside = await verify({ paths: [folder.path], ...asked });
      expect(beside.ignored.files).toEqual([{ file: path, why: 'not unpacked' }]);
      expect([beside.verdict, codes(beside)]).toEqual(['undecided', expect.arrayContaining(['END_UNPROVEN'])]);
      const named = await verify({ paths: [folder.path, path], ...asked });
      folder.put(`${last?.name}.manifest.json`, '{}');
      const told = await verify({ paths: [folder.path], ...asked });
      for (const report of [named, told]) {
        expect(report.verdict).toBe('undecided');
        const unreadable = report.findings.find(({ code }) => code === 'UNREADABLE');
        expect([unreadable?.file, unreadable?.message]).toEqual([
          path,
          expect.stringMatching(/^this file is .+: unpack it before you verify it$/),
        ]);
      }
    },
  );

  it('a file that was named, or whose manifest stands beside it, is never left out', async () => {
    const folder = new Folder(log);
    const stray = folder.put('stray.jsonl', 'never sealed\n');
    expect((await verify({ paths: [folder.path], ...options })).verdict).toBe('ok');
    expect((await verify({ paths: [folder.path, stray], ...options })).verdict).toBe('undecided');
    folder.put('stray.jsonl.manifest.json', '{}');
    const report = await verify({ paths: [folder.path], ...options });
    expect(report.verdict).not.toBe('ok');
    expect(report.ignored.files).toEqual([]);
    expect(codes(report)).toContain('NOT_SEALED');
  });
});

it.each([
  ['of another tool', '{"name":"x","integrity":{"sha512":"abc"}}\n'],
  ['spread over lines', '{\n  "integrity": {\n    "sha512": "abc"\n  }\n}\n'],
])('an object named integrity %s leaves the verdict undecided, and is no tampering', async (_what, text) => {
  const log = fourFiles({ signers: [edKey] });
  const folder = new Folder(log);
  const path = folder.put('lock.json', text);
  const options = { origin, publicKeys: [formatVkey(origin, edKey.noteKey)] };
  const report = await verify({ paths: [folder.path], ...options });
  expect([report.verdict, codes(report)]).toEqual(['undecided', expect.arrayContaining(['NOT_SEALED'])]);
  const paths = log.toFiles().map(({ name }) => join(folder.path, name));
  const mixed = await verify({ paths: [folder.path], demux: true, ...options });
  expect([mixed.verdict, codes(mixed)]).toEqual(['undecided', expect.arrayContaining(['NOT_SEALED'])]);
  const cut = log.toFiles()[3]?.bytes.subarray(0, -9) ?? Buffer.alloc(0);
  const behindCut = new Folder(log);
  behindCut.put('log.4.jsonl', cut);
  behindCut.put('z.json', text);
  const torn = await verify({ paths: [behindCut.path], ...options });
  expect([torn.verdict, codes(torn)]).toEqual(['undecided', expect.arrayContaining(['NOT_SEALED', 'TORN_TAIL'])]);
  const named = await verify({ paths: [...paths, path], ...options });
  expect([named.verdict, codes(named)]).toEqual(['undecided', ['RESERIALIZED']]);
});

it('a file in which an entry of ours may have stood is not left out, wherever it stands', async () => {
  const folder = new Folder();
  const mention = '{"integrity" : {"seq":';
  for (let before = 0; before < mention.length + 2; before++) {
    folder.put(`${before}.log`, `${'x'.repeat(256 * 1024 - before)}${mention}${'y'.repeat(100_000)}\n`);
  }
  folder.put('short.log', mention);
  folder.put('short.log.gz', gzipSync(`no\n${mention}`));
  folder.put('long.log.gz', gzipSync(`${'no\n'.repeat(200_000)}${mention}`));
  const report = await verify({ paths: [folder.path], origin });
  expect(report.ignored).toEqual({ files: [], more: 0 });
  expect(report.verdict).not.toBe('ok');
});

describe('files below paths', () => {
  it('come once each, in the order of their names', async () => {
    const folder = new Folder();
    for (const name of ['b.jsonl', 'a/2.jsonl', 'a/1.jsonl', 'c']) folder.put(name, 'x');
    const names: string[] = [];
    for await (const { path } of findFiles([folder.path, join(folder.path, 'a')], new IgnoredFiles()))
      names.push(path.slice(folder.path.length + 1));
    expect(names).toEqual(['a/1.jsonl', 'a/2.jsonl', 'b.jsonl', 'c']);
  });

  it('are named a hundred at most where they are left out; the others are counted', () => {
    const ignored = new IgnoredFiles();
    for (let at = 0; at < 1000; at++) ignored.add(`file ${at}`, 'empty');
    expect([ignored.report.files.length, ignored.report.more]).toEqual([100, 900]);
  });
});
