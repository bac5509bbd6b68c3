import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../../errors.ts';
import { tagOf } from '../../format/origin.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { erasedFile, erasureNames } from '../../foundation/log-file-names.ts';
import { isUnreadable } from '../../foundation/regular-file.ts';
import { type PeekedSource, peek } from '../input/peek.ts';
import { lookAt, sourceOf } from '../input/sources.ts';
import type { Findings } from '../model/findings.ts';

/** What an erasure that was not finished left beside the files of a log holds what should be gone (spec/erasure.md, R3.4). */

/** Of a compressed one, so many bytes are looked at for its first entry. */
const PEEKED = 2 ** 30;

/** A file that an erasure left. */
interface LeftFile {
  readonly path: string;
  /** The file that it was, or was to be. */
  readonly of: string;
  /** Nothing has that name any more, compressed or not. */
  readonly isAlone: boolean;
}

/** One look into the folders of one verification, however many streams have files there. */
export class UnfinishedErasures {
  /** By folder; undefined for one that may not be listed. */
  readonly #folders = new Map<string, readonly LeftFile[] | undefined>();

  /** Tells of those that are of a stream, also where its file was renamed since. */
  async tell(files: readonly PeekedSource[], origin: string, findings: Findings): Promise<void> {
    const own = files.flatMap(({ source }) => (source.identity === undefined ? [] : source.name)); // on this machine
    const known = new Set(own.flatMap((name) => [name, `${name}.gz`, name.replace(/\.gz$/, '')]));
    for (const folder of new Set(own.map((name) => dirname(name)))) {
      if (!this.#folders.has(folder)) this.#folders.set(folder, await leftIn(folder));
      for (const { path, of, isAlone } of this.#folders.get(folder) ?? (await leftOf(known, folder))) {
        if (!known.has(of) && !(isAlone && (await mayHold(path, origin)))) continue;
        const renamed = isAlone ? `; if ${of} has another name now, give this file the same, and run erase again` : '';
        const message = `an erasure of records from ${of} was not finished: ${path} is still there${renamed}`;
        findings.add('NOT_ERASED', { file: path }, message);
      }
    }
  }
}

async function leftIn(folder: string): Promise<LeftFile[] | undefined> {
  try {
    return leftAmong(folder, await readdir(folder));
  } catch (error) {
    if (isGone(error)) return [];
    if (systemCode(error) === 'EACCES') return undefined;
    throw error;
  }
}

/** Those that the known files of a folder have, which is asked of each name. */
async function leftOf(known: ReadonlySet<string>, folder: string): Promise<LeftFile[]> {
  const names: string[] = [];
  for (const name of [...known].filter((one) => dirname(one) === folder)) {
    for (const left of Object.values(erasureNames(name))) {
      const isThere = await stat(left).then(
        () => true,
        (error: unknown) => !isGone(error) && systemCode(error) !== 'ENOTDIR',
      );
      if (isThere) names.push(basename(left));
    }
  }
  return leftAmong(folder, names);
}

function leftAmong(folder: string, all: readonly string[]): LeftFile[] {
  const left = all.filter((name) => erasedFile(name) !== undefined);
  const names = new Set(left.length > 0 ? all : []);
  return left.map((name) => {
    const file = erasedFile(name) ?? '';
    const isAlone = !names.has(file) && !names.has(`${file}.gz`);
    return { path: join(folder, name), of: join(folder, file), isAlone };
  });
}

/** Whether a file whose log has another name by now is one of this stream, or holds nothing that says whose it is. */
async function mayHold(path: string, origin: string): Promise<boolean> {
  try {
    const { tag } = await peek(sourceOf(path, lookAt(path), { maxBytes: PEEKED }));
    return tag === undefined || tag === tagOf(origin);
  } catch (error) {
    if (isGone(error)) return false;
    if (isUnreadable(error)) return true;
    throw error;
  }
}
