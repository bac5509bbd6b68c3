import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputLines } from '../../src/cli/input-lines.ts';

const never = new Promise<void>(() => undefined);

async function all(input: InputLines): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for (let lines = await input.next(); lines !== undefined; lines = await input.next()) chunks.push(lines);
  return chunks;
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
        const chunks = await all(new InputLines(stream, never));
        expect(Buffer.concat(chunks).toString()).toBe(texts.join(''));
        for (const chunk of chunks.slice(0, -1)) expect(chunk.at(-1)).toBe(0x0a);
        for (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
      }),
    );
  });

  it('takes what still comes after a stop, then ends', async () => {
    const stream = new PassThrough();
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const input = new InputLines(stream, stopped);
    stream.write('one\n');
    expect(String(await input.next())).toBe('one\n');
    stop();
    stream.write('last words\nhalf');
    expect(String(await input.next())).toBe('last words\n');
    expect(String(await input.next())).toBe('half');
    expect(await input.next()).toBeUndefined();
    expect(await input.next()).toBeUndefined();
  });

  it('says that the input cannot be read', async () => {
    const stream = new PassThrough();
    const reading = new InputLines(stream, never).next();
    stream.destroy(new Error('EIO'));
    await expect(reading).rejects.toMatchObject({
      code: 'READ_FAILED',
      cause: expect.objectContaining({ message: 'EIO' }),
    });
  });
});
