import type { Buffer } from './buffer.ts';
import { fileAt, isFolder, type PlacedFile } from './folder.ts';

/** `node:fs`, as far as the verifier uses it: reading, from the files that were dropped into the page. */

export const constants = { O_RDONLY: 0, O_NONBLOCK: 0 } as const;

export interface Stats {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly birthtimeNs: bigint;
  readonly size: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

class SystemError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const open = new Map<number, PlacedFile>();
let next = 3;

function found(path: string): PlacedFile {
  const file = fileAt(path);
  if (file !== undefined) return file;
  if (isFolder(path)) throw new SystemError('EISDIR', `${path} is a directory`);
  throw new SystemError('ENOENT', `there is no ${path}`);
}

function opened(fd: number): PlacedFile {
  const file = open.get(fd);
  if (file === undefined) throw new SystemError('EBADF', `no open file ${fd}`);
  return file;
}

function statsOf(path: string): Stats | undefined {
  const file = fileAt(path);
  if (file === undefined && !isFolder(path)) return undefined;
  return {
    dev: 1n,
    ino: BigInt(file?.number ?? 0),
    birthtimeNs: 0n,
    size: file?.blob.size ?? 0,
    isFile: () => file !== undefined,
    isDirectory: () => file === undefined,
    isSymbolicLink: () => false,
  };
}

export function statSync(path: string, options: { readonly throwIfNoEntry?: boolean } = {}): Stats | undefined {
  const stats = statsOf(path);
  if (stats === undefined && options.throwIfNoEntry !== false) throw new SystemError('ENOENT', `there is no ${path}`);
  return stats;
}

/** No dropped file is a symbolic link. */
export function lstatSync(path: string, options?: { readonly throwIfNoEntry?: boolean }): Stats | undefined {
  return statSync(path, options);
}

export function openSync(path: string): number {
  open.set(next, found(path));
  return next++;
}

export function closeSync(fd: number): void {
  open.delete(fd);
}

export function fstatSync(fd: number): Stats {
  return statSync(opened(fd).path) as Stats; // what is open was found
}

/** Of workers alone; the types are those of a window. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
const reader = new FileReaderSync();

export function readSync(fd: number, into: Buffer, offset: number, length: number, position: number): number {
  const { blob, path } = opened(fd);
  return put(path, () => reader.readAsArrayBuffer(blob.slice(position, position + length)), into, offset);
}

/** A browser refuses to read a file that was changed after it was dropped. */
function put(path: string, read: () => ArrayBuffer, into: Buffer, offset: number): number {
  try {
    const bytes = new Uint8Array(read());
    into.set(bytes, offset);
    return bytes.length;
  } catch (error) {
    if (error instanceof DOMException) throw new SystemError('EIO', `${path}: ${error.message}`);
    throw error;
  }
}

/** Reads without blocking; as {@link readSync} otherwise. */
export async function readLater(
  fd: number,
  into: Buffer,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  const { blob, path } = opened(fd);
  let bytes: ArrayBuffer;
  try {
    bytes = await blob.slice(position, position + length).arrayBuffer();
  } catch (error) {
    if (error instanceof DOMException) throw new SystemError('EIO', `${path}: ${error.message}`);
    throw error;
  }
  return put(path, () => bytes, into, offset);
}
