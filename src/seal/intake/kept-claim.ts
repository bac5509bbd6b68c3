import { randomBytes } from 'node:crypto';
import { existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from '../../errors.ts';
import { closeDescriptor, writeWhole } from '../../foundation/descriptor.ts';
import { syncDirectory } from '../../foundation/durable-replace.ts';
import { NO_LINKS } from '../disk/lock.ts';

/** Who seals a kept file, and how far that had come at some point of its log. */
export interface Claim {
  /** Hex SHA-256 of the origin of the stream that its lines go to: the name of that stream's state and lock. */
  readonly stream: string;
  /** The log that they go to from here on; empty where none was written yet. */
  readonly file: string;
  /** That file's number, decimal: it may have another name by now. Empty for standard output. */
  readonly inode: string;
  /** The log's length, last seq and number of record lines at this point. */
  readonly offset: number;
  readonly size: number;
  readonly records: number;
  /** How much of the kept file is in the log before this point: bytes, and then parts of one line. */
  readonly from: number;
  readonly parts: number;
  /** Whether its gap is in the log before this point. */
  readonly gap: boolean;
  /** How long the parts of a line are. */
  readonly partBytes: number;
}

/** How far a kept file has come. */
export type Progress = Pick<Claim, 'from' | 'parts' | 'gap'>;

/** Without hard links a claim is empty for a moment. If it still is after this many milliseconds, its process has ended. */
const ABANDONED = 5_000;

/** The claim's file. It is written durably before the first line of the kept file goes into a log. */
export function claimPath(keptPath: string): string {
  return `${keptPath}.taken`;
}

/** Whether somebody has claimed a kept file, or has begun to. */
export function isClaimed(keptPath: string): boolean {
  return existsSync(claimPath(keptPath));
}

/**
 * Claims a kept file for the first time.
 *
 * @returns false where somebody has it
 */
export function makeClaim(keptPath: string, claim: Claim): boolean {
  const path = claimPath(keptPath);
  const beside = writeBeside(path, claim);
  try {
    if (!giveName(beside, path)) return false;
  } finally {
    rmSync(beside, { force: true });
  }
  syncDirectory(dirname(path));
  return true;
}

/** Gives a whole claim its name. @returns false where that is taken */
function giveName(beside: string, path: string): boolean {
  try {
    linkSync(beside, path);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST' && !NO_LINKS.has(systemCode(error))) throw error;
  }
  try {
    closeDescriptor(openSync(path, 'wx', 0o600)); // so that only one takes it
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const [theirs, ours] = [statSync(path), statSync(beside)];
    if (theirs.size > 0 || ours.mtimeMs - theirs.mtimeMs < ABANDONED) return false;
  }
  try {
    renameSync(beside, path);
    return true;
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

/** A claim was to be changed, and it is not known whether it is, or whether it will be after a power cut. */
export class UncertainClaim extends Error {}

/** Changes a claim that is ours. @throws {@link UncertainClaim} with the cause; what the file system says where it is as it was */
export function replaceClaim(keptPath: string, claim: Claim): void {
  const path = claimPath(keptPath);
  const beside = writeBeside(path, claim);
  try {
    renameSync(beside, path);
    syncDirectory(dirname(path));
  } catch (cause) {
    throw new UncertainClaim('a claim may have been changed', { cause });
  }
}

function writeBeside(path: string, claim: Claim): string {
  const beside = `${path}-${randomBytes(4).toString('hex')}.tmp`;
  const fd = openSync(beside, 'wx', 0o600);
  try {
    writeWhole(fd, Buffer.from(formatClaim(claim)));
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(beside);
    throw error;
  } finally {
    closeDescriptor(fd);
  }
  return beside;
}

function formatClaim({ gap, partBytes, ...same }: Claim): string {
  return `${JSON.stringify({ version: 1, ...same, gap: gap ? 'sealed' : 'due', part_bytes: partBytes })}\n`;
}
