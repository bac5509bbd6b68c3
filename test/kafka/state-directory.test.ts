import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateOwner } from '../../src/kafka/state/frames.ts';
import { encodeFrame, type Frame, type RunFrame } from '../../src/kafka/state/frames.ts';
import { PendingFrames } from '../../src/kafka/state/pending-frames.ts';
import { StateDirectory } from '../../src/kafka/state/state-directory.ts';
import { TallyCounter } from '../../src/kafka/topic-tally.ts';
import { Random } from '../simulator/random.ts';
import { times } from '../support/tier.ts';

/** What is on the disk at any moment is one saved state, whole. */

const owner: StateOwner = { cluster: 'c', topic: 't', topicId: 'i', origins: ['a'], policy: '' };
const { tally } = new TallyCounter();
let place: string;
let path: string;
let copies = 0;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'fapilog-tamper-state-'));
  path = join(place, 'state');
});
afterEach(() => rmSync(place, { recursive: true }));

const run = (firstSeq: number, count = 10, stream = 0): RunFrame => ({
  kind: 'run',
  stream,
  firstSeq,
  count,
  epoch: 1,
  check: 'mac',
  step: 3,
  line: firstSeq + count,
  offset: 7 * (firstSeq + count),
  hasFrontier: true,
  digests: ['\u00ff'.repeat(32)],
  bytes: Buffer.alloc(32 * count, firstSeq),
});
const line = (at: number, bytes = `line ${at}`, offset = at): Frame => ({
  kind: 'lines',
  stream: 0,
  line: at,
  offset,
  digests: [],
  bytes: Buffer.from(bytes),
});
const framesOf = (at: number): readonly Frame[] => [line(at), run(10 * at + 1)];

const pendingOf = (frames: readonly Frame[]): PendingFrames => {
  const pending = new PendingFrames();
  for (const frame of frames) pending.add(frame);
  return pending;
};
const listOf = async (frames: AsyncIterable<Frame>): Promise<string[]> => {
  const list: string[] = [];
  for await (const frame of frames) list.push(said(frame));
  return list;
};
/** A frame as it is written. */
const said = (frame: Frame): string => encodeFrame(frame).toString('latin1');

const save = async (
  state: StateDirectory,
  at: number,
  frames: readonly Frame[],
  keeps: (frame: RunFrame) => boolean = () => true,
): Promise<void> => state.save({ positions: new Map([[0, at]]), tally }, pendingOf(frames), keeps);

const contentOf = async (directory: string): Promise<{ at: number | undefined; frames: string[] }> => {
  const state = await StateDirectory.open(directory, owner);
  try {
    return { at: new Map(state.saved?.positions).get(0), frames: await listOf(state.frames()) };
  } finally {
    state.close();
  }
};

/** The directory as a kill would leave it: its lock is of nobody who runs. */
const copyOf = (directory: string): string => {
  const copy = join(place, `copy-${copies++}`);
  cpSync(directory, copy, { recursive: true });
  rmSync(join(copy, 'state.lock'), { force: true });
  return copy;
};

