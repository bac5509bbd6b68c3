import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isTamperError, TamperError } from '../../errors.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { type Replacement, replaceFile, replaceFileSync } from '../../foundation/durable-replace.ts';
import { type Lease, NO_LINKS } from './lock.ts';
import { STDOUT } from './names.ts';
import { openRegular } from './safe-open.ts';
import { unusedName } from './set-aside.ts';
import { systemCode } from './sink.ts';
import { formatState, parseState, type StreamState } from './state-record.ts';

/**
 * The state of one stream on disk (spec 6, M6.1): never a secret, mode 0600, replaced whole by write, fsync, rename, fsync of
 * the directory. A replacement that was overtaken by a newer one is dropped, so that the state never goes back.
 */
export class StateFile {
  readonly path: string;
  readonly #lease: Lease;
  readonly #base: string;
  readonly #instance: string = randomBytes(4).toString('hex');
  #begun = 0;
  #written = 0;
  #size = 0;
  /** None was there when it was read. */
  #isNew = false;

  /**
   * @param lease - of the stream's writer: nobody else may replace its state
   * @param base - the configured path of the log: the state may be of one that was moved with its directory
   */
  constructor(path: string, lease: Lease, base: string = STDOUT) {
    this.path = path;
    this.#lease = lease;
    this.#base = base;
  }

  /** The size in the newest state that was brought to the disk through this object; 0 if none was. */
  get size(): number {
    return this.#size;
  }

  /**
   * @returns undefined where there is none
   * @throws {@link TamperError} `STATE_MALFORMED`, `READ_FAILED`, `UNSAFE_PATH`
   */
  read(): StreamState | undefined {
    let text: string;
    try {
      const fd = openRegular(this.path);
      try {
        text = readFileSync(fd, 'utf8');
      } finally {
        closeDescriptor(fd);
      }
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') {
        this.#isNew = true;
        return undefined;
      }
      if (cause instanceof TamperError) throw cause;
      throw new TamperError('READ_FAILED', `cannot read the state file ${this.path}`, { cause });
    }
    return placedAt(this.#base, parseState(text, this.path));
  }

  /** Keeps a file that cannot be read as evidence, out of the way. */
  keepMalformed(): void {
    renameSync(this.path, unusedName(`${this.path}.malformed`));
  }

  /** @throws {@link TamperError} `WRITE_FAILED`; `LOCKED` where another writer may have taken over */
  replaceSync(state: StreamState): void {
    const version = ++this.#begun;
    try {
      replaceFileSync(this.#replacement(version), Buffer.from(formatState(state)));
      this.#size = Math.max(this.#size, state.size);
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** As {@link StateFile.replaceSync}, without holding up the log. */
  async replace(state: StreamState): Promise<void> {
    const version = ++this.#begun;
    try {
      await replaceFile(this.#replacement(version), (file) => file.writeFile(formatState(state)));
      this.#size = Math.max(this.#size, state.size);
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** What is still on its way may not replace what another writer, or a later run of this one, has put there since. */
  dropPending(): void {
    this.#written = this.#begun + 1;
    this.#begun++;
  }

  #replacement(version: number): Replacement {
    const temporary = `${this.path}.${process.pid}-${this.#instance}-${version}.tmp`;
    return { path: this.path, temporary, mode: 0o600, put: () => this.#put(temporary, version) };
  }

  #put(temporary: string, version: number): void {
    if (version < this.#written) {
      unlinkSync(temporary);
      return;
    }
    this.#lease.assertHeld();
    if (this.#isNew) this.#putFirst(temporary);
    else renameSync(temporary, this.path);
    this.#written = version;
  }

  /** A state that was out of sight when it was read is not replaced: the stream would begin anew. */
  #putFirst(temporary: string): void {
    try {
      linkSync(temporary, this.path);
      this.#isNew = false;
      unlinkSync(temporary);
    } catch (error) {
      if (!NO_LINKS.has(systemCode(error)) || existsSync(this.path)) throw error;
      renameSync(temporary, this.path);
      this.#isNew = false;
    }
  }

  #failed(cause: unknown): TamperError {
    if (isTamperError(cause)) return cause;
    if (systemCode(cause) === 'EEXIST')
      return new TamperError('READ_FAILED', `${this.path} was out of sight`, { cause, hint: 'It is read again.' });
    return new TamperError('WRITE_FAILED', `cannot replace the state file ${this.path} (${systemCode(cause)})`, {
      cause,
      hint: 'state_dir must be writable and have free space: without it no checkpoint is signed.',
    });
  }
}

/**
 * The state of a log whose directory is elsewhere now, by the configuration: its files have their names there. Whether the file is
 * that one is judged where it is read: a stream that was written elsewhere cannot go on in any other file that holds something.
 */
function placedAt(base: string, state: StreamState): StreamState {
  const [from, to] = [dirname(state.base), dirname(base)];
  if (base === STDOUT || state.base === STDOUT || from === to || basename(base) !== basename(state.base)) return state;
  const at = (file: string): string => join(to, basename(file));
  const isThere = (statSync(at(state.file), { throwIfNoEntry: false })?.size ?? 0) > 0;
  if (!isThere && existsSync(from) && (existsSync(state.file) || !existsSync(at(state.file)))) return state;
  const { renamed, newest, checkpoint } = state;
  return {
    ...state,
    base,
    file: at(state.file),
    ...(renamed !== undefined && { renamed: at(renamed) }),
    ...(newest !== undefined && { newest: at(newest) }),
    ...(checkpoint && checkpoint.file !== STDOUT && { checkpoint: { ...checkpoint, file: at(checkpoint.file) } }),
  };
}

/** Whether a state that was not found is there after all, so that the stream must be read again. */
export function wasUnseen(error: unknown): boolean {
  return isTamperError(error, 'READ_FAILED') && systemCode(error.cause) === 'EEXIST';
}
