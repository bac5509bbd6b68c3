import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Sealer } from '../../src/index.ts';
import { TURN_BYTES, TURN_LINES } from '../../src/seal/intake/turn.ts';
import { PendingLines } from '../../src/seal/stream/pending-lines.ts';
import { audit, read, start, workplace } from './workplace.ts';

/** What the imagined disk does with each write to the sealed file. */
const disk = vi.hoisted(() => ({
  answer: undefined as ((length: number) => number | 'EAGAIN' | 'ENOSPC') | undefined,
}));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    writeSync: (fd: number, bytes: Buffer, offset?: number, length?: number, position?: number | null): number => {
      if (typeof bytes === 'string' || offset === undefined || length === undefined) return fs.writeSync(fd, bytes);
      const answer = disk.answer?.(length) ?? length;
      if (typeof answer === 'string') throw Object.assign(new Error(`${answer}: imagined`), { code: answer });
      return fs.writeSync(fd, bytes, offset, answer, position);
    },
  };
});

function withDisk() {
  onTestFinished(() => {
    disk.answer = undefined;
  });
  return workplace();
}

const lines = (count: number): string[] => Array.from({ length: count }, (_, n) => `{"n":${n}}`);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The most entries that any turn of the event loop adds until nothing waits any more. */
async function entriesATurn(sealer: Sealer): Promise<number> {
  let most = 0;
  while (sealer.stats.pendingBytes > 0) {
    const before = sealer.stats.size;
    await turn();
    most = Math.max(most, sealer.stats.size - before);
  }
  return most;
}

async function recordsOf(file: string, provider: Parameters<typeof read>[1]): Promise<string[]> {
  const { entries } = await read([file], provider);
  return entries.flatMap((entry) => (entry.kind === 'record' ? [entry.line] : []));
}

describe('a backlog', () => {
  it('in one chunk costs each turn of the event loop a bounded share', async () => {
    const { file, options, provider } = withDisk();
    const sealer = start(options());
    await sealer.ready;
    expect(sealer.write(lines(20_000).join('\n'))).toBe(true);
    expect(sealer.stats.records).toBeLessThanOrEqual(TURN_LINES);
    expect(sealer.stats.pendingBytes).toBeGreaterThan(0);
    expect(sealer.write('{"last":true}')).toBe(true); // waits behind the others
    expect(await entriesATurn(sealer)).toBeLessThanOrEqual(TURN_LINES + 50);
    await sealer.close();
    expect(await recordsOf(file, provider)).toEqual([...lines(20_000), '{"last":true}']);
  });

  it('that came before the key drains in slices', async () => {
    const { file, options, provider } = withDisk();
    const sealer = start(options());
    for (const line of lines(12_000)) sealer.write(line);
    await sealer.ready;
    expect(sealer.stats.records).toBeLessThanOrEqual(TURN_LINES);
    expect(await entriesATurn(sealer)).toBeLessThanOrEqual(TURN_LINES + 50);
    await sealer.close();
    expect(await recordsOf(file, provider)).toEqual(lines(12_000));
  });

  it('stays in the queue while the sink takes nothing: the log itself holds no more than a batch', async () => {
    const { file, options, provider } = withDisk();
    const sealer = start(options());
    await sealer.flush();
    disk.answer = () => 'ENOSPC';
    const warned = once(sealer, 'warning');
    sealer.write(lines(20_000).join('\n'));
    await warned;
    const { size } = sealer.stats;
    for (const line of lines(1_000)) sealer.write(line);
    await turn();
    expect(size * '{"n":12345,"integrity":{"seq":12345,"key_id":"12345678.1","mac":""}}'.length).toBeLessThan(400_000);
    expect(sealer.stats.size).toBe(size);
    disk.answer = undefined;
    await sealer.close();
    expect(await recordsOf(file, provider)).toEqual([...lines(20_000), ...lines(1_000)]);
  });

  it('with a seal for each line ends its turns earlier', async () => {
    const { file, options, provider } = withDisk();
    const sealer = start({ ...options(), checkpointMaxRecords: 1 });
    for (const line of lines(3_000)) sealer.write(line);
    await sealer.ready;
    await sealer.close();
    expect(await recordsOf(file, provider)).toEqual(lines(3_000));
  });

  it('is sealed before flushSync and closeSync return', async () => {
    const { file, options, provider } = withDisk();
    const sealer = start(options());
    await sealer.ready;
    sealer.write(lines(20_000).join('\n'));
    sealer.flushSync();
    expect(sealer.stats).toMatchObject({ records: 20_000, pendingBytes: 0 });
    sealer.write(lines(20_000).join('\n'));
    sealer.closeSync();
    expect(await recordsOf(file, provider)).toEqual([...lines(20_000), ...lines(20_000)]);
  });
});

