import { describe, expect, it } from 'vitest';
import { carrierOf } from '../../../src/verify/carrier/carriers.ts';
import { FileLines } from '../../../src/verify/input/file-lines.ts';
import { LINE_LIMIT, LineSplitter, LineTooLong } from '../../../src/verify/input/line-splitter.ts';
import type { Source } from '../../../src/verify/input/sources.ts';
import type { LogSink } from '../../../src/verify/input/unwrapping.ts';
import { memorySource } from '../../support/judge.ts';

const time = '2026-11-24T23:00:00Z';
const cri = (text: string): string => `${time} stdout ${text}\n`;
const beside = `${time} stderr F x\n`;

function criFile(name: string, ...lines: string[]): Source {
  return { ...memorySource(name, Buffer.from(lines.join(''))), carrier: carrierOf('cri') };
}

/** What the sink of files that are read one after another is told, with the line at which each begins. */
async function told(...files: readonly Source[]): Promise<{ said: string[]; beside: number }> {
  const said: string[] = [];
  let count = 0;
  const text = (bytes: Buffer, start: number, end: number): string => bytes.toString('utf8', start, end);
  const sink: LogSink = {
    feed: (bytes, start, end, line, offset) => void said.push(`${line}@${offset} ${text(bytes, start, end)}`),
    feedForeign: (bytes, start, end, line) => void said.push(`${line} foreign ${text(bytes, start, end)}`),
    feedUnterminated: (bytes, line) => void said.push(`${line} torn ${bytes}`),
  };
  const lines = new FileLines(sink, () => count++);
  for (const [at, source] of files.entries()) {
    const splitter = lines.begin(source);
    for await (const chunk of source.read(() => undefined)) await splitter.push(chunk);
    await lines.end(splitter, files.slice(at + 1));
  }
  return { said, beside: count };
}

describe('lines of a carrier', () => {
  it('are put together of their pieces, over lines of another stream, at the place of the first one', async () => {
    const found = await told(criFile('a', cri('P {'), beside, cri('P "a"'), beside, cri('F :1}'), cri('F b')));
    expect(found).toEqual({ said: ['1@0 {"a":1}', '6@164 b'], beside: 2 });
  });

  it('are given as foreign where the carrier did not write them so, also between two pieces', async () => {
    const { said } = await told(criFile('a', cri('P a'), 'x stdout F y\n', cri('F b')));
    expect(said).toEqual(['2 foreign x stdout F y', '1@0 ab']);
  });

  it('may be empty; an empty line of the carrier and an empty piece are nothing', async () => {
    const { said } = await told(criFile('a', '\n', cri('P '), cri('F '), cri('F a')));
    expect(said).toEqual(['3@32 ', '4@63 a']);
  });

  it('are torn where a file ends inside a piece, or the last piece is missing', async () => {
    expect((await told(criFile('a', cri('F a'), `${time} stdout F`))).said).toEqual(['1@0 a', '2 torn 29']);
    expect((await told(criFile('a', cri('P a'), `${time} stdout F`))).said).toEqual(['1 torn 30']);
    expect((await told(criFile('a', cri('F a'), cri('P abc'), beside))).said).toEqual(['1@0 a', '2 torn 3']);
  });

  it('end nowhere above 16 MiB', async () => {
    const piece = cri(`P ${'x'.repeat(1_000_000)}`);
    const file = criFile('a', cri('F a'), ...Array<string>(17).fill(piece));
    await expect(told(file)).rejects.toThrow(LineTooLong);
    await expect(told(file)).rejects.toMatchObject({ line: 2 });
  });

  it('do not end below 16 MiB', async () => {
    const piece = cri(`P ${'x'.repeat(1_000_000)}`);
    const { said } = await told(criFile('a', ...Array<string>(16).fill(piece), cri('F y'), cri('F b')));
    expect(said.map((one) => [one.length, one.at(-1)])).toEqual([
      [16_000_005, 'y'],
      ['18@16000543 b'.length, 'b'],
    ]);
  });
});

