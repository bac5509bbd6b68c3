import { randomBytes } from 'node:crypto';
import {
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { digestBytes, sha256 } from '../../core/hash.ts';
import { systemCode, TamperError } from '../../errors.ts';
import type { GapEntry } from '../../format/control.ts';
import { formatStamp } from '../../foundation/clock.ts';
import { closeDescriptor, OTHERS_WRITE, writeWhole } from '../../foundation/descriptor.ts';
import { createDirectory } from '../../foundation/directory.ts';
import { syncDirectory } from '../../foundation/durable-replace.ts';
import { STDOUT } from '../disk/names.ts';
import { isPassing } from '../disk/sink.ts';
import { countEnds } from '../stream/pending-lines.ts';
import type { Loss } from './intake-queue.ts';

const LF = 0x0a;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
/** What the next start needs for its state and its claims, in bytes: kept lines that leave no room for these could never be sealed. */
const STATE_ROOM = 262_144;
/** Ours alone: the lines are in clear, and nothing protects them. */
const FILE_MODE = 0o600;
/** A count, or a time in milliseconds. No writer gives more digits, and more than these no log could hold. */
const N = '\\d{1,13}';
/** Why, since when it had waited, how many lines were lost besides, how many parts of its first line are sealed. */
const FACTS = `(?<why>key_service|overflow|disk|suspended|transport)-(?<since>${N})-(?<lost>${N})-(?<parts>${N})`;
/** A file of lines, when it was kept, and which process kept it. */
const KEPT = new RegExp(`\\.unsealed-\\d{8}T\\d{6}Z-[0-9a-f]{6}(?<keeper>[0-9a-f]{4})-${FACTS}$`);
/**
 * A file that is being written, the stream and the process whose writer does, and how many lines it is to hold; 0 where that is
 * not known. A start that cuts it says before when it was written last, in milliseconds.
 */
const BEGUN = new RegExp(
  `\\.keeping-(?<stream>[0-9a-f]{64})-(?<keeper>[0-9a-f]{4})[0-9a-f]{4}-${FACTS}-(?<total>${N})(?:-(?<written>${N}))?$`,
);

/** What could not be sealed before the end. */
export interface Leftover {
  /** Lines, each with its LF; the last one may lack it. */
  readonly bytes: readonly Buffer[];
  /** How many parts of the first line are in the log. */
  readonly parts: number;
  /** Since when the lines wait, in milliseconds; undefined: since now. */
  readonly since: number | undefined;
  readonly why: GapEntry['why'];
  /** Lines that are lost and that no gap counts. */
  readonly lost: Loss | undefined;
}

/** What the name of a file says. */
export interface Facts {
  readonly why: GapEntry['why'];
  /** In milliseconds. */
  readonly since: number;
  readonly lost: number;
  readonly parts: number;
  /** Equal in all files of one process, whose lines are in order. */
  readonly keeper: string;
}

/** A file of lines that wait for a start that can seal them. */
export interface KeptFile extends Facts {
  readonly path: string;
}

/** A file that lines are still added to. A process that is killed leaves it for the next start to find. */
export interface BegunFile {
  readonly path: string;
  readonly fd: number;
  readonly facts: Facts;
}

/** What became of a {@link Leftover}. */
export interface Kept {
  /** The file, for a start of the same configuration. */
  readonly file: string;
  /** How many lines it holds. */
  readonly lines: number;
  /** How many lines its name counts as lost. */
  readonly lost: number;
}

/** What the names of the files of a configuration begin with: the log's directory may be moved, and its path is none of it. */
export function prefixOf({ origin, file }: Pick<ResolvedConfig, 'origin' | 'file'>): string {
  return digestBytes(sha256(`${origin}\n${file === STDOUT ? STDOUT : basename(file)}`)).toString('hex');
}

/** The files of lines in a directory, whole ones and begun ones, and how many lines their names count as lost. */
export function filesIn(directory: string): { readonly name: string; readonly lost: number }[] {
  return readdirSync(directory).flatMap((name) => {
    const form = KEPT.test(name) ? KEPT : BEGUN;
    return form.test(name) ? [{ name, lost: factsOf(name, form).lost }] : [];
  });
}

/**
 * The files of lines that could not be sealed before a process ended: in the state directory, mode 0600, in clear. They
 * belong to a configuration, not to a process: whatever its placeholders come to, the next start finds them. What was lost
 * is counted in their names, because a full disk that takes no byte more takes a name.
 */
export class UnsealedLines {
  readonly directory: string;
  readonly #prefix: string;
  readonly #stream: string;

  /** @param stream - hex SHA-256 of the origin of whoever keeps */
  constructor(config: ResolvedConfig, stream: string) {
    this.directory = resolve(config.stateDir);
    this.#prefix = prefixOf(config);
    this.#stream = stream;
  }

  /**
   * Keeps lines, durably; as many as there is room for, and the number of the others.
   *
   * @returns undefined where there was nothing to keep
   * @throws {@link TamperError} `WRITE_FAILED` where nothing can be written, with the number of lines that are lost
   */
  keep(left: Leftover, now: number): Kept | undefined {
    const total = countLeft(left.bytes);
    const lost = left.lost?.count ?? 0;
    if (total + lost === 0) return undefined;
    try {
      this.existingDirectory();
      const kept = this.#write(left, total, lost, now);
      this.#syncNames();
      return kept;
    } catch (cause) {
      throw new TamperError(
        'WRITE_FAILED',
        `${total + lost === 1 ? '1 line is' : `${total + lost} lines are`} lost: no file can be created in ${this.directory}`,
        {
          cause,
          lines: total + lost,
          hint: 'state_dir must be writable and have free space: it keeps what cannot be sealed before the end.',
        },
      );
    }
  }

  /** The directory, made where somebody has deleted it. */
  existingDirectory(): string {
    createDirectory(this.directory, 0o700);
    return this.directory;
  }

  /** Room in the directory, in bytes. A file system that does not tell its size is taken to have some. */
  freeBytes(): number {
    const { blocks, bavail, bsize } = statfsSync(this.existingDirectory());
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
  }

  /**
   * Begins a file of lines that wait, for whoever holds the lock of the stream.
   *
   * @param since - since when they wait, in milliseconds
   */
  begin(why: GapEntry['why'], since: number): BegunFile {
    const facts: Facts = { why, since: Math.floor(since), lost: 0, parts: 0, keeper: keeperOf() };
    const path = this.#begunPath(facts, 0);
    return { path, fd: openNew(path), facts };
  }

  /** A begun file was written to: what is kept from now on gets a later name, even if the clock is set back. */
  wrote(now: number): void {
    keptLast(now);
  }

  /** Makes a kept file of one that was begun and is on disk; its name counts what was lost besides. @returns its path */
  keepBegun({ path, facts }: BegunFile, lost: Loss | undefined, now: number): string {
    const loss = lost === undefined ? {} : { why: lost.why, lost: lost.count };
    const file = this.#nameOf({ ...facts, ...loss }, keptLast(now));
    renameSync(path, file);
    this.#syncNames(); // the file has its name, with its counts; a claim makes both durable
    return file;
  }

  /** What earlier processes kept, the oldest first. Names only: nothing is opened. */
  list(): KeptFile[] {
    return this.#names()
      .filter((name) => KEPT.test(name))
      .sort()
      .map((name) => keptFile(join(this.directory, name)));
  }

  /** What processes were writing when they were killed, and their streams. */
  listBegun(): { readonly path: string; readonly stream: string; readonly keeper: string }[] {
    return this.#names().flatMap((name) => {
      const { stream, keeper } = BEGUN.exec(name)?.groups ?? {};
      return stream === undefined || keeper === undefined ? [] : [{ path: join(this.directory, name), stream, keeper }];
    });
  }

  /** Deletes a kept file whose lines are all in a log, and what belongs to it. */
  remove(path: string): void {
    unlinkSync(path); // first: a claim without its file does no harm
    this.removeClaims();
    syncDirectory(this.directory);
  }

  /** Deletes claims whose kept file is gone, whole ones and those that a killed process had not finished. */
  removeClaims(): void {
    const names = this.#names();
    const files = new Set(names);
    for (const name of names) {
      const end = name.indexOf('.taken');
      if (end > 0 && !files.has(name.slice(0, end))) rmSync(join(this.directory, name), { force: true });
    }
  }

  /** The kept files that somebody has claimed, whole or gone. */
  claimed(): string[] {
    const claims = this.#names().filter((name) => name.endsWith('.taken'));
    return claims.map((name) => join(this.directory, name.slice(0, -'.taken'.length)));
  }

  #names(): string[] {
    return readdirSync(this.directory).filter((name) => name.startsWith(`${this.#prefix}.`));
  }

  #write(left: Leftover, total: number, lost: number, now: number): Kept {
    const since = Math.floor(Math.min(left.since ?? now, left.lost?.since ?? now));
    const facts = { why: left.lost?.why ?? left.why, since, lost, parts: left.parts, keeper: keeperOf() };
    const begun = this.#begunPath(facts, total);
    const fd = openNew(begun);
    try {
      const lines = writeLines(fd, left.bytes, this.freeBytes() - STATE_ROOM);
      fsyncSync(fd);
      const missing = lost + total - lines;
      const why = left.lost?.why ?? (missing > 0 ? 'disk' : left.why);
      const file = this.#nameOf({ ...facts, why, lost: missing, parts: lines === 0 ? 0 : left.parts }, keptLast(now));
      renameSync(begun, file);
      return { file, lines, lost: missing };
    } catch (error) {
      if (isGone(begun, fd)) throw error;
      return { file: begun, lines: total, lost }; // the next start finds it as it is, with all that its name counts
    } finally {
      closeDescriptor(fd);
    }
  }

  /** Lines that are in a file are kept, though a power cut may take a name that cannot be brought to the disk now. */
  #syncNames(): void {
    try {
      syncDirectory(this.directory);
    } catch (error) {
      if (systemCode(error) === '') throw error;
    }
  }

  #begunPath(facts: Facts, total: number): string {
    const unique = facts.keeper + randomBytes(2).toString('hex');
    const name = `${this.#prefix}.keeping-${this.#stream}-${unique}-${formatFacts(facts)}-${total}`;
    return join(this.directory, name);
  }

  /** Before all that its process kept since; not the name of a file that is there, which would be replaced. */
  nameBefore(facts: Facts, now: number): string {
    const names = new Set(this.#names());
    for (let at = now - 1; ; at--) {
      const file = this.#nameOf(facts, at);
      if (!names.has(basename(file))) return file;
    }
  }

  #nameOf(facts: Facts, now: number): string {
    const order = (Math.floor(now % 1000) * 256 + (keptBefore++ % 256)).toString(16).padStart(6, '0');
    const unique = order + facts.keeper;
    return join(this.directory, `${this.#prefix}.unsealed-${formatStamp(now)}-${unique}-${formatFacts(facts)}`);
  }
}

