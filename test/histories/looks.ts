import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { VerifyOptions, VerifyReport } from '../../src/index.ts';
import { linesOf } from '../interop/differential/honest-log.ts';
import type { Random } from '../interop/differential/random.ts';
import { carriers, wrapFile } from '../support/carriers.ts';
import { differences, type Reading } from './figures.ts';
import { asSealed, compressed, converted, type History, mixed, mixedApart, shuffled } from './history.ts';
import type { Judge } from './judge.ts';
import type { World } from './world.ts';

/** One log, read in one way or another that loses nothing: what is said of it is always the same, and true. */

interface Look extends Reading {
  readonly what: string;
  readonly files?: readonly { readonly name: string; readonly bytes: Buffer }[];
  readonly as?: Partial<History>;
  /** How it is asked. `directory`: the log's files are in its `logs`. */
  readonly options?: (options: VerifyOptions, directory: string) => Partial<VerifyOptions>;
  /** Asked so by two at the same time, it says the same. */
  readonly twice?: Look['options'];
  /** A file is larger than the auditor allows: only that is said. */
  readonly limited?: boolean;
  /** Renames a file and puts another in its place; asked again, the verifier names that one too, and says nothing else. @returns the new name */
  readonly renames?: (directory: string) => string;
  /** What else must be so. */
  readonly also?: (report: VerifyReport, directory: string) => string[];
}

const joinedBytes = (files: readonly { readonly bytes: Buffer }[]): Buffer =>
  Buffer.concat(files.map(({ bytes }) => bytes));

/** Bytes as a pipe brings them. */
function* chunks(random: Random, bytes: Buffer): Generator<Buffer> {
  const largest = random.pick([1, 7, 60, 3000, 70_000]);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.int(largest);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Members of gzip with the optional parts of their headers (RFC 1952), of which nothing depends. */
function withFields(random: Random, bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.int(bytes.length));
    const member = gzipSync(bytes.subarray(at, end), { level: 1 + random.int(9) });
    const flags = random.int(32) & 0x1e;
    const extra = Buffer.from('ex\u0003\0abc');
    member[3] = flags;
    parts.push(
      member.subarray(0, 10),
      ...((flags & 4) > 0 ? [Buffer.from([extra.length, 0]), extra] : []),
      ...((flags & 8) > 0 ? [Buffer.from('a.jsonl\0')] : []),
      ...((flags & 16) > 0 ? [Buffer.from('comment\0')] : []),
      ...((flags & 2) > 0 ? [Buffer.from([1, 2])] : []),
      member.subarray(10),
    );
    at = end;
  }
  return Buffer.concat(parts);
}

/** What stands in a directory beside logs, and why it is left out. */
const OTHERS: readonly (readonly [name: string, text: string, why: string])[] = [
  ['notes.txt', 'nothing sealed\n', 'nothing sealed'],
  ['other.jsonl', '{"level":30,"msg":"integrity"}\n', 'nothing sealed'],
  ['support.zip', 'PK\u0003\u0004', 'not unpacked'],
  ['.hidden.jsonl', '{"n":1}\n', 'hidden name'],
  ['zero.jsonl', '', 'empty'],
];

type MakeLook = (random: Random, world: World) => Look | undefined;

const torn = ({ has }: World): boolean => has.has('TORN_TAIL');
const isBinary = ({ files }: World): boolean => files.some(({ bytes }) => bytes.includes(0x0d));

/** Wrapped by a carrier, with what else is in its files. */
const carried: MakeLook = (random, { files }) => {
  const unwrap = random.pick(carriers);
  const length = random.pick([50, 400, 16_384]);
  const wrapped = files.map(({ name, bytes }) => ({ name, bytes: wrapFile(unwrap, bytes, length).bytes }));
  const lines = wrapped.flatMap(({ bytes }) => linesOf(bytes).map(String));
  const beside = lines.filter((line) => line.includes('stderr')).length;
  const isSo = ({ unwrapped: says }: VerifyReport): boolean => says?.carrier === unwrap && says.beside === beside;
  return {
    what: unwrap,
    otherFiles: true,
    files: wrapped,
    as: { unwrap },
    also: (report) => (isSo(report) ? [] : [`${JSON.stringify(report.unwrapped)}, is ${beside}`]),
  };
};

