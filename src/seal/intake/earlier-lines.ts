import { fstatSync, readSync } from 'node:fs';
import { isTamperError, systemCode } from '../../errors.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { loadNow } from '../../foundation/load-now.ts';
import { LATER, plain, type Steps, waitFor } from '../../foundation/steps.ts';
import { isPassing, type Sink } from '../disk/sink.ts';
import type { EntryLog } from '../stream/entry-log.ts';
import type { StreamRun } from '../stream/stream-run.ts';
import type { IntakeTarget } from './intake-queue.ts';
import { type Claim, isClaimed, makeClaim, type Progress, replaceClaim, UncertainClaim } from './kept-claim.ts';
import type { LongLine } from './line-intake.ts';
import type { Turn } from './turn.ts';
import { type KeptFile, keptFile, openKept, type UnsealedLines } from './unsealed-lines.ts';

const LF = 0x0a;
/** How much of a kept file is read at once, in bytes; more where a line may be longer. */
const WINDOW = 1_048_576;

/** A kept file on its way into the log. */
interface Open {
  readonly kept: KeptFile;
  readonly fd: number;
  readonly size: number;
  /** Of this run, whose other lines come after it. */
  readonly isOwn: boolean;
  /** How much is in the log. */
  from: number;
  parts: number;
  gap: boolean;
  /** Where the claim says that its lines go; a change of file needs another claim. */
  sink: Sink | undefined;
  /** Another claim may be in force than the last one that was written well: from its place on every record counts as the file's. */
  isUncertain: boolean;
  /** Bytes of the file, from `windowFrom` on. */
  window: Buffer;
  windowFrom: number;
}

/** What an {@link EarlierLines} is made with. */
export interface EarlierLinesOptions {
  readonly unsealed: UnsealedLines;
  /** The directory of the log's files. */
  readonly logs: string;
  /** Hex SHA-256 of the origin whose lock is held. */
  readonly stream: string;
  readonly maxLineBytes: number;
  readonly longLine: LongLine;
  /** A file that this run still adds to. */
  readonly ownFile: string | undefined;
  readonly signal: AbortSignal;
  readonly warn: (error: unknown) => void;
}

/**
 * Seals what earlier processes could not: each line once, whatever happens on the way. A kept file is claimed before its
 * first line goes into a log, and the claim says where in that log it begins; a process that is killed leaves log, file and
 * claim, and those say together which lines are left. A file is deleted when a checkpoint covers all of it.
 */
export class EarlierLines {
  readonly #options: EarlierLinesOptions;
  readonly #files: Open[];
  readonly #all: Open[];
  /** Files whose lines are all in the log, up to an entry: each is deleted once. */
  readonly #sealed = new Map<string, { readonly run: StreamRun; readonly size: number }>();
  /** The last claim could not be written. */
  #isRefused = false;
  /** The last entry of such a line: with `rotate_chain` each file has numbers of its own. */
  #last: { readonly log: EntryLog; readonly seq: number } | undefined;

  private constructor(options: EarlierLinesOptions, files: Open[]) {
    this.#options = options;
    this.#files = files;
    this.#all = [...files];
  }

  /**
   * Finds and claims what is there. What cannot be used waits for another start, and so do the later lines of its process
   * where it may be usable by then; nothing else is kept back.
   */
  static *find(options: EarlierLinesOptions): Steps<EarlierLines> {
    const files: Open[] = [];
    let found: EarlierLines | undefined;
    try {
      yield* findInto(files, options);
      found = new EarlierLines(options, files);
      return found;
    } finally {
      if (found === undefined) for (const { fd } of files) closeDescriptor(fd);
    }
  }

