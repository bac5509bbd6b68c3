import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Admin, Producer } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../servers/free-port.ts';
import { KAFKA_USER, KAFKA_PASSWORD as PASSWORD } from '../../servers/kafka.ts';
import { running, type SharedKafka } from '../../servers/running.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { times } from '../../support/tier.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { FLEET, fleetKey, fleetLog, makeTopics, produce } from '../../support/topic-logs.ts';
import { addClient, TopicProcess } from '../../support/topic-process.ts';

/** Brokers that are away, want to know who asks, or decide transactions otherwise. */

let kafka: SharedKafka;
let built: BuiltPackage;
let place: TopicPlace;
let number = 0;

beforeAll(async () => {
  kafka = running('kafka');
  built = await buildPackage({ own: true });
  addClient(built);
});
afterAll(() => built.remove());
beforeEach(() => {
  place = new TopicPlace();
});
afterEach(() => place.remove());

const origin = `${FLEET}/a`;
const lines = fleetLog(origin, 60, 20).lines.map(({ bytes }) => bytes);
const records = lines.map((value) => ({ key: origin, value }));
const at = (topic: string): string => `kafka://${kafka.broker}/${topic}`;
const newTopic = async (partitions = 1): Promise<string> => {
  const topic = `brokers-${++number}`;
  await makeTopics(kafka.broker, [topic], partitions);
  return topic;
};
const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await wait(50);
};

it('a topic that is deleted and made anew while it is followed is not taken for the one before', async () => {
  const topic = await newTopic();
  await produce(kafka.broker, topic, records.slice(0, 40));
  const follower = new TopicProcess(built, place.args(at(topic), '--follow', '--state', place.state));
  await until(() => readdirSync(place.directory).includes('state') && readdirSync(place.state).includes('state'));
  const saved = readFileSync(join(place.state, 'state'), 'utf8');
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.broker] });
  await admin.deleteTopics({ topics: [topic] });
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
  await admin.close();
  await produce(kafka.broker, topic, [...records.slice(0, 40), ...records.slice(40)]);
  expect(await follower.done()).toBe(2);
  expect(follower.stderr).toMatch(/STATE_CONFLICT[\s\S]*made anew/);
  expect(readFileSync(join(place.state, 'state'), 'utf8')).toBe(saved);
}, 120_000);

describe('brokers that do not answer', () => {
  it('are asked one after the other', async () => {
    const topic = await newTopic();
    await produce(kafka.broker, topic, records);
    const from = `kafka://127.0.0.1:${await freePort()},${kafka.broker}/${topic}`;
    expect((await place.verify(from)).code).toBe(0);
  });

  it('have no such topic: not found, and none is made', async () => {
    for (const further of [[], ['--findings-topic', 'nowhere']]) {
      const topic = further.length === 0 ? 'no-such-topic' : await newTopic();
      const { code, stdout, stderr } = await place.verify(at(topic), further);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/NOT_FOUND/);
    }
  });
});

