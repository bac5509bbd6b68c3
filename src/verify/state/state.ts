import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import type { OpenEntry } from '../../format/control.ts';
import { kidOf, tagOf } from '../../format/origin.ts';
import type { Auditor, NamedPublicKey } from '../auditor/auditor.ts';
import { ErasedEntries, NO_ERASURES } from '../erasures/erased-entries.ts';
import { Allowance, type Limited } from '../model/allowance.ts';
import type { Epoch, Run, SignerId } from '../model/epoch.ts';
import type { FileFactsCollector } from '../model/file-facts.ts';
import { FINDING_SEVERITY, type FindingCode, type Findings, type Place, type Severity } from '../model/findings.ts';
import { GoodSignatures } from '../model/good-signatures.ts';
import { KnownKeys } from '../model/known-keys.ts';
import { nothingSettled, type Settled } from '../model/settled.ts';
import { Successors } from '../model/successor-ranges.ts';
import type { TakenOver, Unproven } from '../model/taken-over.ts';
import { Timeline, type TimelineRoom } from '../model/timeline.ts';
import { TreeHistory } from '../model/tree-history.ts';
import { AskedRoots } from './asked-roots.ts';
import { Contradictions } from './contradictions.ts';
import { ConvertedEncoding } from './converted-encoding.ts';
import { Counts } from './counts.ts';
import { Epochs } from './epochs.ts';
import { Evidence, type GoodCosignature } from './evidence.ts';
import { LinePlace } from './line-place.ts';
import { type BreakReason, SequenceTracker } from './sequence.ts';
import { SkippedCheckpoints } from './skipped-checkpoints.ts';

/** What the control entry before the present one was, as far as the order of entries depends on it. */
export type Expectation =
  | { readonly what: 'any' }
  | { readonly what: 'seal'; readonly after: 'open' | 'key' } // the seal of a run's open or of a hand-over comes next
  | { readonly what: 'open'; readonly after: 'rotated' | 'shutdown' | 'continued' }; // only an open may follow a close

/** What a report shows of a stream besides the verdict. */
export interface Shown {
  /** Findings quote the lines that they are about. Default false. */
  readonly quoteLines?: boolean | undefined;
  /** Shared by the streams of one report; its own by default. */
  readonly timelineRoom?: TimelineRoom | undefined;
}

/** A reader walks at most so many steps of the key schedule (spec 8.2). */
const STEP_LIMIT = 2 ** 20;

/**
 * Where a range begins in the middle, a checkpoint held of all that was before it is the last word on the key period there
 * (M8.4, M8.14): a range that keeps neither its signatures nor its MACs was not written by who wrote what was before.
 */
export interface HeldBefore {
  /** A key that the auditor named signed it. */
  readonly signed: boolean;
  /** It carries our MAC, whoever can check it. */
  readonly mac: boolean;
}

/**
 * Everything that is known of one stream while its lines are read, and the parts that each know some of it. It grows with key
 * periods, as far as the allowance goes.
 */
export class StreamState {
  readonly auditor: Auditor;
  readonly findings: Findings;
  readonly allowance: Allowance;
  /** What is used up of it, and was reported. */
  readonly limitsReached: Set<Limited> = new Set();
  readonly tag: string;
  readonly tree: TreeHistory;
  readonly sequence: SequenceTracker;

  /** Where the line in hand is. */
  readonly place: LinePlace = new LinePlace();

  /** The seq of the range's first entry; 0 before it. */
  firstSeq = 0;
  /** The seq that the next entry must have; 0 before the range's first. */
  next = 0;
  /** What {@link next} was as the present file began. */
  fileNext = 0;
  #brokenBy: BreakReason | undefined;
  #head: { readonly missing: number; readonly from: number } | undefined;
  /** The checkpoints before the first entry of the present file that may be about entries still to come: the largest of them. */
  early:
    | { readonly size: number; readonly place: Place; readonly count: number; readonly smallest: number }
    | undefined;
  /** The file before the present one ends inside a line, or too early: what came behind it there is not known. */
  afterCut = false;
  /** The present file ends before the entry that its manifest names as its last one. */
  endsEarly = false;
  /** What was read of the present file but checkpoints was written again: its entries cannot be read. */
  isRewritten = false;
  /** After a format of a later version: nothing that follows can be decided (spec 8.3). */
  stopped = false;
  /** A file could not be read to its end: what should follow cannot be missed (spec 8.12). */
  unread = false;
  /** A damaged file that is none of those read may hold entries that nothing here has (M8.5). */
  maybeElsewhere = false;
  /** After an unknown kind: order, counts, steps and cadence are undecided until the next run. */
  orderUnknown = false;
  /** A range that begins in the middle is proven by a held checkpoint; a range from seq 1 needs no proof. */
  startProven = false;
  /** Reported once. */
  startReported = false;
  /** What a checkpoint held of all that was before the range shows. */
  before: HeldBefore = { signed: false, mac: false };

