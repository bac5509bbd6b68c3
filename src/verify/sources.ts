import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { TamperError } from '../errors.ts';
import { readGzip } from './gzip.ts';

/** Where sealed bytes come from: files, directories, compressed files, a stream. */

/** Small enough to stay in the processor's cache until its lines are cut. */
const CHUNK = 256 * 1024;

/** What can go wrong while bytes are read, beyond the bytes themselves. */
export type SourceProblem = 'GZIP_TRAILING' | 'UNREADABLE' | 'LIMIT';

/** Told why the bytes of a source end early. */
export type OnProblem = (problem: SourceProblem, message: string) => void;

/** One file, or standard input. */
export interface Source {
  readonly name: string;
  /** Whether it can be read more than once. */
  readonly repeatable: boolean;
  /** Size on disk in bytes, for progress; 0 where unknown. */
  readonly size: number;
  /** The path, where the bytes are those on the disk. */
  readonly plainPath?: string;
  /** The decompressed bytes, each chunk good until the next is asked for. `onProblem` is told why they end early. */
  read(onProblem: OnProblem): AsyncIterable<Buffer>;
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(2);
    const { bytesRead } = await file.read(head, 0, 2, 0);
    return bytesRead === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    await file.close();
  }
}

async function* readPlain(path: string): AsyncIterable<Buffer> {
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafeSlow(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, null);
      if (bytesRead === 0) return;
      yield bytesRead === CHUNK ? chunk : chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** A file, compressed or not. @throws {@link TamperError} `READ_FAILED`, `NOT_FOUND` */
export async function fileSource(path: string, maxBytes: number): Promise<Source> {
  const { gzip, size } = await readingErrors(path, async () => ({
    gzip: await isGzip(path),
    size: (await stat(path)).size,
  }));
  return {
    name: path,
    repeatable: true,
    size,
    ...(!gzip && { plainPath: path }),
    read: (onProblem) => (gzip ? readGzip(path, maxBytes, onProblem) : readPlain(path)),
  };
}

/** Bytes that come once, such as standard input. */
export function streamSource(name: string, stream: Readable): Source {
  return { name, repeatable: false, size: 0, read: () => stream as AsyncIterable<Buffer> };
}

async function readingErrors<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    if (code === 'ENOENT') {
      const hint = 'Check the path; a directory takes every file in it.';
      throw new TamperError('NOT_FOUND', `there is no file or directory ${path}`, { cause: error, hint });
    }
    throw new TamperError('READ_FAILED', `${path} cannot be read (${code})`, {
      cause: error,
      hint: 'Check that you may read it.',
    });
  }
}

/** Names in a directory that hold no sealed lines: ours beside the log. */
const BESIDE = /\.(manifest\.json|chainstate|lock|tmp)$|\.torn-/;

/** Every file behind the paths: a directory stands for the files in it, in the order of their names. */
export async function expandPaths(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const isDirectory = await readingErrors(path, async () => (await stat(path)).isDirectory());
    if (!isDirectory) {
      files.push(path);
      continue;
    }
    const entries = await readingErrors(path, async () => readdir(path, { withFileTypes: true }));
    const names = entries.filter((entry) => entry.isFile() && !BESIDE.test(entry.name) && !entry.name.startsWith('.'));
    files.push(...names.map((entry) => join(path, entry.name)).sort());
  }
  return [...new Set(files)];
}
