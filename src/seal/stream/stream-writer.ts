import { TamperError } from '../../errors.ts';
import { formatCheckpointText } from '../../format/checkpoint.ts';
import type { CloseEntry, GapEntry, OpenEntry, TreeHead } from '../../format/control.ts';
import type { Wrapping } from '../../format/entry.ts';
import { formatTime } from '../../foundation/clock.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import type { FileAccount } from '../disk/state-record.ts';
import type { Epoch } from '../epoch/epoch.ts';
import type { EntryLog, Part, SomeLines } from './entry-log.ts';

/** What a stream's writer is made from. */
export interface StreamWriterOptions {
  readonly origin: string;
  /** What each `open` promises (spec 2). */
  readonly every: OpenEntry['every'];
  readonly log: EntryLog;
  /** What is known of the file that the run goes on in; undefined in a new file. */
  readonly account: FileAccount | undefined;
  /** Wall time in milliseconds. */
  readonly now: () => number;
  /** Told of a seal that records made due, once its keys have been overwritten; every other is returned to who asked for it. */
  readonly onDue: (job: SealJob) => void;
  /** A file is closed before a record would make it longer than that, in bytes; 0: never. */
  readonly maxBytes: number;
}

/** What an `open` says besides what the writer knows itself. */
export interface Opening {
  readonly why: OpenEntry['why'];
  readonly checkpoint?: TreeHead;
  readonly torn?: OpenEntry['torn'];
  readonly adoptedFrom?: number;
  readonly after?: OpenEntry['after'];
}

/** What a record adds to its line, and what the end of a file takes: a close, and the checkpoint line that names the origin twice. */
const ENDING = 600;
/** What a close adds that names the stream which goes on: its name is the configured one, a stamp and a number. */
const CONTINUED = 200;

/** A heartbeat that comes later than this many times its interval was held up: the process did not run (spec 5). */
const SUSPENDED = 1.2;

/** Writes the entries of one run: records, and the control entries around them with their counts and times. */
export class StreamWriter {
  readonly origin: string;
  readonly log: EntryLog;
  readonly #every: OpenEntry['every'];
  readonly #now: () => number;
  readonly #onDue: (job: SealJob) => void;
  readonly #maxBytes: number;
  readonly #ending: number;
  /** Up to this length of the file it was said that it is full. */
  #fullSaid = 0;
  #epochSeq = 1;
  #records = 0;
  #gaps = 0;
  #sinceSeal = 0;
  #droppedSinceSeal = 0;
  #sinceOpen = 0;
  #firstTime = 0;
  #lastTime = 0;
  #lastSeal = 0;
  #lastSealSize = 0;
  #gapSinceSeal = false;
  #account: Omit<FileAccount, 'records'> | undefined;
  #fileRecords: number;
  /** Whether the last control entry that begins or ends a file was an `open`: after a `close` nothing else may follow (M2.6). */
  #isOpen = false;

  constructor(options: StreamWriterOptions) {
    this.origin = options.origin;
    this.log = options.log;
    this.#every = options.every;
    this.#now = options.now;
    this.#account = options.account;
    this.#fileRecords = options.account?.records ?? 0;
    this.#onDue = options.onDue;
    this.#maxBytes = options.maxBytes;
    this.#ending = ENDING + CONTINUED + 3 * options.origin.length;
  }

  /** Whether entries may follow: false before the run's `open`, and from a `close` to the next file's `open`. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Record lines of this run. */
  get records(): number {
    return this.#records;
  }

  /** `gap` entries written. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Record lines of the file, of all runs. */
  get fileRecords(): number {
    return this.#fileRecords;
  }

  /** Record lines since the last seal, close or run's open. */
  get sinceSeal(): number {
    return this.#sinceSeal;
  }

  /** When the last seal (or the run's open) was written, in milliseconds. */
  get lastSeal(): number {
    return this.#lastSeal;
  }

  /** Record lines in the file since its last `open`. */
  get sinceOpen(): number {
    return this.#sinceOpen;
  }

  /** Whether an entry stands after the last seal. */
  get unsealed(): boolean {
    return this.log.frontier.size > this.#lastSealSize;
  }

