import { constants, type Stats, statfsSync } from 'node:fs';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';
import { formatManifest } from '../format/manifest.ts';
import { MANIFEST_LIMIT, readManifest } from '../format/manifest-reading.ts';
import { SAFELY, unsafePath } from '../foundation/descriptor.ts';
import { replaceFile, syncDirectoryLater } from '../foundation/durable-replace.ts';
import { erasureNames } from '../foundation/log-file-names.ts';
import { readBytes } from '../foundation/read-text.ts';
import { manifestName } from '../verify/stream/manifests.ts';
import { digestAsErased } from './file-lines.ts';
import { type RewrittenFile, standingOf } from './rewritten-file.ts';

/** The old file gives way to the new one, and is overwritten (R3.2); what a kill left of that is finished (R3.3). */

const PIECE = 1 << 20;
/** File systems that write to the blocks that a file has: ext2 to ext4, and tmpfs, which has none. Of others nobody here can say. */
const IN_PLACE: readonly number[] = [0xef53, 0x01021994];

/** Whether overwriting a file overwrites what the disk had of it, as far as the file system says. */
export function storageOf(path: string): 'in-place' | 'not-in-place' {
  return IN_PLACE.includes(statfsSync(dirname(path)).type) ? 'in-place' : 'not-in-place';
}

/** @throws {@link TamperError} `FOREIGN_WRITE` where the file was changed since it was read; `WRITE_FAILED` */
export async function replace(file: RewrittenFile): Promise<void> {
  const { path } = file;
  const { fresh, old, gone } = erasureNames(path);
  if (standingOf(path) !== file.standing) {
    await rm(fresh, { force: true });
    throw new TamperError('FOREIGN_WRITE', `${path} was changed while its new content was made; it is as it was`, {
      hint: 'Find out who writes to it, then run this again: what is on record as erased is erased then.',
    });
  }
  await link(path, old);
  await rename(fresh, path);
  await syncDirectoryLater(dirname(path));
  await renewManifest(path, file);
  await rename(old, gone);
  await overwrite(gone);
}

/**
 * Finishes what a kill left beside a file.
 *
 * @returns whether there was anything
 * @throws {@link TamperError} `FOREIGN_WRITE` where the old file holds something else than the new one
 */
export async function finish(path: string): Promise<boolean> {
  const { fresh, old, gone } = erasureNames(path);
  const [isBegun, wasCompared, isReplaced] = [await isLeft(fresh), await isLeft(gone), await isLeft(old)];
  for (const begun of [fresh, temporaryOf(manifestName(path))]) await rm(begun, { force: true });
  if (wasCompared) await overwrite(gone); // by a run that was killed while it did so
  if (!isReplaced) return isBegun || wasCompared;
  const [one, other] = await Promise.all([lstat(path), lstat(old)]);
  if (one.ino === other.ino && one.dev === other.dev) {
    await rm(old); // killed before the rename: both names are the log
    await syncDirectoryLater(dirname(path));
    return true;
  }
  if ((await digestAsErased(path)) !== (await digestAsErased(old))) {
    throw new TamperError('FOREIGN_WRITE', `${old} is what an erasure left, but it is not ${path} from before it`, {
      hint: 'Look at both: nothing was overwritten. Move the one that does not belong there away.',
    });
  }
  await rename(old, gone);
  await overwrite(gone);
  return true;
}

/** @throws {@link TamperError} `UNSAFE_PATH` where no erasure made what has the name */
async function isLeft(path: string): Promise<boolean> {
  const stats = await statsOf(path);
  if (stats !== undefined && !stats.isFile())
    throw unsafePath(path, 'is no file, so no erasure has left it: move it away');
  return stats !== undefined;
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Overwrites a file where it stands, and removes it; one that has another name is not overwritten, for it is that one's too. */
async function overwrite(path: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | SAFELY);
  try {
    const { size, nlink } = await file.stat();
    if (nlink > 1) throw unsafePath(path, 'has another name (a hard link), so it is not overwritten');
    const zeros = Buffer.alloc(Math.min(PIECE, size));
    for (let at = 0; at < size; at += zeros.length) {
      const piece = zeros.subarray(0, Math.min(zeros.length, size - at));
      for (let done = 0; done < piece.length; )
        done += (await file.write(piece, done, piece.length - done, at + done)).bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(path);
  await syncDirectoryLater(dirname(path));
}

const temporaryOf = (name: string): string => `${name}.tmp`;

/** The manifest tells of the new bytes. One that cannot be read, or is of something else, is left: it proves nothing (M7.1). */
async function renewManifest(path: string, { bytes, after }: RewrittenFile): Promise<void> {
  const name = manifestName(path);
  const stats = await statsOf(name);
  if (stats === undefined) return;
  const reading = readManifest(await readBytes(name, MANIFEST_LIMIT));
  if (!('manifest' in reading)) return;
  const text = formatManifest({ ...reading.manifest, bytes, sha256: after });
  await replaceFile({ path: name, temporary: temporaryOf(name), mode: stats.mode & 0o777 }, async (file) => {
    await file.writeFile(text);
  });
}