describe('who asks', () => {
  const secured = (topic: string): string => `kafkas://${kafka.securedBroker}/${topic}`;
  const sasl = { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: KAFKA_USER, KAFKA_SASL_PASSWORD: PASSWORD };

  it('is told by the environment alone, and the password is nowhere else', async () => {
    const topic = await newTopic();
    await produce(kafka.broker, topic, records);
    const trusted = { ...sasl, KAFKA_CA_FILE: kafka.caFile };
    const state = ['--state', place.state];
    const good = await place.verify(secured(topic), state, trusted);
    expect(good.code).toBe(0);
    const saved = readdirSync(place.state).map((name) => readFileSync(join(place.state, name), 'latin1'));

    const wrong = { ...trusted, KAFKA_SASL_PASSWORD: `${PASSWORD}-wrong` };
    const refused = await place.verify(secured(topic), [], wrong);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/UNAUTHENTICATED/);
    const stranger = await place.verify(secured(topic), [], sasl);
    expect(stranger.stderr).toMatch(/TLS_FAILED/);
    const nobody = await place.verify(secured(topic), [], { KAFKA_CA_FILE: kafka.caFile });
    expect(nobody.code).toBe(2);

    const followed = join(place.directory, 'followed');
    const argv = place.args(secured(topic), '--follow', '--state', followed);
    const spawned = new TopicProcess(built, argv, { env: trusted });
    await until(() => existsSync(join(followed, 'state')));
    const processes = promisify(execFile)('ps', ['-eo', 'args']);
    spawned.kill('SIGTERM');
    expect(await spawned.done()).toBe(0);

    const said = [good, refused, stranger, nobody, spawned].flatMap(({ stdout, stderr }) => [stdout, stderr]);
    for (const text of [...said, ...saved, (await processes).stdout]) expect(text).not.toContain(PASSWORD);
    expect(said.join('')).not.toContain(fleetKey);
  });

  it.each([
    ['a password in the address', `kafka://auditor:${PASSWORD}@127.0.0.1:9092/logs`, {}, /KAFKA_SASL_PASSWORD/],
    ['a password in its query', `kafka://127.0.0.1:9092/logs?password=${PASSWORD}`, {}, /kafka:\/\/HOST:PORT/],
    ['no mechanism', 'kafkas://h/logs', { KAFKA_SASL_PASSWORD: PASSWORD }, /KAFKA_SASL_MECHANISM/],
    ['an unknown one', 'kafkas://h/logs', { ...sasl, KAFKA_SASL_MECHANISM: PASSWORD }, /KAFKA_SASL_MECHANISM/],
    ['no user', 'kafkas://h/logs', { ...sasl, KAFKA_SASL_USERNAME: '' }, /KAFKA_SASL_USERNAME/],
    ['PLAIN without TLS', 'kafka://broker.example.com/logs', sasl, /INSECURE_ENDPOINT/],
    ['a CA without TLS', 'kafka://127.0.0.1/logs', { KAFKA_CA_FILE: 'ca.pem' }, /KAFKA_CA_FILE/],
    ['half a client certificate', 'kafkas://127.0.0.1/logs', { KAFKA_KEY_FILE: 'client.key' }, /KAFKA_CERT_FILE/],
  ])('%s is refused before anything is asked, without repeating it', async (_what, from, env, says) => {
    const { code, stdout, stderr } = await place.verify(from, [], env);
    expect(code).toBe(64);
    expect(stderr).toMatch(says);
    expect(stdout + stderr).not.toContain(PASSWORD);
  });
});

it('records of transactions that were aborted were never there, markers are no lines, undecided ones are waited for', async () => {
  const topic = await newTopic();
  const transactional = new Producer({
    clientId: 'test',
    bootstrapBrokers: [kafka.broker],
    transactionalId: 'writer',
    idempotent: true,
    retries: 10,
  });
  const send = async (part: readonly Buffer[], how: 'commit' | 'abort'): Promise<void> => {
    const transaction = await transactional.beginTransaction();
    await transaction.send({
      messages: part.map((value) => ({ topic, key: Buffer.from(origin), value, partition: 0 })),
      acks: -1,
    });
    await transaction[how]();
  };
  const forged = [Buffer.from('{"msg":"never committed"}')];
  await send(lines.slice(0, 10), 'commit');
  await send(forged, 'abort');
  await send(lines.slice(10, 20), 'abort');
  await send(lines.slice(10, 20), 'commit');
  await send(forged, 'abort');
  await produce(kafka.broker, topic, records.slice(20, 40));
  await send(lines.slice(40), 'commit');
  await send(lines.slice(30), 'abort');
  await transactional.close();
  for (const further of [[], ['--state', place.state], ['--state', place.state]]) {
    const { code, report, stderr } = await place.verify(at(topic), further);
    expect({ code, records: report?.streams[0]?.records }).toEqual({ code: 0, records: 60 });
    expect(stderr).not.toContain('answer again'); // they always did
  }
});

