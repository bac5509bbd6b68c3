import type { MacKeyReference, Signer } from '../../format/key-reference.ts';
import type { Auditor } from '../auditor/auditor.ts';
import { fewest, isGrouped } from '../auditor/quorum.ts';
import type { CarrierName } from '../carrier/carrier.ts';
import type { ErasedReport } from '../erasures/erased-entries.ts';
import type { Epoch, SignerId } from '../model/epoch.ts';
import type { Finding, Findings } from '../model/findings.ts';
import { rootCauseFirst } from '../model/root-causes.ts';
import type { TakenOver, Unproven } from '../model/taken-over.ts';
import { NO_TIMELINE, type TimelineReport } from '../model/timeline.ts';
import type { StreamState } from '../state/state.ts';
import { witnessedSize } from '../trust/cosignatures.ts';
import { signerFingerprint } from '../trust/key-fingerprint.ts';
import { namedSigners, namesFrom } from '../trust/named-keys.ts';
import { coveredSize } from './assessment.ts';
import type { IgnoredReport } from './ignored-files.ts';
import { provenEnd, provingNotes } from './proven-end.ts';

/** What `verify` says. `spec/report.schema.json` is its published schema. */

/** 0 ok, 1 tampered, 2 undecided; 1 beats 2. */
export type Verdict = 'ok' | 'tampered' | 'undecided';

/** The data key of a key period. */
export interface DataKeyReport {
  readonly source: string;
  readonly identity: string;
  /** The fingerprint in the key reference, base64url: it tells keys apart and reveals nothing about them. */
  readonly fingerprint: string;
  /** Where the auditor's key comes from; absent if the auditor has none. */
  readonly givenBy?: string;
}

/** A key that signs the checkpoints of a key period. */
export interface SignerReport {
  readonly source: string;
  readonly identity: string;
  readonly algorithm: string;
  /** `sha256:` and the hex of SHA-256(SPKI); absent for a key that has no public half. */
  readonly fingerprint?: string;
  /** Where the auditor's key comes from; absent if the auditor did not name it. */
  readonly givenBy?: string;
}

/** One key period, and how its entries were checked. */
export interface KeyReport {
  /** `TAG.EPOCH`, as in the lines' `key_id`. */
  readonly keyId: string;
  readonly records: 'mac' | 'hash';
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** UTC, by the writer's clock: when it came into force; absent where it never did. */
  readonly startTime?: string;
  /** UTC: its last open, seal or close; absent as {@link startTime}. */
  readonly endTime?: string;
  /** Absent in signing mode. */
  readonly dataKey?: DataKeyReport;
  readonly signers: readonly SignerReport[];
  /** How the entries were checked; empty if nothing could be checked. */
  readonly checkedBy: readonly ('mac' | 'signature')[];
  /** Who vouches for the key period (spec 8.6). */
  readonly status: 'vouched' | 'keyed' | 'unvouched';
}

/** A file as it was read. */
export interface FileDetails {
  readonly file: string;
  /** Bytes on the disk; absent for standard input. */
  readonly size?: number;
  /** Bytes of what was read, decompressed. */
  readonly bytes: number;
  /** Hex SHA-256 of those bytes; absent where it was not asked for, or other processes read them. */
  readonly sha256?: string;
  /** The first and the last entry in it; absent where it holds none. */
  readonly firstSeq?: number;
  readonly lastSeq?: number;
}

/** What one witness that the auditor named says of a stream. */
export interface WitnessReport {
  readonly name: string;
  /** The id in its signature lines: 8 hex digits. */
  readonly keyId: string;
  /** The largest size that it cosigned and whose root was computed here; 0 if there is none. */
  readonly size: number;
  /** When it made that cosignature, by its own clock, UTC; absent without one, or where it says no time. */
  readonly time?: string;
}

/** Cosignatures of the witnesses that the auditor named for a stream (spec 8, M8.29). */
export interface WitnessedReport {
  /** At least so many of them must have cosigned the end. */
  readonly required: number;
  /** They are in groups (C2SP tlog-policy), so that as many others are not enough. */
  readonly grouped?: true;
  /** So many entries are cosigned by enough of them; 0 if none are. */
  readonly size: number;
  readonly witnesses: readonly WitnessReport[];
}

