import { Output } from './unpacked-output.ts';

/** What clients in Java put before several blocks. */
const XERIAL = Buffer.from('\x82SNAPPY\0', 'latin1');
const XERIAL_HEAD = 16;

/**
 * Unpacks one block of Snappy, or several as clients in Java write them.
 *
 * @param most - in bytes
 * @returns undefined if it becomes longer
 * @throws RangeError if it is none
 */
export function snappyUnpacked(packed: Buffer, most: number): Buffer | undefined {
  const blocks: Buffer[] = [];
  if (packed.subarray(0, XERIAL.length).equals(XERIAL)) {
    for (let at = XERIAL_HEAD; at < packed.length; ) {
      const end = at + 4 + packed.readUInt32BE(at);
      if (end > packed.length) throw new RangeError('a block that is cut off');
      blocks.push(packed.subarray(at + 4, end));
      at = end;
    }
  } else blocks.push(packed);
  const lengths = blocks.map(lengthOf);
  const said = lengths.reduce((sum, [length]) => sum + length, 0);
  if (said > most) return undefined;
  const output = new Output(said, most);
  for (const [number, block] of blocks.entries()) {
    if (!unpack(block, lengths[number]?.[1] ?? 0, output)) return undefined;
  }
  return output.bytes;
}

/** How long a block says that it becomes, and where it begins. */
function lengthOf(block: Buffer): readonly [length: number, at: number] {
  let value = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block.readUInt8(at);
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return [value, at + 1];
  }
  throw new RangeError('a length that does not end');
}

function unpack(block: Buffer, from: number, output: Output): boolean {
  for (let at = from; at < block.length; ) {
    const tag = block.readUInt8(at++);
    const kind = tag & 3;
    if (kind === 0) {
      const more = Math.max(0, (tag >> 2) - 59); // so many bytes say the length
      const length = (more === 0 ? tag >> 2 : block.readUIntLE(at, more)) + 1;
      at += more;
      if (!output.copy(block, at, length)) return false;
      at += length;
    } else if (kind === 1) {
      const back = ((tag >> 5) << 8) | block.readUInt8(at);
      at += 1;
      if (!output.repeat(back, ((tag >> 2) & 7) + 4)) return false;
    } else {
      const back = block.readUIntLE(at, kind === 2 ? 2 : 4);
      at += kind === 2 ? 2 : 4;
      if (!output.repeat(back, (tag >> 2) + 1)) return false;
    }
  }
  return true;
}
