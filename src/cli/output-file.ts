import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';
import { openRegular, replaceFile } from '../internal.ts';
import { REPORT_BEGINNING } from '../report/html/document.ts';

/** A file that a command writes besides what it prints. Nothing but an earlier one of its kind is ever replaced. */

/** A kind of such files. */
export interface OutputKind {
  /** The flag that names one, with its dashes. */
  readonly flag: string;
  /** What it is, for messages: `report`. */
  readonly what: string;
  /** What every one of them begins with. */
  readonly beginning: string;
  readonly mode: number;
}

/** Any file that a flag names. */
export interface NamedFile {
  readonly kind: Pick<OutputKind, 'flag' | 'what'>;
  readonly path: string;
}

/** A file of such a kind. */
export interface NamedOutput extends NamedFile {
  readonly kind: OutputKind;
}

/** Ours and the group's: a report may quote lines of the log. */
export const REPORT_FILE: OutputKind = { flag: '--html', what: 'report', beginning: REPORT_BEGINNING, mode: 0o640 };

const usage = (message: string, hint: string): TamperError => new TamperError('USAGE', message, { hint });

/**
 * Refuses a place for such a file that is wrong before anything is verified: among the files that are verified, in a folder that
 * does not exist, or where something else stands than an earlier one.
 *
 * @throws {@link TamperError} `USAGE`; `READ_FAILED` where it cannot be looked at
 */
export async function checkOutputFile(kind: OutputKind, path: string, verified: readonly string[]): Promise<void> {
  await checkReplaced(kind, await placeOutside(kind, path, verified));
}

/**
 * The path of a file that is to be written, behind links. A place among the files that are verified, or in a folder that does not
 * exist, is refused.
 *
 * @throws {@link TamperError} `USAGE`; `READ_FAILED` where it cannot be looked at
 */
export async function placeOutside(
  { flag, what }: Pick<OutputKind, 'flag' | 'what'>,
  path: string,
  verified: readonly string[],
): Promise<string> {
  const folder = await existing(dirname(path));
  if (folder === undefined) {
    throw usage(`there is no folder ${dirname(path)} for the ${what}`, 'Make it first, or name another one.');
  }
  const target = join(folder, basename(path));
  for (const given of verified) {
    const real = await existing(given);
    if (real === undefined) continue; // `verify` says so
    if (target === real || (await isSameFile(target, real))) {
      throw usage(`${flag} ${path} is a file that is to be verified`, `Name another file for the ${what}.`);
    }
    if (target.startsWith(real.endsWith(sep) ? real : real + sep)) {
      const hint = 'Name a file elsewhere: every file in that folder is read as part of the log.';
      throw usage(`${flag} ${path} is in ${given}, which is to be verified`, hint);
    }
  }
  return target;
}

/**
 * Refuses a place for such a file in the directory where an audit remembers, or is going to: what stands there is read as a part
 * of what is remembered. A memory in a bucket holds no file. To be asked after {@link checkOutputFile}.
 *
 * @throws {@link TamperError} `USAGE`; `READ_FAILED` where it cannot be looked at
 */
export async function refuseInMemory({ flag, what }: OutputKind, path: string, memory: string): Promise<void> {
  const [target, real] = [await targetOf(path), await targetOf(memory)];
  if (target === undefined || real === undefined) return;
  if (target !== real && !target.startsWith(real + sep)) return;
  throw usage(`${flag} ${path} is in the memory ${memory}`, `Name a file elsewhere for the ${what}.`);
}

/** Refuses one place for two files, of which only the later one would remain. @throws {@link TamperError} as {@link refuseInMemory} */
export async function refuseSamePlace(one: NamedFile, other: NamedFile): Promise<void> {
  const target = await targetOf(one.path);
  if (target === undefined || target !== (await targetOf(other.path))) return;
  throw usage(`${one.kind.flag} and ${other.kind.flag} name one file, ${one.path}`, 'Name a file for each.');
}

/**
 * Writes one whole, or not at all.
 *
 * @throws {@link TamperError} `WRITE_FAILED`; `USAGE` where something else took its place meanwhile
 */
export async function writeOutputFile(kind: OutputKind, path: string, text: string): Promise<void> {
  const target = resolve(path);
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  await checkReplaced(kind, target);
  try {
    await replaceFile({ path: target, temporary, mode: kind.mode }, (file) => file.writeFile(text));
  } catch (cause) {
    if (systemCode(cause) === '') throw cause;
    throw new TamperError('WRITE_FAILED', `the ${kind.what} ${path} cannot be written: ${systemCode(cause)}`, {
      cause,
      hint: 'Name a file in a folder that this user may write to and that has room. The verdict stands as it is printed.',
    });
  }
}

/** The path behind links, also of what is not there yet; undefined where its folder is not. */
async function targetOf(path: string): Promise<string | undefined> {
  const real = await existing(path);
  if (real !== undefined) return real;
  const folder = await existing(dirname(path));
  return folder && join(folder, basename(path));
}

/** The path behind links; undefined where there is nothing. */
async function existing(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw lookFailed(path, error);
  }
}

/** Whether anything stands there, a link that leads nowhere too. @throws {@link TamperError} `READ_FAILED` */
export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw lookFailed(path, error);
  }
}

/** Another name of one file is that file. */
async function isSameFile(target: string, real: string): Promise<boolean> {
  try {
    const [one, other] = [await stat(target), await stat(real)];
    return one.ino === other.ino && one.dev === other.dev;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw lookFailed(target, error);
  }
}

/** What stands there already must be an earlier one. */
async function checkReplaced({ what, beginning }: OutputKind, target: string): Promise<void> {
  const hint = `Only an earlier ${what} is replaced. Name a file that does not exist yet.`;
  try {
    if (!(await lstat(target)).isFile()) throw usage(`${target} is not a regular file`, hint);
    const file = await openRegular(target);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(beginning.length), 0, beginning.length, 0);
      if (buffer.toString('latin1', 0, bytesRead) !== beginning) {
        throw usage(`${target} exists and is no ${what}`, hint);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    if (systemCode(error) === '') throw error;
    throw lookFailed(target, error);
  }
}

function lookFailed(path: string, cause: unknown): TamperError {
  return new TamperError('READ_FAILED', `${path} cannot be inspected: ${systemCode(cause)}`, { cause });
}
