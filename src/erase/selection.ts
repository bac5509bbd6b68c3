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

interface Found {
  /** Undefined where the record has no salt. */
  readonly commit: string | undefined;
  readonly part: number | undefined;
  readonly last: boolean;
}

/** Collects the records that are asked for while their log is verified. */
export class Selection implements Keeping {
  readonly #wanted: Wanted;
  /** By TAG, then by seq. */
  readonly #streams = new Map<string, Map<number, Found>>();

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  begin(): void {
    this.#streams.clear();
  }

  keeper(): RecordKeeper {
    let own: Map<number, Found> | undefined;
    return {
      keep: (seq, bytes, start, end) => {
        const line = bytes.subarray(start, end);
        const read = classifyLine(line);
        if (read.type !== 'record' || read.commit !== undefined || !this.#isWanted(seq, line, read)) return;
        own ??= this.#of(read.tag);
        const { salt, memberStart, part, last } = read;
        const commit = salt === undefined ? undefined : commitmentOf(salt, line, 0, memberStart);
        own.set(seq, { commit, part, last });
      },
      goBack: (size) => {
        for (const seq of own?.keys() ?? []) if (seq > size) own?.delete(seq);
      },
      proven: () => undefined,
    };
  }

  /**
   * The commitments of what was found in a stream, by seq (R3.1).
   *
   * @throws {@link TamperError} `USAGE` for an entry that cannot be erased
   */
  in(origin: string, provenSize: number): Map<number, string> {
    const found = [...this.#of(tagOf(origin))].sort(([one], [other]) => one - other);
    refuseParts(found);
    return new Map(
      found.map(([seq, { commit }]) => {
        if (commit === undefined) {
          throw new TamperError(
            'USAGE',
            `entry ${seq} has no salt, so it cannot be erased: its hash would give it away`,
            {
              hint: 'Only records that were sealed with salt_records: true can be erased.',
            },
          );
        }
        if (seq > provenSize) {
          throw new TamperError('USAGE', `entry ${seq} is behind the proven end of the log, entry ${provenSize}`, {
            hint: 'Wait until the log is signed up to there.',
          });
        }
        return [seq, commit];
      }),
    );
  }

  #of(tag: string): Map<number, Found> {
    const found = this.#streams.get(tag) ?? new Map<number, Found>();
    this.#streams.set(tag, found);
    return found;
  }

  #isWanted(seq: number, line: Buffer, read: RecordLine): boolean {
    if (this.#wanted.seqs.some(({ first, last }) => seq >= first && seq <= last)) return true;
    const { where } = this.#wanted;
    if (where.length === 0 || read.as !== undefined) return false;
    const text = decodeUtf8(unwrapRecord(line, read) ?? Buffer.alloc(0));
    if (text === undefined || !isJson(text)) return false;
    const object: unknown = JSON.parse(text);
    return where.every(({ member, value }) => valueAt(object, member) === value);
  }
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
