import { fstatSync, fsync, fsyncSync, ftruncateSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { systemCode, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { countEnds } from '../stream/pending-lines.ts';
import type { IntakeQueue, Loss } from './intake-queue.ts';
import type { BegunFile, Kept, UnsealedLines } from './unsealed-lines.ts';

const LF = 0x0a;
/** What else needs room in the state directory, in bytes. */
const RESERVE = 67_108_864;
/** How much is written before the room is looked at again, in bytes. */
const LOOK_AFTER = 1_048_576;

/**
 * Lines that wait for the first key, moved from memory into a file of the state directory: the key may take hours, and a
 * process that is killed meanwhile must not take them along. They are the first of the run's {@link EarlierLines} once the key
 * is there, or the next start's.
 */
export class Spool {
  readonly #unsealed: UnsealedLines;
  readonly #clock: Clock;
  #file: BegunFile | undefined;
  /** How far its whole lines reach; a write that failed may have left the beginning of another one behind them. */
  #size = 0;
  #lines = 0;
  /** Up to what size the file may grow before the room is looked at again. */
  #looked = 0;

  constructor(unsealed: UnsealedLines, clock: Clock) {
    this.#unsealed = unsealed;
    this.#clock = clock;
  }

  /** Lines in the file. */
  get lines(): number {
    return this.#lines;
  }

  /**
   * Moves whole lines from the queue into the file. What cannot be written stays in the queue: each line is in one of both.
   *
   * @throws {@link TamperError} `WRITE_FAILED` where the file would leave too little room for the log; what the file system says
   */
  take(queue: IntakeQueue): void {
    queue.moveWhole((lines, moved) => {
      this.#checkRoom(lines.length);
      this.#file ??= this.#unsealed.begin('key_service', queue.since ?? this.#clock.now());
      let written = 0;
      try {
        while (written < lines.length)
          written += writeSync(this.#file.fd, lines, written, lines.length - written, this.#size + written);
      } finally {
        const whole = lines.subarray(0, lines.subarray(0, written).lastIndexOf(LF) + 1);
        this.#size += whole.length;
        this.#lines += countEnds(whole);
        moved(whole.length);
        this.#unsealed.wrote(this.#clock.now());
      }
    });
  }

  /** The file, where there is one. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /** Brings the file to the disk, so that little is left to do when it is finished. */
  async sync(): Promise<void> {
    if (this.#file !== undefined) await promisify(fsync)(this.#file.fd);
  }

  /**
   * Makes it a kept file, durably. Where that fails it stays as it is, and it may be tried again.
   *
   * @param lost - lines that are in no file; its name counts them
   * @returns undefined where there is none
   */
  finish(lost?: Loss): Kept | undefined {
    const file = this.#file;
    if (file === undefined) return undefined;
    ftruncateSync(file.fd, this.#size); // a part of a line would be taken for a line
    fsyncSync(file.fd);
    const lines = this.#lines;
    return { file: this.#keep(file, lost), lines, lost: lost?.count ?? 0 };
  }

  /** Leaves the file as it is, for the next start to find: it cuts what is no whole line. */
  leave(): void {
    const file = this.#file;
    this.#forget();
    if (file !== undefined) closeDescriptor(file.fd);
  }

  /** Deletes a file without a line: a power cut could bring back what a write that failed had left in it. */
  discard(): void {
    const file = this.#file;
    this.#forget();
    if (file === undefined) return;
    try {
      this.#unsealed.remove(file.path);
    } finally {
      closeDescriptor(file.fd);
    }
  }

  #forget(): void {
    this.#file = undefined;
    this.#lines = 0;
    this.#size = 0;
    this.#looked = 0;
  }

  /** @returns its path */
  #keep(file: BegunFile, lost: Loss | undefined): string {
    const now = this.#clock.now();
    let path: string;
    try {
      path = this.#unsealed.keepBegun(file, lost, now);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || fstatSync(file.fd).nlink > 0) throw error; // else both would be found
      path = this.#unsealed.keepBegun(this.#copy(file), lost, now); // somebody has deleted the directory
    }
    this.#forget();
    closeDescriptor(file.fd);
    return path;
  }

  /** The same lines in a new file: the old one has no name any more. */
  #copy({ fd, facts }: BegunFile): BegunFile {
    this.#unsealed.existingDirectory();
    const copy = this.#unsealed.begin(facts.why, facts.since);
    try {
      const chunk = Buffer.allocUnsafe(Math.min(this.#size, LOOK_AFTER));
      for (let at = 0; at < this.#size; ) {
        const read = readSync(fd, chunk, 0, Math.min(chunk.length, this.#size - at), at);
        if (read === 0) break; // somebody has cut it
        writeFileSync(copy.fd, chunk.subarray(0, read));
        at += read;
      }
      fsyncSync(copy.fd);
      return copy;
    } finally {
      closeDescriptor(copy.fd);
    }
  }

  /** The log itself will need as much room, and more, before the file can be deleted. */
  #checkRoom(more: number): void {
    const size = this.#size + more;
    if (size <= this.#looked) return;
    if (this.#unsealed.freeBytes() < 2 * size + RESERVE) {
      throw new TamperError('WRITE_FAILED', `${this.#unsealed.directory} has little room left: lines wait in memory`, {
        hint: 'Make room for state_dir and for the log, or make the key available.',
      });
    }
    this.#looked = size + LOOK_AFTER;
  }
}