/** A time stamp whose tree is that of the log (spec 8, M8.31). */
export interface DatedReport {
  /** The first so many entries existed by then. */
  readonly size: number;
  /** By the clock of the authority, UTC. */
  readonly time: string;
  /** The subject of its certificate. */
  readonly authority: string;
  /** When that certificate ends, UTC. */
  readonly validUntil: string;
}

/** What was found in one stream. */
export interface StreamReport {
  readonly origin: string;
  readonly verdict: Verdict;
  /** 0 if there are no entries. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Lines of the application. */
  readonly records: number;
  /** Time of the last control entry, UTC; absent if there is none. */
  readonly endTime?: string;
  /** How the stream ends: `closed`, `continued`, or `open`. */
  readonly end: 'closed' | 'continued' | 'open';
  /** Origin of the stream that continues this one. */
  readonly continuedBy?: string;
  /** The stream that this one continues, and the size that it had (spec 2, M2.2). */
  readonly after?: { readonly origin: string; readonly size: number };
  /**
   * Every entry up to this one, other than those that a finding is about and those of {@link unproven}, is proven by what this
   * auditor brought: entries after it are not, and are reported. 0 where nothing is proven.
   */
  readonly provenSize: number;
  /** Time of the newest seal up to {@link provenSize}, UTC, by the writer's clock; absent where there is none. */
  readonly provenTime?: string;
  /** Time stamps of the auditor's that are about this log, by size; absent where there are none. */
  readonly dated?: readonly DatedReport[];
  /** Absent where the auditor names no witness. */
  readonly witnessed?: WitnessedReport;
  readonly runs: number;
  readonly droppedLines: number;
  readonly abandonedEntries: number;
  /** Absent where no record is erased (spec/erasure.md). */
  readonly erased?: ErasedReport;
  readonly adoptedEntries: number;
  /**
   * Checkpoint lines of which nothing is said, because they are of entries that were not read, or of too long ago (spec M8.10):
   * how many, and the smallest size of them. Absent where there are none.
   */
  readonly skippedCheckpoints?: { readonly count: number; readonly smallest: number };
  /** By seq, without overlap, whether the auditor accepts them or not; absent where there are none. */
  readonly takenOver?: readonly TakenOver[];
  /**
   * Entries between the last checkpoint before a missing part and that part, and entries without an open: no later checkpoint
   * proves them. Absent if there are none.
   */
  readonly unproven?: readonly Unproven[];
  readonly keys: readonly KeyReport[];
  /** The first checkpoint in the range that verified, as a signed note. */
  readonly firstCheckpoint?: string;
  /** The newest checkpoint that verified, as a signed note: keep it, and name it next time. */
  readonly checkpoint?: string;
  readonly files: readonly string[];
  /** Those of them that were read to their end; absent where there are none. */
  readonly fileDetails?: readonly FileDetails[];
  /** Key periods, files, gaps, hand-overs and checkpoints over time. */
  readonly timeline: TimelineReport;
  readonly findings: readonly Finding[];
  /** Findings beyond the first hundred of a code: how many more, by code. */
  readonly more: Readonly<Record<string, number>>;
}

/** What the carrier's files held besides the log. */
export interface UnwrappedReport {
  readonly carrier: CarrierName;
  /** Lines of something else, such as standard error: they were left out. */
  readonly beside: number;
}

/** The topic that was read, and how far. */
export interface TopicReport {
  /** The id of the cluster. */
  readonly cluster: string;
  readonly name: string;
  /**
   * Of each partition, the offset that would be read next. `first`: where it began at the first look, if its earlier records had
   * been deleted by then: a stream of which all was among them leaves no trace here.
   */
  readonly partitions: readonly { readonly partition: number; readonly first?: number; readonly next: number }[];
  /** Records of streams that were not named: they were left out. */
  readonly leftOut: number;
}

/** What is told of where the lines came from. */
export interface ReadFrom {
  readonly unwrapped?: UnwrappedReport | undefined;
  readonly topic?: TopicReport | undefined;
}

