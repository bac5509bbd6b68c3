import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PublishedFinding } from '../../../src/index.ts';
import { running, type SharedKafka } from '../../servers/running.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { judgeFiles, outcomes } from '../../support/topic-judge.ts';
import { FLEET, fleetLog, makeTopics, mixed, produce, tamperings } from '../../support/topic-logs.ts';
import { readTopic } from '../../support/topic-reading.ts';

/** A topic keyed by origin, read through the command line; what it comes to is what the same lines come to as files. */

let kafka: SharedKafka;
let place: TopicPlace;
let number = 0;

beforeAll(() => {
  kafka = running('kafka');
});
beforeEach(() => {
  place = new TopicPlace();
});
afterEach(() => place.remove());

const newTopic = async (partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> => {
  const topic = `topic-${++number}`;
  await makeTopics(kafka.broker, [topic], partitions, configs);
  return topic;
};
const at = (topic: string): string => `kafka://${kafka.broker}/${topic}`;
const linesOf = (origin: string, records = 60): Buffer[] =>
  fleetLog(origin, records, 20).lines.map(({ bytes }) => bytes);

describe('a topic', () => {
  it('comes to what the same lines come to as files: each class of tampering with its code, seq and line', async () => {
    const streams = new Map<string, readonly Buffer[]>([
      [`${FLEET}/honest`, linesOf(`${FLEET}/honest`)],
      [`${FLEET}/honest-2`, linesOf(`${FLEET}/honest-2`, 250)],
    ]);
    for (const [name, tamper] of Object.entries(tamperings(31))) {
      const origin = `${FLEET}/${name.replaceAll(' ', '-')}`;
      const log = fleetLog(origin, 60, 20);
      streams.set(
        origin,
        tamper(
          log.lines.map(({ bytes }) => bytes),
          log,
        ),
      );
    }
    const topic = await newTopic(3);
    const found = await newTopic(2);
    await produce(kafka.broker, topic, mixed(streams, 3, 7));
    const expected = outcomes(await judgeFiles(streams));
    expect(new Set(Object.values(expected).map(({ verdict }) => verdict))).toEqual(
      new Set(['ok', 'tampered', 'undecided']),
    );

    const { code, report } = await place.verify(at(topic), ['--findings-topic', found, '--state', place.state]);
    expect(code).toBe(1);
    expect(outcomes(report ?? { streams: [] })).toEqual(expected);
    expect(report?.topic).toMatchObject({ name: topic, leftOut: 0 });

    const published = (await readTopic(kafka.broker, found)).map(({ key, value }) => {
      const finding = JSON.parse(value.toString()) as PublishedFinding;
      expect(finding.origin).toBe(key);
      return finding;
    });
    const key = ({ origin, code: what, seq }: { origin: string; code: string; seq?: number }) =>
      `${origin} ${what} ${seq}`;
    expect(published.map(key).sort()).toEqual(report?.findings.map(key).sort());
    expect(new Set(published.map(({ id }) => id)).size).toBe(published.length);

    // again, with nothing new: the same report; what is found at the end is told again, under the same id
    const again = await place.verify(at(topic), ['--findings-topic', found, '--state', place.state]);
    expect(outcomes(again.report ?? { streams: [] })).toEqual(expected);
    const repeated = (await readTopic(kafka.broker, found)).map(
      ({ value }) => JSON.parse(value.toString()) as PublishedFinding,
    );
    expect(new Set(repeated.map(({ id }) => id)).size).toBe(published.length);
    expect(repeated.length).toBeLessThan(2 * published.length);
  });

  it.each(['gzip', 'snappy', 'lz4'] as const)('may be compressed with %s', async (compression) => {
    const topic = await newTopic();
    const streams = new Map([[`${FLEET}/a`, linesOf(`${FLEET}/a`, 3_000)]]);
    await produce(kafka.broker, topic, mixed(streams, 1), compression);
    const { code, report } = await place.verify(at(topic));
    expect({ code, records: report?.streams[0]?.records }).toEqual({ code: 0, records: 3_000 });
  });

  it('that was compressed with zstd needs a Node.js that knows it, and says so', async () => {
    const topic = await newTopic(1, { 'compression.type': 'zstd' });
    await produce(kafka.broker, topic, mixed(new Map([[`${FLEET}/a`, linesOf(`${FLEET}/a`, 60)]]), 1));
    const { code, report, stderr } = await place.verify(at(topic));
    if ('zstdDecompressSync' in zlib)
      expect({ code, records: report?.streams[0]?.records }).toEqual({ code: 0, records: 60 });
    else expect(stderr).toMatch(/UNSUPPORTED_OPERATION[\s\S]*Node\.js 22\.15/);
  });

  it('as text and as a page names partition and offset of what was found', async () => {
    const topic = await newTopic();
    const log = fleetLog(`${FLEET}/a`, 60, 20);
    const spoilt =
      tamperings(31)['changed byte']?.(
        log.lines.map(({ bytes }) => bytes),
        log,
      ) ?? [];
    const others = [{ key: 'audit.example.com/others/x', value: Buffer.from('whatever') }];
    await produce(kafka.broker, topic, [...others, ...spoilt.map((value) => ({ key: log.origin, value }))]);
    const page = join(place.directory, 'report.html');
    const { code, stdout } = await place.verify(at(topic), ['--format', 'text', '--html', page]);
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`at kafka://${topic}/0:37, seq 35, offset 37`));
    expect(stdout).toContain(`left out 1 record of ${topic} of streams that you did not name`);
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('offset 37');
    expect(html).toMatch(/Read from<\/dt><dd>kafka:\/\//);
  });

  it('is read on where it ended: each run reads what is new, and the verdict is that of the whole', async () => {
    const topic = await newTopic(2);
    const origins = ['a', 'b', 'c'].map((name) => `${FLEET}/${name}`);
    const streams = new Map(origins.map((origin) => [origin, linesOf(origin, 90)]));
    const all = [...mixed(streams, 2, 10)];
    for (let from = 0; from < all.length; from += 37) {
      await produce(kafka.broker, topic, all.slice(from, from + 37));
      const { report } = await place.verify(at(topic), ['--state', place.state]);
      const sofar = new Map(
        origins.map((origin) => [
          origin,
          all.slice(0, from + 37).flatMap(({ key, value }) => (key === origin && value !== null ? [value] : [])),
        ]),
      );
      const seen = new Map([...sofar].filter(([, lines]) => lines.length > 0));
      expect(outcomes(report ?? { streams: [] })).toEqual(outcomes(await judgeFiles(seen)));
    }
  });

  it('may hold other streams, several lines in a value, empty values and records without a key', async () => {
    const topic = await newTopic();
    const origin = `${FLEET}/a`;
    const lines = linesOf(origin);
    const joined = Buffer.concat(lines.slice(0, 5).flatMap((line) => [line, Buffer.from('\n')]));
    const rest = lines.slice(5).map((value) => ({ key: origin, value }));
    await produce(kafka.broker, topic, [
      { key: origin, value: joined },
      { key: origin, value: Buffer.alloc(0) },
      { key: origin, value: null },
      { key: 'audit.example.com/others/x', value: Buffer.from('whatever') },
      ...rest,
    ]);
    const { code, report } = await place.verify(at(topic));
    expect({ code, leftOut: report?.topic?.leftOut, records: report?.streams[0]?.records }).toEqual({
      code: 0,
      leftOut: 1,
      records: 60,
    });
    await produce(kafka.broker, topic, [{ key: undefined, value: Buffer.from('{"a":1}') }]);
    const keyless = await place.verify(at(topic));
    expect(keyless.code).toBe(2);
    expect(keyless.report?.findings).toMatchObject([{ code: 'NOT_SEALED', origin: '', severity: 'undecided' }]);
  });

  it('with a stream in two partitions is undecided, and says so', async () => {
    const topic = await newTopic(2);
    const origin = `${FLEET}/moved`;
    const lines = linesOf(origin);
    await produce(
      kafka.broker,
      topic,
      lines.slice(0, 30).map((value) => ({ key: origin, value, partition: 0 })),
    );
    await place.verify(at(topic), ['--state', place.state]);
    await produce(
      kafka.broker,
      topic,
      lines.slice(30).map((value) => ({ key: origin, value, partition: 1 })),
    );
    for (const further of [['--state', place.state], ['--state', place.state], []]) {
      const { code, report } = await place.verify(at(topic), further);
      expect(code).toBe(2);
      expect(report?.streams[0]?.findings).toContainEqual(
        expect.objectContaining({ code: 'UNREADABLE', message: expect.stringMatching(/partition 0.*partition 1/) }),
      );
    }
  });

  it('that misses a stream which was named is undecided, and asks whether another one was meant', async () => {
    const topic = await newTopic();
    await produce(kafka.broker, topic, [{ key: `${FLEET}s/a`, value: Buffer.from('x') }]);
    const { code, report } = await place.verify(at(topic));
    expect(code).toBe(2);
    expect(report?.findings[0]?.message).toContain(`did you mean ${FLEET}s/a?`);
  });
});
