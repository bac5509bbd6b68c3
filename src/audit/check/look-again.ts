import { tagOf } from '../../format/origin.ts';
import type { Elsewhere } from '../../verify/auditor/auditor.ts';
import { wantedBy } from '../../verify/files/grouping.ts';
import type { Peek } from '../../verify/input/peek.ts';
import { familyOf } from '../memory/family.ts';
import type { RememberedFamily } from '../memory/remembered.ts';
import { isSameFile, type LogPlace, type PlacedFile } from '../place/log-place.ts';
import { type FamilyFile, isRemembered, lookFailure, type Sight } from './family-look.ts';
import type { StreamOptions } from './stream-options.ts';

/**
 * A listing takes its time, and a stream goes on meanwhile: a file that was renamed is under neither of its names, one that was
 * replaced is another one when it is read. So nothing but ok is said before the folders of a stream have been looked at again
 * and show the same.
 */

/** Where and as what files are looked for. */
export interface Looking {
  readonly places: readonly LogPlace[];
  readonly options: StreamOptions;
}

/** What the folders of a family's files show. */
export interface FamilyNow {
  readonly files: readonly FamilyFile[];
  /** Another file that may hold its missing entries. */
  readonly elsewhere?: Elsewhere | undefined;
}

/** The files of a family that are in the folders of those that are known now. `known` says what was seen of them before. */
export async function lookAgain(
  family: string,
  known: readonly FamilyFile[],
  remembered: RememberedFamily | undefined,
  { places, options }: Looking,
): Promise<FamilyNow> {
  const seen = new Map(known.map((file) => [file.name, file]));
  const rememberedFiles = (remembered?.streams ?? []).flatMap((stream) =>
    stream.files.map((file) => ({ stream, file })),
  );
  const before = new Map(rememberedFiles.map(({ stream, file }) => [file.name, { origin: stream.origin, file }]));
  const names = [...new Set([...seen.keys(), ...before.keys()])];
  const origins = new Set([...(remembered?.streams ?? []).map(({ origin }) => origin)]);
  for (const { sight } of known) if (sight !== undefined) origins.add(sight.origin);
  const covers = (origin: string): boolean => familyOf(origin) === family && options.names(origin);
  const byName = wantedBy(options.patterns, options.continued);
  const wanted = { ...byName, tags: new Set([...byName.tags, ...[...origins, family].map(tagOf)]) };
  const files = new Map<string, FamilyFile>();
  const peeked: { readonly file: PlacedFile; readonly peek: Peek }[] = [];
  let elsewhere: Elsewhere | undefined;
  for (const place of places) {
    const beside = names.filter((name) => places.find((one) => one.holds(name)) === place);
    if (beside.length === 0) continue;
    for await (const file of place.listBeside(beside)) {
      if (files.has(file.name)) continue;
      const own = before.get(file.name);
      if (own !== undefined && isRemembered(file, own.file)) files.set(file.name, file);
      else {
        const same = seen.get(file.name);
        if (same?.sight !== undefined && isSameFile(same, file)) files.set(file.name, same);
        else {
          const peek = await place.peek(file, wanted).catch(lookFailure);
          if (peek === undefined) files.set(file.name, file);
          else if (peek === 'not unpacked') elsewhere ??= { file: file.name, why: peek };
          else if (typeof peek !== 'string') {
            if ('code' in peek) files.set(file.name, { ...file, unread: peek });
            else peeked.push({ file, peek });
          }
        }
      }
    }
  }
  const claimed = peeked.flatMap(({ peek }) => claim(peek, covers) ?? []);
  const byTag = new Map(
    [...origins, ...claimed, ...(options.names(family) ? [family] : [])].map((one) => [tagOf(one), one]),
  );
  for (const { file, peek } of peeked) {
    const sight = sightOf(peek, byTag, options.only);
    if (sight !== undefined) files.set(file.name, { ...file, sight });
    else if (peek.hidden !== undefined) elsewhere = { file: file.name, why: 'not read' };
  }
  return { files: [...files.values()], ...(elsewhere && { elsewhere }) };
}

/** The origin that an open claims, where its TAG is that of the entry. */
export function claim({ tag, origin }: Peek, covers: (origin: string) => boolean): string | undefined {
  return origin !== undefined && tagOf(origin) === tag && covers(origin) ? origin : undefined;
}

/**
 * Whose file one is, by the TAG of its first entry, its first checkpoint, or the manifest beside it if it is empty. `only`: the
 * one stream that is named, whose file is one in which nothing can be read.
 */
export function sightOf(peek: Peek, byTag: ReadonlyMap<string, string>, only: string | undefined): Sight | undefined {
  if (peek.missing !== undefined) return undefined;
  const noting = peek.noted?.origin ?? peek.owner;
  const tag = peek.tag ?? (noting === undefined ? undefined : tagOf(noting));
  const origin = tag === undefined ? only : byTag.get(tag);
  if (origin === undefined) return undefined;
  return { origin, seq: peek.seq, ...(peek.open && { open: peek.open }), ...(peek.after && { after: peek.after }) };
}

/** Whether a later look shows the same files, and no other file that may hold missing entries where there was none. */
export function isSameLook(one: FamilyNow, later: FamilyNow): boolean {
  if (one.files.length !== later.files.length || (later.elsewhere && one.elsewhere === undefined)) return false;
  const files = new Map(one.files.map((file) => [file.name, file]));
  return later.files.every((file) => {
    const same = files.get(file.name);
    return same !== undefined && isSameFile(same, file);
  });
}
