import { afterAll, beforeAll, expect, it } from 'vitest';
import { NEWER_CLIENT } from '../../servers/kafka.ts';
import { running, type SharedKafka } from '../../servers/running.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { nodeOf, npmPackage } from '../../support/registry-tools.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { FLEET, fleetLog, makeTopics, mixed, produce } from '../../support/topic-logs.ts';
import { addClient, TopicProcess } from '../../support/topic-process.ts';

/** The client's next major asks for a newer Node.js than the oldest that we support: both are used as they are found. */

let kafka: SharedKafka;
let built: BuiltPackage;
const place = new TopicPlace();

beforeAll(async () => {
  kafka = running('kafka');
  built = await buildPackage({ own: true });
});
afterAll(() => {
  built.remove();
  place.remove();
});

it('without a client it is said what to install; with the newer one, on a newer Node.js, it reads and goes on', async () => {
  const origin = `${FLEET}/a`;
  const lines = fleetLog(origin, 60, 20).lines.map(({ bytes }) => bytes);
  const all = [...mixed(new Map([[origin, lines]]), 1)];
  await makeTopics(kafka.broker, ['newer-logs', 'newer-findings']);
  await produce(kafka.broker, 'newer-logs', all.slice(0, 40));
  const argv = place.args(
    `kafka://${kafka.broker}/newer-logs`,
    ...['--state', place.state, '--findings-topic', 'newer-findings'],
  );
  const without = new TopicProcess(built, argv);
  expect(await without.done()).toBe(2);
  expect(without.stderr).toMatch(/DEPENDENCY_MISSING[\s\S]*npm install @platformatic\/kafka/);

  addClient(built, await npmPackage('@platformatic/kafka', NEWER_CLIENT));
  const node = await nodeOf(24);
  expect(await new TopicProcess(built, argv, { node }).done()).toBe(2);
  await produce(kafka.broker, 'newer-logs', all.slice(40));
  const whole = new TopicProcess(built, argv, { node });
  expect(await whole.done()).toBe(0);
  expect(whole.report.streams[0]?.records).toBe(60);
}, 180_000);
