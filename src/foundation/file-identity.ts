import type { BigIntStats } from 'node:fs';
import { systemCode } from '../errors.ts';

/**
 * M8.2: A log that is written while it is verified: its file gets another name when it is closed, and a new one takes its
 * place. A file that was looked at once is therefore known by what it is on the disk, not by its name.
 */
export type FileIdentity = string & { readonly is: 'device, number and time of birth' };

/** Another file has the name. */
export class Replaced extends Error {
  readonly code = 'ESTALE';
}

/** A file was deleted between the look at it and its reading: what is there now may be verified in its place. */
export class Deleted extends Error {}

/**
 * What a file is on the disk. A number is given again once its file is gone, but a file is made once; the time of that is 0
 * where the file system does not say. One string, since there is one for each of up to 250,000 files.
 */
export function identityOf({ dev, ino, birthtimeNs }: Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>): FileIdentity {
  return `${dev} ${ino} ${birthtimeNs}` as FileIdentity;
}

/** The number of a file on its device. */
export function numberOf(identity: FileIdentity): string {
  return identity.slice(0, identity.lastIndexOf(' '));
}

/** Whether two looks were at one file. */
export function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one === other;
}

/** Whether an error says that a file is not where it was. */
export function isGone(error: unknown): boolean {
  return error instanceof Replaced || systemCode(error) === 'ENOENT';
}
