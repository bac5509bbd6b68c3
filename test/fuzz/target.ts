import type { Random } from './random.ts';

/** A parser of ours, and what must hold of it whatever it is given. */
export interface Target {
  readonly name: string;
  /** Where to begin: inputs that get past the first checks. */
  seeds(): readonly Buffer[];
  /** Words of its language. */
  readonly tokens?: readonly string[];
  /** Inputs are cut to so many bytes. Default 4,096. */
  readonly limit?: number;
  /** A change that keeps more of an input's sense than a change of bytes does; undefined where none comes to mind. */
  readonly change?: (input: Buffer, random: Random) => Buffer | undefined;
  /** Throws where something does not hold. */
  run(input: Buffer): Promise<void> | void;
}
