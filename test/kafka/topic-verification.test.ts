import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { createDataKey } from '../../src/index.ts';
import type { Frame, StateOwner } from '../../src/kafka/state/frames.ts';
import { PendingFrames } from '../../src/kafka/state/pending-frames.ts';
import { StateDirectory } from '../../src/kafka/state/state-directory.ts';
import type { TopicPart } from '../../src/kafka/topic-reader.ts';
import { TopicStreams } from '../../src/kafka/topic-streams.ts';
import {
  SavingPace,
  TopicVerification,
  type VerificationParts,
  type VerifiedTopic,
} from '../../src/kafka/topic-verification.ts';
import type { VerifyOptions } from '../../src/verify/auditor/options.ts';
import { LINE_LIMIT } from '../../src/verify/input/line-splitter.ts';
import type { Finding } from '../../src/verify/model/findings.ts';
import { Random } from '../simulator/random.ts';
import { policyOf, signedBy } from '../support/erasing.ts';
import { erase, SealedLog } from '../support/sealed-log.ts';
import { times } from '../support/tier.ts';
import { FLEET, fleetKey, fleetLog, tamperings } from '../support/topic-logs.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';

/**
 * A topic without a broker: what happens to one of its streams, that it is the same after a replay, and that processes that are
 * killed at any step come to the same as one that is not.
 */

const origin = `${FLEET}/a`;
const lines = fleetLog(origin, 40, 10).lines.map(({ bytes }) => bytes);

const auditor = (available: () => boolean): VerifyOptions => ({
  paths: [],
  origin: `${FLEET}/*`,
  dataKeys: [
    {
      source: 'env',
      named: [{ name: 'audit' }],
      givenBy: 'the test',
      keys: {
        getKey: async () => {
          if (!available()) throw new TamperError('UNAVAILABLE', 'the key service does not answer');
          return createDataKey({ material: Buffer.from(fleetKey, 'hex'), source: 'env', identity: 'audit' });
        },
        recoverKey: async () => {
          throw new TamperError('UNSUPPORTED_OPERATION', 'a local key');
        },
      },
    },
  ],
});

const streamsOf = (available = true) => {
  const pending = new PendingFrames();
  const found: string[] = [];
  const streams = new TopicStreams(
    't',
    auditor(() => available),
    [],
    pending,
    (_origin, { code }) => found.push(code),
  );
  const take = async (values: readonly Buffer[], from = 0, partition = 0): Promise<void> => {
    for (const [at, value] of values.entries()) await streams.take(partition, from + at, Buffer.from(origin), value);
    streams.closeRuns();
  };
  return { streams, pending, found, take };
};

