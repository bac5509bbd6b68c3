import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditJobs, AuditJobsRequest } from '../../src/audit/jobs/audit-jobs.ts';
import type { AuditMemory } from '../../src/audit/memory/audit-memory.ts';
import { familyId, familyOf } from '../../src/audit/memory/family.ts';
import { parseRemembered } from '../../src/audit/memory/remembered.ts';
import type { LogPlace } from '../../src/audit/place/log-place.ts';
import { audit } from '../../src/audit/run/audit.ts';
import { type MergedAudit, mergeAudits, type PartLines } from '../../src/audit/run/merge.ts';
import { ALL, type Shard } from '../../src/audit/run/shard.ts';
import type { AuditSummary, StreamResult } from '../../src/index.ts';
import { DEFAULT_ACCEPTANCE } from '../../src/verify/auditor/auditor.ts';
import type { StreamReport } from '../../src/verify/verdict/report.ts';
import { verify } from '../../src/verify/verify.ts';
import { Random } from '../fuzz/random.ts';
import { ATTACKS, altered, logsOf, runOnceMore, textOf } from './attacks.ts';
import { holdings, type Life, liveOn, mend } from './lives.ts';
import { auditByJobs, type MemoryQueue, type QueueAttacker, waiting } from './queue.ts';
import { type Store, storeInBucket, storeOnDisk } from './store.ts';
import type { Tapes } from './tapes.ts';

/**
 * A few streams over some nights. Where an audit says ok of one, a whole verification of what lies there, with every checkpoint
 * that was held so far, has to say ok; and of a stream to which nothing was done it has to say ok.
 */

/** What a world came to. */
export interface Lived {
  readonly nights: number;
  /** In words; empty if there is none. */
  readonly violations: readonly string[];
  /** What was attacked with. */
  readonly attacks: ReadonlySet<string>;
}

const DAY = 86_400_000;
/** Files are read again within so many nights. */
const REREAD_NIGHTS = 4;
const OPEN_END = {
  origin: 'fleet/*',
  min: 1,
  records: 'hash',
  require: [],
  dataKeys: [],
  publicKeys: [],
  pins: [],
  wholeRequired: false,
  end: { until: new Date(0) },
  manifestRequired: false,
  accept: DEFAULT_ACCEPTANCE,
} as const;

class Killed extends Error {}

/** Lives through one world. Worlds of the same seed are the same, but for the attacks that are left out: those that `does` denies. */
export async function live(seed: number, tapes: Tapes, does: (attack: string) => boolean = () => true): Promise<Lived> {
  const world = new World(randomOf(seed * 2_654_435_761 + 1), randomOf(seed), tapes, does);
  try {
    return await world.live();
  } finally {
    world.close();
  }
}

function randomOf(seed: number): Random {
  const random = new Random(seed);
  for (let warm = 0; warm < 8; warm++) random.below(2);
  return random;
}

class World {
  readonly #random: Random;
  /** For what was added later: worlds stay what they were. */
  readonly #later: Random;
  readonly #store: Store;
  readonly #lives: Life[];
  readonly #keys: Tapes['keys'];
  readonly #retention: boolean;
  readonly #violations: string[] = [];
  readonly #done: string[] = [];
  readonly #attacks = new Set<string>();
  readonly #isDone: (attack: string) => boolean;
  /** By origin, the first and the newest checkpoint that was ever proven. */
  readonly #held = new Map<string, string[]>();
  /** Streams with bytes that were changed where nothing shows it, and since which night. */
  readonly #rotten = new Map<string, number>();
  /** The folder of the files of known checkpoints, in some worlds. */
  readonly #known: string | undefined;
  readonly #seenFromOne = new Set<string>();
  /** Called when a place or the memory is about to be asked, which waits for what this returns. */
  #before: (what: string, args: readonly unknown[]) => Promise<unknown> | undefined = () => undefined;
  #night = 0;
  /** Whether this night's results were withheld from all streams alike. */
  #silent = false;
  /** Of these streams files were hidden while they were audited this night. */
  #unseen: ReadonlySet<string> = new Set();

