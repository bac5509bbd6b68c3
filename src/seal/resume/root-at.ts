import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Digest } from '../../core/hash.ts';
import { Frontier } from '../../core/tree.ts';
import { TamperError } from '../../errors.ts';
import type { OpenEntry } from '../../format/control.ts';
import { isFileOf, STDOUT } from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import { openIn } from './recovery.ts';
import type { StreamSite } from './stream-site.ts';
import { TailReplay } from './tail.ts';

const LF = 0x0a;
/** No line of ours is longer, in bytes. */
const LONGEST_LINE = 16_777_216;

/** A file of a stream, and what it begins with. */
interface Opening {
  readonly file: string;
  readonly open: OpenEntry;
}

/** The files of a stream that are here, closed and compressed ones among them, each with the entry that it begins with. */
export async function* openingsOf({ origin, state, resumption }: StreamSite): AsyncGenerator<Opening> {
  const { base } = state;
  if (base === STDOUT) return;
  const directory = dirname(base);
  const files = new Set((await readdir(directory)).map((name) => join(directory, name)).filter(isOurs(base)));
  for (const file of files.add(resumption.file)) {
    for await (const [first] of linesOf(file)) {
      const open = first && openIn(first);
      if (open?.origin === origin) yield { file, open };
      break;
    }
  }
}

const isOurs =
  (base: string) =>
  (file: string): boolean =>
    isFileOf(base, file.replace(/\.gz$/, ''));

/**
 * The root of a stream's first `size` entries, computed from its files.
 *
 * @returns undefined where no file that is here holds the entry of that number
 * @throws {@link TamperError} `UNSAFE_PATH`; what the system or a damaged compressed file says; the reason of `signal`
 */
export async function rootAt(site: StreamSite, size: number, signal: AbortSignal): Promise<Digest | undefined> {
  signal.throwIfAborted();
  const openings: Opening[] = [];
  for await (const opening of openingsOf(site)) if (opening.open.size <= size) openings.push(opening);
  openings.sort((one, other) => other.open.size - one.open.size);
  for (const { file, open } of openings) {
    if (open.size === size) return new Frontier(size, open.frontier).root();
    const replay = new TailReplay({ origin: site.origin, size: open.size, frontier: open.frontier });
    if (await replayTo(replay, file, size, signal)) return replay.frontier.root();
  }
  return undefined;
}

async function replayTo(replay: TailReplay, file: string, size: number, signal: AbortSignal): Promise<boolean> {
  for await (const lines of linesOf(file)) {
    signal.throwIfAborted();
    for (const bytes of lines) {
      if (!replay.take({ bytes, offset: 0 }, file)) return false;
      if (replay.frontier.size === size) return true;
    }
  }
  return false;
}

/** The whole lines of a file without their LF, as many as come at once. A file that is not there has none. */
async function* linesOf(file: string): AsyncGenerator<readonly Buffer[]> {
  let fd: number;
  try {
    fd = openRegular(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const stored: Readable = createReadStream(file, { fd, highWaterMark: 1 << 18 });
  // what fails is thrown where it is read
  const text = file.endsWith('.gz') ? pipeline(stored, createGunzip(), () => undefined) : stored;
  let rest: Buffer[] = [];
  let waiting = 0;
  for await (const chunk of text as AsyncIterable<Buffer>) {
    const end = chunk.lastIndexOf(LF);
    if (end >= 0) {
      yield split(Buffer.concat([...rest, chunk.subarray(0, end)]));
      rest = [];
      waiting = 0;
    }
    rest.push(chunk.subarray(end + 1));
    waiting += chunk.length - end - 1;
    if (waiting > LONGEST_LINE) throw new TamperError('READ_FAILED', `${file} holds a line that no log has`);
  }
}

function split(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  lines.push(bytes.subarray(from));
  return lines;
}
