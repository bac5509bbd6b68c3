import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSealer, type Sealer, type SealerOptions } from '../../src/index.ts';
import { FakeClock, MemoryProvider } from '../../src/testing/index.ts';
import { audit, ORIGIN, sealedFiles, workplace } from './workplace.ts';

const runs = Number(process.env['HONEST_LOGS'] ?? 12);

type Step =
  | { do: 'write'; lines: number; kind: 'object' | 'text' | 'bytes' }
  | { do: Plain }
  | { do: 'wait'; seconds: number };

type Plain =
  | 'flush'
  | 'flushSync'
  | 'rotate'
  | 'rotateKey'
  | 'rotateSigner'
  | 'away'
  | 'back'
  | 'close'
  | 'exit'
  | 'crash';
const simple = (...names: Plain[]): fc.Arbitrary<Step> => fc.constantFrom(...names.map((name) => ({ do: name })));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      lines: fc.integer({ min: 1, max: 12 }),
      kind: fc.constantFrom('object' as const, 'text' as const, 'bytes' as const),
    }),
  },
  { weight: 3, arbitrary: simple('flush', 'flushSync', 'rotate') },
  { weight: 2, arbitrary: simple('rotateKey', 'rotateSigner', 'away', 'back') },
  { weight: 3, arbitrary: simple('close', 'exit', 'crash') },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 30, 310, 1000) }) },
);
const modes: Record<string, Partial<SealerOptions>> = {
  'data key': {},
  signing: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
};

let counter = 0;
function line(kind: 'object' | 'text' | 'bytes'): string | Buffer {
  counter++;
  if (kind === 'object') return `{"n":${counter},"integrity":{"seq":1}}`;
  return kind === 'text' ? `plain ${counter} "quoted"` : Buffer.from([0xff, 0x00, counter & 0xff, 0x0d]);
}

/** A world with one stream that runs, crashes, and runs again. */
/** A copy of the disk as it is at this moment. A file that is renamed meanwhile is copied at the next try. */
function copyImage(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    try {
      cpSync(from, to, { recursive: true });
      return;
    } catch (error) {
      if (tries === 20 || !(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      rmSync(to, { recursive: true, force: true });
    }
  }
}

class World {
  readonly clock = new FakeClock(Date.UTC(2026, 10, 24, 23));
  readonly provider: MemoryProvider;
  readonly root: string;
  readonly extra: Partial<SealerOptions>;
  directory: string;
  acknowledged = 0;
  written = 0;
  #sealer: Sealer | undefined;
  #images = 0;

  constructor(root: string, extra: Partial<SealerOptions>) {
    this.provider = new MemoryProvider({ keyIds: ['audit', 'sign'], clock: this.clock });
    this.root = root;
    this.directory = join(root, 'image0');
    this.extra = extra;
  }

  sealer(): Sealer {
    if (this.#sealer !== undefined) return this.#sealer;
    this.#sealer = createSealer({
      file: join(this.directory, 'audit.jsonl'),
      origin: ORIGIN,
      stateDir: join(this.directory, 'state'),
      keySource: 'custom',
      keyProviderModule: 'memory',
      keyId: 'audit',
      keyProvider: this.provider,
      checkpointMaxRecords: 7,
      checkpointMaxSeconds: 20,
      clock: this.clock,
      ...this.extra,
    });
    this.#sealer.on('error', (error) => {
      throw error;
    });
    return this.#sealer;
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 25; turn++) await this.clock.advance(0);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }

  async run(one: Step): Promise<void> {
    switch (one.do) {
      case 'write':
        for (let n = 0; n < one.lines; n++, this.written++) this.sealer().write(line(one.kind));
        break;
      case 'flush':
        this.provider.faults.heal();
        await this.#patiently(this.sealer().flush());
        this.acknowledged = this.written;
        break;
      case 'flushSync':
        await this.#patiently(this.sealer().ready);
        this.sealer().flushSync();
        this.acknowledged = this.written;
        break;
      case 'rotate':
        this.provider.faults.heal();
        await this.#patiently(this.sealer().rotate());
        break;
      case 'rotateKey':
        this.provider.rotate('audit');
        break;
      case 'rotateSigner':
        this.provider.rotate('sign');
        break;
      case 'away':
        if (this.#sealer !== undefined) await this.#patiently(this.#sealer.ready);
        if (this.#sealer !== undefined) this.provider.faults.failWith('UNAVAILABLE');
        break;
      case 'back':
        this.provider.faults.heal();
        break;
      case 'wait':
        await this.clock.advance(one.seconds * 1000);
        await this.settle();
        break;
      case 'close':
        this.provider.faults.heal();
        if (this.#sealer !== undefined) await this.#patiently(this.#sealer.close());
        if (this.#sealer !== undefined) this.acknowledged = this.written;
        this.#sealer = undefined;
        break;
      case 'exit':
        if (this.#sealer === undefined) break;
        this.provider.faults.heal();
        await this.#patiently(this.#sealer.ready);
        this.#sealer.closeSync();
        this.acknowledged = this.written;
        this.#sealer = undefined;
        break;
      case 'crash':
        await this.#crash();
        break;
    }
  }

  /** Time passes while somebody waits: a key that was asked for while its service was away is asked for again a little later. */
  async #patiently(promise: Promise<unknown>): Promise<void> {
    let isOver = false;
    const over = promise.finally(() => {
      isOver = true;
    });
    over.catch(() => undefined); // it is thrown below
    for (;;) {
      await Promise.race([over.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 50))]);
      if (isOver) break;
      await this.clock.advance(1_000);
    }
    await over;
  }

  /** Goes on with a copy of what is on disk at this moment, its last line perhaps torn. */
  async #crash(): Promise<void> {
    if (this.#sealer === undefined) return;
    this.provider.faults.heal();
    await this.#patiently(this.#sealer.ready);
    if (this.written % 3 === 0) await this.settle();
    const image = join(this.root, `image${++this.#images}`);
    copyImage(this.directory, image);
    for (const name of readdirSync(join(image, 'state'))) {
      const path = join(image, 'state', name);
      if (/\.(lock|tmp)$/.test(name)) rmSync(path);
      else if (name.endsWith('.chainstate')) this.#moveState(path, image);
    }
    this.#sealer.closeSync();
    this.#sealer = undefined;
    this.written = this.acknowledged;
    this.directory = image;
  }

  /** State files hold absolute paths; the image lies elsewhere. */
  #moveState(path: string, image: string): void {
    const text = readFileSync(path, 'utf8').replaceAll(`${this.directory}/`, `${image}/`);
    const state = JSON.parse(text) as { file: string; offset: number };
    writeFileSync(path, text);
    if (this.written % 2 === 0 && existsSync(state.file)) {
      const size = readFileSync(state.file).length;
      if (size > state.offset) truncateSync(state.file, Math.max(state.offset, size - (this.written % 40)));
    }
  }
}

