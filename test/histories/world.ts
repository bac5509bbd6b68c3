import type { FindingCode } from '../../src/index.ts';
import type { Random } from '../interop/differential/random.ts';
import { type EpochKeys, type Sealed, SealedLog } from '../support/sealed-log.ts';
import type { SigningKey } from '../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, p256Key, thirdEdKey } from '../vectors/keys.ts';

/**
 * Logs as honest writers leave them, and only as those do: runs, crashes with what they lose, hand-overs, gaps, rotations,
 * lines in parts, streams that go on under another name. Two worlds of one seed are the same, byte for byte.
 */

/** One file of a stream, as it was shipped. */
export interface WorldFile {
  readonly name: string;
  readonly origin: string;
  readonly bytes: Buffer;
}

/** One line of a stream, as its writer counts it. */
export interface WorldEntry {
  readonly origin: string;
  readonly seq: number;
  readonly bytes: Buffer;
}

/** A checkpoint that an auditor may have kept. */
export interface Kept {
  readonly origin: string;
  readonly size: number;
  readonly note: string;
}

export interface World {
  readonly mode: Mode;
  readonly origins: readonly string[];
  /** Of each stream in the order of their entries. */
  readonly files: readonly WorldFile[];
  /** Those that stand beside the files. */
  readonly manifests: readonly { readonly name: string; readonly bytes: Buffer }[];
  readonly kept: readonly Kept[];
  /** The keys that sealed it. */
  readonly dataKeys: readonly Buffer[];
  readonly signers: readonly SigningKey[];
  /** Milliseconds since 1970 at which it was copied. */
  readonly now: number;
  /** The writer still runs: no close ends the log. */
  readonly open: boolean;
  /** What the log itself has, however it is looked at. */
  readonly has: ReadonlySet<FindingCode>;
  /** What the entries of the log are, in their order, without those that its writer has lost. */
  readonly entries: readonly WorldEntry[];
  /** The data key of each key period, as hex. */
  readonly dataKeyOf: Readonly<Record<string, string>>;
  /** What an auditor with every key is told of the whole log, where its writer does not say what it has lived through. */
  readonly told?: ReadonlySet<FindingCode>;
  /** Sizes that a stream says another one had, by that other's name. */
  readonly cited: ReadonlyMap<string, number>;
}

export type Mode = 'mac' | 'hash' | 'both';

const SIGNERS: readonly SigningKey[] = [edKey, nextEdKey, thirdEdKey, p256Key];
const DATA: readonly Buffer[] = [dataKey, nextDataKey];
const NEXT = '/20261124T230000Z-0a1b2c3d';

interface Citation {
  readonly origin: string;
  readonly size: number;
  readonly root: Sealed['root'];
}

class Writer {
  readonly log: SealedLog;
  readonly has = new Set<FindingCode>();
  readonly dataKeys = new Set<Buffer>();
  readonly signers = new Set<SigningKey>();
  readonly published = new Set<number>();
  readonly dataKeyOf: Record<string, string> = {};
  readonly #random: Random;
  readonly #mode: Mode;
  /** `seal --out -`: an empty line before each run (M1.7). */
  readonly #piped: boolean;
  #keys: EpochKeys;
  #files = 0;
  #after: Citation | undefined;
  /** Places of the lines that the host has lost. */
  readonly #lost = new Set<number>();
  readonly #words: Words;
  closed = false;

  constructor(random: Random, mode: Mode, origin: string, words: Words) {
    this.#random = random;
    this.#words = words;
    this.#mode = mode;
    this.#piped = random.chance(0.2);
    this.log = new SealedLog(origin);
    this.log.file = this.#nextFile();
    this.#keys = this.#newKeys();
  }

  begin(after?: Citation, conflict = false): void {
    this.#after = after;
    this.#open({ ...(after && { after }), ...(conflict && { why: 'conflict' as const }) });
  }

