import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createSealer, type SealerOptions } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { times } from '../support/tier.ts';
import { type AnchorParty, AnchorServer, fileParty } from './anchor-parties.ts';

/**
 * Histories of a log and its anchors, made up by a seed: it grows, is rolled back, grows past what an anchor has seen while that
 * is away or not configured; strangers plant junk and forged notes, and another log has the same anchor. A rollback below what
 * an anchor that is asked has of the log is told at that start; a start of a log that was not rolled back is never stopped.
 */

const HISTORIES = Number(process.env['ANCHOR_HISTORIES'] ?? times(24, 200));
/** So many go on at once: they wait for the disk most of the time. */
const AT_ONCE = 4;
const ORIGIN = 'doors.example.com/history';

const server = new AnchorServer();
beforeAll(async () => {
  await server.listen();
  vi.stubEnv('AWS_ENDPOINT_URL_S3', server.url);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATESTTESTTESTTEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'of-no-account');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const textOf = (note: string): string => note.slice(0, note.indexOf('\n\n') + 1);
const sizeOf = (note: string): number => Number(note.split('\n')[1]);

/** What came of a start. */
interface Outcome {
  /** What the anchor had then that the log did not. */
  readonly contradiction: { readonly text: string; readonly key: number } | undefined;
  /** The keys that the log knew. */
  readonly keys: ReadonlySet<number>;
  readonly stopped: Error | undefined;
  readonly origin: string;
  readonly warnings: readonly Error[];
}

class History {
  readonly steps: string[] = [];
  readonly #next: () => number;
  readonly #directory = mkdtempSync(join(tmpdir(), 'history-'));
  readonly #provider = new MemoryProvider({ keyIds: ['audit', 'sign', 'other'] });
  readonly #party: AnchorParty;
  readonly #isSigned: boolean;
  readonly #settings: Partial<SealerOptions>;
  /** Every note that the log's own writer made with everything that it promised, by its text, and the number of the key. */
  readonly #genuine = new Map<string, number>();
  /** Texts of the checkpoints that the log as it lies there has made, and the keys that signed them. */
  #lineage = new Set<string>();
  readonly #copies: {
    readonly name: string;
    readonly lineage: ReadonlySet<string>;
    readonly keys: ReadonlySet<number>;
  }[] = [];
  #keys = new Set<number>();
  #key = 1;
  #isAway = false;
  #hasJunk = false;

  constructor(seed: number) {
    this.#next = numbersOf(seed);
    const kind = this.#pick(['file', 'http', 'bucket'] as const);
    const id = randomUUID();
    this.#party =
      kind === 'file'
        ? fileParty(this.#directory)
        : kind === 'http'
          ? server.httpParty(id)
          : server.bucketParty(id, ORIGIN);
    this.#isSigned = this.#next() < 0.8;
    this.#settings = this.#pick([{}, { rotateMaxBytes: 2_000 }, { rotateMaxBytes: 2_000, compressRotated: true }]);
    this.steps.push(`seed ${seed}: ${kind}${this.#isSigned ? ' signed' : ''}`);
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)] as T;
  }

  /** @returns how many starts were judged */
  async live(): Promise<{ starts: number; told: number }> {
    const counts = { starts: 0, told: 0 };
    try {
      await this.#run([this.#party.name]);
      const length = 3 + Math.floor(this.#next() * 6);
      for (let at = 0; at < length; at++) {
        const step = this.#pick([
          'grow',
          'grow',
          'regrow',
          'copy',
          'roll back',
          'plant',
          'away',
          'back',
          'rotate key',
          'other log',
        ] as const);
        this.steps.push(step);
        const told = await this.#step(step);
        if (told === undefined) continue;
        counts.starts++;
        if (told) {
          counts.told++;
          break;
        }
      }
      return counts;
    } finally {
      await this.#provider.close();
      rmSync(this.#directory, { recursive: true, force: true });
    }
  }

  /** @returns of a start with its anchor: whether it was told that the log was rolled back */
  async #step(step: string): Promise<boolean | undefined> {
    switch (step) {
      case 'grow':
        return this.#judge(await this.#run([this.#party.name]));
      case 'regrow':
        await this.#run([]);
        return undefined;
      case 'copy':
        this.#copy();
        return undefined;
      case 'roll back':
        this.#rollBack();
        return undefined;
      case 'plant':
        this.#plant();
        return undefined;
      case 'rotate key':
        this.#provider.rotate('sign');
        this.#key++;
        return undefined;
      case 'other log':
        await this.#runOther();
        return undefined;
      default:
        this.#isAway = step === 'away';
        this.#party.setAway(this.#isAway);
        return undefined;
    }
  }

  /** What the newest genuine checkpoint that the anchor has says of the log as it lies there. */
  #contradiction(): { text: string; key: number } | undefined {
    const held = this.#party.notes().filter((note) => this.#genuine.has(textOf(note)));
    const newest = held.reduce<string | undefined>(
      (best, note) => (best === undefined || sizeOf(note) >= sizeOf(best) ? note : best),
      undefined,
    );
    if (newest === undefined) return undefined;
    const text = textOf(newest);
    return this.#lineage.has(text) ? undefined : { text, key: this.#genuine.get(text) as number };
  }

  #judge({ stopped, origin, warnings, contradiction, keys }: Outcome): boolean {
    const about = `${this.steps.join(', ')}: ${stopped?.message ?? ''} ${warnings.map(({ message }) => message).join('; ')}`;
    const isStopped = stopped !== undefined || origin !== ORIGIN;
    const told = warnings.filter(({ message }) =>
      /the anchor .*(could not be asked|holds a checkpoint|is not the signed)/.test(message),
    );
    const isTold = told.length > 0;
    // a machine that is busy makes an anchor of one that is too slow
    const isAway = this.#isAway || told.some(({ message }) => message.includes('no answer within'));
    if (contradiction === undefined) {
      expect(isStopped, about).toBe(false);
      if (!isAway && !this.#hasJunk) expect(isTold, about).toBe(false);
      return false;
    }
    expect(isStopped || isTold, about).toBe(true);
    const isKnown = this.#isSigned && (contradiction.key === this.#key || keys.has(contradiction.key));
    if (isKnown && !isAway) expect(isStopped, about).toBe(true);
    if (stopped !== undefined) expect(stopped, about).toMatchObject({ code: 'STATE_CONFLICT' });
    return true;
  }

  async #run(anchors: readonly string[]): Promise<Outcome> {
    const before = { contradiction: this.#contradiction(), keys: new Set(this.#keys) };
    const isNewStream = this.#next() < 0.3;
    const sealer = createSealer({
      ...this.#options(ORIGIN, 'log', anchors),
      onStateConflict: isNewStream ? 'new_stream' : 'error',
    });
    const warnings: Error[] = [];
    let last: string | undefined;
    let stopped: Error | undefined;
    sealer.on('warning', (warning) => warnings.push(warning));
    sealer.on('error', (error) => (stopped = error));
    sealer.on('kept', () => undefined);
    sealer.on('checkpoint', ({ note, complete, origin }) => {
      if (!complete || origin !== ORIGIN) return;
      last = note;
      this.#genuine.set(textOf(note), this.#key);
      this.#lineage.add(textOf(note));
      this.#keys.add(this.#key);
    });
    const lines = 1 + Math.floor(this.#next() * 12);
    for (let at = 0; at < lines; at++) sealer.write(`{"n":${at},"of":"${randomUUID()}"}`);
    await sealer.ready.catch(() => undefined);
    const { origin } = sealer;
    await sealer.close().catch(() => undefined);
    const isGiven = (): boolean => last === undefined || this.#party.took(last);
    const isRefused = (): boolean =>
      warnings.some(({ message }) => /did not accept|holds something else/.test(message));
    if (anchors.length > 0)
      await vi
        .waitUntil(() => isGiven() || isRefused(), { timeout: 60_000, interval: 3 })
        .catch(() => {
          throw new Error(`${this.steps.join(', ')}: the last checkpoint was neither given nor refused`);
        });
    return { ...before, stopped, origin, warnings };
  }

  #options(origin: string, folder: string, anchors: readonly string[]): SealerOptions {
    return {
      ...this.#settings,
      file: join(this.#directory, folder, 'audit.jsonl'),
      stateDir: join(this.#directory, folder, 'state'),
      origin,
      keySource: 'custom',
      keyProviderModule: 'memory',
      keyId: 'audit',
      ...(this.#isSigned && { signingKeyId: 'sign' }),
      keyProvider: this.#provider,
      checkpointMaxSeconds: 60,
      anchors,
    };
  }

  async #runOther(): Promise<void> {
    const sealer = createSealer(
      this.#options(`${ORIGIN}-2`, 'other', this.#party.name.includes('/http/') ? [] : [this.#party.name]),
    );
    sealer.on('warning', () => undefined);
    sealer.write('{"other":1}');
    await sealer.close();
  }

  #copy(): void {
    const name = join(this.#directory, `copy-${this.#copies.length}`);
    cpSync(join(this.#directory, 'log'), name, { recursive: true, preserveTimestamps: true });
    this.#copies.push({ name, lineage: new Set(this.#lineage), keys: new Set(this.#keys) });
  }

  #rollBack(): void {
    const copy = this.#next() < 0.2 ? undefined : this.#pick(this.#copies);
    const log = join(this.#directory, 'log');
    rmSync(log, { recursive: true, force: true });
    if (copy === undefined) mkdirSync(log);
    else cpSync(copy.name, log, { recursive: true, preserveTimestamps: true });
    this.#lineage = new Set(copy?.lineage);
    this.#keys = new Set(copy?.keys);
  }

  #plant(): void {
    const size = this.#pick([1, 3, 7, 1_000, 9_007_199_254_740_991]);
    const root = randomUUID().replaceAll('-', '').padEnd(43, 'A').slice(0, 42).concat('A=');
    const text = `${ORIGIN}\n${size}\n${root}\n`;
    const { privateKey } = generateKeyPairSync('ed25519');
    const forged = Buffer.concat([Buffer.alloc(4, 7), sign(null, Buffer.from(text), privateKey)]).toString('base64');
    const [genuine] = [...this.#party.notes()].reverse();
    const own = genuine === undefined ? `— ${ORIGIN} AAAAAAAA\n` : genuine.slice(genuine.indexOf('\n\n') + 2);
    const note = this.#pick([
      'junk',
      '',
      text,
      `${text}\n— ${ORIGIN} ${forged}\n`,
      `${text}\n${own}`,
      `${text.replace(ORIGIN, `${ORIGIN}-3`)}\n— ${ORIGIN}-3 ${forged}\n`,
    ]);
    this.steps.push(JSON.stringify(note.slice(0, 60)));
    this.#party.plant(note, size);
    this.#hasJunk = true;
  }
}

it(`${HISTORIES} histories of a log and its anchors`, { timeout: 3_600_000 }, async () => {
  const began = performance.now();
  const first = Number(process.env['FAPILOG_TEST_SEED'] ?? 1);
  const sum = { starts: 0, told: 0 };
  let seed = first;
  const lane = async (): Promise<void> => {
    while (seed < first + HISTORIES) {
      const { starts, told } = await new History(seed++).live();
      sum.starts += starts;
      sum.told += told;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const seconds = (performance.now() - began) / 1_000;
  console.info(
    `${HISTORIES} histories in ${seconds.toFixed(0)} s: ${sum.starts} starts judged, ${sum.told} of a log that was rolled back`,
  );
  expect(sum.told).toBeGreaterThan(0);
  expect(sum.starts).toBeGreaterThan(sum.told);
});
