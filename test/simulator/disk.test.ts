import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Disk, Inode } from './disk.ts';
import { type FileCalls, fileCalls } from './file-calls.ts';
import { LOG, Machine } from './machine.ts';
import { Random } from './random.ts';

const TRACES = Number(process.env['SIMULATOR_DISK_TRACES'] ?? 500);
const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants;
const FLAGS = [
  O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_APPEND, O_WRONLY | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_TRUNC,
]; // biome-ignore format: a table
const NAMES = ['a', 'b', 'c', 'd', 'd/x', 'e/y', 'a/z'];
const TOP = ['a', 'b', 'c', 'd'];

type Calls = FileCalls['files'];

/** One call, as both a kernel and the model can be asked to do it. @returns what there is to compare */
function callOf(random: Random, opened: number): (calls: Calls, root: string, fds: number[]) => unknown {
  const [one, other] = [random.pick(NAMES), random.pick(NAMES)];
  const [top, second] = [random.pick(TOP), random.pick(TOP)];
  const flags = random.pick(FLAGS);
  const which = random.between(0, Math.max(0, opened - 1));
  const bytes = random.bytes(random.between(0, 40));
  const at = random.chance(0.5) ? null : random.between(0, 60);
  const size = random.between(0, 80);
  const recursive = random.chance(0.5);
  const shown = (found: fs.Stats | undefined): unknown =>
    found?.isFile() === true ? [found.size, found.nlink] : found && 'a directory';
  const calls: ((calls: Calls, root: string, fds: number[]) => unknown)[] = [
    ({ openSync }, root, fds) => void fds.push(openSync(join(root, one), flags, 0o600)),
    ({ openSync }, root, fds) => void fds.push(openSync(join(root, top), O_RDWR | O_CREAT, 0o600)),
    ({ writeSync }, _, fds) => writeSync(fds[which] ?? 999, bytes, 0, bytes.length, at),
    ({ writeSync }, _, fds) => writeSync(fds[which] ?? 999, bytes, 0, bytes.length, null),
    ({ readSync }, _, fds) => {
      const into = Buffer.alloc(30);
      return [readSync(fds[which] ?? 999, into, 0, 30, at), into.toString('hex')];
    },
    ({ ftruncateSync }, _, fds) => ftruncateSync(fds[which] ?? 999, size),
    ({ fstatSync }, _, fds) => shown(fstatSync(fds[which] ?? 999)),
    ({ fsyncSync }, _, fds) => fsyncSync(fds[which] ?? 999),
    ({ closeSync }, _, fds) => closeSync(fds.splice(which, 1)[0] ?? 999),
    ({ lstatSync }, root) => shown(lstatSync(join(root, one), { throwIfNoEntry: false })),
    ({ existsSync }, root) => existsSync(join(root, one)),
    ({ renameSync }, root) => renameSync(join(root, top), join(root, second)),
    ({ linkSync }, root) => linkSync(join(root, top), join(root, second)),
    ({ unlinkSync }, root) => unlinkSync(join(root, one)),
    ({ rmSync }, root) => rmSync(join(root, other), { force: true }),
    ({ mkdirSync }, root) => void mkdirSync(join(root, 'd'), { recursive, mode: 0o700 }),
    ({ readdirSync }, root) => readdirSync(root).sort(),
    ({ readFileSync }, root) => readFileSync(join(root, one), 'latin1'),
  ];
  return random.pick(calls);
}

function outcome(act: () => unknown): unknown {
  try {
    return act() ?? 'done';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? error;
  }
}

describe('the simulated disk', () => {
  let root = '';
  beforeAll(() => {
    root = fs.mkdtempSync(join(fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'simulated-disk-'));
  });
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  it(`gives what the kernel gives, in ${TRACES} random traces of calls`, () => {
    for (let seed = 1; seed <= TRACES; seed++) {
      const random = new Random(seed);
      const machine = new Machine(random, { apart: false, hasProc: false, pace: { call: 0, sync: 0, look: 0 } });
      const life = machine.start();
      machine.timeline.running = life;
      const model = fileCalls(() => machine).files;
      const directory = join(root, String(seed));
      fs.mkdirSync(directory);
      const [ours, theirs]: [number[], number[]] = [[], []];
      const trace: unknown[] = [];
      for (let step = 0; step < 25; step++) {
        const call = callOf(random, ours.length);
        const kernel = outcome(() => call(fs, directory, theirs));
        const simulated = outcome(() => call(model, `/${LOG}`, ours));
        trace.push(call.toString(), kernel);
        if (!isDeepStrictEqual(simulated, kernel))
          expect(simulated, `seed ${seed}: ${trace.join('\n')}`).toEqual(kernel);
      }
      for (const fd of theirs) fs.closeSync(fd);
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('keeps what was synced over a power cut, and of the rest a beginning that may be torn', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const disk = new Disk(1);
      const file = new Inode(disk, false, 0o600, 0);
      disk.root.name([['a', file]]);
      file.write(Buffer.from('durable'), 0);
      file.sync();
      disk.root.sync();
      file.write(Buffer.from(' and'), 7);
      file.write(Buffer.from(' not'), 11);
      disk.root.name([['b', new Inode(disk, false, 0o600, 0)]]);
      disk.crash(new Random(seed));
      const text = file.content.toString().replaceAll('\0', '');
      expect('durable and not').toContain(text);
      expect(text.startsWith('durable')).toBe(true);
      expect([['a'], ['a', 'b']]).toContainEqual([...disk.root.names.keys()].sort());
      expect(disk.used).toBe(file.size);
    }
  });

  it('loses for good what a failed fsync dropped, though the next one succeeds', () => {
    const disk = new Disk(1);
    const file = new Inode(disk, false, 0o600, 0);
    disk.root.name([['a', file]]);
    disk.root.sync();
    file.write(Buffer.from('dropped'), 0);
    file.forgetChanges();
    expect(file.content.toString()).toBe('dropped');
    file.sync();
    disk.crash(new Random(1));
    expect(file.size).toBe(0);
  });
});
