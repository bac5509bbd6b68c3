import type { Command } from './command.ts';

/** A row of the table of commands. */
export interface CommandRow {
  readonly name: string;
  /** Its heading in the overview. */
  readonly group: 'Seal' | 'Verify' | 'Prove to others' | 'Try it';
  /** One line for the overview. */
  readonly summary: string;
  /** Loads the command; nothing of a command is loaded before it is called. */
  load(): Promise<Command>;
}

/** Every command, in the order of the overview. */
export const commands: readonly CommandRow[] = [
  {
    name: 'seal',
    group: 'Seal',
    summary: 'seal standard input into a file, or to standard output',
    load: async () => (await import('./seal.ts')).seal,
  },
  {
    name: 'keygen',
    group: 'Seal',
    summary: 'make a key file',
    load: async () => (await import('./keygen.ts')).keygen,
  },
  {
    name: 'doctor',
    group: 'Seal',
    summary: 'contact the key service, test permissions, show each option and where it came from',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'recover',
    group: 'Seal',
    summary: 'begin a new stream when the old one cannot continue',
    load: async () => (await import('./recover.ts')).recover,
  },
  {
    name: 'verify',
    group: 'Verify',
    summary: 'check sealed files: ok, tampered and where, or undecided and why',
    load: async () => (await import('./verify.ts')).verify,
  },
  {
    name: 'audit',
    group: 'Verify',
    summary: 'verify many streams, each as far as it is new since the last audit',
    load: async () => (await import('./audit/audit.ts')).audit,
  },
  {
    name: 'audit enqueue',
    group: 'Verify',
    summary: 'the same on many machines: make a job of each stream, in a queue on Redis',
    load: async () => (await import('./audit/queue/enqueue.ts')).enqueue,
  },
  {
    name: 'audit work',
    group: 'Verify',
    summary: 'do such jobs',
    load: async () => (await import('./audit/queue/work.ts')).work,
  },
  {
    name: 'audit collect',
    group: 'Verify',
    summary: 'give the results of all of them',
    load: async () => (await import('./audit/queue/collect.ts')).collect,
  },
  {
    name: 'policy',
    group: 'Verify',
    summary: 'policy init: draft a policy file',
    load: async () => (await import('./policy.ts')).policy,
  },
  {
    name: 'keys',
    group: 'Verify',
    summary: 'keys show: keys with fingerprints to compare; keys recover: data keys from their services, once',
    load: async () => (await import('./keys/keys.ts')).keys,
  },
  {
    name: 'inspect',
    group: 'Verify',
    summary: 'show what sealed files say about themselves; nothing is checked',
    load: async () => (await import('./inspect.ts')).inspect,
  },
  {
    name: 'cat',
    group: 'Verify',
    summary: "print the application's own lines, byte for byte",
    load: async () => (await import('./cat.ts')).cat,
  },
  {
    name: 'prove',
    group: 'Prove to others',
    summary: 'prove one record to somebody who has only the public key',
    load: async () => (await import('./evidence/prove.ts')).prove,
  },
  {
    name: 'attest',
    group: 'Prove to others',
    summary: 'sign a statement about sealed files that cosign and other in-toto verifiers accept',
    load: async () => (await import('./evidence/attest.ts')).attest,
  },
  {
    name: 'witness',
    group: 'Prove to others',
    summary: 'have the newest checkpoint of a log cosigned by a witness',
    load: async () => (await import('./witness.ts')).witness,
  },
  {
    name: 'timestamp',
    group: 'Prove to others',
    summary: 'have the newest checkpoint of a log stamped by a time-stamp authority',
    load: async () => (await import('./timestamp.ts')).timestamp,
  },
  {
    name: 'demo',
    group: 'Try it',
    summary: 'seal real log lines, verify, tamper, and see what is found',
    load: async () => (await import('./demo/demo.ts')).demo,
  },
];