describe('what stands behind an open transaction of a stranger is undecided', () => {
  const begin = async (topic: string): Promise<() => Promise<void>> => {
    const stranger = new Producer({
      clientId: 'stranger',
      bootstrapBrokers: [kafka.broker],
      transactionalId: `stranger-${topic}`,
      timeout: 600_000, // of the transaction too
      idempotent: true,
      retries: 10,
    });
    const transaction = await stranger.beginTransaction();
    const messages = [{ topic, key: Buffer.from('stranger'), value: Buffer.from('x'), partition: 0 }];
    await transaction.send({ messages, acks: -1 });
    return async () => {
      await transaction.abort();
      await stranger.close();
    };
  };
  const held = ({ stdout }: { readonly stdout: string }): boolean => stdout.includes('a transaction before them');

  it.each([
    ['nothing more', records, [], 2, 0],
    ['a second history', records, records.slice(10, 20), 2, 1],
    ['more of a log that was altered before it', records.filter((_, at) => at !== 10), records.slice(50), 1, 1],
  ])('%s', async (_, before, behind, open, ended) => {
    const topic = await newTopic();
    await produce(kafka.broker, topic, before);
    const end = await begin(topic);
    await produce(kafka.broker, topic, behind);
    const follower = new TopicProcess(built, place.args(at(topic), '--follow', '--state', `${place.state}-2`));
    const first = await place.verify(at(topic), ['--state', place.state]);
    expect([first.code, held(first)]).toEqual([open, true]);
    follower.kill('SIGTERM');
    expect([await follower.done(), held(follower)]).toEqual([open, true]);
    await end();
    const second = await place.verify(at(topic), ['--state', place.state]);
    expect([second.code, held(second)]).toEqual([ended, false]);
  });
});

describe('batches that become large when they are unpacked', () => {
  const bomb = (bytes: number) => [{ key: 'stranger.example.com/x', value: Buffer.alloc(bytes, 'x') }];

  it.each(['gzip', 'snappy', 'lz4'] as const)('many of %s, as large as may be, hide no record', async (compression) => {
    const topic = await newTopic(2);
    const share = Math.floor(records.length / times(4, 12));
    for (const partition of [0, 1]) {
      for (let at = 0; at < times(4, 12); at++) {
        await produce(kafka.broker, topic, bomb(15_000_000).map((one) => ({ ...one, partition })), compression); // biome-ignore format: a call
        if (partition === 1) await produce(kafka.broker, topic, records.slice(at * share, at < times(4, 12) - 1 ? at * share + share : undefined).map((one) => ({ ...one, partition }))); // biome-ignore format: a call
      }
    }
    const { code, report, stderr } = await place.verify(at(topic));
    expect({ code, records: report?.streams[0]?.records, stderr }).toEqual({ code: 0, records: 60, stderr: '' });
  });

  it('one that is too large ends the reading, and is named', async () => {
    const topic = await newTopic(2);
    await produce(kafka.broker, topic, records);
    await produce(kafka.broker, topic, bomb(30_000_000).map((one) => ({ ...one, partition: 1 })), 'gzip'); // biome-ignore format: a call
    const { code, stderr } = await place.verify(at(topic));
    expect(code).toBe(2);
    expect(stderr).toMatch(/RESPONSE_MALFORMED.*partition 1, offset 0/);
  });
});

it.each([
  [['a.jsonl'], /--from cannot be combined with paths/],
  [['--demux'], /--demux is about files/],
  [['--part'], /--part is about files/],
  [['--unwrap', 'docker'], /--unwrap is about files/],
  [['--manifest', 'm'], /--manifest is about files/],
  [['--jobs', '2'], /--jobs is about files/],
  [['--follow', '--known', 'k.json'], /--known/],
  [['--findings-topic', 'a b'], /--findings-topic/],
  [['--findings-topic', 'logs'], /the topic that is read/],
])('%j with a topic is wrong usage', async (further, says) => {
  const { code, stderr } = await place.verify('kafka://127.0.0.1:9/logs', further);
  expect(code).toBe(64);
  expect(stderr).toMatch(says);
});
