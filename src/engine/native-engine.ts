import { isSharedArrayBuffer } from 'node:util/types';
import { digestFrom } from '../core/hash.ts';
import type { RecordKey } from '../core/hmac.ts';
import { type Frontier, MAX_SUBTREES } from '../core/tree.ts';
import {
  type CheckedRecords,
  type Engine,
  LEAF_BYTES,
  type LinesToSeal,
  type RecordsToCheck,
  type SealedLines,
} from './engine.ts';
import type { NativeBinding } from './native-binding.ts';

const NO_PAD = Buffer.alloc(0);
/** More is never given at once: offsets have 32 bits there. */
const MOST_BYTES = 2 ** 31;
/** Fewer bytes of lines are sealed in JavaScript in less time than a call takes: 1.7 µs, as long as two or three lines. */
const FEWEST_BYTES = 700;

/** The engine in native code. */
export class NativeEngine implements Engine {
  readonly name = 'native';
  readonly #binding: NativeBinding;
  readonly #otherwise: Engine;
  readonly #fewestBytes: number;
  readonly #edge = Buffer.alloc(MAX_SUBTREES * LEAF_BYTES);
  readonly #leaf = Buffer.alloc(LEAF_BYTES);

  /**
   * @param otherwise - takes what another thread may change meanwhile, which only an engine in JavaScript can bear
   * @param fewestBytes - and fewer bytes of lines than this. Default: what it seals faster
   */
  constructor(binding: NativeBinding, otherwise: Engine, fewestBytes: number = FEWEST_BYTES) {
    this.#binding = binding;
    this.#otherwise = otherwise;
    this.#fewestBytes = fewestBytes;
  }

  sealLines(lines: LinesToSeal): SealedLines {
    const { input, from, to, frontier, key } = lines;
    if (to - from < this.#fewestBytes || isSharedArrayBuffer(input.buffer)) return this.#otherwise.sealLines(lines);
    const { records, taken, end } = this.#binding.seal(
      {
        seq: lines.seq,
        kid: lines.kid,
        isMac: lines.member === 'mac',
        records: lines.records,
        hasKey: key !== undefined,
        treeSize: this.#giveEdge(frontier),
      },
      {
        inputBytes: lines.inputBytes,
        areObjects: lines.areObjects,
        maxLineBytes: lines.maxLineBytes,
        at: lines.at,
        limit: lines.limit,
        lineLimit: lines.lineLimit,
      },
      input.subarray(from, Math.min(to, from + MOST_BYTES)),
      lines.output,
      ...padsOf(key),
      this.#edge,
      this.#leaf,
    );
    this.#takeEdge(frontier, records);
    return { records, taken: from + taken, end, leaf: records === 0 ? undefined : digestFrom(this.#leaf) };
  }

  checkRecords(lines: RecordsToCheck): CheckedRecords {
    const { bytes, from, to, frontier, key } = lines;
    const { records, taken } = this.#binding.check(
      {
        seq: lines.seq,
        kid: lines.kid,
        isMac: lines.member === 'mac',
        records: lines.records,
        hasKey: key !== undefined,
        treeSize: frontier === undefined ? -1 : this.#giveEdge(frontier),
      },
      lines.checksAuth,
      bytes.subarray(from, Math.min(to, from + MOST_BYTES)),
      ...padsOf(key),
      this.#edge,
      lines.leaves,
    );
    if (frontier !== undefined) this.#takeEdge(frontier, records);
    return { records, end: from + taken };
  }

  #giveEdge({ size, subtrees }: Frontier): number {
    let at = 0;
    for (const root of subtrees) at += this.#edge.write(root, at, LEAF_BYTES, 'latin1');
    return size;
  }

  #takeEdge(frontier: Frontier, records: number): void {
    if (records > 0)
      frontier.advance(records, (at) => this.#edge.toString('latin1', at * LEAF_BYTES, (at + 1) * LEAF_BYTES));
  }
}

function padsOf(key: RecordKey | undefined): [inner: Buffer, outer: Buffer] {
  return key === undefined ? [NO_PAD, NO_PAD] : [key.innerPad, key.outerPad];
}
