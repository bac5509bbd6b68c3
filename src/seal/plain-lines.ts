import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ResolvedConfig } from '../config/index.ts';
import { asError, systemCode, TamperError } from '../errors.ts';
import { closeDescriptor, writeWhole } from '../foundation/descriptor.ts';
import { resolveNames, STDOUT } from './disk/names.ts';
import type { LineTaker } from './sealer-stream.ts';
import { endsLine } from './stream/pending-lines.ts';

/**
 * Takes a sealer's place where `enabled` is false: lines go to the end of {@link plainFile}, or to standard output, as they are. A
 * line that cannot be written is a warning of the process, once, and never an error of the application.
 */
export class PlainLines implements LineTaker {
  /** Undefined for standard output. */
  readonly #fd: number | undefined;
  #isOpen = true;
  #isTold = false;
  /** A piece of a line was written. */
  #goesOn = false;

  /** @throws WRITE_FAILED, ORIGIN_INVALID */
  constructor(config: ResolvedConfig) {
    const base = plainFile(config);
    if (base.endsWith(UNSEALED)) process.emitWarning(`enabled is false: lines go to ${base} and are not sealed`);
    try {
      this.#fd = base === STDOUT ? undefined : openSync(base, 'a', PLAIN_MODE);
    } catch (cause) {
      throw cannotWrite(base, cause);
    }
  }

  write(chunk: string | Uint8Array): true {
    if (chunk.length > 0 || !this.#goesOn) this.#write(chunk);
    if (!endsLine(chunk)) this.#write('\n');
    this.#goesOn = false;
    return true;
  }

  writePiece(piece: Uint8Array): true {
    this.#write(piece);
    this.#goesOn = true;
    return true;
  }

  once(): void {}

  off(): void {}

  async flush(done?: () => void): Promise<void> {
    done?.();
  }

  flushSync(): void {}

  async close(): Promise<void> {
    if (this.#isOpen && this.#fd !== undefined) closeDescriptor(this.#fd);
    this.#isOpen = false;
  }

  #write(chunk: string | Uint8Array): void {
    if (!this.#isOpen) return;
    if (this.#fd === undefined) {
      process.stdout.write(chunk);
      return;
    }
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    try {
      writeWhole(this.#fd, bytes);
    } catch (error) {
      if (!this.#isTold) process.emitWarning(asError(error));
      this.#isTold = true;
    }
  }
}

/** What the name of a file of unsealed lines beside a sealed log ends with. */
const UNSEALED = '.unsealed';
/** What every sealed file begins with. */
const SEALED = Buffer.from('{"integrity":{');

/** The group may read what nothing seals. */
const PLAIN_MODE = 0o640;

/** What takes lines when `enabled` is false. */
export interface PlainWriter {
  /** The file's absolute path, or `-`. */
  readonly file: string;
  /** Resolves when the operating system has taken the bytes. @throws WRITE_FAILED */
  write(chunk: string | Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where lines go that nothing seals: `file`, or `FILE.unsealed` if `file` is a sealed log, which they would make a tampered one.
 *
 * @returns an absolute path, or `-`
 * @throws WRITE_FAILED, ORIGIN_INVALID
 */
function plainFile(config: ResolvedConfig): string {
  const { base } = resolveNames(config);
  if (base === STDOUT) return base;
  try {
    return isSealed(base) ? base.concat(UNSEALED) : base;
  } catch (cause) {
    throw cannotWrite(base, cause);
  }
}

function isSealed(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const fd = openSync(path, 'r');
  try {
    const first = Buffer.alloc(SEALED.length);
    return readSync(fd, first, 0, first.length, 0) === first.length && first.equals(SEALED);
  } finally {
    closeSync(fd);
  }
}

/**
 * What `enabled: false` means: bytes are written unchanged, to the end of {@link plainFile} or to standard output. No key is read
 * and no state is kept.
 *
 * @throws WRITE_FAILED, ORIGIN_INVALID
 */
export async function openPlainWriter(config: ResolvedConfig): Promise<PlainWriter> {
  const base = plainFile(config);
  try {
    if (base === STDOUT) return { file: base, write: writeStdout, close: async () => undefined };
    const handle = await open(base, 'a', PLAIN_MODE);
    const write = async (chunk: string | Uint8Array): Promise<void> => {
      try {
        await handle.appendFile(chunk);
      } catch (cause) {
        throw cannotWrite(base, cause);
      }
    };
    return { file: base, write, close: () => handle.close() };
  } catch (cause) {
    throw cannotWrite(base, cause);
  }
}

function writeStdout(chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(chunk, (error) => (error ? reject(cannotWrite('standard output', error)) : resolve()));
  });
}

/** The error of lines that are written as they are. */
function cannotWrite(file: string, cause: unknown): TamperError {
  const reason = systemCode(cause) || 'unknown';
  return new TamperError('WRITE_FAILED', `cannot write ${file}: ${reason}`, {
    cause,
    hint: 'Free some space, or choose another file',
  });
}
