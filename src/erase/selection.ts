import { TamperError } from '../errors.ts';
import { classifyLine, decodeUtf8, isJson, type RecordLine } from '../format/entry.ts';
import { commitmentOf } from '../format/leaf.ts';
import { tagOf } from '../format/origin.ts';
import { unwrapRecord } from '../format/record.ts';
import type { Keeping, RecordKeeper } from '../verify/stream/kept-records.ts';

/** Which records of a log are to be erased. */

/** Entries from `first` to `last`. */
export interface SeqRange {
  readonly first: number;
  readonly last: number;
}

/** Records whose object has this member with this value; a dot in the name goes into an object. */
export interface MemberValue {
  readonly member: string;
  /** As text: a number, `true` or `false` is compared with what JSON writes for it. */
  readonly value: string;
}

/** What is asked for. Records that `seqs` names, and those of which every member of `where` is right; nothing without both. */
export interface Wanted {
  readonly seqs: readonly SeqRange[];
  readonly where: readonly MemberValue[];
}

/** What was found of one stream. */
class FoundRecords {
  readonly records = new Map<number, Found>();
  /** Of what was asked for by number, what some record is, erased or not. */
  readonly met = new Set<SeqRange>();
  /** Of a long line that was sealed in parts, those that came, while it may still be one that is asked for. */
  line: { readonly parts: Map<number, Found>; readonly pieces: Buffer[]; length: number } | undefined;
}

interface Found {
  /** Undefined where the record has no salt. */
  readonly commit: string | undefined;
  readonly part: number | undefined;
  readonly last: boolean;
}

/** Of a line that was sealed in parts, so many bytes are put together to look into it. */
const LONGEST_JOINED = 2 ** 26;

/** Collects the records that are asked for while their log is verified. */
export class Selection implements Keeping {
  readonly #wanted: Wanted;
  /** By TAG. */
  readonly #streams = new Map<string, FoundRecords>();

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  begin(): void {
    this.#streams.clear();
  }

  keeper(): RecordKeeper {
    let own: FoundRecords | undefined;
    return {
      keep: (seq, bytes, start, end) => {
        const line = bytes.subarray(start, end);
        const read = classifyLine(line);
        if (read.type !== 'record') return;
        own ??= this.#of(read.tag);
        let isNumbered = false;
        for (const range of this.#wanted.seqs.filter((one) => covers(one, seq))) {
          own.met.add(range);
          isNumbered = true;
        }
        if (read.commit !== undefined) own.line = undefined;
        else if (isNumbered) own.records.set(seq, found(line, read));
        else if (this.#wanted.where.length > 0) this.#lookInto(own, line, read);
      },
      goBack: (size) => {
        for (const seq of own?.records.keys() ?? []) if (seq > size) own?.records.delete(seq);
        if (own !== undefined) own.line = undefined;
      },
      proven: () => undefined,
    };
  }

  /** A long line is asked for, or not, once all its parts are there. */
  #lookInto(own: FoundRecords, line: Buffer, read: RecordLine): void {
    if (read.part === undefined) {
      if (read.as === undefined && this.#isWanted(unwrapRecord(line, read)))
        own.records.set(read.seq, found(line, read));
      return;
    }
    if (read.part === 1) own.line = { parts: new Map(), pieces: [], length: 0 };
    const piece = unwrapRecord(line, read);
    if (own.line === undefined || piece === undefined) return;
    own.line.parts.set(read.seq, found(line, read));
    own.line.pieces.push(Buffer.from(piece));
    own.line.length += piece.length;
    if (own.line.length > LONGEST_JOINED) {
      throw new TamperError('USAGE', `the line that ends behind entry ${read.seq} is too long for --where`, {
        hint: `It has more than ${LONGEST_JOINED} bytes. Name the entries with --seq.`,
      });
    }
    if (!read.last) return;
    const { parts, pieces } = own.line;
    own.line = undefined;
    if (this.#isWanted(Buffer.concat(pieces))) for (const [seq, one] of parts) own.records.set(seq, one);
  }

  /**
   * The commitments of what was found in a stream, by seq (R3.1).
   *
   * @param standing - records that are on record as erased and still there
   * @throws {@link TamperError} `USAGE` for an entry that cannot be erased
   */
  in(origin: string, provenSize: number, standing: ReadonlyMap<number, string>): Map<number, string> {
    const { records, met } = this.#of(tagOf(origin));
    for (const range of this.#wanted.seqs) {
      const isHere = met.has(range) || [...standing.keys()].some((seq) => covers(range, seq));
      refuseRange(range, origin, provenSize, isHere);
    }
    const all = [...records].sort(([one], [other]) => one - other);
    refuseParts(all);
    return new Map(
      all.map(([seq, { commit }]) => {
        if (commit === undefined) {
          throw new TamperError(
            'USAGE',
            `entry ${seq} has no salt, so it cannot be erased: its hash would give it away`,
            {
              hint: 'Only records that were sealed with salt_records: true can be erased.',
            },
          );
        }
        if (seq > provenSize) throw behindEnd(seq, provenSize);
        return [seq, commit];
      }),
    );
  }

  #of(tag: string): FoundRecords {
    const found = this.#streams.get(tag) ?? new FoundRecords();
    this.#streams.set(tag, found);
    return found;
  }

  #isWanted(record: Buffer | undefined): boolean {
    const text = decodeUtf8(record ?? Buffer.alloc(0));
    if (text === undefined || !isJson(text)) return false;
    const object: unknown = JSON.parse(text);
    return this.#wanted.where.every(({ member, value }) => valueAt(object, member) === value);
  }
}

