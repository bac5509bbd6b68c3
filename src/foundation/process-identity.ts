import { readFileSync, readlinkSync } from 'node:fs';
import { systemCode } from '../errors.ts';

/** A process as the kernel knows it, to be named in a file. The host name is not part of it: two machines may have the same. */
export interface ProcessIdentity {
  /** The boot of the kernel that it runs under; empty if the system does not say. */
  readonly boot: string;
  /** The name spaces that its id and start time belong to: containers on one machine each have their own. */
  readonly space: string;
  readonly pid: number;
  /** When it started, in the kernel's ticks. */
  readonly started: string;
}

/** What the system says there; empty if it has no such file, or the process has gone. */
function saidBy(read: () => string): string {
  try {
    return read().trim();
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return '';
  }
}

function statOf(pid: number | 'self'): { readonly state: string; readonly started: string } {
  const stat = saidBy(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const { 0: state = '', 19: started = '' } = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state, started };
}

/** This process. */
export function thisProcess(): ProcessIdentity {
  const spaces = ['pid', 'time'].map((name) => saidBy(() => readlinkSync(`/proc/self/ns/${name}`)));
  return {
    boot: saidBy(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    space: spaces[0] === '' ? '' : spaces.join(' '),
    pid: process.pid,
    started: statOf('self').started,
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

/** What has become of a process. Only what runs under one kernel in one name space as we do can be seen; a clock proves nothing. */
export function fateOf(
  { boot, space, pid, started }: ProcessIdentity,
  me: ProcessIdentity,
): 'ended' | 'runs' | 'not seen' {
  if (me.boot === '' || me.space === '' || boot !== me.boot || space !== me.space) return 'not seen';
  if (!(Number.isInteger(pid) && pid > 0 && pid < 2 ** 31)) return 'not seen'; // it was made up
  if (!isRunning(pid)) return 'ended';
  if (saidBy(() => readlinkSync('/proc/self')) !== String(process.pid)) return 'not seen'; // it shows another name space than ours
  const now = statOf(pid);
  if (now.started === '') return 'not seen'; // it ends just now
  return now.started !== started || now.state === 'Z' || now.state === 'X' ? 'ended' : 'runs';
}
