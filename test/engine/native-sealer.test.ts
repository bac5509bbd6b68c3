import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { createSealer, type SealerOptions } from '../../src/index.ts';
import { FakeClock, MemoryProvider } from '../../src/testing/index.ts';
import { builtEngine, typescriptEngine } from './engines.ts';
import { anyLine, longLine, Random } from './random-lines.ts';

/** So many lines are sealed by sealers with either engine. */
const LINES = Number(process.env['ENGINE_LINES'] ?? 20_000);
const SEED = Number(process.env['ENGINE_SEED'] ?? 13);
/** So many of them at once: each run has limits of its own. */
const RUN = 1_000;
const ORIGIN = 'engine.example.com/log';

let engine: Engine = typescriptEngine;
let asked = 0;
vi.mock('../../src/engine/selected-engine.ts', () => ({
  selectedEngine: () => engine,
  selectEngine: async () => undefined,
}));
// nonces, data keys and salts: else no two logs are the same
vi.mock('node:crypto', async (original) => ({
  ...(await original<typeof import('node:crypto')>()),
  randomBytes: (length: number) => Buffer.alloc(length, 0x2f),
  randomFillSync: (bytes: Buffer, at: number, length: number) => bytes.fill(0x2f, at, at + length),
}));

const built = builtEngine();
/** The same bytes as without any, and a count of what it did. */
const native: Engine = {
  name: 'native',
  checkRecords: (lines) => built.checkRecords(lines),
  sealLines: (lines) => {
    const sealed = built.sealLines(lines);
    asked += sealed.records;
    return sealed;
  },
};
/** Takes no lines: then each is sealed by itself, without any engine. */
const oneByOne: Engine = {
  name: 'typescript',
  checkRecords: (lines) => typescriptEngine.checkRecords(lines),
  sealLines: ({ from, at }) => ({ records: 0, taken: from, end: at, leaf: undefined }),
};
const engines = { 'one by one': oneByOne, typescript: typescriptEngine, native };

const modes: Record<string, Partial<SealerOptions>> = {
  'data key': {},
  signing: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
  'data key, wrapping what has our member': { onIntegrity: 'wrap' },
};

