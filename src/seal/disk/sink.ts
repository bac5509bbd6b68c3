import { isTamperError, systemCode } from '../../errors.ts';

export { systemCode };

/** Why a sink takes no more for now: no room, or a reader that does not keep up. */
export interface Obstacle {
  readonly kind: 'full' | 'busy';
  readonly cause: Error;
}

/** Where the bytes of a sealed log go. Writing is synchronous. */
export interface Sink {
  /** The file's path, or `-` for standard output. */
  readonly name: string;
  /** Whether the file still has that name. To be asked before the file of that name is changed. @throws if that cannot be seen now */
  readonly inPlace: boolean;
  /** As {@link Sink.inPlace}, and true if that cannot be seen now. */
  readonly maybeInPlace: boolean;
  /** The file's number in its file system, decimal; empty for standard output. */
  readonly inode: string;
  /** How many bytes it holds: the offset of the next byte. */
  readonly size: number;
  /** Why the last {@link Sink.write} took less than it was given. */
  readonly obstacle: Obstacle | undefined;
  /**
   * Writes `bytes[start, end)`.
   *
   * @returns how many bytes are there now. Fewer than given means an {@link Obstacle}; the rest is given again later
   * @throws WRITE_FAILED where trying again cannot help; FOREIGN_WRITE where somebody else has written
   */
  write(bytes: Buffer, start: number, end: number): number;
  /**
   * Whether it ends where we left it, with a whole line; else there is an {@link Obstacle}.
   *
   * @throws FOREIGN_WRITE where somebody else has written, or has cut it
   */
  isWhole(): boolean;
  /**
   * Makes what was written durable.
   *
   * @throws WRITE_FAILED. Trying again would not help: the system has dropped what it could not write, and would say yes
   */
  datasync(): Promise<void>;
  datasyncSync(): void;
  /** As {@link Sink.datasyncSync}, with everything that the file system knows of the file. */
  syncSync(): void;
  /** Gives the file another name. */
  rename(to: string): void;
  close(): void;
}

/** Failures that may pass whenever they come: no room, a quota, a device or a network volume in trouble, no descriptor left. */
const passing: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EFBIG',
  'ENOBUFS',
  'ENOMEM',
  'EMFILE',
  'ENFILE',
  'EBUSY',
  'ESTALE',
  'ETIMEDOUT',
  'ENODEV',
  'ENXIO',
  'ENOTCONN',
  'EHOSTDOWN',
]);
/** What a wrong configuration looks like at a start; to a writer that could write before, somebody has done it, and may undo it. */
const passingInRun: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR']);

/**
 * Whether what failed may succeed later, so that the writer waits and lines with it. This is the table of
 * `docs/when-things-fail.md`; only what makes bytes of a log durable is never tried again ({@link Sink.datasync}).
 *
 * @param error - a failure of the file system, or an error of ours with one as its cause
 * @param phase - `start` until the first key is asked for, `run` from then on
 */
export function isPassing(error: unknown, phase: 'start' | 'run'): boolean {
  const code = systemCode(isTamperError(error) ? error.cause : error);
  return passing.has(code) || (phase === 'run' && passingInRun.has(code));
}
