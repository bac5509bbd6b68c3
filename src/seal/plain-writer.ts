import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ResolvedConfig } from '../config/index.ts';
import { systemCode, TamperError } from '../errors.ts';
import { resolveNames, STDOUT } from './disk/names.ts';

/** What the name of a file of unsealed lines beside a sealed log ends with. */
export const UNSEALED = '.unsealed';
/** What every sealed file begins with. */
const SEALED = Buffer.from('{"integrity":{');

/** The group may read what nothing seals. */
export const PLAIN_MODE = 0o640;

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
export function plainFile(config: ResolvedConfig): string {
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
export function cannotWrite(file: string, cause: unknown): TamperError {
  const reason = systemCode(cause) || 'unknown';
  return new TamperError('WRITE_FAILED', `cannot write ${file}: ${reason}`, {
    cause,
    hint: 'Free some space, or choose another file',
  });
}
