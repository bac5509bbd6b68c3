import { constants, type Stats } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { systemCode } from '../errors.ts';
import { SAFELY, unsafePath } from './safe-open.ts';

const { O_APPEND, O_CREAT, O_RDWR, O_WRONLY } = constants;

/** Looks at the first bytes of a file, `most` if it has as many, and refuses by an error of its own to have text behind them. */
export interface BeginningCheck {
  readonly most: number;
  check(beginning: Buffer): void;
}

/**
 * Appends text to a regular file, which is made with `mode` if it does not exist, onto the disk. A link is not followed.
 *
 * @throws {@link TamperError} `UNSAFE_PATH`; what `begins` throws; every other failure as the system gives it
 */
export async function appendDurably(path: string, text: string, mode: number, begins?: BeginningCheck): Promise<void> {
  await checkAppendable(path); // what is not a file may not even be opened: a device may act on it
  const access = begins === undefined ? O_WRONLY : O_RDWR;
  const file = await open(path, access | O_APPEND | O_CREAT | SAFELY, mode).catch((error: unknown) => {
    throw systemCode(error) === 'ELOOP' ? unsafePath(path, 'is a symbolic link', error) : error;
  });
  try {
    const stats = await file.stat();
    refuse(path, stats);
    if (begins !== undefined) {
      const beginning = Buffer.alloc(Math.min(stats.size, begins.most));
      const { bytesRead } = await file.read(beginning, 0, beginning.length, 0);
      begins.check(beginning.subarray(0, bytesRead));
    }
    await file.appendFile(text);
    await file.sync();
  } finally {
    await file.close();
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
