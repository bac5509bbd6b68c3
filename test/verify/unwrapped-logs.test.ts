import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CarrierName, Finding, Verdict, VerifyReport } from '../../src/index.ts';
import type { VerifyOptions } from '../../src/verify/auditor/options.ts';
import { loadPolicy } from '../../src/verify/auditor/policy.ts';
import { readGzip } from '../../src/verify/input/gzip.ts';
import { inMemory } from '../../src/verify/input/sources.ts';
import { verify } from '../../src/verify/verify.ts';
import { type Case, optionsOf } from '../interop/differential/both-sides.ts';
import { Draft } from '../interop/differential/draft.ts';
import { type LogFile, linesOf } from '../interop/differential/honest-log.ts';
import { madeUpLog } from '../interop/differential/made-up.ts';
import { mutantOf } from '../interop/differential/mutants.ts';
import { Random } from '../interop/differential/random.ts';
import { scratchDirectory } from '../interop/differential/scratch.ts';
import { MODES, worldLog } from '../interop/differential/worlds.ts';
import { besideLine, carriers, carries, PIECE, type WrappedFile, wrapFile } from '../support/carriers.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { someOf, times } from '../support/tier.ts';
import { edKey } from '../vectors/keys.ts';

/** What a carrier brings gets the report that the log itself gets, whatever was done to it. */

const origin = 'audit.example.com/vectors/a';
const runs = times(6, 240);

interface Sides {
  readonly own: readonly LogFile[];
  readonly wrapped: readonly (WrappedFile & { readonly name: string })[];
}

const plain = ({ name, bytes }: LogFile): Buffer => (name.endsWith('.gz') ? gunzipSync(bytes) : bytes);

function wrapAll(carrier: CarrierName, files: readonly LogFile[], length: number): Sides['wrapped'] {
  return files.map((file) => {
    const { bytes, lines } = wrapFile(carrier, plain(file), length);
    return { name: file.name, bytes: file.name.endsWith('.gz') ? gzipSync(bytes) : bytes, lines };
  });
}

/** A report without what must differ: the names of directories, and what the carrier's file is like. */
function said(
  { verdict, streams, findings }: VerifyReport,
  lineIn: (file: string, line: number) => number | undefined,
): unknown {
  const found = ({ code, severity, seq, lastSeq, file, line }: Finding): unknown => [
    code,
    severity,
    seq,
    lastSeq,
    file && basename(file),
    line === undefined ? undefined : lineIn(basename(file ?? ''), line),
  ];
  const facts = streams.map(({ files: _files, fileDetails = [], timeline, findings: own, ...rest }) => ({
    ...rest,
    fileDetails: fileDetails.map(({ file, firstSeq, lastSeq }) => [basename(file), firstSeq, lastSeq]),
    timeline: timeline.events.map(({ file = '', ...event }) => ({ ...event, file: basename(file) })),
    findings: own.map(found),
  }));
  return { verdict, facts, findings: findings.map(found) };
}

const same = (_file: string, line: number): number => line;

/** Verifies a case as it is, and as a carrier brings it. */
async function bothReports(root: string, one: Case, carrier: CarrierName, length: number): Promise<unknown[]> {
  const wrapped = wrapAll(carrier, one.files, length);
  const report = async (where: string, files: readonly LogFile[], more: object): Promise<VerifyReport> => {
    const directory = join(root, where);
    mkdirSync(directory, { recursive: true });
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    for (const { name, bytes } of files) writeFileSync(join(directory, name), bytes);
    const paths = files.map(({ name }) => join(directory, name));
    const result = await verify({ ...(await optionsOf(directory, paths, one.brings)), ...more });
    rmSync(directory, { recursive: true, force: true });
    return result;
  };
  const own = await report('own', one.files, {});
  const carried = await report('carried', wrapped, { unwrap: carrier });
  const lineIn = (file: string, line: number): number | undefined =>
    wrapped.find(({ name }) => name === file)?.lines.get(line);
  return [said(carried, same), said(own, lineIn)];
}

