import { crc32, inflate, inflateAtOnce, isInflateError } from './inflate.ts';
import type { OnProblem, OnWhole } from './source-problem.ts';

/**
 * M8.23: Compressed files (RFC 1952): several members are one file, bytes after the last one are a finding. Node's own gunzip
 * drops what it decompressed when such bytes follow, so the members are walked here and only their data is Node's.
 */

const CHUNK = 1024 * 1024;
const FIXED_HEADER = 10;
const TRAILER = 8;
/** A header may carry a name and a comment; longer than this it is damage. */
const MAX_HEADER = 64 * 1024;
/** So much of the file is held, so that many small members cost no reading each. */
const WINDOW = 256 * 1024;
/** A member that expands to no more is decompressed at once. */
const SMALL = 1024 * 1024;
/** A writer that makes one a second needs six days for so many. */
const MAX_MEMBERS = 500_000;

/** Compressed bytes, of which any part can be read. */
export interface CompressedBytes {
  readonly size: number;
  /** Up to `length` bytes from `position` on, fewer only where the bytes end. They are the caller's. */
  readAt(position: number, length: number): Promise<Buffer>;
}

const TEXT_CONTROLS: readonly number[] = [0x09, 0x0a, 0x0d];
const MARK_BEGINS = 0xef;
/** How files begin that nobody reads here before they are unpacked, and where that stands (M8.23). */
const PACKED: readonly (readonly [magic: string, at: number, what: string])[] = [
  ['(\xb5/\xfd', 0, 'compressed with zstd'],
  ['\xfd7zXZ\0', 0, 'compressed with xz'],
  ['BZh91AY&SY', 0, 'compressed with bzip2'],
  ['\x04"M\x18', 0, 'compressed with lz4'],
  ['PK\x03\x04', 0, 'a zip archive'],
  ['\0ustar', 256, 'a tar archive'], // what a log says has no NUL before it
  ['\xef\xbb\xbf\x1f\x8b', 0, 'compressed, and has a byte order mark before that'],
];

/** So many bytes of its beginning tell whether a file is packed. */
export const TELLING = 262;

/** What a file is that begins so, in words, where it has to be unpacked before it is read. */
export function packedAs(head: Uint8Array): string | undefined {
  const begins = Buffer.from(head.subarray(0, TELLING)).toString('latin1');
  return PACKED.find(([magic, at]) => begins.startsWith(magic, at))?.[2];
}

const isGzip = ([first, second]: Uint8Array): boolean => first === 0x1f && second === 0x8b;

/** The same of what was decompressed. */
const packedInside = (bytes: Buffer): string | undefined => (isGzip(bytes) ? 'compressed twice' : packedAs(bytes));

/** Whether a file is compressed, or was: one named `.gz` that begins as neither gzip nor text does is damaged there. */
export function isCompressed(name: string, head: Uint8Array): boolean {
  const [first, second] = head;
  if (first === undefined) return false;
  if (isGzip(head) || packedAs(head) !== undefined) return true;
  const isBinary = (byte: number): boolean => byte >= 0x80 || (byte < 0x20 && !TEXT_CONTROLS.includes(byte));
  return (
    name.endsWith('.gz') && first !== MARK_BEGINS && (isBinary(first) || (second !== undefined && isBinary(second)))
  );
}

class Damaged extends Error {}

/** The length of the member header that `bytes` begin with, or undefined where they begin with none. */
function headerLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED_HEADER || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) return undefined;
  const flags = bytes[3] as number;
  if ((flags & 0xe0) !== 0) return undefined;
  let at = FIXED_HEADER;
  if (flags & 0x04) at += 2 + (at + 2 <= bytes.length ? bytes.readUInt16LE(at) : MAX_HEADER);
  for (const zeroTerminated of [flags & 0x08, flags & 0x10]) {
    if (zeroTerminated === 0) continue;
    const zero = bytes.indexOf(0, at);
    if (zero < 0) return undefined;
    at = zero + 1;
  }
  if (flags & 0x02) at += 2;
  return at <= bytes.length ? at : undefined;
}

/** The part of the file that small members are taken from. */
class Window {
  readonly #file: CompressedBytes;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(file: CompressedBytes) {
    this.#file = file;
  }

  /** The bytes from `position` on: as many as a header may have, or as there are. */
  async from(position: number): Promise<Buffer> {
    const end = this.#at + this.#bytes.length;
    if (position < this.#at || (position + MAX_HEADER > end && end < this.#file.size)) {
      this.#bytes = await this.#file.readAt(position, WINDOW);
      this.#at = position;
    }
    return this.#bytes.subarray(position - this.#at);
  }
}

