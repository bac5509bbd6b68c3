import type { OnRead } from '../../foundation/regular-file.ts';

/** Told what was read, for whoever remembers what need not be read again. It decides nothing. */
export interface ReadingObserver {
  /** Files of a disk, and the manifests beside them. */
  readonly read: OnRead;
  /** There is a checkpoint line of so many entries in a file. */
  readonly checkpoint: (file: string, size: number, note: string) => void;
}
