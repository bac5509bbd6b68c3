import type { Command } from './command.ts';

/** A row of the table of commands. */
export interface CommandRow {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** Loads the command; nothing of a command is loaded before it is called. */
  load(): Promise<Command>;
}

/** Every command, in the order of the overview. */
export const commands: readonly CommandRow[] = [
  {
    name: 'seal',
    summary: 'standard input to a sealed file or to standard output',
    load: async () => (await import('./seal.ts')).seal,
  },
  {
    name: 'doctor',
    summary: 'reach the key service, test what we may do, show each option and where it came from',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'keygen',
    summary: 'make a key file',
    load: async () => (await import('./keygen.ts')).keygen,
  },
  {
    name: 'verify',
    summary: 'check sealed files: ok, tampered here, or undecided because',
    load: async () => (await import('./verify.ts')).verify,
  },
  {
    name: 'inspect',
    summary: 'what sealed files say of themselves; nothing is trusted',
    load: async () => (await import('./inspect.ts')).inspect,
  },
  {
    name: 'cat',
    summary: "the application's own lines back, byte for byte",
    load: async () => (await import('./cat.ts')).cat,
  },
  {
    name: 'demo',
    summary: 'seal real log lines, verify, tamper, and see what is found',
    load: async () => (await import('./demo/demo.ts')).demo,
  },
  {
    name: 'policy',
    summary: 'policy init: a policy file to begin with',
    load: async () => (await import('./policy.ts')).policy,
  },
  {
    name: 'recover',
    summary: 'go on with a new stream where the old one cannot',
    load: async () => (await import('./recover.ts')).recover,
  },
];
