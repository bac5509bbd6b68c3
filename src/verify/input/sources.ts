import { closeSync, fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type FileIdentity, identityOf, isSame, Replaced } from '../../foundation/file-identity.ts';
import { type OnRead, openRegularSync, openSame, readError } from '../../foundation/regular-file.ts';
import type { Carrier } from '../carrier/carrier.ts';
import { type CompressedBytes, isCompressed, packedAs, readGzip, TELLING } from './gzip.ts';
import type { OnProblem, OnWhole } from './source-problem.ts';

/** Where sealed bytes come from: files, compressed files, a stream. */

/** Small enough to stay in the processor's cache until its lines are cut. */
const CHUNK = 256 * 1024;

/** One file, or standard input. */
export interface Source {
  readonly name: string;
  /** Whether it can be read more than once. */
  readonly repeatable: boolean;
  /** Size on disk in bytes, for progress; 0 where unknown. */
  readonly size: number;
  /** What the file is on the disk; absent where it is none. */
  readonly identity?: FileIdentity;
  /** What wrapped its lines; absent where they are those of the log. */
  readonly carrier?: Carrier | undefined;
  /** Whether it is an object of a bucket, read by its version. */
  readonly stored?: true;
  /** What the manifest beside it holds, where that is no file; undefined where there is none. */
  manifest?(): Promise<Buffer | undefined>;
  /** Told of the manifest beside it, where that is a file. */
  readonly onManifest?: OnRead;
  /** Opens the file, where the bytes are those on the disk and the lines those of the log. It throws what the system says. */
  openPlain?(): Promise<FileHandle>;
  /**
   * The decompressed bytes, each chunk good until the next is asked for. `onProblem` is told why they end early; of a
   * compressed file `onWhole` is told up to where they are known to be right.
   */
  read(onProblem: OnProblem, onWhole?: OnWhole): AsyncIterable<Buffer>;
}

/** What is to be known of files besides their names. */
export interface FileForm {
  /** A compressed file may expand to so many bytes. */
  readonly maxBytes: number;
  /** What wrapped their lines; absent where they are those of the log. */
  readonly carrier?: Carrier | undefined;
  /** Told what was read to its end. */
  readonly onRead?: OnRead | undefined;
}

/** How a file begins, and whether that is all of it. */
export interface FileHead {
  readonly size: number;
  readonly identity: FileIdentity;
  readonly gzip: boolean;
  /** What it is, in words, where it has to be unpacked first. */
  readonly packed: string | undefined;
  /** All bytes, where they are few; good until the next file is looked at. */
  readonly whole?: Buffer;
}

/** A file up to this size is read whole in the first look at it. */
const HEAD = 64 * 1024;
const head: Buffer = Buffer.allocUnsafeSlow(HEAD);

/**
 * One look at a file: opened, read once, closed. It does not wait, because a directory may hold a hundred thousand files and
 * waiting costs more than looking. It throws what the system says.
 */
export function lookAt(path: string, onRead?: OnRead): FileHead {
  const { fd, stats } = openRegularSync(path);
  try {
    const size = Number(stats.size);
    const length = readSync(fd, head, 0, size < HEAD ? HEAD : TELLING, 0);
    const begins = head.subarray(0, Math.min(length, TELLING));
    const [gzip, packed] = [isCompressed(path, begins), packedAs(begins)];
    const isWhole = size < HEAD && length < HEAD;
    if (isWhole) onRead?.(path, stats, fstatSync(fd, { bigint: true }));
    return { size, identity: identityOf(stats), gzip, packed, ...(isWhole && { whole: head.subarray(0, length) }) };
  } finally {
    closeSync(fd);
  }
}

async function* readPlain(path: string, { size, identity }: FileHead, { onRead }: FileForm): AsyncIterable<Buffer> {
  const small = size < HEAD ? lookAt(path, onRead) : undefined;
  if (small !== undefined && !isSame(small.identity, identity)) {
    throw new Replaced(`${path} was replaced before it could be read`);
  }
  if (small?.whole !== undefined) {
    if (small.whole.length > 0) yield Buffer.from(small.whole);
    return;
  }
  const file = await openSame(path, identity);
  try {
    const before = await file.stat({ bigint: true });
    const chunk = Buffer.allocUnsafeSlow(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      yield bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
    }
    onRead?.(path, before, await file.stat({ bigint: true }));
  } finally {
    await file.close();
  }
}

async function* readCompressed(
  path: string,
  identity: FileIdentity,
  { maxBytes, onRead }: FileForm,
  onProblem: OnProblem,
  onWhole?: OnWhole,
): AsyncIterable<Buffer> {
  const file = await openSame(path, identity);
  try {
    const before = await file.stat({ bigint: true });
    const bytes = { size: Number(before.size), readAt: (at: number, length: number) => readAt(file, at, length) };
    yield* readGzip(bytes, maxBytes, onProblem, undefined, onWhole);
    onRead?.(path, before, await file.stat({ bigint: true }));
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

/** Compressed bytes that are all at hand. */
export function inMemory(bytes: Buffer): CompressedBytes {
  const readAt = async (position: number, length: number): Promise<Buffer> =>
    bytes.subarray(position, position + length);
  return { size: bytes.length, readAt };
}

/** A file, compressed or not. @throws {@link TamperError} `READ_FAILED`, `NOT_FOUND` */
export async function fileSource(path: string, maxBytes: number): Promise<Source> {
  try {
    return sourceOf(path, lookAt(path), { maxBytes });
  } catch (error) {
    throw readError(path, error, 'Name a file that you may read, a directory, or - for a pipe.');
  }
}

/** The file that {@link lookAt} has looked at; its reading throws `ESTALE` where another one has its name by then (M8.2). */
export function sourceOf(path: string, head: FileHead, form: FileForm): Source {
  const { gzip, size, identity } = head;
  const { carrier, onRead } = form;
  return {
    name: path,
    repeatable: true,
    size,
    identity,
    carrier,
    ...(!gzip && carrier === undefined && { openPlain: () => openSame(path, identity) }),
    ...(onRead !== undefined && { onManifest: onRead }),
    read: (onProblem, onWhole) =>
      gzip ? readCompressed(path, identity, form, onProblem, onWhole) : readPlain(path, head, form),
  };
}

/** Bytes that come once, such as standard input. */
export function streamSource(name: string, stream: Readable, carrier?: Carrier): Source {
  return { name, repeatable: false, size: 0, carrier, read: () => stream as AsyncIterable<Buffer> };
}
