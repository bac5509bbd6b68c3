import type { Digest } from '../../core/hash.ts';
import { type Frontier, hashLeaf, hashLeafInPlace } from '../../core/tree.ts';
import { type LinesToSeal, type SealedLines, SUFFIX_ROOM } from '../../engine/engine.ts';
import { RecordTemplate } from '../../engine/record-template.ts';
import { selectedEngine } from '../../engine/selected-engine.ts';
import { closeObject } from '../../engine/typescript-engine.ts';
import { TamperError } from '../../errors.ts';
import { type ControlEntry, formatControlLeaf, readControl } from '../../format/control.ts';
import {
  CONTROL_WRITE_LIMIT,
  type ControlLine,
  classifyLine,
  formatCheckpointLine,
  formatRecordMember,
  SALT_LENGTH,
  type Wrapping,
} from '../../format/entry.ts';
import { saltedLeaf } from '../../format/leaf.ts';
import { unwrapRecord } from '../../format/record.ts';
import type { Sink } from '../disk/sink.ts';
import type { Epoch } from '../epoch/epoch.ts';
import { lineEnd } from './pending-lines.ts';
import { Salts } from './salts.ts';

/** How much is written at once, in bytes: no more of what was taken is in memory only. */
export const BATCH = 262_144;
/** Room behind a full batch for our own lines, in bytes: they are never a reason to write. */
const OWN_ROOM = 2 * CONTROL_WRITE_LIMIT + 1_024;
/** The most bytes that a UTF-16 code unit becomes in UTF-8. */
const BYTES_A_UNIT = 3;
/** Of shorter lines, in bytes, fewer salts are drawn at once than there may be lines. */
const SHORT_LINE = 32;
const ENTRY_END = '"}}\n';
const LF = 0x0a;

/** `part` of a long line: its number from 1, and whether it is the last (M1.11). */
export interface Part {
  readonly number: number;
  readonly last: boolean;
}

/** Lines of which as many go into the log as find room. */
export type SomeLines = Pick<
  LinesToSeal,
  'input' | 'from' | 'to' | 'inputBytes' | 'areObjects' | 'maxLineBytes' | 'records'
>;

/** What an {@link EntryLog} still holds that its sink has not taken. */
export interface Unwritten {
  /** The application's lines, each with an LF; the last one lacks it where the line is not whole yet. */
  readonly bytes: readonly Buffer[];
  /** How many records they were, with those that are kept elsewhere. */
  readonly records: number;
  /** How many parts of the first line are in the sink already. */
  readonly parts: number;
  /** How many lost lines the gaps count that did not get there either, and since when. */
  readonly lost: number;
  readonly lostSince: number | undefined;
}

/**
 * The entries of one stream on their way to its sink: numbered, hashed in place, authenticated, gathered into batches.
 * Everything here is synchronous. What the sink does not take stays here and is offered again.
 */
export class EntryLog {
  #bytes: Buffer = Buffer.allocUnsafeSlow(1 + BATCH + OWN_ROOM); // one byte before the first line: see hashLeafInPlace
  #start = 1;
  #end = 1;
  #sink: Sink;
  #epoch: Epoch;
  /** Of our member in a record that is no wrapped line. */
  #template: RecordTemplate;
  readonly #salts = new Salts();
  #lastLeaf: Digest | undefined;
  readonly #frontier: Frontier;

  constructor(frontier: Frontier, epoch: Epoch, sink: Sink) {
    this.#frontier = frontier;
    this.#epoch = epoch;
    this.#template = new RecordTemplate(epoch);
    this.#sink = sink;
  }

  get frontier(): Frontier {
    return this.#frontier;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  get sink(): Sink {
    return this.#sink;
  }

  /** Leaf hash of the last entry. */
  get lastLeaf(): Digest | undefined {
    return this.#lastLeaf;
  }

  /** How many bytes wait for the sink. */
  get waiting(): number {
    return this.#end - this.#start;
  }

  /** The offset in the sink at which the next line will begin. */
  get offset(): number {
    return this.#sink.size + this.waiting;
  }

  /** From the next entry on, `epoch` is in force. */
  enter(epoch: Epoch): void {
    this.#epoch = epoch;
    this.#template = new RecordTemplate(epoch);
  }

  /** From the next line on, lines go to `sink`. Everything before must have been written. */
  turnTo(sink: Sink): void {
    if (this.waiting > 0) throw new TamperError('INTERNAL', 'lines of one file wait while the next one begins');
    this.#sink = sink;
  }

