import { describe, expect, it } from 'vitest';
import { GatheredLines } from '../../src/seal/intake/gathered-lines.ts';

/** What was gathered, as text. */
const taken = (lines: GatheredLines): string => lines.takeAll().toString('utf8');

describe('lines that are gathered', () => {
  it('each get the LF that they lack, and keep a CR that is theirs', () => {
    const lines = new GatheredLines();
    for (const chunk of ['a', 'b\n', 'c\r', 'd\r\n', '', 'e\nf', '\u{1f600}'])
      expect(lines.add(chunk, false)).toBe(true);
    expect(taken(lines)).toBe('a\nb\nc\r\r\nd\r\n\ne\nf\n\u{1f600}\n');
    expect(lines.isEmpty).toBe(true);
    expect(taken(lines)).toBe('');
  });

  it('are all known objects, or none is', () => {
    const lines = new GatheredLines();
    expect(lines.add('{"a":1}', true)).toBe(true);
    expect(lines.areObjects).toBe(true);
    expect(lines.add('{"a":1}', false)).toBe(false);
    expect(taken(lines)).toBe('{"a":1}\n');
    expect(lines.add('text', false)).toBe(true);
    expect(lines.add('{"a":1}', true)).toBe(false);
    expect(taken(lines)).toBe('text\n');
  });

  it.each(['', 'text', '{"a":1}\n', '{"a":1}\n{"b":2}', '{"a":1} ', '[1]'])(
    'are never called objects where %o is not one line of one',
    (line) => {
      const lines = new GatheredLines();
      expect(lines.add(line, true)).toBe(false);
      expect(lines.isEmpty).toBe(true);
    },
  );

  it('end where there is no room for the next one, whatever bytes it becomes', () => {
    const lines = new GatheredLines();
    const line = '\u2028'.repeat(1_000);
    let count = 0;
    while (lines.add(line, false)) count++;
    expect(count).toBeGreaterThan(10);
    expect(taken(lines)).toBe(`${line}\n`.repeat(count));
    expect(lines.add('x'.repeat(70_000), false)).toBe(false);
  });

  it('stay as they were taken while others come', () => {
    const lines = new GatheredLines();
    lines.add('first', false);
    const first = lines.takeAll();
    lines.add('other', false);
    expect(first.toString()).toBe('first\n');
    expect(taken(lines)).toBe('other\n');
  });
});
