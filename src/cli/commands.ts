import type { CommandRow } from './command.ts';

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
    summary: 'contact the key service, test permissions, and say what to do first',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'recover',
    group: 'Seal',
    summary: 'begin a new stream when the old one cannot continue',
    load: async () => (await import('./recover.ts')).recover,
  },
  {
    name: 'erase',
    group: 'Seal',
    summary: 'erase records from closed files; an erasure log says which, who and why',
    load: async () => (await import('./erase.ts')).erase,
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
    summary: 'verify many streams, reading only what is new since the last audit',
    load: async () => (await import('./audit/audit.ts')).audit,
  },
  {
    name: 'audit enqueue',
    group: 'Verify',
    summary: 'spread an audit over many machines: queue one job per stream in Redis',
    load: async () => (await import('./audit/queue/enqueue.ts')).enqueue,
  },
  {
    name: 'audit work',
    group: 'Verify',
    summary: 'run queued audit jobs',
    load: async () => (await import('./audit/queue/work.ts')).work,
  },
  {
    name: 'audit collect',
    group: 'Verify',
    summary: 'print the results of all queued jobs',
    load: async () => (await import('./audit/queue/collect.ts')).collect,
  },
  {
    name: 'audit merge',
    group: 'Verify',
    summary: 'combine the results of all parts of an audit',
    load: async () => (await import('./audit/merge.ts')).merge,
  },
  {
    name: 'policy init',
    group: 'Verify',
    summary: 'draft a policy file',
    load: async () => (await import('./policy.ts')).policyInit,
  },
  {
    name: 'keys show',
    group: 'Verify',
    summary: 'show keys with fingerprints to compare',
    load: async () => (await import('./keys/show.ts')).keysShow,
  },
  {
    name: 'keys recover',
    group: 'Verify',
    summary: 'fetch data keys from their key services once, to verify offline',
    load: async () => (await import('./keys/recover.ts')).keysRecover,
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
    summary: 'prove one record to someone who has only the public key',
    load: async () => (await import('./evidence/prove.ts')).prove,
  },
  {
    name: 'export',
    group: 'Prove to others',
    summary: "write a log as C2SP tlog-tiles, for other people's tools",
    load: async () => (await import('./evidence/export.ts')).exportCommand,
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
    group: 'Other',
    summary: 'seal real log lines, verify, tamper, and see what is found',
    load: async () => (await import('./demo/demo.ts')).demo,
  },
  {
    name: 'completion',
    group: 'Other',
    summary: 'print the completion script for bash, zsh or fish',
    load: async () => (await import('./completion/completion.ts')).completionOf(commands),
  },
];
