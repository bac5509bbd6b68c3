import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readReply } from '../../../../src/providers/internal/storage/reply-body.ts';

const bounds = { what: 'Get "logs"', limit: 100, requestTimeoutMs: 60_000 };

/** A body in pieces, and then what. */
function body(pieces: readonly string[], end: 'ends' | 'waits' | Error = 'ends'): Readable {
  const left = [...pieces];
  return new Readable({
    read() {
      const piece = left.shift();
      if (piece !== undefined) this.push(piece);
      else if (end === 'ends') this.push(null);
      else if (end !== 'waits') setImmediate(() => this.destroy(end));
    },
  });
}

describe('the body of a reply', () => {
  it('is read to its end', async () => {
    expect((await readReply(body(['abc', 'd', 'ef']), bounds)).toString()).toBe('abcdef');
    expect((await readReply(body(['abc']), { ...bounds, length: 3 })).toString()).toBe('abc');
    expect(await readReply(body([]), { ...bounds, length: 0 })).toEqual(Buffer.alloc(0));
  });

  it.each([[['abc', 'd']], [['ab']], [[]]])(
    'of another length than it should have is an error (%j)',
    async (pieces) => {
      const stream = body(pieces);
      const tooLong = pieces.join('').length > 3;
      await expect(readReply(stream, { ...bounds, length: 3 })).rejects.toMatchObject(
        tooLong ? { code: 'RESPONSE_MALFORMED', retryable: false } : { code: 'UNAVAILABLE', retryable: true },
      );
      expect(stream.destroyed).toBe(true);
    },
  );

  it('that is longer than it may be is not read on', async () => {
    const stream = body(['abc', 'd'], 'waits');
    await expect(readReply(stream, { ...bounds, limit: 3 })).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
    expect(stream.destroyed).toBe(true);
  });

  it('that is said to be longer than it may be is not read at all', async () => {
    const stream = body([], 'waits');
    const read = readReply(stream, { ...bounds, limit: 3, length: 4 });
    await expect(read).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
    expect(stream.destroyed).toBe(true);
  });

  it('that breaks off is an error that says where, and repeats nothing of the cause but its code', async () => {
    const cause = Object.assign(new Error('Bearer hunter2'), { code: 'ECONNRESET', request: 'hunter2' });
    const error: unknown = await readReply(body(['abc'], cause), bounds).catch((thrown: unknown) => thrown);
    const message = 'Get "logs": the reply broke off after 3 bytes (ECONNRESET)';
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message });
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('hunter2');
  });

  it('that stalls is given up', async () => {
    const stream = body(['abc'], 'waits');
    const read = readReply(stream, { ...bounds, requestTimeoutMs: 20 });
    await expect(read).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    expect(stream.destroyed).toBe(true);
  });

  it('can be given up, before and in the middle', async () => {
    const aborted = { code: 'ABORTED' };
    const early = body(['abc']);
    await expect(readReply(early, { ...bounds, signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
    expect(early.destroyed).toBe(true);
    const controller = new AbortController();
    const late = body(['abc'], 'waits');
    const read = readReply(late, { ...bounds, signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(read).rejects.toMatchObject(aborted);
    expect(late.destroyed).toBe(true);
  });
});
