import { systemCode } from '../../errors.ts';

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
  /** Whether what was written can be found under that name. */
  readonly inPlace: boolean;
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
  /** Makes what was written durable. */
  datasync(): Promise<void>;
  datasyncSync(): void;
  /** As {@link Sink.datasyncSync}, with everything that the file system knows of the file. */
  syncSync(): void;
  /** Gives the file another name. */
  rename(to: string): void;
  close(): void;
}

/**
 * Failures that may pass: no room, a quota, a device in trouble, a file system that was made read-only, no descriptor left in
 * this process or on this machine.
 */
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
]);

/** Whether a failure may pass, so that the same may be tried again later. */
export function isPassing(error: unknown): boolean {
  return passing.has(systemCode(error));
}
