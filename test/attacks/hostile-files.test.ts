import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfigFile } from '../../src/config/index.ts';
import { isTamperError } from '../../src/errors.ts';
import { readText } from '../../src/foundation/read-text.ts';
import { createDataKey, inspect, loadPolicy, loadPublicKeys, originalLines } from '../../src/index.ts';
import { FileKeyProvider } from '../../src/providers/file.ts';
import { loadKnown } from '../../src/verify/auditor/known.ts';
import { orderFiles } from '../../src/verify/files/stream-files.ts';
import { type CompressedBytes, readGzip } from '../../src/verify/input/gzip.ts';
import { fileSource } from '../../src/verify/input/sources.ts';
import { Findings } from '../../src/verify/model/findings.ts';
import { memorySource } from '../support/judge.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { verify } from '../support/verifying.ts';
import { dataKey } from '../vectors/keys.ts';

/** Files that are made to keep a verifier reading, waiting or remembering. Work is counted, not time. */

const folder = mkdtempSync(join(tmpdir(), 'hostile-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

const make = async () => createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });
const dataKeys = [{ source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name: 'audit' }] }] as const;
const log = new SealedLog().open({ dataKey }).seal().checkpoint().record('one').close().checkpoint();
const bytes = Buffer.concat(log.toFiles().map((file) => file.bytes));

/** Puts something that is no text file at a path. */
const hostile: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'an endless device': (path) => symlinkSync('/dev/zero', path),
  'a sparse file of 600 MB': (path) => {
    writeFileSync(path, '', { mode: 0o600 });
    truncateSync(path, 600_000_000);
  },
  'a directory': (path) => symlinkSync(tmpdir(), path),
};

describe.each(Object.entries(hostile))('%s', (what, put) => {
  const path = join(folder, `${what.replaceAll(' ', '-')}.jsonl.manifest.json`);
  beforeAll(() => put(path));

  it('in the place of a manifest leaves the log as it is, and is said', async () => {
    const file = path.replace('.manifest.json', '');
    writeFileSync(file, bytes);
    const report = await verify({ paths: [file], origin: log.origin, dataKeys });
    expect(report.verdict).toBe('undecided');
    expect(report.findings.find(({ code }) => code === 'UNREADABLE')?.message).toContain('manifest');
    writeFileSync(file, bytes.toString('utf8').replace('"line":"one"', '"line":"own"'));
    expect((await verify({ paths: [file], origin: log.origin, dataKeys })).verdict).toBe('tampered');
  });

  it.each<[string, (path: string) => Promise<unknown>, readonly string[]]>([
    ['a policy', loadPolicy, ['READ_FAILED']],
    ['known checkpoints', loadKnown, ['READ_FAILED']],
    ['public keys', loadPublicKeys, ['READ_FAILED']],
    ['a held note', (one) => readText(one), ['READ_FAILED']],
    ['a configuration', loadConfigFile, ['CONFIG_UNREADABLE', 'CONFIG_INVALID']],
    [
      'a data key',
      (one) =>
        new FileKeyProvider({ dataKeys: { path: one } }).getKey('audit', { origin: log.origin, kid: 'AAAAAAAA.1' }),
      ['KEY_MALFORMED', 'KEY_FILE_PERMISSIONS', 'KEY_NOT_FOUND'],
    ],
  ])('in the place of %s is a coded error that names it', async (_kind, read, codes) => {
    const error: unknown = await read(path).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(isTamperError(error) && codes.includes(error.code), String(error)).toBe(true);
    expect(String(error)).toContain(what === 'a directory' && _kind === 'a data key' ? 'audit.key' : path);
  });
});

describe('a log that is not a regular file', () => {
  it.each(['a FIFO', 'an endless device'])('%s is refused where it is named', async (what) => {
    const path = join(folder, `${what.replaceAll(' ', '-')}-as-log`);
    hostile[what]?.(path);
    await expect(verify({ paths: [path], origin: log.origin })).rejects.toMatchObject({ code: 'READ_FAILED' });
  });
});

/** Counts what is read of it. */
class Counted implements CompressedBytes {
  readonly #bytes: Buffer;
  reads = 0;
  bytesRead = 0;

  constructor(whole: Buffer) {
    this.#bytes = whole;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async readAt(position: number, length: number): Promise<Buffer> {
    const part = this.#bytes.subarray(position, position + length);
    this.reads++;
    this.bytesRead += part.length;
    return part;
  }
}

interface Expanded {
  readonly text: Buffer;
  readonly problems: readonly string[];
}

async function expand(file: CompressedBytes, maxMembers?: number): Promise<Expanded> {
  const chunks: Buffer[] = [];
  const problems: string[] = [];
  for await (const chunk of readGzip(file, 2 ** 30, (problem) => problems.push(problem), maxMembers))
    chunks.push(Buffer.from(chunk));
  return { text: Buffer.concat(chunks), problems };
}

