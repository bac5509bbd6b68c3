import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { selectEngine } from '../../src/engine/selected-engine.ts';
import { kidOf } from '../../src/format/origin.ts';
import { fileSource, type Source } from '../../src/verify/input/sources.ts';
import {
  type Division,
  type LargeFiles,
  ParallelReading,
  type SegmentChecker,
} from '../../src/verify/parallel/parallel-reading.ts';
import { SegmentReader } from '../../src/verify/parallel/segment-reader.ts';
import type { StreamVerifier } from '../../src/verify/stream/stream-verifier.ts';
import { type Brings, judge } from '../support/judge.ts';
import { type EpochKeys, erase, erasureOf, SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, fixedBytes, vkeyOf } from '../support/signing-keys.ts';
import { someOf } from '../support/tier.ts';

/** Whoever checks the records, and however a file is divided, the report is the one of reading it in one piece. */

interface Case extends Brings {
  readonly files: readonly string[];
  readonly max_bytes?: number;
}

const folders = ['samples/', '../vectors/v1/'].map((path) => fileURLToPath(new URL(`../${path}`, import.meta.url)));
const cases = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => /(?<!\.manifest)\.json$/.test(name) && !name.startsWith('unit-'))
    .map((name) => ({ folder, name })),
);

/** Reads every file in parts, checked in this process by what the other processes would check them with. */
function inParts(division: Division, watch: (verifier: StreamVerifier) => void = () => undefined): LargeFiles {
  return {
    from: 0,
    read: async (verifier, splitter, file, onBytes) => {
      watch(verifier);
      const reading = new ParallelReading(verifier, splitter, file, onBytes);
      await reading.readAll(division, () => checkerFor(file.fd));
    },
  };
}

function checkerFor(fd: number): SegmentChecker {
  const reader = new SegmentReader(fd);
  const known = new Set<number>();
  return {
    check: async (from, to, keyOf) => {
      const key = keyOf(known);
      if (key !== undefined) known.add(key.key);
      return reader.check({ id: 0, from, to, keys: key === undefined ? [] : [key] });
    },
    close: () => undefined,
  };
}

/** Four key-period steps of twenty records, a hand-over in their middle. */
function longLog(first: EpochKeys, next: EpochKeys): SealedLog {
  const log = new SealedLog().open(first).seal().checkpoint();
  for (let step = 0; step < 4; step++) {
    if (step === 2) log.handOver(next);
    for (let at = 0; at < 20; at++) log.record(`{"level":30,"step":${step},"msg":"record ${at} of this step"}`);
    log.seal().checkpoint();
  }
  return log.close().checkpoint();
}

const keys = {
  mac: [{ dataKey: fixedBytes('one') }, { dataKey: fixedBytes('two') }],
  signing: [{ signers: [ed25519Key('one')] }, { signers: [ed25519Key('two')] }],
} as const;

function auditorOf(mode: 'mac' | 'signing' | 'no key', log: SealedLog): Brings {
  if (mode === 'no key') return { origin: log.origin };
  if (mode === 'signing') {
    const vkeys = keys.signing.flatMap(({ signers }) => signers.map((key) => vkeyOf(log.origin, key)));
    return { origin: log.origin, vkeys };
  }
  const kids = keys.mac.map(({ dataKey }, at) => [kidOf(log.origin, at + 1), dataKey.toString('hex')] as const);
  return { origin: log.origin, data_keys: Object.fromEntries(kids) };
}

/** What is done to the line at an index. */
const damages: Readonly<Record<string, (lines: Buffer[], at: number) => void>> = {
  nothing: () => undefined,
  'a byte of the record changed': (lines, at) => {
    (lines[at] as Buffer)[12] = 0x39;
  },
  'a byte of its auth changed': (lines, at) => {
    const line = lines[at] as Buffer;
    line[line.length - 20] = line[line.length - 20] === 0x41 ? 0x42 : 0x41;
  },
  'swapped with the next': (lines, at) => lines.splice(at, 2, lines[at + 1] as Buffer, lines[at] as Buffer),
  deleted: (lines, at) => lines.splice(at, 1),
  doubled: (lines, at) => lines.splice(at, 0, lines[at] as Buffer),
  'replaced by an earlier one': (lines, at) => lines.splice(at, 1, lines[at - 3] as Buffer),
  'a foreign line before it': (lines, at) => lines.splice(at, 0, Buffer.from('{"msg":"not sealed"}')),
  'an empty line before it': (lines, at) => lines.splice(at, 0, Buffer.alloc(0)),
  'a made-up seal before it': (lines, at) =>
    lines.splice(at, 0, Buffer.from(`{"integrity":{"seq":${at},"kind":"seal","step":99999,"x":1`)),
};

const divisions: readonly Division[] = [
  { head: 0, segment: 1 << 30, ahead: 1 },
  { head: 700, segment: 3001, ahead: 3 },
  { head: 1500, segment: 1 << 20, ahead: 1 },
  { head: 2500, segment: 911, ahead: 2 },
];

