import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Admin, Producer } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PublishedFinding } from '../../../src/kafka/findings-topic.ts';
import { freePort } from '../../servers/free-port.ts';
import { Kafka } from '../../servers/kafka.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { judgeFiles, outcomes } from '../../support/topic-judge.ts';
import { FLEET, fleetKey, fleetLog, makeTopics, mixed, produce, tamperings } from '../../support/topic-logs.ts';
import { addClient, TopicProcess } from '../../support/topic-process.ts';
import { readTopic } from '../../support/topic-reading.ts';

/** Brokers that are away, come back, want to know who asks, or decide transactions otherwise. */

const PASSWORD = 'canary-J7w2kQ-of-the-broker';

let kafka: Kafka;
let built: BuiltPackage;
let place: TopicPlace;
let number = 0;

beforeAll(async () => {
  [kafka, built] = await Promise.all([Kafka.start({ users: { auditor: PASSWORD } }), buildPackage()]);
  addClient(built);
});
afterAll(async () => {
  await kafka.stop();
  built.remove();
});
beforeEach(() => {
  place = new TopicPlace();
});
afterEach(() => place.remove());

const origin = `${FLEET}/a`;
const lines = fleetLog(origin, 60, 20).lines.map(({ bytes }) => bytes);
const records = lines.map((value) => ({ key: origin, value }));
const at = (topic: string): string => `kafka://${kafka.broker}/${topic}`;
const newTopic = async (partitions = 1): Promise<string> => {
  const topic = `logs-${++number}`;
  await makeTopics(kafka.broker, [topic], partitions);
  return topic;
};
const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  for (const deadline = Date.now() + 60_000; !(await what()); await wait(50)) {
    if (Date.now() > deadline) throw new Error('it did not come to that');
  }
};

describe('a topic that is followed', () => {
  it('tells what is found while it is read, lives through a restart of the broker, and reports at SIGTERM', async () => {
    const streams = new Map<string, readonly Buffer[]>([[origin, lines]]);
    const bad = fleetLog(`${FLEET}/bad`, 60, 20);
    const badLines = bad.lines.map(({ bytes }) => bytes);
    streams.set(bad.origin, tamperings(40)['changed byte']?.(badLines, bad) ?? []);
    const all = [...mixed(streams, 2, 5)];
    const topic = await newTopic(2);
    const found = await newTopic();
    const argv = place.args(at(topic), '--follow', '--state', place.state, '--findings-topic', found);
    const follower = new TopicProcess(built, argv);
    await produce(kafka.broker, topic, all.slice(0, 50));
    await until(() => readdirSync(place.directory).includes('state') && readdirSync(place.state).includes('state'));

    await kafka.kill('SIGTERM');
    await wait(2_000);
    await kafka.restart();
    await produce(kafka.broker, topic, all.slice(50));
    const ofBad = ({ value }: { value: Buffer }): boolean =>
      (JSON.parse(value.toString()) as PublishedFinding).code === 'AUTH_WRONG';
    await until(async () => (await readTopic(kafka.broker, found)).some(ofBad));
    expect(follower.ended).toBe(false);
    expect(follower.stderr).toMatch(/tampered audit\.example\.com\/fleet\/bad AUTH_WRONG/);

    const read = `"positions":[[0,${lines.length}],[1,${badLines.length}]]`;
    await until(() => readFileSync(join(place.state, 'state'), 'utf8').includes(read));
    follower.kill('SIGTERM');
    expect(await follower.done()).toBe(1);
    expect(outcomes(follower.report)).toEqual(outcomes(await judgeFiles(streams)));
  }, 120_000);
});

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
  it('are an error in bounded time, whether nobody listens or somebody says nothing', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    for (const broker of [`127.0.0.1:${await freePort()}`, `127.0.0.1:${port}`]) {
      const verifier = new TopicProcess(built, place.args(`kafka://${broker}/logs`, '--state', place.state));
      expect(await verifier.done()).toBe(2);
      expect(verifier.stderr).toMatch(/(UNAVAILABLE|TIMEOUT)[\s\S]*addresses of the brokers/);
      expect(verifier.stdout).toBe('');
    }
    silent.close();
  }, 120_000);

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
  const sasl = { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'auditor', KAFKA_SASL_PASSWORD: PASSWORD };

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

    const spawned = new TopicProcess(built, place.args(secured(topic), '--follow', ...state), { env: trusted });
    const running = promisify(execFile)('ps', ['-eo', 'args']);
    await wait(2_000);
    spawned.kill('SIGTERM');
    expect(await spawned.done()).toBe(0);

    const said = [good, refused, stranger, nobody, spawned].flatMap(({ stdout, stderr }) => [stdout, stderr]);
    for (const text of [...said, ...saved, (await running).stdout]) expect(text).not.toContain(PASSWORD);
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
    const { code, report } = await place.verify(at(topic), further);
    expect({ code, records: report?.streams[0]?.records }).toEqual({ code: 0, records: 60 });
  }
});

it.each([
  [['a.jsonl'], /--from and paths/],
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