describe('a line that is very long', () => {
  it('in one chunk becomes parts in bounded shares', async () => {
    const { directory, file, options, provider } = withDisk();
    const sealer = start({ ...options(), maxLineBytes: 1_024, maxPendingBytes: 65_536, checkpointMaxRecords: 500 });
    await sealer.ready;
    const long = 'x'.repeat(12_000_000);
    sealer.write(`before\n${long}\r\nbehind\n`);
    expect(sealer.stats.records).toBeLessThanOrEqual(TURN_BYTES / 1_024 + 1);
    expect(await entriesATurn(sealer)).toBeLessThanOrEqual(TURN_BYTES / 1_024 + 50);
    await sealer.close();
    const text = (await recordsOf(file, provider)).join('\n');
    expect(text === `before\n${long.replaceAll(/.{1024}/g, (part) => `${part}\n`)}\nbehind`.replace(/\n\n/, '\n')).toBe(
      true,
    );
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('in pieces is never held: the memory for waiting lines is all that it takes', async () => {
    const { file, options, provider } = withDisk();
    const sealer = start({ ...options(), maxLineBytes: 65_536, maxPendingBytes: 262_144 });
    await sealer.ready;
    const piece = Buffer.alloc(100_000, 'y');
    for (let n = 0; n < 100; n++) {
      const goOn = sealer.writePiece(piece);
      expect(sealer.stats.pendingBytes).toBeLessThanOrEqual(262_144 + piece.length);
      if (!goOn) await once(sealer, 'drain');
    }
    sealer.write('end\r\nnext\n');
    await sealer.close();
    const records = await recordsOf(file, provider);
    expect(records.at(-1)).toBe('next');
    expect(records.slice(0, -1).join('') === `${'y'.repeat(10_000_000)}end`).toBe(true);
    const text = readFileSync(file, 'latin1');
    expect(text.match(/"part":\d+,"last":true/g)).toHaveLength(1);
    expect(text).toContain(`"part":${records.length - 1},"last":true`);
  });
});

describe('whatever the sink does', () => {
  it('every line comes once, in its order, however it was given', async () => {
    const content = fc.string({ unit: fc.constantFrom('a', 'é', '{', '}', '\r', '"', '\0'), maxLength: 40 });
    const long = fc.integer({ min: 1_000, max: 6_000 }).map((length) => 'z'.repeat(length));
    const line = fc.oneof({ weight: 8, arbitrary: content }, { weight: 1, arbitrary: long });
    const step = fc.oneof(
      fc.array(line, { minLength: 1, maxLength: 8 }).map((all) => ({ type: 'text' as const, all })),
      fc.array(line, { minLength: 1, maxLength: 8 }).map((all) => ({ type: 'bytes' as const, all })),
      line.map((one) => ({ type: 'pieces' as const, all: [one] })),
      fc.constant({ type: 'turn' as const, all: [] }),
    );
    const answers = fc.array(fc.constantFrom('all', 'part', 'EAGAIN', 'ENOSPC'), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), answers, async (steps, schedule) => {
        const { directory, file, options, provider } = withDisk();
        const sealer = start({ ...options(), maxLineBytes: 1_024, checkpointMaxRecords: 7 });
        await sealer.ready;
        let at = 0;
        disk.answer = (length) => {
          const answer = schedule[at++];
          if (answer === undefined || answer === 'all') return length;
          return answer === 'part' ? Math.ceil(length / 3) : answer;
        };
        const expected: string[] = [];
        for (const { type, all } of steps) {
          if (type === 'turn') await turn();
          if (type === 'text') sealer.write(all.join('\n'));
          if (type === 'bytes') sealer.write(Buffer.from(`${all.join('\n')}\n`));
          if (type === 'pieces') {
            const bytes = Buffer.from(`${all[0] ?? ''}.`);
            for (let from = 0; from < bytes.length; from += 700) sealer.writePiece(bytes.subarray(from, from + 700));
            sealer.write('!');
          }
          // text without a last LF keeps its CR; one before an LF belongs to that
          const own = all.map((one, n) => (n < all.length - 1 || type === 'bytes' ? one.replace(/\r$/, '') : one));
          if (type === 'text' && own.length > 1 && own.at(-1) === '') own.pop(); // that LF ends the line before
          expected.push(...(type === 'pieces' ? own.map((one) => `${one}.!`) : own));
        }
        await sealer.close();
        disk.answer = undefined;
        const { entries, lines: whole } = await read([file], provider);
        let n = -1;
        const found: string[] = [];
        for (const entry of entries) {
          n++;
          if (entry.kind !== 'record') continue;
          const part = /"part":(\d+)(,"last":true)?/.exec(whole[n]?.slice(-160) ?? '');
          if (part === null || part[1] === '1') found.push(entry.line);
          else found.push(`${found.pop()}${entry.line}`);
        }
        expect(found.map((text) => JSON.stringify(text))).toEqual(
          expected.map((text) => JSON.stringify(Buffer.from(text).toString())),
        );
        expect((await audit(directory, provider)).verdict).toBe('ok');
      }),
      // the disk takes a part of the very last line, and nothing more for now: a manifest was written meanwhile
      { numRuns: 40, examples: [[[{ type: 'turn', all: [] }], ['all', 'all', 'part', 'EAGAIN']]] },
    );
  }, 120_000);
});

