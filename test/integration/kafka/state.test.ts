import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { running, type SharedKafka } from '../../servers/running.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { FLEET, fleetLog, makeTopics, produce } from '../../support/topic-logs.ts';

/** What is saved of a topic: it goes on exactly where it was, or is refused. */

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

const origin = `${FLEET}/a`;
const lines = fleetLog(origin, 60, 20).lines.map(({ bytes }) => bytes);
const records = lines.map((value) => ({ key: origin, value }));
const at = (topic: string): string => `kafka://${kafka.broker}/${topic}`;
const newTopic = async (): Promise<string> => {
  const topic = `state-${++number}`;
  await makeTopics(kafka.broker, [topic]);
  return topic;
};
/** A topic of which a part was read, and saved. */
const begun = async (): Promise<string> => {
  const topic = await newTopic();
  await produce(kafka.broker, topic, records.slice(0, 40));
  const { code } = await place.verify(at(topic), ['--state', place.state]);
  expect(code).toBe(2); // its end is not proven yet
  return topic;
};
const snapshot = (): string => join(place.state, 'state');
/** Another beginning of the snapshot, as whole as the one before. */
const rewriteBeginning = (change: (saved: string) => string): void => {
  const bytes = readFileSync(snapshot());
  const end = 12 + bytes.readUInt32LE(0);
  const saved = bytes.toString('utf8', 12, end);
  const changed = change(saved);
  expect(changed).not.toBe(saved);
  const whole = Buffer.concat([bytes.subarray(0, 12), Buffer.from(changed), bytes.subarray(end, -32)]);
  whole.writeUInt32LE(Buffer.byteLength(changed), 0);
  writeFileSync(snapshot(), Buffer.concat([whole, createHash('sha256').update(whole).digest()]));
};

describe('a saved state', () => {
  it('is refused where a bit of it is another one, or a part of it is gone', async () => {
    const topic = await begun();
    const saved = readFileSync(snapshot());
    const damages: [string, () => void][] = [
      ['a snapshot that is cut', () => truncateSync(snapshot(), saved.length - 1)],
      ['an empty snapshot', () => truncateSync(snapshot(), 0)],
      ['a snapshot of something else', () => writeFileSync(snapshot(), '{}\n')],
    ];
    for (let bit = 3; bit < 8 * saved.length; bit += 8 * 997 + 1) {
      damages.push([`bit ${bit} of the snapshot`, () => writeFileSync(snapshot(), flipped(saved, bit))]);
    }
    for (const [what, damage] of damages) {
      damage();
      const { code, stdout, stderr } = await place.verify(at(topic), ['--state', place.state]);
      expect({ what, code, stdout }).toEqual({ what, code: 2, stdout: '' });
      expect(stderr).toMatch(/STATE_MALFORMED[\s\S]*--state PATH/);
      writeFileSync(snapshot(), saved);
    }
    await produce(kafka.broker, topic, records.slice(40));
    const { code, report } = await place.verify(at(topic), ['--state', place.state]);
    expect({ code, records: report?.streams[0]?.records }).toEqual({ code: 0, records: 60 });
  });

  it('takes no notice of what a killed process left behind it', async () => {
    const topic = await begun();
    writeFileSync(join(place.state, 'state.0a0b0c0d.tmp'), 'half a snapshot');
    await produce(kafka.broker, topic, records.slice(40));
    const { code, report } = await place.verify(at(topic), ['--state', place.state]);
    expect({ code, records: report?.streams[0]?.records }).toEqual({ code: 0, records: 60 });
    expect(readdirSync(place.state)).toEqual(['state']);
  });

  it('of another topic, of a topic that was made anew, of other streams or another policy is refused', async () => {
    const topic = await begun();
    const other = await newTopic();
    const refused = async (from: string, further: readonly string[], what: RegExp): Promise<void> => {
      const { code, stdout, stderr } = await place.verify(from, ['--state', place.state, ...further]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/STATE_CONFLICT/);
      expect(stderr).toMatch(what);
    };
    await refused(at(other), [], new RegExp(`another topic \\(${topic}, not ${other}\\)`));
    await refused(at(topic), ['--origin', `${FLEET}/b`], /other streams/);
    const policy = join(place.directory, 'policy.yaml');
    writeFileSync(policy, `version: 1\nstreams:\n  - origin: ${FLEET}/*\n    end: live\n`);
    await refused(at(topic), ['--policy', policy], /another policy/);

    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.broker] });
    await admin.deleteTopics({ topics: [topic] });
    await admin.close();
    await makeTopics(kafka.broker, [topic]);
    await produce(kafka.broker, topic, records);
    await refused(at(topic), [], /an earlier topic/);
    expect((await place.verify(at(topic))).code).toBe(0);
  });

  it('of another cluster is refused', async () => {
    const topic = await begun();
    rewriteBeginning((saved) => saved.replace(/"cluster":"[^"]+"/, '"cluster":"AAAAAAAAAAAAAAAAAAAAAA"'));
    const { code, stderr } = await place.verify(at(topic), ['--state', place.state]);
    expect({ code, said: stderr.includes('another cluster') }).toEqual({ code: 2, said: true });
  });

  it('whose records were checked by another key is refused; with the key it goes on', async () => {
    const topic = await begun();
    await produce(kafka.broker, topic, records.slice(40));
    const wrong = { FLEET_KEY: Buffer.alloc(32, 7).toString('hex') };
    const { code, stderr } = await place.verify(at(topic), ['--state', place.state], wrong);
    expect(code).toBe(2);
    expect(stderr).toMatch(/STATE_CONFLICT[\s\S]*other keys/);
    expect((await place.verify(at(topic), ['--state', place.state])).code).toBe(0);
  });

  it('is one verifier at a time', async () => {
    const topic = await begun();
    const holder = { token: 'x', host: execFileSync('hostname').toString().trim(), pid: process.pid };
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const space = ['pid', 'time'].map((name) => readlinkSync(`/proc/self/ns/${name}`)).join(' ');
    const stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const lock = { ...holder, boot, space, started };
    writeFileSync(join(place.state, 'state.lock'), JSON.stringify(lock));
    const { code, stderr } = await place.verify(at(topic), ['--state', place.state]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/LOCKED/);
  });

  it('is not a directory of something else, and no file', async () => {
    const topic = await newTopic();
    const full = join(place.directory, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'thesis.tex'), 'three years of work');
    for (const path of [full, place.keyFile]) {
      const { code, stderr } = await place.verify(at(topic), ['--state', path]);
      expect({ code, usage: stderr.includes('USAGE') }).toEqual({ code: 64, usage: true });
    }
    expect(readFileSync(join(full, 'thesis.tex'), 'utf8')).toBe('three years of work');
  });
});

