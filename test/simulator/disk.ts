import type { Random } from './random.ts';

/** A change of a file that a power cut may undo. */
type Change = { readonly at: number; readonly bytes: Buffer } | { readonly cut: number };

/** A change of a directory that a power cut may undo: what each name stands for afterwards. */
type Naming = readonly (readonly [name: string, inode: Inode | undefined])[];

const NOTHING = Buffer.alloc(0);

/** A file or a directory: what everybody sees of it, and what is durable of it. */
export class Inode {
  readonly ino: number;
  readonly disk: Disk;
  readonly isDirectory: boolean;
  mode: number;
  nlink = 0;
  /** Descriptors that are open. */
  users = 0;
  /** In milliseconds. */
  mtime: number;
  size = 0;
  readonly names: Map<string, Inode> = new Map();
  #data: Buffer = NOTHING;
  #durable: Buffer = NOTHING;
  #durableNames = new Map<string, Inode>();
  #changes: Change[] = [];
  #namings: Naming[] = [];

  constructor(disk: Disk, isDirectory: boolean, mode: number, mtime: number, ino: number = disk.nextInode()) {
    this.disk = disk;
    this.ino = ino;
    this.isDirectory = isDirectory;
    this.mode = mode;
    this.mtime = mtime;
  }

  /** What is in the file now. */
  get content(): Buffer {
    return this.#data.subarray(0, this.size);
  }

  /** What a power cut leaves of it. */
  get durable(): Buffer {
    return this.#durable;
  }

  /** @returns how many bytes there was room for */
  write(bytes: Uint8Array, at: number): number {
    const end = Math.min(at + bytes.length, this.size + Math.max(0, this.disk.free));
    if (end <= at) return 0;
    const taken = Buffer.from(bytes.subarray(0, end - at));
    if (end > this.#data.length) {
      const larger = Buffer.alloc(Math.max(1024, 2 * end));
      this.content.copy(larger);
      this.#data = larger;
    }
    taken.copy(this.#data, at);
    this.disk.used += Math.max(0, end - this.size);
    this.size = Math.max(this.size, end);
    this.#changes.push({ at, bytes: taken });
    return taken.length;
  }

  cut(size: number): void {
    if (size < this.size) this.#data.fill(0, size, this.size);
    else if (size > this.#data.length) this.#data = Buffer.concat([this.content, Buffer.alloc(size - this.size)]);
    this.disk.used += size - this.size;
    this.size = size;
    this.#changes.push({ cut: size });
  }

  /** Makes what was changed durable. */
  sync(): void {
    for (const change of this.#changes) this.#durable = changed(this.#durable, change);
    this.#changes = [];
    for (const naming of this.#namings) for (const [name, inode] of naming) put(this.#durableNames, name, inode);
    this.#namings = [];
  }

  /** What the kernel does after a failed fsync: the changes are readable, count as written, and a power cut undoes them. */
  forgetChanges(): void {
    this.#changes = [];
  }

  /** The same file, by default under another number, as a copy has it: all of it durable. */
  copy(ino?: number): Inode {
    const copy = new Inode(this.disk, false, this.mode, this.mtime, ino);
    copy.#data = Buffer.from(this.content);
    copy.#durable = Buffer.from(this.content);
    copy.size = this.size;
    return copy;
  }

  /** Gives names, all at once. */
  name(naming: Naming): void {
    for (const [name, inode] of naming) {
      const before = this.names.get(name);
      if (before !== undefined) before.nlink--;
      put(this.names, name, inode);
      if (inode !== undefined) inode.nlink++;
    }
    this.#namings.push(naming);
  }

  /** Keeps what is durable, and the first so many of the changes that are not; the last one may be torn, or be zeros. */
  loseChanges(random: Random): void {
    const { isDirectory } = this;
    const pending: { length: number } = isDirectory ? this.#namings : this.#changes;
    const kept = random.between(0, pending.length);
    if (isDirectory) {
      for (const naming of this.#namings.slice(0, kept))
        for (const [name, inode] of naming) put(this.#durableNames, name, inode);
      this.names.clear();
      for (const [name, inode] of this.#durableNames) this.names.set(name, inode);
    } else {
      for (const change of this.#changes.slice(0, kept)) this.#durable = changed(this.#durable, change);
      const next = this.#changes[kept];
      if (next !== undefined && 'bytes' in next) {
        const torn = Buffer.from(next.bytes.subarray(0, random.between(0, next.bytes.length)));
        const known = this.#durable.length - next.at; // a block that was the file's before is never zeros
        if (random.chance(0.2)) torn.fill(0, Math.min(torn.length, Math.max(0, known)));
        this.#durable = changed(this.#durable, { at: next.at, bytes: torn });
      }
      this.#data = Buffer.from(this.#durable);
      this.size = this.#data.length;
    }
    this.#changes = [];
    this.#namings = [];
    this.users = 0;
    this.nlink = isDirectory ? 1 : 0;
  }
}

function put(names: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode === undefined) names.delete(name);
  else names.set(name, inode);
}

function changed(bytes: Buffer, change: Change): Buffer {
  if ('cut' in change) {
    return change.cut <= bytes.length
      ? bytes.subarray(0, change.cut)
      : Buffer.concat([bytes, Buffer.alloc(change.cut - bytes.length)]);
  }
  const end = change.at + change.bytes.length;
  const next = Buffer.alloc(Math.max(bytes.length, end));
  bytes.copy(next);
  change.bytes.copy(next, change.at);
  return next;
}

/** How much fits where nobody says otherwise, in bytes. */
export const PLENTY: number = 2 ** 30;

/** What a disk holds, by name. */
export type Files = readonly (readonly [name: string, inode: Inode])[];

/** A file system: what is in it, how much fits. */
export class Disk {
  readonly dev: number;
  root: Inode;
  /** In bytes. */
  capacity: number = PLENTY;
  used = 0;
  #inodes = 1;

  constructor(dev: number) {
    this.dev = dev;
    this.root = new Inode(this, true, 0o755, 0);
    this.root.nlink = 1;
  }

  get free(): number {
    return this.capacity - this.used;
  }

  nextInode(): number {
    return this.#inodes++;
  }

  /** All is copied to a new disk: every number is another one. */
  renew(): void {
    this.restore(this.files(), false);
  }

  /** The files that are on it, as they are now, the oldest first. */
  files(): Files {
    const names = [...this.root.names].filter(([, { isDirectory }]) => !isDirectory);
    return names.sort(([, one], [, other]) => one.ino - other.ino).map(([name, inode]) => [name, inode.copy(inode.ino)]);
  } // biome-ignore format: short

  /** Nothing but these is on it, with the numbers that they had, or with others. */
  restore(files: Files, isSame: boolean): void {
    const { mode } = this.root;
    this.root = new Inode(this, true, mode, 0);
    this.root.nlink = 1;
    this.root.name(files.map(([name, inode]) => [name, inode.copy(isSame ? inode.ino : undefined)]));
    this.root.sync();
    this.used = files.reduce((sum, [, { size }]) => sum + size, 0);
  }

  /** A power cut. */
  crash(random: Random): void {
    const seen = new Set<Inode>();
    const look = (directory: Inode): void => {
      directory.loseChanges(random);
      for (const inode of directory.names.values()) {
        if (!seen.has(inode)) {
          seen.add(inode);
          if (inode.isDirectory) look(inode);
          else inode.loseChanges(random);
        }
        if (!inode.isDirectory) inode.nlink++;
      }
    };
    look(this.root);
    this.used = 0;
    for (const inode of seen) this.used += inode.size;
  }
}
