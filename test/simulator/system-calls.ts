import { constants } from 'node:fs';
import { type Disk, Inode } from './disk.ts';

const {
  O_ACCMODE = 3,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
} = constants as typeof constants & {
  O_ACCMODE?: number;
};
const NUMBERS: Readonly<Record<string, number>> = {
  EPERM: 1, ENOENT: 2, EIO: 5, EBADF: 9, ENOMEM: 12, EACCES: 13, EEXIST: 17, ENOTDIR: 20, EISDIR: 21, EINVAL: 22,
  ENFILE: 23, EMFILE: 24, EFBIG: 27, ENOSPC: 28, EROFS: 30, EMLINK: 31, ENOTEMPTY: 39, ESTALE: 116, EDQUOT: 122,
}; // biome-ignore format: a table

/** An error as Node makes it of what the kernel says. */
export function systemError(code: string, syscall: string, path?: string): NodeJS.ErrnoException {
  const where = path === undefined ? '' : ` '${path}'`;
  return Object.assign(new Error(`${code}: simulated, ${syscall}${where}`), {
    code,
    errno: -(NUMBERS[code] ?? 1),
    syscall,
    ...(path !== undefined && { path }),
  });
}

/** An open file of a process. */
interface Descriptor {
  readonly inode: Inode;
  readonly path: string;
  readonly flags: number;
  position: number;
}

/** Where a path leads. */
interface Place {
  readonly parent: Inode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

/** The system calls of one process on the disks of a machine. They fail only where a healthy kernel lets them fail. */
export class SystemCalls {
  readonly #mounts: ReadonlyMap<string, Disk>;
  readonly #now: () => number;
  readonly #open = new Map<number, Descriptor>();

  /** @param mounts - by the name of their directory in `/` */
  constructor(mounts: ReadonlyMap<string, Disk>, now: () => number) {
    this.#mounts = mounts;
    this.#now = now;
  }

  /** How many descriptors are open. */
  get descriptors(): number {
    return this.#open.size;
  }

