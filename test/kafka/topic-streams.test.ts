import { describe, expect, it } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { createDataKey } from '../../src/index.ts';
import { FrameBuffer, framesOf } from '../../src/kafka/state/frames.ts';
import { TopicStreams } from '../../src/kafka/topic-streams.ts';
import type { VerifyOptions } from '../../src/verify/auditor/options.ts';
import { LINE_LIMIT } from '../../src/verify/input/line-splitter.ts';
import { FLEET, fleetKey, fleetLog } from '../support/topic-logs.ts';

/** Streams of a topic without a broker: what happens to one of them, and that it is the same after a replay. */

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
  const frames = new FrameBuffer();
  const found: string[] = [];
  const streams = new TopicStreams(
    't',
    auditor(() => available),
    [],
    frames,
    (_origin, { code }) => found.push(code),
  );
  const take = async (values: readonly Buffer[], from = 0, partition = 0): Promise<void> => {
    for (const [at, value] of values.entries()) await streams.take(partition, from + at, Buffer.from(origin), value);
    streams.closeRuns();
  };
  return { streams, frames, found, take };
};

describe('streams of a topic', () => {
  it('that a key service did not answer for are not to be saved, and cannot be gone on with until it answers', async () => {
    const away = streamsOf(false);
    await away.take(lines.slice(0, 20));
    expect(away.streams.keyServiceFailed).toBe(true);

    const there = streamsOf();
    await there.take(lines.slice(0, 20));
    expect(there.streams.keyServiceFailed).toBe(false);
    const body = Buffer.from(there.frames.bytes);
    await expect(streamsOf(false).streams.replay(body)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });

    const again = streamsOf();
    await again.streams.replay(body);
    await again.take(lines.slice(20), 20);
    const [stream] = await again.streams.end([]);
    expect(stream?.facts).toMatchObject({ records: 40, lastSeq: lines.length - 6, end: 'closed' });
  });

  it('with a line that no reader takes end there, also after a replay', async () => {
    const first = streamsOf();
    await first.take([...lines.slice(0, 10), Buffer.alloc(LINE_LIMIT + 1, 0x78), ...lines.slice(10)]);
    expect(first.found).toContain('LIMIT');
    const second = streamsOf();
    await second.streams.replay(Buffer.from(first.frames.bytes));
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
    await later.streams.replay(Buffer.from(interrupted.frames.bytes));
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
    const { frames, take } = streamsOf();
    await take(lines);
    const all = [...framesOf(frames.bytes)];
    const kept = all.flatMap((frame) => (frame.kind === 'line' ? [frame.bytes.toString()] : []));
    expect(kept).toEqual(lines.map(String).filter((line) => !line.includes('"msg":')));
    const counted = all.flatMap((frame) => (frame.kind === 'run' ? [frame.run.count] : []));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(40);
  });
});
