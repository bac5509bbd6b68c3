import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TamperError } from '../errors.ts';
import { syncDirectory, unusedName } from './set-aside.ts';
import { systemCode } from './sink.ts';
import { formatState, parseState, type StreamState } from './state-record.ts';

async function syncDirectoryLater(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The state of one stream on disk (spec 6, M6.1): never a secret, mode 0600, replaced whole by write, fsync, rename, fsync of
 * the directory. A replacement that was overtaken by a newer one is dropped, so that the state never goes back.
 */
export class StateFile {
  readonly path: string;
  readonly #instance: string = randomBytes(4).toString('hex');
  #begun = 0;
  #written = 0;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * @returns undefined where there is none
   * @throws {@link TamperError} `STATE_MALFORMED`, `READ_FAILED`
   */
  read(): StreamState | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return undefined;
      throw new TamperError('READ_FAILED', `cannot read the state file ${this.path}`, { cause });
    }
    return parseState(text, this.path);
  }

  /** Keeps a file that cannot be read as evidence, out of the way. */
  keepMalformed(): void {
    renameSync(this.path, unusedName(`${this.path}.malformed`));
  }

  /** @throws {@link TamperError} `WRITE_FAILED` */
  replaceSync(state: StreamState): void {
    const version = ++this.#begun;
    const temporary = this.#temporary(version);
    try {
      const fd = openSync(temporary, 'w', 0o600);
      try {
        writeSync(fd, formatState(state));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      this.#put(temporary, version);
      syncDirectory(dirname(this.path));
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** As {@link StateFile.replaceSync}, without holding up the log. */
  async replace(state: StreamState): Promise<void> {
    const version = ++this.#begun;
    const temporary = this.#temporary(version);
    try {
      const handle = await open(temporary, 'w', 0o600);
      try {
        await handle.writeFile(formatState(state));
        await handle.sync();
      } finally {
        await handle.close();
      }
      this.#put(temporary, version);
      await syncDirectoryLater(dirname(this.path));
    } catch (cause) {
      throw this.#failed(cause);
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
    renameSync(temporary, this.path);
    this.#written = version;
  }

  #failed(cause: unknown): TamperError {
    return new TamperError('WRITE_FAILED', `cannot replace the state file ${this.path} (${systemCode(cause)})`, {
      cause,
      hint: 'state_dir must be writable and have room: without it no checkpoint is signed.',
    });
  }
}
