import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../errors.ts';
import { SAFELY, unsafePath } from './descriptor.ts';
import { syncDirectoryLater } from './durable-replace.ts';

const { O_APPEND, O_CREAT, O_RDWR } = constants;
const LF = 0x0a;

/** Looks at the first bytes of a file, `most` if it has as many, and refuses by an error of its own to have text behind them. */
export interface BeginningCheck {
  readonly most: number;
  check(beginning: Buffer): void;
}

/**
 * Appends a line to a regular file, which is made with `mode` if it does not exist, onto the disk. A link is not followed. A last
 * line that an earlier failure left without its end gets one, or it would swallow this one.
 *
 * @param line - with its LF
 * @throws {@link TamperError} `UNSAFE_PATH`; what `begins` throws; every other failure as the system gives it
 */
export async function appendDurably(path: string, line: string, mode: number, begins?: BeginningCheck): Promise<void> {
  const { file, size } = await openSafely(path, O_RDWR | O_APPEND | O_CREAT, mode);
  try {
    if (begins !== undefined) begins.check(await readAt(file, 0, Math.min(size, begins.most)));
    if (size === 0) await syncDirectoryLater(dirname(path)); // a power cut takes a file whose name is not on the disk
    const isTorn = size > 0 && (await readAt(file, size - 1, 1))[0] !== LF;
    await file.appendFile(isTorn ? `\n${line}` : line);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Opens a regular file without following a link.
 *
 * @param flags - of `fs.constants`
 * @returns the file, and how many bytes it has
 * @throws {@link TamperError} `UNSAFE_PATH`; every other failure as the system gives it
 */
export async function openSafely(
  path: string,
  flags: number,
  mode?: number,
): Promise<{ readonly file: FileHandle; readonly size: number }> {
  await checkAppendable(path); // what is not a file may not even be opened: a device may act on it
  const file = await open(path, flags | SAFELY, mode).catch((error: unknown) => {
    throw systemCode(error) === 'ELOOP' ? unsafePath(path, 'is a symbolic link', error) : error;
  });
  try {
    const stats = await file.stat();
    refuse(path, stats);
    return { file, size: stats.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Refuses what text may not be appended to. @throws {@link TamperError} `UNSAFE_PATH`; what the system says */
export async function checkAppendable(path: string): Promise<void> {
  try {
    refuse(path, await lstat(path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

function refuse(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) throw unsafePath(path, 'is a symbolic link');
  if (!stats.isFile()) throw unsafePath(path, 'is not a regular file');
}

async function readAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, from);
  return bytes.subarray(0, bytesRead);
}