const folder = mkdtempSync(join(tmpdir(), 'sealer-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a program hands over, and how. */
type Step = { readonly chunk: Buffer | string; readonly how: 'write' | 'stream' } | 'flush' | 'rotate';

function stepsOf(random: Random, lines: number, maxLineBytes: number): Step[] {
  const steps: Step[] = [];
  for (let left = lines; left > 0; ) {
    const count = Math.min(left, random.of([1, 1, 20, 300]));
    left -= count;
    const some = Array.from({ length: count }, () => anyLine(random));
    if (random.below(10) === 0) some[random.below(count)] = longLine(random);
    const isLong = some.some((line) => line.length > maxLineBytes);
    const bytes = Buffer.concat(some.flatMap((line) => [line, Buffer.from(random.below(9) === 0 ? '\r\n' : '\n')]));
    const how = random.of(['write', 'stream'] as const);
    // how many parts fit before the next seal, and what an open knows of the last checkpoint, depends on what has been done by then
    if (isLong) steps.push('flush');
    // a stream's chunks end anywhere; what is written has whole lines
    const cuts = how === 'stream' ? random.below(4) : 0;
    const at = Array.from({ length: cuts }, () => random.below(bytes.length + 1)).sort((one, other) => one - other);
    for (const [index, from] of [0, ...at].entries()) {
      const chunk = bytes.subarray(from, at[index] ?? bytes.length);
      const asText = how === 'write' && count === 1 && random.below(2) === 0;
      steps.push({ chunk: asText ? chunk.toString('utf8') : chunk, how });
    }
    if (isLong || random.below(20) === 0) steps.push('flush');
    if (random.below(60) === 0) steps.push('flush', 'rotate');
  }
  return steps;
}

/** All lines but those of checkpoints: which seals get one depends on when the key service answers. They are no entries. */
function entriesOf(file: string): string {
  const lines = readFileSync(file, 'latin1').split('\n');
  return lines.filter((line) => !line.startsWith('{"integrity":{"kind":"checkpoint"')).join('\n');
}

/** The files of one run, in the order of their names. */
async function filesOf(
  name: keyof typeof engines,
  provider: MemoryProvider,
  more: Partial<SealerOptions>,
  steps: readonly Step[],
): Promise<{ readonly name: string; readonly entries: string }[]> {
  const directory = mkdtempSync(join(folder, 'run-'));
  engine = engines[name];
  const sealer = createSealer({
    file: join(directory, 'audit.jsonl'),
    origin: ORIGIN,
    stateDir: join(directory, 'state'),
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'audit',
    keyProvider: provider,
    clock: new FakeClock(Date.UTC(2026, 10, 24)),
    maxPendingBytes: 1 << 29,
    ...more,
  });
  const failures: unknown[] = [];
  sealer.on('error', (error) => failures.push(error));
  await sealer.ready;
  const stream = sealer.toWritable();
  for (const step of steps) {
    if (step === 'flush') await sealer.flush();
    else if (step === 'rotate') await sealer.rotate();
    else if (step.how === 'write') sealer.write(step.chunk);
    else await new Promise((resolve) => stream.write(step.chunk, resolve));
  }
  await sealer.close();
  expect(failures).toEqual([]);
  const names = readdirSync(directory).filter((file) => /^audit.*\.jsonl$/.test(file));
  const files = names.sort().map((name) => ({ name, entries: entriesOf(join(directory, name)) }));
  rmSync(directory, { recursive: true });
  return files;
}

function difference(one: string, other: string): string {
  const [ones, others] = [one.split('\n'), other.split('\n')];
  const at = ones.findIndex((line, number) => line !== others[number]);
  return `line ${at}:\n${ones[at]?.slice(-300)}\n${others[at]?.slice(-300)}`;
}

describe('a sealer writes the same entries with either engine, and without any', () => {
  it.each(Object.entries(modes))(
    '%s, a quarter of ENGINE_LINES (ENGINE_SEED)',
    {
      timeout: 3_600_000,
    },
    async (_name, more) => {
      const random = new Random(SEED);
      const provider = new MemoryProvider({ keyIds: ['audit', 'sign'] });
      const share = Math.ceil(LINES / Object.keys(modes).length);
      const tally = { files: 0, records: 0, parts: 0, text: 0, base64: 0 };
      asked = 0;
      for (let lines = 0; lines < share; lines += RUN) {
        const limits = {
          maxLineBytes: random.of([1_024, 4_096, 65_536]),
          checkpointMaxRecords: random.of([7, 100, 1_000]),
        };
        const steps = stepsOf(random, Math.min(RUN, share - lines), limits.maxLineBytes);
        const first = await filesOf('one by one', provider, { ...more, ...limits }, steps);
        for (const name of ['typescript', 'native'] as const) {
          const files = await filesOf(name, provider, { ...more, ...limits }, steps);
          expect(files.map((file) => file.name)).toEqual(first.map((file) => file.name));
          for (const [at, { entries }] of files.entries()) {
            if (entries !== first[at]?.entries)
              throw new Error(`${name}: ${difference(first[at]?.entries ?? '', entries)}`);
          }
        }
        for (const { entries } of first) {
          const times = (what: RegExp): number => entries.match(what)?.length ?? 0;
          tally.files++;
          tally.records += times(
            /"integrity":\{"seq":\d+,("as":"\w+",("part":\d+,("last":true,)?)?)?("salt":"[^"]+",)?"key_id"/g,
          );
          tally.parts += times(/"part":\d+,/g);
          tally.text += times(/"as":"text"/g);
          tally.base64 += times(/"as":"base64",("salt":"[^"]+",)?"key_id"/g);
        }
      }
      expect(tally.files).toBeGreaterThan(1);
      expect(tally.records).toBeGreaterThanOrEqual(share);
      expect(Math.min(tally.parts, tally.text, tally.base64)).toBeGreaterThan(share / 1_000);
      // where what has our member is wrapped, each line is taken by itself
      if (more.onIntegrity === undefined) expect(asked).toBeGreaterThan(share / 4);
      else expect(asked).toBe(0);
    },
  );
});
