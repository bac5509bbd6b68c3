import { readFileSync } from 'node:fs';
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

/** 1,000,000 records of 200 streams; whoever verifies them is killed 20 times. */

const STREAMS = 200;
const RECORDS = 5_000;
const KILLS = 20;
const PARTITIONS = 8;

let kafka: Kafka;
let built: BuiltPackage;
let place: TopicPlace;

beforeAll(async () => {
  [kafka, built] = await Promise.all([Kafka.start(), buildPackage({ own: true })]);
  addClient(built);
  place = new TopicPlace();
});
afterAll(async () => {
  await kafka.stop();
  built.remove();
  place.remove();
});

/** What is saved; empty where nothing is. */
const saved = (): string => {
  try {
    return readFileSync(join(place.state, 'state'), 'utf8');
  } catch {
    return ''; // not saved yet
  }
};

/** Waits for so many milliseconds, or until the process has ended. */
const waitFor = async (verifier: TopicProcess, ms: number): Promise<void> => {
  for (const until = Date.now() + ms; Date.now() < until && !verifier.ended; ) await wait(5);
};

it(`${KILLS} times killed, every record counts exactly once, and every tampered stream is found as in its file`, async () => {
  const streams = new Map<string, readonly Buffer[]>();
  const classes = Object.entries(tamperings(RECORDS / 2));
  for (let number = 0; number < STREAMS; number++) {
    const log = fleetLog(`${FLEET}/h${number}`, RECORDS, 500);
    const lines = log.lines.map(({ bytes }) => bytes);
    const [, tamper] = classes[(number - 3) / 19] ?? [];
    streams.set(log.origin, tamper === undefined ? lines : tamper(lines, log));
  }
  await makeTopics(kafka.broker, ['logs'], PARTITIONS);
  await makeTopics(kafka.broker, ['findings'], 1);
  await produce(kafka.broker, 'logs', mixed(streams, PARTITIONS));

  const argv = place.args(`kafka://${kafka.broker}/logs`, ...['--state', place.state, '--findings-topic', 'findings']);
  const moments: string[] = [];
  for (let readsOn = false; moments.length < KILLS; ) {
    const before = saved();
    const verifier = new TopicProcess(built, argv);
    // by turns while it starts or takes what was saved, and while it reads on
    if (!readsOn) await waitFor(verifier, Math.random() * 2_000);
    else {
      while (saved() === before && !verifier.ended) await wait(5);
      await waitFor(verifier, Math.random() * 1_500);
    }
    readsOn = !readsOn;
    if (!verifier.ended) moments.push(positionsOf(saved()));
    verifier.kill('SIGKILL');
    await verifier.done();
  }
  expect(new Set(moments).size, `killed at ${moments.join('; ')}`).toBeGreaterThan(3);

  const last = new TopicProcess(built, argv);
  expect(await last.done()).toBe(1);
  const { report } = last;
  const expected = await judgeFiles(streams);
  expect(outcomes(report)).toEqual(outcomes(expected));
  const tampered = report.streams.filter(({ verdict }) => verdict === 'tampered').length;
  expect(tampered).toBe(classes.length - 1); // a truncated one is undecided
  const honest = report.streams.filter(({ verdict }) => verdict === 'ok');
  expect(honest).toHaveLength(STREAMS - classes.length);
  expect(honest.every(({ records }) => records === RECORDS)).toBe(true);
  const total = [...streams.values()].reduce((sum, { length }) => sum + length, 0);
  expect(report.topic?.partitions.reduce((sum, { next }) => sum + next, 0)).toBe(total);

  // each finding was written, and one that was written more than once has the same id each time
  const written = (await readTopic(kafka.broker, 'findings')).map(
    ({ value }) => JSON.parse(value.toString()) as PublishedFinding,
  );
  const key = ({ origin, code, seq }: { origin: string; code: string; seq?: number }): string =>
    `${origin} ${code} ${seq ?? '-'}`;
  expect(new Set(written.map(key))).toEqual(new Set(expected.findings.map(key)));
  const byId = new Map(written.map((finding) => [finding.id, key(finding)]));
  expect(byId.size).toBe(expected.findings.length);
}, 900_000);

function positionsOf(text: string): string {
  return /"positions":(\[\[.*?\]\])/.exec(text)?.[1] ?? 'nothing';
}
