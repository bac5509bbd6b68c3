import { randomBytes } from 'node:crypto';
import { access, constants, link, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode, TamperError } from '../../errors.ts';
import { syncDirectoryLater } from '../../foundation/durable-replace.ts';
import { openRegular, readError } from '../../foundation/regular-file.ts';
import { type AuditMemory, type StoredText, TEXT_LIMIT } from './audit-memory.ts';

/** `ID/000000000012.json`: the twelfth text of this id. */
const NUMBERED = /^(\d{12})\.json$/;

/**
 * Texts in a directory, one folder for each id. A new text gets the number after the one that was read, by a hard link, which the
 * system makes for one process alone: there is no lock that somebody killed could leave behind. The one with the highest number
 * counts.
 */
export class DirectoryMemory implements AuditMemory {
  readonly name: string;

  constructor(path: string) {
    this.name = path;
  }

  async prepare(): Promise<void> {
    try {
      await madeFolder(this.name);
      await access(this.name, constants.W_OK | constants.X_OK);
    } catch (cause) {
      const code = systemCode(cause);
      if (code === '') throw cause;
      throw new TamperError('WRITE_FAILED', `${this.name} cannot be written to (${code})`, {
        cause,
        hint: 'Name a directory for what the auditor remembers, which this user may make and write to.',
      });
    }
  }

  async *ids(): AsyncGenerator<string> {
    try {
      const entries = await readdir(this.name, { withFileTypes: true });
      for (const entry of entries) if (entry.isDirectory() && !entry.name.startsWith('.')) yield entry.name;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw readError(this.name, error, 'Name a directory for what the auditor remembers.');
    }
  }

  async read(id: string): Promise<StoredText | undefined> {
    for (;;) {
      const number = Math.max(0, ...(await this.#numbers(id)));
      if (number === 0) return undefined;
      const path = join(this.name, id, fileName(number));
      const text = await readSmall(path);
      if (text !== undefined) return { text, version: String(number) };
      // it was replaced and removed between the two looks
    }
  }

  async write(id: string, text: string, version: string | undefined): Promise<boolean> {
    const folder = join(this.name, id);
    const number = Number(version ?? '0') + 1;
    try {
      await this.#prepare(folder);
      const temporary = join(folder, `.${randomBytes(8).toString('hex')}.tmp`);
      try {
        await writeWhole(temporary, text);
        if (!(await linked(temporary, join(folder, fileName(number))))) return false;
      } finally {
        await rm(temporary, { force: true });
      }
      const numbers = await this.#numbers(id);
      // one number is removed by whoever made the second one after it
      if (numbers.some((one) => one > number + 1)) {
        // ours was made where an older one has been removed since: others have gone on from it
        await rm(join(folder, fileName(number)), { force: true });
        return false;
      }
      await syncDirectoryLater(folder);
      // only what is below the one that was replaced: a reader may be about to open that
      for (const one of numbers) if (one < number - 1) await rm(join(folder, fileName(one)), { force: true });
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code === '') throw error;
      throw new TamperError('WRITE_FAILED', `${folder} cannot be written (${code})`, {
        cause: error,
        hint: 'The directory of what the auditor remembers must be writable, on a file system with hard links.',
      });
    }
  }

  async #prepare(folder: string): Promise<void> {
    if (await madeFolder(folder)) await syncDirectoryLater(this.name);
  }

  async #numbers(id: string): Promise<number[]> {
    const folder = join(this.name, id);
    try {
      return (await readdir(folder)).flatMap((name) => {
        const digits = NUMBERED.exec(name)?.[1];
        return digits === undefined ? [] : [Number(digits)];
      });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw unreadable(folder, error);
    }
  }
}

/**
 * Makes a folder and those above it. One by one: where a file system says ENOENT of a folder that is there (/proc), Node's
 * own `recursive` never ends.
 *
 * @returns whether there was none
 */
async function madeFolder(folder: string, isLast = false): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o750 });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return false;
    const above = dirname(folder);
    if (systemCode(error) !== 'ENOENT' || above === folder || isLast) throw error;
    await madeFolder(above);
    return madeFolder(folder, true);
  }
}

function fileName(number: number): string {
  return `${String(number).padStart(12, '0')}.json`;
}

/** Whether the name was free. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o640);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Names the path, which ends with a digest of ours and would read like a key. */
function unreadable(path: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === '') return cause;
  const hint = 'Check that you may read what the auditor remembers.';
  return new TamperError('READ_FAILED', `${path} cannot be read (${code})`, { cause, hint });
}

/** The text of a file; undefined where it is gone. */
async function readSmall(path: string): Promise<string | undefined> {
  try {
    const file = await openRegular(path);
    try {
      const { size } = await file.stat();
      if (size <= TEXT_LIMIT) return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  throw new TamperError('FORMAT_LIMIT', `${path} is longer than ${TEXT_LIMIT} bytes`);
}
