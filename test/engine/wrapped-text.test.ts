import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWrappedText } from '../../src/engine/wrapped-text.ts';
import { classifyLine, type RecordLine } from '../../src/format/entry.ts';
import { unwrapRecord } from '../../src/format/record.ts';

const MEMBER = `,"integrity":{"seq":7,"as":"text","key_id":"AbCdEfGh.1","mac":"${'A'.repeat(43)}"}}`;

/** What the format says of a record that is wrapped as text and has this before our member. */
function unwraps(head: Buffer): boolean {
  const line = Buffer.concat([head, Buffer.from(MEMBER)]);
  const read = classifyLine(line);
  return read.type === 'record' && unwrapRecord(line, read as RecordLine) !== undefined;
}

/** Surrounded by bytes that must not count. */
function isWrapped(head: Buffer): boolean {
  return isWrappedText(Buffer.concat([Buffer.from('"n'), head, Buffer.from('"nu0001')]), 2, 2 + head.length);
}

const wrapped = (text: string): Buffer => Buffer.from(`{"line":${JSON.stringify(text)}`);

describe('the wrapped form of text', () => {
  it('is known for what it is, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(isWrapped(wrapped(text))).toBe(unwraps(wrapped(text)));
      }),
      { numRuns: 2_000 },
    );
    expect(isWrapped(wrapped('GET / "é" \u2028\u{1f600}\u001b[0m\t'))).toBe(true);
    expect(isWrapped(wrapped(''))).toBe(true);
  });

  it('is nothing else that looks like it', () => {
    const piece = fc.constantFrom(
      ...['a', '"', '\\', '\\"', '\\\\', '\\/', '\\n', '\\u', '\\u0000', '\\u0008', '\\u000b', '\\u000B', '\\u001f'],
      ...['\\u0020', '\\u00e9', '\\ud800', '\\ud83d\\ude00', '\t', '\u007f', 'é', '\0'],
    );
    const head = fc
      .tuple(
        fc.constantFrom('{"line":"', '{"line":', '{"line": "', '{"lin":"', ''),
        fc.array(piece, { maxLength: 6 }),
        fc.constantFrom('"', '', '",', ' "'),
      )
      .map(([start, pieces, end]) => Buffer.from(start + pieces.join('') + end));
    fc.assert(
      fc.property(head, (bytes) => {
        expect(isWrapped(bytes)).toBe(unwraps(bytes));
      }),
      { numRuns: 5_000 },
    );
  });

  it('is UTF-8', () => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
      const head = Buffer.concat([Buffer.from('{"line":"'), Buffer.from(bytes), Buffer.from('"')]);
      expect(isWrapped(head)).toBe(false);
      expect(unwraps(head)).toBe(false);
    }
  });

  it('has one spelling for each character', () => {
    for (let code = 0; code < 0x80; code++) {
      const long = Buffer.from(`{"line":"\\u${code.toString(16).padStart(4, '0')}"`);
      expect(isWrapped(long)).toBe(unwraps(long));
    }
  });
});
