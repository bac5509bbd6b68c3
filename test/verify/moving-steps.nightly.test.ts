import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { formatVkey, type VerifyReport } from '../../src/index.ts';
import { SegmentReader } from '../../src/verify/parallel/segment-reader.ts';
import { ORIGIN, workplace } from '../seal/workplace.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key } from '../support/signing-keys.ts';
import { type VerifyOptions, verifiedLines, verify } from '../support/verifying.ts';

/** A writer that does its next steps at each step of a reader: between listing, looking, opening and reading. */

const seam = vi.hoisted(() => ({ steps: 0, onStep: (): void => undefined }));

vi.mock('../../src/foundation/regular-file.ts', async (original) => {
  const real = await original<typeof import('../../src/foundation/regular-file.ts')>();
  const around = async <T>(open: () => Promise<T>): Promise<T> => {
    seam.onStep();
    const file = await open();
    seam.onStep();
    return file;
  };
  return {
    ...real,
    openRegular: (path: string) => around(() => real.openRegular(path)),
    openSame: (...args: Parameters<typeof real.openSame>) => around(() => real.openSame(...args)),
    openRegularSync: (path: string) => {
      seam.onStep();
      const file = real.openRegularSync(path);
      seam.onStep();
      return file;
    },
  };
});
vi.mock('../../src/verify/found/found-files.ts', async (original) => {
  const real = await original<typeof import('../../src/verify/found/found-files.ts')>();
  return {
    ...real,
    async *findFiles(...args: Parameters<typeof real.findFiles>) {
      for await (const file of real.findFiles(...args)) {
        seam.onStep();
        yield file;
      }
      seam.onStep();
    },
  };
});
vi.mock('../../src/verify/parallel/parallel-reading.ts', async (original) => {
  const real = await original<typeof import('../../src/verify/parallel/parallel-reading.ts')>();
  const withProcesses: typeof real.withProcesses = async () => ({
    from: 0,
    read: async (verifier, splitter, file, onBytes) => {
      const reader = new SegmentReader(file.fd);
      const check = async (from: number, to: number) => {
        seam.onStep();
        return reader.check({ id: 0, from, to, keys: [] });
      };
      const division = { head: 300, segment: 1_000, ahead: 2 };
      await new real.ParallelReading(verifier, splitter, file, onBytes).readAll(division, () => ({
        check,
        close: () => undefined,
      }));
    },
  });
  return { ...real, withProcesses };
});

const FILES = 8;
const key = ed25519Key('moving');
const log = new SealedLog(ORIGIN)
  .open({ signers: [key] })
  .seal()
  .checkpoint();
const lines: string[] = [];
/** The bytes of each file: up to a checkpoint, and the rest. */
const parts: [Buffer, Buffer][] = [];
let held = '';
for (let file = 0, from = 0; file < FILES; file++) {
  if (file > 0) log.rotate(String(file)).seal().checkpoint();
  const cut = (): Buffer => {
    const bytes = Buffer.concat(log.lines.slice(from).flatMap((line) => [line.bytes, Buffer.from('\n')]));
    from = log.lines.length;
    return bytes;
  };
  const addRecords = (): void => {
    for (let n = 0; n < 6; n++) {
      lines.push(`{"n":${lines.length},"pad":"${'x'.repeat(100)}"}`);
      log.record(lines.at(-1) ?? '');
    }
    log.seal().checkpoint();
  };
  addRecords();
  if (file === 1) held = log.note();
  const first = cut();
  addRecords();
  log.close('rotated').checkpoint();
  parts.push([first, cut()]);
}
const times = [
  ...Buffer.concat(parts.flat())
    .toString('latin1')
    .matchAll(/"time":"([^"]+)"/g),
];
const now = new Date(times.at(-1)?.[1] ?? '');