  constructor(random: Random, later: Random, { all, keys }: Tapes, does: (attack: string) => boolean) {
    this.#random = random;
    this.#later = later;
    this.#isDone = does;
    this.#keys = keys;
    this.#store = random.below(3) === 0 ? storeOnDisk() : storeInBucket();
    this.#retention = random.below(5) === 0;
    const first = random.below(all.length);
    const tapes = all.map((_, at) => all[(first + at) % all.length] as (typeof all)[number]);
    this.#lives = tapes.slice(0, 2 + random.below(2)).map((tape) => ({
      tape,
      stage: random.below(tape.stages.length),
      folder: tape.name,
      compressed: random.below(4) === 0,
      copies: new Map(),
      retired: 0,
      leavesManifests: first % 2 === 0,
      touched: false,
    }));
    if (random.below(4) > 0 && !this.#retention) this.#known = mkdtempSync(join(tmpdir(), 'known-'));
  }

  async live(): Promise<Lived> {
    for (const life of this.#lives) for (const [name, bytes] of holdings(life)) this.#store.write(name, bytes);
    if (this.#random.below(3) === 0) this.#attack('without its first checkpoints');
    const nights = 4 + this.#random.below(6);
    for (this.#night = 1; this.#night <= nights && this.#violations.length === 0; this.#night++)
      await this.#liveNight();
    return { nights: this.#night - 1, violations: this.#violations, attacks: this.#attacks };
  }

  close(): void {
    this.#store.close();
    if (this.#known !== undefined) rmSync(this.#known, { recursive: true });
  }

  async #liveNight(): Promise<void> {
    const kind = this.#random.below(10);
    this.#silent = false;
    this.#unseen = new Set();
    if (this.#night > 1) {
      if (this.#later.below(8) === 0) this.#mend();
      for (const life of this.#lives) {
        if (this.#random.below(2) === 0) continue;
        const own = this.#fork();
        if (!life.touched) liveOn(life, this.#store, own, this.#night, this.#retention);
      }
      if (this.#random.below(3) === 0) for (let n = this.#random.below(3); n >= 0; n--) this.#attack();
      if (this.#random.below(12) === 0) this.#rot();
      if (this.#later.below(8) === 0) this.#repeat();
    }
    if (kind === 0 && this.#night > 1 && this.#store.aside !== undefined) await this.#swappedNight();
    else if (kind === 6) await this.#rivalledNight();
    else await this.#judge(await this.#readAsTold(kind));
  }

  /** Where it says of an honest stream that nothing was read, nothing was. */
  async #readAsTold(kind: number): Promise<readonly StreamResult[]> {
    const before = this.#store.readings().length;
    const results = await this.#audited(kind);
    const readings = this.#store.readings().slice(before);
    for (const { tape, folder, touched } of this.#lives) {
      const own = results.filter(({ stream }) => familyOf(stream) === `fleet/${tape.name}`);
      if (touched || kind === 3 || kind === 5 || own.some(({ read }) => read.files > 0)) continue;
      if (readings.some((name) => name.startsWith(`${folder}/`)))
        this.#violate(`nothing was read of fleet/${tape.name}, the audit says, and it was`);
    }
    return results;
  }

  /** Another auditor remembers something first, some times. Of a stream that is honest this is said where it was five times. */
  async #rivalledNight(): Promise<void> {
    const { memory } = this.#store;
    const { tape, touched } = this.#later.pick(this.#lives);
    const most = this.#later.below(8);
    const origin = `fleet/${tape.name}`;
    let times = 0;
    const remember = async (id: string): Promise<void> => {
      const stored = await memory.read(id);
      if (stored !== undefined && (await memory.write(id, stored.text, stored.version))) times++;
    };
    this.#before = (what, [id]) =>
      what === 'write' && id === familyId(origin) && times < most ? remember(id) : undefined;
    const results = await (this.#later.below(2) === 0 ? this.#whole() : this.#byJobs({}));
    this.#before = () => undefined;
    const replaced = results.find(({ stream, result }) => stream === origin && result === 'replaced')?.findings[0];
    const isTold = replaced?.message.startsWith('other auditors') === true;
    if (!touched && isTold !== (times === 5))
      this.#violate(`another auditor of ${origin} was first ${times} times, and it is ${replaced?.message}`);
    if (!isTold) await this.#judge(results);
  }

  /** The audit of a night, in one of its forms. */
  async #audited(kind: number): Promise<readonly StreamResult[]> {
    if (kind <= 2) return this.#byJobs({});
    if (kind === 3) return this.#byJobs(this.#queueAttacker());
    if (kind === 4) {
      const parts: PartLines[] = [];
      for (const index of [0, 1]) {
        const { results, summary } = await this.#part({ index, count: 2, run: 'tonight' });
        parts.push({ name: `part ${index}`, lines: [...results, summary].map((one) => JSON.stringify(one)) });
      }
      const { results, summary } = await mergeAudits(parts);
      return this.#summed(results, summary);
    }
    if (kind === 5) {
      let left = this.#random.below(3);
      this.#before = (what) => {
        if (what === 'write' && left-- === 0) throw new Killed();
        return undefined;
      };
      try {
        return await this.#whole();
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
      } finally {
        this.#before = () => undefined;
      }
    }
    return this.#whole();
  }

  async #whole(): Promise<readonly StreamResult[]> {
    const { results, summary } = await this.#part(ALL);
    return this.#summed(results, summary);
  }

  async #part(shard: Shard): Promise<MergedAudit> {
    const results: StreamResult[] = [];
    const summary = await audit(
      { ...this.#request(), now: this.#now(), shard, atOnce: 2 },
      async (result) => void results.push(result),
    );
    return { results, summary };
  }

  async #byJobs(attacker: QueueAttacker): Promise<readonly StreamResult[]> {
    const { results, summary } = await auditByJobs(
      { ...this.#request(), now: () => this.#now() },
      this.#fork(),
      attacker,
    );
    return this.#summed(results, summary);
  }

  /** The exit code goes by the summary, so that has to be as bad as the worst of the results. */
  #summed(results: readonly StreamResult[], { verdict }: AuditSummary): readonly StreamResult[] {
    const worst = (['tampered', 'undecided'] as const).find((one) => results.some((result) => result.verdict === one));
    if (verdict !== (worst ?? 'ok')) this.#violate(`the summary is ${verdict}, a result ${worst ?? 'ok'}`);
    return results;
  }

  #now(): Date {
    return new Date(Date.now() + this.#night * DAY);
  }

  #request(): Omit<AuditJobsRequest, 'now'> {
    const watched = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (given, name) => {
          const value: unknown = Reflect.get(given, name, given);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            const before = this.#before(String(name), args);
            const ask = (): unknown => value.apply(given, args);
            return before === undefined ? ask() : before.then(ask);
          };
        },
      });
    const places: LogPlace[] = [watched(this.#store.place)];
    const memory: AuditMemory = watched(this.#store.memory);
    return {
      places,
      memory,
      options: { origin: 'fleet/*', ...this.#keys },
      stoppedAfterMs: 36_500 * DAY,
      ...(this.#retention && { retentionMs: 1 }),
      rereadMs: REREAD_NIGHTS * DAY,
    };
  }

  /** For what may be left out: what comes after it is the same without it. */
  #fork(from: Random = this.#random): Random {
    return randomOf(from.below(2 ** 32));
  }

  /** Whether this is done to a stream; it is noted. */
  #does(attack: string, { tape }: Life): boolean {
    if (!this.#isDone(attack)) return false;
    this.#attacks.add(attack);
    this.#done.push(`night ${this.#night}: ${tape.name} ${attack}`);
    return true;
  }

  #attack(given?: string): void {
    const random = this.#fork();
    const picked = random.pick(Object.keys(ATTACKS));
    const life = random.pick(this.#lives);
    const other = random.pick(this.#lives);
    // that a beginning is gone is what known checkpoints are to show
    const often = this.#known !== undefined && random.below(3) === 0 ? 'oldest deleted' : picked;
    const name = given ?? often;
    if (!this.#does(name, life)) return;
    life.touched = true;
    const target = { life, store: this.#store, random, other };
    if (name === 'without its first checkpoints') hushFirst(target);
    else ATTACKS[name]?.(target);
  }

  #repeat(): void {
    const random = this.#fork(this.#later);
    const life = random.pick(this.#lives);
    if (!this.#does('a run once more', life)) return;
    life.touched = true;
    runOnceMore({ life, store: this.#store, random, other: life });
  }

  /** All is put back as it should be. */
  #mend(): void {
    mend(this.#lives, this.#store);
    this.#done.push(`night ${this.#night}: all mended`);
  }

  /** Other bytes under the same version. */
  #rot(): void {
    const random = this.#fork();
    const life = random.pick(this.#lives);
    const names = logsOf({ life, store: this.#store }).filter((name) => !name.endsWith('.gz'));
    if (this.#store.rot === undefined || names.length === 0) return;
    const name = random.pick(names);
    const text = textOf(this.#store, name);
    if (altered(text) === text || !this.#does('rotten', life)) return;
    this.#store.rot(name, Buffer.from(altered(text)));
    life.touched = true;
    for (const family of new Set([`fleet/${life.tape.name}`, ...this.#familiesIn([text])]))
      this.#rotten.set(family, this.#night);
  }

  /** Whose the files are: one of another stream may lie under a name by now. */
  #familiesIn(texts: readonly string[]): string[] {
    const firsts = texts.map((text) => text.split('\n', 1)[0] ?? '').filter((first) => first !== '');
    const isOf = ({ tape }: Life): boolean =>
      tape.stages.some((files) => [...files.values()].some((one) => firsts.some((first) => one.includes(first))));
    return this.#lives.filter(isOf).map(({ tape }) => `fleet/${tape.name}`);
  }

  /** What is listed is altered, what is read is not: two folders change places in between, and again after it. */
  async #swappedNight(): Promise<void> {
    const random = this.#fork();
    const isAtWork = random.below(2) === 0;
    const life = random.pick(this.#lives.filter(({ folder, tape }) => folder === tape.name));
    const { aside } = this.#store;
    if (life === undefined || aside === undefined || this.#lives.some(({ copies }) => copies.size > 0)) return;
    const own = this.#store.names().filter((name) => name.startsWith(`${life.folder}/`));
    if (own.length === 0) return;
    const files = new Map(own.map((name): [string, Buffer] => [name, this.#store.read(name)]));
    const bad = random.pick(logsOf({ life, store: this.#store }).filter((name) => name.endsWith('.jsonl')));
    if (bad === undefined || !this.#does(isAtWork ? 'swapped before work' : 'swapped while read', life)) return;
    life.touched = true;
    aside.put(
      life.folder,
      new Map(
        [...files].map(([name, bytes]) => [
          name.slice(life.folder.length + 1),
          name === bad ? Buffer.from(altered(bytes.toString())) : bytes,
        ]),
      ),
    );
    aside.swap(life.folder);
    let swapped = 0;
    const swap = (): void => {
      aside.swap(life.folder);
      swapped++;
    };
    if (!isAtWork) {
      const id = familyId(`fleet/${life.tape.name}`);
      const isOwn = (given: unknown): boolean => JSON.stringify(given).includes(`/${bad}"`);
      this.#before = (what, [given]) => {
        if (what === 'toVerify' && swapped === 0 && isOwn(given)) swap();
        if (what === 'write' && swapped === 1 && given === id) swap();
        return undefined;
      };
      await this.#whole();
      this.#before = () => undefined;
    } else {
      await this.#byJobs({
        enqueued: async () => swap(),
        worked: async () => {
          swap();
          return false;
        },
      });
    }
    if (swapped === 1) swap(); // as it was listed
  }

  /** Redis is the attacker's, the key of results is not. */
  #queueAttacker(): QueueAttacker {
    const random = this.#fork();
    const kind = random.below(3);
    const life = random.pick(this.#lives);
    const attack = ['results exchanged', 'a job exchanged', 'a job exchanged and the log hidden'][kind] as string;
    if (!this.#does(attack, life)) return {};
    const origin = `fleet/${life.tape.name}`;
    const idOf = (queue: MemoryQueue): string | undefined =>
      [...queue.jobs.values()].find(({ data }) => (data as { origin?: string }).origin === origin)?.id;
    if (kind === 0) {
      // every result is that of another job: nobody can say anything this night
      this.#silent = true;
      return {
        worked: async ({ jobs }) => {
          const all = [...jobs.values()];
          const values = all.map(({ returnvalue }) => returnvalue);
          for (const [at, job] of all.entries()) job.returnvalue = values[(at + 1) % values.length];
          return false;
        },
      };
    }
    let honest: unknown;
    const good = holdings({ ...life, copies: new Map(), folder: `good-${this.#night}` });
    const hide = (): Map<string, Buffer> => {
      const own = logsOf({ life, store: this.#store });
      // what others have there is not here while they are audited
      const others = this.#familiesIn(own.map((name) => textOf(this.#store, name)));
      this.#unseen = new Set(others.filter((family) => family !== origin));
      const bytes = new Map(own.map((name): [string, Buffer] => [name, this.#store.read(name)]));
      for (const name of own) this.#store.remove(name);
      return bytes;
    };
    const show = (files: ReadonlyMap<string, Buffer>): void => {
      for (const [name, bytes] of files) this.#store.write(name, bytes);
    };
    life.touched = true;
    return {
      // the job is about a good copy while it is done
      enqueued: async (queue, jobs: AuditJobs) => {
        const id = idOf(queue);
        const job = id === undefined ? undefined : queue.jobs.get(id);
        if (id === undefined || job === undefined) return;
        honest = job.data;
        const evil = hide();
        show(good);
        const { streams } = await jobs.list();
        for await (const stream of streams)
          if (stream.origin === origin) queue.jobs.set(id, waiting(id, { ...(honest as object), ...stream }));
        if (kind === 1) show(evil);
        else this.#rest = evil;
      },
      worked: async (queue) => {
        const id = idOf(queue);
        if (id === undefined || honest === undefined) return false;
        for (const name of good.keys()) if (this.#store.names().includes(name)) this.#store.remove(name);
        show(this.#rest);
        this.#rest = new Map();
        queue.jobs.set(id, waiting(id, honest));
        honest = undefined;
        return true;
      },
    };
  }
  #rest: ReadonlyMap<string, Buffer> = new Map();

  async #judge(results: readonly StreamResult[]): Promise<void> {
    const held = [...this.#held.values()].flat();
    const where = this.#store.verified();
    const whole = { ...this.#keys, policy: { streams: [OPEN_END] }, ...where };
    const { streams } = await verify({ ...whole, held });
    const bad = new Set(results.filter(({ verdict }) => verdict !== 'ok').map(({ stream }) => familyOf(stream)));
    for (const report of streams) {
      if (report.verdict === 'ok' || (report.origin === '' ? bad.size > 0 : bad.has(familyOf(report.origin)))) continue;
      // the audit may have read a checkpoint that was deleted since, and signed it is
      const { streams: again } = await verify({
        ...whole,
        held: [...held, ...(await this.#remembered(report.origin))],
      });
      for (const one of again) if (one.origin === report.origin && one.verdict !== 'ok') this.#judgeBad(one);
    }
    for (const { tape, touched } of this.#lives) {
      if (touched || this.#silent || !bad.has(`fleet/${tape.name}`)) continue;
      const why = results.filter(({ stream }) => familyOf(stream) === `fleet/${tape.name}`);
      const said = why.map(({ verdict, result, findings }) =>
        [verdict, result, ...findings.map(({ code }) => code)].join(' '),
      );
      this.#violate(`an honest stream, fleet/${tape.name}, is ${said.join('; ')}`);
    }
    for (const { origin, verdict, checkpoint, firstCheckpoint } of streams) {
      if (verdict !== 'ok' || checkpoint === undefined) continue;
      const first = this.#held.get(origin)?.[0] ?? firstCheckpoint ?? checkpoint;
      this.#held.set(origin, this.#retention ? [checkpoint] : [first, checkpoint]);
    }
    await this.#verifyKnown();
  }

  /** The checkpoints that the audit holds of a stream. */
  async #remembered(origin: string): Promise<string[]> {
    const id = familyId(familyOf(origin));
    const stored = await this.#store.memory.read(id);
    const { streams } = stored === undefined ? { streams: [] } : parseRemembered(stored.text, id, 'what is remembered');
    return streams.flatMap((one) => (one.origin === origin ? [one.first ?? [], one.newest ?? []].flat() : []));
  }

  #judgeBad({ origin, verdict, findings, firstSeq, lastSeq, provenSize }: StreamReport): void {
    const expected = ['KNOWN_CONTRADICTED', 'START_UNPROVEN'];
    if (provenSize < firstSeq) expected.push('END_UNPROVEN'); // all that was sealed is gone
    if (lastSeq === 0) expected.push('FILES_MISSING'); // and what was not
    const against = findings.filter(({ severity }) => severity !== 'warning');
    if (this.#retention && against.every(({ code }) => expected.includes(code))) return;
    if (this.#unseen.has(familyOf(origin))) return;
    const rotten = this.#rotten.get(familyOf(origin));
    if (rotten !== undefined && this.#night - rotten < REREAD_NIGHTS) return;
    this.#violate(
      `the audit says ok of ${origin}, a whole verification ${verdict}: ${findings.map(({ code }) => code).join(' ')}`,
    );
  }

  /** `--known`, one file for each stream and its own files: a log that was seen from entry 1 does not begin later. */
  async #verifyKnown(): Promise<void> {
    const isTold = this.#night <= 2 || this.#done.some((one) => one.startsWith(`night ${this.#night}:`));
    if (this.#known === undefined || !isTold) return;
    for (const life of this.#lives) {
      const origin = `fleet/${life.tape.name}`;
      const names = logsOf({ life, store: this.#store });
      if (names.length === 0) continue;
      const policy = { streams: [{ ...OPEN_END, origin }] };
      const known = join(this.#known, life.tape.name);
      const where = this.#store.verified(names);
      const { streams } = await verify({ ...where, ...this.#keys, policy, known, strict: true });
      const report = streams.find((one) => one.origin === origin);
      if (report?.verdict !== 'ok') continue;
      if (report.firstSeq === 1) this.#seenFromOne.add(origin);
      else if (this.#seenFromOne.has(origin)) this.#violate(`--known says ok of ${origin} without its beginning`);
    }
  }

  #violate(what: string): void {
    this.#violations.push(`${what} (${this.#store.aside ? 'directory' : 'bucket'}; ${this.#done.join(', ')})`);
  }
}

/** Removes whatever shows a size within the first file, while nobody has looked yet. */
function hushFirst(target: { life: Life; store: Store }): void {
  const { life, store } = target;
  const [first] = logsOf(target);
  if (first === undefined || first.endsWith('.gz')) return;
  const lines = textOf(store, first).split('\n');
  store.write(first, Buffer.from(lines.filter((line) => !line.includes('"kind":"checkpoint"')).join('\n')));
  for (const name of store.names())
    if (name.startsWith(`${life.folder}/`) && name === `${first}.manifest.json`) store.remove(name);
}
