import { closeSync, fsync, fsyncSync, ftruncateSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Clock } from '../../foundation/clock.ts';
import { countEnds } from '../stream/pending-lines.ts';
import type { IntakeQueue, Loss } from './intake-queue.ts';
import type { BegunFile, Kept, UnsealedLines } from './unsealed-lines.ts';

/**
 * Lines that wait for the first key, moved from memory into a file of the state directory: the key may take hours, and a
 * process that is killed meanwhile must not take them along. They are the first of the run's {@link EarlierLines} once the key
 * is there, or the next start's.
 */
export class Spool {
  readonly #unsealed: UnsealedLines;
  readonly #clock: Clock;
  #file: BegunFile | undefined;
  #size = 0;
  #lines = 0;

  constructor(unsealed: UnsealedLines, clock: Clock) {
    this.#unsealed = unsealed;
    this.#clock = clock;
  }

  /** Lines in the file. */
  get lines(): number {
    return this.#lines;
  }

  /**
   * Moves whole lines from the queue into the file. What cannot be written stays in the queue.
   *
   * @throws what the file system says
   */
  take(queue: IntakeQueue): void {
    queue.moveWhole((block) => {
      this.#file ??= this.#unsealed.begin('key_service', queue.since ?? this.#clock.now());
      this.#write(this.#file.fd, block);
      this.#lines += countEnds(block);
    });
  }

  /** Makes it a kept file, durably; where there is one. */
  async finish(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    await promisify(fsync)(file.fd);
    if (this.#file === file) this.#keep(file);
  }

  /**
   * As {@link Spool.finish}, for the end of the process.
   *
   * @param lost - lines that are in no file; its name counts them
   * @returns undefined where there is none
   */
  finishSync(lost: Loss | undefined): Kept | undefined {
    const file = this.#file;
    if (file === undefined) return undefined;
    fsyncSync(file.fd);
    const lines = this.#lines;
    return { file: this.#keep(file, lost), lines, lost: lost?.count ?? 0 };
  }

  /** @returns its path */
  #keep(file: BegunFile, lost?: Loss): string {
    this.#file = undefined;
    this.#lines = 0;
    closeSync(file.fd);
    return this.#unsealed.keepBegun(file, lost, this.#clock.now());
  }

  /** All of it or nothing: a part of a line would be taken for a line. */
  #write(fd: number, block: Uint8Array): void {
    try {
      for (let done = 0; done < block.length; ) {
        done += writeSync(fd, block, done, block.length - done, this.#size + done);
      }
      this.#size += block.length;
    } catch (error) {
      ftruncateSync(fd, this.#size);
      throw error;
    }
  }
}
