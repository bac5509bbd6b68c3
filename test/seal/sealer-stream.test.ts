import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { audit, read, start, workplace } from './workplace.ts';

type Place = ReturnType<typeof workplace>;

/** The application's lines in the log. */
async function lines({ file, provider }: Place): Promise<string[]> {
  const { entries } = await read([file], provider);
  return entries.flatMap((entry) => (entry.kind === 'record' ? [entry.line] : []));
}

describe('a stream into a sealer', () => {
  it('takes lines whose chunks end anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll(/[\r\n\0]/g, ' '))),
        fc.boolean(),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        async (given, ended, sizes) => {
          const place = workplace();
          const bytes = Buffer.from(given.map((line) => `${line}\n`).join(''));
          const all = ended ? bytes : bytes.subarray(0, -1);
          const chunks: Buffer[] = [];
          for (let at = 0; at < all.length; ) {
            const size = Number(sizes.next().value);
            chunks.push(all.subarray(at, at + size));
            at += size;
          }
          await pipeline(Readable.from(chunks, { objectMode: false }), start(place.options()).toWritable());
          const expected = all.length === 0 ? [] : all.toString().replace(/\n$/, '').split('\n');
          expect(await lines(place)).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes text in any encoding that Node has', async () => {
    const place = workplace();
    const stream = start(place.options()).toWritable();
    stream.write('6162', 'hex');
    stream.write('é', 'latin1');
    stream.end('\nsecond');
    await once(stream, 'close');
    expect(await lines(place)).toEqual(
      [Buffer.from([0x61, 0x62, 0xe9]).toString('latin1'), 'second'].map((text, at) =>
        at === 0 ? expect.any(String) : text,
      ),
    );
    expect(await audit(place.directory, place.provider)).toMatchObject({ verdict: 'ok' });
  });

  it('takes text of many lines as it takes each of them', async () => {
    const odd = [
      '{"n":1}',
      'no JSON',
      '',
      '{"é":"\u{1F600}"}',
      '{"a":"\\ud800"}',
      '{"a":',
      `lone \ud800`,
      '{"crlf":1}\r',
    ];
    const given = Array.from({ length: 4_000 }, (_, at) => odd[at % odd.length] as string);
    const [whole, single] = [workplace(), workplace()];
    const streams = [whole, single].map((place) => start(place.options()).toWritable());
    streams[0]?.end(given.map((line) => `${line}\n`).join(''));
    for (const line of given) streams[1]?.write(`${line}\n`);
    streams[1]?.end();
    await Promise.all(streams.map((stream) => once(stream, 'close')));
    const sealed = await lines(whole);
    expect(sealed).toHaveLength(given.length);
    expect(sealed).toEqual(await lines(single));
    expect(await audit(whole.directory, whole.provider)).toMatchObject({ verdict: 'ok' });
  });

  it('holds a line that is longer than memory should be in pieces', async () => {
    const place = workplace();
    const long = 'x'.repeat(3_000_000);
    await pipeline(
      Readable.from(
        [Buffer.from(`${long}\nnext\n`)].flatMap((all) => [all.subarray(0, 1_500_000), all.subarray(1_500_000)]),
        { objectMode: false },
      ),
      start(place.options()).toWritable(),
    );
    const { streams } = await audit(place.directory, place.provider);
    expect(streams[0]).toMatchObject({ verdict: 'ok' });
  });

  it('holds its producer back while the sealer is, and goes on', async () => {
    const place = workplace();
    place.provider.faults.hang();
    const sealer = start({ ...place.options(), maxLineBytes: 65_536, maxPendingBytes: 65_536, flushEvery: 'turn' });
    const stream = sealer.toWritable();
    const line = `${'x'.repeat(1_000)}\n`;
    let written = 0;
    while (stream.write(line)) written++;
    expect(stream.writableNeedDrain).toBe(true);
    expect(sealer.stats.dropped).toBe(0);
    place.provider.faults.heal();
    await once(stream, 'drain');
    stream.end();
    await once(stream, 'close');
    const { streams, verdict } = await audit(place.directory, place.provider);
    expect({ verdict, records: streams[0]?.records }).toEqual({ verdict: 'ok', records: written + 1 });
  });

  it('that is ended while nothing can be taken ends, and what it had is kept or counted', async () => {
    const place = workplace();
    place.provider.faults.hang();
    const sealer = start({ ...place.options(), maxLineBytes: 65_536, maxPendingBytes: 65_536 });
    const stream = sealer.toWritable();
    for (let n = 0; n < 500; n++) stream.write(`${n} ${'x'.repeat(1_000)}\n`);
    stream.end();
    await once(stream, 'close').catch(() => undefined); // it says how many were lost
    const { kept, dropped, uncounted } = sealer.stats;
    expect(uncounted).toBe(0);
    expect(kept + dropped).toBe(500);
  });

  it('seals what a source gave before it failed', async () => {
    const place = workplace();
    const source = new Readable({ read: () => undefined });
    source.push('first\nsecond');
    setTimeout(() => source.destroy(new Error('the source failed')), 20);
    await expect(pipeline(source, start(place.options()).toWritable())).rejects.toThrow('the source failed');
    await expect.poll(async () => lines(place).catch(() => [])).toEqual(['first', 'second']);
  });

  it('rejects where the log could not be ended as it should', async () => {
    const place = workplace();
    place.provider.faults.failWith('ACCESS_DENIED');
    const sealer = start(place.options());
    sealer.on('error', () => undefined);
    await expect(pipeline(Readable.from(['a\n']), sealer.toWritable())).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    });
    sealer.closeSync(); // what came after the end is kept at the end of the process
    expect(sealer.stats.kept).toBe(1);
  });
});

it('a sealer itself refuses to be piped into, and says what to write', () => {
  const sealer = start(workplace().options());
  const pipe = (): unknown => Readable.from(['a\n']).pipe(sealer as unknown as NodeJS.WritableStream);
  expect(pipe).toThrow(expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('toWritable()') }));
});

it.each([
  ['close()', (sealer: ReturnType<typeof start>) => sealer.close()],
  ['closeSync()', async (sealer: ReturnType<typeof start>) => sealer.closeSync()],
])('a last line without its end is sealed when the sealer itself is closed: %s', async (_name, end) => {
  const place = workplace();
  const sealer = start(place.options());
  sealer.toWritable().write('one\ntwo');
  await sealer.flush();
  await end(sealer);
  expect(await lines(place)).toEqual(['one', 'two']);
});

describe('flush with a callback', () => {
  it.each([null, 5, 'done'])('refuses %s', (done) => {
    expect(() => start(workplace().options()).flush(done as never)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('calls it when all is covered', async () => {
    const place = workplace();
    const sealer = start(place.options());
    sealer.write('{"n":1}');
    expect(await new Promise((resolve) => void sealer.flush((error) => resolve(error)))).toBeUndefined();
    expect(sealer.stats.covered).toBe(sealer.stats.size);
  });

  it('gives it the error, and rejects nothing', async () => {
    const sealer = start(workplace().options());
    await sealer.close();
    const error = new Promise((resolve) => void sealer.flush(resolve));
    expect(await error).toMatchObject({ code: 'SEALER_CLOSED' });
  });
});
