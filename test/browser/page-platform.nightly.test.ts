import * as nodePath from 'node:path';
import { crc32 as crc32OfNode, createDeflateRaw, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Buffer as PageBuffer } from '../../src/offline/page/platform/buffer.ts';
import * as page from '../../src/offline/page/platform/inflate.ts';
import { basename, dirname, join } from '../../src/offline/page/platform/path.ts';
import * as node from '../../src/verify/input/inflate.ts';

/** What the page has in place of modules of Node.js does what they do, with the arguments that the verifier gives. */

const bytes = fc.uint8Array({ maxLength: 200 });
/** Bytes among which some are found again. */
const few = fc.uint8Array({ maxLength: 60, max: 3 });
const index = fc.integer({ min: -70, max: 70 });
const both = (of: Uint8Array): [PageBuffer, Buffer] => [PageBuffer.from(of), Buffer.from(of)];
const encodings = ['utf8', 'latin1', 'hex', 'base64', 'base64url'] as const;

it('Buffer to text, whole and in part', () => {
  fc.assert(
    fc.property(bytes, fc.constantFrom(...encodings), fc.nat(210), fc.nat(210), (of, encoding, start, end) => {
      const [ours, theirs] = both(of);
      expect(ours.toString(encoding)).toBe(theirs.toString(encoding));
      expect(ours.toString(encoding, start, end)).toBe(theirs.toString(encoding, start, end));
      expect(ours.toString(encoding, start)).toBe(theirs.toString(encoding, start));
    }),
    { numRuns: 2000 },
  );
});

it('a Buffer of one byte', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(255), (size, byte) => {
      expect([...PageBuffer.alloc(size, byte)]).toEqual([...Buffer.alloc(size, byte)]);
      expect([...PageBuffer.alloc(size)]).toEqual([...Buffer.alloc(size)]);
    }),
  );
});

it('a long Buffer to text', () => {
  const of = Uint8Array.from({ length: 100_003 }, (_, at) => (at * 7919) % 256);
  const [ours, theirs] = both(of);
  for (const encoding of encodings) expect(ours.toString(encoding) === theirs.toString(encoding)).toBe(true);
});

it('text to Buffer: whatever canonical text, and text that is none as nothing that reads back as it', () => {
  fc.assert(
    fc.property(bytes, fc.string({ unit: 'binary', maxLength: 60 }), (of, text) => {
      const [, theirs] = both(of);
      for (const encoding of encodings.filter((one) => one !== 'utf8')) {
        const spelled = theirs.toString(encoding);
        expect([...PageBuffer.from(spelled, encoding)]).toEqual([...theirs]);
      }
      expect([...PageBuffer.from(text, 'utf8')]).toEqual([...Buffer.from(text, 'utf8')]);
      expect(PageBuffer.byteLength(text)).toBe(Buffer.byteLength(text));
      for (const encoding of ['base64', 'base64url'] as const) {
        const canonical = Buffer.from(text, encoding).toString(encoding) === text;
        expect(PageBuffer.from(text, encoding).toString(encoding) === text).toBe(canonical);
      }
    }),
    { numRuns: 2000 },
  );
});

it('almost base64 reads back as itself exactly where Node says so', () => {
  const letters = fc.constantFrom('A', 'Q', 'g', 'w', 'Z', '+', '/', '-', '_', '=', ' ', '\n');
  fc.assert(
    fc.property(
      fc.string({ unit: letters, maxLength: 12 }),
      fc.constantFrom('base64', 'base64url'),
      (text, encoding) => {
        const canonical = Buffer.from(text, encoding).toString(encoding) === text;
        expect(PageBuffer.from(text, encoding).toString(encoding) === text).toBe(canonical);
      },
    ),
    { numRuns: 5000 },
  );
});