const LOOKS: readonly MakeLook[] = [
  (random, { files }) => ({
    what: 'as written',
    files: shuffled(random, files),
    options: () => ({ quoteLines: true }),
  }),
  (_random, world) => ({
    what: 'directory',
    options: (_options, directory) => ({ paths: [join(directory, 'logs')], origin: [...world.origins], jobs: 2 }),
  }),
  (random, world) => {
    const others = random.some(OTHERS, 0.7);
    const nested = random.some(world.files, 0.5);
    return {
      what: 'directory with others',
      otherFiles: true,
      ignores: others.map(([name, , why]) => `${name} ${why}`),
      options: (_options, directory) => {
        const logs = join(directory, 'logs');
        mkdirSync(join(logs, 'older', 'still'), { recursive: true });
        for (const { name } of nested) renameSync(join(logs, name), join(logs, 'older', 'still', name));
        for (const [name, text] of others) writeFileSync(join(logs, random.pick(['', 'older']), name), text);
        return { paths: [logs] };
      },
    };
  },
  (random, { files }) => ({
    what: 'gz with fields',
    otherFiles: true,
    files: files.map(({ name, bytes }) => ({ name: `${name}.gz`, bytes: withFields(random, bytes) })),
  }),
  (random, { files }) => {
    const at = random.int(files.length);
    const empty = Buffer.alloc(100_000 + random.int(60_000), 0x0a);
    const bytes = files.map(({ name, bytes: own }, one) => ({
      name,
      bytes: one === at && own.at(-1) === 0x0a ? Buffer.concat([own, empty]) : own,
    }));
    return {
      what: 'gz with many empty lines',
      otherFiles: true,
      files: bytes.map((file) => ({ name: `${file.name}.gz`, bytes: gzipSync(file.bytes) })),
    };
  },
  (_random, { files }) => {
    const most = Math.max(...files.map(({ bytes }) => bytes.length));
    return {
      what: 'gz larger than allowed',
      limited: true,
      files: files.map(({ name, bytes }) => ({ name: `${name}.gz`, bytes: gzipSync(bytes) })),
      options: () => ({ maxBytes: most - 1 }),
    };
  },
  (_random, world) => {
    const total = world.files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    let told: (readonly [number, number])[] = [];
    return {
      what: 'progress',
      options: () => {
        told = [];
        return { onProgress: (read, of) => told.push([read, of]) };
      },
      also: () => {
        const grows = told.every(([read], at) => read >= (told[at - 1]?.[0] ?? 0));
        const last = told.at(-1);
        return grows && last?.[0] === total && last[1] === total ? [] : [`progress ${last} of ${total}`];
      },
    };
  },
  (random, { files }) => ({
    what: 'gz',
    otherFiles: true,
    files: shuffled(
      random,
      files.map((file) => (random.chance(0.8) ? compressed(random, file) : file)),
    ),
  }),
  (random, { files }) => {
    const most = Math.max(...files.map(({ bytes }) => bytes.length));
    const one = files.map((file) => compressed(random, file));
    return { what: 'gz as large as allowed', otherFiles: true, files: one, options: () => ({ maxBytes: most }) };
  },
  (random, { files }) => ({
    what: 'CRLF',
    otherFiles: true,
    adds: ['LINE_ENDINGS_CONVERTED'],
    files: shuffled(random, files.map(converted)),
  }),
  (random, world) => {
    if (world.origins.length > 1) return undefined;
    const piped = (): Partial<VerifyOptions> => ({
      paths: ['-'],
      input: Readable.from(chunks(random, joinedBytes(world.files))),
    });
    return {
      what: 'pipe',
      otherFiles: true,
      options: piped,
      twice: (_options, directory) => ({ ...piped(), known: join(directory, 'known.json') }),
    };
  },
  carried,
  carried,
  carried,
  (random, world) => {
    if (torn(world)) return undefined;
    return { what: 'mixed', otherFiles: true, files: [mixed(random, world)], as: { demux: true } };
  },
  (random, world) => {
    if (torn(world) || world.origins.length < 2) return undefined;
    return { what: 'mixed apart', otherFiles: true, files: mixedApart(random, world), as: { demux: true } };
  },
  (_random, world) => {
    const files = world.origins.map((origin, at) => ({
      name: `${at}.jsonl`,
      bytes: joinedBytes(world.files.filter((file) => file.origin === origin)),
    }));
    return { what: 'joined', otherFiles: true, files };
  },
  (random, { files }) => ({
    what: 'empty lines',
    otherFiles: true,
    files: files.map(({ name, bytes }) => {
      if (bytes.at(-1) !== 0x0a) return { name, bytes };
      const parts = linesOf(bytes).flatMap((line) => [line, Buffer.from('\n'.repeat(random.chance(0.2) ? 3 : 1))]);
      return { name, bytes: Buffer.concat(parts) };
    }),
  }),
  (random, world) => ({
    what: 'held',
    holds: new Map(world.kept.map(({ origin, size }) => [origin, size])), // by size
    as: { held: shuffled(random, world.kept) },
  }),
  (_random, world) => ({
    what: 'pattern',
    options: () => ({ origin: `${world.origins[0]?.slice(0, 6)}*` }),
    files: world.files,
  }),
  (random, { files, manifests, origins }) => {
    const own = files.filter(({ name }) => manifests.some((one) => one.name === `${name}.manifest.json`));
    if (own.length === 0) return undefined;
    const { name } = random.pick(own);
    const named = random.pick([{}, { origin: `${origins[0]?.slice(0, 6)}*` }]);
    const isCompressed = random.chance(0.4);
    const isCopied = random.chance(0.3);
    return {
      what: 'renamed',
      // as logrotate does with `create`
      renames: (directory) => {
        const at = (file: string): string => join(directory, 'logs', file);
        if (isCompressed) {
          writeFileSync(at(`${name}.gz`), gzipSync(readFileSync(at(name))));
          writeFileSync(at(name), '');
          return at(`${name}.gz`);
        }
        if (isCopied) copyFileSync(at(`${name}.manifest.json`), at(`${name}.old.manifest.json`));
        renameSync(at(name), at(`${name}.old`));
        writeFileSync(at(name), '');
        return at(`${name}.old`);
      },
      options: () => named,
    };
  },
  (_random, { origins }) => {
    const base = origins[0] as string;
    if (!origins.every((origin) => origin === base || origin.startsWith(`${base}/2`))) return undefined;
    return { what: 'continued', options: () => ({ origin: base, continued: true }) };
  },
  () => ({
    what: 'known',
    options: (_options, directory) => ({ known: join(directory, 'known.json') }),
    also: ({ verdict, streams }, directory) => {
      if (verdict !== 'ok') return [];
      const known = JSON.parse(readFileSync(join(directory, 'known.json'), 'utf8'));
      return streams.flatMap(({ origin, firstCheckpoint, checkpoint, firstSeq }) => {
        const { first, newest, from = 1 } = known.streams[origin] ?? {};
        return first === firstCheckpoint && newest === checkpoint && from === firstSeq ? [] : ['known'];
      });
    },
  }),
];

