import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { times } from '../support/tier.ts';

/** What may stand in the place of a path, or become of it. */
export interface Kind {
  /** `good`: what works in this place; undefined: nothing yet. */
  readonly put: (path: string, good: Good, victim: string) => unknown;
  /** Nobody who runs the command can read it. */
  readonly isUnreadable?: true;
  /** So large that no command may hold it. */
  readonly isLarge?: true;
  /** No call on it is ever answered. */
  readonly isDead?: true;
  /** What becomes of it once it was opened. */
  readonly onOpen?: (path: string) => void;
}

/** What works in a place: the bytes of a file, a directory, or nothing. */
export type Good = string | typeof DIRECTORY | undefined;
export const DIRECTORY: unique symbol = Symbol('a directory');

const STRANGER = 12_345;
const GB = 2 ** 30;

export function putGood(path: string, good: Good): void {
  if (good === DIRECTORY) mkdirSync(path);
  else if (good !== undefined) writeFileSync(path, good, { mode: 0o600 });
}

/** Something in any case: what is made new has no mode or owner yet. */
const putSome = (path: string, good: Good): void => putGood(path, good ?? 'x\n');

const remove = (path: string): void => rmSync(path, { recursive: true });

export const kinds: Readonly<Record<string, Kind>> = {
  pipe: { put: (path) => execFileSync('mkfifo', [path]) },
  socket: { put: (path) => new Promise<void>((done) => void createServer().listen(path, done).unref()) },
  directory: { put: (path) => mkdirSync(path) },
  device: { put: (path) => symlinkSync('/dev/zero', path) },
  'link to a file of somebody': {
    put: (path, _, victim) => {
      writeFileSync(victim, 'mine\n');
      symlinkSync(victim, path);
    },
  },
  'link to itself': { put: (path) => symlinkSync(path, path) },
  'link to nothing': { put: (path, _, victim) => symlinkSync(victim, path) },
  'file of mode 000': {
    put: (path, good) => {
      putSome(path, good);
      chmodSync(path, 0);
    },
    isUnreadable: true,
  },
  'directory of mode 000': { put: (path) => mkdirSync(path, 0), isUnreadable: true },
  'file of another owner': {
    put: (path, good) => {
      putSome(path, good);
      chownSync(path, STRANGER, STRANGER);
    },
    isUnreadable: true,
  },
  'huge file': {
    put: (path) => {
      writeFileSync(path, '');
      truncateSync(path, times(GB / 8, 3 * GB));
    },
    isLarge: true,
  },
  'sparse file': {
    put: (path, good) => {
      putSome(path, good === DIRECTORY ? undefined : good);
      truncateSync(path, times(GB / 8, GB / 2));
    },
    isLarge: true,
  },
  'file that is removed once it is open': { put: putGood, onOpen: remove },
  'file that is emptied once it is open': {
    put: putGood,
    onOpen: (path) => {
      if (statSync(path).isFile()) return truncateSync(path);
      remove(path);
      mkdirSync(path);
    },
  },
  'file that is replaced once it is open': {
    put: putGood,
    onOpen: (path) => {
      remove(path);
      writeFileSync(path, 'another\n');
    },
  },
  'file on a dead mount': { put: putGood, isDead: true },
};

/** Of a process that is not root, files of others cannot be made. */
export const kindNames: readonly string[] = Object.keys(kinds).filter(
  (name) => process.geteuid?.() === 0 || name !== 'file of another owner',
);
