import fc from 'fast-check';
import { expect, it } from 'vitest';
import { digestText } from '../../src/core/hash.ts';
import { Frontier } from '../../src/core/tree.ts';
import type { Sink } from '../../src/seal/disk/sink.ts';
import type { Epoch } from '../../src/seal/epoch/epoch.ts';
import { EntryLog } from '../../src/seal/stream/entry-log.ts';

/** A pipe whose reader goes away has taken any part of what was written to it, so a part of a line too. */

const epoch = { kid: 'AbCdEfGh.1', member: 'hash', recordKey: undefined, authenticate: digestText } as unknown as Epoch;

/** Takes so many bytes, and no more. */
function sinkOf(room: number): Sink {
  let left = room;
  const write = (_bytes: Buffer, start: number, end: number): number => {
    const taken = Math.min(left, end - start);
    left -= taken;
    return taken;
  };
  return { name: '-', inPlace: true, inode: '', size: 0, obstacle: undefined, write } as unknown as Sink;
}

const lines = ['{"a":{"b":1}}', 'say "{}"', '{}', '{"nested":{"integrity":{"seq":1}}}', 'last'];

it('keeps whole lines as they were given, whatever part of one was taken', () => {
  fc.assert(
    fc.property(fc.nat(1_200), fc.nat(600), fc.nat(3), (room, more, longer) => {
      const log = new EntryLog(new Frontier(), epoch, sinkOf(room));
      const append = (line: string): void => {
        const input = Buffer.from(`${line}\n`);
        const given = { input, from: 0, to: input.length, inputBytes: input.length, areObjects: false };
        log.appendLines({ ...given, maxLineBytes: 1_000, records: 1 }, 1, Number.MAX_SAFE_INTEGER);
      };
      for (const line of lines) append(line);
      log.writeOut();
      if (more > 300) append('later');
      if (longer === 0) log.appendObject(`{"a":"${'x'.repeat(700_000)}"}`); // it needs more memory than there is
      const kept = Buffer.concat(log.unwritten(0).bytes).toString();
      const all = [
        ...lines,
        ...(more > 300 ? ['later'] : []),
        ...(longer === 0 ? [`{"a":"${'x'.repeat(700_000)}"}`] : []),
      ];
      expect(
        all
          .map((_, from) =>
            all
              .slice(from)
              .map((line) => `${line}\n`)
              .join(''),
          )
          .concat(''),
      ).toContain(kept);
    }),
    { numRuns: 300 },
  );
});
