// What a process takes, whatever it is made of: CPU seconds of it and of all that it started, by the operating system's word.
import { spawnSync } from 'node:child_process';

/** The times of `sh` are counted in hundredths of a second; those of bash are exact. */
const MEASURED = 'TIMEFORMAT="took %3U %3S"; time "$@"';
const PIPED = `piped=$1; shift; cat "$piped" | { ${MEASURED}; }`;
const TIMES = /took ([\d.]+) ([\d.]+)\s*$/;

/**
 * Runs a command to its end.
 *
 * @param how - `stdin` is a file descriptor, `piped` a file that comes through a pipe; `cpu` the one that it is to stay on; `succeeded` says of its exit code and of
 *   what it wrote whether it did, default: exit code 0
 * @returns CPU seconds, and what it wrote
 */
export function cost([command, ...args], { env, stdin, piped, cpu, cwd, succeeded = (status) => status === 0 } = {}) {
  const pinned = cpu === undefined ? [command, ...args] : ['taskset', '-c', cpu, command, ...args];
  const shell = piped === undefined ? ['-c', MEASURED, 'bash'] : ['-c', PIPED, 'bash', piped];
  const { status, stdout, stderr, error } = spawnSync('bash', [...shell, ...pinned], {
    env: { PATH: process.env.PATH, ...env },
    stdio: [stdin ?? 'ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    cwd,
  });
  if (error) throw error;
  if (!succeeded(status, stdout + stderr)) throw new Error(`${command} ended with ${status}: ${stderr.slice(-2_000)}`);
  return { seconds: secondsOf(stderr), stdout, stderr };
}

/** CPU seconds that the end of `text` tells. @throws where it does not */
export function secondsOf(text) {
  const found = TIMES.exec(text);
  if (found === null) throw new Error(`no times in: ${text.slice(-500)}`);
  return Number(found[1]) + Number(found[2]);
}
