import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Admin, Producer } from '@platformatic/kafka';
import { beforeAll, expect, it } from 'vitest';
import type { VerifyReport } from '../../../src/index.ts';
import { running, type SharedKafka } from '../../servers/running.ts';
import { Random } from '../../simulator/random.ts';
import { runCommand } from '../../support/command-line.ts';
import type { SealedLog } from '../../support/sealed-log.ts';
import { times } from '../../support/tier.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { outcomes } from '../../support/topic-judge.ts';
import { FLEET, fleetKey, fleetLog, makeTopics, tamperings } from '../../support/topic-logs.ts';

/**
 * Histories of a topic to which a stranger may write whatever he likes and in which he may hold transactions, made up by a seed
 * and read from a real broker. What was altered is never ok, also if a transaction hides it; what was not altered is never
 * tampered; and if no transaction is open, a look comes to what the same lines come to as files.
 */

const HISTORIES = Number(process.env['STRANGER_HISTORIES'] ?? times(8, 200));
/** So many go on at once: most of them wait for a transaction that does not end. */
const AT_ONCE = 24;

let kafka: SharedKafka;
beforeAll(() => {
  kafka = running('kafka');
});

/** A stream while it is shipped. */
interface Shipped {
  readonly log: SealedLog;
  readonly partition: number;
  /** What its shipper has still to write. */
  left: Buffer[];
  /** Its lines in the topic, those that a transaction holds back included. */
  readonly written: Buffer[];
  isAltered: boolean;
}

/** A transaction of the stranger's. */
interface Open {
  readonly producer: Producer;
  readonly transaction: Awaited<ReturnType<Producer['beginTransaction']>>;
  readonly forged: { readonly stream: Shipped; readonly value: Buffer } | undefined;
}

interface Looks {
  looks: number;
  held: number;
  altered: number;
  ok: number;
}