describe('a log that a carrier brings', () => {
  it('gets the report of the log itself: honest logs and mutants of the differential test', async () => {
    const root = scratchDirectory();
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const random = new Random(20261201);
    const worlds = await Promise.all(
      Object.keys(MODES).map((mode) => worldLog(random.fork(), mode, mode, join(root, mode))),
    );
    const logs = [...worlds, ...[1, 2, 3].map((number) => madeUpLog(random, `made-up-${number}`))];
    const verdicts = { ok: 0, tampered: 0, undecided: 0 };
    const rarest = (): number => Math.min(...Object.values(verdicts));
    // the writers' salts are random, so no seed says which verdicts come: on until each has come often enough
    for (let number = 0, judged = 0; judged < runs || (rarest() <= runs / 20 && judged < 10 * runs); number++) {
      const log = logs[number % logs.length] as (typeof logs)[number];
      const other = logs[(number + 1) % logs.length] as (typeof logs)[number];
      const made = await mutantOf(random, log, Draft.of(log.files), other);
      const { erasures: _none, ...brings } = made.brings; // an erasure log is a file that no carrier brought
      const mutant = { ...made, brings };
      const carrier = random.pick(carriers);
      // a carrier has files of its own, which are no damaged .gz of the writer's
      if ((await Promise.all(mutant.files.map(isDamaged))).includes(true)) continue;
      if (!mutant.files.every((file) => carries(carrier, plain(file)))) continue;
      const [carried, own] = await bothReports(root, mutant, carrier, random.pick([200, PIECE]));
      expect(carried, `${carrier}: ${mutant.what}`).toEqual(own);
      verdicts[(own as VerifyReport).verdict]++;
      judged++;
    }
    expect(rarest(), JSON.stringify(verdicts)).toBeGreaterThan(runs / 20);
  }, 240_000);
});

/** A signed log with lines over 16 KiB, in files of their own. */
function longLog(): SealedLog {
  const long = `{"text":"${'\u00e4"\u{1f600}'.repeat(9_000).replaceAll('"', '\\"')}"}`;
  const log = new SealedLog(origin)
    .open({ signers: [edKey] })
    .seal()
    .checkpoint();
  log.record('{"a":1}', long, 'text').longRecord(Buffer.alloc(40_000, 'x'), 15_000).seal().checkpoint();
  log.close('rotated').checkpoint().rotate('log.2.jsonl').record(long, long);
  return log.close().checkpoint();
}

const filesOf = (log: SealedLog): LogFile[] => log.toFiles().map(({ name, bytes }) => ({ name, bytes }));

/** A folder with these files. */
function folderOf(files: readonly LogFile[]): string {
  const directory = scratchDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const { name, bytes } of files) writeFileSync(join(directory, name), bytes);
  return directory;
}

const ask = (paths: readonly string[], unwrap: CarrierName, more: Partial<VerifyOptions> = {}): Promise<VerifyReport> =>
  verify({ paths, origin, publicKeys: [vkeyOf(origin, edKey)], unwrap, ...more });

const codesOf = ({ findings }: VerifyReport): string[] => [...new Set(findings.map(({ code }) => code))];

