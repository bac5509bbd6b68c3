import type { BigIntStats } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { identityOf } from '../../foundation/file-identity.ts';
import { manifestsOf } from '../../foundation/log-file-names.ts';
import type { OnRead } from '../../foundation/regular-file.ts';
import type { PlacedFile, PlacedManifest } from './log-place.ts';

/**
 * A file that was changed within this time before it was looked at may be changed once more without a trace in its times, which
 * a system counts in ticks: in nanoseconds.
 */
const TICK = 50_000_000n;
/** The same where a file system counts whole seconds. */
const COARSE_TICK = 2_000_000_000n;

const UNSETTLED = 'unsettled';

let unsettled = 0;

/** Waits for the tick of files that were changed just now: two looks within it could not show that they are the same. */
export async function settling(files: readonly Pick<PlacedManifest, 'version'>[]): Promise<void> {
  if (files.some(({ version }) => version.includes(UNSETTLED))) await setTimeout(Number(TICK / 1_000_000n) + 1);
}

/** A file on the disk at this moment. The version says which file it is, how long, and when it was changed last. */
export function standing(path: string, stats: BigIntStats): PlacedManifest {
  const { size, mtimeNs, ctimeNs } = stats;
  const tick = ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK : TICK;
  const age = BigInt(Date.now()) * 1_000_000n - ctimeNs;
  const settled = age > tick ? [] : [`${UNSETTLED} ${process.pid}.${++unsettled}.${Date.now()}`];
  // joined, since a template stays a tree of its pieces: a listing holds one of these for each file
  const version = [identityOf(stats), size, mtimeNs, ctimeNs, ...settled].join(' ');
  return { name: path, size: Number(size), version };
}

/** Whether two looks at a file, and at the manifest beside it, differ in nothing but that it had just been changed at one of them. */
export function hasSameTimes(one: Look | undefined, other: Look | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return timesOf(one) === timesOf(other) && hasSameTimes(one.manifest, other.manifest);
}

type Look = Pick<PlacedFile, 'version' | 'manifest'>;

function timesOf({ version }: Look): string {
  const at = version.indexOf(` ${UNSETTLED}`);
  return at < 0 ? version : version.slice(0, at);
}

/** No listing shows this version: the file is read again. */
const UNREAD = 'unread';

/**
 * Files of a directory as they were while they were read. A listing says what a name led to before that; whoever can rename a
 * folder can have one file listed and another one read, without a trace in the times of either.
 */
export class FilesRead {
  readonly #read = new Map<string, PlacedManifest | undefined>();

  readonly onRead: OnRead = (path, before, after) => {
    const first = before && standing(path, before);
    const last = after && standing(path, after);
    const known = this.#read.has(path) ? this.#read.get(path) : first;
    const isSame = hasSameTimes(first, last) && hasSameTimes(first, known);
    this.#read.set(path, isSame ? first : { name: path, size: first?.size ?? 0, version: UNREAD });
  };

  /** The file as it was each time that it was read. */
  asRead({ name, size, version: _, manifest: listed }: PlacedFile): PlacedFile {
    const own = this.#read.get(name) ?? { name, size, version: UNREAD };
    // nobody looks for the manifest of a file that is a copy of another
    const beside = manifestsOf(name).find((path) => this.#read.has(path));
    const manifest = beside === undefined ? listed : this.#read.get(beside);
    return { ...own, ...(manifest !== undefined && { manifest }) };
  }
}
