import { TamperError, type TamperErrorCode } from '../../errors.ts';
import type { Peek } from '../../verify/input/peek.ts';
import type { RememberedFamily, RememberedFile, RememberedStream } from '../memory/remembered.ts';
import { isSameFile, type PlacedFile } from '../place/log-place.ts';

/** What is there of a family of streams, beside what is remembered of it. */

/** Why a file could not be looked into, as it can be sent as JSON. */
export interface LookFailure {
  readonly code: TamperErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What stands in the way of one file. An error that is about more than one is thrown on. */
export function lookFailure(error: unknown): LookFailure {
  if (!(error instanceof TamperError) || error.code === 'ABORTED' || error.code === 'INTERNAL') throw error;
  const { code, message, hint } = error;
  return { code, message, ...(hint !== undefined && { hint }) };
}

/** What the first entry of a file says, and whose it is. Nothing of it is trusted. */
export interface Sight extends Pick<Peek, 'seq' | 'open' | 'after'> {
  readonly origin: string;
}

/** A file of a family. */
export interface FamilyFile extends PlacedFile {
  /** Absent where it is remembered as it is, and where it could not be looked into. */
  readonly sight?: Sight;
  /** Why it could not be read; absent also where it was another one each time. */
  readonly unread?: LookFailure;
}

/** A file of one stream. */
export interface StreamFile extends PlacedFile {
  /** Its first entry; absent where it has none. */
  readonly firstSeq: number | undefined;
  /** What is remembered of this content, with this manifest; undefined if it has changed. */
  readonly unchanged: RememberedFile | undefined;
  readonly open: Peek['open'];
  readonly after: Peek['after'];
}

/** One stream of a family. */
export interface StreamLook {
  readonly origin: string;
  readonly remembered: RememberedStream | undefined;
  readonly files: readonly StreamFile[];
  /** What is remembered and lies neither under its name as it was, nor as another file that begins with the same entry. */
  readonly gone: readonly RememberedFile[];
}

/** Whether a file is remembered with this content. */
export function isRemembered(file: PlacedFile, remembered: Pick<RememberedFile, 'version'> | undefined): boolean {
  return remembered !== undefined && remembered.version === file.version;
}

/** The streams of a family by name, and those of which a checkpoint is `held`; every file that is not remembered has a {@link Sight}. */
export function lookAtFamily(
  files: readonly FamilyFile[],
  remembered: RememberedFamily | undefined,
  held: readonly string[],
): StreamLook[] {
  const known = new Map<string, { readonly origin: string; readonly file: RememberedFile }>();
  for (const { origin, files: own } of remembered?.streams ?? [])
    for (const file of own) known.set(file.name, { origin, file });
  const byOrigin = new Map<string, StreamFile[]>();
  for (const origin of [...(remembered?.streams ?? []).map((stream) => stream.origin), ...held])
    byOrigin.set(origin, []);
  for (const file of files) {
    const before = known.get(file.name);
    const same = before !== undefined && isRemembered(file, before.file) ? before : undefined;
    const origin = same?.origin ?? file.sight?.origin;
    if (origin === undefined) continue; // it is not what was listed any more: the next look sees it
    const one = streamFile(file, same?.file);
    const group = byOrigin.get(origin);
    if (group === undefined) byOrigin.set(origin, [one]);
    else group.push(one);
  }
  const streams = new Map((remembered?.streams ?? []).map((stream) => [stream.origin, stream]));
  return [...byOrigin].map(([origin, own]) => {
    const stream = streams.get(origin);
    const changed = new Set(own.flatMap((file) => (file.unchanged ? [] : [file.firstSeq])));
    // under its name lie its entries, or nobody knows what: a file that had no entry yet may have some now
    const names = new Set(own.flatMap(({ name, unchanged }) => (unchanged ? [name] : [])));
    const here = new Set(own.map(({ name }) => name));
    const isGone = ({ name, firstSeq }: RememberedFile): boolean =>
      firstSeq === undefined ? !here.has(name) : !names.has(name) && !changed.has(firstSeq);
    return { origin, remembered: stream, files: own, gone: (stream?.files ?? []).filter(isGone) };
  });
}

function streamFile({ sight, unread: _, ...file }: FamilyFile, same: RememberedFile | undefined): StreamFile {
  return {
    firstSeq: same === undefined ? sight?.seq : same.firstSeq,
    unchanged: same !== undefined && isSameFile(file, same as PlacedFile) ? same : undefined,
    open: sight?.open,
    after: sight?.after,
    ...file, // last, as in parseSignedCheckpoint
  };
}
