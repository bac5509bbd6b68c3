import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordOf } from '../support/sealed-lines.ts';
import { audit, read, start, workplace } from './workplace.ts';

/** The application's own lines of a sealed file, byte for byte; the parts of a long one put together. */
function originalLines(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const lines: Buffer[] = [];
  let parts: Buffer[] = [];
  for (let from = 0, lf = bytes.indexOf(10); lf >= 0; from = lf + 1, lf = bytes.indexOf(10, from)) {
    const line = bytes.subarray(from, lf);
    const record = recordOf(line);
    if (record === undefined) continue;
    parts.push(record.own);
    if (record.part !== undefined && !record.last) continue;
    lines.push(Buffer.concat(parts));
    parts = [];
  }
  return lines;
}

describe('from input to record', () => {
  it('any bytes come back as they were', async () => {
    const { directory, file, options, provider } = workplace();
    const sealer = start({ ...options(), maxLineBytes: 1024, checkpointMaxRecords: 20 });
    await sealer.ready;
    const written: Buffer[] = [];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const line = Buffer.from(bytes.filter((byte) => byte !== 10 && byte !== 13));
        written.push(line);
        sealer.write(Buffer.concat([line, Buffer.from('\n')]));
      }),
      { numRuns: 500 },
    );
    await sealer.close();
    expect(originalLines(file)).toEqual(written);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it.each([
    ['an object', '{"a":1}', '{"a":1}'],
    ['an empty object', '{ }', '{ }'],
    ['an object and LF', '{"a":1}\n', '{"a":1}'],
    ['CR before LF', '{"a":1}\r\n', '{"a":1}'],
    ['an empty line', '\n', ''],
    ['nothing', '', ''],
    ['text', 'GET / 200', 'GET / 200'],
    ['half an object', '{"a":', '{"a":'],
    ['a list', '[1]', '[1]'],
    ['a blank before the brace', ' {"a":1}', ' {"a":1}'],
    ['a byte-order mark', '\ufeff{"a":1}', '\ufeff{"a":1}'],
    ['NUL', 'a\u0000b', 'a\u0000b'],
    ['our own member', '{"integrity":{"seq":1,"kind":"key"}}', '{"integrity":{"seq":1,"kind":"key"}}'],
    [
      'a control line of ours',
      '{"integrity":{"seq":1,"kind":"seal","step":0,"key_id":"A.1","mac":"B"}}',
      '{"integrity":{"seq":1,"kind":"seal","step":0,"key_id":"A.1","mac":"B"}}',
    ],
    ['characters beyond ASCII', '{"é":"€😀"}', '{"é":"€😀"}'],
  ])('%s, as text and as bytes', async (_name, chunk, line) => {
    const { directory, file, options, provider } = workplace();
    const sealer = start(options());
    await sealer.ready;
    sealer.write(chunk);
    sealer.write(Buffer.from(chunk, 'utf8'));
    await sealer.close();
    expect(originalLines(file).map(String)).toEqual([line, line]);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('several lines in one chunk, the last without LF', async () => {
    const { file, options } = workplace();
    const sealer = start(options());
    sealer.write('{"n":1}\n\ntext\r\n{"n":2}');
    await sealer.close();
    expect(originalLines(file).map(String)).toEqual(['{"n":1}', '', 'text', '{"n":2}']);
  });

  it('a line over max_line_bytes becomes parts, none is cut', async () => {
    const { directory, file, options, provider } = workplace();
    const sealer = start({ ...options(), maxLineBytes: 1024, checkpointMaxRecords: 5 });
    const long = `{"pad":"${'€'.repeat(2_000)}"}`;
    sealer.write('{"n":1}\n');
    sealer.write(long);
    await sealer.close();
    expect(originalLines(file).map(String)).toEqual(['{"n":1}', long]);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('a line larger than a batch, beside small ones', async () => {
    const { directory, file, options, provider } = workplace();
    const sealer = start(options());
    const long = `{"pad":"${'x'.repeat(900_000)}"}`;
    for (const line of ['{"n":1}', long, '{"n":2}', long]) sealer.writeObject(line);
    await sealer.close();
    expect(originalLines(file).map((line) => line.length)).toEqual([7, long.length, 7, long.length]);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('on_integrity: wrap keeps duplicate members out', async () => {
    const { file, options, provider } = workplace();
    const sealer = start({ ...options(), onIntegrity: 'wrap' });
    sealer.write('{"integrity":1}');
    sealer.write('{"\\u0069ntegrity":1}');
    sealer.write('{"a":{"integrity":1}}');
    await sealer.close();
    const stream = await read([file], provider);
    const records = stream.lines.filter((line) => !line.includes('"kind"'));
    expect(records.map((line) => line.includes('"as":"text"'))).toEqual([true, true, false]);
  });

  it('seals at exactly checkpoint_max_records, inside one chunk too', async () => {
    const { file, options, provider } = workplace();
    const sealer = start({ ...options(), checkpointMaxRecords: 3 });
    sealer.write(Array.from({ length: 10 }, (_, n) => `{"n":${n}}\n`).join(''));
    await sealer.close();
    const stream = await read([file], provider);
    expect(stream.entries.flatMap((entry) => (entry.kind === 'seal' ? [entry.records] : []))).toEqual([0, 3, 3, 3]);
  });
});