/** The whole report. */
export interface VerifyReport {
  readonly version: 1;
  readonly verdict: Verdict;
  readonly streams: readonly StreamReport[];
  /** Every finding of every stream, with its stream's origin. */
  readonly findings: readonly (Finding & { readonly origin: string })[];
  /** Files behind the given paths that are not part of a log, and why. */
  readonly ignored: IgnoredReport;
  /** Where the lines were taken out of a carrier's: which one, and what else was in its files. */
  readonly unwrapped?: UnwrappedReport;
  /** Where the lines were read from a topic of Kafka: which one, and how far. */
  readonly topic?: TopicReport;
  /** What no verifier can say. */
  readonly note: 'nothing here shows what came after';
}

/** The verdict of findings; `strict` makes a warning undecided. */
function verdictOf(findings: Findings, strict: boolean): Verdict {
  if (findings.tampered) return 'tampered';
  if (findings.undecided) return 'undecided';
  return strict && findings.list().length > 0 ? 'undecided' : 'ok';
}

function dataKeyReport({ dataKey: { from } }: Epoch, { source, identity, fp }: MacKeyReference): DataKeyReport {
  const fingerprint = fp.toString('base64url');
  return { source, identity, fingerprint, ...(from !== undefined && { givenBy: from }) };
}

function signerReport(state: StreamState, id: SignerId, signer: Signer): SignerReport {
  const { source, identity, algorithm } = signer;
  const fingerprint = signerFingerprint(signer);
  const givenBy = namesFrom(state, id);
  return {
    source,
    identity,
    algorithm,
    ...(fingerprint !== undefined && { fingerprint }),
    ...(givenBy !== undefined && { givenBy }),
  };
}

function keyReport(state: StreamState, epoch: Epoch): KeyReport {
  const { reference } = epoch;
  const checkedBy: ('mac' | 'signature')[] = [];
  if (epoch.macChecked) checkedBy.push('mac');
  if (namedSigners(state, epoch).length > 0 && coveredSize(state, epoch) >= epoch.firstSeq) checkedBy.push('signature');
  return {
    keyId: epoch.kid,
    records: epoch.member,
    firstSeq: epoch.firstSeq,
    lastSeq: epoch.lastSeq,
    ...(epoch.startTime !== undefined && { startTime: epoch.startTime }),
    ...(epoch.endTime !== undefined && { endTime: epoch.endTime }),
    ...(reference.records === 'mac' && { dataKey: dataKeyReport(epoch, reference) }),
    signers: [...epoch.signers].map(([id, signer]) => signerReport(state, id, signer)),
    checkedBy,
    status: epoch.status,
  };
}

function witnessedReport(state: StreamState): WitnessedReport | undefined {
  const size = witnessedSize(state);
  const { witnessing } = state.auditor;
  if (size === undefined || witnessing === undefined) return undefined;
  const witnesses = witnessing.witnesses.map(({ name, keyId, publicKey }): WitnessReport => {
    const cosigned = state.evidence.cosigned.get(publicKey.toString('hex'));
    const time = cosigned === undefined ? undefined : timeOf(cosigned.time);
    return { name, keyId, size: cosigned?.size ?? 0, ...(time !== undefined && { time }) };
  });
  const { quorum } = witnessing;
  return { required: fewest(quorum), ...(isGrouped(quorum) && { grouped: true }), size, witnesses };
}

/** Seconds since 1970 as UTC; undefined beyond the year 9999, and for 0, which is no time (C2SP tlog-cosignature). */
function timeOf(seconds: bigint): string | undefined {
  return seconds === 0n || seconds > 253_402_300_799n ? undefined : new Date(Number(seconds) * 1000).toISOString();
}

/** What is known of one stream besides what was found. */
export type StreamFacts = Omit<StreamReport, 'verdict' | 'findings' | 'more'>;

