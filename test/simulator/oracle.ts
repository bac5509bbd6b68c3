import { modeOf } from '../../src/config/index.ts';
import type { StoredLogs } from '../../src/storage/stored-logs.ts';
import { judgeAnchors, judgeLast } from './anchor-oracle.ts';
import { contentsOf, logFiles } from './log-files.ts';
import type { Tree } from './tree.ts';
import { type Run, said, type World } from './world.ts';

/** What was wrong after a schedule: a class, by which equal ones are counted, and the details. */
export interface Violation {
  readonly what: string;
  readonly details: string;
}

/** How long close() waits for its checkpoint, in milliseconds. */
const SIGNATURE_LIMIT = 3_000;

/** What an auditor may find in an honest log besides nothing, and what must have happened for it. */
const EXPLAINED: Readonly<Record<string, (world: World, messages: string) => boolean>> = {
  // an end without its signature, which the next start takes over
  ADOPTED: isEndUnsigned,
  UNVOUCHED: isEndUnsigned,
  END_UNPROVEN: (world, messages) => isEndLate(world, messages) || isChainLeftUnsigned(world, messages),
  // the streams of a chain that had no signer yet, for who names one of all
  UNSIGNED: (world, messages) =>
    isEndLate(world, messages) ||
    isChainLeftUnsigned(world, messages) ||
    (world.isReconfigured && world.isChain && messages.includes('(it has no signer)')),
  // a new stream's state is on the disk before its first byte goes down a pipe
  START_UNPROVEN: isPipeCut,
  // it had sent more than its state knows; on a slow disk its end may come before its state
  ABANDONED_UNPROVEN: (world) => isPipeCut(world) || (world.isPiped && world.isSlow),
  // a crash tore the last line of a file that the next start does not write to: somebody moved it, or another stream continues it
  TORN_TAIL: (world) =>
    isPipeCut(world) ||
    ((world.moved > 0 || world.isChain) &&
      world.runs.some(({ ending }) => ending === 'killed' || ending === 'power cut')),
};

/**
 * A key service that does not sign the close of a chain's file before the process ends: the next file is begun by then and
 * cites it, and a later start cannot know what became of it. docs/when-things-fail.md says so.
 */
function isChainLeftUnsigned({ isChain, signs, runs }: World, messages: string): boolean {
  const isCut = runs.some(({ ending, hadFault }) => hadFault || (ending !== 'closed' && ending !== 'exited'));
  return isChain && signs && isCut && messages.includes('ends with close continued');
}

/** More lines than that may need more signatures than come before an end is over: each file has its own. */
const FLOOD = 1_000;

function isEndUnsigned({ runs, isSlow }: World): boolean {
  return isSlow || runs.some(({ ending, hadFault, given }) => ending !== 'closed' || hadFault || given > FLOOD);
}

/** A process that was killed, or whose reader went away: its state is not what the reader has. */
function isPipeCut({ isPiped, runs }: World): boolean {
  return isPiped && runs.some(({ ending, hadFault }) => hadFault || ending === 'killed' || ending === 'power cut');
}

/** A disk so slow that close() ended before its own last line was there, as it says: the next start writes that. */
function isEndLate({ runs, isSlow }: World, messages: string): boolean {
  const isLate = isSlow && (runs.at(-1)?.closeTook ?? 0) >= SIGNATURE_LIMIT;
  return isLate && messages.includes('ends with close shutdown') && !messages.includes('ends with close continued');
}

/** More than `rotate_max_bytes`: one line, and what the writer itself says at the end of a file. */
const FILE_SLACK = 6_000;

/** Looks at what a schedule left behind. */
export async function judge(world: World, tree: Tree): Promise<Violation[]> {
  const found: Violation[] = world.problems.map((text) => ({ what: classOf(text), details: text }));
  const add = (what: string, details = ''): void => {
    found.push({ what, details });
  };
  judgeAnchors(world, add);
  judgeLast(world, add);
  checkRuns(world, add);
  checkStates(world, add);
  if (!world.isRolledBack && !world.machine.pipe.hasLost) await judgeLog(world, tree, add); // else lines are gone
  return found;
}

/** A process that ends may leave one behind, and a disk that refuses to remove one. */
function checkStates(world: World, add: Add): void {
  const left = world.statesOfNothing();
  const isRefused = world.runs.some(({ hadDiskFault }) => hadDiskFault);
  if (!isRefused && left.length > world.runs.length) add('states of streams stay that never began', left.join(' '));
  const named = world.namedWithoutLine();
  if (named.length > 0) add("somebody else's file gets the name of a closed one", named.join(' '));
}

