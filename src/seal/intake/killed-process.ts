import { randomBytes } from 'node:crypto';
import {
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isTamperError, systemCode, TamperError } from '../../errors.ts';
import { classifyLine } from '../../format/entry.ts';
import { Members } from '../../format/members.ts';
import { systemClock } from '../../foundation/clock.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { syncDirectory } from '../../foundation/durable-replace.ts';
import { type Steps, waitFor } from '../../foundation/steps.ts';
import { pause } from '../../keys/retry.ts';
import { type Lease, type Lock, LockSeeker } from '../disk/lock.ts';
import { STDOUT, streamFiles } from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import { StateFile } from '../disk/state.ts';
import { LINE_LIMIT, readLineBefore, readLines } from '../resume/line-reader.ts';
import { type Claim, claimPath, makeClaim, type Progress, replaceClaim } from './kept-claim.ts';
import { Turn } from './turn.ts';
import { begunFile, openKept, type UnsealedLines } from './unsealed-lines.ts';
import { wholeLines } from './waiting-lines.ts';

/** What a start does with the files of a process that was killed: rarely, so it is loaded then. */

/** Nobody replaces a state that is only read. */
const UNCHANGED: Lease = { assertHeld: () => undefined };

/**
 * How far a kept file has come, by what its claimant's log holds now. The claimant must not be running, or be ourselves
 * before our first entry.
 *
 * @param kept - the kept file, open
 * @param places - where states are, and where the files of this log are now
 * @throws {@link TamperError} `READ_FAILED` where that log is gone, so that nobody can tell
 */
function* progressOf(
  claim: Claim,
  kept: number,
  { directory, logs }: { readonly directory: string; readonly logs: string },
): Steps<Progress> {
  if (claim.file === '') return { from: claim.from, parts: claim.parts, gap: claim.gap };
  const { records, gap } = claim.file === STDOUT ? promised(claim, directory) : yield* found(claim, logs);
  const place = yield* advance(kept, claim, records);
  return { ...place, gap: claim.gap || gap || records > 0 };
}

/** Of what went to standard output, what the state promises: the next run goes on there, and disowns the rest. */
function promised(claim: Claim, directory: string): { records: number; gap: boolean } {
  const state = new StateFile(streamFiles(directory, claim.stream).state, UNCHANGED).read();
  if (state === undefined) throw untold(claim.file);
  return { records: (state.account?.records ?? 0) - claim.records, gap: state.size > claim.size };
}

/** What the claimant's run wrote behind the place where the claim was made. */
function* found(claim: Claim, logs: string): Steps<{ records: number; gap: boolean }> {
  const fd = openLog(claim, logs);
  try {
    let first = true;
    let gap = false;
    let records = 0;
    let turn = new Turn();
    if (fstatSync(fd).size < claim.offset) throw untold(claim.file);
    for (const { bytes } of readLines(fd, claim.offset)) {
      const read = classifyLine(bytes);
      // another file may have got the number of one that was deleted
      const isEntry = read.type === 'record' || read.type === 'control';
      if (read.type === 'control' && read.kind === 'open') break; // a later run: its lines are none of the claimant's
      if (first && isEntry && read.seq !== claim.size + 1) throw untold(claim.file);
      if (read.type === 'record') records++;
      if (read.type === 'control' && first) gap = read.kind === 'gap';
      if (read.type === 'record' || read.type === 'control') first = false;
      if (turn.took(bytes.length)) continue;
      yield* nextTurn();
      turn = new Turn();
    }
    fsyncSync(fd); // the kept file may be deleted for it
    return { records, gap };
  } finally {
    closeDescriptor(fd);
  }
}

/**
 * Opens the log by its number: a closed file has another name than it had, and all of them may be in another directory. A copy has
 * another number: it is known by what stands at the place of the claim.
 */
