import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { running, type SharedKafka } from '../../servers/running.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { FLEET, fleetLog, makeTopics, produce } from '../../support/topic-logs.ts';
import { addClient, TopicProcess } from '../../support/topic-process.ts';

let kafka: SharedKafka;
let built: BuiltPackage;
const place = new TopicPlace();

beforeAll(async () => {
  kafka = running('kafka');
  built = await buildPackage({ own: true });
  addClient(built);
});
afterAll(() => {
  built.remove();
  place.remove();
});

it('partitions that a topic is given while it is followed are read too, and what moved there is told', async () => {
  const moved = fleetLog(`${FLEET}/moved`, 60, 20).lines.map(({ bytes: value }) => ({ key: `${FLEET}/moved`, value }));
  const fresh = fleetLog(`${FLEET}/new`, 60, 20).lines.map(({ bytes: value }) => ({ key: `${FLEET}/new`, value }));
  await makeTopics(kafka.broker, ['partitions']);
  await produce(kafka.broker, 'partitions', moved.slice(0, 40));
  const argv = place.args(`kafka://${kafka.broker}/partitions`, '--follow', '--state', place.state);
  const follower = new TopicProcess(built, argv);
  while (!existsSync(join(place.state, 'state'))) await wait(50);

  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.broker] });
  await admin.createPartitions({ topics: [{ name: 'partitions', count: 2, assignments: [{ brokerIds: [1] }] }] });
  await admin.close();
  const second = [...moved.slice(40), ...fresh].map((line) => ({ ...line, partition: 1 }));
  await produce(kafka.broker, 'partitions', second);
  while (!/UNREADABLE: .*partition 0.*partition 1/.test(follower.stderr)) await wait(50);
  const read = `"positions":[[0,40],[1,${second.length}]]`;
  while (!readFileSync(join(place.state, 'state'), 'utf8').includes(read)) await wait(50);
  follower.kill('SIGTERM');
  expect(await follower.done()).toBe(2);
  const verdicts = follower.report.streams.map(({ origin, verdict, records }) => [origin, verdict, records]);
  expect(verdicts).toContainEqual([`${FLEET}/new`, 'ok', 60]);
  expect(verdicts).toContainEqual([`${FLEET}/moved`, 'undecided', expect.any(Number)]);
}, 180_000);