it('searching, comparing, parts', () => {
  fc.assert(
    fc.property(few, fc.uint8Array({ maxLength: 3, max: 3 }), index, index, (of, wanted, from, to) => {
      const [ours, theirs] = both(of);
      const [oursWanted, theirsWanted] = both(wanted);
      expect(ours.indexOf(oursWanted, from)).toBe(theirs.indexOf(theirsWanted, from));
      expect(ours.indexOf(2, from)).toBe(theirs.indexOf(2, from));
      expect(ours.includes(2, from)).toBe(theirs.includes(2, from));
      expect(ours.equals(oursWanted)).toBe(theirs.equals(theirsWanted));
      expect(ours.compare(oursWanted)).toBe(theirs.compare(theirsWanted));
      const part = ours.subarray(from, to);
      expect(part).toBeInstanceOf(PageBuffer);
      expect([...part]).toEqual([...theirs.subarray(from, to)]);
      expect([...ours.slice(from, to)]).toEqual([...theirs.subarray(from, to)]);
      expect([...PageBuffer.concat([ours, oursWanted])]).toEqual([...Buffer.concat([theirs, theirsWanted])]);
      const total = Math.abs(from);
      const concatenated = PageBuffer.concat([ours, oursWanted], total);
      expect([...concatenated]).toEqual([...Buffer.concat([theirs, theirsWanted], total)]);
    }),
    { numRuns: 3000 },
  );
});

it('comparing parts, copying, writing, numbers', () => {
  const inside = fc.nat(20);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 20, maxLength: 40, max: 3 }),
      fc.uint8Array({ minLength: 20, maxLength: 20, max: 3 }),
      inside,
      inside,
      (of, other, one, two) => {
        const [start, end] = [Math.min(one, two), Math.max(one, two)];
        const [ours, theirs] = both(of);
        const [oursOther, theirsOther] = both(other);
        expect(ours.compare(oursOther, 0, end, start, end)).toBe(theirs.compare(theirsOther, 0, end, start, end));
        expect(ours.copy(oursOther, one, two)).toBe(theirs.copy(theirsOther, one, two));
        expect(ours.copy(oursOther, one, start, end)).toBe(theirs.copy(theirsOther, one, start, end));
        expect([...oursOther]).toEqual([...theirsOther]);
        const text = theirs.toString('latin1', start, end);
        expect(oursOther.write(text, one, 'latin1')).toBe(theirsOther.write(text, one, 'latin1'));
        expect(oursOther.write(text, one, 3, 'latin1')).toBe(
          theirsOther.write(text, one, Math.min(3, 20 - one), 'latin1'),
        );
        for (const encoding of ['hex', 'base64', 'base64url'] as const) {
          const spelled = theirs.toString(encoding, start, end);
          expect(oursOther.write(spelled, one, 16, encoding)).toBe(
            theirsOther.write(spelled, one, Math.min(16, 20 - one), encoding),
          );
        }
        expect([...oursOther]).toEqual([...theirsOther]);
        expect(ours.readUInt16LE(one % 18)).toBe(theirs.readUInt16LE(one % 18));
        expect(ours.readUInt32LE(one % 16)).toBe(theirs.readUInt32LE(one % 16));
        expect(ours.readUIntBE(one % 14, 5)).toBe(theirs.readUIntBE(one % 14, 5));
        ours.writeBigUInt64BE(BigInt(two) << 40n);
        theirs.writeBigUInt64BE(BigInt(two) << 40n);
        expect(ours.readBigUInt64BE(one % 8)).toBe(theirs.readBigUInt64BE(one % 8));
        expect([...ours]).toEqual([...theirs]);
      },
    ),
    { numRuns: 2000 },
  );
});

