import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isTamperError, systemCode, TamperError } from '../../errors.ts';
import { replaceFile } from '../../foundation/durable-replace.ts';
import { readBytes } from '../../foundation/read-text.ts';
import { readError } from '../../foundation/regular-file.ts';
import { KnownLock } from '../../verify/auditor/known-lock.ts';
import type { TopicTally } from '../topic-tally.ts';
import { Journal } from './journal.ts';
import { checkOwner, formatSaved, parseSaved, type SavedState, type StateOwner } from './saved-state.ts';

/**
 * The directory of `--state`: a journal of what was taken from the topic, and `state`, which says how far each partition was read
 * and how much of the journal that is. `state` alone decides, and is replaced whole: a process that is killed anywhere has read
 * what it says, no more and no less.
 */

const HEAD = 'state';
const HEAD_LIMIT = 16 * 2 ** 20;
/** The names that may stand in the directory. */
const OWN = /^(?:state(?:\..+)?|journal-[0-9a-f]{16})$/;
/** What a process that was killed may have left. */
const LEFT = /^(?:state\..+\.tmp|journal-[0-9a-f]{16})$/;

/** What is saved together. */
export interface Progress {
  readonly positions: ReadonlyMap<number, number>;
  readonly tally: TopicTally;
}

/** One verifier's state on the disk. */
export class StateDirectory {
  readonly #path: string;
  readonly #owner: StateOwner;
  readonly #lock: KnownLock;
  #journal: Journal;
  /** What was saved before; undefined where this is the beginning. */
  readonly saved: SavedState | undefined;

  private constructor(
    path: string,
    owner: StateOwner,
    lock: KnownLock,
    journal: Journal,
    saved: SavedState | undefined,
  ) {
    this.#path = path;
    this.#owner = owner;
    this.#lock = lock;
    this.#journal = journal;
    this.saved = saved;
  }

  /**
   * Opens the directory, or makes it.
   *
   * @throws {@link TamperError} `STATE_CONFLICT` where it is another verification's; `STATE_MALFORMED`; `LOCKED` where another
   *   verifier has it; `USAGE` where it is a directory of something else; `READ_FAILED`, `WRITE_FAILED`
   */
  static async open(path: string, owner: StateOwner): Promise<StateDirectory> {
    await makeDirectory(path);
    const lock = await KnownLock.take(join(path, HEAD), { what: 'state', waitMs: 0 });
    try {
      const saved = await readHead(join(path, HEAD));
      if (saved !== undefined) checkOwner(saved.owner, owner, path);
      const keep = saved?.journal.file;
      for (const name of await readdir(path)) {
        if (LEFT.test(name) && name !== keep) await rm(join(path, name), { force: true });
      }
      const journal =
        saved === undefined
          ? await newJournal(path)
          : await Journal.reopen(join(path, saved.journal.file), saved.journal);
      return new StateDirectory(path, owner, lock, journal, saved);
    } catch (error) {
      lock.release();
      throw readError(path, error, 'Check the path, and that nobody removes it while it is in use.');
    }
  }

  /** What was taken before, in its order. @throws {@link TamperError} `STATE_MALFORMED` */
  bodies(): AsyncGenerator<Buffer> {
    return this.#journal.bodies();
  }

  /** In bytes. */
  get journalLength(): number {
    return this.#journal.saved.bytes;
  }

  /**
   * Saves what was taken since, and how far each partition was read, as one.
   *
   * @throws {@link TamperError} `WRITE_FAILED`; `LOCKED` where another verifier took over
   */
  async save(body: Buffer, progress: Progress): Promise<void> {
    await this.#written(async () => {
      await this.#journal.append(body);
      await this.#journal.sync();
      await this.#replaceHead(this.#journal, progress);
    });
  }

  /** Puts another journal in the place of this one, which says the same in fewer bytes. */
  async replaceJournal(bodies: AsyncIterable<Buffer>, progress: Progress): Promise<void> {
    await this.#written(async () => {
      const shorter = await newJournal(this.#path);
      for await (const body of bodies) await shorter.append(body);
      await shorter.sync();
      await this.#replaceHead(shorter, progress);
      const before = this.#journal;
      this.#journal = shorter;
      await before.close();
      await rm(join(this.#path, before.name), { force: true });
    });
  }

  async close(): Promise<void> {
    await this.#journal.close();
    this.#lock.release();
  }

  async #replaceHead(journal: Journal, { positions, tally }: Progress): Promise<void> {
    const path = join(this.#path, HEAD);
    const text = formatSaved({ owner: this.#owner, positions, tally, journal: journal.saved });
    this.#lock.assertHeld();
    const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
    await replaceFile({ path, temporary, mode: 0o600 }, (file) => file.writeFile(text));
  }

  async #written(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (cause) {
      const code = systemCode(cause);
      if (code === '') throw cause;
      throw new TamperError('WRITE_FAILED', `the state ${this.#path} cannot be written (${code})`, {
        cause,
        hint: 'What was saved before is still whole: make room, and run it again.',
      });
    }
  }
}

async function newJournal(path: string): Promise<Journal> {
  const name = `journal-${randomBytes(8).toString('hex')}`;
  return Journal.create(join(path, name), name);
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

async function readHead(path: string): Promise<SavedState | undefined> {
  let text: string;
  try {
    text = (await readBytes(path, HEAD_LIMIT)).toString('utf8');
  } catch (error) {
    if (isTamperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
  return parseSaved(text, path);
}
