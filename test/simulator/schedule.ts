import type { ResolvedConfig } from '../../src/config/index.ts';
import type { AnchorSetup, Planted } from './anchored.ts';
import type { AnchorMood } from './anchors.ts';
import { type Disk, type Fault, type Operation, POSSIBLE } from './faults.ts';
import type { Mood } from './key-service.ts';
import type { Pace } from './machine.ts';
import type { ReaderMood } from './pipe.ts';
import { Random } from './random.ts';

/** One thing that is done, or that happens. What is impossible where it comes up is passed over. */
export type Step =
  /** `anchors`: it has none, this time. */
  | { readonly do: 'start'; readonly anchors?: 'none' }
  /** `together`: in one `write`. */
  | { readonly do: 'write'; readonly lines: number; readonly bytes: number; readonly together: boolean }
  | { readonly do: 'wait'; readonly ms: number }
  /** The event loop is held up, or the process was stopped and goes on. */
  | { readonly do: 'busy'; readonly ms: number }
  | { readonly do: 'fault'; readonly fault: Fault }
  /** So much room is left. */
  | { readonly do: 'room'; readonly on: Disk; readonly bytes: number }
  | { readonly do: 'heal' }
  | { readonly do: 'keys'; readonly mood: Mood }
  | { readonly do: 'new key' }
  | { readonly do: 'rotate' | 'reopen' | 'flush' | 'flushSync' | 'archive' | 'second writer' }
  /** Somebody copies the log's file away and empties it, as logrotate's `copytruncate` does. */
  | { readonly do: 'copytruncate' }
  /** Somebody renames the log's file. `creates`: and puts an empty one in its place. */
  | { readonly do: 'logrotate'; readonly creates?: true }
  | { readonly do: 'clock'; readonly ms: number }
  /** Of a log on standard output. */
  | { readonly do: 'reader'; readonly mood: ReaderMood }
  /** While no process runs, somebody moves the log's file out of its directory, brings all to new disks, or deletes the state. */
  | { readonly do: 'take away' | 'copy' | 'move' | 'lose state' }
  /** `which`: of its anchors, counted round. */
  | { readonly do: 'anchor'; readonly which: number; readonly mood: AnchorMood }
  | { readonly do: 'empty anchor'; readonly which: number }
  | { readonly do: 'plant'; readonly which: number; readonly what: Planted; readonly size: number }
  /** What is on the disks of log and state is kept, and put back while no process runs. `to`: the newest that was saved is 0; with the same numbers or others. */
  | { readonly do: 'save' }
  | { readonly do: 'roll back'; readonly to: number; readonly isSame: boolean }
  /** The next start has another configuration. */
  | { readonly do: 'configure'; readonly config: Partial<ResolvedConfig> }
  /** The process is killed right before so many further calls of the system. */
  | { readonly do: 'doom'; readonly calls: number }
  /** `lines`: so many more come while it closes. */
  | { readonly do: 'close'; readonly lines: number }
  | { readonly do: 'exit' | 'kill' | 'power cut' };

/** What a schedule plays on. */
export interface Setup {
  /** Log and state are on two disks. */
  readonly apart: boolean;
  /** There is a `/proc`. */
  readonly hasProc: boolean;
  readonly pace: Pace;
  /** Somebody listens to the sealer's events. */
  readonly listens: boolean;
  readonly config: Partial<ResolvedConfig>;
  /** Its thread is ended {@link WORKER_LIMIT} after it is told to close, as pino ends its worker's. */
  readonly isWorker?: boolean;
  /** Its lines go through a stream of bytes, as those of pino and of a pipe do. */
  readonly byStream?: true;
  /** Its keys can be had at once. */
  readonly localKey?: boolean;
  readonly anchors?: AnchorSetup;
}

/** All that is to be known to repeat it. `seed`: of what the disk and the key service draw. */
export interface Schedule {
  readonly seed: number;
  readonly setup: Setup;
  readonly steps: readonly Step[];
}

/** How long a worker may take for its end, in milliseconds. */
export const WORKER_LIMIT = 10_000;

const ALL = Object.keys(POSSIBLE) as Operation[];
const PATHS: readonly Operation[] = ['open', 'create', 'stat', 'list', 'mkdir', 'link', 'unlink', 'rename', 'statfs'];
const READERS: readonly ReaderMood[] = ['reads', 'slow', 'slow', 'stalls', 'stalls', 'ends', 'dies'];
const CHANGES: readonly Operation[] = ['create', 'mkdir', 'link', 'unlink', 'rename'];