  step(): void {
    const random = this.#random;
    if (this.closed) {
      if (!this.#piped && random.chance(0.4)) this.log.file = this.#nextFile();
      this.#open({ why: 'resumed' });
      this.closed = false;
      return;
    }
    const what = random.int(14);
    if (what < 4) this.#records();
    else if (what < 7) this.#seal();
    else if (what === 7) this.#rotate();
    else if (what === 8) this.#handOver();
    else if (what === 9) this.log.gap(random.int(2), random.pick(['overflow', 'key_service', 'disk']));
    else if (what === 10) this.close();
    else if (what === 11) this.#crash(random.chance(0.6));
    else if (what === 12) this.#repeatCheckpoint();
    else {
      this.log.clock += random.pick([1, 30, 200]) * 1000;
      this.#seal();
    }
  }

  close(why: 'shutdown' | 'continued' = 'shutdown'): void {
    this.log.close(why, why === 'continued' ? { continuedBy: `${this.log.origin}${NEXT}` } : {});
    this.#checkpoint();
    this.closed = true;
  }

  /** Seals what was written, so that it is proven. */
  settle(): void {
    if (!this.closed) this.#seal();
  }

  #records(): void {
    for (let n = 1 + this.#random.int(4); n > 0; n--) {
      const number = this.log.size;
      const kind = this.#random.int(10);
      if (kind === 0) this.log.record(`text ${number} "${this.#words.quoted}"`);
      else if (kind === 1) this.log.record(Buffer.from([0xff, 0, number & 0xff, 0x0d]));
      else if (kind === 2) this.log.longRecord(Buffer.from(`long ${'x'.repeat(90)} ${number}`), 40);
      else this.log.record(`{"n":${number},"msg":"payment of ${number * 7} ${this.#words.said}"}`);
    }
  }

  #seal(): void {
    this.log.seal();
    if (this.#random.chance(0.85)) this.#checkpoint();
  }

