import { randomBytes } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { expandOrigin, expandPath, type ResolvedConfig } from '../../config/index.ts';
import { digestBytes, sha256 } from '../../core/hash.ts';
import { TamperError } from '../../errors.ts';
import { checkOrigin } from '../../format/origin.ts';
import { formatStamp } from '../../foundation/clock.ts';
import { checkWorkingDirectory } from '../../foundation/directory.ts';

/** Standard output, as `file` names it. */
export const STDOUT = '-';

/** What a configuration's names come to in this process. */
export interface StreamNames {
  readonly origin: string;
  /** The sealed file's absolute path, or `-`. */
  readonly base: string;
  readonly stateDir: string;
  /** What its files in the state directory are called: hex SHA-256 of the origin (spec 6). */
  readonly stream: string;
  /** A name of this writer that no other one has. */
  readonly instance: string;
}

/** Bytes of a file's name: those of its closed files, their manifests, and what they are written to first, are longer by up to 60 of 255. */
const LONGEST_NAME = 190;

/**
 * Expands the placeholders of a configuration.
 *
 * @throws {@link TamperError} `ORIGIN_INVALID`; `CONFIG_INVALID` if the file's name is too long, or that of a compressed file; `NOT_FOUND` if a path is
 *   relative and the working directory was deleted
 */
export function resolveNames(config: ResolvedConfig): StreamNames {
  const isRelative = (path: string): boolean => path !== STDOUT && !isAbsolute(path);
  if (isRelative(config.file) || isRelative(config.stateDir)) checkWorkingDirectory();
  const instance = randomBytes(8).toString('hex');
  const host = hostname();
  const { HOSTNAME: pod = host } = process.env;
  const values = { host, pid: String(process.pid), instance, pod };
  const base = config.file === STDOUT ? STDOUT : resolve(expandPath(config.file, values));
  if (base.endsWith('.gz'))
    throw new TamperError('CONFIG_INVALID', 'file: a name that ends with .gz is that of a compressed file', {
      hint: 'Name the log without .gz; with compress_rotated its closed files are compressed.',
    });
  const length = Buffer.byteLength(basename(base));
  if (length > LONGEST_NAME)
    throw new TamperError('CONFIG_INVALID', `file: a name of ${length} bytes is too long`, {
      hint: `Choose a shorter name, of ${LONGEST_NAME} bytes at most: the names of closed files and of their manifests are longer.`,
    });
  const origin = expandOrigin(config.origin, { ...values, basename: base === STDOUT ? 'stdout' : basename(base) });
  checkOrigin(origin);
  return { origin, base, stateDir: resolve(config.stateDir), stream: streamFileName(origin), instance };
}

/** Where the files of a stream lie in the state directory (spec 6). */
export interface StreamFiles {
  /** What the paths of all of them begin with; those of its locks go on with their number. */
  readonly prefix: string;
  readonly state: string;
}

/** @param stream - what they are called: {@link StreamNames.stream} */
export function streamFiles(stateDir: string, stream: string): StreamFiles {
  const prefix = join(stateDir, stream);
  return { prefix, state: `${prefix}.chainstate` };
}

/** {@link streamFiles} by the stream's name. */
export function filesOf(stateDir: string, origin: string): StreamFiles {
  return streamFiles(stateDir, streamFileName(origin));
}

function streamFileName(origin: string): string {
  return digestBytes(sha256(origin)).toString('hex');
}

/** Splits `audit.jsonl` into what stands before and after the time of a next file. */
function nameParts(base: string): { readonly stem: string; readonly extension: string } {
  const extension = extname(base);
  return { stem: base.slice(0, base.length - extension.length), extension };
}

/** What stands between the stem and the extension of a file's name: `.20261124T230024Z-0001`; without a number before 0.2. */
const STAMP = /^\.(\d{8}T\d{6}Z)(?:-(\d+))?$/;
/** The highest number of one second. */
const LAST_NUMBER = 9_999;
/** Names from further ahead than that are not waited for: a clock was wrong, or somebody made them up. In milliseconds. */
const AHEAD = 86_400_000;