/** Files kept in one millisecond keep their order, and those of one process also where the clock is set back. */
let keptBefore = 0;
let keptAt = 0;
let keeper: string | undefined;

function keeperOf(): string {
  keeper ??= randomBytes(2).toString('hex');
  return keeper;
}

function keptLast(now: number): number {
  keptAt = Math.max(keptAt, now);
  return keptAt;
}

/** Removes a file that is open. @returns false if it is out of reach now, and still has its name */
function isGone(path: string, fd: number): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (systemCode(error) === '') throw error;
  }
  try {
    return fstatSync(fd).nlink === 0;
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return false; // what could not be removed is there
  }
}

function openNew(path: string): number {
  return openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
}

/** Opens a kept file for reading. @throws {@link TamperError} `READ_FAILED` where others may have put it there */
export function openKept(path: string, flags: number = O_RDONLY): number {
  let fd: number;
  try {
    fd = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK); // a pipe would wait for somebody who writes
  } catch (cause) {
    throw refused(path, `cannot be opened (${systemCode(cause)})`, cause);
  }
  let problem: string | undefined = 'cannot be looked at';
  try {
    problem = problemOf(fstatSync(fd));
    if (problem === undefined) return fd;
    throw refused(path, problem, undefined);
  } finally {
    if (problem !== undefined) closeDescriptor(fd);
  }
}

