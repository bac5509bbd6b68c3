import { type BigIntStats, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './sink.ts';

/** The longest lease that a lock file may claim, and what one has that names none, in milliseconds. */
const LONGEST_LEASE = 60_000;

/** Who holds a lock, as its file says it. */
export interface Holder {
  readonly instance: string;
  /** For people only: two machines may have one name. */
  readonly host: string;
  /** The boot of the kernel that its process runs under; empty where the system does not say. */
  readonly boot: string;
  /** The name spaces that its process id and start time belong to: containers on one machine each have their own. */
  readonly space: string;
  readonly pid: number;
  /** When the process started, in the kernel's ticks. */
  readonly started: string;
  /** How long a lock lives that is not renewed, in milliseconds. */
  readonly lease_ms: number;
}

function readOr(path: string, absent: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return absent; // not a Linux, or the process has gone
  }
}

function linkOr(path: string, absent: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return absent;
  }
}

/** State and start of a process as the kernel tells them. */
function statOf(pid: number | 'self'): { readonly state: string; readonly started: string } {
  const stat = readOr(`/proc/${pid}/stat`, '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', started: fields[19] ?? '' };
}

/** This process as the holder of a lock. */
export function thisHolder(instance: string, lease: number): Holder {
  const spaces = ['pid', 'time'].map((name) => linkOr(`/proc/self/ns/${name}`, ''));
  return {
    instance,
    host: hostname(),
    boot: readOr('/proc/sys/kernel/random/boot_id', ''),
    space: spaces[0] === '' ? '' : spaces.join(' '),
    pid: process.pid,
    started: statOf('self').started,
    lease_ms: lease,
  };
}

/** The holder that a lock file names; undefined where it names none, because its text is not whole or not ours. */
export function readHolder(text: string): Holder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { instance, host, boot, space, pid, started, lease_ms } = value as Partial<Record<keyof Holder, unknown>>;
  if (typeof instance !== 'string' || typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1)
    return undefined;
  const textOr = (part: unknown): string => (typeof part === 'string' ? part : '');
  return {
    instance,
    host: textOr(host),
    boot: textOr(boot),
    space: textOr(space),
    pid,
    started: textOr(started),
    lease_ms: typeof lease_ms === 'number' && lease_ms > 0 ? Math.min(lease_ms, LONGEST_LEASE) : LONGEST_LEASE,
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false;
    if (systemCode(error) === 'EPERM') return true;
    throw error;
  }
}

/** Whether a process has `file` open; also true where that cannot be seen. A holder keeps its lock file open. */
function mayHaveOpen(pid: number, file: BigIntStats): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((name) => {
      const open = statSync(`${directory}/${name}`, { bigint: true, throwIfNoEntry: false });
      return open !== undefined && open.ino === file.ino && open.dev === file.dev;
    });
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return true;
  }
}

/**
 * Whether a lock has provably outlived its holder. Only what runs under one kernel in one name space can be seen; a name
 * of a host proves nothing, and neither does a clock.
 *
 * @param file - the lock file
 */
export function hasEnded(holder: Holder, me: Holder, file: BigIntStats): boolean {
  if (me.boot === '' || me.space === '' || holder.boot !== me.boot || holder.space !== me.space) return false;
  if (!isRunning(holder.pid)) return true;
  if (linkOr('/proc/self', '') !== String(process.pid)) return false; // it shows another name space than ours
  const { state, started } = statOf(holder.pid);
  if (started === '') return false; // it ends just now
  if (started !== holder.started || state === 'Z' || state === 'X') return true;
  return !mayHaveOpen(holder.pid, file); // its thread was ended, or it closed without releasing
}