describe('a compressed file', () => {
  it('of many tiny members is read once', async () => {
    const member = gzipSync('one\n');
    const file = new Counted(Buffer.alloc(member.length * 30_000, member));
    const { text, problems } = await expand(file);
    expect([text.toString('latin1').split('\n').length, problems]).toEqual([30_001, []]);
    expect(file.bytesRead).toBeLessThan(file.size * 1.5);
  });

  it('of members of every size is read a few times at most, and gives all of it', async () => {
    const parts = [0, 1, 70_000, 300_000, 1_000_000, 1_048_576, 1_048_577, 3_000_000].flatMap((length) => [
      Buffer.from(`${length}\n`),
      Buffer.from(Array.from({ length }, (_, at) => (at * at * 31 + (at >> 7)) & 255)),
      Buffer.alloc(length, 'x'),
    ]);
    const file = new Counted(Buffer.concat(parts.map((part) => gzipSync(part))));
    const { text, problems } = await expand(file);
    expect([text.equals(Buffer.concat(parts)), problems]).toEqual([true, []]);
    expect(file.bytesRead).toBeLessThan(file.size * 3);
  });

  it('of more members than any writer makes is a limit, and what was read counts', async () => {
    const empty = Buffer.concat([Buffer.from('1f8b0800000000000003', 'hex'), deflateRawSync(''), Buffer.alloc(8)]);
    const file = new Counted(Buffer.concat([gzipSync('first\n'), Buffer.alloc(empty.length * 1000, empty)]));
    const { text, problems } = await expand(file, 1000);
    expect([text.toString(), problems]).toEqual(['first\n', ['LIMIT']]);
    expect(file.bytesRead).toBeLessThan(file.size * 1.5);
  });
});

describe('a long line', () => {
  it('of 30,000 parts is passed on part by part', async () => {
    const long = new SealedLog().open({ dataKey }).seal().checkpoint();
    long
      .longRecord(Buffer.alloc(30_000 * 30, 'x'), 30)
      .close()
      .checkpoint();
    const path = join(folder, 'parts.jsonl');
    writeFileSync(path, Buffer.concat(long.lines.flatMap((line) => [line.bytes, Buffer.from('\n')])));
    let [pieces, total, largest, lines] = [0, 0, 0, 0];
    await originalLines({
      paths: [path],
      input: Readable.from([]),
      onPiece: (piece, last) => {
        pieces++;
        total += piece.length;
        largest = Math.max(largest, piece.length);
        if (last) lines++;
        return undefined;
      },
      onProblem: (_file, message) => expect.unreachable(message),
    });
    expect([pieces, total, largest, lines]).toEqual([30_000, 900_000, 30, 1]);
  });
});

describe('files that claim one place', () => {
  it('are each read once, and the one that holds it as far as each of them goes', async () => {
    let reads = 0;
    const files = Array.from({ length: 300 }, (_, at) => {
      const source = memorySource(`${at}`, Buffer.from(`${at}`));
      const peek = { empty: false, tag: log.tree.toString(), seq: 1, origin: undefined };
      const read: typeof source.read = (onProblem) => {
        reads++;
        return source.read(onProblem);
      };
      return { source: { ...source, read }, peek };
    });
    const findings = new Findings();
    await orderFiles(files, findings);
    expect(findings.count('FORK')).toBe(299);
    expect(reads).toBeLessThan(2 * files.length);
  });
});

describe('looking through a log', () => {
  it('of many control entries keeps the first and the last of them, each short', async () => {
    const path = join(folder, 'controls.jsonl');
    const entry = (seq: number, members: string): string =>
      `{"integrity":{"seq":${seq},"kind":"gap",${members}"key_id":"AAAAAAAA.1","hash":"${'A'.repeat(43)}"}}\n`;
    const gap = '"dropped":1,"since":"2026-11-24T23:00:00.000Z","why":"overflow",';
    const why = `"dropped":1,"since":"2026-11-24T23:00:00.000Z","why":${JSON.stringify('x'.repeat(50_000))},`;
    const text = Array.from({ length: 20_000 }, (_, at) => entry(at + 1, at === 7 ? why : gap)).join('');
    writeFileSync(path, text);
    const seen = await inspect([path]);
    expect([seen.entries, seen.events.length, seen.moreEvents]).toEqual([20_000, 10_000, 10_000]);
    const seqs = seen.events.map(({ seq }) => seq);
    expect([seqs[0], seqs[4999], seqs[5000], seqs[9999]]).toEqual([1, 5000, 15_001, 20_000]);
    expect(Math.max(...seen.events.map(({ detail }) => detail.length))).toBeLessThanOrEqual(1001);
  });
});

it('a small file is opened once for a look at it', async () => {
  const path = join(folder, 'small.jsonl');
  writeFileSync(path, bytes);
  const source = await fileSource(path, 2 ** 30);
  const chunks: Buffer[] = [];
  for await (const chunk of source.read(() => undefined)) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
});