describe('streams of a topic', () => {
  it('with erased records are undecided, whatever erasure log the policy names: none is read there (R1.3)', async () => {
    const log = new SealedLog(origin)
      .open({ signers: [edKey], salted: true })
      .seal()
      .checkpoint()
      .record('{"n":1}', '{"n":2}')
      .close()
      .checkpoint();
    erase(log, 4);
    const policy = await policyOf([signedBy(origin, edKey), signedBy('erasures/a', nextEdKey)], ['erasures/a']);
    const found: string[] = [];
    const options = { paths: [], origin, policy };
    const streams = new TopicStreams('t', options, [], new PendingFrames(), (_origin, { code }) => found.push(code));
    for (const [at, { bytes }] of log.lines.entries()) await streams.take(0, at, Buffer.from(origin), bytes);
    streams.closeRuns();
    const [stream] = await streams.end([]);
    expect(stream?.findings.list().map(({ code }) => code)).toEqual(['ERASED_UNPROVEN']);
    expect(stream?.findings.list()[0]?.message).toContain('not all of the erasure logs');
  });

  it('that a key service did not answer for are not to be saved, and cannot be gone on with until it answers', async () => {
    const away = streamsOf(false);
    await away.take(lines.slice(0, 20));
    expect(away.streams.keyServiceFailed).toBe(true);

    const there = streamsOf();
    await there.take(lines.slice(0, 20));
    expect(there.streams.keyServiceFailed).toBe(false);
    await expect(streamsOf(false).streams.replay(there.pending.frames())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
    });

    const again = streamsOf();
    await again.streams.replay(there.pending.frames());
    await again.take(lines.slice(20), 20);
    const [stream] = await again.streams.end([]);
    expect(stream?.facts).toMatchObject({ records: 40, lastSeq: lines.length - 6, end: 'closed' });
  });

  it('with a line that no reader takes end there, also after a replay', async () => {
    const first = streamsOf();
    await first.take([...lines.slice(0, 10), Buffer.alloc(LINE_LIMIT + 1, 0x78), ...lines.slice(10)]);
    expect(first.found).toContain('LIMIT');
    const second = streamsOf();
    await second.streams.replay(first.pending.frames());
    await second.take(lines.slice(10), 11);
    expect(second.found).toEqual([]); // it was told before
    const outcomes = await Promise.all([first, second].map(async ({ streams }) => streams.end([])));
    expect(outcomes[1]?.map(({ findings }) => findings.list())).toEqual(
      outcomes[0]?.map(({ findings }) => findings.list()),
    );
    expect(outcomes[0]?.[0]?.findings.list().map(({ code }) => code)).toContain('LIMIT');
  });

  it('that a partition loses offsets of go on as behind a file that is not here, also after a replay', async () => {
    const straight = streamsOf();
    const interrupted = streamsOf();
    for (const one of [straight, interrupted]) {
      await one.take(lines.slice(0, 20));
      await one.streams.lose({ what: 'gap', partition: 0, from: 20, to: 25 });
      await one.streams.lose({ what: 'gap', partition: 1, from: 0, to: 7 }); // none of its
    }
    const later = streamsOf();
    await later.streams.replay(interrupted.pending.frames());
    for (const one of [straight, later]) await one.take(lines.slice(25), 25);
    const codes = await Promise.all(
      [straight, later].map(async ({ streams }) =>
        (await streams.end([])).map(({ findings }) => findings.list().map(({ code, seq }) => `${code} ${seq ?? ''}`)),
      ),
    );
    expect(codes[1]).toEqual(codes[0]);
    expect(codes[0]?.flat().filter((one) => one.startsWith('FILES_MISSING'))).toHaveLength(2);
    expect(codes[0]?.flat().some((one) => one.startsWith('ENTRIES_MISSING'))).toBe(false);
  });

  it('keep of plain records no byte, and of everything else each', async () => {
    const { pending, take } = streamsOf();
    await take(lines);
    const all: Frame[] = [];
    for await (const frame of pending.frames()) all.push(frame);
    const kept = all.flatMap((frame) => (frame.kind === 'lines' ? [Buffer.from(frame.bytes).toString()] : []));
    expect(kept).toEqual(lines.map(String).filter((line) => !line.includes('"msg":')));
    const counted = all.flatMap((frame) => (frame.kind === 'run' ? [frame.count] : []));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(40);
  });

  it('keep of many short lines in one record about their bytes, and find the same in them after a replay', async () => {
    const many = Buffer.from('x\n\n'.repeat(100_000));
    const straight = streamsOf();
    await straight.take([...lines.slice(0, 10), many, Buffer.concat([many, lines[10] as Buffer]), ...lines.slice(11)]);
    const interrupted = streamsOf();
    await interrupted.take([...lines.slice(0, 10), many]);
    expect(interrupted.pending.length).toBeLessThan(1.1 * many.length);
    const later = streamsOf();
    await later.streams.replay(interrupted.pending.frames());
    await later.take([Buffer.concat([many, lines[10] as Buffer]), ...lines.slice(11)], 11);
    const outcomes = await Promise.all([straight, later].map(async ({ streams }) => streams.end([])));
    const [expected, found] = outcomes.map(([stream]) => [
      stream?.findings.list(),
      stream?.findings.more,
      stream?.facts,
    ]);
    expect(found).toEqual(expected);
  });
});

const owner: StateOwner = { cluster: 'c', topic: 't', topicId: 'i', origins: [`${FLEET}/*`], policy: '' };
let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'fapilog-tamper-verification-'));
});
afterEach(() => rmSync(place, { recursive: true }));