// judge() asks for no engine by itself: without this, a run for the native one would test the other
beforeAll(async () => {
  expect((await selectEngine()).engine.name).toBe(process.env['FAPILOG_TAMPER_ENGINE']);
});

describe('a file read in parts', () => {
  it.each(someOf(cases, 24))('$name', async ({ folder, name }) => {
    const one = JSON.parse(readFileSync(folder + name, 'utf8')) as Case;
    const limit = one.max_bytes ?? Number.MAX_SAFE_INTEGER;
    const sources = await Promise.all(one.files.map(async (file) => fileSource(folder + file, limit)));
    const whole = await judge(sources, one);
    for (const division of divisions) {
      const parts = await judge(sources, one, inParts(division));
      expect(parts, JSON.stringify(division)).toEqual(whole);
    }
  });
});

describe('a long log read in parts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-parts-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function sourceOf(name: string, lines: readonly Buffer[]): Promise<Source> {
    const path = join(folder, name.replaceAll(/[^a-z]/g, '-'));
    writeFileSync(path, Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')])));
    return fileSource(path, Number.MAX_SAFE_INTEGER);
  }

  const modes = ['mac', 'signing', 'no key'] as const;
  it.each(modes.flatMap((mode) => Object.keys(damages).map((damage) => ({ mode, damage }))))(
    '$mode: $damage',
    async ({ mode, damage }) => {
      const [first, next] = mode === 'signing' ? keys.signing : keys.mac;
      const log = longLog(first, next);
      for (const at of someOf([5, 30, 60, 88], 3)) {
        const lines = log.lines.map(({ bytes }) => Buffer.from(bytes));
        damages[damage]?.(lines, at);
        const sources = [await sourceOf(`${mode} ${damage} ${at}`, lines)];
        const brings = auditorOf(mode, log);
        const whole = await judge(sources, brings);
        if (mode !== 'no key') expect(whole.verdict === 0, damage).toBe(/nothing|empty/.test(damage));
        for (const division of divisions) {
          expect(await judge(sources, brings, inParts(division)), JSON.stringify(division)).toEqual(whole);
        }
      }
    },
  );

  it('several MB with erased records, and some that are recorded as erased and stand there (R2.1, R2.2)', async () => {
    const log = new SealedLog().open({ signers: keys.signing[0].signers, salted: true }).seal().checkpoint();
    const text = 'x'.repeat(200);
    for (let step = 0; step < 10; step++) {
      const own = Array.from({ length: 1_000 }, (_, at) => `{"step":${step},"n":${at},"text":"${text}"}`);
      log
        .record(...own)
        .seal()
        .checkpoint();
    }
    log.close().checkpoint();
    const erased = [3, 4, 5, 900, 1002, 1004, 4_500, 4_501, 8_192, 8_193, 9_999];
    const standing = [6, 901, 2_048, 4_502, 7_777];
    const unrecorded = [950, 4_503];
    const recorded = [...erased, ...standing].map((seq) => erasureOf(log, seq));
    erase(log, ...erased);
    const brings = (whole: boolean): Brings => ({ ...auditorOf('signing', log), erasures: { recorded, whole } });
    const source = async (name: string): Promise<Source> =>
      sourceOf(
        name,
        log.lines.map(({ bytes }) => bytes),
      );
    const honest = await source('erased');
    erase(log, ...unrecorded);
    const spoiled = await source('erased too');
    const wide = [
      { head: 0, segment: 1 << 30, ahead: 1 },
      { head: 2500, segment: 100_003, ahead: 3 },
      { head: 256 * 1024, segment: 1 << 20, ahead: 6 },
    ];
    const counts: string[] = [];
    for (const [one, whole] of [
      [honest, true],
      [spoiled, true],
      [spoiled, false],
    ] as const) {
      const alone = await judge([one], brings(whole));
      counts.push(`${alone.verdict} ${alone.codes.length}`);
      for (const division of wide) {
        const parts = await judge([one], brings(whole), inParts(division));
        expect(JSON.stringify(parts), JSON.stringify(division)).toBe(JSON.stringify(alone));
      }
    }
    expect(counts).toEqual(['2 16', '1 18', '2 18']);
  });

  it.each(modes)('%s: most records are taken from the parts', async (mode) => {
    const [first, next] = mode === 'signing' ? keys.signing : keys.mac;
    const log = longLog(first, next);
    const source = await sourceOf(
      `${mode} taken`,
      log.lines.map(({ bytes }) => bytes),
    );
    let taken = 0;
    const watch = (verifier: StreamVerifier): void => {
      const takeRun = verifier.takeRun.bind(verifier);
      vi.spyOn(verifier, 'takeRun').mockImplementation((run, keyOf) => {
        const done = takeRun(run, keyOf);
        if (done) taken += run.count;
        return done;
      });
    };
    await judge([source], auditorOf(mode, log), inParts({ head: 2500, segment: 4096, ahead: 1 }, watch));
    expect(taken).toBeGreaterThan(40);
    expect(taken).toBeLessThanOrEqual(80);
  });
});
