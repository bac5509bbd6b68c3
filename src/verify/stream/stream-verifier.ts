import type { Digest } from '../../core/hash.ts';
import { RecordMatcher } from '../../engine/record-template.ts';
import {
  type ClassifiedLine,
  type ControlLine,
  classifyLine,
  type RecordLine,
  TAIL_LENGTH,
} from '../../format/entry.ts';
import type { Auditor } from '../auditor/auditor.ts';
import { authenticateRecord } from '../entry/authenticate.ts';
import { countRecords, handleControl, handleRecord } from '../entry/entries.ts';
import type { TakenLines } from '../input/line-splitter.ts';
import type { Allowance } from '../model/allowance.ts';
import type { Epoch } from '../model/epoch.ts';
import type { Findings, Place } from '../model/findings.ts';
import { append } from '../range/advance.ts';
import { checkBeginning } from '../range/beginning.ts';
import { checkEnd, checkNamedSign } from '../range/ending.ts';
import { checkHeldAtEnd } from '../range/held.ts';
import { endEarlyCheckpoint, settleEarlyCheckpoint } from '../range/ranges.ts';
import { reportRestarts } from '../range/restarts.ts';
import { type Shown, StreamState } from '../state/state.ts';
import { checkHeldCosignatures } from '../trust/cosignatures.ts';
import { assess } from '../verdict/assessment.ts';
import { provenEnd } from '../verdict/proven-end.ts';
import { reportUnmatchedKeys } from '../verdict/unmatched-keys.ts';
import { checkRun } from './check-run.ts';
import { type CheckedRun, takeRun } from './checked-run.ts';
import { handleCheckpoint } from './checkpoint-lines.ts';
import { ForeignLines } from './foreign-lines.ts';
import type { RecordKeeper } from './kept-records.ts';
import { beginManifest, checkManifest, type ManifestCheck } from './manifests.ts';
import { checkedHow, type RecordedRun, type Recorder, type RunCheck, resumeRun } from './recorded-run.ts';

const LF = 0x0a;
const CR = 0x0d;

/** What else a verifier may be given. */
interface Further extends Shown {
  /** Sizes at which other streams say that they go on from this one. */
  readonly cited?: readonly number[] | undefined;
  /** Is given every record that is accepted. */
  readonly keeper?: RecordKeeper | undefined;
  /** Is told of every record that was taken as an honest log has it. */
  readonly recorder?: Recorder | undefined;
  /** Shared with the streams that are read at the same time; its own by default. */
  readonly allowance?: Allowance | undefined;
}

/** Verifies the lines of one stream, in their order, in one pass and in bounded memory (spec 8). */
export class StreamVerifier {
  readonly state: StreamState;
  readonly #foreign: ForeignLines;
  #matcher: RecordMatcher | undefined;
  readonly #keeper: RecordKeeper | undefined;
  readonly #recorder: Recorder | undefined;
  /** The leaf of the record that was taken last and not by its bytes. */
  #slowLeaf: Digest | undefined;
  #lineEndings: 'unknown' | 'lf' | 'crlf' = 'unknown';
  #crlfReported = false;
  /** An empty line with a CR before any other line that tells how this file's lines end. */
  #emptyWithCr: Place | undefined;
  /** A byte order mark is before this file's lines, and none of them was one of ours yet. */
  #marked = false;
  #manifest: ManifestCheck | undefined;
  #manifestFile = '';
  #heldUnchecked: boolean;
  /** Whether the next line may be the first of several records: not behind lines that were taken one by one for what they are. */
  #mayBeSeveral = true;

  constructor(
    auditor: Auditor,
    findings: Findings,
    { cited = [], keeper, recorder, allowance, ...shown }: Further = {},
  ) {
    this.#keeper = keeper;
    this.#recorder = recorder;
    this.#heldUnchecked = auditor.witnessing !== undefined && auditor.held.length > 0;
    this.state = new StreamState(auditor, findings, cited, allowance, shown);
    this.state.tree.watchBy(keeper?.proof);
    this.#foreign = new ForeignLines(this.state);
  }