/** What a topic of a few streams gives, answer by answer: tampered ones, lost offsets, a stream in two partitions. */
function answersOf(seed: number): readonly (readonly TopicPart[])[] {
  const random = new Random(seed);
  const partitions = random.between(1, 3);
  const streams = Array.from({ length: random.between(2, 4) }, (_, at) => {
    const log = fleetLog(`${FLEET}/s${at}`, random.between(20, 60), random.between(5, 20));
    const whole = log.lines.map(({ bytes }) => bytes);
    const tamper = random.chance(0.5) ? random.pick(Object.values(tamperings(random.between(2, 15)))) : undefined;
    return { key: Buffer.from(log.origin), partition: at % partitions, left: tamper?.(whole, log) ?? whole };
  });
  const next = Array.from({ length: partitions }, () => 0);
  const answers: TopicPart[][] = [];
  while (streams.some(({ left }) => left.length > 0)) {
    const stream = random.pick(streams);
    const partition = random.chance(0.01) ? (stream.partition + 1) % partitions : stream.partition;
    const start = next[partition] as number;
    const kind = random.weighted({ lines: 20, gap: 1, others: 1 });
    if (kind === 'gap') {
      const to = start + random.between(1, 5);
      next[partition] = to;
      answers.push([{ kind: 'loss', event: { what: 'gap', partition, from: start, to } }]);
      continue;
    }
    const key = kind === 'lines' ? stream.key : random.pick([null, Buffer.from('audit.example.com/others')]);
    const values = kind === 'lines' ? stream.left.splice(0, random.between(1, 12)) : [Buffer.from('x')];
    const records = values.map((value, at) => ({ offset: start + at, key, value }));
    next[partition] = start + records.length;
    answers.push([{ kind: 'records', fetched: { partition, start, records, next: start + records.length } }]);
  }
  return answers;
}

class Killed extends Error {}

/** Where a process is killed. */
const PLACES = ['before an answer', 'before telling', 'behind telling', 'before saving', 'behind saving'] as const;
interface Kill {
  readonly at: (typeof PLACES)[number];
  /** How often it gets past that place. */
  readonly after: number;
}

type Reading = Pick<VerificationParts, 'reader' | 'findings' | 'state'>;

const sorted = (positions: Iterable<readonly [number, number]>): string =>
  JSON.stringify([...positions].sort(([a], [b]) => a - b));

/** The positions behind so many answers. */
function positionsBehind(answers: readonly (readonly TopicPart[])[], count: number): string {
  const positions = new Map<number, number>();
  for (const part of answers.slice(0, count).flat()) {
    if (part.kind === 'loss') positions.set(part.event.partition, part.event.to);
    else positions.set(part.fetched.partition, part.fetched.next);
  }
  return sorted(positions);
}

/** Gives the answers behind the positions that were saved, until it is killed. */
function readingOf(
  answers: readonly (readonly TopicPart[])[],
  state: StateDirectory | undefined,
  published: Set<string>,
  kill?: Kill,
): Reading {
  let left = kill?.after ?? 0;
  const random = new Random(left);
  const pass = (at: Kill['at']): void => {
    if (kill?.at === at && left-- === 0) throw new Killed(at);
  };
  const waiting: string[] = [];
  const save = state?.save.bind(state);
  if (state !== undefined && save !== undefined) {
    state.save = async (...args) => {
      expect(waiting).toEqual([]); // what was found is written before its record counts as read
      pass('before saving');
      await save(...args);
      pass('behind saving');
    };
  }
  let at = 0;
  const reader: Reading['reader'] = {
    begin: async (saved) => {
      while (at <= answers.length && positionsBehind(answers, at) !== sorted(saved ?? [])) at++;
      expect(at).toBeLessThanOrEqual(answers.length);
      return [];
    },
    next: async () => {
      pass('before an answer');
      vi.advanceTimersByTime(random.between(400, 1_000)); // it is saved each second
      return answers[at++];
    },
    heldBack: async () => [],
  };
  const findings: Reading['findings'] = {
    add: (of, { quoted: _quoted, ...finding }: Finding) => void waiting.push(JSON.stringify([of, finding])),
    flush: async () => {
      pass('before telling');
      for (const one of waiting.splice(0)) published.add(one);
      pass('behind telling');
    },
  };
  return { reader, findings, state };
}

async function verified(reading: Reading, available = true): Promise<unknown> {
  const verify = auditor(() => available);
  const told = { onFinding: undefined, onBytes: () => undefined };
  return outcomeOf(await new TopicVerification({ topic: 't', verify, held: [], ...told, ...reading }).run());
}

