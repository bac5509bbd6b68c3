import { existsSync, readFileSync } from 'node:fs';

const TICKS_A_SECOND = 100;

/** Seconds of CPU that this process has used and, on Linux, its children that have ended. */
export function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  const own = (user + system) / 1e6;
  if (!existsSync('/proc/self/stat')) return own;
  // the name of the program, in parentheses, may have spaces
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ');
  return own + (Number(fields[13]) + Number(fields[14])) / TICKS_A_SECOND;
}