  /** The process is gone. */
  closeAll(): void {
    for (const fd of [...this.#open.keys()]) this.close(fd);
  }

  /** The path by which a descriptor was opened; for faults and traces. */
  pathOf(fd: number): string {
    return this.#open.get(fd)?.path ?? '';
  }

  open(path: string, flags: number, mode: number): number {
    const { parent, name, inode } = this.#find(path, 'open');
    let file = inode;
    if (file === undefined) {
      if ((flags & O_CREAT) === 0) throw systemError('ENOENT', 'open', path);
      file = new Inode(parent.disk, false, 0o100000 | mode, this.#now());
      parent.name([[name, file]]);
    } else if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) throw systemError('EEXIST', 'open', path);
    if (file.isDirectory && ((flags & O_ACCMODE) !== O_RDONLY || (flags & O_CREAT) !== 0))
      throw systemError('EISDIR', 'open', path);
    if ((flags & O_TRUNC) !== 0 && file.size > 0) file.cut(0);
    let fd = 3;
    while (this.#open.has(fd)) fd++;
    this.#open.set(fd, { inode: file, path, flags, position: 0 });
    file.users++;
    return fd;
  }

  close(fd: number): void {
    const { inode } = this.#of(fd, 'close');
    this.#open.delete(fd);
    inode.users--;
    release(inode);
  }

  read(fd: number, into: Uint8Array, offset: number, length: number, position: number | null): number {
    const open = this.#of(fd, 'read');
    if (open.inode.isDirectory) throw systemError('EISDIR', 'read');
    if ((open.flags & O_ACCMODE) === O_WRONLY) throw systemError('EBADF', 'read');
    const from = position ?? open.position;
    const part = open.inode.content.subarray(from, from + length);
    into.set(part, offset);
    if (position === null) open.position += part.length;
    return part.length;
  }

  write(fd: number, bytes: Uint8Array, position: number | null): number {
    const open = this.#of(fd, 'write');
    if ((open.flags & O_ACCMODE) === O_RDONLY) throw systemError('EBADF', 'write');
    if (bytes.length === 0) return 0;
    const at = (open.flags & O_APPEND) !== 0 ? open.inode.size : (position ?? open.position);
    const written = open.inode.write(bytes, at);
    if (written === 0) throw systemError('ENOSPC', 'write');
    open.inode.mtime = this.#now();
    if (position === null) open.position = at + written;
    return written;
  }

  sync(fd: number, call: 'fsync' | 'fdatasync'): void {
    this.#of(fd, call).inode.sync();
  }

  /** What a kernel does when an fsync fails. */
  failSync(fd: number): void {
    this.#of(fd, 'fsync').inode.forgetChanges();
  }

  ftruncate(fd: number, size: number): void {
    const { inode, flags } = this.#of(fd, 'ftruncate');
    if ((flags & O_ACCMODE) === O_RDONLY) throw systemError('EINVAL', 'ftruncate');
    if (size > inode.size && size - inode.size > inode.disk.free) throw systemError('ENOSPC', 'ftruncate');
    inode.cut(size);
    inode.mtime = this.#now();
  }

  fstat(fd: number): Inode {
    return this.#of(fd, 'fstat').inode;
  }

  stat(path: string, call: string): Inode {
    const { inode } = this.#find(path, call);
    if (inode === undefined) throw systemError('ENOENT', call, path);
    return inode;
  }

  utimes(fd: number, mtime: number): void {
    this.#of(fd, 'futime').inode.mtime = mtime;
  }

  readdir(path: string): string[] {
    const inode = this.stat(path, 'scandir');
    if (!inode.isDirectory) throw systemError('ENOTDIR', 'scandir', path);
    return [...inode.names.keys()].sort();
  }

  mkdir(path: string, mode: number): void {
    const { parent, name, inode } = this.#find(path, 'mkdir');
    if (inode !== undefined) throw systemError('EEXIST', 'mkdir', path);
    parent.name([[name, new Inode(parent.disk, true, 0o040000 | mode, this.#now())]]);
  }

  link(from: string, to: string): void {
    const { inode } = this.#find(from, 'link');
    if (inode === undefined) throw systemError('ENOENT', 'link', from);
    const there = this.#find(to, 'link');
    if (there.inode !== undefined) throw systemError('EEXIST', 'link', from);
    if (inode.isDirectory) throw systemError('EPERM', 'link', from);
    there.parent.name([[there.name, inode]]);
  }

  unlink(path: string): void {
    const { parent, name, inode } = this.#find(path, 'unlink');
    if (inode === undefined) throw systemError('ENOENT', 'unlink', path);
    if (inode.isDirectory) throw systemError('EISDIR', 'unlink', path);
    parent.name([[name, undefined]]);
    release(inode);
  }

  rename(from: string, to: string): void {
    const old = this.#find(from, 'rename');
    if (old.inode === undefined) throw systemError('ENOENT', 'rename', from);
    const there = this.#find(to, 'rename');
    if (there.inode === old.inode) return;
    if (there.inode?.isDirectory === true && !old.inode.isDirectory) throw systemError('EISDIR', 'rename', from);
    if (there.inode !== undefined && !there.inode.isDirectory && old.inode.isDirectory)
      throw systemError('ENOTDIR', 'rename', from);
    if ((there.inode?.names.size ?? 0) > 0) throw systemError('ENOTEMPTY', 'rename', from);
    if (old.parent !== there.parent) throw new Error(`${from}: a rename from one directory to another is not modelled`);
    old.parent.name([
      [old.name, undefined],
      [there.name, old.inode],
    ]);
    if (there.inode !== undefined) release(there.inode);
  }

  #of(fd: number, call: string): Descriptor {
    const open = this.#open.get(fd);
    if (open === undefined) throw systemError('EBADF', call);
    return open;
  }

  #find(path: string, call: string): Place {
    const [mount = '', ...parts] = path.split('/').filter((part) => part !== '' && part !== '.');
    const disk = this.#mounts.get(mount);
    if (disk === undefined) throw systemError('ENOENT', call, path);
    let place: Place = { parent: disk.root, name: '.', inode: disk.root };
    for (const name of parts) {
      const parent = place.inode;
      if (parent === undefined) throw systemError('ENOENT', call, path);
      if (!parent.isDirectory) throw systemError('ENOTDIR', call, path);
      place = { parent, name, inode: parent.names.get(name) };
    }
    return place;
  }
}

function release(inode: Inode): void {
  if (inode.nlink > 0 || inode.users > 0 || inode.isDirectory) return;
  inode.disk.used -= inode.size;
  inode.size = 0;
}