/** What one stream says of itself, and how far it is proven. */
export function streamFacts(
  auditor: Auditor,
  state: StreamState,
  files: readonly string[],
  details: readonly FileDetails[],
): StreamFacts {
  const { after } = state.runs;
  const { closed } = state.order;
  const skippedCheckpoints = state.skipped.report;
  const notes = provingNotes(state);
  const provenSize = provenEnd(state);
  const provenTime = state.tree.lastSealUpTo(provenSize)?.time;
  const witnessed = witnessedReport(state);
  const { dated } = state.evidence;
  const { report: erased } = state.erasures;
  const end = closed?.why === 'shutdown' ? 'closed' : closed?.why === 'continued' ? 'continued' : 'open';
  return {
    origin: auditor.origin,
    firstSeq: state.order.logFirstSeq,
    lastSeq: Math.max(state.order.next - 1, 0),
    records: state.counts.records,
    ...(state.counts.lastTime !== undefined && { endTime: state.counts.lastTime }),
    end,
    ...(closed?.continuedBy !== undefined && { continuedBy: closed.continuedBy }),
    ...(after !== undefined && { after: { origin: after.origin, size: after.size } }),
    provenSize,
    ...(provenTime !== undefined && { provenTime }),
    ...(witnessed !== undefined && { witnessed }),
    ...(dated.length > 0 && {
      dated: dated.map((one) => ({
        ...one,
        time: one.time.toISOString(),
        validUntil: one.validUntil.toISOString(),
      })),
    }),
    runs: state.runs.count,
    droppedLines: state.counts.dropped,
    abandonedEntries: state.runs.abandonedEntries,
    ...(erased !== undefined && { erased }),
    adoptedEntries: state.runs.adoptedEntries,
    ...(skippedCheckpoints !== undefined && { skippedCheckpoints }),
    ...(state.runs.takenOver.length > 0 && { takenOver: state.runs.takenOver }),
    ...(state.order.unproven.length > 0 && { unproven: state.order.unproven }),
    keys: [...state.epochs.earlier, ...state.epochs.all].map((epoch) => keyReport(state, epoch)),
    ...(notes !== undefined && { firstCheckpoint: notes.first, checkpoint: notes.newest }),
    files,
    ...(details.length > 0 && { fileDetails: details }),
    timeline: state.timeline.report,
  };
}

/** The report on one stream, once everything is found. */
export function streamReport(facts: StreamFacts, findings: Findings, strict: boolean): StreamReport {
  const isSigned = facts.keys.at(-1)?.signers.some(({ givenBy }) => givenBy !== undefined) === true;
  const told = rootCauseFirst(findings.list(), findings.following, isSigned && facts.end === 'open');
  const verdict = verdictOf(findings, strict);
  const explained = findings.count('ADOPTED') > 0 && !told.some(({ code }) => code === 'ADOPTED');
  // what could not be checked for another reason was not taken over
  const { takenOver: _unchecked, ...rest } = facts;
  const shown = explained ? { ...rest, adoptedEntries: 0 } : facts;
  return { ...shown, verdict, findings: told, more: findings.more };
}

/** The report on a stream of which nothing could be read. */
export function emptyReport(origin: string, findings: Findings, files: readonly string[]): StreamReport {
  const facts: StreamFacts = {
    origin,
    firstSeq: 0,
    lastSeq: 0,
    records: 0,
    end: 'open',
    provenSize: 0,
    runs: 0,
    droppedLines: 0,
    abandonedEntries: 0,
    adoptedEntries: 0,
    keys: [],
    files,
    timeline: NO_TIMELINE,
  };
  return streamReport(facts, findings, false);
}

/** Puts the streams' reports together: the worst verdict counts. */
export function wholeReport(
  streams: readonly StreamReport[],
  ignored: IgnoredReport,
  { unwrapped, topic }: ReadFrom = {},
): VerifyReport {
  const verdicts = streams.map(({ verdict }) => verdict);
  const verdict = verdicts.includes('tampered')
    ? 'tampered'
    : verdicts.every((one) => one === 'ok')
      ? 'ok'
      : 'undecided';
  return {
    version: 1,
    verdict: streams.length === 0 ? 'undecided' : verdict,
    streams,
    findings: streams.flatMap(({ origin, findings }) => findings.map((finding) => ({ ...finding, origin }))),
    ignored,
    ...(unwrapped !== undefined && { unwrapped }),
    ...(topic !== undefined && { topic }),
    note: 'nothing here shows what came after',
  };
}
