type Fs = typeof import('node:fs');

/** Done before a change of a disk; it may throw instead, after it has done the change by half. */
export type Before = (partly?: () => void) => void;

/** Where a disk stops: at step `last`, which happens by half or not at all. */
export interface Stop {
  step: number;
  last: number;
  half: boolean;
}

/** Counts the changes of a disk, and lets none happen from the last one on. */
export function stopAt(disk: Stop, what: string): Before {
  return (partly) => {
    if (++disk.step < disk.last) return;
    if (disk.step === disk.last && disk.half) partly?.();
    throw Object.assign(new Error(what), { code: 'ECRASH' });
  };
}

type Write = (fd: number, bytes: Buffer, offset?: number, length?: number, position?: number | null) => number;

/** `writeSync` with something before it, which may let through the first half of the bytes. */
export function writeAfter(fs: Fs, before: Before): Write {
  return (fd, bytes, offset = 0, length = bytes.length - offset, position = null) => {
    before(() => fs.writeSync(fd, bytes, offset, Math.floor(length / 2), position));
    return typeof bytes === 'string' ? fs.writeSync(fd, bytes) : fs.writeSync(fd, bytes, offset, length, position);
  };
}

/** The calls that change what is on a disk, each with something before it; files that are made are not among them. */
export function changesAfter(fs: Fs, before: Before): { readonly writeSync: Write } & Partial<Omit<Fs, 'writeSync'>> {
  const after =
    <A extends unknown[], R>(change: (...args: A) => R) =>
    (...args: A): R => {
      before();
      return change(...args);
    };
  return {
    writeSync: writeAfter(fs, before),
    fsyncSync: after(fs.fsyncSync),
    fdatasyncSync: after(fs.fdatasyncSync),
    renameSync: after(fs.renameSync),
    ftruncateSync: after(fs.ftruncateSync),
    linkSync: after(fs.linkSync),
    unlinkSync: after(fs.unlinkSync),
  };
}
