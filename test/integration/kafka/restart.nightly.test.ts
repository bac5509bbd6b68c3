import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PublishedFinding } from '../../../src/index.ts';
import { Kafka } from '../../servers/kafka.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { judgeFiles, outcomes } from '../../support/topic-judge.ts';
import { FLEET, fleetLog, makeTopics, mixed, produce, tamperings } from '../../support/topic-logs.ts';
import { addClient, TopicProcess } from '../../support/topic-process.ts';
import { readTopic } from '../../support/topic-reading.ts';

/** A broker of its own, which goes and comes back: three starts of Java, so nightly. */

let kafka: Kafka;
let built: BuiltPackage;
const place = new TopicPlace();

beforeAll(async () => {
  [kafka, built] = await Promise.all([Kafka.start(), buildPackage({ own: true })]);
  addClient(built);
});
afterAll(async () => {
  await kafka.stop();
  built.remove();
  place.remove();
});

const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await wait(50);
};

it('a follower tells what is found while it reads, lives through a restart of the broker, and reports at SIGTERM', async () => {
  const origin = `${FLEET}/a`;
  const lines = fleetLog(origin, 60, 20).lines.map(({ bytes }) => bytes);
  const streams = new Map<string, readonly Buffer[]>([[origin, lines]]);
  const bad = fleetLog(`${FLEET}/bad`, 60, 20);
  const badLines = bad.lines.map(({ bytes }) => bytes);
  streams.set(bad.origin, tamperings(40)['changed byte']?.(badLines, bad) ?? []);
  const all = [...mixed(streams, 2, 5)];
  await makeTopics(kafka.broker, ['logs'], 2);
  await makeTopics(kafka.broker, ['findings']);
  const argv = place.args(
    `kafka://${kafka.broker}/logs`,
    '--follow',
    '--state',
    place.state,
    '--findings-topic',
    'findings',
  );
  const follower = new TopicProcess(built, argv);
  await produce(kafka.broker, 'logs', all.slice(0, 50));
  await until(() => readdirSync(place.directory).includes('state') && readdirSync(place.state).includes('state'));

  await kafka.kill('SIGTERM');
  await kafka.restart();
  await produce(kafka.broker, 'logs', all.slice(50));
  const ofBad = ({ value }: { value: Buffer }): boolean =>
    (JSON.parse(value.toString()) as PublishedFinding).code === 'AUTH_WRONG';
  await until(async () => (await readTopic(kafka.broker, 'findings')).some(ofBad));
  expect(follower.ended).toBe(false);
  expect(follower.stderr).toMatch(/tampered audit\.example\.com\/fleet\/bad AUTH_WRONG/);

  const read = `"positions":[[0,${lines.length}],[1,${badLines.length}]]`;
  await until(() => readFileSync(join(place.state, 'state'), 'utf8').includes(read));
  follower.kill('SIGTERM');
  expect(await follower.done()).toBe(1);
  expect(outcomes(follower.report)).toEqual(outcomes(await judgeFiles(streams)));
}, 300_000);