describe('offsets that are not there any more', () => {
  const deleteTo = async (topic: string, offset: bigint): Promise<void> => {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.broker] });
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset }] }] });
    await admin.close();
  };

  it('between what was read and what is left are undecided, and stay so', async () => {
    const topic = await begun();
    await produce(kafka.broker, topic, records.slice(40));
    await deleteTo(topic, 45n);
    for (let round = 0; round < 2; round++) {
      const { code, report } = await place.verify(at(topic), ['--state', place.state]);
      expect(code).toBe(2);
      const gap = expect.stringMatching(/offsets 40 to 44 of partition 0 were deleted before they were read/);
      expect(report?.findings).toContainEqual(expect.objectContaining({ code: 'FILES_MISSING', origin, message: gap }));
      expect(report?.findings).toContainEqual(
        expect.objectContaining({ code: 'FILES_MISSING', origin: '', message: gap }),
      );
      expect(report?.findings.filter(({ severity }) => severity === 'tampered')).toEqual([]);
    }
  });

  it('but were read before are no finding', async () => {
    const topic = await begun();
    await produce(kafka.broker, topic, records.slice(40));
    await deleteTo(topic, 40n);
    const { code, report } = await place.verify(at(topic), ['--state', place.state]);
    expect({ code, records: report?.streams[0]?.records }).toEqual({ code: 0, records: 60 });
  });

  it('at the beginning of a topic leave the start unproven', async () => {
    const topic = await newTopic();
    await produce(kafka.broker, topic, records);
    await deleteTo(topic, 10n);
    const { code, report } = await place.verify(at(topic));
    expect(code).toBe(2);
    expect(report?.findings.map(({ code: what }) => what)).toContain('START_UNPROVEN');
  });

  it('before a first look are told, and a stream that was wholly among them is if a head of it is known', async () => {
    const other = fleetLog(`${FLEET}/b`, 60, 20);
    const known = join(place.directory, 'known.json');
    const since = join(place.directory, 'since');
    const policy = join(place.directory, 'policy.yaml');
    writeFileSync(since, fleetLog(origin, 60, 20).note());
    writeFileSync(policy, `version: 1\nstreams:\n  - origin: ${FLEET}/*\n  - origin: ${origin}\n    pins: [since]\n`);
    const whole = await newTopic();
    await produce(kafka.broker, whole, records);
    expect((await place.verify(at(whole), ['--known', known])).code).toBe(0);

    const topic = await newTopic();
    await produce(kafka.broker, topic, records);
    await produce(
      kafka.broker,
      topic,
      other.lines.map(({ bytes: value }) => ({ key: other.origin, value })),
    );
    await deleteTo(topic, BigInt(records.length));
    const saved = ['--state', place.state];
    for (const further of [[], saved, saved]) {
      const { code, stdout } = await place.verify(at(topic), [...further, '--format', 'text']);
      expect({ code, said: stdout.includes(`begins at offset ${records.length}: a stream`) }).toEqual({
        code: 0,
        said: true,
      });
    }
    for (const head of [
      ['--since', since],
      ['--known', known],
      ['--policy', policy],
    ]) {
      const { code, report } = await place.verify(at(topic), head);
      expect({ head, code }).toEqual({ head, code: 1 });
      expect(report?.findings).toContainEqual(expect.objectContaining({ code: 'KNOWN_CONTRADICTED', origin }));
    }
  });

  it('because a partition is shorter than what was read of it are undecided', async () => {
    const topic = await begun();
    rewriteBeginning((saved) => saved.replace('"positions":[[0,40]]', '"positions":[[0,400]]'));
    const { code, report } = await place.verify(at(topic), ['--state', place.state]);
    expect(code).toBe(2);
    const cut = expect.stringMatching(/was read up to offset 400 and ends at 40 now/);
    expect(report?.findings).toContainEqual(expect.objectContaining({ code: 'FILES_MISSING', message: cut }));
  });
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}
