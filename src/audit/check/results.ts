import type { Elsewhere } from '../../verify/auditor/auditor.ts';
import { erasedMessage } from '../../verify/erasures/erased-entries.ts';
import { type ManifestAlone, whyUnknown } from '../../verify/verdict/ignored-files.ts';
import { unmet } from '../../verify/verdict/manifests-alone.ts';
import { type RememberedStream, sizeOf } from '../memory/remembered.ts';
import type { PlacedFile } from '../place/log-place.ts';
import { hasSameTimes } from '../place/standing.ts';
import type { RecordedNow } from './erasure-logs.ts';
import type { FamilyFile, LookFailure, StreamFile, StreamLook } from './family-look.ts';
import { erasedIn } from './remember.ts';
import type { StreamOptions } from './stream-options.ts';
import {
  type AuditFinding,
  type StreamOutcome,
  type StreamResult,
  shownFindings,
  worstVerdict,
} from './stream-result.ts';
import type { VerifiedStream } from './verify-family.ts';

/** The line of a stream, from what was verified and what is remembered. */

/** The clocks of a writer and an auditor may differ so much, in milliseconds. */
const CLOCK_SKEW_MS = 300_000;

/** So many erased records that were not read again are listed. */
const SHOWN_ERASED = 20;

const NOTHING_READ = { files: 0, bytes: 0 } as const;

/** A stream of which nothing could be said. */
export function emptyResult(stream: string, files: number, error: LookFailure | undefined): StreamResult {
  return {
    version: 1,
    stream,
    result: 'failed',
    verdict: 'undecided',
    checked: 'nothing',
    firstSeq: 0,
    lastSeq: 0,
    proven: 0,
    end: 'open',
    files,
    read: NOTHING_READ,
    findings: [],
    more: 0,
    ...(error !== undefined && {
      error: { code: error.code, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) },
    }),
  };
}

/** Of streams, or of nobody knows which, of which files could not be looked into. */
export function unreadResult(stream: string, files: readonly FamilyFile[]): StreamResult {
  const findings = files.flatMap(({ name, unread }): AuditFinding[] =>
    unread === undefined ? [] : [{ code: 'UNREADABLE', severity: 'undecided', message: unread.message, file: name }],
  );
  const [first] = files.flatMap(({ unread }) => unread ?? []);
  return { ...emptyResult(stream, files.length, first), ...shownFindings(findings, 0) };
}

/** What manifests show to be missing, with the streams that it is missing of. */
export function withMissing(results: readonly StreamResult[], manifests: readonly ManifestAlone[]): StreamResult[] {
  const ends = new Map(
    results.map(({ stream, lastSeq, removed }) => [stream, Math.max(lastSeq, removed?.lastSeq ?? 0)]),
  );
  const missing = new Map(unmet(manifests, ends).map(({ origin, finding }) => [origin, finding]));
  const known = results.map((result) => {
    const finding = missing.get(result.stream);
    missing.delete(result.stream);
    if (finding === undefined) return result;
    const verdict = worstVerdict([result.verdict, 'undecided']);
    return { ...result, verdict, ...shownFindings([...result.findings, finding], result.more) };
  });
  const gone = [...missing].map(([origin, finding]): StreamResult => {
    return { ...emptyResult(origin, 0, undefined), result: 'missing', findings: [finding] };
  });
  return [...known, ...gone];
}

/** What is known of a stream of which nothing is there. */
export interface Vanished {
  /** It may be gone by now. */
  readonly expired: boolean;
  /** Of the largest checkpoint that is held of it. */
  readonly size: number;
  /** Whether a name is one of a place that is audited. */
  readonly isHere: (name: string) => boolean;
  readonly elsewhere: Elsewhere | undefined;
}

/** A stream that is remembered and of which nothing is there. */
export function vanishedResult(
  { origin, remembered }: StreamLook,
  { expired, size, isHere, elsewhere }: Vanished,
): StreamResult {
  const notHere = remembered?.files.find(({ name }) => !isHere(name))?.name;
  const why =
    notHere === undefined
      ? 'they were deleted, or moved'
      : `the last audit saw ${notHere}, which is in none of the places that you named now`;
  const message =
    size > 0
      ? `you hold a checkpoint of ${size} entries of this stream, but none of its files is here: ${why}`
      : `this stream was here, but none of its files is now: ${why}`;
  const finding: AuditFinding = expired
    ? {
        code: 'EXPIRED',
        severity: 'warning',
        message: `all files of this stream are gone, as --retention allows: its last entry, ${remembered?.lastSeq}, is old enough`,
      }
    : elsewhere === undefined
      ? { code: 'KNOWN_CONTRADICTED', severity: 'tampered', message }
      : {
          code: 'END_UNPROVEN',
          severity: 'undecided',
          message: `${message}; or ${whyUnknown(elsewhere)}, and holds them`,
        };
  return {
    ...emptyResult(origin, 0, undefined),
    result: expired ? 'removed' : 'vanished',
    verdict: finding.severity === 'warning' ? 'ok' : finding.severity,
    end: remembered?.end ?? 'open',
    removed: { files: remembered?.files.length ?? 0, lastSeq: remembered?.lastSeq ?? 0 },
    findings: [finding],
  };
}

/** What the result of a stream goes by besides the stream. */
export interface ResultRules {
  readonly options: StreamOptions;
  readonly now: Date;
  readonly stoppedAfterMs: number | undefined;
  readonly recorded: RecordedNow;
}