  #earlierFirstSeq = 0;
  readonly epochs: Epochs = new Epochs();
  readonly evidence: Evidence = new Evidence();
  readonly asked: AskedRoots;
  readonly erasures: ErasedEntries;
  readonly contradictions: Contradictions;
  readonly encoding: ConvertedEncoding;
  run: Run | undefined;
  runs = 0;
  /** What the first open says of the stream that this one goes on from (M2.2). */
  after: OpenEntry['after'];
  every: OpenEntry['every'] | undefined;
  expect: Expectation = { what: 'any' };
  /** The public keys that the auditor names, and those that the auditor's key service confirmed on the way. */
  readonly publicKeys: NamedPublicKey[];
  /** Those, and the signers of every key period so far. */
  readonly knownKeys: KnownKeys;
  /** Signers of vouched key periods, where the policy accepts successors as named. */
  successors: Successors = new Successors();
  /** Which key periods are vouched for whatever comes, unless a run adopts them. */
  settled: Settled = nothingSettled(0);
  /** Signatures that verified, so that a repeated one costs nothing. */
  readonly goodSignatures: GoodSignatures = new GoodSignatures();
  /** The cosignatures of the checkpoints that the auditor holds, checked before the first line. */
  readonly heldCosigned: Map<SignedCheckpoint, readonly GoodCosignature[]> = new Map();
  /** Signers that the auditor's key service did not confirm. */
  readonly refusedSigners: Set<SignerId> = new Set();
  /** The smallest seq that a later run adopted, by the run's index. */
  adoptions: { readonly run: number; readonly from: number; readonly openSeq: number }[] = [];
  /** Where the adoption began that marked key periods last, and the last one whose MACs were not checked. */
  readonly markedFrom: { takenOver: number; introducedInAdopted: number } = {
    takenOver: Number.MAX_SAFE_INTEGER,
    introducedInAdopted: Number.MAX_SAFE_INTEGER,
  };
  adoptedEntries = 0;
  /** What restarts took over, in every range. */
  readonly takenOver: TakenOver[] = [];
  /** What of it had no MACs that were checked. */
  readonly adopted: TakenOver[] = [];
  /** The unproven entries of the ranges before this one. */
  readonly unproven: Unproven[] = [];
  abandonedEntries = 0;

  readonly counts: Counts = new Counts();
  readonly timeline: Timeline;
  readonly #quoteLines: boolean;
  /** The last entry, if it was a close. */
  closed: { readonly why: string; readonly seq: number; readonly continuedBy: string | undefined } | undefined;
  /** What the present file's manifest will be checked against; undefined where there is no manifest. */
  facts: FileFactsCollector | undefined;
  readonly skipped: SkippedCheckpoints = new SkippedCheckpoints();
  /** So many steps of key schedules may still be walked, over the whole log (spec 8.2). */
  stepsLeft: number = STEP_LIMIT;
  unterminatedBytes = 0;

  constructor(
    auditor: Auditor,
    findings: Findings,
    cited: readonly number[] = [],
    allowance: Allowance = new Allowance(),
    { quoteLines = false, timelineRoom }: Shown = {},
  ) {
    this.auditor = auditor;
    this.findings = findings;
    this.allowance = allowance;
    this.timeline = new Timeline(timelineRoom);
    this.#quoteLines = quoteLines;
    this.tree = new TreeHistory(allowance);
    this.publicKeys = [...auditor.publicKeys];
    this.knownKeys = new KnownKeys(auditor.origin);
    for (const { key } of this.publicKeys) this.knownKeys.add(key);
    this.tag = tagOf(auditor.origin);
    this.sequence = new SequenceTracker(this);
    this.contradictions = new Contradictions(findings);
    this.encoding = new ConvertedEncoding(findings, this.contradictions, this.evidence);
    this.erasures = new ErasedEntries(auditor.erasures ?? NO_ERASURES);
    const stamped = auditor.stamped?.map(({ checkpoint }) => checkpoint.size) ?? [];
    this.asked = new AskedRoots([...auditor.held.map(({ size }) => size), ...stamped, ...cited]);
  }