  /** Writes the first `open` of a run and its seal, which brings the enrolment checkpoint (spec 5). */
  begin(opening: Opening): SealJob {
    this.#epochSeq = this.log.frontier.size + 1;
    this.#sinceSeal = 0;
    this.#droppedSinceSeal = 0;
    this.#open(opening);
    this.#lastSeal = this.#now();
    return this.seal(true); // its checkpoint is the one that an auditor pins
  }

  /** Writes the `open` of the next file of this run. */
  continueFile(opening: Opening): void {
    this.#account = undefined;
    this.#fileRecords = 0;
    this.#open(opening);
  }

  /** Adds a record: a JSON object in text. */
  object(text: string): void {
    this.#checkOpen();
    this.log.appendObject(text);
    this.#counted();
  }

  /** Adds a record: a JSON object in `from[start, end)`. */
  objectBytes(from: Buffer, start: number, end: number): void {
    this.#checkOpen();
    this.log.appendObjectBytes(from, start, end);
    this.#counted();
  }

  /**
   * Adds records for whole lines, up to the next seal, the end of the file, or one that must be taken by itself.
   *
   * @returns how many, and where the first line begins that was left
   */
  lines(lines: SomeLines): { readonly records: number; readonly taken: number } {
    this.#checkOpen();
    const fileEnd = this.#maxBytes === 0 ? Number.MAX_SAFE_INTEGER : Math.max(this.#maxBytes, this.#fullSaid);
    const begun = this.#maxBytes === 0 || this.#fileRecords > 0; // the first record of a file is never too long for it
    const records = begun ? Math.min(lines.records, this.#every.records - this.#sinceSeal) : 0;
    if (records === 0) return { records: 0, taken: lines.from };
    const sealed = this.log.appendLines(lines, records, fileEnd - this.#ending);
    if (sealed.records > 0) this.#counted(sealed.records);
    return sealed;
  }

  /** Adds a record: a wrapped line. */
  wrapped(head: Buffer, as: Wrapping, part?: Part): void {
    this.#checkOpen();
    this.log.appendWrapped(head, as, part);
    this.#counted();
  }

  /**
   * Whether the file is to be closed before a record of so many bytes (`rotate_max_bytes`). It is said once, and again when
   * the file has grown by an eighth: the next one may have to wait for a key.
   */
  isFullFor(length: number): boolean {
    if (this.#maxBytes === 0 || this.#fileRecords === 0) return false;
    const end = this.log.offset + length + this.#ending;
    if (end <= this.#maxBytes || end <= this.#fullSaid) return false;
    this.#fullSaid = end + this.#maxBytes / 8;
    return true;
  }

  /** Seals first where so many records, which must stand together, would not fit before the next seal. */
  makeRoom(records: number): void {
    if (this.#sinceSeal > 0 && records > this.#every.records - this.#sinceSeal) this.#onDue(this.seal());
  }

  gap(why: GapEntry['why'], dropped: number, since: number): void {
    this.#checkOpen();
    this.log.appendControl({ kind: 'gap', dropped, since: formatTime(since), why });
    this.#droppedSinceSeal += dropped;
    this.#gapSinceSeal = true;
    this.#gaps++;
  }

  /** Ends a step (spec 3): writes a seal, computes our MAC over its checkpoint, overwrites the keys. */
  seal(kept = false): SealJob {
    this.#checkOpen();
    const time = this.#now();
    this.#explainPause(time);
    return this.#seal(time, kept);
  }

  /** @param time - of the seal; a pause before it is explained by now: nothing may stand between a `key` and its seal (spec 5) */
  #seal(time: number, kept: boolean, next?: Epoch): SealJob {
    this.log.appendControl({
      kind: 'seal',
      step: this.log.epoch.step,
      time: formatTime(time),
      records: this.#sinceSeal,
      dropped: this.#droppedSinceSeal,
    });
    return this.#endStep(time, kept, undefined, next);
  }

  /** Hand-over (spec 5): the `key` entry and the seal are the old key period's; from then on `next` is in force. */
  handOver(next: Epoch): SealJob {
    this.#checkOpen();
    const time = this.#now();
    this.#explainPause(time);
    this.log.appendControl({ kind: 'key', next: next.kid, key: next.reference });
    return this.#seal(time, true, next);
  }

  /** Ends the file, and the step with it. */
  close(why: CloseEntry['why'], continuedBy?: string): SealJob {
    this.#checkOpen();
    const time = this.#now();
    this.#explainPause(time);
    this.log.appendControl({
      kind: 'close',
      step: this.log.epoch.step,
      time: formatTime(time),
      records: this.#sinceOpen,
      ...(this.#sinceOpen > 0 && { firstTime: formatTime(this.#firstTime), lastTime: formatTime(this.#lastTime) }),
      why,
      ...(continuedBy !== undefined && { continuedBy }),
    });
    this.#isOpen = false;
    const times = this.#sinceOpen > 0 ? { first: this.#firstTime, last: this.#lastTime } : undefined;
    return this.#endStep(time, true, { why, times });
  }

  #open(opening: Opening): void {
    const { frontier, epoch } = this.log;
    const time = formatTime(this.#now());
    this.#account ??= { firstSeq: frontier.size + 1, created: time, root: frontier.root() };
    this.log.appendControl({
      kind: 'open',
      format: 1,
      origin: this.origin,
      time,
      why: opening.why,
      size: frontier.size,
      frontier: [...frontier.subtrees],
      ...(opening.checkpoint && { checkpoint: opening.checkpoint }),
      key: epoch.reference,
      epochSeq: this.#epochSeq,
      step: epoch.step,
      every: this.#every,
      ...(opening.torn && { torn: opening.torn }),
      ...(opening.adoptedFrom !== undefined && { adoptedFrom: opening.adoptedFrom }),
      ...(opening.after && { after: opening.after }),
    });
    this.#isOpen = true;
    this.#sinceOpen = 0;
    this.#fullSaid = 0;
  }

  /** Whoever asks for an entry: one after the file's `close` would make an honest log look altered for good. */
  #checkOpen(): void {
    if (!this.#isOpen) throw new TamperError('INTERNAL', `an entry of ${this.origin} was asked for after its close`);
  }

  #explainPause(time: number): void {
    const late = time - this.#lastSeal > this.#every.idleSeconds * 1000 * SUSPENDED;
    if (late && !this.#gapSinceSeal) this.gap('suspended', 0, this.#lastSeal);
  }

  #counted(records = 1): void {
    this.#records += records;
    const time = this.#now();
    this.#fileRecords += records;
    if (this.#sinceOpen === 0) this.#firstTime = time;
    this.#sinceOpen += records;
    this.#lastTime = time;
    this.#sinceSeal += records;
    if (this.#sinceSeal >= this.#every.records) this.#onDue(this.seal());
  }

  #endStep(time: number, kept: boolean, closes: SealJob['closes'], next?: Epoch): SealJob {
    const { log } = this;
    const { epoch, frontier, sink } = log;
    const head = { origin: this.origin, size: frontier.size, root: frontier.root() };
    const text = formatCheckpointText(head);
    const macLine = epoch.macLine(text);
    if (next === undefined) epoch.advance();
    else this.#enter(next);
    this.#sinceSeal = 0;
    this.#droppedSinceSeal = 0;
    this.#gapSinceSeal = false;
    this.#lastSeal = time;
    this.#lastSealSize = frontier.size;
    return {
      ...head,
      frontier: [...frontier.subtrees],
      leaf: log.lastLeaf as string, // the seal's own
      text,
      macLine,
      epoch,
      coSigners: next?.signers ?? [],
      next: { epoch: log.epoch, epochSeq: this.#epochSeq, step: log.epoch.step },
      sink,
      get file() {
        return sink.name; // a closed file gets another one
      },
      offset: log.offset,
      account: { ...(this.#account as FileAccount), records: this.#fileRecords }, // an open stands before every seal
      kept,
      time,
      closes,
    };
  }

  #enter(next: Epoch): void {
    this.log.epoch.erase();
    this.log.enter(next);
    this.#epochSeq = this.log.frontier.size + 1;
  }
}
