import { type BigIntStats, readdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from '../../errors.ts';
import { fateOf, type ProcessIdentity, thisProcess } from '../../foundation/process-identity.ts';

/** The longest lease that a lock file may claim, and what one has that names none, in milliseconds. */
const LONGEST_LEASE = 60_000;

/** Who holds a lock, as its file says it. */
export interface Holder extends ProcessIdentity {
  readonly instance: string;
  /** For people only. */
  readonly host: string;
  /** How long a lock lives that is not renewed, in milliseconds. */
  readonly lease_ms: number;
}

/** This process as the holder of a lock. */
export function thisHolder(instance: string, lease: number): Holder {
  return { instance, host: hostname(), ...thisProcess(), lease_ms: lease };
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
  const { instance, host, pid, lease_ms } = value as Partial<Record<keyof Holder, unknown>>;
  if (typeof instance !== 'string' || typeof pid !== 'number' || pid < 1) return undefined;
  return {
    ...(value as Holder), // the rest is only compared with texts of ours, which equal nothing of another type
    host: typeof host === 'string' ? host : '',
    lease_ms: typeof lease_ms === 'number' && lease_ms > 0 ? Math.min(lease_ms, LONGEST_LEASE) : LONGEST_LEASE,
  };
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

/** Whether a lock has provably outlived its holder. @param file - the lock file */
export function hasEnded(holder: Holder, me: Holder, file: BigIntStats): boolean {
  const fate = fateOf(holder, me);
  // its thread was ended, or it closed without releasing
  return fate === 'ended' || (fate === 'runs' && !mayHaveOpen(holder.pid, file));
}