  /**
   * Adds a file that this run has kept itself, behind the others.
   *
   * @param wasAway - whether the key service was away meanwhile; else the first key was only slow to come
   * @throws what the file system says; then it waits for another start
   */
  add(path: string, wasAway: boolean): void {
    const kept = keptFile(path);
    const fd = openKept(path);
    let open: Open | undefined;
    try {
      const { size } = fstatSync(fd);
      const begin: Progress = { from: 0, parts: 0, gap: kept.lost === 0 && (size === 0 || !wasAway) };
      makeClaim(path, claimOf(begin, this.#options));
      open = unread({ kept, fd, size, isOwn: true, ...begin });
    } finally {
      if (open === undefined) closeDescriptor(fd);
    }
    this.#files.push(open);
    this.#all.push(open);
  }

  /** The last seq of such a line in a log: what stands up to it is in a kept file still. 0 if there is none. */
  lastSeq(log: EntryLog | undefined): number {
    return this.#last !== undefined && this.#last.log === log ? this.#last.seq : 0;
  }

  /** Since when the first gap that comes counts, where it is one of this kind. */
  gapDue(why: KeptFile['why']): number | undefined {
    const first = this.#files[0];
    return first !== undefined && !first.gap && first.kept.why === why ? first.kept.since : undefined;
  }

  /** Gives lines to the log as long as the turn lasts. @returns `done` where nothing is left, or left for another start */
  drain(target: IntakeTarget, turn: Turn): 'done' | 'more' | 'refused' {
    for (let file = this.#files[0]; file !== undefined; file = this.#files[0]) {
      try {
        if (!this.#take(file, target, turn)) return 'more';
        this.#isRefused = false;
      } catch (error) {
        if (!(error instanceof ClaimError)) throw error;
        if (!this.#isRefused) this.#options.warn(error.cause);
        this.#isRefused = true;
        if (file.isOwn || file.isUncertain) return 'refused'; // a record that comes now could be taken for one of the file's
        this.#files.splice(0, this.#files.length, ...this.#files.filter(({ isOwn }) => isOwn)); // the others wait for another start
        continue;
      }
      this.#files.shift();
      this.#removeWhenCovered(file, target.run);
    }
    return 'done';
  }

  /** What is left waits for another start. */
  close(): void {
    for (const [path, { run, size }] of this.#sealed) if (run.covered >= size) this.#remove(path);
    if (this.#files.length > 0) this.#options.longLine.parts = 0; // it was one of theirs
    for (const { fd } of this.#all.splice(0)) closeDescriptor(fd);
    this.#files.length = 0;
  }

  /** @returns whether the file is in the log to its end */
  #take(file: Open, { run, intake }: IntakeTarget, turn: Turn): boolean {
    const { log, stream } = run;
    const { longLine } = this.#options;
    if (file.gap && file.from >= file.size) return true;
    if (!stream.isOpen) return false;
    if (file.sink !== log.sink && !this.#claim(file, run, turn)) return false;
    if (!file.gap) {
      stream.gap(file.kept.why, file.kept.lost, file.kept.since);
      file.gap = true;
      this.#last = { log, seq: log.frontier.size };
    }
    while (file.from < file.size) {
      if (turn.isOver || !run.takesLines) return false;
      const { bytes, from, to } = this.#window(file);
      longLine.parts = file.parts;
      try {
        if (to > from) intake.takeBytes(bytes, from, to, turn);
        else intake.takePiece(bytes, from, from + this.#options.maxLineBytes, turn);
      } finally {
        file.from = file.windowFrom + intake.taken;
        file.parts = longLine.parts;
        this.#last = { log, seq: log.frontier.size };
      }
      if (intake.taken === from) return false;
    }
    return true;
  }

  /**
   * Says durably where in which log the next lines of the file begin. What stands before that place is on the disk by then:
   * a log that ends before it, after a crash, would look like another one.
   *
   * @returns false where the sink takes no more
   */
  #claim(file: Open, run: StreamRun, turn: Turn): boolean {
    if (!run.writeOut()) return false;
    const { log, stream } = run;
    log.sink.datasyncSync();
    try {
      replaceClaim(file.kept.path, {
        ...claimOf(file, this.#options),
        file: log.sink.name,
        inode: log.sink.inode,
        offset: log.offset,
        size: log.frontier.size,
        records: stream.fileRecords,
      });
    } catch (error) {
      const isUncertain = error instanceof UncertainClaim;
      file.isUncertain ||= isUncertain;
      throw new ClaimError('no claim', { cause: isUncertain ? error.cause : error });
    }
    file.isUncertain = false;
    file.sink = log.sink;
    turn.glance();
    return true;
  }

  /** Whole lines of the file from where it stands; none (`to` = `from`) inside a line that is longer than the window. */
  #window(file: Open): { bytes: Buffer; from: number; to: number } {
    let from = file.from - file.windowFrom;
    let to = file.window.lastIndexOf(LF) + 1;
    if (from >= to) {
      const length = Math.min(Math.max(WINDOW, 2 * this.#options.maxLineBytes), file.size - file.from);
      file.window = readAt(file.fd, file.from, length);
      file.windowFrom = file.from;
      from = 0;
      to = file.window.lastIndexOf(LF) + 1;
      const isEnd = file.from + file.window.length >= file.size;
      if (to === 0 && isEnd) to = file.window.length;
    }
    return { bytes: file.window, from, to: Math.max(from, to) };
  }

  #removeWhenCovered(file: Open, run: StreamRun): void {
    const { path } = file.kept;
    const { size } = run.log.frontier;
    this.#sealed.set(path, { run, size });
    void run.whenCovered(size).then(() => this.#remove(path));
  }

  #remove(path: string): void {
    if (!this.#sealed.delete(path)) return; // when it was covered, or at the end: whichever came first
    try {
      this.#options.unsealed.remove(path);
    } catch (error) {
      this.#options.warn(error);
    }
  }
}

/** Claims what is there. */
function* findInto(files: Open[], options: EarlierLinesOptions): Steps<void> {
  const { unsealed, warn } = options;
  const waiting = new Set<string>();
  function* orWarn<T>(steps: Steps<T>, keeper?: string): Steps<T | undefined> {
    try {
      return yield* steps;
    } catch (thrown) {
      // without a log in it both claims say the same
      const error = thrown instanceof UncertainClaim ? thrown.cause : thrown;
      if (systemCode(error) === '' && !isTamperError(error)) throw error;
      if (keeper !== undefined && isPassing(error, 'run')) waiting.add(keeper);
      warn(error);
      return undefined;
    }
  }
  const begun = yield* orWarn(plain(() => unsealed.listBegun()));
  for (const { path, stream, keeper } of begun ?? []) {
    if (path === options.ownFile) continue;
    const { finishBegun, withStream } = yield* forKilled();
    yield* orWarn(
      withStream(
        stream,
        options,
        plain(() => finishBegun(unsealed, path)),
      ),
      keeper,
    );
  }
  yield* orWarn(plain(() => unsealed.removeClaims()));
  const list = begun && (yield* orWarn(plain(() => unsealed.list()))); // what cannot be seen may come before what can
  for (const kept of list ?? []) {
    const open = waiting.has(kept.keeper) ? undefined : yield* orWarn(claimed(kept, options), kept.keeper);
    if (open !== undefined) files.push(open);
  }
}

const loadForKilled = (): typeof import('./killed-process.ts') | undefined =>
  loadNow('./seal/intake/killed-process.js') as typeof import('./killed-process.ts') | undefined;

const forKilled = (): Steps<typeof import('./killed-process.ts')> =>
  waitFor(
    async () => loadForKilled() ?? import('./killed-process.ts'),
    () => loadForKilled() ?? LATER,
  );

/** A claim that cannot be written now. */
class ClaimError extends Error {}

function readAt(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let read = 0;
  while (read < length) {
    const count = readSync(fd, bytes, read, length - read, from + read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}

/** A claimed file of which nothing was read yet. */
const unread = (file: Omit<Open, 'sink' | 'isUncertain' | 'window' | 'windowFrom'>): Open => ({
  ...file,
  sink: undefined,
  isUncertain: false,
  window: Buffer.alloc(0),
  windowFrom: file.from,
});

/** Opens a kept file that nobody else seals, and says how far it has come. */
function* claimed(kept: KeptFile, options: EarlierLinesOptions): Steps<Open | undefined> {
  const fd = openKept(kept.path);
  let progress: Progress | undefined;
  try {
    const { size } = fstatSync(fd);
    progress = yield* claim(kept, fd, options);
    if (progress === undefined) return undefined;
    const { from, parts } = progress;
    const gap = progress.gap || (size === 0 && kept.lost === 0); // without a line and without a loss it says nothing
    return unread({ kept, fd, size, isOwn: false, from, parts, gap });
  } finally {
    if (progress === undefined) closeDescriptor(fd);
  }
}

function* claim(kept: KeptFile, fd: number, options: EarlierLinesOptions): Steps<Progress | undefined> {
  const begin: Progress = { from: 0, parts: kept.parts, gap: false };
  const own = claimOf(begin, options);
  if (!isClaimed(kept.path) && makeClaim(kept.path, own)) return begin;
  const { takeOver } = yield* forKilled();
  return yield* takeOver(kept.path, fd, own, options);
}

function claimOf({ from, parts, gap }: Progress, { stream, maxLineBytes }: EarlierLinesOptions): Claim {
  return { stream, file: '', inode: '', offset: 0, size: 0, records: 0, from, parts, gap, partBytes: maxLineBytes };
}
