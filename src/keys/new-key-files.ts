import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';
import { syncDirectoryLater } from '../foundation/durable-replace.ts';

/** A file that is not there yet. */
export interface NewFile {
  readonly path: string;
  readonly mode: number;
  /** Overwritten afterwards. */
  readonly bytes: Buffer;
}

/**
 * Creates all files or none, durably. Neither a file nor a link that has one of the names is touched.
 *
 * @throws {@link TamperError} `WRITE_FAILED`
 */
export async function writeNewFiles(files: readonly NewFile[]): Promise<void> {
  const made: string[] = [];
  let current = '';
  try {
    for (const { path, mode, bytes } of files) {
      current = path;
      const handle = await open(path, 'wx', mode);
      made.push(path);
      await writeDurably(handle, bytes);
    }
    await syncDirectoryLater(dirname(current));
  } catch (cause) {
    for (const path of made) await unlink(path);
    throw writeFailed(current, cause);
  } finally {
    for (const { bytes } of files) bytes.fill(0);
  }
}

async function writeDurably(handle: FileHandle, bytes: Buffer): Promise<void> {
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Why a key file could not be made. */
export function writeFailed(path: string, cause: unknown): TamperError {
  const code = systemCode(cause) || 'unknown';
  return code === 'EEXIST'
    ? new TamperError('WRITE_FAILED', `${path} already exists, and keys are never overwritten`, {
        cause,
        hint: 'Choose another name',
      })
    : new TamperError('WRITE_FAILED', `cannot write the key file ${path}: ${code}`, {
        cause,
        hint: 'Check the directory and who may write there',
      });
}

const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Standard padded base64 in lines of `width` characters, made without a string, which nobody could overwrite. */
export function base64Text(bytes: Uint8Array, width: number): Buffer {
  const digits = 4 * Math.ceil(bytes.length / 3);
  const text = Buffer.alloc(digits + Math.ceil(digits / width), 0x0a);
  let at = 0;
  for (let digit = 0; digit < digits; digit++) {
    if (digit > 0 && digit % width === 0) at++;
    const bit = digit * 6;
    const first = bytes[bit >> 3];
    const pair = ((first ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    const value = (pair >> (10 - (bit & 7))) & 63;
    text[at++] = first === undefined ? 0x3d : base64Alphabet.charCodeAt(value);
  }
  return text;
}