/** Whichever files are not given: never tampered (M8.24). */
async function expectUndecidedWithout(files: string[], { directory, provider }: World): Promise<void> {
  for (let at = 1; at < files.length; at++) {
    for (const paths of [files.slice(at), files.slice(0, -at), files.toSpliced(at, 1)]) {
      const { verdict, findings } = await audit(directory, provider, { paths });
      expect(verdict, `${paths.length} of ${files.length} files: ${JSON.stringify(findings)}`).not.toBe('tampered');
    }
  }
}

it.each(Object.entries(modes))(
  'no log that was sealed honestly is called tampered with: %s',
  async (name, extra) => {
    const { directory } = workplace();
    let number = 0;
    const codes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const root = join(directory, `world${++number}`);
        const world = new World(root, extra);
        try {
          for (const one of steps) await world.run(one);
        } finally {
          await world.run({ do: 'write', lines: 1, kind: 'object' });
          await world.run({ do: 'close' });
        }
        const report = await audit(world.directory, world.provider);
        for (const { code } of report.findings) codes.set(code, (codes.get(code) ?? 0) + 1);
        const bad = report.findings.filter(({ severity }) => severity !== 'warning');
        // a run that ended before its first signature, its key gone since, has nobody who answers for it: undecided, never tampered
        const allowed = name === 'signing' ? ['ADOPTED', 'UNVOUCHED'] : [];
        expect(
          bad.filter(({ code }) => !allowed.includes(code)),
          JSON.stringify(report.findings),
        ).toEqual([]);
        const records = report.streams.reduce((sum, stream) => sum + stream.records, 0);
        expect(records).toBeGreaterThanOrEqual(world.acknowledged);
        await expectUndecidedWithout(sealedFiles(world.directory), world);
        rmSync(root, { recursive: true });
      }),
      { numRuns: runs, ...(process.env['HONEST_SEED'] !== undefined && { seed: Number(process.env['HONEST_SEED']) }) },
    );
    expect(codes.get('RESTART')).toBeGreaterThan(0);
  },
  600_000,
);
