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

/** The functions of the native module, as `engine/napi/src/lib.rs` has them. */
export interface NativeBinding {
  /** The version of the package that it was built for. */
  version(): string;
  seal(
    batch: NativeBatch,
    lines: {
      readonly inputBytes: number;
      readonly areObjects: boolean;
      readonly maxLineBytes: number;
      readonly at: number;
      readonly limit: number;
      readonly lineLimit: number;
    },
    input: Buffer,
    salts: Buffer,
    output: Buffer,
    innerPad: Buffer,
    outerPad: Buffer,
    edge: Buffer,
    leaf: Buffer,
  ): Progress;
  check(
    batch: NativeBatch,
    checksAuth: boolean,
    bytes: Buffer,
    innerPad: Buffer,
    outerPad: Buffer,
    edge: Buffer,
    leaves: Buffer,
  ): Progress;
  /** What the memory holds in which keys stand during a call: zeros. */
  keyMemory(): readonly number[];
}

/** What every record of a batch has in common. */
export interface NativeBatch {
  readonly seq: number;
  readonly kid: string;
  readonly isMac: boolean;
  readonly records: number;
  readonly hasKey: boolean;
  readonly isSalted: boolean;
  /** -1 where nobody knows the tree. */
  readonly treeSize: number;
}

/** How far a call came. */
export interface Progress {
  readonly records: number;
  /** How many bytes of the input were taken. */
  readonly taken: number;
  /** Where the output ends; 0 where there is none. */
  readonly end: number;
}

/**
 * Loads a native module without the module system, which knows no way from an ES module that bundlers leave alone.
 *
 * @throws what the dynamic linker says
 */
export function loadBinding(file: string): NativeBinding {
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports as NativeBinding; // its version is asked for before anything else
}

const NO_BYTES = Buffer.alloc(0);
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
    const { input, from, to, frontier, key, salts } = lines;
    if (to - from < this.#fewestBytes || isSharedArrayBuffer(input.buffer)) return this.#otherwise.sealLines(lines);
    const { records, taken, end } = this.#binding.seal(
      {
        seq: lines.seq,
        kid: lines.kid,
        isMac: lines.member === 'mac',
        records: lines.records,
        hasKey: key !== undefined,
        isSalted: salts !== undefined,
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
      salts ?? NO_BYTES,
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
        isSalted: lines.salted,
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
  return key === undefined ? [NO_BYTES, NO_BYTES] : [key.innerPad, key.outerPad];
}
