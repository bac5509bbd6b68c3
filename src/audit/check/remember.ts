import type { StreamReport, Verdict } from '../../verify/verdict/report.ts';
import { type RememberedFile, type RememberedStream, sizeOf } from '../memory/remembered.ts';
import type { RecordedNow } from './erasure-logs.ts';
import type { StreamLook } from './family-look.ts';
import type { ReadFile } from './family-reading.ts';

/** What is remembered of a stream after a check. */

/** What a check came to. */
export interface CheckedStream {
  readonly verdict: Verdict;
  readonly report: StreamReport;
  /** Whether the part that was remembered was left out. */
  readonly fromMiddle: boolean;
  /** Whether older files are gone, as they may be. */
  readonly expired: boolean;
  /** What erasure logs record of it. */
  readonly recorded: RecordedNow;
  /** The files that were read, by their names. */
  readonly files: ReadonlyMap<string, ReadFile>;
}

/** The next thing to remember. Checkpoints advance on ok alone, and never go back (M8.27). */
export function rememberStream(
  look: StreamLook,
  { verdict, report, fromMiddle, expired, files, recorded }: CheckedStream,
  basis: string,
  checked: string,
): RememberedStream {
  const before = look.remembered;
  const ok = verdict === 'ok';
  const newest =
    ok && sizeOf(report.checkpoint) >= sizeOf(before?.newest) ? (report.checkpoint ?? before?.newest) : before?.newest;
  const seen = seenOf(verdict, report, before, sizeOf(newest));
  // of what a retention has deleted no checkpoint can be asked for any more
  const first = expired && ok ? newest : (before?.first ?? (ok ? report.firstCheckpoint : undefined));
  const sealed = report.provenTime ?? before?.sealed;
  const continuedBy = report.continuedBy ?? (fromMiddle ? before?.continuedBy : undefined);
  return {
    origin: look.origin,
    verdict,
    basis,
    ...(first !== undefined && { first }),
    ...(newest !== undefined && { newest }),
    ...(seen !== undefined && { seen }),
    firstSeq: firstEntry(look, report, { ok, fromMiddle, expired }),
    lastSeq: report.lastSeq,
    ...(sealed !== undefined && { sealed }),
    end: report.end,
    ...(continuedBy !== undefined && { continuedBy }),
    counts: countsOf(report, fromMiddle ? before : undefined),
    checked,
    ...wholeAt(fromMiddle ? before?.whole : checked),
    // what is missed is missed until all is ok
    files: [...filesOf(look, report, recorded, ok ? files : undefined), ...(ok ? [] : look.gone)],
  };
}

/** The largest checkpoint that verified while nothing was found to be tampered with, where none as large is remembered of a check that was ok. */
function seenOf(
  verdict: Verdict,
  { checkpoint }: StreamReport,
  before: RememberedStream | undefined,
  newest: number,
): string | undefined {
  const now = verdict === 'undecided' ? checkpoint : undefined;
  const seen = sizeOf(now) > sizeOf(before?.seen) ? now : before?.seen;
  return sizeOf(seen) > newest ? seen : undefined;
}

/** What a policy may limit: of what was verified now, and of what was remembered and left out. */
export function countsOf(report: StreamReport, before: RememberedStream | undefined): RememberedStream['counts'] {
  return {
    adopted: report.adoptedEntries + (before?.counts.adopted ?? 0),
    abandoned: report.abandonedEntries + (before?.counts.abandoned ?? 0),
    dropped: report.droppedLines + (before?.counts.dropped ?? 0),
  };
}

function wholeAt(whole: string | undefined): Pick<RememberedStream, 'whole'> {
  return whole === undefined ? {} : { whole };
}

/** Where the log begins, as far as that was ever shown. */
function firstEntry(
  { remembered, files }: StreamLook,
  report: StreamReport,
  { ok, fromMiddle, expired }: { readonly ok: boolean; readonly fromMiddle: boolean; readonly expired: boolean },
): number {
  if (!ok || (fromMiddle && !expired)) return remembered?.firstSeq ?? report.firstSeq;
  return fromMiddle ? Math.min(report.firstSeq, ...files.flatMap(({ firstSeq }) => firstSeq ?? [])) : report.firstSeq;
}

/** What is remembered of each file next. `read`: what was read while all was ok; of nothing else a content counts as read. */
function filesOf(
  { files }: StreamLook,
  report: StreamReport,
  recorded: RecordedNow,
  read: ReadonlyMap<string, ReadFile> | undefined,
): RememberedFile[] {
  const details = new Map((report.fileDetails ?? []).map((one) => [one.file, one]));
  const opened = new Map<number, string>();
  for (const { kind, seq, time } of report.timeline.events)
    if (kind === 'open' && time !== undefined) opened.set(seq, time);
  return files.map((file) => {
    const now = read?.get(file.name);
    if (now === undefined && file.unchanged !== undefined) return file.unchanged;
    const { firstSeq = file.firstSeq, lastSeq } = details.get(file.name) ?? {};
    // what was not ok may be recorded, and stand there still (R2.2)
    const erased = read === undefined ? 0 : erasedIn(recorded, report.origin, { firstSeq, lastSeq });
    const by = writtenBy(lastSeq, opened, report);
    const { name, size, version, manifest } = now?.content ?? file;
    const digests = (now?.earlier ?? []).flatMap(({ size: of, digest }) =>
      digest !== '' && of < (firstSeq ?? Number.POSITIVE_INFINITY) ? [digest] : [],
    );
    return {
      ...{ name, size, version, ...(manifest !== undefined && { manifest }) },
      ...(firstSeq !== undefined && { firstSeq }),
      ...(lastSeq !== undefined && { lastSeq }),
      ...(by !== undefined && { by }),
      ...(erased > 0 && { erased }),
      ...(digests.length > 0 && { earlier: [...new Set(digests)] }),
    };
  });
}

/** How many records of a file are recorded as erased. */
export function erasedIn(
  recorded: RecordedNow,
  origin: string,
  { firstSeq, lastSeq }: Pick<RememberedFile, 'firstSeq' | 'lastSeq'>,
): number {
  return firstSeq === undefined || lastSeq === undefined ? 0 : recorded.within(origin, firstSeq, lastSeq).length;
}

/** The time by which an entry was there: that of the open behind it, else of the newest seal, where one is. */
function writtenBy(
  lastSeq: number | undefined,
  opened: ReadonlyMap<number, string>,
  report: StreamReport,
): string | undefined {
  if (lastSeq === undefined) return report.provenTime;
  return opened.get(lastSeq + 1) ?? (lastSeq <= report.provenSize ? report.provenTime : undefined);
}
