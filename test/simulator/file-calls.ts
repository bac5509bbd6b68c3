import type fs from 'node:fs';
import { constants, type PathLike } from 'node:fs';
import type fsPromises from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Inode } from './disk.ts';
import { ANCHOR, Hanging, type Machine, STATE } from './machine.ts';
import { systemError } from './system-calls.ts';

/** `node:fs` and `node:fs/promises` as the writer sees them, on the disks of a machine. What is not here is not modelled. */

const FLAGS: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  'r+': constants.O_RDWR,
  w: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  wx: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  a: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
};
const STDOUT_FD = 1;
const STDERR_FD = 2;
type Done<T> = (error: unknown, result?: T) => void;
interface StatOptions {
  readonly bigint?: boolean;
  readonly throwIfNoEntry?: boolean;
}
/** As much of both as is modelled. */
export interface FileCalls {
  readonly files: typeof fs;
  readonly promises: typeof fsPromises;
}

/** @param machine - the one whose code is running now */
export function fileCalls(machine: () => Machine): FileCalls {
  const openSync = (path: string, flags: string | number = 'r', mode = 0o666): number => {
    const bits = typeof flags === 'number' ? flags : FLAGS[flags];
    if (bits === undefined) throw new Error(`open with "${flags}" is not modelled`);
    const operation = (bits & constants.O_CREAT) === 0 ? 'open' : 'create';
    return machine().call(operation, path, ({ calls }) => calls.open(path, bits, mode));
  };
  const onFd = (fd: number): string => machine().current().calls.pathOf(fd);
  const closeSync = (fd: number): void => {
    const path = onFd(fd);
    // Linux closes it whatever it says
    machine().call('close', path, ({ calls }) => calls.close(fd), ({ calls }) => calls.close(fd)); // biome-ignore format: a pair
  };
  const fstatSync = (fd: number, options?: StatOptions) => {
    if (fd === STDOUT_FD) return { size: 0, isFile: () => false };
    return shown(
      machine().call('fstat', onFd(fd), ({ calls }) => calls.fstat(fd)),
      options,
    );
  };
  const statSync = (path: string, options?: StatOptions) => {
    if (path.startsWith('/proc/')) return procOr(options?.throwIfNoEntry, path);
    try {
      return shown(
        machine().call('stat', path, ({ calls }) => calls.stat(path, 'stat')),
        options,
      );
    } catch (error) {
      if (options?.throwIfNoEntry === false && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  const existsSync = (path: string): boolean => {
    try {
      return statSync(path) !== undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      return false;
    }
  };
  const readSync = (fd: number, into: Uint8Array, offset = 0, length = into.length - offset, position: number | null = null): number =>
    machine().call('read', onFd(fd), ({ calls }) => calls.read(fd, into, offset, length, position)); // biome-ignore format: short
  const writeSync = (fd: number, data: string | Uint8Array, ...place: (number | undefined | null)[]): number => {
    if (fd === STDERR_FD) {
      machine().current().stderr.push(String(data));
      return data.length;
    }
    const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.length);
    const [offset = 0, length = bytes.length - (offset ?? 0), position = null] = typeof data === 'string' ? [] : place;
    const part = bytes.subarray(offset ?? 0, (offset ?? 0) + (length ?? 0));
    const host = machine();
    if (fd === STDOUT_FD) return host.writePipe(part);
    const { struck } = host.faults;
    return host.call('write', onFd(fd), ({ calls }) => {
      const isShort = host.faults.struck > struck && part.length > 1;
      const given = isShort ? part.subarray(0, host.random.between(1, part.length - 1)) : part;
      return calls.write(fd, given, position ?? null);
    });
  };
  const whole = (fd: number): Buffer => {
    const size = Number(fstatSync(fd).size);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(fd, bytes, 0, size, null));
  };
  const readFileSync = (path: string | number, encoding?: string) => {
    const asAsked = (bytes: Buffer): string | Buffer =>
      encoding === undefined ? bytes : bytes.toString(encoding as BufferEncoding);
    if (typeof path === 'number') return asAsked(whole(path));
    if (path.startsWith('/proc/')) return asAsked(Buffer.from(procFile(machine(), path)));
    const fd = openSync(path);
    try {
      return asAsked(whole(fd));
    } finally {
      closeSync(fd);
    }
  };
  const writeFileSync = (fd: number, bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  };
  const twoPaths = (operation: 'rename' | 'link') => (from: string, to: string) =>
    machine().call(operation, from, ({ calls }) => calls[operation](from, to));
  const renameSync = twoPaths('rename');
  const linkSync = twoPaths('link');
  const unlinkSync = (path: string): void => machine().call('unlink', path, ({ calls }) => calls.unlink(path));
  const rmSync = (path: string, { force = false } = {}): void => {
    try {
      machine().call('unlink', path, ({ calls }) => calls.unlink(path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EISDIR') throw systemError('ERR_FS_EISDIR', 'rm', path); // Node's own
      if (!force || code !== 'ENOENT') throw error;
    }
  };
  const mkdirSync = (path: string, { recursive = false, mode = 0o777 } = {}): void =>
    machine().call('mkdir', path, ({ calls }) => {
      try {
        calls.mkdir(path, mode);
      } catch (error) {
        const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && calls.stat(path, 'mkdir').isDirectory;
        if (!recursive || !isThere) throw error;
      }
    });
  const readdirSync = (path: string, { withFileTypes = false } = {}) => {
    if (path.startsWith('/proc/')) throw systemError('ENOENT', 'scandir', path);
    return machine().call('list', path, ({ calls }) => {
      const names = calls.readdir(path);
      if (!withFileTypes) return names;
      return names.map((name) => {
        const { isDirectory } = calls.stat(`${path}/${name}`, 'scandir'); // the directory says it, no further call
        return { name, isFile: () => !isDirectory, isDirectory: () => isDirectory };
      });
    });
  };
  const readlinkSync = (path: string): string => procFile(machine(), path);
  const sync = (call: 'fsync' | 'fdatasync') => (fd: number) =>
    machine().call('sync', onFd(fd), ({ calls }) => calls.sync(fd, call), (life) => {
      life.calls.failSync(fd);
      life.hasHole ||= ![STATE, ANCHOR].some((name) => onFd(fd).startsWith(`/${name}/`));
    }); // biome-ignore format: a pair
  const fsyncSync = sync('fsync');
  const fdatasyncSync = sync('fdatasync');
  const ftruncateSync = (fd: number, size = 0): void =>
    machine().call('truncate', onFd(fd), ({ calls }) => calls.ftruncate(fd, size));
  const futimesSync = (fd: number, _: number, mtime: number): void =>
    machine().call('utimes', onFd(fd), ({ calls }) => calls.utimes(fd, mtime * 1000));
  const statfsSync = (path: string) =>
    machine().call('statfs', path, ({ calls }) => {
      const { disk } = calls.stat(path, 'statfs');
      return { bsize: 512, blocks: Math.floor(disk.capacity / 512), bavail: Math.max(0, Math.floor(disk.free / 512)) };
    });

  /** The same later, as a task of the process that asks. */
  const later = <T>(act: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const host = machine();
      const life = host.current();
      const attempt = (): void => {
        try {
          resolve(host.later(act));
        } catch (error) {
          if (error instanceof Hanging) host.hang(life, attempt);
          else reject(error);
        }
      };
      host.timeline.after(host.pace.call * host.random.between(1, 20), life, attempt);
    });
  const called =
    <A extends unknown[], T>(act: (...given: A) => T) =>
    (...given: [...A, Done<T>]): void => {
      const done = given.pop() as Done<T>;
      later(() => act(...(given as unknown as A))).then((result) => done(null, result), done);
    };
  const read = Object.assign(called(readSync), {
    [promisify.custom]: async (fd: number, into: Uint8Array, offset: number, length: number, position: number) => ({
      bytesRead: await later(() => readSync(fd, into, offset, length, position)),
      buffer: into,
    }),
  });

  const writeWhole = (fd: number) => async (data: string | Uint8Array) => {
    const bytes = Buffer.from(data as string);
    for (let done = 0; done < bytes.length; ) {
      const from = done;
      done += await later(() => writeSync(fd, bytes, from));
    }
  };
  const handle = (fd: number) => ({
    fd,
    writeFile: writeWhole(fd),
    appendFile: writeWhole(fd),
    read: async (into: Uint8Array, offset: number, length: number, position: number | null) => ({
      bytesRead: await later(() => readSync(fd, into, offset, length, position)),
      buffer: into,
    }),
    sync: () => later(() => fsyncSync(fd)),
    datasync: () => later(() => fdatasyncSync(fd)),
    stat: (options?: StatOptions) => later(() => fstatSync(fd, options)),
    close: () => later(() => closeSync(fd)),
  });
  const promises = {
    open: async (path: string, flags?: string | number, mode?: number) =>
      handle(await later(() => openSync(path, flags, mode))),
    rename: (from: string, to: string) => later(() => renameSync(from, to)),
    unlink: (path: string) => later(() => unlinkSync(path)),
    rm: (path: string, options?: { force?: boolean }) => later(() => rmSync(path, options)),
    readdir: (path: string) => later(() => readdirSync(path)),
    stat: (path: string, options?: StatOptions) => later(() => statSync(path, options)),
    lstat: (path: string) => later(() => statSync(path)), // links are not modelled
  };
  async function* chunks(path: string, given?: number): AsyncGenerator<Buffer> {
    const { fd, close } = given === undefined ? await promises.open(path) : handle(given);
    try {
      for (;;) {
        const chunk = Buffer.alloc(65_536);
        const count = await later(() => readSync(fd, chunk, 0, chunk.length, null));
        if (count === 0) return;
        yield chunk.subarray(0, count);
      }
    } finally {
      await close();
    }
  }
  const files = {
    constants, openSync, closeSync, fstatSync, statSync, lstatSync: statSync, existsSync, readSync, writeSync, readFileSync,
    writeFileSync, renameSync, linkSync, unlinkSync, rmSync, mkdirSync, readdirSync, readlinkSync, fsyncSync, fdatasyncSync,
    ftruncateSync, futimesSync, statfsSync, read, fsync: called(fsyncSync), fdatasync: called(fdatasyncSync),
    close: called(closeSync), createReadStream: (path: PathLike, { fd }: { fd?: number } = {}) => Readable.from(chunks(String(path), fd), { objectMode: false }),
  }; // biome-ignore format: a list
  return { files, promises } as object as FileCalls;
}

/** What `stat` gives. */
function shown(inode: Inode, { bigint = false }: StatOptions = {}) {
  const { ino, mode, mtime, isDirectory, nlink } = inode;
  const number = (value: number): number | bigint => (bigint ? BigInt(Math.floor(value)) : value);
  return {
    dev: number(inode.disk.dev),
    ino: number(ino),
    mode: number(mode),
    nlink: number(nlink),
    uid: number(1000),
    size: number(inode.size),
    mtimeMs: number(mtime),
    ...(bigint && { mtimeNs: BigInt(Math.floor(mtime * 1000)) * 1000n }),
    isFile: () => !isDirectory,
    isDirectory: () => isDirectory,
    isSymbolicLink: () => false,
  };
}

function procOr(throws: boolean | undefined, path: string): undefined {
  if (throws === false) return undefined;
  throw systemError('ENOENT', 'open', path);
}

/** What the kernel tells of processes, where it does. */
function procFile(machine: Machine, path: string): string {
  const life = machine.current();
  const [, , who = '', what = '', which = ''] = path.split('/');
  if (machine.hasProc) {
    if (path === '/proc/sys/kernel/random/boot_id') return `boot-${machine.boot}\n`;
    if (path === '/proc/self') return String(life.pid);
    if (what === 'ns') return `${which}:[4026531836]`;
    const asked = what === 'stat' ? machine.lifeOf(who === 'self' ? life.pid : Number(who)) : undefined;
    if (asked !== undefined && !asked.isOver) return `${asked.pid} (node) R ${'0 '.repeat(18)}${asked.started} 0\n`;
  }
  throw systemError('ENOENT', 'open', path);
}