  #checkpoint(): void {
    this.log.checkpoint();
    this.published.add(this.log.lastSeal.size);
  }

  #repeatCheckpoint(): void {
    const sizes = [...this.published];
    if (sizes.length > 0) this.log.checkpoint({ size: this.#random.pick(sizes) });
  }

  #rotate(): void {
    this.log.close('rotated');
    this.#checkpoint();
    if (this.#piped) this.#crashOpen();
    else this.log.rotate(this.#nextFile());
  }

  #handOver(): void {
    const keys = this.#newKeys();
    this.log.key(keys);
    this.log.seal();
    this.#keys = keys;
    this.#remember();
    this.#checkpoint();
  }

  /** The process dies, perhaps with its host, and begins again; what the host had not on its disk is only in the copy. */
  #crash(shipped: boolean): void {
    const { log } = this;
    if (shipped && !this.#piped) {
      const ahead = log.fork();
      for (let steps = 1 + this.#random.int(3); steps > 0; steps--) {
        if (this.#random.chance(0.3)) ahead.seal();
        else ahead.record(...Array.from({ length: 1 + this.#random.int(3) }, (_, n) => `{"lost":${n}}`));
      }
      for (let at = log.lines.length; at < ahead.lines.length; at++) this.#lost.add(at);
      log.lines = ahead.lines;
      log.highestEpoch = ahead.highestEpoch;
      this.has.add('ABANDONED');
      if (this.#mode !== 'mac') this.has.add('ABANDONED_UNPROVEN');
    } else if (this.#random.chance(0.2)) {
      log.raw('{"n":7,"msg":"torn');
      this.has.add('TORN_TAIL');
    }
    this.#crashOpen();
  }

  #crashOpen(): void {
    this.#keys = this.#random.chance(0.5) ? this.#keys : this.#newKeys();
    this.#open({ why: 'recovered' });
  }

  #open(says: Parameters<SealedLog['open']>[1]): void {
    if (this.#piped) this.log.raw('');
    this.log.open(this.#keys, says);
    if (this.log.lines.at(-1)?.bytes.includes('"adopted_from"') === true) this.has.add('ADOPTED');
    this.has.add('RESTART');
    this.#remember();
    this.log.seal();
    this.#checkpoint();
  }

  #newKeys(): EpochKeys {
    const signers = [this.#random.pick(SIGNERS), ...this.#random.some(SIGNERS, 0.1)];
    return {
      ...(this.#mode !== 'hash' && { dataKey: this.#random.pick(DATA) }),
      ...(this.#mode !== 'mac' && { signers: [...new Set(signers)] }),
    };
  }

  #remember(): void {
    const { dataKey: data } = this.#keys;
    if (data !== undefined) {
      this.dataKeys.add(data);
      this.dataKeyOf[this.log.kid] = data.toString('hex');
    }
    for (const signer of this.#keys.signers ?? []) this.signers.add(signer);
  }

  #nextFile(): string {
    return `${String(++this.#files).padStart(3, '0')}.jsonl`;
  }

  /** Of entries that a crash lost and a later run wrote anew, the later one. */
  entries(): WorldEntry[] {
    const { lines, origin, size } = this.log;
    const bySeq = new Map<number, WorldEntry>();
    for (const { seq, bytes } of lines) if (seq !== undefined && seq <= size) bySeq.set(seq, { origin, seq, bytes });
    return [...bySeq.values()];
  }

  /** What the writer leaves beside the files that it has closed: it knows nothing of what a crash has taken. */
  manifests(): { readonly name: string; readonly text: string }[] {
    if (this.#piped) return [];
    const { log } = this;
    const own = log.lines.filter((_, at) => !this.#lost.has(at));
    return [...new Set(own.map(({ file }) => file))].flatMap((name) => {
      const lines = own.filter(({ file }) => file === name);
      const isClosed = lines.findLast(({ seq }) => seq !== undefined)?.kind === 'close';
      return isClosed ? [{ name, text: JSON.stringify(log.manifestOf(name, lines, this.#after)) }] : [];
    });
  }

  /** What somebody may have kept: a size that the writer went back below has gone with it. */
  kept(): Kept[] {
    const sizes = this.log.seals.filter((seal: Sealed) => this.published.has(seal.size));
    return sizes.map(({ size }) => ({ origin: this.log.origin, size, note: this.log.note({ size }) }));
  }
}

/** What records say. */
export interface Words {
  readonly quoted: string;
  readonly said: string;
}

const PLAIN: Words = { quoted: 'quoted', said: 'accepted' };

/** One world; `steps` is about how long its logs are. */
export function makeWorld(random: Random, steps = 14, words: Words = PLAIN): World {
  const mode = random.pick(['mac', 'hash', 'both'] as const);
  const base = 'audit.example.com/pay';
  const writers: Writer[] = [];
  const cited = new Map<string, number>();
  const write = (origin: string, after?: Citation, conflict = false): Writer => {
    const writer = new Writer(random, mode, origin, words);
    const before = writers.at(-1);
    if (before !== undefined) writer.log.clock = before.log.clock;
    writer.begin(after, conflict);
    for (let left = 1 + random.int(steps); left > 0; left--) writer.step();
    writers.push(writer);
    return writer;
  };
  const first = write(base);
  const more = random.int(10);
  if (more === 0) {
    if (!first.closed) first.close('continued');
    const { size, root } = first.log.lastSeal;
    const goesOn = first.log.lines.some(({ bytes }) => bytes.includes('"why":"continued"'));
    if (goesOn) {
      write(`${base}${NEXT}`, { origin: base, size, root });
      cited.set(base, size);
    }
  } else if (more === 1) {
    write('audit.example.com/ship');
  }
  const open = random.chance(0.2);
  for (const writer of writers) {
    if (!open && !writer.closed) writer.close();
    else writer.settle();
  }
  return {
    mode,
    open: open && writers.some((writer) => !writer.closed),
    origins: writers.map(({ log }) => log.origin),
    files: writers.flatMap(({ log }, at) =>
      log.toFiles().map(({ name, bytes }) => ({ name: `${at}-${name}`, origin: log.origin, bytes })),
    ),
    manifests: writers.flatMap((writer, at) =>
      writer.manifests().map(({ name, text }) => ({ name: `${at}-${name}.manifest.json`, bytes: Buffer.from(text) })),
    ),
    kept: writers.flatMap((writer) => writer.kept()),
    dataKeys: [...new Set(writers.flatMap(({ dataKeys }) => [...dataKeys]))],
    signers: [...new Set(writers.flatMap(({ signers }) => [...signers]))],
    now: Math.max(...writers.map(({ log }) => log.clock)),
    has: new Set(writers.flatMap(({ has }) => [...has])),
    cited,
    entries: writers.flatMap((writer) => writer.entries()),
    dataKeyOf: Object.assign({}, ...writers.map(({ dataKeyOf }) => dataKeyOf)) as Record<string, string>,
  };
}
