import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isTamperError, TamperError } from '../../errors.ts';
import type { Lease } from './lock.ts';
import { openRegular } from './safe-open.ts';
import { syncDirectory, syncDirectoryLater, unusedName, writeWhole } from './set-aside.ts';
import { systemCode } from './sink.ts';
import { formatState, parseState, type StreamState } from './state-record.ts';

/**
 * The state of one stream on disk (spec 6, M6.1): never a secret, mode 0600, replaced whole by write, fsync, rename, fsync of
 * the directory. A replacement that was overtaken by a newer one is dropped, so that the state never goes back.
 */
export class StateFile {
  readonly path: string;
  readonly #lease: Lease;
  readonly #instance: string = randomBytes(4).toString('hex');
  #begun = 0;
  #written = 0;

  /** @param lease - of the stream's writer: nobody else may replace its state */
  constructor(path: string, lease: Lease) {
    this.path = path;
    this.#lease = lease;
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
        closeSync(fd);
      }
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return undefined;
      if (cause instanceof TamperError) throw cause;
      throw new TamperError('READ_FAILED', `cannot read the state file ${this.path}`, { cause });
    }
    return parseState(text, this.path);
  }

  /** Keeps a file that cannot be read as evidence, out of the way. */
  keepMalformed(): void {
    renameSync(this.path, unusedName(`${this.path}.malformed`));
  }

  /** @throws {@link TamperError} `WRITE_FAILED`; `LOCKED` where another writer may have taken over */
  replaceSync(state: StreamState): void {
    const version = ++this.#begun;
    const temporary = this.#temporary(version);
    try {
      const fd = openSync(temporary, 'wx', 0o600);
      try {
        writeWhole(fd, Buffer.from(formatState(state)));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      this.#put(temporary, version);
      syncDirectory(dirname(this.path));
    } catch (cause) {
      throw this.#failed(cause, temporary);
    }
  }

  /** As {@link StateFile.replaceSync}, without holding up the log. */
  async replace(state: StreamState): Promise<void> {
    const version = ++this.#begun;
    const temporary = this.#temporary(version);
    try {
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(formatState(state));
        await handle.sync();
      } finally {
        await handle.close();
      }
      this.#put(temporary, version);
      await syncDirectoryLater(dirname(this.path));
    } catch (cause) {
      throw this.#failed(cause, temporary);
    }
  }

  /** What is still on its way may not replace what another writer, or a later run of this one, has put there since. */
  dropPending(): void {
    this.#written = this.#begun + 1;
    this.#begun++;
  }

  #temporary(version: number): string {
    return `${this.path}.${process.pid}-${this.#instance}-${version}.tmp`;
  }

  #put(temporary: string, version: number): void {
    if (version < this.#written) {
      unlinkSync(temporary);
      return;
    }
    this.#lease.assertHeld();
    renameSync(temporary, this.path);
    this.#written = version;
  }

  #failed(cause: unknown, temporary: string): TamperError {
    try {
      rmSync(temporary, { force: true });
    } catch (error) {
      if (systemCode(error) === '') throw error; // the next start removes it
    }
    if (isTamperError(cause)) return cause;
    return new TamperError('WRITE_FAILED', `cannot replace the state file ${this.path} (${systemCode(cause)})`, {
      cause,
      hint: 'state_dir must be writable and have room: without it no checkpoint is signed.',
    });
  }
}
