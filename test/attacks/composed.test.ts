import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { subjects } from '../support/mutations.ts';
import type { LogLine, SealedLog } from '../support/sealed-log.ts';
import { times } from '../support/tier.ts';
import { judgeFiles } from './auditors.ts';

/** Several keyless changes, one upon another: ok only where every entry that is left is a genuine one in its place. */

type Step = readonly [what: number, one: number, other: number];

/** What somebody can do to lines who has no key, but may compute checksums. */
function apply(log: SealedLog, lines: LogLine[], [what, one, other]: Step): LogLine[] {
  if (lines.length < 2) return lines;
  const at = one % lines.length;
  const to = other % lines.length;
  const line = lines[at] as LogLine;
  const target = lines[to] as LogLine;
  switch (what) {
    case 0:
      return lines.toSpliced(at, 1);
    case 1:
      return lines.toSpliced(to, 0, { ...line, file: target.file });
    case 2:
      return lines.toSpliced(at, 1).toSpliced(to, 0, { ...line, file: target.file });
    case 3:
      return lines.slice(0, at + 1);
    case 4: {
      const text = line.bytes.toString('latin1');
      const leaf = Buffer.from(text.slice(0, -46).replace(/[a-z]/, 'z'), 'latin1');
      const auth = text.includes('"hash":"') ? log.authOf(leaf) : text.slice(-46, -3);
      return lines.with(at, { ...line, bytes: Buffer.concat([leaf, Buffer.from(`${auth}"}}`)]) });
    }
    default:
      return lines.with(at, {
        ...line,
        bytes: Buffer.from(line.bytes.toString('latin1').replace(/"seq":\d+/, `"seq":${to + 1}`), 'latin1'),
      });
  }
}

function filesOf(lines: readonly LogLine[]): { name: string; bytes: Buffer }[] {
  const files = new Map<string, Buffer[]>();
  for (const { file, bytes } of lines) files.set(file, [...(files.get(file) ?? []), bytes, Buffer.from('\n')]);
  return [...files].map(([name, parts]) => ({ name, bytes: Buffer.concat(parts) }));
}

const entriesOf = (lines: readonly LogLine[]): string[] =>
  lines.filter(({ bytes }) => bytes.includes('"seq":')).map(({ bytes }) => bytes.toString('latin1'));

describe.each(subjects())('composed changes of a log sealed with $name', ({ log, auditor }) => {
  const genuine = entriesOf(log.lines);
  const step = fc.tuple(fc.nat(5), fc.nat(200), fc.nat(200));

  it('are never ok unless the entries that are left are genuine, and end with a close', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        let lines: LogLine[] = log.lines.map((line) => ({ ...line }));
        for (const one of steps) lines = apply(log, lines, one);
        const found = await judgeFiles(filesOf(lines), auditor);
        if (found.verdict !== 0) return;
        const left = filesOf(lines).flatMap(({ bytes }) =>
          entriesOf(
            bytes
              .toString('latin1')
              .split('\n')
              .map((text) => ({ file: '', kind: '', bytes: Buffer.from(text, 'latin1') })),
          ),
        );
        expect(left).toEqual(genuine.slice(0, left.length));
        expect(left.at(-1)).toContain('"kind":"close"');
        const known = await judgeFiles(filesOf(lines), { ...auditor, held: [log.note()] });
        expect(known.verdict).toBe(left.length === genuine.length ? 0 : 1);
      }),
      { numRuns: times(50, 150) },
    );
  });
});
