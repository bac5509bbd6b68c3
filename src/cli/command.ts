import type { Readable, Writable } from 'node:stream';
import type { TamperConfig } from '../index.ts';
import {
  type FlagSpec,
  type Flags,
  loadConfigFile,
  type OwnDigest,
  type Resolution,
  resolveConfig,
} from '../internal.ts';
import { type FlagSet, type FlagValues, specsOf, valuesOf } from './flags.ts';
import type { Described } from './help.ts';
import type { InputBytes } from './input/input-bytes.ts';

/** What a command may touch of the process it runs in. */
export interface CommandIo {
  /** Standard input as a stream. It is taken once: so, or by {@link CommandIo.inputBytes}. */
  readonly stdin: () => Readable;
  /** Standard input, in memory that is used again. */
  readonly inputBytes: () => InputBytes;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The version of the package. */
  version(): Promise<string>;
  /** The SHA-256 of the program; computed when it is called. Undefined where the program cannot know it. */
  readonly digest?: () => Promise<OwnDigest>;
  /** Resolves at SIGINT or SIGTERM. Whoever calls this ends itself then; a second signal ends the process at once. */
  stopped(): Promise<void>;
  /** Calls `act` at each SIGHUP, which then does not end the process. @returns a function that ends that */
  onHangUp(act: () => void): () => void;
}

/** A command line as a command takes it. */
export interface Call<F extends FlagSet> {
  readonly flags: FlagValues<F>;
  /** The options of the configuration that were given as flags. */
  readonly config: TamperConfig;
  readonly positionals: readonly string[];
}

/** A command: one file of this directory, one row in `commands.ts`. */
export interface Command extends Described {
  /** How its own flags are parsed; `--help` comes by itself. */
  readonly specs: Readonly<Record<string, FlagSpec>>;
  /** Does it. @returns the exit code */
  run(parsed: Flags, io: CommandIo): Promise<number>;
}

/** A row of the table of commands. */
export interface CommandRow {
  readonly name: string;
  /** Its heading in the overview. */
  readonly group: 'Seal' | 'Verify' | 'Prove to others' | 'Other';
  /** One line for the overview. */
  readonly summary: string;
  /** Loads the command; nothing of a command is loaded before it is called. */
  load(): Promise<Command>;
}

/** Makes a command whose flags arrive as the values that they become. */
export function command<const F extends FlagSet>(
  described: Described & { readonly flags: F },
  run: (call: Call<F>, io: CommandIo) => Promise<number>,
): Command {
  const { flags } = described;
  return {
    ...described,
    specs: specsOf(flags),
    run: ({ own, config, positionals }, io) => run({ flags: valuesOf(flags, own), config, positionals }, io),
  };
}

/**
 * The configuration of a command: its flags, the environment, and the file that `--config` or `FAPILOG_TAMPER_CONFIG`
 * names. `keyVariables` are variables that hold keys, named by a flag of the command's own.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, CONFIG_UNREADABLE, INSECURE_ENDPOINT
 */
export async function resolveCall(
  {
    flags: own,
    config: flags,
  }: Pick<Call<FlagSet>, 'config'> & { readonly flags: { readonly config: string | undefined } },
  io: CommandIo,
  keyVariables: readonly string[] = [],
): Promise<Resolution> {
  const path = own.config ?? io.env['FAPILOG_TAMPER_CONFIG'];
  const file = path === undefined ? undefined : await loadConfigFile(path);
  return resolveConfig({ flags, env: io.env, keyVariables, ...(file === undefined ? {} : { file }) });
}

/** The configuration of another log of this host: its file alone says it, since variables hold the options of other writers. */
export async function configurationOf(file: string): Promise<Resolution['config']> {
  return resolveConfig({ file: await loadConfigFile(file) }).config;
}