/** One way of reading a world that is whole. */
export interface Looked extends History {
  readonly look: Look;
}

/** Undefined where the world cannot be read so. */
export function makeLook(random: Random, world: World): Looked | undefined {
  if (world.open || (world.told?.size ?? 0) > 0) return undefined;
  const look = random.pick(LOOKS)(random, world);
  if (look === undefined || (look.what === 'CRLF' && (isBinary(world) || torn(world)))) return undefined;
  const { what, files = world.files, as = {} } = look;
  const manifests = look.otherFiles === true ? [] : world.manifests;
  return { ...asSealed(world, world.dataKeys), what: [what], files, manifests, ...as, look };
}

/** What is said otherwise than it is. */
export async function lookViolations(judge: Judge, looked: Looked): Promise<string[]> {
  const { look, world } = looked;
  return judge.at(looked, async (options, directory) => {
    const asked = { ...options, digestFiles: true, ...look.options?.(options, directory) };
    const { verify } = judge.verifier;
    const report = await verify(asked);
    if (look.limited === true) {
      const limits = report.findings.filter(({ code }) => code === 'LIMIT');
      const largest = Math.max(...world.files.map(({ bytes }) => bytes.length));
      // a stream is read no further behind the first of its files that is too large
      const too = new Set(world.files.flatMap(({ bytes, origin }) => (bytes.length === largest ? [origin] : []))).size;
      const untrue = report.findings.filter(({ message }) => message.includes('missing'));
      return limits.length === too && report.verdict === 'undecided' && untrue.length === 0
        ? []
        : [`${report.verdict}, ${limits.length} LIMIT, ${untrue.map(({ message }) => message)}`];
    }
    const says = [
      ...differences(world, world.files, report, { ...look, manifests: looked.manifests.length > 0 }),
      ...(look.also?.(report, directory) ?? []),
    ];
    const asTwo = look.twice === undefined ? [] : [look.twice, look.twice];
    for (const { verdict } of await Promise.all(asTwo.map((one) => verify({ ...asked, ...one(options, directory) }))))
      if (verdict !== report.verdict) says.push(`at a time with another ${verdict}`);
    if (look.renames !== undefined) {
      const paths = [...asked.paths, look.renames(directory)];
      const now = await judge.verifier.verify({ ...asked, paths });
      const was = report.findings.map(({ code }) => code);
      const is = now.findings.map(({ code }) => code);
      says.push(...(isDeepStrictEqual([...was, 'EMPTY_FILE'].sort(), is.sort()) ? [] : [`${was}, renamed ${is}`]));
    }
    if (look.what !== 'known') return says;
    const again = await judge.verifier.verify({ ...asked, ...look.options?.(options, directory) });
    return again.verdict === report.verdict ? says : [...says, `again ${again.verdict}`];
  });
}
