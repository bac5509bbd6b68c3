import type { Readable, Writable } from 'node:stream';
import type { FlagSpec, Flags } from '../internal.ts';

/** What a command may touch of the process it runs in. */
export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves at SIGINT or SIGTERM. Whoever calls this ends itself then; a second signal ends the process at once. */
  stopped(): Promise<void>;
  /** Calls `act` at each SIGHUP, which then does not end the process. @returns a function that ends that */
  onHangUp(act: () => void): () => void;
}

/** A command: one file of this directory, one row in `commands.ts`. */
export interface Command {
  /** What stands after the command's name, as `PATH… [--format text|json]`. */
  readonly usage: string;
  /** For `--help`: one paragraph, and one line for each flag. */
  readonly help: string;
  /** The command's own flags; `--help` comes by itself. */
  readonly flags: Readonly<Record<string, FlagSpec>>;
  /** Whether each option of the configuration is a flag too. */
  readonly takesConfig: boolean;
  /** Does it. @returns the exit code */
  run(flags: Flags, io: CommandIo): Promise<number>;
}