/** Why others may have put a file there. */
function problemOf(stat: Stats): string | undefined {
  const { uid, mode, nlink } = stat;
  const owner = process.geteuid?.() ?? uid;
  if (!stat.isFile()) return 'is not a regular file';
  if (uid !== owner && uid !== 0) return 'belongs to another user';
  if ((mode & OTHERS_WRITE) !== 0) return 'may be written by others';
  return nlink > 1 ? 'has another name' : undefined;
}

function refused(path: string, problem: string, cause: unknown): TamperError {
  return new TamperError('READ_FAILED', `${path} ${problem}, so its lines are not sealed`, {
    cause,
    hint: 'Find out who put it there. It is for lines that could not be sealed; delete it, or make it yours again.',
  });
}

function formatFacts({ why, since, lost, parts }: Facts): string {
  return `${why}-${since}-${lost}-${parts}`;
}

function factsOf(path: string, form: RegExp): Facts {
  const { why, since, lost, parts, keeper } = form.exec(basename(path))?.groups ?? {};
  return {
    why: why as GapEntry['why'], // the form lets no other through
    since: Number(since),
    lost: Number(lost),
    parts: Number(parts),
    keeper: keeper as string,
  };
}

/** What the name of a begun file says: how many lines it is to hold, and when it was written last, where that is known. */
export function begunFile(path: string): { facts: Facts; total: string | undefined; written: string | undefined } {
  const { total, written } = BEGUN.exec(path)?.groups ?? {};
  return { facts: factsOf(path, BEGUN), total, written };
}

/** What the name of a kept file says. */
export function keptFile(path: string): KeptFile {
  return { path, ...factsOf(path, KEPT) };
}

function countLeft(pieces: readonly Buffer[]): number {
  let lines = 0;
  for (const piece of pieces) lines += countEnds(piece);
  const end = pieces.at(-1)?.at(-1);
  return end === undefined || end === LF ? lines : lines + 1;
}

/** Writes lines as long as there is room. @returns how many are there whole; the file ends with the last of them */
function writeLines(fd: number, pieces: readonly Buffer[], room: number): number {
  let lines = 0;
  let size = 0; // of the whole lines
  let at = 0;
  try {
    for (const piece of pieces) {
      for (let done = 0; done < piece.length; ) {
        const share = Math.min(piece.length - done, room - at);
        if (share <= 0) {
          ftruncateSync(fd, size);
          return lines;
        }
        const written = writeSync(fd, piece, done, share);
        const part = piece.subarray(done, done + written);
        lines += countEnds(part);
        const end = part.lastIndexOf(LF) + 1;
        if (end > 0) size = at + end;
        done += written;
        at += written;
      }
    }
    if (at === size) return lines;
    writeWhole(fd, Uint8Array.of(LF)); // the end of the last line never came
    return lines + 1;
  } catch (error) {
    if (!isPassing(error, 'run')) throw error;
    ftruncateSync(fd, size);
    return lines;
  }
}