async function judgeLog(world: World, tree: Tree, add: Add): Promise<void> {
  const files = logFiles(world);
  const dropped = await verifyLog(world, tree, files, add);
  const goesOn = world.problems.every((text) => !text.includes('next start') && !text.startsWith('kept lines stay'));
  if (goesOn && !world.waitsForFile) checkLines(world, files, dropped, add); // else they still wait
  const { rotateMaxBytes } = world.config;
  const isUndisturbed = world.runs.every(({ hadFault }) => !hadFault);
  if (rotateMaxBytes > 0 && isUndisturbed && !world.isReconfigured && !world.mayGrow) {
    // at its end a process cannot wait for the key of another file: what it holds is sealed in the one that it has
    const longLast = world.runs.filter(({ ending, life, closeTook = 0 }) =>
      world.isChain && ending !== 'closed'
        ? life.phase === 'close'
        : closeTook > world.config.closeTimeoutSeconds * 500,
    );
    // such an end seals the lines that earlier processes kept, too: that of a chain
    const sealsOthers = world.isChain && longLast.length > 0;
    for (const [name, bytes] of sealsOthers ? [] : files) {
      if (longLast.some((run) => bytes.includes(`#${run.number}.`) || (!world.isChain && isBefore(bytes, run))))
        continue;
      const length = endOfRecords(bytes);
      if (length > rotateMaxBytes + FILE_SLACK) add('a file is too long', `${name} ${length} of ${rotateMaxBytes}`);
    }
  }
}

/** What was wrong in so few words that one cause has one class, whatever the file, the number and the failure. */
function classOf(text: string): string {
  if (text.startsWith('not an error of ours')) return 'an error of the system ends the log as it is';
  if (text.startsWith('uncaught')) return 'the application gets an exception that nobody can catch';
  if (text.startsWith('kept lines stay')) return 'kept lines are never sealed';
  const plain = text.replaceAll(/\/[\w./-]+/g, 'PATH').replaceAll(/\d[\w.-]*/g, 'N');
  return plain.replace('does not become ready', 'fails').replace(/ of origin.*|, but.*| where.*/, '');
}