/** What stands between stem and extension of one of `base`'s files; undefined where it is none of them. */
function stampOf(base: string, name: string): RegExpExecArray | null {
  const { stem, extension } = nameParts(basename(base));
  const isFramed = name.startsWith(stem) && name.endsWith(extension) && name.length >= stem.length + extension.length;
  return isFramed ? STAMP.exec(name.slice(stem.length, name.length - extension.length)) : null;
}

/** Whether `file` is a name that a stream gives which is configured to write to `base`. */
export function isFileOf(base: string, file: string): boolean {
  return file === base || (dirname(file) === dirname(base) && stampOf(base, basename(file)) !== null);
}

/** Whether a name begins as those of this log do, as logrotate and others leave it. */
export function isNamedAfter(base: string, name: string): boolean {
  return name.startsWith(basename(base, extname(base)));
}

/** What stands in the place of a closed file, or beside it: after a crash perhaps without it. */
const BESIDE = /\.(?:gz|manifest\.json)$/;

/**
 * A name for a closed file: `audit.20261124T230024Z-0001.jsonl`. Names sort as they were given: those of one second by
 * their number, and none before one that is there already, though the clock may have been put back by up to a day.
 *
 * @param newest - the newest name that was given: its file may have been moved away, to where the next one must not replace it
 */
export function stampedName(base: string, now: number, newest: string | undefined): string {
  const { stem, extension } = nameParts(base);
  let stamp = formatStamp(now);
  const latest = formatStamp(now + AHEAD);
  let number = 1;
  for (const name of [...readdirSync(dirname(base)), basename(newest ?? base)]) {
    const taken = stampOf(base, name.replace(BESIDE, ''));
    const [, time = '', last = '0'] = taken ?? [];
    if (time < stamp || time > latest || Number.isNaN(timeOf(time))) continue;
    number = time === stamp ? Math.max(number, Number(last) + 1) : Number(last) + 1;
    stamp = time;
  }
  if (number > LAST_NUMBER) [stamp, number] = [formatStamp(timeOf(stamp) + 1_000), 1];
  return `${stem}.${stamp}-${String(number).padStart(4, '0')}${extension}`;
}

/** The moment of a stamp in milliseconds; NaN where there is no such moment. */
function timeOf(stamp: string): number {
  return Date.parse(stamp.replace(/^(....)(..)(..T..)(..)/, '$1-$2-$3:$4:'));
}

/** Where a stream goes on, and the name that the file before gets. */
export interface NextFile {
  readonly file: string;
  /** The name that the closed file gets; absent where it keeps its own. */
  readonly renamed?: string;
  /** The newest name with a stamp that was given so far; absent if there is none. */
  readonly newest?: string;
}

/**
 * What comes after the file `live`: the one that is written has the configured name, and a closed one gets a stamp. Where
 * somebody else's file has the configured name, or one that must stay as it is, the next one has a stamp.
 *
 * @param newest - as {@link stampedName} has it
 * @param moved - whether somebody else has renamed the file already
 */
export function nextFile(
  base: string,
  live: string,
  now: number,
  { newest, moved }: { readonly newest: string | undefined; readonly moved: boolean },
): NextFile {
  if (live === base && !moved) {
    const renamed = stampedName(base, now, newest);
    return { file: base, renamed, newest: renamed };
  }
  const there = lstatSync(base, { throwIfNoEntry: false });
  const isFree = there === undefined || (there.isFile() && there.size === 0);
  if (isFree && !wasCompressed(base)) return { file: base, ...(newest !== undefined && { newest }) };
  const file = stampedName(base, now, newest);
  return { file, newest: file };
}

/** Where the manifest of a file stands (spec 7). */
export function manifestPath(file: string): string {
  return `${file}.manifest.json`;
}

/** The number (inode) of what has a name. @throws what the file system says */
export function numberOf(path: string): string {
  return lstatSync(path, { bigint: true }).ino.toString();
}

/** Whether a closed file kept this name and was compressed: the manifest of that name is its own. */
export function wasCompressed(file: string): boolean {
  return lstatSync(`${file}.gz`, { throwIfNoEntry: false }) !== undefined;
}

/** The origin of the stream that continues another one: `<origin>/<UTC time>-<8 hex>` (spec 6). */
export function continuingOrigin(origin: string, stamp: string): string {
  const next = `${origin}/${stamp}-${randomBytes(4).toString('hex')}`;
  checkOrigin(next);
  return next;
}
