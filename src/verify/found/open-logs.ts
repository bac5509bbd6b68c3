import { setTimeout } from 'node:timers/promises';
import { isTamperError, type TamperError } from '../../errors.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { isUnreadable, readError } from '../../foundation/regular-file.ts';
import type { PeekedSource, Wanted } from '../input/peek.ts';
import { type FileForm, lookAt, sourceOf } from '../input/sources.ts';
import type { IgnoredFiles } from '../verdict/ignored-files.ts';
import { type FoundFile, findFiles } from './found-files.ts';
import { inPlace, judge } from './judge.ts';
import { followed } from './moved-files.ts';
import { type SeenFile, SeenFiles } from './seen-files.ts';
import { unreadableLog } from './unreadable-log.ts';

/** The logs behind paths, while their writers rename and compress them. */

/** So often directories are looked at that do not come to rest. */
const ROUNDS = 10;
/** So often a name that was given is looked at while another file gets it, so far apart in milliseconds. */
const ATTEMPTS = 5;
const PAUSE_MS = 10;
/** So often with what has come since the look before: a file cannot be renamed and compressed and be missed each time. */
const FRESH_ROUNDS = 3;

/** A file as it is now. It throws what the system says. */
export async function lookAtFile(file: FoundFile, form: FileForm, wanted: Wanted | undefined): Promise<SeenFile> {
  const head = lookAt(file.path);
  const { size, identity } = head;
  const source = sourceOf(file.path, head, form);
  const log = await judge(source, file, head, wanted);
  const tracked = typeof log === 'string' ? log : { ...log, source: followed(source, log.peek, form) };
  return { path: file.path, size, identity, log: tracked };
}

/**
 * The same of one that may be renamed or compressed just now; undefined where it is gone and may be. A name that was given
 * has to be there. One that cannot be read is the error that says so.
 */
async function lookAgain(
  file: FoundFile,
  form: FileForm,
  wanted: Wanted | undefined,
  mayBeGone: boolean,
): Promise<SeenFile | TamperError | undefined> {
  for (let attempt = 1; ; attempt++) {
    // its writer puts the compressed file there before it takes this one away
    const path = attempt === 1 || !file.listed ? file.path : `${file.path}.gz`;
    try {
      return await lookAtFile({ ...file, path }, form, wanted);
    } catch (error) {
      const isAway = isGone(error) || isTamperError(error, 'NOT_FOUND');
      if (isAway && attempt < (file.listed ? 2 : ATTEMPTS)) {
        if (!file.listed) await setTimeout(PAUSE_MS);
        continue;
      }
      if (mayBeGone && isAway) return undefined;
      const failure = readError(path, error, 'Check that you may read it; use - to read a pipe.');
      if (isAway || isUnreadable(error)) return failure;
      throw failure;
    }
  }
}

/**
 * Opens the logs behind the paths. A file that was named is always taken; one that is missing or cannot be read hides nothing of
 * the others.
 * `wanted` says which streams the auditor names, `isAll` whether nothing else is read than what is behind the paths.
 * Directories are looked at until nothing has changed in them meanwhile: a file that is renamed between two looks is under
 * neither of its names in one of them (M8.2).
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT`
 */
export async function openLogs(
  paths: readonly string[],
  form: FileForm,
  ignored: IgnoredFiles,
  wanted?: Wanted,
  isAll = true,
): Promise<PeekedSource[]> {
  const seen = new SeenFiles();
  const unreadable = new Map<string, TamperError>();
  const missing = new Map<string, TamperError>(); // of the names that were given, at the first look
  for (let round = 1, isNew = true; isNew && round <= ROUNDS; round++) {
    isNew = false;
    ignored.clear();
    unreadable.clear();
    for await (const file of findFiles(paths, ignored, round > 1)) {
      const settled = round === 1 ? undefined : seen.settled(file.path);
      const looked = settled ?? file.unreadable ?? (await lookAgain(file, form, wanted, file.listed || round > 1));
      const one = looked ?? missing.get(file.path);
      if (isTamperError(one)) {
        unreadable.set(file.path, one);
        if (one.code === 'NOT_FOUND') missing.set(file.path, one);
        continue;
      }
      if (one === undefined) isNew = true;
      else if (settled === undefined && !(file.listed && seen.isLater(one)) && seen.add(one)) isNew = true;
      if (typeof one?.log === 'string') ignored.add(file.path, one.log);
    }
    if (round >= FRESH_ROUNDS) seen.takeNothingLater();
  }
  for (const path of paths) {
    const failure = unreadable.get(path);
    if (failure !== undefined && isAll && seen.logs.length === 0) throw failure; // there is nothing else to tell of
  }
  const unread = [...unreadable].map(([name, error]) =>
    unreadableLog({ name, size: 0, carrier: form.carrier }, error.message, error),
  );
  return [...inPlace(seen.logs, ignored), ...unread];
}