/** What a seed stands for. @param mayPipe - some logs go to standard output. Default true */
export function scheduleOf(seed: number, mayPipe = true): Schedule {
  const random = new Random(seed);
  const local = new Random(seed + 0x10ca1);
  const localKey = local.chance(0.4);
  const worker = new Random(seed + 0x3042);
  const isWorker = worker.chance(0.08);
  const usual = setupOf(random);
  const pace = { ...usual.pace, sync: worker.pick([usual.pace.sync, 300, 2_000, 12_000]) };
  const byStream = new Random(seed + 0x57e4).chance(0.15);
  const setup: Setup = {
    ...usual,
    ...(byStream && { byStream }),
    ...(localKey && { localKey }),
    ...(isWorker && { isWorker, pace }),
  };
  const steps: Step[] = [];
  const between = new Random(seed + 0xd0); // of what happens while no process runs
  const rare = new Random(seed + 0x919e); // of what few schedules have
  const isPiped = rare.chance(0.1) && mayPipe;
  const lives = Number(random.weighted({ 1: 4, 2: 5, 3: 2 }));
  const faulty = random.chance(0.85);
  for (let life = 0; life < lives; life++) {
    if (faulty && random.chance(0.15)) steps.push(trouble(random));
    steps.push({ do: 'start' });
    const begun = steps.length;
    for (let left = random.between(2, 7); left > 0; left--) {
      if (isPiped && rare.chance(0.2)) steps.push({ do: 'reader', mood: rare.pick(READERS) });
      if (!setup.config.rotateChain && setup.pace.sync < 1 && rare.chance(0.0001)) steps.push(flood(rare));
      steps.push(...step(random, faulty));
      if (!isPiped && rare.chance(0.01)) steps.push({ do: 'copytruncate' });
    }
    steps.push(...end(random));
    if (localKey && local.chance(0.5)) steps.splice(local.between(begun, steps.length), steps.length, { do: 'exit' });
    if (isWorker && worker.chance(0.5)) steps.splice(begun, steps.length, ...brief(worker));
    if (random.chance(0.5)) steps.push({ do: 'heal' });
    if (between.chance(0.25) && !isPiped) steps.push(whileDown(between, setup));
  }
  return { seed, setup: isPiped ? piped(setup) : setup, steps };
}

/** Standard output has neither a name nor another file behind it. */
function piped(setup: Setup): Setup {
  const noFiles = {
    file: '-',
    rotateChain: false,
    rotateMaxBytes: 0,
    rotateIntervalSeconds: 0,
    compressRotated: false,
  };
  return { ...setup, config: { ...setup.config, ...noFiles } };
}

function setupOf(random: Random): Setup {
  const slow = random.chance(0.15);
  const mode = random.pick(['mac', 'sign', 'both'] as const);
  const chain = random.chance(0.25);
  const rotates = random.chance(0.7);
  return {
    apart: random.chance(0.4),
    hasProc: random.chance(0.8),
    pace: slow ? { call: 0.2, sync: random.between(5, 300), look: 0.2 } : { call: 0.01, sync: 0.5, look: 0.001 },
    listens: random.chance(0.5),
    config: {
      keySource: 'memory' as never,
      keyId: 'audit',
      ...(mode === 'sign' && { useKmsSigning: true }),
      ...(mode === 'both' && { signingKeyId: 'audit' }),
      origin: 'origin',
      file: '/log/a.jsonl',
      stateDir: '/state',
      rotateChain: chain,
      rotateMaxBytes: rotates ? random.between(3_000, 12_000) : 0,
      rotateIntervalSeconds: random.chance(0.1) ? 2 : 0,
      compressRotated: random.chance(0.1),
      flushEvery: random.chance(0.2) ? 'line' : 'turn',
      fsyncOnWrite: random.chance(0.1),
      fsyncOnRotate: random.chance(0.8),
      checkpointMaxRecords: random.pick([1, 5, 50, 10_000]),
      checkpointMaxSeconds: random.pick([1, 5, 60]),
      keyCacheTtlSeconds: random.pick([1, 300]),
      maxEpochSeconds: random.chance(0.1) ? 3 : 86_400,
      maxPendingBytes: random.pick([2_000, 20_000, 16_777_216]),
      onWriteFailure: random.weighted({ wait: 8, drop: 1, stop: 1 }),
      onFailure: random.weighted({ warn: 9, exit: 1 }),
    },
  };
}