describe('a line that a carrier cut and went on with in the next file', () => {
  it('is put together', async () => {
    const { said } = await told(criFile('a', cri('P {"a"')), criFile('b', beside, cri('P :'), cri('F 1}'), cri('F b')));
    expect(said).toEqual(['2@32 {"a":1}', '4@97 b']);
  });

  it('is put together over a whole file', async () => {
    const { said } = await told(
      criFile('a', cri('P {"a":1}')),
      criFile('b', cri('F '), cri('P x')),
      criFile('c', cri('F y')),
    );
    expect(said).toEqual(['1@0 {"a":1}', '1@0 xy']);
  });

  it('is torn where it was never finished and the next file begins with an empty line', async () => {
    const { said } = await told(criFile('a', cri('P {"a"')), criFile('b', cri('F '), cri('F {"b":1}')));
    expect(said).toEqual(['1 torn 4', '1@0 ', '2@31 {"b":1}']);
  });

  it('is torn where the next file begins with a whole line, has none, or can be read only once', async () => {
    const torn = criFile('a', cri('P {"a"'));
    expect((await told(torn, criFile('b', cri('P {"b"'), cri('F :1}')))).said).toEqual(['1 torn 4', '1@0 {"b":1}']);
    expect((await told(torn, criFile('b', beside))).said).toEqual(['1 torn 4']);
    expect((await told(torn, criFile('b'))).said).toEqual(['1 torn 4']);
    const once = { ...criFile('b', cri('F :1}')), repeatable: false };
    expect((await told(torn, once)).said).toEqual(['1 torn 4', '1@0 :1}']);
  });

  it('is let go where its file could not be read to the end', async () => {
    const said: string[] = [];
    const lines = new FileLines({
      feed: (bytes, start, end) => void said.push(bytes.toString('utf8', start, end)),
      feedForeign: () => undefined,
      feedUnterminated: () => undefined,
    });
    const [first, second] = [criFile('a', cri('P {"a"')), criFile('b', cri('F {"b":1}'))];
    const unfinished = lines.begin(first);
    for await (const chunk of first.read(() => undefined)) await unfinished.push(chunk);
    const splitter = lines.begin(second);
    for await (const chunk of second.read(() => undefined)) await splitter.push(chunk);
    expect(said).toEqual(['{"b":1}']);
  });

  it('is torn where the file itself is, whatever comes next', async () => {
    const cut = criFile('a', cri('P {"a"'), '2026');
    expect((await told(cut, criFile('b', cri('F {"b":1}')))).said).toEqual(['1 torn 8', '1@0 {"b":1}']);
  });

  it('goes on in the next file of its own log, whatever ends inside a line between them', async () => {
    const files = [criFile('a.log.1', cri('P {"a"')), criFile('b.log', cri('P {"b"')), criFile('a.log', cri('F :1}'))];
    expect((await told(...files)).said).toEqual(['1 torn 4', '1@0 {"a":1}']);
  });

  it('is torn where the file itself is, and its rest in the next one is no line', async () => {
    const { said } = await told(
      criFile('a', cri('P {"a"'), '2026'),
      criFile('b', cri('P :'), cri('F 1}'), cri('F {"b":1}')),
    );
    expect(said).toEqual(['1 torn 8', '3@65 {"b":1}']);
  });
});

describe('lines of files as they were written', () => {
  it('are given as they are; what ends inside a line is torn', async () => {
    const { said } = await told(memorySource('a', Buffer.from('a\n\nbc')), memorySource('b', Buffer.from('d\n')));
    expect(said).toEqual(['1@0 a', '3 torn 2', '1@0 d']);
  });

  it('are counted if they are empty, and not given, wherever chunks end (M1.7)', async () => {
    const text = '\n\na\n\n\n\nbc\n\n\nd';
    for (let chunk = 1; chunk <= text.length; chunk++) {
      const { said } = await told(memorySource('a', Buffer.from(text), chunk));
      expect(said, `chunks of ${chunk}`).toEqual(['3@2 a', '7@7 bc', '10 torn 1']);
    }
  });
});

describe('a line of a file', () => {
  it.each([0, 1, 262_142, 300_000])('may be of 16 MiB, and not of %i more, wherever chunks end', async (more) => {
    const bytes = Buffer.concat([Buffer.from('one\n'), Buffer.alloc(LINE_LIMIT + more, 'x'), Buffer.from('\nthree\n')]);
    const lengths: number[] = [];
    const splitter = new LineSplitter({
      feed: (_bytes, start, end) => void lengths.push(end - start),
      feedUnterminated: () => undefined,
    });
    const reading = async (): Promise<void> => {
      for (let at = 0; at < bytes.length; at += 131_072) await splitter.push(bytes.subarray(at, at + 131_072));
    };
    if (more > 0) await expect(reading()).rejects.toMatchObject({ line: 2, offset: 4 });
    else await reading();
    expect(lengths).toEqual(more > 0 ? [3] : [3, LINE_LIMIT, 5]);
  });
});
