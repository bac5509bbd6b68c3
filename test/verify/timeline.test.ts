import { describe, expect, it } from 'vitest';
import { Timeline, TimelineRoom } from '../../src/verify/model/timeline.ts';

const opens = (timeline: Timeline, count: number): void => {
  for (let at = 1; at <= count; at++) timeline.add({ kind: 'open', seq: at, why: 'recovered' });
};

describe('a timeline does not grow with the log', () => {
  it('of a million checkpoints a selection is kept: evenly spaced, with the first and the last', () => {
    const timeline = new Timeline();
    for (let size = 1; size <= 1_000_000; size++) timeline.addCheckpoint(size, undefined, ['signature']);
    const { events, counts } = timeline.report;
    const sizes = events.map(({ seq }) => seq);
    expect(counts.checkpoint).toBe(1_000_000);
    expect(sizes.length).toBeLessThanOrEqual(257);
    expect(sizes.length).toBeGreaterThan(100);
    expect([sizes[0], sizes.at(-1)]).toEqual([1, 1_000_000]);
    const steps = new Set(sizes.slice(1, -1).map((size, at) => size - (sizes[at] ?? 0)));
    expect(steps.size).toBe(1);
  });

  it('a flood of one kind takes no room from another', () => {
    const timeline = new Timeline();
    opens(timeline, 100_000);
    timeline.add({ kind: 'gap', seq: 7, dropped: 3 });
    expect(timeline.report.events.find(({ kind }) => kind === 'gap')).toEqual({ kind: 'gap', seq: 7, dropped: 3 });
  });

  it('all streams of a report share one room, and each still has its first and its last event', () => {
    const room = new TimelineRoom(100);
    const timelines = Array.from({ length: 50 }, () => new Timeline(room));
    for (const timeline of timelines) opens(timeline, 1_000);
    const kept = timelines.map(({ report }) => report.events.map(({ seq }) => seq));
    expect(kept.every((seqs) => seqs[0] === 1 && seqs.at(-1) === 1_000)).toBe(true);
    expect(kept.flat().length).toBeLessThanOrEqual(100 + 50 * 9);
  });

  it('what a crash abandoned is left out, and its room is free again', () => {
    const room = new TimelineRoom(40);
    const timeline = new Timeline(room);
    opens(timeline, 48);
    timeline.goBack(10);
    expect(timeline.report.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const other = new Timeline(room);
    opens(other, 46);
    expect(other.report.events).toHaveLength(46);
  });

  it('a checkpoint that comes again with another signature is one event', () => {
    const timeline = new Timeline();
    timeline.addCheckpoint(2, '2026-11-24T23:00:00.000Z', ['mac']);
    timeline.addCheckpoint(2, '2026-11-24T23:00:00.000Z', ['signature']);
    expect(timeline.report).toMatchObject({
      events: [{ kind: 'checkpoint', seq: 2, checkedBy: ['mac', 'signature'] }],
      counts: { checkpoint: 1 },
    });
  });
});