function openLog(claim: Claim, logs: string): number {
  const { file, inode } = claim;
  try {
    const directories = [...new Set([dirname(file), logs])].filter((directory) => existsSync(directory));
    const names = directories.flatMap((one) => [basename(file), ...readdirSync(one)].map((name) => join(one, name)));
    for (const path of names) {
      const { ino } = statSync(path, { bigint: true, throwIfNoEntry: false }) ?? {};
      if (ino?.toString() === inode) return openSync(path, 'r');
    }
    for (const path of names) {
      if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) continue;
      const fd = openSync(path, 'r');
      let isIts = false;
      try {
        isIts = holdsPlace(fd, claim);
      } finally {
        if (!isIts) closeDescriptor(fd);
      }
      if (isIts) return fd;
    }
  } catch (cause) {
    throw untold(file, cause);
  }
  throw untold(file);
}

/** Whether the entry before the place of a claim is the one that it names, or the first of the file the one behind it. */
function holdsPlace(fd: number, { stream, offset, size }: Claim): boolean {
  const tag = Buffer.from(stream, 'hex').toString('base64url').slice(0, 8); // spec 1, TAG
  const isEntry = (bytes: Buffer, seq: number): boolean => {
    const read = classifyLine(bytes);
    return (read.type === 'record' || read.type === 'control') && read.tag === tag && read.seq === seq;
  };
  if (offset === 0) {
    for (const { bytes } of readLines(fd, 0, LINE_LIMIT)) return isEntry(bytes, size + 1);
    return false;
  }
  if (fstatSync(fd).size < offset) return false;
  let before = readLineBefore(fd, offset, LINE_LIMIT);
  while (before !== undefined && before.offset > 0 && classifyLine(before.bytes).type === 'checkpoint')
    before = readLineBefore(fd, before.offset, LINE_LIMIT);
  return before !== undefined && isEntry(before.bytes, size);
}

function untold(file: string, cause?: unknown): TamperError {
  return new TamperError(
    'READ_FAILED',
    `the log ${file}, or its state, is gone, so it is unknown which lines it contains`,
    {
      cause,
      hint: 'The kept lines stay where they are. Put the log back, or compare it with them and delete the file of kept lines.',
    },
  );
}

/** Lets others go on, where there is time. */
function nextTurn(): Steps<void> {
  return waitFor(
    () => new Promise((resolve) => setImmediate(resolve)),
    () => undefined,
  );
}

/** Goes over so many records of a kept file: lines, and parts of long ones. */
function* advance(kept: number, claim: Claim, records: number): Steps<{ from: number; parts: number }> {
  let { from, parts } = claim;
  let left = records;
  let turn = new Turn();
  for (const { bytes, offset } of readLines(kept, claim.from)) {
    if (left <= 0) break;
    const length = bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length;
    const needed = Math.max(1, Math.ceil(length / claim.partBytes));
    if (needed > left) return { from: offset + left * claim.partBytes, parts: parts + left };
    left -= needed;
    parts = 0;
    from = offset + bytes.length + 1;
    if (turn.took(bytes.length)) continue;
    yield* nextTurn();
    turn = new Turn();
  }
  return { from, parts };
}

/** Makes a kept file of the whole lines that a killed process had written; the others that it had are lost. */
export function finishBegun(unsealed: UnsealedLines, path: string): void {
  const { facts, total, written } = begunFile(path);
  const fd = openKept(path, constants.O_RDWR);
  try {
    const { size, mtimeMs } = fstatSync(fd);
    const whole = wholeLines(fd, size);
    const at = Number(written ?? Math.floor(mtimeMs));
    let begun = path;
    if (whole.end < size) {
      if (written === undefined) {
        begun = `${path}-${at}`; // or a start that is killed behind the cut makes it younger than what its process kept since
        renameSync(path, begun);
        syncDirectory(unsealed.directory);
      }
      ftruncateSync(fd, whole.end);
    }
    fsyncSync(fd);
    const lost = facts.lost + Math.max(0, Number(total) - whole.lines);
    renameSync(begun, unsealed.nameBefore({ ...facts, lost }, at));
  } finally {
    closeDescriptor(fd);
  }
  syncDirectory(unsealed.directory);
}

/**
 * Does something while no writer of a stream runs, under its lock. Where its holder may live, it is watched until it is
 * seen to live or its lease has ended.
 *
 * @param own - of whoever asks
 * @returns undefined where one runs
 */
