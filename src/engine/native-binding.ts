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
