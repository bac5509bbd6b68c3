import { PassThrough, Readable } from 'node:stream';
import { setImmediate as immediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { bytesOfStream, type InputBytes } from '../../../src/cli/input/input-bytes.ts';
import { InputLines } from '../../../src/cli/input/input-lines.ts';

const never = new Promise<void>(() => undefined);

async function all(input: InputLines): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for (let lines = await input.next(); lines !== undefined; lines = await input.next()) chunks.push(lines.bytes);
  return chunks;
}

async function text(input: InputLines): Promise<string | undefined> {
  return (await input.next())?.bytes.toString();
}

/** An input that reads every chunk into the same memory, as standard input is read. */
function reusing(texts: readonly string[], room: number): InputBytes {
  const memory = Buffer.alloc(room + 64, '?');
  const chunks = texts.filter((text) => text !== '').values();
  return {
    room,
    stays: false,
    async next() {
      const { done, value } = chunks.next();
      if (done === true) return undefined;
      memory.fill('?');
      return memory.subarray(room, room + memory.write(value, room));
    },
    close: () => undefined,
  };
}

describe('InputLines', () => {
  it('gives the input back in whole lines, however it is cut', async () => {
    const pieces = fc.array(fc.constantFrom('', 'a', '\n', 'bc\n', 'd\ne', '\r\n', '\0', 'é'), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(pieces, async (texts) => {
        const stream = Readable.from(
          texts.map((text) => Buffer.from(text)),
          { objectMode: false },
        );
        const chunks = await all(new InputLines(bytesOfStream(stream), never));
        expect(Buffer.concat(chunks).toString()).toBe(texts.join(''));
        for (const chunk of chunks.slice(0, -1)) expect(chunk.at(-1)).toBe(0x0a);
        for (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
      }),
    );
  });

  it('gives the input back from memory that is used again, wherever a line is cut and however much room is before it', async () => {
    const piece = fc.oneof(fc.constantFrom('', 'a', '\n', 'bc\n', 'd\ne', '\r\n'), fc.stringMatching(/^[a-z]{20,60}$/));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.nat(80), async (texts, room) => {
        const input = new InputLines(reusing(texts, room), never);
        const given: string[] = [];
        for (let lines = await input.next(); lines !== undefined; lines = await input.next()) {
          given.push(lines.bytes.toString());
          lines.bytes.fill('!'); // whoever has taken the lines does not need them any more
        }
        expect(given.join('')).toBe(texts.join(''));
      }),
      { numRuns: 500 },
    );
  });

  it('takes what still comes after a stop, then ends', async () => {
    const stream = new PassThrough();
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const input = new InputLines(bytesOfStream(stream), stopped);
    stream.write('one\n');
    expect(await text(input)).toBe('one\n');
    stop();
    stream.write('last words\nhalf');
    expect(await text(input)).toBe('last words\n');
    expect(await text(input)).toBe('half');
    expect(await input.next()).toBeUndefined();
    expect(await input.next()).toBeUndefined();
  });

  it('ends soon after a stop, although what it reads goes on for ever', async () => {
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const endless = { room: 0, stays: false, next: async () => immediate(Buffer.from('more\n')), close: vi.fn() };
    const input = new InputLines(endless, stopped);
    expect(await text(input)).toBe('more\n');
    stop();
    const started = performance.now();
    while ((await input.next()) !== undefined) expect(endless.close).not.toHaveBeenCalled();
    expect(performance.now() - started).toBeGreaterThan(1_000); // what a producer says at its end is taken
    expect(endless.close).toHaveBeenCalled();
  });

  it.each([
    ['has ended, because it was quiet after a stop', (_input: InputLines, stop: () => void) => stop()],
    ['was given up', (input: InputLines) => input.fail(new Error('gone'))],
  ])('reads nothing more when it %s: that would be lost', async (_when, act) => {
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const quiet = { room: 0, stays: false, next: () => new Promise<never>(() => undefined), close: vi.fn() };
    const input = new InputLines(quiet, stopped);
    const next = input.next();
    await immediate(undefined);
    act(input, stop);
    await next.catch(() => undefined);
    expect(quiet.close).toHaveBeenCalled();
  });

  it.each([
    ['a pipe, whose last words nobody else can read', false, ['one\n', 'last words\n', 'half']],
    ['a file, where they stay', true, ['one\n']],
  ])('after a failure gives what is in %s', async (_what, stays, expected) => {
    const stream = new PassThrough();
    const input = new InputLines({ ...bytesOfStream(stream), stays }, never);
    stream.write('one\n');
    const given = [await text(input)];
    input.fail(new Error('the log has ended'));
    stream.write('last words\nhalf');
    const rest = async (): Promise<void> => {
      for (let next = await text(input); next !== undefined; next = await text(input)) given.push(next);
    };
    await expect(rest()).rejects.toThrow('the log has ended');
    await expect(input.next()).rejects.toThrow('the log has ended');
    expect(given).toEqual(expected);
  });

  it('takes no more after a failure than a pipe holds, although what it reads goes on for ever', async () => {
    let read = 0;
    const next = async (): Promise<Buffer> => {
      read += 65_536;
      return immediate(Buffer.alloc(65_536, 'x\n'));
    };
    const input = new InputLines({ room: 0, stays: false, next, close: () => undefined }, never);
    input.fail(new Error('the log has ended'));
    const all = async (): Promise<void> => {
      while ((await input.next()) !== undefined);
    };
    await expect(all()).rejects.toThrow('the log has ended');
    expect(read).toBeLessThanOrEqual(1_048_576 + 65_536);
  });

  it('gives a line that is too long to hold in pieces, none of which ends in LF or in the CR before it', async () => {
    const size = 5_000_000;
    const line = Buffer.alloc(size, 'x');
    line.fill('\r', 1_000_000);
    const chunks = Array.from({ length: Math.ceil(size / 65_536) }, (_, n) =>
      line.subarray(n * 65_536, (n + 1) * 65_536),
    );
    const stream = Readable.from([...chunks, Buffer.from('\nnext\n')], { objectMode: false });
    const input = new InputLines(bytesOfStream(stream), never);
    const pieces: { readonly bytes: Buffer; readonly goesOn: boolean }[] = [];
    for (let next = await input.next(); next !== undefined; next = await input.next()) pieces.push(next);
    expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(Buffer.concat([line, Buffer.from('\nnext\n')]))).toBe(
      true,
    );
    expect(pieces.map(({ goesOn }) => goesOn)).toEqual([...pieces.slice(1).map(() => true), false]);
    expect(Math.max(...pieces.map(({ bytes }) => bytes.length))).toBeLessThan(1_200_000);
    expect(pieces.at(-1)?.bytes.toString('latin1')).toMatch(/^\r+\nnext\n$/);
  });

  it('holds nothing of what it has given', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const stream = new PassThrough();
    const input = new InputLines(bytesOfStream(stream), never);
    const given: WeakRef<ArrayBufferLike>[] = [];
    for (let n = 0; n < 50; n++) {
      stream.write(Buffer.alloc(65_536, '\n'));
      const next = await input.next();
      if (next !== undefined) given.push(new WeakRef(next.bytes.buffer));
    }
    await new Promise((resolve) => setImmediate(resolve)); // a WeakRef holds its target until its turn is over
    collect();
    expect(given.filter((chunk) => chunk.deref() !== undefined).length).toBeLessThan(5);
    input.close();
  });

  it('says that nobody takes lines any more, to whoever waits and to whoever asks', async () => {
    const input = new InputLines(bytesOfStream(new PassThrough()), never);
    const waiting = input.next();
    input.fail(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(input.next()).rejects.toThrow('gone');
  });

  it('says that the input cannot be read', async () => {
    const stream = new PassThrough();
    const reading = new InputLines(bytesOfStream(stream), never).next();
    stream.destroy(new Error('EIO'));
    await expect(reading).rejects.toMatchObject({
      code: 'READ_FAILED',
      cause: expect.objectContaining({ message: 'EIO' }),
    });
  });
});