  /** A file begins; `manifest` is what the manifest holds that stands beside it, or beside a file that took its name since. */
  beginFile(file: string, manifest?: Uint8Array, beside: string = file): void {
    this.#manifestFile = beside;
    this.#manifest = manifest === undefined ? undefined : beginManifest(manifest, this.state.counts.records);
    this.state.file.begin(this.#manifest?.facts);
    this.state.place.beginFile(file);
    this.state.order.beginFile();
    this.#lineEndings = 'unknown';
    this.#emptyWithCr = undefined;
    this.#marked = false;
    this.#foreign.beginFile();
    this.state.encoding.beginFile();
  }

  /**
   * Verifies the line `bytes[start, end)` (without LF). `start` is at least 1: the byte before the line is borrowed for a
   * moment. The bytes must stay as they are until the promise, if there is one, is done.
   */
  feed(bytes: Buffer, start: number, end: number, line: number, offset: number): Promise<void> | undefined {
    const { state } = this;
    if (start === end || state.coverage.stopped) return undefined;
    state.place.at(line, offset);
    state.place.hold(bytes, start, end);
    const { epoch } = state;
    const found = state.findings.total;
    let check: RunCheck | undefined;
    if (epoch !== undefined && state.order.expected.what === 'any' && !state.sequence.open && !this.#pending) {
      const seq = state.order.next;
      if (this.#recorder !== undefined) check = checkedHow(state, epoch, seq);
      const matcher = this.#matcherOf(epoch);
      matcher.set(seq);
      if (state.erasures.nextFrom(seq) !== seq && matcher.matches(bytes, start, end)) {
        const leaf = matcher.leafOf(bytes, start, end - TAIL_LENGTH);
        const auth = bytes.toString('latin1', end - TAIL_LENGTH, end - 3);
        const sealed = authenticateRecord(state, epoch, seq, leaf, auth);
        countRecords(state, 1);
        append(state, seq, sealed);
        if (sealed === leaf) this.#keeper?.keep(seq, bytes, start, end);
        if (check !== undefined) this.#record(seq, leaf, epoch, check, found);
        state.place.letGo();
        this.#mayBeSeveral = true;
        return undefined;
      }
    }
    const { next } = state.order;
    state.file.facts?.reach(bytes, end + 1, offset + end + 1 - start); // a close fixes the digest up to here
    const slow = bytes.subarray(start, end);
    const pending = this.#heldUnchecked ? this.#feedFirst(slow) : this.#feedSlowly(slow);
    if (pending !== undefined) return pending.finally(() => state.place.letGo());
    if (check !== undefined && epoch !== undefined && this.#slowLeaf !== undefined)
      this.#record(next, this.#slowLeaf, epoch, check, found);
    this.#slowLeaf = undefined;
    state.place.letGo();
    return undefined;
  }

  /**
   * Verifies lines as {@link feed} would one by one, as long as they are the next records of an honest log. Where somebody is
   * told of each record, it takes none.
   */
  feedSeveral(bytes: Buffer, start: number, end: number, line: number, offset: number): TakenLines {
    const { state } = this;
    const none = { lines: 0, end: start };
    if (!this.#mayBeSeveral || this.#keeper !== undefined || this.#recorder !== undefined) return none;
    if (state.coverage.stopped || this.#pending || this.#heldUnchecked) return none;
    this.#mayBeSeveral = false; // until a line is taken otherwise that others may follow at once
    const run = checkRun(state, bytes, start, end);
    if (run.records === 0) return none;
    this.#mayBeSeveral = true;
    const last = run.records === 1 ? start : bytes.lastIndexOf(LF, run.end - 2) + 1;
    state.place.at(line + run.records - 1, offset + last - start);
    return { lines: run.records, end: run.end };
  }

  /** Tells of a record, where it changed nothing but what every record of its kind changes. */
  #record(seq: number, leaf: Digest, epoch: Epoch, check: RunCheck, found: number): void {
    const { state } = this;
    const as = state.order.next === seq + 1 && state.epoch === epoch && state.findings.total === found;
    if (as && checkedHow(state, epoch, seq) === check) this.#recorder?.record(seq, leaf, epoch, check);
  }

  /** Goes on behind records that another verifier took and told of; false where this one would not have taken them so. */
  resumeRun(run: RecordedRun): boolean {
    return !this.#heldUnchecked && !this.#pending && resumeRun(this.state, run);
  }

  /** No line is taken any other way before the first open: nothing of the tree is reached yet. */
  async #feedFirst(line: Buffer): Promise<void> {
    this.#heldUnchecked = false;
    await checkHeldCosignatures(this.state);
    await this.#feedSlowly(line);
  }

  /** Takes a line that was not written by the carrier: foreign, whatever it contains. */
  feedForeign(bytes: Buffer, start: number, end: number, line: number, offset: number): undefined {
    if (this.state.coverage.stopped) return;
    const { place } = this.state;
    place.at(line, offset);
    place.hold(bytes, start, end);
    this.#foreign.addUncarried(bytes.subarray(start, end));
    place.letGo();
  }

  /** Takes records that another process has checked, as {@link feed} would one by one; false where it must. */
  takeRun(run: CheckedRun, keyOf: (epoch: Epoch) => number | undefined): boolean {
    return !this.#heldUnchecked && !this.#pending && takeRun(this.state, run, keyOf);
  }

  /** Something before the line in hand is explained by what that line is. */
  get #pending(): boolean {
    return this.#foreign.pending || this.#marked || this.state.skipped.early !== undefined;
  }

  /** A byte order mark is before the file's first line (M8.22), or an empty line somewhere, which says nothing (M1.7). */
  skipped(what: 'mark' | 'empty'): void {
    this.state.file.facts?.alter();
    this.#marked ||= what === 'mark';
  }

  /** The buffer is about to be reused: hashes up to `end`, which is the file's byte `offset`. */
  release(bytes: Buffer, end: number, offset: number): void {
    this.state.file.facts?.reach(bytes, end, offset);
  }

  /** The file ends with bytes without LF. */
  feedUnterminated(bytes: number, line: number, offset: number): void {
    this.state.place.at(line, offset);
    this.state.file.facts?.cut(offset);
    if (!this.state.coverage.stopped) this.#foreign.unterminated(bytes);
  }

  /**
   * @param isListed - a directory alone speaks for it
   * @param following - the first entry of the file behind it
   */
  async endFile(isListed = false, following?: number): Promise<void> {
    const { state } = this;
    if (this.#emptyWithCr !== undefined) this.#decideLineEndings(true);
    // of a part of a file nobody can say that none of it was sealed
    const isRewritten =
      !state.coverage.unread && this.#foreign.endFile(isListed && this.#manifest === undefined) === 'rewritten';
    if (this.#manifest !== undefined) {
      if (!state.coverage.stopped && !state.coverage.unread && !isRewritten)
        await checkManifest(state, this.#manifestFile, this.#manifest, following, this.#keeper?.proof);
    } else if (state.auditor.manifestRequired && state.order.closed !== undefined) {
      state.findings.add(
        'MANIFEST_WRONG',
        { file: state.place.file },
        'your policy demands a manifest, but there is none',
      );
    }
    state.file.end();
  }

  /** The log ends: what can only be said of the whole is said now. */
  end(): void {
    const { state } = this;
    this.#foreign.end();
    state.sequence.end();
    endEarlyCheckpoint(state);
    if (state.order.next === 0 && !state.findings.tampered && !state.findings.undecided) {
      const what = state.findings.count('EMPTY_FILE') > 0 ? ': what is here is empty' : '';
      state.findings.add('NOT_SEALED', { file: state.place.file }, `there is no sealed line${what}`);
    }
    checkBeginning(state);
    // what could not be read may hold the open that abandons them
    state.contradictions.report(state.coverage.isPartial ? state.evidence.settledSize : Number.MAX_SAFE_INTEGER);
    checkHeldAtEnd(state);
    reportRestarts(state);
    if (!state.coverage.stopped) assess(state);
    checkEnd(state);
    if (hasEnded(state)) state.erasures.end(state.order.logFirstSeq, state.order.next - 1, state.findings);
    if (!state.coverage.stopped) reportUnmatchedKeys(state);
    checkNamedSign(state);
    this.#keeper?.proven(provenEnd(state));
    state.epochs.erase();
  }

  #feedSlowly(line: Buffer): Promise<void> | undefined {
    const endings = this.#lineEndings;
    const trimmed = this.#trimCarriageReturn(line);
    if (trimmed.length === 0) return undefined; // M1.7
    const read = classifyLine(trimmed);
    if (read.type === 'foreign') {
      this.#foreign.add(trimmed);
      return undefined;
    }
    if (read.type === 'checkpoint') this.#foreign.beforeCheckpoint();
    else this.#foreign.before(isRecoveredOpen(trimmed, read));
    if (this.#marked)
      this.state.find('LINE_ENDINGS_CONVERTED', 'this file begins with a byte order mark; it was sealed without');
    this.#marked = false;
    if (isOwnEntry(this.state, read)) settleEarlyCheckpoint(this.state, read.seq);
    if (read.type === 'record') {
      const taken = handleRecord(this.state, trimmed, read);
      const isPlain = taken?.isErased === false;
      this.#slowLeaf = isPlain && endings === this.#lineEndings ? taken.leaf : undefined;
      // R2.2: one that should have been erased is not given to anyone
      if (isPlain || (taken !== undefined && read.commit !== undefined))
        this.#keeper?.keep(read.seq, trimmed, 0, trimmed.length);
      this.#mayBeSeveral ||= read.as === 'text';
      return undefined;
    }
    this.#mayBeSeveral = true;
    if (read.type === 'checkpoint') return handleCheckpoint(this.state, read.note, trimmed, this.#keeper?.proof);
    return this.#control(trimmed, read);
  }

  async #control(line: Buffer, read: ControlLine): Promise<void> {
    const { order, runs, tree } = this.state;
    const { next } = order;
    const { abandonedEntries } = runs;
    const proof = this.#keeper?.proof;
    const before = proof === undefined ? [] : [...(tree.frontier?.subtrees ?? [])];
    await handleControl(this.state, line, read);
    if (this.state.runs.abandonedEntries > abandonedEntries) this.#keeper?.goBack(read.seq - 1);
    const sealed = read.seq === next ? tree.seal(read.seq) : undefined;
    if (sealed !== undefined) proof?.seal(line, sealed, before);
    this.#keeper?.control?.(read.seq, line);
  }

  #matcherOf({ kid, member, salted }: Epoch): RecordMatcher {
    const form = this.#matcher?.form;
    if (this.#matcher === undefined || form?.kid !== kid || form.member !== member || form.salted !== salted)
      this.#matcher = new RecordMatcher({ kid, member, salted });
    return this.#matcher;
  }

  #decideLineEndings(converted: boolean): void {
    const emptyWithCr = this.#emptyWithCr;
    this.#emptyWithCr = undefined;
    this.#lineEndings = converted ? 'crlf' : 'lf';
    if (converted) {
      this.state.file.facts?.alter();
      this.state.find('LINE_ENDINGS_CONVERTED', 'the lines of this file end with CR LF; they were sealed with LF');
    } else if (emptyWithCr !== undefined) {
      this.state.findings.add('FOREIGN_LINE', emptyWithCr, 'this line was never sealed, but is among sealed ones');
    }
  }

  /** A file whose every line has a CR was converted on its way; a single line with one is foreign (spec 8.10). */
  #trimCarriageReturn(line: Buffer): Buffer {
    const hasCr = line[line.length - 1] === CR;
    if (this.#lineEndings === 'unknown') {
      const converted = hasCr ? line.subarray(0, -1) : line;
      if (converted.length === 0) {
        this.#emptyWithCr ??= this.state.foundHere();
        return converted; // the next line tells
      }
      if (hasCr && classifyLine(converted).type === 'foreign') return line;
      this.#decideLineEndings(hasCr);
    }
    if (this.#lineEndings === 'lf') return line;
    if (hasCr) return line.subarray(0, -1);
    if (!this.#crlfReported)
      this.state.find('FOREIGN_LINE', 'this line ends with LF in a file whose lines end with CR LF');
    this.#crlfReported = true;
    return line;
  }
}

/** R2.3: a close that is proven is its last entry, and no next file is to come. */
function hasEnded(state: StreamState): boolean {
  const { closed, next } = state.order;
  const isLast = closed !== undefined && closed.why !== 'rotated';
  return isLast && !state.coverage.isPartial && !state.auditor.part && provenEnd(state) === next - 1;
}

function isOwnEntry(state: StreamState, read: ClassifiedLine): read is RecordLine | ControlLine {
  return (read.type === 'record' || read.type === 'control') && read.tag === state.tag;
}

function isRecoveredOpen(line: Buffer, read: ClassifiedLine): boolean {
  return read.type === 'control' && read.kind === 'open' && line.includes('"why":"recovered"');
}
