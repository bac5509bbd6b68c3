import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shorterJournal } from '../../src/kafka/state/compaction.ts';
import { FrameBuffer, framesOf } from '../../src/kafka/state/frames.ts';
import type { StateOwner } from '../../src/kafka/state/saved-state.ts';
import { StateDirectory } from '../../src/kafka/state/state-directory.ts';
import { TallyCounter } from '../../src/kafka/topic-tally.ts';

/** What is on the disk at any moment is one saved state, whole. */

const owner: StateOwner = { cluster: 'c', topic: 't', topicId: 'i', origins: ['a'], policy: '' };
const { tally } = new TallyCounter();
let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'fapilog-tamper-state-'));
});
afterEach(() => rmSync(place, { recursive: true }));

const run = (firstSeq: number, count = 10) => ({
  kind: 'run' as const,
  stream: 0,
  run: {
    firstSeq,
    count,
    epoch: 1,
    check: 'mac' as const,
    step: 3,
    line: firstSeq + count,
    offset: 7 * (firstSeq + count),
    leaves: Buffer.alloc(32 * count, firstSeq),
    frontier: ['x'.repeat(32)],
  },
});

const bodyOf = (at: number): Buffer => {
  const frames = new FrameBuffer();
  frames.add({ kind: 'line', stream: 0, line: at, offset: at, bytes: Buffer.from(`line ${at}`), good: [] });
  frames.add(run(10 * at + 1));
  return Buffer.from(frames.bytes);
};

const contentOf = async (path: string): Promise<{ at: number | undefined; bodies: string[] }> => {
  const state = await StateDirectory.open(path, owner);
  try {
    const bodies: string[] = [];
    for await (const body of state.bodies()) bodies.push(body.toString('latin1'));
    return { at: state.saved?.positions.get(0), bodies };
  } finally {
    await state.close();
  }
};

describe('a directory', () => {
  it('has what was saved last, and what is written afterwards and not saved is nothing', async () => {
    const path = join(place, 'state');
    for (let at = 0; at < 5; at++) {
      const state = await StateDirectory.open(path, owner);
      expect(state.saved?.positions.get(0)).toBe(at === 0 ? undefined : at);
      await state.save(bodyOf(at), { positions: new Map([[0, at + 1]]), tally });
      await state.close();
      const expected = Array.from({ length: at + 1 }, (_, one) => bodyOf(one).toString('latin1'));
      expect(await contentOf(path)).toEqual({ at: at + 1, bodies: expected });
    }
  });

  it('says the same behind a journal that was shortened, and at every moment before', async () => {
    const path = join(place, 'state');
    const state = await StateDirectory.open(path, owner);
    for (let at = 0; at < 5; at++) await state.save(bodyOf(at), { positions: new Map([[0, at + 1]]), tally });
    const before = await contentOf(copyOf(path));
    async function* interrupted(): AsyncGenerator<Buffer> {
      for await (const body of shorterJournal(state.bodies(), [1000], 0)) {
        yield body;
        expect(await contentOf(copyOf(path))).toEqual(before); // a kill here
      }
    }
    await state.replaceJournal(interrupted(), { positions: new Map([[0, 5]]), tally });
    await state.save(bodyOf(6), { positions: new Map([[0, 6]]), tally });
    await state.close();
    expect(readdirSync(path).filter((name) => name.startsWith('journal'))).toHaveLength(1);
    const after = await contentOf(path);
    expect(after.at).toBe(6);
    const frames = after.bodies.flatMap((body) => [...framesOf(Buffer.from(body, 'latin1'))]);
    const lines = frames.flatMap((frame) => (frame.kind === 'line' ? [frame.line] : []));
    const runs = frames.flatMap((frame) => (frame.kind === 'run' ? [frame.run] : []));
    expect(lines).toEqual([0, 1, 2, 3, 4, 6]);
    expect(runs.map(({ firstSeq, leaves }) => [firstSeq, leaves.length])).toEqual([
      ...[1, 11, 21, 31, 41].map((seq) => [seq, 0]),
      [61, 320],
    ]);
  });

  let copies = 0;
  /** The directory as a kill would leave it: its lock is of nobody who runs. */
  function copyOf(path: string): string {
    const copy = join(place, `copy-${copies++}`);
    cpSync(path, copy, { recursive: true });
    rmSync(join(copy, 'state.lock'), { force: true });
    return copy;
  }
});

describe('a shorter journal', () => {
  it('joins runs that follow one another without a line between, and keeps new leaves', async () => {
    const frames = new FrameBuffer();
    for (const seq of [1, 11, 21]) frames.add(run(seq));
    frames.add({ ...run(31), stream: 1 });
    frames.add(run(31));
    frames.add({ kind: 'event', event: { what: 'gap', partition: 0, from: 1, to: 2 } });
    frames.add(run(41));
    frames.add(run(51));
    async function* bodies(): AsyncGenerator<Buffer> {
      yield frames.bytes;
    }
    const shorter: Buffer[] = [];
    for await (const body of shorterJournal(bodies(), [61, 61], 15)) shorter.push(Buffer.from(body));
    const kept = shorter.flatMap((body) => [...framesOf(body)]);
    const said = kept.map((frame) =>
      frame.kind === 'run'
        ? `${frame.stream}: ${frame.run.firstSeq} ${frame.run.count} ${frame.run.leaves.length}`
        : frame.kind,
    );
    expect(said).toEqual(['0: 1 40 0', '1: 31 10 0', 'event', '0: 41 10 320', '0: 51 10 320']);
  });
});
