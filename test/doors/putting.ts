import './watched-path.ts'; // first: before anything can keep a function of node:fs

import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { times } from '../support/tier.ts';
import { fleetKey } from '../support/topic-logs.ts';
import { type Kind, kindNames, kinds, putGood } from './odd-kinds.ts';
import {
  type At,
  commandLine,
  goodIn,
  layOut,
  layOutTampered,
  nameOf,
  oddIn,
  type Place,
  places,
  prepare,
  serverOf,
} from './odd-places.ts';
import { watchNothing, watchPath } from './watched-path.ts';

/**
 * Puts an odd file in the place of every path that a command takes, of another kind at each, in a process of its own, since one that
 * waits for a pipe waits for good: `putting.ts ROUND`. So many rounds as there are kinds put each kind in each place. It prints a
 * line of JSON before each place and one after it. With REDIS_URL it takes the places that are not reached without a Redis, with
 * TOPIC those that are not without a topic of Kafka, without them all others.
 */

/** What came of one place. */
export interface Put {
  readonly place: string;
  readonly kind: string;
  /** Undefined: it has begun. `waits`: for an answer of a mount that gives none, and nothing else is held up. */
  readonly code?: number | 'waits' | 'never ends';
  readonly text?: string;
  /** What the link leads to, if the kind is one, was changed or made. */
  readonly touched?: boolean;
  /** Whether the output names the path. */
  readonly named?: boolean;
  /** Calls of the file system on the path. */
  readonly calls?: readonly string[];
  /** Calls of a dead mount that held the event loop up. */
  readonly blocking?: readonly string[];
  /** The most memory above what the same command takes with what works, in MB; undefined if that was not measured. */
  readonly aboveMb?: number;
}

const NEVER_MS = 180_000;
/** So long a dead mount is waited for where the command waits for nothing else, in milliseconds. */
const DEAD_MS = 1_000;
const env = {
  KEY: fleetKey,
  FAPILOG_TAMPER_KEY: fleetKey,
  ...(process.env['REDIS_URL'] !== undefined && { REDIS_URL: process.env['REDIS_URL'] }),
};

/** What an action comes to, and the most that this process holds above now until its end, in bytes. */
async function measured<T>(act: () => Promise<T>): Promise<{ readonly result: T; readonly peak: number }> {
  global.gc?.();
  writeFileSync('/proc/self/clear_refs', '5'); // from now on the kernel counts the peak anew
  const rest = process.memoryUsage.rss();
  const result = await act();
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1_024 - rest;
  return { result, peak };
}

const ran = async (argv: readonly string[]): Promise<CommandResult> => runCommand(argv, { env, input: '{"n":1}\n' });

/** Runs a command until it ends, or waits for a dead mount alone. */
async function ended(argv: readonly string[], isStuck: () => boolean): Promise<CommandResult | 'waits' | 'never ends'> {
  const stop = new AbortController();
  const patience = (async () => {
    for (let waited = 0; waited < NEVER_MS; waited += DEAD_MS) {
      await delay(DEAD_MS, undefined, { signal: stop.signal });
      if (isStuck()) return 'waits';
    }
    return 'never ends';
  })();
  patience.catch(() => undefined); // it was stopped
  try {
    return await Promise.race([ran(argv), patience]);
  } finally {
    stop.abort();
  }
}

/** A directory that a command runs in, and the path in it. */
async function workplaceFor(place: Place, root: string): Promise<{ at: At; odd: string }> {
  const directory = mkdtempSync(join(root, 'p-'));
  process.chdir(directory);
  const at: At = (path) => join(directory, path);
  layOut(at);
  if (place.beside !== undefined) layOutTampered(at('logs'));
  await prepare(place, at, env);
  return { at, odd: oddIn(place, at) };
}

async function tried(place: Place, kind: Kind, root: string): Promise<Omit<Put, 'place' | 'kind'>> {
  const good = goodIn(place);
  let goodPeak: number | undefined;
  if (kind.isLarge === true) {
    const { at, odd } = await workplaceFor(place, root);
    putGood(odd, good);
    goodPeak = (await measured(async () => ended(commandLine(place, at, odd), () => false))).peak;
  }
  const { at, odd } = await workplaceFor(place, root);
  await kind.put(odd, good, at('victim'));
  const victim = (): string | undefined => (existsSync(at('victim')) ? readFileSync(at('victim'), 'utf8') : undefined);
  const before = victim();
  const { onOpen, isDead = false } = kind;
  process.env['VAULT_TOKEN'] = place.flag === 'vault-token-file' ? '' : 'of-no-vault'; // it would take the file's place
  const isWriter = place.name === 'seal';
  const seen = watchPath(odd, { isDead, onOpen: onOpen && (() => onOpen(odd)) });
  const run = async (): Promise<CommandResult | 'waits' | 'never ends'> =>
    ended(commandLine(place, at, odd), () => isDead && !isWriter && seen.waiting > 0);
  const { result, peak = 0 } = goodPeak === undefined ? { result: await run() } : await measured(run);
  watchNothing();
  const touched = victim() !== before;
  giveBack(odd);
  const { code, stdout, stderr } = typeof result === 'string' ? { code: result, stdout: '', stderr: '' } : result;
  return {
    code,
    text: `${stdout}${stderr}`.slice(0, 2_000),
    touched,
    named: `${stdout}${stderr}`.includes(odd),
    calls: [...seen.calls],
    blocking: [...seen.blocking],
    ...(goodPeak !== undefined && { aboveMb: Math.round((peak - goodPeak) / 1e6) }),
  };
}

/** What cannot be read cannot be removed either, if it is a directory. */
function giveBack(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.isSymbolicLink()) return;
  if (stats.uid !== process.geteuid?.()) lchownSync(path, process.geteuid?.() ?? 0, 0);
  chmodSync(path, 0o700);
}

async function main([round = '', only = '']: string[]): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'putting-'));
  Object.assign(process.env, env); // key sources look there
  let areWaiting = false;
  const say = (line: Put): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const { REDIS_URL, TOPIC } = process.env;
  const server = REDIS_URL !== undefined ? 'redis' : TOPIC !== undefined ? 'kafka' : undefined;
  const share = server === 'redis' ? times(2, 1) : 1; // each of them waits for its server
  const all = (await places()).filter((place) => serverOf(place) === server);
  try {
    for (const [index, one] of all.entries()) {
      const kind = kindNames[(index + Number(round)) % kindNames.length] as string;
      const place = nameOf(one);
      if (!place.includes(only) || (index + Math.floor(Number(round) / 2)) % share !== 0) continue;
      say({ place, kind });
      const put = await tried(one, kinds[kind] as Kind, root);
      say({ place, kind, ...put });
      areWaiting ||= put.code === 'waits';
    }
  } finally {
    process.chdir(tmpdir());
    rmSync(root, { recursive: true, force: true });
  }
  if (areWaiting) process.exit(0); // nothing else but a command that still waits may keep this process alive
}

if (process.argv[1]?.endsWith('putting.ts') === true) await main(process.argv.slice(2));
