import type { StreamReport, Verdict } from '../../verify/verdict/report.ts';
import { type RememberedFile, type RememberedStream, sizeOf } from '../memory/remembered.ts';
import type { StreamFile, StreamLook } from './family-look.ts';

/** What is remembered of a stream after a check. */

/** What a check came to. */
export interface CheckedStream {
  readonly verdict: Verdict;
  readonly report: StreamReport;
  /** Whether the part that was remembered was left out. */
  readonly fromMiddle: boolean;
  /** Whether older files are gone, as they may be. */
  readonly expired: boolean;
}

/** The next thing to remember. Checkpoints advance on ok alone, and never go back (M8.27). */
export function rememberStream(
  look: StreamLook,
  { verdict, report, fromMiddle, expired }: CheckedStream,
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
    firstSeq: before !== undefined && (!ok || (fromMiddle && !expired)) ? before.firstSeq : firstEntry(look, report),
    lastSeq: report.lastSeq,
    ...(sealed !== undefined && { sealed }),
    end: report.end,
    ...(continuedBy !== undefined && { continuedBy }),
    counts: countsOf(report, fromMiddle ? before : undefined),
    checked,
    // what is missed is missed until all is ok
    files: [...filesOf(look, report, ok), ...(ok ? [] : look.gone)],
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

function firstEntry({ files }: StreamLook, report: StreamReport): number {
  const firsts = files.flatMap(({ firstSeq }) => firstSeq ?? []);
  return firsts.length === 0 ? report.firstSeq : Math.min(...firsts);
}

function filesOf({ files }: StreamLook, report: StreamReport, ok: boolean): RememberedFile[] {
  const details = new Map((report.fileDetails ?? []).map((one) => [one.file, one]));
  const lastOf = new Map<number, number>();
  for (const { firstSeq, lastSeq } of details.values())
    if (firstSeq !== undefined && lastSeq !== undefined) lastOf.set(firstSeq, lastSeq);
  const opened = new Map<number, string>();
  for (const { kind, seq, time } of report.timeline.events)
    if (kind === 'open' && time !== undefined) opened.set(seq, time);
  return files.map((file) => {
    const read = details.get(file.name);
    const firstSeq = read?.firstSeq ?? file.firstSeq;
    // a copy of another file is not read twice: where it differs, that is found
    const lastSeq = read?.lastSeq ?? file.lastSeq ?? (ok && firstSeq !== undefined ? lastOf.get(firstSeq) : undefined);
    const by = file.by ?? writtenBy(lastSeq, opened, report);
    return {
      ...contentOf(file),
      ...(firstSeq !== undefined && { firstSeq }),
      ...(lastSeq !== undefined && { lastSeq }),
      ...(by !== undefined && { by }),
    };
  });
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

function contentOf({ name, size, version, manifest }: StreamFile): RememberedFile {
  return { name, size, version, ...(manifest !== undefined && { manifest }) };
}