describe.each(carriers)('a signed log that %s brings', (carrier) => {
  const wrapped = (): LogFile[] =>
    wrapAll(carrier, filesOf(longLog()), PIECE).map(({ name, bytes }) => ({ name, bytes }));

  it('is ok: in a directory, compressed, in whatever order, mixed, from standard input, by several processes', async () => {
    const files = wrapped();
    const directory = folderOf([...files, { name: 'notes.txt', bytes: Buffer.from('hello\n') }]);
    const paths = files.map(({ name }) => join(directory, name)).toReversed();
    const packed = folderOf(files.map(({ name, bytes }) => ({ name: `${name}.gz`, bytes: gzipSync(bytes) })));
    const input = Readable.from([Buffer.concat(files.map(({ bytes }) => bytes))]);
    const reports = await Promise.all([
      ask([directory], carrier),
      ask(paths, carrier, { jobs: 2 }),
      ask([packed], carrier),
      ask([directory], carrier, { demux: true }),
      ask([directory], carrier, { demux: true, origin: 'audit.example.com/*' }),
      ask(['-'], carrier, { input }),
    ]);
    for (const { verdict, streams, findings } of reports) {
      expect([verdict, streams[0]?.records, findings]).toEqual(['ok', 8, []]);
    }
    expect(reports[0]?.ignored.files).toEqual([{ file: join(directory, 'notes.txt'), why: 'nothing sealed' }]);
  });

  it('is not tampered where the line endings of its files were converted, however its lines are cut', async () => {
    for (const length of [PIECE, 40]) {
      const files = wrapAll(carrier, filesOf(longLog()), length).map(({ name, bytes }) => ({
        name,
        bytes: Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'),
      }));
      const report = await ask([folderOf(files)], carrier);
      expect(report.verdict, `pieces of ${length}: ${codesOf(report)}`).not.toBe('tampered');
    }
  });

  it('is ok beside a copy of an early checkpoint, in whatever piece of a line its files were changed', async () => {
    const whole = Buffer.concat(filesOf(longLog()).map(({ bytes }) => bytes));
    const lines = linesOf(wrapFile(carrier, whole).bytes);
    const begun = [...lines.keys()].filter((at) => / P |[^n]","stream"/.test((lines[at] as Buffer).toString('latin1')));
    const note = lines.find((line) => line.includes('checkpoint')) as Buffer;
    const file = (name: string, part: readonly Buffer[]): LogFile => ({
      name,
      bytes: Buffer.concat(part.flatMap((line) => [line, Buffer.from('\n')])),
    });
    for (const at of begun) {
      const files = [
        file('0.log.20261124-230000', lines.slice(0, at + 1)),
        file('0.log', lines.slice(at + 1)),
        file('0.log.bak', [note]),
      ];
      const { verdict, findings } = await ask([folderOf(files)], carrier);
      expect([verdict, findings], `behind line ${at + 1}`).toEqual(['ok', []]);
    }
    if (carrier === 'docker' || carrier === 'cri') expect(begun.length).toBeGreaterThan(2);
  });

  it('counts what else the carrier has, once', async () => {
    const [file] = wrapped();
    const beside = besideLine(carrier);
    const count = (file?.bytes.toString('utf8').split('stderr').length ?? 0) - 1;
    const { unwrapped } = await ask([folderOf(wrapped())], carrier);
    expect(unwrapped?.carrier).toBe(carrier);
    if (beside === undefined) expect(unwrapped?.beside).toBe(0);
    else expect(unwrapped?.beside).toBeGreaterThanOrEqual(count);
  });

  it('checks one closed file by itself', async () => {
    const log = longLog();
    const [first] = wrapped();
    const held = [log.note({ size: log.seals[1]?.size ?? 0 })];
    const path = join(folderOf([first as LogFile]), 'log.jsonl');
    expect((await ask([path], carrier, { part: true, held })).verdict).toBe('ok');
  });

  it('is not ok where any line of the carrier was removed, doubled, changed, added or written otherwise', async () => {
    const whole = Buffer.concat(filesOf(longLog()).map(({ bytes }) => bytes));
    const lines = linesOf(wrapFile(carrier, whole).bytes);
    const verdictOf = async (changed: readonly Buffer[]): Promise<Verdict> => {
      const bytes = Buffer.concat(changed.flatMap((line) => [line, Buffer.from('\n')]));
      return (await ask(['-'], carrier, { input: Readable.from([bytes]) })).verdict;
    };
    expect(await verdictOf(lines)).toBe('ok');
    for (const [at, line] of someOf([...lines.entries()], 25)) {
      const text = line.toString('latin1');
      const own = carrier === 'field:MESSAGE' ? Buffer.from(JSON.parse(text).MESSAGE).toString('latin1') : text;
      if (text.includes('stderr') || own.includes('checkpoint')) continue;
      const middle = text.length >> 1;
      const otherwise = (from: RegExp, to: string): Buffer => Buffer.from(text.replace(from, to), 'latin1');
      const changes = {
        removed: lines.toSpliced(at, 1),
        doubled: lines.toSpliced(at, 0, line),
        changed: lines.toSpliced(
          at,
          1,
          otherwise(new RegExp(`^(.{${middle}}).`, 's'), text[middle] === '0' ? '$11' : '$10'),
        ),
        'written otherwise': lines.toSpliced(
          at,
          1,
          otherwise(/"stream"|"timestamp"|"(log|MESSAGE)":|stdout [FP]/, '"x":'),
        ),
        'of another stream': lines.toSpliced(at, 1, otherwise(/stdout|"line"|"log"|"MESSAGE"/, 'stderr')),
        'an object before it': lines.toSpliced(at, 0, Buffer.from('{"a":1}')),
        'NUL before it': lines.toSpliced(at, 0, Buffer.from('\0')),
      };
      for (const [what, changed] of Object.entries(changes)) {
        expect([at + 1, what, await verdictOf(changed)]).not.toContain('ok');
      }
    }
  });

  it('is undecided, and says why, where its lines are none of the carrier', async () => {
    const report = await ask([folderOf(filesOf(longLog()))], carrier);
    expect(report.verdict).toBe('undecided');
    expect(report.findings[0]?.message).toContain('in the form that the carrier (unwrap) writes');
    expect(report.ignored.files).toEqual([]);
  });

  it('is not taken where one line of it stands there as it was sealed', async () => {
    const [own] = filesOf(longLog());
    const [file] = wrapped();
    const lines = linesOf(file?.bytes ?? Buffer.alloc(0));
    const bare = linesOf(own?.bytes ?? Buffer.alloc(0))[0] as Buffer;
    const bytes = Buffer.concat([bare, ...lines.slice(1)].flatMap((line) => [line, Buffer.from('\n')]));
    const report = await ask(['-'], carrier, { input: Readable.from([bytes]) });
    expect(report.verdict).not.toBe('ok');
    expect(codesOf(report)).toContain('FOREIGN_LINE');
  });
});

describe('a line over 16 KiB', () => {
  it.each(['docker', 'cri'] as const)('that %s cut between two files is put together', async (carrier) => {
    const [file] = wrapAll(
      carrier,
      [{ name: 'log', bytes: Buffer.concat(filesOf(longLog()).map(({ bytes }) => bytes)) }],
      PIECE,
    );
    const lines = linesOf(file?.bytes ?? Buffer.alloc(0)).map((line) => Buffer.concat([line, Buffer.from('\n')]));
    for (let at = 1; at < lines.length; at++) {
      const directory = folderOf([
        { name: 'container.log.1', bytes: Buffer.concat(lines.slice(0, at)) },
        { name: 'container.log', bytes: Buffer.concat(lines.slice(at)) },
      ]);
      const report = await ask([directory], carrier, { demux: at % 2 === 0 });
      expect([at, report.verdict, codesOf(report)]).toEqual([at, 'ok', []]);
    }
  });

  const dated = (age: number): string => `.20261124-${String(1_000 - age).padStart(6, '0')}`;
  it.each([
    ['docker', (age: number): string => `.${age}`],
    ['cri', dated],
  ] as const)('is put together where %s begins a file with each of its lines', async (carrier, suffix) => {
    const whole = Buffer.concat(filesOf(longLog()).map(({ bytes }) => bytes));
    const lines = linesOf(wrapFile(carrier, whole).bytes).map((line) => Buffer.concat([line, Buffer.from('\n')]));
    const files = lines.map((bytes, at) => {
      const age = lines.length - 1 - at;
      return { name: `container.log${age === 0 ? '' : suffix(age)}`, bytes };
    });
    const packed = files.map(({ name, bytes }) => ({ name: `${name}.gz`, bytes: gzipSync(bytes) }));
    // of another container, which nobody sealed
    const other = { name: 'other.log', bytes: wrapFile(carrier, Buffer.from('text without an end')).bytes };
    const beside = files.filter(({ bytes }) => bytes.includes('stderr')).length;
    expect(beside).toBeGreaterThan(1);
    for (const all of [files, packed, [...packed.slice(0, -1), files.at(-1) as LogFile]]) {
      const directory = folderOf([...all, other]);
      for (const demux of [false, true]) {
        const { verdict, findings, streams, ignored } = await ask([directory], carrier, { demux });
        expect([verdict, findings, streams[0]?.records]).toEqual(['ok', [], 8]);
        expect(ignored.files.map(({ file }) => basename(file))).toContain('other.log');
        expect(ignored.files).toHaveLength(beside + 1);
      }
      const paths = all.map(({ name }) => join(directory, name)).toReversed();
      expect((await ask(paths, carrier)).verdict).toBe('ok');
    }
    const twice = [folderOf(files), folderOf(packed)];
    for (const demux of [false, true]) expect((await ask(twice, carrier, { demux })).verdict).toBe('ok');
    const pieces = files.filter(({ bytes }) => !/stderr|checkpoint/.test(bytes.toString('latin1')));
    for (const gone of someOf(pieces, 20)) {
      const { verdict } = await ask([folderOf(files.filter((file) => file !== gone))], carrier);
      expect([gone.name, verdict]).not.toContain('ok');
    }
  });

  it.each(['docker', 'cri'] as const)(
    'whose end %s has before an old checkpoint alone is put together',
    async (carrier) => {
      const log = new SealedLog(origin)
        .open({ signers: [edKey] })
        .seal()
        .checkpoint();
      const old = log.lines.at(-1)?.bytes as Buffer;
      log.record('{"a":1}', Buffer.alloc(39_950, 'x')); // cut inside its last member
      const before = log.lines.map(({ bytes }) => bytes);
      const lines = [
        ...before,
        old,
        ...log
          .close()
          .checkpoint()
          .lines.slice(before.length)
          .map(({ bytes }) => bytes),
      ];
      const whole = Buffer.concat([Buffer.from('\n'), ...lines.flatMap((line) => [line, Buffer.from('\n')])]);
      const wrapped = linesOf(wrapFile(carrier, whole, 1_000).bytes).map((line) =>
        Buffer.concat([line, Buffer.from('\n')]),
      );
      const end = wrapped.findLastIndex((line) => line.includes('xxx')) + 1;
      const next = wrapped.findIndex((line, at) => at >= end && line.includes('checkpoint')) + 1;
      const record = wrapped.findIndex((line) => /[{]\\?"a\\?":1/.test(line.toString('latin1')));
      const cuts = [0, 1, 2, record, end, next, wrapped.length];
      const files = cuts.slice(1).map((to, at) => ({
        name: `0.log.${cuts.length - at}`,
        bytes: Buffer.concat(wrapped.slice(cuts[at], to)),
      }));
      for (const demux of [false, true]) {
        const { verdict, findings } = await ask([folderOf(files)], carrier, { demux });
        expect([verdict, findings]).toEqual(['ok', []]);
      }
    },
  );

  const second = 'audit.example.com/vectors/b';
  const bothLogs = {
    origin: 'audit.example.com/vectors/*',
    publicKeys: [vkeyOf(origin, edKey), vkeyOf(second, edKey)],
  };
  const otherLog = (random: Random): SealedLog =>
    new SealedLog(second)
      .open({ signers: [edKey] })
      .seal()
      .record('{"c":3}', Buffer.alloc(random.int(5_000), 'o'), '{"d":4}')
      .seal()
      .checkpoint()
      .record(Buffer.alloc(random.int(5_000), 'p'))
      .close()
      .checkpoint();

  // a checkpoint is written when its signature is there: between any two lines behind what it is about
  it.each(['docker', 'cri'] as const)('is put together wherever %s begins its files', async (carrier) => {
    for (let seed = 1; seed <= times(20, 600); seed++) {
      const random = new Random(seed);
      const log = new SealedLog(origin)
        .open({ signers: [edKey] })
        .seal()
        .checkpoint();
      const old = log.lines.at(-1)?.bytes as Buffer;
      log.record('{"a":1}', Buffer.alloc(3_950, 'x'), Buffer.alloc(6_950, 'y'), '{"b":2}', Buffer.alloc(2_950, 'z'));
      const lines = log
        .close()
        .checkpoint()
        .lines.map(({ bytes }) => bytes);
      lines.splice(lines.indexOf(old) + random.int(6), 0, ...lines.splice(lines.indexOf(old), 1));
      const isMixed = random.chance(0.5); // with another log, through the same container
      const other = isMixed ? otherLog(random).lines.map(({ bytes }) => bytes) : [];
      const mixed: Buffer[] = [];
      while (lines.length + other.length > 0) {
        const next = (random.int(lines.length + other.length) < lines.length ? lines : other).shift();
        if (next !== undefined) mixed.push(next);
      }
      const whole = Buffer.concat(['', ...mixed].flatMap((line) => [Buffer.from(line), Buffer.from('\n')]));
      const carried = linesOf(wrapFile(carrier, whole, 1_000).bytes).map((line) =>
        Buffer.concat([line, Buffer.from('\n')]),
      );
      const cuts = [0, ...carried.keys(), carried.length].filter((at) => at === 0 || random.chance(0.6));
      const borders = [...new Set([...cuts, carried.length])];
      const files = borders.slice(1).map((to, at) => ({
        name: `0.log${at === borders.length - 2 ? '' : `.${borders.length - 2 - at}`}`,
        bytes: Buffer.concat(carried.slice(borders[at], to)),
      }));
      const folder = folderOf(files);
      const reports = [{ demux: true }, { demux: true, ...bothLogs }, ...(isMixed ? [] : [{ demux: false }])];
      for (const more of reports) {
        const { verdict, findings } = await ask([folder], carrier, more);
        expect([seed, more, verdict, findings]).toEqual([seed, more, 'ok', []]);
      }
    }
  });

  it.each(['docker', 'cri'] as const)('of which %s has no end is a torn one', async (carrier) => {
    const [, file] = wrapAll(carrier, filesOf(longLog()), PIECE);
    const lines = linesOf(file?.bytes ?? Buffer.alloc(0)).slice(0, 3);
    const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
    const first = wrapped(carrier);
    const report = await ask(['-'], carrier, { input: Readable.from([first, bytes]) });
    expect([report.verdict, codesOf(report).includes('TORN_TAIL')]).toEqual(['undecided', true]);
    const live = await ask(['-'], carrier, { input: Readable.from([first, bytes]), live: true, now: new Date(START) });
    expect(codesOf(live)).not.toContain('TORN_TAIL');
  });

  const START = Date.parse('2026-11-24T23:00:10.000Z');
  const wrapped = (carrier: CarrierName): Buffer =>
    wrapAll(carrier, filesOf(longLog()), PIECE)[0]?.bytes ?? Buffer.alloc(0);
});

describe('a container that was killed inside a line and started again', () => {
  const keys = { signers: [edKey] };
  const first = new SealedLog(origin).open(keys).seal().checkpoint().record('{"a":1}').seal().checkpoint();
  const count = first.lines.length;
  const lines = first.open(keys).seal().checkpoint().record('{"b":2}').close().checkpoint().lines;
  const bytesOf = (some: typeof lines): Buffer =>
    Buffer.concat(some.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));
  const torn = Buffer.from('{"c":3,"integrity":{"seq":');

  it.each([
    // on a sink that cannot be cut a run begins with an empty line (M1.7)
    ['docker', '\n'],
    ['cri', '\n'],
    ['docker', ''],
    ['cri', ''],
  ] as const)('has a torn line before its restart, in one file or two: %s, %j', async (carrier, begins) => {
    const before = Buffer.concat([bytesOf(lines.slice(0, count)), torn]);
    const after = Buffer.concat([Buffer.from(begins), bytesOf(lines.slice(count))]);
    const two = folderOf([
      { name: '0.log', bytes: wrapFile(carrier, before).bytes },
      { name: '1.log', bytes: wrapFile(carrier, after).bytes },
    ]);
    const own = folderOf([
      { name: 'own.log', bytes: Buffer.concat([before, Buffer.from('\n'), bytesOf(lines.slice(count))]) },
    ]);
    const { verdict, findings } = await verify({ paths: [own], origin, publicKeys: [vkeyOf(origin, edKey)] });
    expect(findings.map(({ code }) => code)).toContain('TORN_TAIL');
    const codes = (all: readonly Finding[]): unknown => all.map(({ code, seq }) => [code, seq]).sort();
    for (const demux of [false, true]) {
      const report = await ask([two], carrier, { demux });
      expect([report.verdict, codes(report.findings)]).toEqual([verdict, codes(findings)]);
    }
    if (begins === '') return;
    const one = Buffer.concat([wrapFile(carrier, before).bytes, wrapFile(carrier, after).bytes]);
    const report = await ask(['-'], carrier, { input: Readable.from([one]) });
    expect([report.verdict, codes(report.findings)]).toEqual([verdict, codes(findings)]);
  });
});

describe('files that begin with more of standard error than is looked through for an entry', () => {
  it.each([false, true])('are put in their order; mixed: %s', async (demux) => {
    const [first, second] = wrapAll('docker', filesOf(longLog()), PIECE).map(({ bytes }) => bytes) as [Buffer, Buffer];
    const line = JSON.stringify({ log: `${'x'.repeat(1_000_000)}\n`, stream: 'stderr', time: '2026-11-24T23:00:00Z' });
    const beside = Buffer.from(`${line}\n`.repeat(22));
    const directory = folderOf([
      { name: 'a.log', bytes: Buffer.concat([beside, second]) },
      { name: 'b.log', bytes: Buffer.concat([beside, first]) },
    ]);
    const { verdict, findings } = await ask([directory], 'docker', { demux });
    expect([verdict, findings]).toEqual(['ok', []]);
  });
});

describe('the same log twice', () => {
  it('counts once, whenever its carrier had it', async () => {
    const files = wrapAll('docker', filesOf(longLog()), PIECE);
    const later = files.map(({ name, bytes }) => ({
      name: `later-${name}`,
      bytes: Buffer.from(bytes.toString('utf8').replaceAll('23:00:00.123', '23:00:01.123')),
    }));
    const report = await ask([folderOf([...files, ...later])], 'docker');
    expect([report.verdict, report.findings]).toEqual(['ok', []]);
  });
});

describe('a manifest', () => {
  it('is not looked for beside a file of a carrier, and is refused where it is given', async () => {
    const files = wrapAll('docker', filesOf(longLog()), PIECE);
    const directory = folderOf([...files, { name: 'log.jsonl.manifest.json', bytes: Buffer.from('{}') }]);
    expect((await ask([directory], 'docker')).verdict).toBe('ok');
    const manifests = [join(directory, 'log.jsonl.manifest.json')];
    await expect(ask([directory], 'docker', { manifests })).rejects.toMatchObject({ code: 'USAGE' });
    const path = join(directory, 'policy.yaml');
    writeFileSync(path, JSON.stringify({ version: 1, streams: [{ origin, keys: [], manifest: 'required' }] }));
    const policy = await loadPolicy(path);
    await expect(ask([directory], 'docker', { policy })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('a carrier that does not exist', () => {
  it('is refused', async () => {
    await expect(ask(['-'], 'podman' as CarrierName, { input: Readable.from([]) })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});

/** Whether a file is not what its name says, or more than that. */
async function isDamaged({ name, bytes }: LogFile): Promise<boolean> {
  if (name.endsWith('.gz') !== (bytes[0] === 0x1f && bytes[1] === 0x8b)) return true;
  if (!name.endsWith('.gz')) return false;
  let damaged = false;
  const onProblem = (): void => {
    damaged = true;
  };
  for await (const chunk of readGzip(inMemory(bytes), 2 ** 30, onProblem)) if (chunk.length === 0) return true;
  return damaged;
}