function step(random: Random, faulty: boolean): Step[] {
  const kind = random.weighted({
    write: 10, wait: 6, busy: 0.5, trouble: faulty ? 4 : 0, heal: faulty ? 2 : 0, keys: faulty ? 1 : 0, 'new key': 0.7, rotate: 0.7,
    reopen: 0.3, flush: 1, flushSync: 0.5, logrotate: 0.6, archive: 0.6, clock: 0.3, 'second writer': 0.2, doom: 0.5,
  }); // biome-ignore format: a table
  switch (kind) {
    case 'write':
      return [write(random)];
    case 'wait':
      return [{ do: 'wait', ms: random.pick([0, 1, 20, 300, 1_500, 6_000]) }];
    case 'busy':
      return [{ do: 'busy', ms: random.pick([300, 2_000, 12_000]) }];
    case 'trouble':
      return [trouble(random)];
    case 'keys':
      return [{ do: 'keys', mood: random.pick(['refuses', 'stalls', 'denies', 'vanished', 'slow', 'well'] as const) }];
    case 'clock':
      return [{ do: 'clock', ms: random.pick([-3_600_000, -5_000, 5_000, 3_600_000]) }];
    case 'doom':
      return [{ do: 'doom', calls: random.between(1, 120) }];
    case 'logrotate':
      return [logrotate(random)];
    default:
      return [{ do: kind } as Step];
  }
}

function logrotate(random: Random): Step {
  return random.chance(0.5) ? { do: 'logrotate', creates: true } : { do: 'logrotate' };
}

function whileDown(random: Random, { config }: Setup): Step {
  const kind = random.pick(['logrotate', 'take away', 'copy', 'move', 'lose state', 'configure'] as const);
  if (kind === 'logrotate') return logrotate(random);
  if (kind !== 'configure') return { do: kind };
  const signs = config.useKmsSigning === true || config.signingKeyId !== undefined;
  const changes: Partial<ResolvedConfig>[] = [
    { rotateChain: !config.rotateChain },
    { rotateMaxBytes: config.rotateMaxBytes === 0 ? 4_000 : 0 },
    { compressRotated: !config.compressRotated },
    ...(signs ? [] : [{ signingKeyId: 'audit' }]),
  ];
  return { do: kind, config: random.pick(changes) };
}

function write(random: Random): Step {
  return {
    do: 'write',
    lines: random.chance(0.45) ? 1 : random.between(2, 14),
    bytes: random.pick([40, 120, 400, 1_500]),
    together: random.chance(0.4),
  };
}

/** More than a turn takes, and than may wait. */
function flood(random: Random): Step {
  return { do: 'write', lines: random.between(2_000, 40_000), bytes: 40, together: random.chance(0.8) };
}

function trouble(random: Random): Step {
  const on = random.pick(['log', 'log', 'state', 'both'] as const);
  const ends = random.weighted({ times: 4, ms: 4, healed: 2 } as const);
  const kind = random.weighted({
    full: 3,
    room: 2,
    broken: 2,
    readOnly: 1,
    descriptors: 1,
    denied: 2,
    gone: 1.5,
    one: 4,
  });
  const lasts = {
    skip: random.chance(0.4) ? 0 : random.between(0, 30),
    ...(ends === 'times' && { times: random.between(1, 6) }),
    ...(ends === 'ms' && { ms: random.pick([5, 100, 2_500, 20_000]) }),
  };
  const fault = (errno: string, operations: readonly Operation[]): Step => ({
    do: 'fault',
    fault: { on, errno, operations: operations.filter((one) => POSSIBLE[one].includes(errno)), ...lasts },
  });
  switch (kind) {
    case 'room':
      return { do: 'room', on: on === 'both' ? 'log' : on, bytes: random.between(0, 6_000) };
    case 'full':
      return fault(random.pick(['ENOSPC', 'EDQUOT']), random.pick([ALL, ALL, ['write'], CHANGES]));
    case 'broken':
      return fault('EIO', random.pick([ALL, ['write'], ['sync'], ['read'], ['sync', 'write']]));
    case 'readOnly':
      return fault('EROFS', ALL);
    case 'descriptors':
      return fault(random.pick(['EMFILE', 'ENFILE']), ALL);
    case 'denied':
      return fault('EACCES', random.pick([CHANGES, PATHS]));
    case 'gone':
      return fault('ENOENT', PATHS);
    case 'one': {
      const operation = random.pick(ALL);
      return fault(random.pick(POSSIBLE[operation]), [operation]);
    }
  }
}

/** A program that logs and is done. */
function brief(random: Random): Step[] {
  const write = { do: 'write', lines: random.between(1, 5), bytes: 40, together: random.chance(0.5) } as const;
  return [write, { do: 'close', lines: 0 }, { do: 'exit' }];
}

function end(random: Random): Step[] {
  const kind = random.weighted({ close: 6, 'close busy': 1, exit: 1, kill: 2, 'power cut': 1 });
  switch (kind) {
    case 'close':
      return [{ do: 'close', lines: 0 }, { do: 'exit' }];
    case 'close busy':
      return [{ do: 'close', lines: 4_000 }, { do: 'exit' }];
    default:
      return [{ do: kind }];
  }
}