/** The line of a stream that is there. `stream` is what is remembered of it next. */
export function resultOf(
  look: StreamLook,
  stream: RememberedStream,
  verified: VerifiedStream | undefined,
  { now, stoppedAfterMs, recorded }: ResultRules,
): StreamResult {
  const stopped = stream.verdict === 'ok' && hasStopped(stream, now, stoppedAfterMs);
  const found: AuditFinding[] = (verified?.report.findings ?? []).map(({ quoted: _, ...finding }) => finding);
  const unread = stream.verdict === 'ok' ? erasedUnread(stream, verified, recorded) : [];
  found.push(...unread.slice(0, SHOWN_ERASED));
  const more =
    Object.values(verified?.report.more ?? {}).reduce((sum, one) => sum + one, 0) +
    Math.max(0, unread.length - SHOWN_ERASED);
  const erased = (verified?.report.erased?.records ?? 0) + unread.length;
  if (stopped) found.push(stoppedFinding(stream, now));
  const { gone } = look;
  return {
    version: 1,
    stream: look.origin,
    result: stopped ? 'stopped' : outcome(look, verified, recorded),
    verdict: stopped ? 'undecided' : stream.verdict,
    checked: verified === undefined ? 'nothing' : verified.fromMiddle ? 'added' : 'whole',
    firstSeq: stream.firstSeq,
    lastSeq: stream.lastSeq,
    proven: verified?.report.provenSize ?? sizeOf(stream.newest),
    ...(stream.sealed !== undefined && { sealed: stream.sealed }),
    end: stream.end,
    files: look.files.length,
    read: verified?.read ?? NOTHING_READ,
    ...(stream.whole !== undefined && { wholeAt: stream.whole }),
    ...(erased > 0 && { erased }),
    ...(gone.length > 0 && {
      removed: { files: gone.length, lastSeq: Math.max(0, ...gone.map(({ lastSeq = 0 }) => lastSeq)) },
    }),
    ...shownFindings(found, more),
  };
}

/**
 * R2.4: The erased records that were not read now. The stream was ok with the same recorded erasures, so each of them was carried
 * out.
 */
function erasedUnread(
  { origin, firstSeq, lastSeq }: RememberedStream,
  verified: VerifiedStream | undefined,
  recorded: RecordedNow,
): AuditFinding[] {
  if (verified !== undefined && !verified.fromMiddle) return [];
  const below = verified === undefined ? lastSeq : verified.report.firstSeq - 1;
  return recorded.within(origin, firstSeq, below).map((erasure) => {
    return { code: 'ERASED', severity: 'warning', message: erasedMessage(erasure), seq: erasure.erased.seq };
  });
}

function outcome(
  { origin, remembered, files, gone }: StreamLook,
  verified: VerifiedStream | undefined,
  recorded: RecordedNow,
): StreamOutcome {
  const findings = verified?.report.findings ?? [];
  const has = (code: string): boolean => findings.some((finding) => finding.code === code);
  const lastSeq = verified?.report.lastSeq ?? remembered?.lastSeq ?? 0;
  if (has('FORK')) return 'forked';
  const reaches = lastSeq >= Math.max(sizeOf(remembered?.newest), sizeOf(remembered?.seen));
  if (has('KNOWN_CONTRADICTED')) return reaches ? 'forked' : 'rolled_back';
  if (remembered === undefined) return 'new';
  if (!reaches) return 'rolled_back'; // it may be in a file that nobody can read
  const isKept = verified?.verdict === 'ok' && verified.report.firstSeq === remembered.firstSeq;
  if (gone.length > 0 && !isKept) return 'removed';
  if (verified !== undefined && lastSeq > remembered.lastSeq) return 'grown';
  // the newest checkpoint has the same root, so nothing but erased lines and checkpoint lines can be others
  const before = new Map(remembered.files.map((file) => [file.name, file]));
  const isErased = (name: string): boolean => {
    const file = before.get(name);
    return file !== undefined && erasedIn(recorded, origin, file) > (file.erased ?? 0);
  };
  const isOk = verified?.verdict === 'ok';
  // a file that was read right after its last change is read once more, since its times alone could not show another change
  const isSame = (file: StreamFile): boolean =>
    file.unchanged !== undefined ||
    (isOk && (isErased(file.name) || hasSameTimes(before.get(file.name) as PlacedFile | undefined, file)));
  return files.every(isSame) ? 'unchanged' : 'rewritten';
}

function hasStopped({ sealed }: RememberedStream, now: Date, stoppedAfterMs: number | undefined): boolean {
  if (stoppedAfterMs === undefined) return false;
  if (sealed === undefined) return true;
  const age = now.getTime() - Date.parse(sealed);
  return age > stoppedAfterMs || age < -CLOCK_SKEW_MS;
}

function stoppedFinding({ sealed, end }: RememberedStream, now: Date): AuditFinding {
  if (sealed !== undefined && Date.parse(sealed) > now.getTime()) {
    const message = `nothing shows whether it goes on: its newest proven seal is of ${sealed}, and it is ${now.toISOString()} here; one of the two clocks is wrong`;
    return { code: 'STOPPED', severity: 'undecided', message };
  }
  const since = sealed === undefined ? 'there is no seal with a time' : `its newest proven seal is of ${sealed}`;
  const how = end === 'closed' ? ', and its writer closed it' : '';
  return { code: 'STOPPED', severity: 'undecided', message: `nothing new has come: ${since}${how}` };
}
