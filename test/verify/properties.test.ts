import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, memorySource } from '../support/judge.ts';
import { bitFlips, expectFound, moves, subjects, untouchedReport } from '../support/mutations.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { someOf, times } from '../support/tier.ts';
import { dataKey, edKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';

/** A part of the slow suite's cases, and logs of random shape. */

// M9.2
describe.each(subjects())('changes of a log sealed with $name', (subject) => {
  it('are found at their place, or leave the report as it was', async () => {
    const untouched = await untouchedReport(subject);
    for (const mutation of someOf([...bitFlips(subject, 997, 13), ...moves(subject, false)], 4)) {
      await expectFound(subject, untouched, mutation);
    }
  });
});

describe('an untouched log of random shape', () => {
  const step = fc.constantFrom(
    'record',
    'text',
    'parts',
    'seal',
    'gap',
    'restart',
    'crash',
    'hand-over',
    'rotate',
    'late',
  );
  const modes = { mac: { dataKey }, hash: { signers: [edKey] }, both: { dataKey, signers: [edKey] } };

  function build(steps: readonly string[], keys: (typeof modes)[keyof typeof modes]): SealedLog {
    const log = new SealedLog().open(keys).seal().checkpoint();
    let file = 1;
    for (const one of steps) {
      if (one === 'record') log.record('{"a":1}', '{}');
      if (one === 'text') log.record('text', Buffer.from([0, 0xff]));
      if (one === 'parts') log.longRecord(Buffer.alloc(50, 'x'), 20);
      if (one === 'seal') log.seal().checkpoint();
      if (one === 'late') log.seal().record('before its checkpoint').checkpoint();
      if (one === 'gap') log.gap(1);
      if (one === 'restart') log.close().checkpoint().open(keys, { why: 'resumed' }).seal().checkpoint();
      if (one === 'crash') log.open(keys).seal().checkpoint();
      if (one === 'hand-over') log.handOver(keys);
      if (one === 'rotate') log.close('rotated').checkpoint().rotate(`log.${++file}.jsonl`);
    }
    return log.close().checkpoint();
  }

  it.each(Object.entries(modes))(
    '%s: is never tampered, and ok unless a crash left something unsigned',
    async (name, keys) => {
      const shapes = fc.array(step, { maxLength: 25 });
      await fc.assert(
        fc.asyncProperty(shapes, async (steps) => {
          const log = build(steps, keys);
          const data = 'dataKey' in keys ? Array<Buffer>(30).fill(dataKey) : undefined;
          const named = 'signers' in keys ? [edKey] : undefined;
          const auditor = brings(log, { ...(data && { data }), ...(named && { named }) });
          const found = await judge(
            log.toFiles().map((file) => memorySource(file.name, file.bytes)),
            auditor,
          );
          expect(found.verdict, found.codes.join(', ')).toBe(
            name === 'hash' && found.codes.some((code) => code.startsWith('ADOPTED ')) ? 2 : 0,
          );
        }),
        { numRuns: times(25, 60) },
      );
    },
  );
});
