import { describe, expect, it } from 'vitest';
import { jsonText } from '../../src/cli/output.ts';

describe('JSON for a terminal', () => {
  it.each([
    ['C1', '\u009b31m'],
    ['DEL', '\u007f'],
    ['a right-to-left override', '\u202e'],
    ['an isolate', '\u2066x\u2069'],
    ['a zero width joiner', '\u200d'],
    ['a byte-order mark', '\ufeff'],
    ['a line separator', '\u2028'],
    ['a tag character, outside the BMP', '\u{e0041}'],
  ])('escapes %s, and stays the same JSON', (_, text) => {
    const value = { message: `a${text}b`, [`k${text}`]: [text] };
    const shown = jsonText(value, 2);
    expect(shown).toMatch(/^[\n\x20-\x7e]*$/);
    expect(JSON.parse(shown)).toEqual(value);
  });

  it('leaves letters, marks and emoji as they are', () => {
    const value = ['Grüße', 'naïve', '日本語', '\u{1f600}'];
    expect(jsonText(value)).toBe(JSON.stringify(value));
  });
});
