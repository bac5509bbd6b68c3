import { Output } from './unpacked-output.ts';

/** The largest block of a frame, by its code. */
const BLOCKS = [0, 0, 0, 0, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22] as const;
const HEAD = 6;
const IS_STORED = 0x8000_0000;
const LEAST_MATCH = 4;

/**
 * Unpacks a frame of LZ4; checksums are not looked at.
 *
 * @param most - in bytes
 * @returns undefined if it becomes longer
 * @throws RangeError if it is none
 */
export function lz4Unpacked(frame: Buffer, most: number): Buffer | undefined {
  const flags = frame.readUInt8(4);
  const [hasLength, hasDictionary, hasSums] = [8, 1, 16].map((bit) => (flags & bit) !== 0);
  const blocks: Buffer[] = [];
  for (let at = HEAD + (hasLength ? 8 : 0) + (hasDictionary ? 4 : 0) + 1; ; ) {
    const word = frame.readUInt32LE(at);
    if (word === 0) break;
    const end = at + 4 + (word & ~IS_STORED);
    if (end > frame.length) throw new RangeError('a block that is cut off');
    blocks.push(frame.subarray(at, end));
    at = end + (hasSums ? 4 : 0);
  }
  const largest = BLOCKS[(frame.readUInt8(5) >> 4) & 7] ?? 0;
  const output = new Output(blocks.length * largest, most);
  for (const block of blocks) {
    const isStored = (block.readUInt32LE(0) & IS_STORED) !== 0;
    const content = block.subarray(4);
    if (!(isStored ? output.copy(content, 0, content.length) : unpack(content, output))) return undefined;
  }
  return output.bytes;
}

function unpack(block: Buffer, output: Output): boolean {
  let at = 0;
  /** Fifteen, and what further bytes add to it. */
  const long = (length: number): number => {
    let sum = length;
    if (length < 15) return sum;
    for (let byte = 255; byte === 255; sum += byte) byte = block.readUInt8(at++);
    return sum;
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = long(token >> 4);
    if (!output.copy(block, at, literals)) return false;
    at += literals;
    if (at === block.length) return true;
    const back = block.readUInt16LE(at);
    at += 2;
    if (!output.repeat(back, long(token & 15) + LEAST_MATCH)) return false;
  }
  return true;
}