class TopicHistory {
  readonly #random: Random;
  readonly #topic: string;
  readonly #place = new TopicPlace();
  readonly #shipper = new Producer({
    clientId: 'shipper',
    bootstrapBrokers: [kafka.broker],
    idempotent: true,
    retries: 10,
  });
  readonly #streams: Shipped[];
  readonly #partitions: number;
  /** Nothing of a stream is altered, whatever else is done. */
  readonly #isHonest: boolean;
  readonly #further: string[];
  readonly #steps: string[];
  readonly #counts: Looks;
  #open: Open[] = [];
  #isKeyless = false;
  #files = 0;

  constructor(seed: number, counts: Looks) {
    this.#counts = counts;
    this.#random = new Random(seed);
    this.#topic = `stranger-${seed}-${process.pid}`;
    this.#partitions = this.#random.between(1, 2);
    this.#streams = Array.from({ length: this.#random.between(1, 3) }, (_, at) => {
      const log = fleetLog(`${FLEET}/s${at}`, this.#random.between(12, 60), this.#random.between(4, 15));
      const left = log.lines.map(({ bytes }) => bytes);
      return { log, partition: at % this.#partitions, left, written: [], isAltered: false };
    });
    this.#isHonest = this.#random.chance(0.5);
    const isLive = this.#random.chance(0.7);
    this.#further = [
      ...(isLive ? ['--live'] : []),
      ...(this.#random.chance(0.4) ? ['--state', this.#place.state] : []),
      ...(this.#random.chance(0.3) ? ['--known', join(this.#place.directory, 'known.json')] : []),
    ];
    this.#steps = [`seed ${seed}: ${this.#further.join(' ')}`];
  }

  async live(): Promise<void> {
    try {
      await makeTopics(kafka.broker, [this.#topic], this.#partitions);
      // the first record waits until the broker knows the topic
      for (let at = 0; at < this.#partitions; at++)
        await this.#send('audit.example.com/others/0', at, [Buffer.from('x')]);
      const length = this.#random.between(4, 12);
      for (let at = 0; at < length; at++) await this.#step();
      await this.#look();
      for (const open of this.#open.splice(0)) await this.#end(open);
      for (const stream of this.#streams) await this.#ship(stream, stream.left.splice(0));
      await this.#look();
    } finally {
      for (const { transaction, producer } of this.#open) {
        await transaction.abort();
        await producer.close();
      }
      await this.#shipper.close();
      this.#place.remove();
      const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.broker] });
      await admin.deleteTopics({ topics: [this.#topic] });
      await admin.close();
    }
  }

  async #step(): Promise<void> {
    const step = this.#random.weighted({
      ship: 8,
      'ship altered': this.#isHonest ? 0 : 5,
      'ship in a transaction': 2,
      'abort what was shipped': 1,
      open: 3,
      end: 1,
      'abort forged lines': 2,
      'write a forged line': this.#isHonest ? 0 : 1.5,
      'write elsewhere': 2,
      'write nothing': 1,
      'write without a key': 0.2,
      look: 1,
    });
    this.#steps.push(step);
    const stream = this.#random.pick(this.#streams);
    switch (step) {
      case 'ship':
        return this.#ship(stream, this.#chunkOf(stream));
      case 'ship altered':
        return this.#shipAltered(stream);
      case 'ship in a transaction':
        return this.#shipInTransaction(stream, this.#chunkOf(stream), 'commit');
      case 'abort what was shipped':
        return this.#shipInTransaction(stream, stream.left.slice(0, 5), 'abort');
      case 'open':
        return this.#begin(stream);
      case 'end': {
        const open = this.#open.shift();
        return open === undefined ? undefined : this.#end(open);
      }
      case 'abort forged lines':
        return this.#shipInTransaction(stream, [this.#forged(stream), this.#forged(stream)], 'abort');
      case 'write a forged line': {
        stream.isAltered = true;
        return this.#ship(stream, [this.#forged(stream)]);
      }
      case 'write elsewhere':
        return this.#send(`audit.example.com/others/${this.#random.between(1, 3)}`, stream.partition, [
          Buffer.from('x'),
        ]);
      case 'write nothing':
        return this.#send(stream.log.origin, stream.partition, [Buffer.alloc(0)]);
      case 'write without a key':
        this.#isKeyless = true;
        return this.#send(undefined, stream.partition, [Buffer.from('{"a":1}')]);
      case 'look':
        return this.#look();
    }
  }

  #chunkOf(stream: Shipped): Buffer[] {
    return stream.left.splice(0, this.#random.between(5, 40));
  }

  async #send(key: string | undefined, partition: number, values: readonly Buffer[]): Promise<void> {
    if (values.length === 0) return;
    const named = key === undefined ? {} : { key: Buffer.from(key) };
    const messages = values.map((value) => ({ topic: this.#topic, ...named, value, partition }));
    await this.#shipper.send({ messages, acks: -1 });
  }

  async #ship(stream: Shipped, values: readonly Buffer[]): Promise<void> {
    await this.#send(stream.log.origin, stream.partition, values);
    stream.written.push(...values);
  }

  /** The rest of the stream, altered at one of its next records. */
  async #shipAltered(stream: Shipped): Promise<void> {
    const records = stream.left.filter((line) => line.includes('"msg":')).length;
    if (records < 4) return;
    const kinds = ['changed byte', 'removed record', 'swapped records', 'inserted line', 'repeated record'] as const;
    const kind = this.#random.pick(kinds);
    this.#steps.push(kind);
    const alter = tamperings(this.#random.between(1, Math.min(records - 2, 12)))[kind];
    const rest = stream.left.splice(0);
    stream.isAltered = true;
    await this.#ship(stream, alter?.(rest, stream.log) ?? expect.fail(kind));
  }

  async #transactional(): Promise<Pick<Open, 'producer' | 'transaction'>> {
    const producer = new Producer({
      clientId: 'stranger',
      bootstrapBrokers: [kafka.broker],
      transactionalId: `${this.#topic}-${this.#random.next()}`,
      timeout: 600_000, // of the transaction too
      idempotent: true,
      retries: 10,
    });
    return { producer, transaction: await producer.beginTransaction() };
  }

  async #shipInTransaction(stream: Shipped, values: readonly Buffer[], how: 'commit' | 'abort'): Promise<void> {
    if (values.length === 0) return;
    const { producer, transaction } = await this.#transactional();
    const key = Buffer.from(stream.log.origin);
    const messages = values.map((value) => ({ topic: this.#topic, key, value, partition: stream.partition }));
    await transaction.send({ messages, acks: -1 });
    await transaction[how]();
    await producer.close();
    if (how === 'commit') stream.written.push(...values);
  }

  /** Something that stands in no log at this place. */
  #forged(stream: Shipped): Buffer {
    const own = stream.log.lines.filter(({ kind }) => kind === 'record').map(({ bytes }) => bytes);
    return this.#random.pick([
      Buffer.from('{"msg":"nothing was ever sealed"}'),
      Buffer.from(String(this.#random.pick(own)).replace('answered', 'forgotten')),
      Buffer.from('\0'.repeat(this.#random.between(1, 4_000))),
    ]);
  }

  async #begin(stream: Shipped): Promise<void> {
    if (this.#open.length > 2) return;
    const begun = await this.#transactional();
    const value = this.#forged(stream);
    const isForged = this.#random.chance(0.4);
    const key = Buffer.from(isForged ? stream.log.origin : 'audit.example.com/others/1');
    const { partition } = stream;
    await begun.transaction.send({ messages: [{ topic: this.#topic, key, value, partition }], acks: -1 });
    this.#open.push({ ...begun, forged: isForged ? { stream, value } : undefined });
  }

  async #end({ producer, transaction, forged }: Open): Promise<void> {
    const how = forged === undefined || (!this.#isHonest && this.#random.chance(0.3)) ? 'commit' : 'abort';
    this.#steps.push(how);
    await transaction[how]();
    await producer.close();
    if (how === 'abort' || forged === undefined) return;
    // where it stands among the others does not matter: no place is one of its own
    forged.stream.isAltered = true;
    forged.stream.written.push(forged.value);
  }

  async #look(): Promise<void> {
    const isHeld = this.#open.length > 0;
    const isAltered = this.#streams.some((stream) => stream.isAltered);
    const since = this.#since();
    const { code, stdout, stderr, report } = await this.#place.verify(`kafka://${kafka.broker}/${this.#topic}`, [
      ...this.#further,
      ...since,
    ]);
    const about = `${this.#steps.join(', ')}: ${code}, ${stderr}${report?.findings.map((one) => `${one.code} ${one.message}`).join('; ')}`;
    this.#counts.looks++;
    if (isHeld) this.#counts.held++;
    if (isAltered) this.#counts.altered++;
    if (code === 0) this.#counts.ok++;
    expect([0, 1, 2], about).toContain(code);
    expect(report, about).toBeDefined();
    if (isAltered) expect(code, about).not.toBe(0);
    else expect(code, about).not.toBe(1);
    expect(stdout.includes('a transaction before them'), about).toBe(isHeld);
    if (isHeld) expect(code, about).not.toBe(0);
    else if (!isAltered) {
      const files = await this.#asFiles(since);
      const { '': rest, ...streams } = outcomes(report ?? { streams: [] });
      expect(streams, about).toEqual(outcomes(files));
      expect(rest !== undefined, about).toBe(this.#isKeyless);
      expect(code, about).toBe(this.#isKeyless || files.verdict !== 'ok' ? 2 : 0);
    }
  }

  /** A checkpoint that the auditor holds: of what was once in the topic. */
  #since(): string[] {
    const stream = this.#random.pick(this.#streams);
    const notes = stream.written.filter((line) => line.includes('"kind":"checkpoint"'));
    if (stream.isAltered || notes.length === 0 || this.#random.chance(0.5)) return [];
    const { integrity } = JSON.parse(String(this.#random.pick(notes))) as { integrity: { note: string } };
    const path = join(this.#place.directory, `held-${++this.#files}`);
    writeFileSync(path, integrity.note);
    this.#steps.push(`since ${integrity.note.split('\n')[1]}`);
    return ['--since', path];
  }

  /** The same lines as files. */
  async #asFiles(since: readonly string[]): Promise<VerifyReport> {
    const directory = join(this.#place.directory, `files-${++this.#files}`);
    mkdirSync(directory);
    for (const { log, written } of this.#streams) {
      if (written.length === 0) continue;
      const lines = written.flatMap((line) => [line, Buffer.from('\n')]);
      writeFileSync(join(directory, `${log.origin.split('/').at(-1)}.jsonl`), Buffer.concat(lines));
    }
    const live = this.#further.filter((flag) => flag === '--live');
    const keys = ['--key-env', 'FLEET_KEY', '--public-key', this.#place.keyFile, '--format', 'json'];
    const argv = ['verify', directory, '--origin', `${FLEET}/*`, ...keys, ...live, ...since];
    const { stdout } = await runCommand(argv, { env: { FLEET_KEY: fleetKey } });
    return JSON.parse(stdout) as VerifyReport;
  }
}

it(`${HISTORIES} histories of a topic that a stranger may write to`, { timeout: 3_600_000 }, async () => {
  const began = performance.now();
  const first = Number(process.env['FAPILOG_TEST_SEED'] ?? 1);
  const counts: Looks = { looks: 0, held: 0, altered: 0, ok: 0 };
  let seed = first;
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    while (seed < first + HISTORIES) {
      await new TopicHistory(seed++, counts).live().catch((error: unknown) => failures.push(String(error)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const seconds = Math.round((performance.now() - began) / 1_000);
  const { looks, held, altered, ok } = counts;
  console.info(
    `${HISTORIES} histories in ${seconds} s: ${looks} looks, ${held} with an open transaction, ${altered} at what was altered, ${ok} ok`,
  );
  expect(failures).toEqual([]);
  expect(Math.min(held, altered, ok)).toBeGreaterThan(0);
});
