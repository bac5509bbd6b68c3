import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyLine, TAIL_LENGTH } from '../../src/format/entry.ts';
import { judge, memorySource } from '../support/judge.ts';
import { subjects } from '../support/mutations.ts';
import type { LogLine } from '../support/sealed-log.ts';
import { times } from '../support/tier.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';

/** An auth that nobody compares still has its form: no byte of a line is free (M1.3, M8.12). */

const entries = subjects().flatMap(({ name, log }) =>
  log.lines.flatMap((line, at) => (line.seq === undefined ? [] : [{ name, log, line, at }])),
);

function withAuth({ bytes }: LogLine, auth: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, bytes.length - TAIL_LENGTH), auth, Buffer.from('"}}')]);
}

const anyByte = fc.integer({ min: 0, max: 255 }).filter((byte) => byte !== 0x0a);
const bytes43 = fc.array(anyByte, { minLength: 43, maxLength: 43 }).map((all) => Buffer.from(all));
const misspelt = fc
  .record({ at: fc.nat(42), byte: anyByte })
  .map(({ at, byte }) => Buffer.from('A'.repeat(43)).fill(byte, at, at + 1));

describe('an auth without its form', () => {
  const form = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

  it('is found in every kind of entry, whatever keys the auditor has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...entries), fc.oneof(bytes43, misspelt), async ({ log, line, at }, auth) => {
        fc.pre(!form.test(auth.toString('latin1')));
        const changed = withAuth(line, auth);
        expect(classifyLine(changed).type).toBe('foreign');
        for (const keys of [{}, { named: [edKey, nextEdKey] }]) {
          const lines = log.lines.with(at, { ...line, bytes: changed });
          const files = new Map<string, Buffer[]>();
          for (const one of lines) files.set(one.file, [...(files.get(one.file) ?? []), one.bytes, Buffer.from('\n')]);
          const sources = [...files].map(([name, parts]) => memorySource(name, Buffer.concat(parts)));
          const found = await judge(sources, brings(log, keys));
          const codes = found.findings.map(({ code }) => code);
          expect(codes.some((code) => code === 'FOREIGN_LINE' || code === 'TORN_TAIL')).toBe(true);
          expect(found.verdict).not.toBe(0);
        }
      }),
      { numRuns: times(40, 150) },
    );
  });
});
