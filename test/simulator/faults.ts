/** What a process asks of a disk, as far as failures differ. */
export type Operation =
  | 'open' | 'create' | 'read' | 'write' | 'sync' | 'truncate' | 'stat' | 'fstat' | 'list' | 'mkdir' | 'link' | 'unlink'
  | 'rename' | 'utimes' | 'statfs' | 'close'; // biome-ignore format: a list

/** Which failures a real kernel gives, by what was asked (Linux: ext4, XFS, btrfs, tmpfs, NFS). */
export const POSSIBLE: Readonly<Record<Operation, readonly string[]>> = {
  open: ['EIO', 'EACCES', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOENT'],
  create: ['EIO', 'EACCES', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOENT', 'ENOSPC', 'EDQUOT', 'EROFS'],
  read: ['EIO'],
  write: ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EFBIG', 'ENOMEM', 'SHORT'],
  sync: ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS'],
  truncate: ['EIO', 'EROFS', 'ENOSPC', 'EDQUOT'],
  stat: ['EIO', 'EACCES', 'ENOENT', 'ENOMEM'],
  fstat: ['EIO'],
  list: ['EIO', 'EACCES', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOENT'],
  mkdir: ['EIO', 'EACCES', 'ENOSPC', 'EDQUOT', 'EROFS'],
  link: ['EIO', 'EACCES', 'ENOENT', 'ENOSPC', 'EDQUOT', 'EROFS', 'EPERM', 'EMLINK'],
  unlink: ['EIO', 'EACCES', 'ENOENT', 'EROFS', 'EPERM'],
  rename: ['EIO', 'EACCES', 'ENOENT', 'ENOSPC', 'EDQUOT', 'EROFS', 'EPERM', 'ENOMEM'],
  utimes: ['EIO', 'EROFS'],
  statfs: ['EIO', 'EACCES', 'ENOENT'],
  close: ['EIO', 'ENOSPC', 'EDQUOT'],
};

/** Which disk. */
export type Disk = 'log' | 'state' | 'anchor';

/** What happens to a disk. */
export interface Fault {
  /** `both`: of log and state. */
  readonly on: Disk | 'both';
  /** Of {@link POSSIBLE}; `SHORT`: a write takes a part and says so. */
  readonly errno: string;
  readonly operations: readonly Operation[];
  /** So many calls that it could strike go well before. */
  readonly skip: number;
  /** So many calls fail; absent: all, until it ends. */
  readonly times?: number;
  /** It ends after so many milliseconds, counted from the first call that failed; absent: when it is healed. */
  readonly ms?: number;
}

interface Active {
  readonly fault: Fault;
  skip: number;
  left: number;
  until: number;
}

/** The faults of a machine's disks at the moment. */
export class Faults {
  #active: Active[] = [];
  /** How many calls were struck. */
  struck = 0;

  begin(fault: Fault): void {
    const { skip, times = Number.POSITIVE_INFINITY } = fault;
    this.#active.push({ fault, skip, left: times, until: Number.POSITIVE_INFINITY });
  }

  heal(): void {
    this.#active = [];
  }

  /** Whether there is one that strikes the log or its state, or still may. */
  get any(): boolean {
    return this.#active.some(({ fault }) => fault.on !== 'anchor');
  }

  /** @returns what a call fails with */
  strike(operation: Operation, disk: Disk, now: number): string | undefined {
    for (const active of this.#active) {
      const { fault } = active;
      if (fault.on !== disk && (fault.on !== 'both' || disk === 'anchor')) continue;
      if (!fault.operations.includes(operation) || !POSSIBLE[operation].includes(fault.errno)) continue;
      if (active.skip-- > 0) continue;
      if (active.until === Number.POSITIVE_INFINITY && fault.ms !== undefined) active.until = now + fault.ms;
      if (now >= active.until || active.left-- <= 0) {
        this.#active = this.#active.filter((one) => one !== active);
        continue;
      }
      this.struck++;
      return fault.errno;
    }
    return undefined;
  }
}