function outcomeOf({ streams, tally, positions }: VerifiedTopic): unknown {
  const said = streams.map(({ facts, findings, roots }) => [facts, findings.list(), findings.more, [...roots]]);
  return { streams: said, tally, positions: sorted(positions) };
}

describe('a verification', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it.each(Array.from({ length: times(1, 15) }, (_, seed) => seed))(
    'that is killed at any step, again and again, comes to what it comes to without a kill, seed %i',
    async (seed) => {
      const answers = answersOf(seed);
      const expected = new Set<string>();
      const whole = await verified(readingOf(answers, undefined, expected));
      const random = new Random(seed);
      let directories = 0;
      const killed = async (kills: readonly Kill[]): Promise<number> => {
        const path = join(place, String(directories++));
        const published = new Set<string>();
        let count = 0;
        for (const kill of [...kills, undefined]) {
          const state = await StateDirectory.open(path, owner);
          try {
            expect(await verified(readingOf(answers, state, published, kill))).toEqual(whole);
          } catch (error) {
            if (!(error instanceof Killed)) throw error;
            count++;
          } finally {
            state.close();
          }
        }
        expect(published).toEqual(expected); // the same finding is the same each time
        return count;
      };
      for (const at of PLACES) {
        expect(await killed([{ at, after: 0 }])).toBe(1);
        for (let after = 1; after < answers.length; after += random.between(1, 8)) await killed([{ at, after }]);
      }
      const often = Array.from({ length: 30 }, () => ({ at: random.pick(PLACES), after: random.between(0, 3) }));
      expect(await killed(often)).toBeGreaterThan(3);
    },
  );

  it('saves nothing if a key service does not answer, so that it is asked again', async () => {
    const answers = answersOf(1);
    const read = async (available: boolean): Promise<unknown> => {
      const state = await StateDirectory.open(join(place, 'state'), owner);
      expect(state.saved).toBeUndefined();
      try {
        return await verified(readingOf(answers, state, new Set()), available);
      } finally {
        state.close();
      }
    };
    await read(false);
    expect(await read(true)).toEqual(await verified(readingOf(answers, undefined, new Set())));
  });

  // it takes 300 MB of memory
  it.each(Array.from({ length: times(0, 1) }))(
    'saves lines of a stranger before they fill the memory, however soon after the last snapshot',
    async () => {
      const state = await StateDirectory.open(join(place, 'state'), owner);
      const waited: number[] = [];
      const save = state.save.bind(state);
      state.save = async (progress, pending, keeps) => {
        waited.push(Math.round(pending.length / 2 ** 20));
        await save(progress, pending, keeps);
      };
      const [key, long] = [Buffer.from(origin), Buffer.alloc(8 * 2 ** 20, 'x')];
      const values = [...lines.slice(0, 5), ...Array.from({ length: 40 }, () => long)];
      const records = values.map((value, offset) => ({ offset, key, value }));
      const fetched = { partition: 0, start: 0, records, next: records.length };
      const answers: TopicPart[][] = [[{ kind: 'records', fetched }]];
      const reader = { begin: async () => [], next: async () => answers.shift(), heldBack: async () => [] };
      await verified({ reader, state, findings: undefined });
      state.close();
      expect(waited).toEqual([128, 128, 64]);
      const again = await StateDirectory.open(join(place, 'state'), owner);
      again.close();
      expect(again.saved?.positions).toEqual([[0, records.length]]);
    },
  );
});

describe('the pace of saving', () => {
  it('leaves writing snapshots at most a twentieth of the time, however they grow', async () => {
    const random = new Random(1);
    let now = 0;
    let written = 0;
    const pace = new SavingPace(() => now);
    expect(pace.isDue).toBe(true);
    for (let size = 1; size < 1_000_000; ) {
      now += 1 + (random.next() % 1_000); // what is read in between
      size += random.next() % 2_000;
      if (!pace.isDue) continue;
      await pace.save(async () => {
        now += size;
        written += size;
      });
      expect(pace.isDue).toBe(false);
    }
    while (!pace.isDue) now += 1_000;
    expect(written / now).toBeLessThanOrEqual(1 / 20);
    expect(written / now).toBeGreaterThan(1 / 25); // nor are they rarer than that
  });
});
