import { constants, fstatSync, lstatSync, openSync, statSync } from 'node:fs';
import { TamperError } from '../../errors.ts';
import { closeDescriptor, OTHERS_WRITE, SAFELY, unsafePath } from '../../foundation/descriptor.ts';
import { systemCode } from './sink.ts';

const { O_RDONLY } = constants;

/**
 * Opens a file of ours. A symbolic link is not followed and nothing but a regular file is taken, so that whoever may
 * write to the directory cannot lead us to somebody else's file. Directories on the way may be links.
 *
 * @param flags - of `fs.constants`; default: for reading
 * @param mode - of a file that is made
 * @throws {@link TamperError} `UNSAFE_PATH`; every other failure as the system gives it
 */
export function openRegular(path: string, flags: number = O_RDONLY, mode?: number): number {
  let fd: number;
  try {
    fd = openSync(path, flags | SAFELY, mode);
  } catch (error) {
    if (systemCode(error) === 'ELOOP' || isLink(path)) throw unsafePath(path, 'is a symbolic link', error);
    if (systemCode(error) === 'ENXIO') throw unsafePath(path, 'is not a regular file'); // a socket
    throw error;
  }
  let isFile = false;
  try {
    isFile = fstatSync(fd).isFile();
    if (!isFile) throw unsafePath(path, 'is not a regular file');
    return fd;
  } finally {
    if (!isFile) closeDescriptor(fd);
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/**
 * Refuses a state directory that others could change: what stands in it says where the log goes on.
 *
 * @throws {@link TamperError} `UNSAFE_PATH`
 */
export function checkStateDirectory(path: string): void {
  const self = process.geteuid?.();
  if (self === undefined) return; // Windows: access is a matter of its lists
  const link = lstatSync(path);
  if (link.isSymbolicLink() && link.uid !== self && link.uid !== 0) {
    throw unsafeDirectory(path, `is a symbolic link of user ${link.uid}`);
  }
  const { uid, mode } = statSync(path);
  if (uid !== self)
    throw unsafeDirectory(path, `belongs to user ${uid}, but this process runs as user ${self}`, `chown ${self}`);
  if ((mode & OTHERS_WRITE) !== 0)
    throw unsafeDirectory(path, `may be written by others (mode ${(mode & 0o7777).toString(8)})`);
}

function unsafeDirectory(path: string, what: string, repair = 'chmod 700'): TamperError {
  return new TamperError('UNSAFE_PATH', `the state directory ${path} ${what}`, {
    hint: `Its files say where the log continues, so only its writer may change them: ${repair} ${path}, or name a directory in it that does not exist yet (state_dir: ${path}/state). In Kubernetes, fsGroup does that at each start unless fsGroupChangePolicy is OnRootMismatch.`,
  });
}