describe('lines that wait', () => {
  it('cost what they take, however short they are', () => {
    const pending = new PendingLines(65_536_000);
    for (let n = 0; n < 1_000_000; n++) pending.add('x');
    expect(pending.bytes).toBeGreaterThanOrEqual(2_000_000); // an LF each
    expect(pending.bytes).toBeLessThan(2_001_000);
    const small = new PendingLines(65_536_000);
    for (let n = 0; n < 10; n++) small.add(Buffer.alloc(40_000));
    expect(small.bytes).toBe(9 * 65_536 + 40_001); // a block holds one of them, and is counted whole
  });

  it('come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 300 })), { maxLength: 50 }), (chunks) => {
        const pending = new PendingLines(1_000_000);
        const expected: Buffer[] = [];
        for (const chunk of chunks) {
          pending.add(chunk);
          const bytes = Buffer.from(chunk as string);
          const last = bytes.at(-1);
          expected.push(bytes, Buffer.from(last === 0x0a ? '' : last === 0x0d ? '\r\n' : '\n'));
        }
        const out: Buffer[] = [];
        for (let block = pending.first; block !== undefined; block = pending.first) {
          const to = Math.min(block.to, block.from + 7);
          out.push(Buffer.from(block.bytes.subarray(block.from, to)));
          pending.taken(to);
        }
        expect(Buffer.concat(out).equals(Buffer.concat(expected))).toBe(true);
        expect(pending.bytes).toBe(0);
      }),
    );
  });

  it('are whole ones from the first on, a long line with all of its pieces', () => {
    const step = fc.oneof(
      fc.record({
        piece: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => bytes.map((byte) => byte | 0x80)),
      }),
      fc.record({ lines: fc.stringMatching(/^([a-z]{0,9}\n){1,3}$/) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, isCut) => {
        const pending = new PendingLines(1_000_000);
        const given: Buffer[] = [];
        for (const one of steps) {
          if ('piece' in one) pending.addPiece(one.piece);
          else pending.add(one.lines);
          given.push(Buffer.from('piece' in one ? one.piece : one.lines));
        }
        const out: Buffer[] = [];
        for (let whole = pending.firstWhole; whole !== undefined; whole = pending.firstWhole) {
          expect(whole.at(-1)).toBe(0x0a);
          const part = whole.subarray(0, isCut ? whole.indexOf(0x0a) + 1 : whole.length);
          out.push(Buffer.from(part));
          pending.moved(part.length);
        }
        const all = Buffer.concat(given);
        expect(Buffer.concat(out).equals(all.subarray(0, all.lastIndexOf(0x0a) + 1))).toBe(true);
        expect(pending.isEmpty).toBe(all.length === 0 || all.at(-1) === 0x0a);
      }),
    );
  });
});
