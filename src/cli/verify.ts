import { verifyWith } from '../internal.ts';
import type { Command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { jsonText, print } from './output.ts';
import { oneOfFlag } from './own-flags.ts';
import { progressOn } from './progress.ts';
import { verifyRequest } from './verify-request.ts';
import { verdictText } from './verify-text.ts';

/** `fapilog-tamper verify` */
export const verify: Command = {
  usage: 'PATH…|- --origin NAME|--policy FILE [--key-env VAR] [--keys PATH] [--public-key FILE] [--known FILE] …',
  help: `
Checks sealed files and says ok (exit code 0), tampered, with the places (1), or undecided, because (2). Keys and the name
of the stream come from you, never from the log. Directories, rotated files in any order and .gz are taken as they are.

  --origin NAME       the stream; NAME* stands for every stream whose name begins so. May be given more than once
  --policy FILE       the auditor's policy: streams, keys, how complete, how fresh (docs/policy.md)
  --config FILE       the writer's configuration: its origin and keys
  --key-env VAR       an environment variable with the data key; NAME=VAR where the policy calls it NAME. May be given more
                      than once
  --keys PATH         a file with the data key, or a directory of NAME.key files. May be given more than once
  --public-key FILE   verifier keys or a PEM: what signed the checkpoints. May be given more than once
                      key flags replace the keys of the same kind in configuration and environment
  --known FILE        like known_hosts: the checkpoints seen before must be in the log; advances when all is ok
  --since NOTE        a file with a checkpoint that you hold. May be given more than once
  --manifest PATH     a manifest to check besides those that stand beside the files. May be given more than once
  --live              the log is still being written: its end is the newest seal
  --now TIME          what counts as now for --live (default: the clock)
  --part              one closed file by itself, after the checkpoint held before it (--since)
  --demux             lines of several streams stand mixed in the files
  --accept-successors signers that were handed over to count as named
  --strict            warnings make it undecided
  --max-bytes N       a .gz may expand to so many bytes (default 64 GiB)
  --jobs N            above 1: N extra processes check the records of large files (not of a .gz)
  --format FORMAT     text (default) or json (spec/report.schema.json)
  --quiet             only the verdict; --verbose: key periods and every finding as well`,
  flags: {
    config: { type: 'string' },
    policy: { type: 'string' },
    origin: { type: 'string', multiple: true },
    'key-env': { type: 'string', multiple: true },
    keys: { type: 'string', multiple: true },
    'public-key': { type: 'string', multiple: true },
    known: { type: 'string' },
    since: { type: 'string', multiple: true },
    manifest: { type: 'string', multiple: true },
    live: { type: 'boolean' },
    now: { type: 'string' },
    part: { type: 'boolean' },
    demux: { type: 'boolean' },
    'accept-successors': { type: 'boolean' },
    strict: { type: 'boolean' },
    'max-bytes': { type: 'string' },
    jobs: { type: 'string' },
    format: { type: 'string' },
    quiet: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
  takesConfig: true,

  async run(flags, io) {
    const format = oneOfFlag(flags, 'format', ['text', 'json']);
    const { options, keys } = await verifyRequest(flags, io);
    const progress = progressOn(flags.own['quiet'] === true || format === 'json' ? undefined : io.stderr);
    try {
      const report = await verifyWith({ ...options, onProgress: progress.show });
      progress.end();
      const level = flags.own['quiet'] === true ? 'quiet' : flags.own['verbose'] === true ? 'verbose' : 'normal';
      const text = format === 'json' ? `${jsonText(report, 2)}\n` : verdictText(report, level);
      await print(io.stdout, text);
      return { ok: exitCode.done, tampered: exitCode.finding, undecided: exitCode.undecided }[report.verdict];
    } finally {
      progress.end();
      await keys.close();
    }
  },
};
