import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Reads what a process of ours may write to at this moment, a piece at a time: heaps, stacks, memory of its libraries. For Linux. */
function* memoryOf(pid: number): Generator<Buffer> {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined || line.endsWith('[vvar]')) continue;
      const start = Number.parseInt(from, 16);
      const piece = Buffer.alloc(Number.parseInt(to, 16) - start);
      const length = readSync(memory, piece, 0, piece.length, start);
      yield piece.subarray(0, length);
    }
  } finally {
    closeSync(memory);
  }
}

/** How often each of these stands in it. */
export function timesInMemory(pid: number, needles: readonly Buffer[]): number[] {
  const times = needles.map(() => 0);
  for (const piece of memoryOf(pid)) {
    for (const [index, needle] of needles.entries()) {
      for (let at = piece.indexOf(needle); at >= 0; at = piece.indexOf(needle, at + 1))
        times[index] = (times[index] ?? 0) + 1;
    }
  }
  return times;
}
