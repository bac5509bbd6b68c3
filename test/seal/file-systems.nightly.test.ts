import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';

/**
 * The writer on file systems that are mounted for the test: it rotates, is killed and started again, keeps a second writer out,
 * and the log verifies. docs/support.md names what passed. FILE_SYSTEMS=/mnt/nfs:/mnt/smb tests directories that are there
 * already, whatever is mounted on them.
 */
const KILLS = Number(process.env['KILLS'] ?? 20);
const ORIGIN = 'audit.example.com/file-systems';
const root = mkdtempSync(join(tmpdir(), 'file-systems-'));
let built: BuiltPackage;

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error('these tests mount file systems: run them as root');
  built = await buildPackage();
});
afterAll(() => {
  built.remove();
  rmSync(root, { recursive: true, force: true });
});

interface FileSystem {
  readonly name: string;
  /** What /proc/filesystems calls it. */
  readonly kernel: string;
  readonly programs: readonly string[];
  /** @returns where it is mounted */
  readonly mounted: () => string;
}

/** Unmounts when the test ends. */
function mount(command: string, ...args: string[]): string {
  const place = mkdtempSync(join(root, 'mount-'));
  execFileSync(command, [...args, place]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', place]));
  return place;
}

/** A disk in a file. */
function disk(type: string): string {
  const image = join(mkdtempSync(join(root, 'disk-')), 'image');
  execFileSync('truncate', ['-s', '400M', image]); // xfs takes no less than 300
  execFileSync(`mkfs.${type}`, ['-q', image]);
  return mount('mount', '-o', 'loop', image);
}

const inMemory = (): string => mount('mount', '-t', 'tmpfs', '-o', 'size=200m', 'tmpfs');

/** Where containers write: changes go to one directory, over others that stay as they are. */
function overlay(below: string, mountIt: (options: string) => string): string {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(below, name));
  for (const directory of [lower, upper, work]) mkdirSync(String(directory));
  return mountIt(`lowerdir=${lower},upperdir=${upper},workdir=${work}`);
}
const kernelOverlay = (options: string): string => mount('mount', '-t', 'overlay', '-o', options, 'overlay');

const all: readonly FileSystem[] = [
  { name: 'tmpfs', kernel: 'tmpfs', programs: [], mounted: inMemory },
  { name: 'ext4', kernel: 'ext4', programs: [], mounted: () => disk('ext4') },
  { name: 'overlayfs on ext4', kernel: 'overlay', programs: [], mounted: () => overlay(disk('ext4'), kernelOverlay) },
  { name: 'overlayfs on tmpfs', kernel: 'overlay', programs: [], mounted: () => overlay(inMemory(), kernelOverlay) },
  { name: 'xfs', kernel: 'xfs', programs: ['mkfs.xfs'], mounted: () => disk('xfs') },
  { name: 'btrfs', kernel: 'btrfs', programs: ['mkfs.btrfs'], mounted: () => disk('btrfs') },
  { name: 'bindfs', kernel: 'fuse', programs: ['bindfs'], mounted: () => mount('bindfs', disk('ext4')) },
  {
    name: 'fuse-overlayfs on ext4',
    kernel: 'fuse',
    programs: ['fuse-overlayfs'],
    mounted: () => overlay(disk('ext4'), (options) => mount('fuse-overlayfs', '-o', options)),
  },
];

const kernelHas = new Set(readFileSync('/proc/filesystems', 'utf8').split(/\s+/));
const isOnPath = (program: string): boolean =>
  `${process.env['PATH']}${delimiter}/usr/sbin`.split(delimiter).some((folder) => existsSync(join(folder, program)));
/** A machine without the programs of a file system does not test it. What every Linux has must be mountable. */
const here = all.filter(
  ({ kernel, programs }) => programs.length === 0 || (kernelHas.has(kernel) && programs.every(isOnPath)),
);
const given = (process.env['FILE_SYSTEMS'] ?? '').split(delimiter).filter((path) => path !== '');

/** The log of one file system, and the processes that write it. */
class Log {
  readonly directory: string;
  readonly #env: NodeJS.ProcessEnv;
  #writers = 0;