const covers = ({ first, last }: SeqRange, seq: number): boolean => seq >= first && seq <= last;

function found(line: Buffer, { salt, memberStart, part, last }: RecordLine): Found {
  return { commit: salt === undefined ? undefined : commitmentOf(salt, line, 0, memberStart), part, last };
}

function behindEnd(seq: number, provenSize: number): TamperError {
  return new TamperError('USAGE', `entry ${seq} is behind the proven end of the log, entry ${provenSize}`, {
    hint: 'Wait until the log is signed up to there.',
  });
}

/** R3.1: a number must be that of a record, and a range must hold some. */
function refuseRange(range: SeqRange, origin: string, provenSize: number, isHere: boolean): void {
  const { first, last } = range;
  if (last > provenSize) throw behindEnd(last, provenSize);
  if (isHere) return;
  const which =
    first === last
      ? `entry ${first} of ${origin} is no record`
      : `no entry from ${first} to ${last} of ${origin} is a record`;
  throw new TamperError('USAGE', `${which}: only records can be erased`, {
    hint: 'fapilog-tamper inspect shows the entries that the log has for itself.',
  });
}

/** What a member says, as text; undefined where it is not there, or an object or a list. A name with a dot may be one member. */
function valueAt(object: unknown, member: string): string | undefined {
  if (typeof object !== 'object' || object === null) return undefined;
  if (Object.hasOwn(object, member)) {
    const value = (object as Record<string, unknown>)[member];
    if (typeof value === 'string') return value;
    const isExact =
      typeof value === 'boolean' || (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER);
    return isExact ? String(value) : undefined; // of larger numbers several are read as one
  }
  const dot = member.indexOf('.');
  if (dot < 0 || !Object.hasOwn(object, member.slice(0, dot))) return undefined;
  return valueAt((object as Record<string, unknown>)[member.slice(0, dot)], member.slice(dot + 1));
}

/** R3.1: of a line that was split every part goes, or none. */
function refuseParts(found: readonly (readonly [number, Found])[]): void {
  let open: number | undefined;
  const refuse = (seq: number): never => {
    throw new TamperError('USAGE', `entry ${seq} is a part of a long line, and not all of its parts are to be erased`, {
      hint: 'Name every part of it: the entries directly before and after it that say "part".',
    });
  };
  for (const [seq, { part, last }] of found) {
    const goesOn = open !== undefined && seq === open + 1 && part !== undefined && part > 1;
    if (open !== undefined && !goesOn) refuse(open);
    if (part !== undefined && part > 1 && !goesOn) refuse(seq);
    open = part !== undefined && !last ? seq : undefined;
  }
  if (open !== undefined) refuse(open);
}
