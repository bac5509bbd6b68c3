import type { RecordedRun } from '../../verify/stream/recorded-run.ts';
import { FrameBuffer, framesOf } from './frames.ts';
import { BLOCK_LIMIT } from './journal.ts';

/**
 * A journal that says the same in fewer bytes: leaf hashes that are too old to be asked for again are left out, and runs that
 * follow one another become one. `reached` is the next seq of each stream; the newest `keptLeaves` entries keep their leaves.
 */
export async function* shorterJournal(
  bodies: AsyncIterable<Buffer>,
  reached: readonly number[],
  keptLeaves: number,
): AsyncGenerator<Buffer> {
  const written = new FrameBuffer();
  const waiting = new Map<number, RecordedRun>();
  const write = (stream: number): void => {
    const run = waiting.get(stream);
    if (run !== undefined) written.add({ kind: 'run', stream, run });
    waiting.delete(stream);
  };
  for await (const body of bodies) {
    for (const frame of framesOf(body)) {
      if (frame.kind === 'run') {
        const { stream } = frame;
        const old = frame.run.firstSeq + frame.run.count + keptLeaves < (reached[stream] ?? 0);
        const run = old ? { ...frame.run, leaves: new Uint8Array(0) } : frame.run;
        const before = waiting.get(stream);
        if (before !== undefined && old && goesOn(before, run)) {
          waiting.set(stream, { ...run, firstSeq: before.firstSeq, count: before.count + run.count });
          continue;
        }
        write(stream);
        if (old) waiting.set(stream, run);
        else written.add({ kind: 'run', stream, run });
      } else {
        if (frame.kind === 'line') write(frame.stream);
        else if (frame.kind === 'event') for (const stream of [...waiting.keys()]) write(stream);
        written.add(frame);
      }
      if (written.length < BLOCK_LIMIT) continue;
      yield written.bytes;
      written.clear();
    }
  }
  for (const stream of [...waiting.keys()]) write(stream);
  if (written.length > 0) yield written.bytes;
}

function goesOn(before: RecordedRun, run: RecordedRun): boolean {
  return (
    before.firstSeq + before.count === run.firstSeq &&
    before.check === run.check &&
    before.step === run.step &&
    before.epoch === run.epoch &&
    before.leaves.length === 0 &&
    (before.frontier === undefined) === (run.frontier === undefined)
  );
}
