import { lstatSync, statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../../errors.ts';
import { type FileIdentity, identityOf, isGone, isSame } from '../../foundation/file-identity.ts';
import { type Peek, peek } from '../input/peek.ts';
import type { OnProblem } from '../input/source-problem.ts';
import { type FileForm, lookAt, type Source, sourceOf } from '../input/sources.ts';

/** Finds a file that was looked at once where it is now (M8.2): under another name, or compressed by its writer. */

/** So often it is looked for: it may be renamed, and then compressed, while that is done. */
const ATTEMPTS = 5;

/** What a file's name leads to, and its size in bytes; undefined where it leads to nothing. */
export function standing(path: string): { readonly identity: FileIdentity; readonly size: number } | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && { identity: identityOf(stats), size: Number(stats.size) };
}

/** Whether another file has the name of this one by now; `known` is what this one begins with. */
export async function isReplaced({ name, identity, carrier }: Source, known: Peek): Promise<boolean> {
  const now = standing(name);
  if (identity === undefined || now === undefined || isSame(now.identity, identity)) return false;
  return (await beginningAlike(name, known, { maxBytes: Number.MAX_SAFE_INTEGER, carrier })) === undefined;
}

/** A source that is read where its file is by then; `known` is what it begins with. */
export function followed(source: Source, known: Peek, form: FileForm): Source {
  return { ...source, read: (onProblem) => readWhereItIs(source, known, form, onProblem) };
}

async function* readWhereItIs(
  source: Source,
  known: Peek,
  form: FileForm,
  onProblem: OnProblem,
): AsyncIterable<Buffer> {
  let now = source;
  for (let attempt = 1; ; attempt++) {
    const chunks = now.read(onProblem)[Symbol.asyncIterator]();
    let chunk: IteratorResult<Buffer>;
    try {
      chunk = await chunks.next();
    } catch (error) {
      if (!isGone(error) || attempt === ATTEMPTS) throw error;
      now = (await whereItIs(source, known, form)) ?? source;
      continue;
    }
    try {
      for (; chunk.done !== true; chunk = await chunks.next()) yield chunk.value;
    } finally {
      await chunks.return?.();
    }
    return;
  }
}

/** The file under the name that it has now, or its compressed form; undefined where neither is found. */
async function whereItIs({ name, identity }: Source, known: Peek, form: FileForm): Promise<Source | undefined> {
  // some file systems number a file anew, some systems give the time of its last change for that of its birth
  for (const path of [name, `${name}.gz`]) {
    const own = await beginningAlike(path, known, form);
    if (own !== undefined) return own;
  }
  const paths = await beside(name);
  for (const path of paths) {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || identity === undefined || !isSame(identityOf(stats), identity)) continue;
    const same = look(path, form);
    if (same?.identity !== undefined && isSame(same.identity, identity)) return same;
  }
  for (const path of paths.filter((one) => one.endsWith('.gz'))) {
    const compressed = await beginningAlike(path, known, form);
    if (compressed !== undefined) return compressed;
  }
  return undefined;
}

/** The file at a path, if it begins with the same entry: nothing else does, but for a fork, which its reading shows. */
async function beginningAlike(path: string, known: Peek, form: FileForm): Promise<Source | undefined> {
  if (known.seq === undefined || known.tag === undefined) return undefined;
  const source = look(path, form);
  if (source === undefined) return undefined;
  try {
    const { seq, tag } = await peek(source, { tags: new Set([known.tag]) });
    return seq === known.seq && tag === known.tag ? source : undefined;
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return undefined; // what cannot be read is not known to be it; the reading says what became of the file
  }
}

function look(path: string, form: FileForm): Source | undefined {
  try {
    return sourceOf(path, lookAt(path), form);
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return undefined;
  }
}

/** What stands beside a file, also beside what a link to it leads to; the newest names first, as ours begin with a time. */
async function beside(name: string): Promise<string[]> {
  const directories = new Set([dirname(name)]);
  try {
    directories.add(dirname(await realpath(name)));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  const paths: string[] = [];
  for (const directory of directories) for (const one of await readdir(directory)) paths.push(join(directory, one));
  return paths.sort((a, b) => (basename(a) < basename(b) ? 1 : -1));
}