export function* withStream<T>(
  stream: string,
  own: { readonly unsealed: UnsealedLines; readonly stream: string; readonly signal: AbortSignal },
  action: Steps<T>,
): Steps<T | undefined> {
  if (stream === own.stream) return yield* action;
  let lock: Lock | undefined;
  try {
    const seeker = new LockSeeker(streamFiles(own.unsealed.directory, stream).prefix, randomBytes(8).toString('hex'));
    for (lock = seeker.attempt(); lock === undefined; lock = seeker.attempt()) {
      const wait = seeker.pause;
      yield* waitFor(() => pause(wait, 'waiting for the lock of an earlier writer', own.signal, systemClock));
    }
  } catch (error) {
    if (isTamperError(error, 'LOCKED')) return undefined;
    throw error;
  }
  try {
    return yield* action;
  } finally {
    lock.release();
  }
}

/**
 * Claims a kept file that somebody has claimed before, once no writer of that stream runs.
 *
 * @param kept - the file, open
 * @param own - the claim of this start, where nothing of the file is in a log
 * @returns how far it has come; undefined where somebody else seals it
 */
export function* takeOver(
  keptPath: string,
  kept: number,
  own: Claim,
  site: {
    readonly unsealed: UnsealedLines;
    readonly logs: string;
    readonly stream: string;
    readonly signal: AbortSignal;
  },
): Steps<Progress | undefined> {
  let before = readClaim(keptPath);
  if (before === undefined && makeClaim(keptPath, own)) return own;
  before ??= readClaim(keptPath); // a disk may say once that there is none
  if (before === undefined) return undefined;
  const { stream } = before;
  const places = { directory: site.unsealed.directory, logs: site.logs };
  if (stream === own.stream) return yield* progressOf(before, kept, places);
  function* alone(): Steps<Progress | undefined> {
    const now = readClaim(keptPath); // another start may have been faster
    if (now?.stream !== stream) return undefined;
    const progress = yield* progressOf(now, kept, places);
    replaceClaim(keptPath, { ...own, ...progress });
    return progress;
  }
  return yield* withStream(stream, site, alone());
}

/** @returns undefined where nobody has it. @throws {@link TamperError} `STATE_MALFORMED` */
function readClaim(keptPath: string): Claim | undefined {
  const path = claimPath(keptPath);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
  return text === '' ? undefined : parseClaim(text, path); // or its name is taken, and no more
}

/** Whether a claim is about a log, as {@link openLog} finds it: only that log says which lines of a kept file it holds. */
export function isNamedByClaim(unsealed: UnsealedLines, file: string): boolean {
  const claims = unsealed
    .claimed()
    .flatMap((path) => readClaim(path) ?? [])
    .filter((claim) => claim.file !== ''); // else no line is in any log
  if (claims.length === 0) return false;
  const fd = openRegular(file);
  try {
    const inode = fstatSync(fd, { bigint: true }).ino.toString();
    return claims.some((claim) => claim.inode === inode || holdsPlace(fd, claim));
  } finally {
    closeDescriptor(fd);
  }
}

function parseClaim(text: string, path: string): Claim {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed(path, 'it is not JSON', cause);
  }
  const members = new Members(value);
  const version = members.number('version');
  const claim: Claim = {
    stream: members.string('stream'),
    file: members.string('file'),
    inode: members.string('inode'),
    offset: members.number('offset'),
    size: members.number('size'),
    records: members.number('records'),
    from: members.number('from'),
    parts: members.number('parts'),
    gap: members.oneOf('gap', ['sealed', 'due'] as const) === 'sealed',
    partBytes: members.number('part_bytes'),
  };
  members.end();
  const problem = members.problem?.message ?? (version === 1 ? undefined : 'it is of another version');
  if (problem !== undefined) throw malformed(path, problem);
  if (!/^[0-9a-f]{64}$/.test(claim.stream)) throw malformed(path, 'it names no stream');
  return claim;
}

function malformed(path: string, why: string, cause?: unknown): TamperError {
  return new TamperError('STATE_MALFORMED', `${path} cannot be read: ${why}`, {
    cause,
    hint: 'It says which of the kept lines are in a log already. Compare that log with the kept file; then delete both, or only this one to seal all lines.',
  });
}