  /** The key period in force. */
  get epoch(): Epoch | undefined {
    return this.epochs.inForce;
  }

  /** The range goes on, or began, without an open: the next one begins another range. */
  get isHeadless(): boolean {
    return this.#head !== undefined;
  }

  /** Entries from `from` on have no open before them; those from `missing` to there are not here. */
  loseHead(missing: number, from: number): void {
    this.#head ??= { missing, from };
  }

  /** Notes the unproven entries of the range, which ends before `end`: those behind its `proven` end, and those without an open. */
  noteUnproven(proven: number, end: number): void {
    const { missing, from } = this.#head ?? { missing: end, from: end };
    const add = (firstSeq: number, lastSeq: number, macChecked: boolean): void => {
      if (firstSeq <= lastSeq) this.unproven.push({ firstSeq, lastSeq, macChecked });
    };
    const last = Math.min(missing, end) - 1;
    const unchecked = Math.min(this.evidence.lastUnchecked, last);
    add(Math.max(proven + 1, this.firstSeq), unchecked, false);
    add(Math.max(proven, unchecked, this.firstSeq - 1) + 1, last, true);
    add(from, end - 1, false);
  }

  /** Whether a hole or a bad leaf stands before: roots, frontiers, counts and the end are not reported again (spec 8.11). */
  get broken(): boolean {
    return this.#brokenBy !== undefined;
  }

  /** From here on the range says nothing of roots, frontiers, counts and its end. The first reason counts. */
  breakOff(why: BreakReason): void {
    this.#brokenBy ??= why;
  }

  /** Not all that may be of it was read: what should follow cannot be missed. */
  get isPartial(): boolean {
    return this.unread || this.stopped || this.maybeElsewhere;
  }

  /** Why what should be here need not be lost; undefined where every file could be read (M8.5). */
  mayHold(what: string): string | undefined {
    return this.maybeElsewhere ? `a file that could not be read may hold ${what}` : undefined;
  }

  /** Whether the file that was read last is not all that its writer wrote. */
  get isCut(): boolean {
    return this.unterminatedBytes > 0 || this.endsEarly;
  }

  /** Whether no entry of the present file has been taken yet. */
  get atFileStart(): boolean {
    return this.next === this.fileNext;
  }

  /** The seq of the log's first entry, whatever is missing after it. */
  get logFirstSeq(): number {
    const both = [this.#earlierFirstSeq, this.firstSeq].filter((seq) => seq > 0);
    return both.length === 0 ? 0 : Math.min(...both); // a crash may have gone back behind the first one
  }

  /** Forgets the range that was read; what counts for the whole log stays. */
  beginRange(): void {
    this.#earlierFirstSeq = this.logFirstSeq;
    this.epochs.beginRange();
    this.evidence.beginRange();
    this.tree.clear();
    this.firstSeq = 0;
    this.next = 0;
    this.fileNext = 0;
    this.#brokenBy = undefined;
    this.#head = undefined;
    this.orderUnknown = false;
    this.startProven = false;
    this.startReported = true;
    this.before = { signed: false, mac: false };
    this.run = undefined;
    this.every = undefined;
    this.expect = { what: 'any' };
    this.successors = new Successors();
    this.settled = nothingSettled(0);
    this.adoptions = [];
    this.markedFrom.takenOver = Number.MAX_SAFE_INTEGER;
    this.markedFrom.introducedInAdopted = Number.MAX_SAFE_INTEGER;
    this.counts.beginRange();
    this.closed = undefined;
  }

  /** The place of the line in hand. */
  here(seq?: number): Place {
    return this.place.here(seq);
  }

  /** The same, for a finding: with the line, where lines are asked for, and the time of the seal before it. */
  foundHere(seq?: number): Place {
    const previousSealTime = this.counts.sealTime;
    const quoted = this.#quoteLines ? this.place.quoted : undefined;
    return {
      ...this.here(seq),
      ...(previousSealTime !== undefined && { previousSealTime }),
      ...(quoted !== undefined && { quoted }),
    };
  }

  find(code: FindingCode, message: string, seq?: number, severity: Severity = FINDING_SEVERITY[code]): void {
    const place = severity === 'warning' ? this.here(seq) : this.foundHere(seq);
    this.findings.add(code, place, message, severity);
  }

  kid(epoch: number): string {
    return kidOf(this.auditor.origin, epoch);
  }
}
