import { closeSync, constants, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { type KeyEvent, onKeyEvent, TamperError } from '../index.ts';
import { readsLikeKey } from '../internal.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
/** What every file of key events begins with. */
const FIRST = '{"time":"';
/** Ours alone: it says who uses which key, and when. */
const FILE_MODE = 0o600;

/**
 * Appends every use of a key to a file, one JSON object a line: an audit trail beside that of the key service. Events hold no
 * secret.
 *
 * @param warn - told once where an event cannot be written; sealing goes on
 * @returns a function that ends it
 * @throws WRITE_FAILED where the file cannot be opened; USAGE for a key in the place of its name
 */
export function recordKeyEvents(path: string, warn: (error: TamperError) => void): () => void {
  const fd = open(path);
  let isTold = false;
  const forget = onKeyEvent((event) => {
    try {
      writeFileSync(fd, `${formatKeyEvent(event)}\n`); // all of it, where a full disk takes a part
      isTold = false;
    } catch (cause) {
      if (!isTold) warn(new TamperError('WRITE_FAILED', `${path} takes no key events: ${String(cause)}`, { cause }));
      isTold = true;
    }
  });
  return () => {
    forget();
    closeSync(fd);
  };
}

function open(path: string): number {
  if (readsLikeKey(path)) {
    throw new TamperError('USAGE', '--key-events was given what looks like a key, not the name of a file', {
      hint: 'Name the file that key events are appended to.',
    });
  }
  let fd: number;
  try {
    fd = openSync(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, FILE_MODE);
  } catch (cause) {
    const why = String(cause);
    throw new TamperError('WRITE_FAILED', `${path} cannot be opened for key events: ${why}`, {
      cause,
      hint: 'Name a file in a directory that exists and that this user may write to. A symbolic link is not followed.',
    });
  }
  const begin = Buffer.alloc(FIRST.length);
  const read = fstatSync(fd).isFile() ? readSync(fd, begin, 0, begin.length, 0) : -1;
  if (read === 0 || begin.toString('latin1') === FIRST) return fd;
  closeSync(fd);
  throw new TamperError('WRITE_FAILED', `${path} is no regular file, or holds something else than key events`, {
    hint: 'Name a file of its own: it is appended to, and what stands in it would be spoilt.',
  });
}

function formatKeyEvent({ startedAt, ...event }: KeyEvent): string {
  return JSON.stringify({ time: new Date(startedAt).toISOString(), ...event });
}
