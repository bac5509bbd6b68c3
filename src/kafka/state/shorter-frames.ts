import type { Frame, RunFrame } from './frames.ts';

/** Not a part of what was read, which would be kept with it. */
const NOTHING = new Uint8Array(0);

/** Whether the leaf hashes of a run may be asked for again. */
export type LeavesKept = (run: RunFrame) => boolean;

/** Says the same in fewer bytes: without leaf hashes that nobody asks for again, and with runs that follow one another as one. */
export async function* shorterFrames(frames: AsyncIterable<Frame>, keeps: LeavesKept): AsyncGenerator<Frame> {
  const waiting = new Map<number, RunFrame>();
  for await (const frame of frames) {
    const run = frame.kind === 'run' ? withoutOldLeaves(frame, keeps) : undefined;
    const before = run && waiting.get(run.stream);
    if (run !== undefined && before !== undefined && goesOn(before, run)) {
      waiting.set(run.stream, { ...run, firstSeq: before.firstSeq, count: before.count + run.count });
      continue;
    }
    for (const stream of 'stream' in frame ? [frame.stream] : [...waiting.keys()]) {
      const ended = waiting.get(stream);
      if (ended !== undefined) yield ended;
      waiting.delete(stream);
    }
    if (run?.bytes.length === 0) waiting.set(run.stream, run);
    else yield frame;
  }
  yield* waiting.values();
}

function withoutOldLeaves(run: RunFrame, keeps: LeavesKept): RunFrame {
  return run.bytes.length > 0 && keeps(run) ? run : { ...run, bytes: NOTHING };
}

function goesOn(before: RunFrame, run: RunFrame): boolean {
  return (
    run.bytes.length === 0 &&
    before.firstSeq + before.count === run.firstSeq &&
    before.check === run.check &&
    before.step === run.step &&
    before.epoch === run.epoch &&
    before.hasFrontier === run.hasFrontier
  );
}
