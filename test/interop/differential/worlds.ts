import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noteKeyOf, signersOf } from '../../../src/format/key-reference.ts';
import { createSealer, formatVkey, type Sealer, type SealerOptions } from '../../../src/index.ts';
import { parseState } from '../../../src/seal/disk/state-record.ts';
import { FakeClock, MemoryProvider } from '../../../src/testing/index.ts';
import { firstSeqOf, type HonestLog, type LogFile } from './honest-log.ts';
import { keyReferencesOf } from './key-references.ts';
import type { Random } from './random.ts';

/** Logs of the real writer: runs, crashes, rotations, hand-overs and outages as a seed has them. */

export const MODES: Readonly<Record<string, Partial<SealerOptions>>> = {
  mac: {},
  hash: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
};

const LONG = 1024;

function copyImage(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    try {
      cpSync(from, to, { recursive: true });
      return;
    } catch (error) {
      // a file is renamed at this moment: the next try finds it under its new name
      if (tries === 20 || !(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      rmSync(to, { recursive: true, force: true });
    }
  }
}

class World {
  readonly clock = new FakeClock(Date.UTC(2026, 10, 24, 23));
  readonly provider: MemoryProvider;
  readonly #random: Random;
  readonly #root: string;
  /** Two worlds have the same one for the most part: what is of one then passes for the other's at first sight. */
  readonly #origin: string;
  readonly #options: Partial<SealerOptions>;
  #directory: string;
  #sealer: Sealer | undefined;
  #images = 0;
  #lines = 0;

  constructor(random: Random, root: string, options: Partial<SealerOptions>) {
    this.provider = new MemoryProvider({ keyIds: ['audit', 'sign'], clock: this.clock });
    this.#random = random;
    this.#root = root;
    this.#origin = `audit.example.com/${random.pick(['test', 'test', 'test', 'other', 'test/a', 'third'])}`;
    this.#options = options;
    this.#directory = join(root, 'image0');
    mkdirSync(this.#directory, { recursive: true });
  }

  get directory(): string {
    return this.#directory;
  }

  async step(): Promise<void> {
    const random = this.#random;
    const what = random.int(20);
    if (what < 8) this.#write(1 + random.int(9));
    else if (what === 8) await this.#flush();
    else if (what === 9) await this.#flushSync();
    else if (what === 10 || what === 11) await this.#rotate();
    else if (what === 12) this.provider.rotate('audit');
    else if (what === 13) this.provider.rotate('sign');
    else if (what === 14) await this.#away();
    else if (what === 15) await this.close();
    else if (what === 16) await this.#exit();
    else if (what === 17) await this.#crash();
    else await this.#wait(random.pick([1, 30, 310, 1000]));
  }

  /** Writes at least one line, so that there is a log. */
  async last(): Promise<void> {
    this.#write(1 + this.#random.int(3));
    await this.#flush();
  }

  async close(): Promise<void> {
    this.provider.faults.heal();
    if (this.#sealer !== undefined) await this.#done(this.#sealer.close());
    this.#sealer = undefined;
  }

  /** Ends the process and leaves what is on the disk at this moment: a log without a close. */
  async leave(): Promise<void> {
    await this.#crash();
  }

  /** Waits for what the sealer does, and lets time go on where that waits for it. */
  async #done(promise: Promise<unknown>): Promise<void> {
    let pending = true;
    const settled = promise.finally(() => {
      pending = false;
    });
    for (let turn = 0; pending && turn < 2_000; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (pending && turn % 20 === 19) await this.clock.advance(1000);
    }
    if (pending) throw new Error('the sealer waits for something that does not come');
    await settled;
  }

  #open(): Sealer {
    if (this.#sealer !== undefined) return this.#sealer;
    this.#sealer = createSealer({
      file: join(this.#directory, 'audit.jsonl'),
      origin: this.#origin,
      stateDir: join(this.#directory, 'state'),
      keySource: 'custom',
      keyProviderModule: 'memory',
      keyId: 'audit',
      keyProvider: this.provider,
      checkpointMaxRecords: 7,
      checkpointMaxSeconds: 20,
      maxLineBytes: LONG,
      clock: this.clock,
      ...this.#options,
    });
    this.#sealer.on('error', (error) => {
      throw error;
    });
    return this.#sealer;
  }

  #write(count: number): void {
    for (let n = 0; n < count; n++) this.#open().write(this.#line());
  }

  #line(): string | Buffer {
    const number = ++this.#lines;
    const kind = this.#random.int(12);
    if (kind === 0) return `plain ${number} "quoted"`;
    if (kind === 1) return Buffer.from([0xff, 0x00, number & 0xff, 0x0d]);
    if (kind === 2) return `{"n":${number},"integrity":{"seq":1}}`;
    if (kind === 3) return '{ }';
    if (kind === 4 && number % 4 === 0) return `long ${'x'.repeat(2 * LONG)} ${number}`;
    return `{"n":${number},"level":30,"msg":"payment of ${number * 7} accepted"}`;
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < 25; turn++) await this.clock.advance(0);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async #flush(): Promise<void> {
    this.provider.faults.heal();
    await this.#done(this.#open().flush());
  }

  async #flushSync(): Promise<void> {
    await this.#done(this.#open().ready);
    this.#open().flushSync();
  }

  async #rotate(): Promise<void> {
    this.provider.faults.heal();
    await this.#done(this.#open().rotate());
  }

  async #away(): Promise<void> {
    if (this.#sealer === undefined) return;
    await this.#done(this.#sealer.ready);
    this.provider.faults.failWith('UNAVAILABLE');
    this.#write(1 + this.#random.int(12));
    await this.#wait(this.#random.pick([1, 30]));
  }

  async #wait(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000);
    await this.#settle();
  }

  async #exit(): Promise<void> {
    if (this.#sealer === undefined) return;
    this.provider.faults.heal();
    await this.#done(this.#sealer.ready);
    this.#sealer.closeSync();
    this.#sealer = undefined;
  }

  /** Goes on with a copy of what is on disk at this moment, its last line perhaps torn. */
  async #crash(): Promise<void> {
    if (this.#sealer === undefined) return;
    this.provider.faults.heal();
    await this.#done(this.#sealer.ready);
    if (this.#random.chance(0.4)) await this.#settle();
    const image = join(this.#root, `image${++this.#images}`);
    copyImage(this.#directory, image);
    for (const name of readdirSync(join(image, 'state'))) {
      const path = join(image, 'state', name);
      if (/\.(lock|tmp)$/.test(name)) rmSync(path);
      else if (name.endsWith('.chainstate')) this.#moveState(path, image);
    }
    this.#sealer.closeSync();
    this.#sealer = undefined;
    this.#directory = image;
  }

  /** State files hold absolute paths; the image lies elsewhere. */
  #moveState(path: string, image: string): void {
    const text = readFileSync(path, 'utf8').replaceAll(`${this.#directory}/`, `${image}/`);
    const state = parseState(text, path);
    writeFileSync(path, text);
    // what a manifest or a compressed copy tells of has been closed
    const finished = existsSync(`${state.file}.manifest.json`) || existsSync(`${state.file}.gz`);
    if (!this.#random.chance(0.5) || !existsSync(state.file) || finished) return;
    const size = readFileSync(state.file).length;
    if (size > state.offset) truncateSync(state.file, Math.max(state.offset, size - this.#random.int(400)));
  }
}

function filesIn(directory: string): { files: LogFile[]; manifests: LogFile[] } {
  const names = readdirSync(directory).filter((name) => name.startsWith('audit'));
  const read = (pattern: RegExp): LogFile[] =>
    names
      .filter((name) => pattern.test(name))
      .map((name) => ({ name, bytes: readFileSync(join(directory, name)) }))
      .filter(({ bytes }) => bytes.length > 0);
  const files = read(/\.jsonl(\.gz)?$/).sort((one, other) => firstSeqOf(one) - firstSeqOf(other));
  return { files, manifests: read(/\.manifest\.json$/) };
}

/** One honest log in a directory of its own, which is removed again. */
export async function worldLog(random: Random, mode: string, name: string, root: string): Promise<HonestLog> {
  const options: Partial<SealerOptions> = {
    ...MODES[mode],
    ...(random.chance(0.3) && { compressRotated: true }),
    ...(random.chance(0.2) && { rotateChain: true }),
    ...(random.chance(0.3) && { maxEpochSeconds: 600 }),
    ...(random.chance(0.3) && { saltRecords: random.chance(0.5) }),
  };
  const world = new World(random, root, options);
  let open = false;
  try {
    for (let steps = 3 + random.int(22); steps > 0; steps--) await world.step();
    await world.last();
    open = random.chance(0.25);
    if (open) await world.leave();
  } finally {
    if (!open) await world.close();
  }
  const { files, manifests } = filesIn(world.directory);
  rmSync(root, { recursive: true });
  const { provider } = world;
  const dataKeys: Record<string, string> = {};
  const signers = new Map<string, (text: Uint8Array) => Promise<Buffer>>();
  const vkeys = new Set<string>();
  const origins = new Set<string>();
  for (const [kid, { key, origin }] of keyReferencesOf(files)) {
    origins.add(origin);
    for (const signer of signersOf(key)) {
      const { identity, spki } = signer;
      vkeys.add(formatVkey(origin, noteKeyOf(signer)));
      const sign = async (text: Uint8Array): Promise<Buffer> =>
        Buffer.from((await provider.sign(identity, text)).bytes);
      if (spki !== undefined) signers.set(spki.toString('base64url'), sign);
    }
    if (key.records !== 'mac') continue;
    const { material } = await provider.recoverKey(key, key.identity, { origin, kid });
    dataKeys[kid] = Buffer.from(material).toString('hex');
  }
  return {
    name,
    mode,
    origins: [...origins],
    files,
    manifests,
    vkeys: [...vkeys],
    now: world.clock.now(),
    open,
    holder: { dataKeys, signers },
  };
}