  /** Adds a record for a JSON object in text: its first character is `{`, its last one `}`, it holds no LF. */
  appendObject(text: string): void {
    const begin = this.#reserveRecord(text.length * BYTES_A_UNIT);
    this.#closeObject(begin, begin + this.#bytes.write(text, begin));
  }

  /** Adds a record for a JSON object in `from[start, end)`. */
  appendObjectBytes(from: Buffer, start: number, end: number): void {
    const begin = this.#reserveRecord(end - start);
    from.copy(this.#bytes, begin, start, end);
    this.#closeObject(begin, begin + end - start);
  }

  /**
   * Adds records for whole lines, as many as `records` says, as are there and as find room; the first one that is left may
   * still be taken by itself.
   *
   * @param fileEnd - a line is left that would end behind this offset of the sink without any member of ours
   */
  appendLines(lines: SomeLines, records: number, fileEnd: number): SealedLines {
    const { kid, member, salted, recordKey } = this.#epoch;
    const salts = salted
      ? this.#salts.next(Math.min(records, 1 + Math.floor((lines.to - lines.from) / SHORT_LINE)))
      : undefined;
    // no spread: it would make a hidden class at each call
    const sealed = selectedEngine().sealLines({
      input: lines.input,
      from: lines.from,
      to: lines.to,
      inputBytes: lines.inputBytes,
      areObjects: lines.areObjects,
      maxLineBytes: lines.maxLineBytes,
      records: salts === undefined ? records : salts.length / SALT_LENGTH,
      salts,
      lineLimit: fileEnd - this.offset + this.#end,
      seq: this.#frontier.size + 1,
      kid,
      member,
      key: recordKey,
      frontier: this.#frontier,
      output: this.#bytes,
      at: this.#end,
      limit: 1 + BATCH,
    });
    if (salted) this.#salts.used(sealed.records);
    this.#end = sealed.end;
    this.#lastLeaf = sealed.leaf ?? this.#lastLeaf;
    return sealed;
  }

  /** Adds a record for a wrapped line (spec 1): `head` is `{"line":…,`. */
  appendWrapped(head: Buffer, as: Wrapping, part?: Part): void {
    const begin = this.#reserveRecord(head.length);
    head.copy(this.#bytes, begin);
    const headEnd = begin + head.length;
    const { kid, member, salted } = this.#epoch;
    const salt = salted ? this.#salts.next(1).toString('base64url') : undefined;
    const record = { seq: this.#frontier.size + 1, kid, member, as, part: part?.number, last: part?.last };
    const leafEnd = headEnd + this.#bytes.write(formatRecordMember({ ...record, salt }), headEnd, 'latin1');
    if (salt === undefined) this.#finish(hashLeafInPlace(this.#bytes, begin, leafEnd), leafEnd);
    else this.#finish(hashLeaf(saltedLeaf(record, salt, this.#bytes, begin, headEnd)), leafEnd);
    if (salted) this.#salts.used(1);
  }

  /** Adds a control entry. @throws {@link TamperError} `FORMAT_LIMIT` where its line would be over 16,000 bytes (spec 1) */
  appendControl(entry: ControlEntry): void {
    const { kid, member } = this.#epoch;
    const leaf = formatControlLeaf(this.#frontier.size + 1, entry, kid, member);
    const length = Buffer.byteLength(leaf);
    if (length + SUFFIX_ROOM > CONTROL_WRITE_LIMIT) throw tooLong(`the ${entry.kind} entry`, length);
    const begin = this.#reserve(length);
    const leafEnd = begin + this.#bytes.write(leaf, begin, 'utf8');
    this.#finish(hashLeafInPlace(this.#bytes, begin, leafEnd), leafEnd);
  }

  /** Adds a checkpoint line; it is no entry. @throws {@link TamperError} `FORMAT_LIMIT` */
  appendCheckpoint(note: string): void {
    const line = formatCheckpointLine(note);
    const length = Buffer.byteLength(line);
    if (length > CONTROL_WRITE_LIMIT) throw tooLong('the checkpoint line', length);
    const begin = this.#reserve(length);
    this.#end = begin + this.#bytes.write(`${line}\n`, begin, 'utf8');
  }

  /** Begins a run on a sink that cannot be cut: an empty line ends whatever the run before left (spec 1). */
  appendEmptyLine(): void {
    const begin = this.#reserve(1);
    this.#bytes[begin] = LF;
    this.#end = begin + 1;
  }

  /**
   * Writes what waits, as far as the sink takes it.
   *
   * @returns whether nothing waits any more
   */
  writeOut(): boolean {
    this.#salts.clear();
    if (this.#start === this.#end) return true;
    this.#start += this.#sink.write(this.#bytes, this.#start, this.#end);
    if (this.#start < this.#end) return false;
    this.#start = 1;
    this.#end = 1;
    if (this.#bytes.length > 1 + BATCH + OWN_ROOM) this.#bytes = Buffer.allocUnsafeSlow(1 + BATCH + OWN_ROOM);
    return true;
  }

  /**
   * What the sink has not taken, with all of a line of which it has taken a part. For the end: lines get other numbers then.
   *
   * @param after - a seq; what stands up to it is kept elsewhere
   */
  unwritten(after: number): Unwritten {
    const bytes: Buffer[] = [];
    let records = 0;
    let parts: number | undefined;
    let lost = 0;
    let lostSince: number | undefined;
    for (let from = this.#lineStart; from < this.#end; from = this.#bytes.indexOf(LF, from) + 1) {
      const line = this.#bytes.subarray(from, this.#bytes.indexOf(LF, from));
      const read = classifyLine(line);
      if (read.type === 'record') records++;
      if ((read.type !== 'record' && read.type !== 'control') || read.seq <= after) continue;
      if (read.type === 'control') {
        const gap = lossOf(line, read);
        lost += gap.lost;
        lostSince ??= gap.since;
        continue;
      }
      const own = unwrapRecord(line, read);
      if (own === undefined) throw new TamperError('INTERNAL', `entry ${read.seq} does not unwrap`);
      parts ??= (read.part ?? 1) - 1;
      bytes.push(Buffer.from(own));
      if (read.part === undefined || read.last) bytes.push(lineEnd(own));
    }
    return { bytes, records, parts: parts ?? 0, lost, lostSince };
  }

  /** Where the line begins of which the sink, a pipe, may have taken a part only. */
  get #lineStart(): number {
    return Math.max(1, this.#bytes.lastIndexOf(LF, this.#start - 1) + 1);
  }

  #closeObject(begin: number, end: number): void {
    const template = this.#template;
    const { salted } = this.#epoch;
    template.set(this.#frontier.size + 1);
    if (salted) template.giveSalt(this.#salts.next(1), 0);
    const leafEnd = closeObject(this.#bytes, begin, end - 1, template.bytes);
    this.#finish(template.leafOf(this.#bytes, begin, leafEnd), leafEnd);
    if (salted) this.#salts.used(1);
  }

  #finish(leaf: Digest, leafEnd: number): void {
    this.#frontier.append(leaf);
    this.#lastLeaf = leaf;
    this.#end = leafEnd + this.#bytes.write(this.#epoch.authenticate(leaf) + ENTRY_END, leafEnd);
  }

  /**
   * Makes room for a record; where the batch is full it is written first, before anything has changed: what fails there
   * has taken no line.
   *
   * @returns where the line begins
   */
  #reserveRecord(length: number): number {
    if (this.#end + length + SUFFIX_ROOM > 1 + BATCH && this.#sink.obstacle === undefined) this.writeOut();
    return this.#reserve(length);
  }

  #reserve(length: number): number {
    const room = length + SUFFIX_ROOM;
    if (this.#end + room > this.#bytes.length) this.#grow(room);
    return this.#end;
  }

  /** Twice as much each time, so that a line is copied a few times at most however many wait. */
  #grow(room: number): void {
    const from = this.#lineStart;
    const held = this.#end - from;
    const larger = Buffer.allocUnsafeSlow(1 + Math.max(BATCH + OWN_ROOM, held + room, 2 * held));
    this.#bytes.copy(larger, 1, from, this.#end);
    this.#bytes = larger;
    this.#start += 1 - from;
    this.#end = 1 + held;
  }
}

/** What a gap counts; nothing for any other entry. */
function lossOf(line: Buffer, read: ControlLine): { lost: number; since: number | undefined } {
  const reading = readControl(line, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
  if (!('entry' in reading) || reading.entry.kind !== 'gap' || reading.entry.dropped === 0) {
    return { lost: 0, since: undefined };
  }
  return { lost: reading.entry.dropped, since: Date.parse(reading.entry.since) };
}

function tooLong(what: string, length: number): TamperError {
  return new TamperError('FORMAT_LIMIT', `${what} would have ${length} bytes; the limit is ${CONTROL_WRITE_LIMIT}`, {
    hint: 'Use a shorter origin, shorter key names, or fewer signers.',
  });
}