describe('a directory', () => {
  it('has what was saved last, and nothing of what was taken since', async () => {
    const expected: string[] = [];
    for (let at = 0; at < 5; at++) {
      const state = await StateDirectory.open(path, owner);
      expect(new Map(state.saved?.positions).get(0)).toBe(at === 0 ? undefined : at);
      await save(state, at + 1, framesOf(at));
      state.close();
      expected.push(...framesOf(at).map(said));
      expect(await contentOf(path)).toEqual({ at: at + 1, frames: expected });
      expect(readdirSync(path)).toEqual(['state']);
    }
  });

  it('has the state of before at every moment of writing another one, then the other one', async () => {
    const state = await StateDirectory.open(path, owner);
    for (let at = 0; at < 3; at++) await save(state, at + 1, framesOf(at));
    const before = await contentOf(copyOf(path));
    const moments: string[] = [];
    await save(state, 4, framesOf(3), () => {
      moments.push(copyOf(path)); // a kill here
      return true;
    });
    expect(moments).toHaveLength(4);
    for (const moment of moments) {
      expect(readdirSync(moment).filter((name) => /^state\.[0-9a-f]{8}\.tmp$/.test(name))).toHaveLength(1);
      expect(await contentOf(moment)).toEqual(before);
      expect(readdirSync(moment)).toEqual(['state']);
    }
    expect(await contentOf(copyOf(path))).toEqual({ at: 4, frames: [...before.frames, ...framesOf(3).map(said)] });
    state.close();
  });

  it('has the state of before, however much of another one was written', async () => {
    const state = await StateDirectory.open(path, owner);
    await save(state, 1, framesOf(0));
    const before = await contentOf(copyOf(path));
    const killed = copyOf(path);
    await save(state, 2, framesOf(1));
    state.close();
    const next = readFileSync(join(path, 'state'));
    for (let length = 0; length <= next.length; length += 37) {
      writeFileSync(join(killed, 'state.0a0b0c0d.tmp'), next.subarray(0, length));
      expect(await contentOf(killed)).toEqual(before);
      expect(readdirSync(killed)).toEqual(['state']);
    }
  });

  it('keeps the state of before if another one cannot be written', async () => {
    const state = await StateDirectory.open(path, owner);
    await save(state, 1, framesOf(0));
    const before = await contentOf(copyOf(path));
    const broken = save(state, 2, framesOf(1), () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    });
    await expect(broken).rejects.toMatchObject({ code: 'WRITE_FAILED', message: expect.stringContaining('ENOSPC') });
    expect(readdirSync(path).sort()).toEqual(['state', 'state.lock']);
    await save(state, 2, framesOf(1));
    expect(await contentOf(copyOf(path))).toEqual({ at: 2, frames: [...before.frames, ...framesOf(1).map(said)] });
    state.close();
  });

  it('is refused if a bit of it is another one, or a part of it is gone, also while it is in use', async () => {
    const state = await StateDirectory.open(path, owner);
    await save(state, 1, framesOf(0));
    const file = join(path, 'state');
    const whole = readFileSync(file);
    const damages: Buffer[] = [];
    for (let length = 0; length < whole.length; length += times(15, 5)) damages.push(whole.subarray(0, length));
    for (let bit = 0; bit < 8 * whole.length; bit += times(37, 13)) {
      const copy = Buffer.from(whole);
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      damages.push(copy);
    }
    damages.push(Buffer.concat([whole, whole]), Buffer.from('{}\n'), Buffer.alloc(1_000));
    const copy = copyOf(path);
    for (const damage of damages) {
      writeFileSync(join(copy, 'state'), damage);
      await expect(StateDirectory.open(copy, owner)).rejects.toMatchObject({ code: 'STATE_MALFORMED' });
    }
    // nor is it copied into another one that looks whole
    for (const damage of damages) {
      writeFileSync(file, damage);
      await expect(save(state, 2, framesOf(1))).rejects.toMatchObject({ code: 'STATE_MALFORMED' });
      expect(readFileSync(file)).toEqual(damage);
    }
    state.close();
  });

  it('of another version is refused by its name, and so is another one’s', async () => {
    const state = await StateDirectory.open(path, owner);
    await save(state, 1, framesOf(0));
    state.close();
    const file = join(path, 'state');
    const whole = readFileSync(file).subarray(0, -32);
    const newer = Buffer.from(whole.toString('latin1').replace('"version":2', '"version":3'), 'latin1');
    writeFileSync(file, Buffer.concat([newer, createHash('sha256').update(newer).digest()]));
    await expect(StateDirectory.open(path, owner)).rejects.toMatchObject({
      code: 'STATE_MALFORMED',
      message: expect.stringContaining('it is of version 3'),
    });
    writeFileSync(file, Buffer.concat([whole, createHash('sha256').update(whole).digest()]));
    for (const [other, what] of [
      [{ cluster: 'd' }, 'another cluster (c, not d)'],
      [{ topic: 'u' }, 'another topic (t, not u)'],
      [{ topicId: 'j' }, 'an earlier topic t'],
      [{ origins: ['b'] }, 'other streams (a, not b)'],
      [{ policy: '00' }, 'another policy'],
    ] as const) {
      await expect(StateDirectory.open(path, { ...owner, ...other })).rejects.toMatchObject({
        code: 'STATE_CONFLICT',
        message: expect.stringContaining(what),
      });
    }
    expect((await contentOf(path)).at).toBe(1);
  });

  it('of something else is left alone, and so is one that another verifier has', async () => {
    mkdirSync(path);
    writeFileSync(join(path, 'journal-0123456789abcdef'), 'of an earlier version');
    await expect(StateDirectory.open(path, owner)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('journal-0123456789abcdef'),
    });
    rmSync(join(path, 'journal-0123456789abcdef'));
    const state = await StateDirectory.open(path, owner);
    await expect(StateDirectory.open(path, owner)).rejects.toMatchObject({ code: 'LOCKED' });
    state.close();
    (await StateDirectory.open(path, owner)).close();
  });
});

describe('a snapshot', () => {
  it('has runs without a line between as one, and leaf hashes that may be asked for', async () => {
    const state = await StateDirectory.open(path, owner);
    const gap: Frame = { kind: 'event', event: { what: 'gap', partition: 0, from: 1, to: 2 } };
    await save(state, 1, [run(1), run(11), run(21)]);
    const later = [run(31, 10, 1), run(31), gap, run(41), run(51)];
    await save(state, 2, later, ({ firstSeq }) => firstSeq > 31);
    const list: string[] = [];
    for await (const frame of state.frames()) {
      if (frame.kind !== 'run') list.push(frame.kind);
      else list.push(`${frame.stream}: ${frame.firstSeq} ${frame.count} ${frame.bytes.length}`);
    }
    expect(list).toEqual(['0: 1 40 0', '1: 31 10 0', 'event', '0: 41 10 320', '0: 51 10 320']);
    state.close();
  });

  it('has every frame as it was taken, however long, also if it was shortened before', async () => {
    const random = new Random(1);
    const frames: Frame[] = [{ kind: 'stream', origin: 'a', partition: 3 }];
    for (let at = 1; at < 300; at++) {
      frames.push(line(at, random.bytes(random.between(0, random.chance(0.03) ? 3_000_000 : 200)).toString('latin1')));
      frames.push({
        ...run(10 * at),
        digests: Array.from({ length: at % 20 }, () => random.bytes(32).toString('latin1')),
      });
    }
    const pending = pendingOf(frames);
    expect(await listOf(pending.frames())).toEqual(frames.map(said));
    await pending.shorten(() => true);
    const state = await StateDirectory.open(path, owner);
    await state.save({ positions: new Map(), tally }, pending, () => true);
    expect(await listOf(state.frames())).toEqual(frames.map(said));
    state.close();
  });

  it('has the lines of one record together', async () => {
    const pending = pendingOf([line(1, 'a', 7), line(2, '', 7), line(3, 'b', 7), line(4, 'c', 8), line(6, 'd', 8)]);
    const kept = ['a\n\nb', 'c', 'd'].map((bytes, at) => said(line([1, 4, 6][at] ?? 0, bytes, [7, 8, 8][at])));
    expect(await listOf(pending.frames())).toEqual(kept);
  });
});