/** Whether all lines are of earlier processes. */
function isBefore(bytes: Buffer, run: Run): boolean {
  return [...bytes.toString('latin1').matchAll(/#(\d+)\./g)].every(([, number]) => Number(number) < run.number);
}

/** Where the last record ends; 0 if there are none but the first, which has to go somewhere. */
function endOfRecords(bytes: Buffer): number {
  const [first, last] = [bytes.indexOf('#'), bytes.lastIndexOf('#')];
  const isOne = first < 0 || bytes.indexOf('#', first + 1) === last;
  return isOne ? 0 : bytes.indexOf('\n', last) + 1;
}

type Add = (what: string, details?: string) => void;

/** @returns how many lines the log says were lost */
async function verifyLog(world: World, tree: Tree, files: Map<string, Buffer>, add: Add): Promise<number> {
  const { auditor } = tree;
  const provider = { ...world.keys.provider(auditor), configured: modeOf(world.config) };
  try {
    const keys = await auditor.openKeys(provider, false);
    const report = await auditor.verify({
      ...keys,
      paths: [],
      stored: [storedOf(world)],
      origin: 'origin',
      continued: true,
    });
    const found = report.streams.flatMap(({ findings }) => findings);
    const messages = found.map(({ code, message }) => `${code} ${message}`).join('; ');
    const codes = [...new Set(found.filter(({ severity }) => severity === report.verdict).map(({ code }) => code))];
    const goesOn = world.problems.every((text) => !text.includes('next start'));
    const unexplained = codes.filter((code) => EXPLAINED[code]?.(world, messages) !== true).sort();
    if (report.verdict === 'tampered') add(`tampered: ${codes.sort().join(' ')}`, messages);
    else if (report.verdict === 'undecided' && goesOn && unexplained.length > 0)
      add(`undecided: ${unexplained.join(' ')}`, messages);
    return report.streams.reduce((sum, { droppedLines }) => sum + droppedLines, 0);
  } catch (error) {
    add('verify fails', `${said(error)} ${[...files.keys()].join(' ')}`);
    return 0;
  }
}

function storedOf(world: World): StoredLogs {
  const contents = new Map([...contentsOf(world)].map(([name, { content }]) => [name, content]));
  const objects = [...contents].sort().map(([key, { length }]) => ({ key, size: length, version: '1', named: false }));
  return {
    list: async () => objects,
    storage: {
      name: 's3://simulated',
      list: async function* () {
        yield objects;
      },
      read: async ({ key }, from, length) => Buffer.from((contents.get(key) as Buffer).subarray(from, from + length)),
      get: async (key) => {
        const bytes = contents.get(key);
        return bytes && { bytes, version: '1' };
      },
      put: async () => undefined,
      close: () => undefined,
    },
  };
}

function checkLines(world: World, files: Map<string, Buffer>, dropped: number, add: Add): void {
  const runs = world.runs.filter(({ sealer }) => sealer !== undefined);
  const sealed = new Map<number, Set<number>>(runs.map(({ number }) => [number, new Set()]));
  const last = new Map<number, number>();
  const isOrdered = !(world.isChain && (world.compresses || world.isCopied)); // nothing outside tells in which order they were begun
  for (const whole of files.values()) {
    const bytes = world.isPiped ? standing(whole) : whole.subarray(0, whole.lastIndexOf('\n') + 1); // a torn line is none
    for (const [, run, line] of bytes.toString('latin1').matchAll(/#(\d+)\.(\d+)#/g)) {
      const [of, number] = [Number(run), Number(line)];
      const seen = sealed.get(of) as Set<number>;
      if (seen.has(number)) add('a line is sealed twice', `${run}.${line}`);
      else if (number < (last.get(of) ?? 0) && isOrdered)
        add('lines are out of order', `${run}.${line} after ${last.get(of)}`);
      seen.add(number);
      last.set(of, number);
    }
  }
  const sent = marks(world.isPiped ? world.machine.pipe.content : Buffer.alloc(0)); // a reader keeps what a later run gives up
  let missing = 0;
  let unexplained = 0;
  let uncounted = 0;
  let isAnyCrashed = false;
  const details: string[] = [];
  for (const run of runs) {
    const lines = sealed.get(run.number) as Set<number>;
    const isCrashed = run.ending === 'killed' || run.ending === 'power cut';
    const isThere = (line: number): boolean => lines.has(line) || (isPipeCut(world) && sent.has(`${run.number}.${line}`));
    const absent = Array.from({ length: run.given }, (_, at) => at + 1).filter((line) => !isThere(line));
    const end = last.get(run.number) ?? 0;
    isAnyCrashed ||= isCrashed;
    missing += absent.length;
    uncounted += run.stats?.uncounted ?? 0;
    // a gap that was not written yet counts what was refused
    const reach = run.ending === 'power cut' && mayHaveHole(run) ? run.handedOver : Math.max(end, run.handedOver);
    unexplained += isCrashed ? Math.max(0, absent.filter((line) => line < reach).length - run.refused) : absent.length;
    if (absent.length > 0) details.push(`process ${run.number} (${run.ending}): ${ranges(absent)} of ${run.given}`);
    const broken = absent.filter((line) => line <= run.acknowledged).length;
    if (isCrashed && !world.hadPowerCut) checkWorker(run, absent, dropped, add);
    if (broken > dropped) add('an acknowledged line is lost', `${details.at(-1)}, acknowledged ${run.acknowledged}`);
  } // biome-ignore format: short
  const said = `${details.join('; ')}; counted in gaps ${dropped}, uncounted ${uncounted}`;
  if (missing < dropped && !isPipeCut(world)) add('gaps count more than was lost', said);
  else if (unexplained > dropped + uncounted)
    add(isAnyCrashed ? 'a crash takes more lines than it may' : 'lines are lost and not counted', said);
  else if (!isAnyCrashed && !isPipeCut(world) && missing !== dropped + uncounted)
    add('lines are counted that were not lost', said);
  const counted = runs.reduce((sum, { stats }) => sum + (stats?.records ?? 0), 0);
  const written = [...sealed.values()].reduce((sum, { size }) => sum + size, 0);
  // what a pipe took from a log that then ended may be sealed again
  const haveSaid = runs.every(({ stats }) => stats !== undefined); // one may be killed behind its close()
  if (haveSaid && !isAnyCrashed && counted !== written && !isPipeCut(world))
    add('stats count other records than are there', `${counted} of ${written}`);
  if (uncounted > 0 && !runs.some(({ hadDiskFault }) => hadDiskFault))
    add('lines are uncounted on a healthy disk', said);
}

/** A worker that is ended on its way to its end: what it had been given is in the log, or waits for the next start. */
function checkWorker(run: Run, absent: readonly number[], dropped: number, add: Add): void {
  const { toClose } = run;
  if (toClose === undefined || toClose.mayWait || run.hadFault || run.isSecond || run.ending !== 'killed') return;
  const lost = absent.filter((line) => line <= toClose.given).length;
  if (lost > dropped + run.refused) add('a worker that is ended loses lines', `${lost} of ${toClose.given}`);
}

/** What a pipe's reader has of entries that count: a run that begins again before others abandons these (M8.26). */
function standing(bytes: Buffer): Buffer {
  const entries: { seq: number; line: string }[] = [];
  for (const line of bytes.toString('latin1').split('\n')) {
    const seq = Number(/"seq":(\d+)/.exec(line)?.[1] ?? 0);
    if (seq === 0) continue;
    while ((entries.at(-1)?.seq ?? 0) >= seq) entries.pop();
    entries.push({ seq, line });
  }
  return Buffer.from(entries.map(({ line }) => `${line}\n`).join(''), 'latin1');
}

/** The lines of processes that bytes hold, as `process.line`. */
function marks(bytes: Buffer): Set<string> {
  return new Set([...bytes.toString('latin1').matchAll(/#(\d+\.\d+)#/g)].map(([, mark = '']) => mark));
}

/** What a user is told to report; not the ends that the world itself makes. */
const INTERNAL = /^(?:warning|error|outage) INTERNAL: (?!this process is no more|killed before|the process has exited)/;

function checkRuns(world: World, add: Add): void {
  for (const run of world.runs) {
    const where = `process ${run.number} (${run.ending})`;
    for (const text of run.told) if (INTERNAL.test(text)) add('what failed is INTERNAL', text);
    if (run.ending === 'killed' || run.ending === 'power cut' || run.sealer === undefined) continue;
    const kept = run.stats?.kept ?? 0;
    if (kept > 0 && !isTold(run, world)) add('lines are kept, and nobody is told', `${where}: ${kept}`);
    // a start waits for the lock of one that was killed, or whose disk failed before it could give it up
    const isFirst = world.runs.every((one) => one.number >= run.number || (one.ending === 'closed' && !one.hadFault));
    const hadTime = (run.closeTook ?? 0) < world.config.closeTimeoutSeconds * 1_000; // a slow disk may need more
    if (
      kept > run.late &&
      run.ending === 'closed' &&
      !run.hadFault &&
      !run.isSecond &&
      isFirst &&
      hadTime &&
      !world.keepsEarly &&
      !world.isRolledBack
    )
      add('lines are kept though nothing failed', `${where}: ${kept}`);
    const isAlone = world.runs.every(({ isSecond }) => !isSecond);
    const isUndisturbed = world.runs.every(
      (one) => one.number > run.number || (!one.hadFault && (one.ending === 'closed' || one.ending === 'exited')),
    );
    // an end holds its process up for five seconds at most: too little where each sync takes a fifth of one
    const isShort = run.given <= FLOOD; // nor for a thousand files
    const needsNobody = isShort && !world.isSlow && !world.isChain && world.anchored === undefined; // a next file needs a key, an anchor an answer
    const hadRest = isUndisturbed && isAlone && needsNobody && !world.isRolledBack;
    if (kept > 0 && run.ending === 'exited' && world.hasLocalKey && hadRest)
      add('an exit keeps lines though its key is local', `${where}: ${kept}`);
    if (run.openAfterClose > 0) add('descriptors stay open after close()', `${where}: ${run.openAfterClose}`);
  }
}

/** Whether a power cut may take lines, and leave later ones: pages were lost before, or kept lines are on the disk already. */
function mayHaveHole({ life, told }: Run): boolean {
  return life.hasHole || [...told, ...life.stderr].some((text) => /^kept | keeps \d+/.test(text));
}

function isTold(run: Run, world: World): boolean {
  return world.listens || run.closeError !== undefined || run.life.stderr.length > 0;
}

function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < numbers.length; at++) {
    const from = numbers[at] as number;
    while (numbers[at + 1] === (numbers[at] as number) + 1) at++;
    parts.push(from === numbers[at] ? String(from) : `${from}-${numbers[at]}`);
  }
  return parts.join(' ');
}