  constructor(mounted: string) {
    this.directory = mkdtempSync(join(mounted, 'log-'));
    onTestFinished(() => rmSync(this.directory, { recursive: true, force: true }));
    this.#env = {
      PATH: process.env['PATH'],
      FAPILOG_TAMPER_KEY_SOURCE: 'file',
      FAPILOG_TAMPER_KEY_FILE_PATH: join(this.directory, 'key'),
    };
  }

  async run(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await built.run(argv, { cwd: this.directory });
    expect(code, `${argv[0]}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  }

  /** @param elsewhere - in another PID namespace, as in another container: its end can only be seen by its lease */
  start(elsewhere = false): Writer {
    const wrapper = elsewhere ? ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] : [];
    const command = [process.execPath, join(built.directory, 'dist/cli/main.js'), 'seal', '--out', 'audit.jsonl'];
    const options = ['--origin', ORIGIN, '--rotate-max-bytes', '40000', '--checkpoint-max-records', '50'];
    const [file = '', ...args] = [...wrapper, ...command, ...options];
    const writer = new Writer(this.#writers++, spawn(file, args, { cwd: this.directory, env: this.#env }));
    onTestFinished(() => writer.kill());
    return writer;
  }

  get files(): string[] {
    return readdirSync(this.directory).filter((name) => /^audit.*\.jsonl$/.test(name));
  }

  /** How many whole lines of a writer can be read. */
  linesOf({ number }: Writer): number {
    const texts = this.files.map((name) => this.#textOf(name));
    return texts.join('').match(new RegExp(`^\\{"writer":${number},.*\n`, 'gm'))?.length ?? 0;
  }

  #textOf(name: string): string {
    try {
      return readFileSync(join(this.directory, name), 'latin1');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''; // renamed since it was listed
      throw error;
    }
  }
}

/** A process `fapilog-tamper seal`, and what it is given. */
class Writer {
  readonly number: number;
  readonly ended: Promise<number | null>;
  stderr = '';
  #given = 0;
  readonly #child: ChildProcess;

  constructor(number: number, child: ChildProcess) {
    this.number = number;
    this.#child = child;
    this.ended = new Promise((resolve) => child.on('close', resolve));
    child.stdin?.on('error', () => undefined); // it was killed
    child.stderr?.on('data', (bytes: Buffer) => {
      this.stderr += bytes.toString();
    });
  }

  give(lines: number): void {
    for (let n = 0; n < lines; n++)
      this.#child.stdin?.write(`{"writer":${this.number},"n":${this.#given++},"pad":"${'x'.repeat(100)}"}\n`);
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    expect(await this.ended, this.stderr).toBe(0);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

async function isUsable(mounted: string): Promise<void> {
  const log = new Log(mounted);
  await log.run(['keygen', '--out', 'key']);
  const least = new Map<number, number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = log.start();
    const before = log.files.length;
    writer.give(1_500);
    await expect.poll(() => log.files.length, { interval: 2 }).toBeGreaterThan(before + 1);
    writer.give(1_500);
    await delay(Math.random() * 40); // lines are written, files change
    await writer.kill();
    least.set(writer.number, log.linesOf(writer));
  }

  const holder = log.start();
  holder.give(10);
  await expect.poll(() => log.linesOf(holder), { interval: 20 }).toBe(10);
  // both are kept out: one sees the process, the other one sees that the lock is renewed
  const second = [log.start(), log.start(true)];
  for (const writer of second) writer.give(1);
  for (const writer of second) {
    expect(await writer.ended, writer.stderr).toBeGreaterThan(0);
    expect(writer.stderr).toContain('LOCKED');
    expect(log.linesOf(writer)).toBe(0);
  }
  await holder.kill();
  least.set(holder.number, 10);

  const last = log.start(true); // after the lease of the one that was killed
  last.give(10);
  await last.close();
  least.set(last.number, 10);
  for (const writer of second) least.set(writer.number, 1); // they were kept

  await log.run(['verify', ...log.files, '--origin', ORIGIN, '--keys', 'key']);
  const records = (await log.run(['cat', ...log.files]))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const [number, atLeast] of least) {
    const numbers = records.filter(({ writer }) => writer === number).map(({ n }) => n);
    expect(numbers.length, `writer ${number}`).toBeGreaterThanOrEqual(atLeast);
    expect(numbers, `writer ${number}`).toEqual(numbers.map((_, n) => n)); // none is missing, twice or out of order
  }
  expect(log.files.length).toBeGreaterThan(2 * KILLS);
}

it.each(here)('$name: killed while it rotates, started again, one writer, verified', ({ mounted }) =>
  isUsable(mounted()),
);

it.runIf(given.length > 0).each(given)('what is mounted on %s', isUsable);
