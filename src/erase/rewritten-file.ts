import { createHash } from 'node:crypto';
import { createWriteStream, lstatSync, type Stats } from 'node:fs';
import { chmod, chown, lstat, open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { systemCode, TamperError } from '../errors.ts';
import { readControl } from '../format/control.ts';
import { type ControlLine, classifyLine } from '../format/entry.ts';
import { commitmentOf, erasedForm } from '../format/leaf.ts';
import { tagOf } from '../format/origin.ts';
import { erasureNames } from '../foundation/log-file-names.ts';
import { readError } from '../foundation/regular-file.ts';
import { digestAsErased, isGzip, linesOf, withoutLf } from './file-lines.ts';

/** A file of a log without the records that were erased, beside the one that has them. */

/** What was erased from one file, whose new content waits beside it. */
export interface RewrittenFile {
  readonly path: string;
  /** {@link standingOf} the old file before it was read. */
  readonly standing: string;
  /** SHA-256 of all of it, uncompressed, in hex. */
  readonly before: string;
  readonly after: string;
  /** Length of the new one, uncompressed, in bytes. */
  readonly bytes: number;
  readonly erased: readonly { readonly seq: number; readonly commit: string }[];
}

/**
 * Writes the new file beside the old one, makes it durable, reads it back and compares every line (R3.2). The old one is as it was.
 *
 * @param commits - the commitments of the records to erase, by seq; those that are not in this file are left
 * @param isNew - whether an erasure must not be of the file that a writer may go on with; of one on record that was asked before
 * @returns undefined where none of them is here
 * @throws {@link TamperError} `UNSAFE_PATH`, `READ_FAILED`, `WRITE_FAILED`; `USAGE` for a file that is still written
 */
export async function rewrite(
  path: string,
  origin: string,
  commits: ReadonlyMap<number, string>,
  isNew: (seq: number) => boolean,
): Promise<RewrittenFile | undefined> {
  const stats = await safeStats(path);
  const standing = standingOf(path);
  const { fresh } = erasureNames(path);
  const [before, after] = [createHash('sha256'), createHash('sha256')];
  const erased: { seq: number; commit: string }[] = [];
  const tag = tagOf(origin);
  const ending = new Ending(tag);
  let bytes = 0;
  async function* lines(): AsyncGenerator<Buffer> {
    for await (const whole of linesOf(path)) {
      before.update(whole);
      const line = withoutLf(whole);
      const read = classifyLine(line);
      ending.pass(line, read);
      let written = whole;
      if (read.type === 'record' && read.tag === tag && read.salt !== undefined && commits.has(read.seq)) {
        const commit = commitmentOf(read.salt, line, 0, read.memberStart);
        if (commit === commits.get(read.seq)) {
          written = Buffer.concat([erasedForm(line, read), whole.subarray(line.length)]);
          erased.push({ seq: read.seq, commit });
        }
      }
      after.update(written);
      bytes += written.length;
      yield written;
    }
  }
  try {
    const isCompressed = await isGzip(path); // first: a stream that fails must have somebody who listens
    const out = createWriteStream(fresh, { flags: 'wx', mode: 0o600 });
    await (isCompressed ? pipeline(lines(), createGzip(), out) : pipeline(lines(), out));
    if (erased.length === 0) {
      await rm(fresh);
      return undefined;
    }
    const isClosed = ending.why === 'rotated' || ending.why === 'continued';
    if (!isClosed && erased.some(({ seq }) => isNew(seq))) throw stillWritten(path);
    await giveRights(fresh, stats);
    await flush(fresh);
    if ((await digestAsErased(fresh)) !== (await digestAsErased(path)))
      throw new TamperError('INTERNAL', `the new file for ${path} is not the old one without the erased records`);
  } catch (error) {
    await rm(fresh, { force: true });
    throw asWriteError(path, error);
  }
  return { path, standing, before: before.digest('hex'), after: after.digest('hex'), bytes, erased };
}

/** Which file has a name, and in which state. It throws what the system says. */
export function standingOf(path: string): string {
  const { ino, size, mtimeNs } = lstatSync(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

/** R3.1. @throws {@link TamperError} `UNSAFE_PATH`, `NOT_FOUND`, `READ_FAILED` */
async function safeStats(path: string): Promise<Stats> {
  const stats = await lstat(path).catch((error: unknown) => {
    throw readError(path, error, 'Name the files of the log.');
  });
  const hint = 'What is erased must be gone from every name: erase from the file itself, and remove its other names.';
  if (!stats.isFile()) throw new TamperError('UNSAFE_PATH', `${path} is not a regular file`, { hint });
  if (stats.nlink > 1) throw new TamperError('UNSAFE_PATH', `${path} has another name (a hard link)`, { hint });
  return stats;
}

/** How a file of the stream ends: with a close, and why, or otherwise. */
class Ending {
  readonly #tag: string;
  why: string | undefined;

  constructor(tag: string) {
    this.#tag = tag;
  }

  pass(line: Buffer, read: ReturnType<typeof classifyLine>): void {
    if (read.type === 'record') this.why = undefined;
    else if (read.type === 'control' && read.tag === this.#tag) this.why = whyClosed(line, read);
  }
}

function whyClosed(line: Buffer, read: ControlLine): string | undefined {
  const reading = readControl(line, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
  return 'entry' in reading && reading.entry.kind === 'close' ? reading.entry.why : undefined;
}

function stillWritten(path: string): TamperError {
  return new TamperError('USAGE', `${path} is the newest file of its log, which its writer may go on with`, {
    hint: 'Erase after the next rotation. If no writer will ever continue this log, say so: --ended.',
  });
}

/** The new file belongs to whom the old one did; who may not give files away keeps it. */
async function giveRights(path: string, { mode, uid, gid }: Stats): Promise<void> {
  await chmod(path, mode & 0o7777);
  const own = await lstat(path);
  if (own.uid !== uid || own.gid !== gid) await chown(path, uid, gid);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function asWriteError(path: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (cause instanceof TamperError || code === '') return cause;
  const exists = code === 'EEXIST';
  return new TamperError('WRITE_FAILED', `${path} cannot be rewritten (${code})`, {
    cause,
    hint: exists
      ? 'Another erasure of this file may be under way. Run this one again when it has ended.'
      : 'There must be room for a second copy of the file in its directory, and you must be its owner.',
  });
}
