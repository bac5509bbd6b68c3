import { kidOf, tagOf } from '../../format/origin.ts';
import type { Auditor } from '../auditor/auditor.ts';
import { ErasedEntries, NO_ERASURES } from '../erasures/erased-entries.ts';
import { Allowance, type Limited } from '../model/allowance.ts';
import type { Epoch } from '../model/epoch.ts';
import { FINDING_SEVERITY, type FindingCode, type Findings, type Place, type Severity } from '../model/findings.ts';
import { GoodSignatures } from '../model/good-signatures.ts';
import { Timeline, type TimelineRoom } from '../model/timeline.ts';
import { TreeHistory } from '../model/tree-history.ts';
import { AskedRoots } from './asked-roots.ts';
import { Contradictions } from './contradictions.ts';
import { ConvertedEncoding } from './converted-encoding.ts';
import { Counts } from './counts.ts';
import { Coverage } from './coverage.ts';
import { Epochs } from './epochs.ts';
import { Evidence } from './evidence.ts';
import { KnownKeys } from './known-keys.ts';
import { LinePlace } from './line-place.ts';
import { Order } from './order.ts';
import { PresentFile } from './present-file.ts';
import { Runs } from './runs.ts';
import { SequenceTracker } from './sequence.ts';
import { SkippedCheckpoints } from './skipped-checkpoints.ts';

/** What a report shows of a stream besides the verdict. */
export interface Shown {
  /** Findings quote the lines that they are about. Default false. */
  readonly quoteLines?: boolean | undefined;
  /** Shared by the streams of one report; its own by default. */
  readonly timelineRoom?: TimelineRoom | undefined;
}

/**
 * Everything that is known of one stream while its lines are read, and the parts that each know some of it. It grows with key
 * periods, as far as the allowance goes.
 */
export class StreamState {
  readonly auditor: Auditor;
  readonly findings: Findings;
  readonly allowance: Allowance;
  readonly tag: string;
  readonly tree: TreeHistory;
  readonly sequence: SequenceTracker;

  readonly place: LinePlace = new LinePlace();
  readonly order: Order = new Order();
  readonly coverage: Coverage = new Coverage();
  readonly file: PresentFile = new PresentFile();
  readonly epochs: Epochs = new Epochs();
  readonly evidence: Evidence = new Evidence();
  readonly asked: AskedRoots;
  readonly erasures: ErasedEntries;
  readonly contradictions: Contradictions;
  readonly encoding: ConvertedEncoding;
  readonly runs: Runs = new Runs();
  readonly knownKeys: KnownKeys;
  /** Signatures that verified, so that a repeated one costs nothing. */
  readonly goodSignatures: GoodSignatures = new GoodSignatures();
  readonly counts: Counts = new Counts();
  readonly timeline: Timeline;
  readonly skipped: SkippedCheckpoints = new SkippedCheckpoints();
  readonly #quoteLines: boolean;

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
    this.knownKeys = new KnownKeys(auditor);
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

  /** Forgets the range that was read; each part keeps what counts for the whole log. */
  beginRange(startReported = true): void {
    this.order.beginRange(startReported);
    this.epochs.beginRange();
    this.evidence.beginRange();
    this.tree.clear();
    this.runs.beginRange();
    this.counts.beginRange();
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

  /** A bound of the reader is reached: what follows in the stream is not read, and cannot be decided (M8.25). */
  stopAtLimit(message: string, seq?: number): void {
    this.find('LIMIT', `${message}; nothing from here on can be decided. Verify the files in parts.`, seq);
    this.coverage.stop();
  }

  /** A bound of the reader is reached, and the reading goes on without what it limits: one finding of a stream says so. */
  sayOnce(what: Limited, message: string): void {
    if (!this.coverage.lacks(what)) this.find('LIMIT', message);
    this.coverage.reachLimit(what);
  }

  kid(epoch: number): string {
    return kidOf(this.auditor.origin, epoch);
  }
}