it('names of files', () => {
  const path = fc.string({ unit: fc.constantFrom('a', '.', '/', 'b', '.gz'), minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(
      path.filter((one) => !/\/\/|(^|\/)\.{1,2}(\/|$)|^\/|\/$/.test(one)),
      (of) => {
        expect(basename(of)).toBe(nodePath.basename(of));
        expect(dirname(of)).toBe(nodePath.dirname(of));
        expect(join('audit', of)).toBe(nodePath.join('audit', of));
      },
    ),
    { numRuns: 2000 },
  );
});

/** All that comes of compressed bytes in pieces, and how it ends. */
async function inflated(how: typeof node | typeof page, all: Uint8Array, piece: number): Promise<[string, unknown]> {
  const isPage = how === page;
  async function* pieces(): AsyncGenerator<never> {
    for (let at = 0; at < all.length; at += piece) {
      const part = all.subarray(at, at + piece);
      yield (isPage ? PageBuffer.from(part) : Buffer.from(part)) as never;
    }
  }
  const data: Uint8Array[] = [];
  const reading = how.inflate(pieces()) as AsyncGenerator<Uint8Array, number>;
  try {
    let step = await reading.next();
    for (; step.done !== true; step = await reading.next()) data.push(Uint8Array.from(step.value));
    return [Buffer.concat(data).toString('latin1'), step.value];
  } catch (error) {
    if (!how.isInflateError(error)) throw error;
    return [Buffer.concat(data).toString('latin1'), error.message];
  }
}

const text = Buffer.from(Array.from({ length: 40_000 }, (_, at) => `{"n":${at},"r":${Math.sin(at)}}\n`).join(''));

it('deflate in pieces: the data, the length, trailing bytes', async () => {
  for (const level of [0, 1, 9]) {
    const compressed = Buffer.concat([deflateRawSync(text, { level }), Buffer.from('what follows')]);
    for (const piece of [65_536, 5_000_000]) {
      const expected = await inflated(node, compressed, piece);
      expect(expected[1]).toBe(compressed.length - 12);
      expect(await inflated(page, compressed, piece), `level ${level}, pieces of ${piece}`).toEqual(expected);
    }
  }
});

it('deflate that is cut, or has a byte changed, anywhere: as much data, and the words, of Node', async () => {
  const compressed = deflateRawSync(text.subarray(0, 300_000));
  for (let n = 1; n < 60; n++) {
    const at = Math.floor((compressed.length * n) / 60);
    const cut = compressed.subarray(0, at);
    expect(await inflated(page, cut, 65_536), `cut at ${at}`).toEqual(await inflated(node, cut, 65_536));
    const changed = Uint8Array.from(compressed);
    changed[at] = (changed[at] ?? 0) ^ 0x55;
    expect(await inflated(page, changed, 65_536), `changed at ${at}`).toEqual(await inflated(node, changed, 65_536));
  }
});

it('deflate at once: the data, and nothing of what is longer than the limit, cut or damaged', () => {
  const small = text.subarray(0, 5000);
  const compressed = deflateRawSync(small);
  const cases = [compressed, Buffer.concat([compressed, Buffer.alloc(9)]), compressed.subarray(0, -1), small];
  for (const of of cases) {
    for (const limit of [4999, 5000, 1_000_000]) {
      const [ours, theirs] = [page.inflateAtOnce(PageBuffer.from(of), limit), node.inflateAtOnce(of, limit)];
      expect(ours?.length).toBe(theirs?.length);
      expect(ours?.data.toString('latin1')).toBe(theirs?.data.toString('latin1'));
    }
  }
});

it('an expansion of a thousand to one is given in chunks, and its end need not be waited for', async () => {
  const bomb = await new Promise<Buffer>((resolve) => {
    const deflate = createDeflateRaw();
    const parts: Buffer[] = [];
    deflate.on('data', (part: Buffer) => parts.push(part)).on('end', () => resolve(Buffer.concat(parts)));
    for (let n = 0; n < 64; n++) deflate.write(Buffer.alloc(1024 * 1024));
    deflate.end();
  });
  async function* once(): AsyncGenerator<never> {
    yield PageBuffer.from(bomb) as never;
  }
  const reading = page.inflate(once());
  const first = await reading.next();
  expect((first.value as Uint8Array).length).toBeLessThanOrEqual(1024 * 1024);
  await reading.return(0);
});

it('CRC-32, whole and continued', () => {
  fc.assert(
    fc.property(bytes, bytes, (one, two) => {
      expect(page.crc32(one)).toBe(crc32OfNode(one));
      expect(page.crc32(two, page.crc32(one))).toBe(crc32OfNode(Buffer.concat([one, two])));
    }),
  );
});
