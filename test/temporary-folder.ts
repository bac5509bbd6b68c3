import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const PREFIX = 'fapilog-tamper-test-';
/** A process that was told to end does so by then, on a busy machine too, in milliseconds. */
const PATIENCE = 30_000;
const IN_MEMORY = '/dev/shm';
/** Free bytes there that are enough for what four files at once leave lying around. */
const ROOM = 4 * 2 ** 30;

/**
 * Everything that tests put into the temporary directory goes into one folder, which is removed at their end. A process of
 * theirs that still runs then is a failure.
 */
export default function setup(): () => Promise<void> {
  const outer = process.env['TMPDIR'];
  // each project has one in that of the project before; a socket's path has at most 107 bytes
  const folder = mkdtempSync(join(outer ?? place(), outer?.includes(PREFIX) === true ? 't-' : PREFIX));
  process.env['TMPDIR'] = folder;
  return async () => {
    if (outer === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = outer;
    for (let waited = 0; processesOf(folder).length > 0 && waited < PATIENCE; waited += 100) await delay(100);
    const left = processesOf(folder);
    // vitest's own processes may end after this, and what a writer does at the end of its process is a new file
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    if (left.length === 0) return;
    process.exitCode = 1; // vitest prints what a teardown throws, and succeeds
    throw new Error(`the tests left ${left.join(', ')}`);
  };
}

/** A seal waits for the disk, and no test asks what outlives a power cut: where memory has room, all this is in memory. */
function place(): string {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8') : '';
  if (!new RegExp(`^\\S+ ${IN_MEMORY} tmpfs rw(?!\\S*,noexec)`, 'm').test(mounts)) return tmpdir();
  const { bavail, bsize } = statfsSync(IN_MEMORY);
  return bavail * bsize >= ROOM ? IN_MEMORY : tmpdir();
}

/** The processes that were started with this temporary directory, but for vitest's own. Known on Linux only. */
function processesOf(folder: string): string[] {
  if (!existsSync('/proc/self/environ')) return [];
  const read = (pid: string, name: string): string => {
    try {
      return readFileSync(join('/proc', pid, name), 'utf8')
        .replaceAll('\0', ' ')
        .trim();
    } catch (error) {
      if (error instanceof Error && 'syscall' in error) return ''; // it has ended, or is another user's
      throw error;
    }
  };
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && ` ${read(pid, 'environ')}`.includes(` TMPDIR=${folder}`))
    .map((pid) => `the process ${pid} (${read(pid, 'cmdline')})`)
    .filter((text) => !/\((?:[^)]*\/vitest\/dist\/workers\/[^)]*)?\)$/.test(text));
}
