import { classifyLine, decodeUtf8 } from '../../format/entry.ts';
import { type Erasure, readErasure } from '../../format/erasure.ts';
import { unwrapRecord } from '../../format/record.ts';
import type { Findings } from '../model/findings.ts';
import type { RecordKeeper } from '../stream/kept-records.ts';
import type { LinkedStream } from '../verdict/links.ts';
import type { ErasuresOfAuditor, RecordedErasures } from './erased-entries.ts';

/** What the erasure logs of a policy record, by stream (spec/erasure.md, R1.3). They are read before the streams that they are about. */

/** So many are kept; with more nothing can be said (R1.4). */
const MOST = 1_000_000;

/** What erasure logs record, of any stream. */
export interface RecordedByOrigin {
  /** Undefined where no erasure log is named, or this stream is one. */
  of(origin: string): RecordedErasures | undefined;
}

/** Reads one erasure log; `end` is told once all is known of it. */
interface ErasureReader {
  readonly keeper: RecordKeeper;
  readonly end: (origin: string, log: LinkedStream) => void;
}

/** Collects what erasure logs record while they are verified. */
export class ErasureBook implements RecordedByOrigin {
  readonly #origins: ReadonlySet<string>;
  readonly #unread: Set<string>;
  /** By stream, and by seq and commitment. */
  readonly #recorded = new Map<string, Map<string, Erasure>>();
  #isWhole = true;
  #count = 0;
  #size = 0;

  /** @param origins - those that the policy names */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
    this.#unread = new Set(origins);
  }

  /** Whether the policy names this stream as an erasure log. */
  has(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** So many entries the logs have: whether one has grown meanwhile. */
  get size(): number {
    return this.#size;
  }

  /** Takes the records of one erasure log while it is verified. */
  reader(findings: Findings): ErasureReader {
    let taken: { readonly at: number; readonly erasure: Erasure }[] = [];
    const keeper: RecordKeeper = {
      keep: (at, bytes, start, end) => {
        const line = bytes.subarray(start, end);
        const read = classifyLine(line);
        if (read.type === 'record' && read.commit !== undefined) return; // R1.4 is told already
        const own = read.type === 'record' && read.as === undefined ? unwrapRecord(line, read) : undefined;
        const erasure = own && readErasure(decodeUtf8(own) ?? '');
        if (erasure === undefined) {
          findings.add('ERASURE_MALFORMED', { seq: at }, `entry ${at}: this line is no record of an erasure`);
        } else if (++this.#count > MOST) {
          findings.add('LIMIT', { seq: at }, `there are more than ${MOST} recorded erasures`);
        } else taken.push({ at, erasure });
      },
      goBack: (size) => {
        taken = taken.filter(({ at }) => at <= size);
      },
      proven: () => undefined,
    };
    const end = (origin: string, { facts: { provenSize, end: how, takenOver = [] } }: LinkedStream): void => {
      // R1.3: what a restart took over and no MAC shows to be its writer's, anybody may have written
      const isTaken = (at: number): boolean =>
        takenOver.some((range) => !range.macChecked && at >= range.firstSeq && at <= range.lastSeq);
      this.#unread.delete(origin);
      this.#size += provenSize;
      this.#isWhole &&= !findings.tampered && !findings.undecided && how !== 'continued';
      if (findings.tampered) return;
      for (const { at, erasure } of taken) if (at <= provenSize && !isTaken(at)) this.#add(erasure);
    };
    return { keeper, end };
  }

  /** What is recorded of a stream; undefined where the policy names no erasure log, or this is one. */
  of(origin: string): RecordedErasures | undefined {
    if (this.#origins.size === 0 || this.has(origin)) return undefined;
    return {
      erasures: [...(this.#recorded.get(origin)?.values() ?? [])],
      whole: this.#isWhole && this.#unread.size === 0,
    };
  }

  /** What an auditor of a stream is told of erasures: what `given` has, which was read before, or the book. */
  told(origin: string, accepted: number, given: RecordedByOrigin = this): ErasuresOfAuditor {
    return { isLog: this.has(origin), recorded: given.of(origin), accepted };
  }

  /** What is said again of one commitment records nothing new (R1.1). */
  #add(erasure: Erasure): void {
    const { origin, seq, commit } = erasure.erased;
    const ofStream = this.#recorded.get(origin) ?? new Map<string, Erasure>();
    const key = `${seq} ${commit}`;
    if (!ofStream.has(key)) ofStream.set(key, erasure);
    this.#recorded.set(origin, ofStream);
  }
}
