import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode, TamperError } from '../../errors.ts';
import { replaceFile } from '../../foundation/durable-replace.ts';
import { readError } from '../../foundation/regular-file.ts';
import { KnownLock } from '../../verify/auditor/known-lock.ts';
import type { TopicTally } from '../topic-tally.ts';
import { type Frame, type LeavesKept, type SavedState, type StateOwner, shorterFrames } from './frames.ts';
import type { PendingFrames } from './pending-frames.ts';
import { checkOwner, framesIn, readSaved, STATE_VERSION, writeSnapshot } from './snapshot.ts';

/**
 * The directory of `--state`: one snapshot, which is replaced whole. A process that is killed anywhere has read what it says, no
 * more and no less.
 */

const SNAPSHOT = 'state';
/** The names that may stand in the directory, */
const OWN = /^state(?:\..+)?$/;
/** and what a process that was killed may have left of them. */
const LEFT = /^state\..+\.tmp$/;

/** How far each partition was read, and what belongs to no stream. */
export interface Progress {
  /** The offset that is read next, by partition. */
  readonly positions: ReadonlyMap<number, number>;
  readonly tally: TopicTally;
}

/** One verifier's state on the disk. */
export class StateDirectory {
  readonly #directory: string;
  readonly #path: string;
  readonly #owner: StateOwner;
  readonly #lock: KnownLock;
  #isBegun: boolean;
  /** What was saved before; undefined if this is the beginning. */
  readonly saved: SavedState | undefined;

  private constructor(directory: string, owner: StateOwner, lock: KnownLock, saved: SavedState | undefined) {
    this.#directory = directory;
    this.#path = join(directory, SNAPSHOT);
    this.#owner = owner;
    this.#lock = lock;
    this.saved = saved;
    this.#isBegun = saved !== undefined;
  }

  /**
   * Opens the directory, or makes it.
   *
   * @throws {@link TamperError} `STATE_CONFLICT` if it is another verification's; `STATE_MALFORMED`; `LOCKED` if another
   *   verifier has it; `USAGE` if it is a directory of something else; `READ_FAILED`, `WRITE_FAILED`
   */
  static async open(directory: string, owner: StateOwner): Promise<StateDirectory> {
    await makeDirectory(directory);
    const lock = await KnownLock.take(join(directory, SNAPSHOT), { what: 'state', waitMs: 0 });
    try {
      const names = await readdir(directory);
      const saved = names.includes(SNAPSHOT) ? await readSaved(join(directory, SNAPSHOT)) : undefined;
      if (saved !== undefined) checkOwner(saved.owner, owner, directory);
      for (const name of names) if (LEFT.test(name)) await rm(join(directory, name), { force: true });
      return new StateDirectory(directory, owner, lock, saved);
    } catch (error) {
      lock.release();
      throw readError(directory, error, 'Check the path, and that nobody removes it while it is in use.');
    }
  }

  /** What is saved, in its order. @throws {@link TamperError} `STATE_MALFORMED`, behind the last frame */
  async *frames(): AsyncGenerator<Frame> {
    if (!this.#isBegun) return;
    for await (const frame of framesIn(this.#path)) if (frame.kind !== 'saved') yield frame;
  }

  /**
   * Saves what was taken since, and how far each partition was read, as one.
   *
   * @throws {@link TamperError} `WRITE_FAILED`; `LOCKED` if another verifier took over; `STATE_MALFORMED` if what was saved
   *   before was changed meanwhile
   */
  async save({ positions, tally }: Progress, taken: PendingFrames, keeps: LeavesKept): Promise<void> {
    const head = { version: STATE_VERSION, owner: this.#owner, positions: [...positions], tally };
    const before = this.frames();
    async function* whole(): AsyncGenerator<Frame> {
      yield { kind: 'saved', ...head };
      yield* before;
      yield* taken.frames();
    }
    const [path, temporary] = [this.#path, `${this.#path}.${randomBytes(4).toString('hex')}.tmp`];
    const put = (): void => {
      this.#lock.assertHeld();
      renameSync(temporary, path);
    };
    try {
      await replaceFile({ path, temporary, mode: 0o600, put }, (file) =>
        writeSnapshot(file, shorterFrames(whole(), keeps)),
      );
    } catch (cause) {
      const code = systemCode(cause);
      if (code === '') throw cause;
      throw new TamperError('WRITE_FAILED', `the state ${this.#directory} cannot be written (${code})`, {
        cause,
        hint: 'What was saved before is still whole: make room, and run it again.',
      });
    }
    this.#isBegun = true;
  }

  close(): void {
    this.#lock.release();
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
    return;
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST') {
      throw new TamperError('WRITE_FAILED', `cannot make the directory ${path} (${systemCode(cause)})`, {
        cause,
        hint: 'The directory that it is to stand in must be there, and be writable.',
      });
    }
  }
  let names: string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    const what = systemCode(cause) === 'ENOTDIR' ? 'is not a directory' : `cannot be read (${systemCode(cause)})`;
    throw new TamperError('USAGE', `--state: ${path} ${what}`, { cause, hint: 'Name a directory, or a new one.' });
  }
  const stranger = names.find((name) => !OWN.test(name));
  if (stranger === undefined) return;
  throw new TamperError('USAGE', `--state: ${path} is a directory with something else in it (${stranger})`, {
    hint: 'Name a directory of its own, or a new one.',
  });
}
