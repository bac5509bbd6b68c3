import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Kafka } from '../../servers/kafka.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { nodeOf } from '../../support/other-node.ts';
import { toolCache } from '../../support/tool-cache.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { FLEET, fleetLog, makeTopics, mixed, produce } from '../../support/topic-logs.ts';
import { addClient, TopicProcess } from '../../support/topic-process.ts';

/** The client's next major asks for a newer Node.js than the oldest that we support: both are used as they are found. */

const VERSION = '2.12.1';

let kafka: Kafka;
let built: BuiltPackage;
const place = new TopicPlace();

beforeAll(async () => {
  [kafka, built] = await Promise.all([Kafka.start(), buildPackage()]);
});
afterAll(async () => {
  await kafka.stop();
  built.remove();
  place.remove();
});

const run = promisify(execFile);

/** The client, kept outside the tree. */
async function clientOf(version: string): Promise<string> {
  const directory = join(toolCache(), `platformatic-kafka-${version}`);
  const client = join(directory, 'node_modules/@platformatic/kafka');
  if (existsSync(client)) return client;
  const own = `${directory}.${process.pid}`;
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'package.json'), '{"private":true}\n');
  await run('npm', ['install', '--no-audit', '--no-fund', `@platformatic/kafka@${version}`], { cwd: own });
  try {
    renameSync(own, directory);
  } catch (error) {
    if (!existsSync(client)) throw error; // another process was faster
    rmSync(own, { recursive: true });
  }
  return client;
}

it('without a client it is said what to install; with the newer one, on a newer Node.js, it reads and goes on', async () => {
  const origin = `${FLEET}/a`;
  const lines = fleetLog(origin, 60, 20).lines.map(({ bytes }) => bytes);
  const all = [...mixed(new Map([[origin, lines]]), 1)];
  await makeTopics(kafka.broker, ['logs', 'findings']);
  await produce(kafka.broker, 'logs', all.slice(0, 40));
  const argv = place.args(`kafka://${kafka.broker}/logs`, ...['--state', place.state, '--findings-topic', 'findings']);
  const without = new TopicProcess(built, argv);
  expect(await without.done()).toBe(2);
  expect(without.stderr).toMatch(/DEPENDENCY_MISSING[\s\S]*npm install @platformatic\/kafka/);

  addClient(built, await clientOf(VERSION));
  const node = await nodeOf(24);
  expect(await new TopicProcess(built, argv, { node }).done()).toBe(2);
  await produce(kafka.broker, 'logs', all.slice(40));
  const whole = new TopicProcess(built, argv, { node });
  expect(await whole.done()).toBe(0);
  expect(whole.report.streams[0]?.records).toBe(60);
}, 180_000);