interface Trailer {
  readonly check: number;
  readonly length: number;
}

function checkTrailer(bytes: Buffer, { check, length }: Trailer): void {
  if (bytes.length < TRAILER) throw new Damaged('it is cut');
  if (bytes.readUInt32LE(0) !== check || bytes.readUInt32LE(4) !== length % 2 ** 32) {
    throw new Damaged('its checksum is wrong');
  }
}

/** The bytes from an offset on: a little first, because the member may end soon. */
async function* pieces(file: CompressedBytes, from: number): AsyncGenerator<Buffer> {
  for (let at = from, length = MAX_HEADER; at < file.size; length = Math.min(length * 2, CHUNK)) {
    const bytes = await file.readAt(at, length);
    if (bytes.length === 0) return;
    at += bytes.length;
    yield bytes;
  }
}

/** The data of the member at `start`, whatever its size; returns the offset after it. */
async function* readMember(file: CompressedBytes, start: number): AsyncGenerator<Buffer, number> {
  const data = inflate(pieces(file, start));
  let check = 0;
  let length = 0;
  try {
    let step = await data.next();
    for (; step.done !== true; step = await data.next()) {
      check = crc32(step.value, check);
      length += step.value.length;
      yield step.value;
    }
    const end = start + step.value;
    checkTrailer(await file.readAt(end, TRAILER), { check, length });
    return end + TRAILER;
  } finally {
    await data.return(0);
  }
}

/**
 * The decompressed bytes of a file, at most `maxBytes` in at most `maxMembers` (default 500,000) members. `onWhole` is told
 * behind each member that all bytes so far are those that were compressed.
 */
export async function* readGzip(
  file: CompressedBytes,
  maxBytes: number,
  onProblem: OnProblem,
  maxMembers: number = MAX_MEMBERS,
  onWhole: OnWhole = () => undefined,
): AsyncGenerator<Buffer, void> {
  const window = new Window(file);
  let position = 0;
  let bytes = 0;
  const isPacked = (as: string): void =>
    onProblem('UNREADABLE', `this file is ${as}: unpack it before you verify it`, true);
  const exceeded = (): void => onProblem('LIMIT', `the file expands to more than ${maxBytes} bytes`);
  try {
    for (let members = 0; position < file.size; members++) {
      if (members === maxMembers) {
        onProblem('LIMIT', `the file has more than ${maxMembers} gzip members; what follows was not read`);
        return;
      }
      const view = await window.from(position);
      const header = headerLength(view.subarray(0, MAX_HEADER));
      if (header === undefined) {
        const isCut = view[0] === 0x1f && (view.length === 1 || view[1] === 0x8b); // a header that is not whole
        const as = position === 0 ? packedAs(view) : undefined;
        if (as !== undefined) return isPacked(as);
        const problem = position === 0 || isCut ? 'UNREADABLE' : 'GZIP_TRAILING';
        onProblem(problem, `there is no gzip member at byte ${position}`);
        return;
      }
      const small = inflateAtOnce(view.subarray(header), SMALL);
      if (small !== undefined && header + small.length + TRAILER <= view.length) {
        const { data, length } = small;
        const as = bytes === 0 ? packedInside(data) : undefined;
        if (as !== undefined) return isPacked(as);
        bytes += data.length;
        if (bytes > maxBytes) return exceeded();
        checkTrailer(view.subarray(header + length), { check: crc32(data), length: data.length });
        if (data.length > 0) yield data;
        onWhole();
        position += header + length + TRAILER;
        continue;
      }
      const member = readMember(file, position + header);
      let step = await member.next();
      while (step.done !== true) {
        const as = bytes === 0 ? packedInside(step.value) : undefined;
        if (as !== undefined) {
          await member.return(0);
          return isPacked(as);
        }
        bytes += step.value.length;
        if (bytes > maxBytes) {
          await member.return(0);
          return exceeded();
        }
        yield step.value;
        step = await member.next();
      }
      onWhole();
      position = step.value;
    }
  } catch (error) {
    if (!isInflateError(error) && !(error instanceof Damaged)) throw error;
    onProblem('UNREADABLE', `the compressed data is damaged: ${error.message}`);
  }
}