/** What a writer does one after the other, from where one file is closed and the second one is written. */
function writerSteps(directory: string, compressed: boolean, deletes: number): (() => void)[] {
  const live = join(directory, 'audit.jsonl');
  const nameOf = (file: number): string => join(directory, `audit.2026112${file}T000000Z-0001.jsonl`);
  writeFileSync(nameOf(0), Buffer.concat(parts[0] ?? []));
  writeFileSync(live, parts[1]?.[0] ?? '');
  const steps: (() => void)[] = [];
  for (let file = 1; file < FILES - 1; file++) {
    steps.push(
      () => appendFileSync(live, parts[file]?.[1] ?? ''),
      () => renameSync(live, nameOf(file)),
      () => writeFileSync(live, ''),
      () => appendFileSync(live, parts[file + 1]?.[0] ?? ''),
    );
    const closed = nameOf(file - 1);
    if (compressed)
      steps.push(
        () => {
          writeFileSync(`${closed}.gz.tmp`, gzipSync(readFileSync(closed)));
          renameSync(`${closed}.gz.tmp`, `${closed}.gz`);
        },
        () => rmSync(closed),
      );
    if (file > 1 && file <= deletes + 1) steps.push(() => rmSync(nameOf(file - 2) + (compressed ? '.gz' : '')));
  }
  return steps;
}

/** Runs a reader with the writer beginning at one of its steps and doing so much at each one from there on. */
async function during<T>(steps: (() => void)[], from: number, pace: number, read: () => Promise<T>): Promise<T> {
  seam.steps = 0;
  seam.onStep = () => {
    if (seam.steps++ < from) return;
    for (const step of steps.splice(0, pace)) step();
  };
  try {
    return await read();
  } finally {
    seam.onStep = () => undefined;
  }
}

const cases = ['verify', 'verify with more processes', 'cat'].flatMap((reader) =>
  [
    { how: 'renamed', compressed: false, deletes: 0 },
    { how: 'compressed', compressed: true, deletes: 0 },
    { how: 'renamed, the oldest deleted', compressed: false, deletes: 1 },
    { how: 'compressed, the oldest deleted', compressed: true, deletes: 1 },
    { how: 'renamed, three deleted', compressed: false, deletes: 3 },
    { how: 'compressed, three deleted', compressed: true, deletes: 3 },
  ]
    .filter(({ deletes }) => deletes === 0 || reader !== 'verify with more processes')
    .map((moves) => ({ reader, ...moves })),
);

describe('a writer that moves its files at any step of a reader', () => {
  it.each(cases)('leaves the log ok: $reader, $how', { timeout: 120_000 }, async ({ reader, compressed, deletes }) => {
    const options: Omit<VerifyOptions, 'paths'> = {
      origin: ORIGIN,
      live: true,
      now,
      publicKeys: [formatVkey(ORIGIN, key.noteKey)],
      held: [held],
      jobs: reader === 'verify with more processes' ? 2 : 1,
    };
    const wrong: string[] = [];
    const { directory } = workplace();
    let runs = 0;
    for (const pace of [1, 2, 3, 7, 99]) {
      for (let from = 0, steps = 1; from < steps; from++, runs++) {
        const place = join(directory, `${pace}-${from}`);
        const { report, given } = await readOnce(place, from, pace);
        steps = seam.steps;
        const found = report.findings.filter(({ severity }) => severity !== 'warning');
        // who holds no later checkpoint than of what was deleted cannot know what was there
        const isExpected = deletes > 1 && found.every(({ code }) => code === 'START_UNPROVEN');
        if (report.verdict !== 'ok' && !isExpected)
          wrong.push(`${pace} at a time from step ${from}: ${found.map(({ message }) => message).join('; ')}`);
        if (reader === 'cat' && report.verdict === 'ok') expectLines(given);
        rmSync(place, { recursive: true });
      }
    }
    expect(wrong).toEqual([]);
    expect(runs).toBeGreaterThan(50);

    async function readOnce(place: string, from: number, pace: number) {
      mkdirSync(place);
      const moves = writerSteps(place, compressed, deletes);
      const given: string[] = [];
      const report = await during(moves, from, pace, async (): Promise<VerifyReport> => {
        const onProgress = (): void => seam.onStep();
        if (reader !== 'cat') return verify({ ...options, paths: [place], onProgress });
        const onPiece = (piece: Buffer): undefined => void given.push(piece.toString());
        return verifiedLines({ ...options, paths: [place], onProgress, onPiece, onProblem: () => undefined });
      });
      return { report, given };
    }
  });
});

/** The lines that were there when the reading began are given, and none twice; where a file was deleted, from the next on. */
function expectLines(given: readonly string[]): void {
  const first = lines.indexOf(given[0] ?? '');
  expect([0, 12, 24, 36]).toContain(first);
  expect(given).toEqual(lines.slice(first, first + given.length));
  expect(first + given.length).toBeGreaterThanOrEqual(18);
}
