import { areProofs, verifyWith } from '../internal.ts';
import { type Command, command } from './command.ts';
import { proofsText, refuseLogFlags, verifyProofs } from './evidence/verify-proofs.ts';
import { exitCode } from './exit-code.ts';
import { oneOf, yes } from './flags.ts';
import { jsonText, print } from './output.ts';
import { progressOn } from './progress.ts';
import { verifyFlags, verifyRequest } from './verify-request.ts';
import { verdictText } from './verify-text.ts';

const exitOf = { ok: exitCode.done, tampered: exitCode.finding, undecided: exitCode.undecided } as const;

/** `fapilog-tamper verify` */
export const verify: Command = command(
  {
    usage: 'PATH…|- --origin NAME|--policy FILE [--key-env VAR] [--keys PATH] [--public-key FILE] [--known FILE] …',
    about: [
      'Checks sealed files and says ok (exit code 0), tampered and where (1), or undecided and why (2). Keys and the name of the stream come from you, never from the log. Pass directories, rotated files in any order and .gz files as they are.',
      'A file named *.tlog-proof is the proof of one record, as "prove" makes it, and is verified alone: spec/evidence.md. Logs and proofs are not mixed.',
      'Key flags replace the keys of the same kind in the configuration and the environment.',
    ],
    flags: {
      ...verifyFlags,
      format: oneOf(['text', 'json'], 'output format; spec/report.schema.json describes json'),
      quiet: yes('print only the verdict'),
      verbose: yes('also print key periods and every finding'),
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { format, quiet, verbose } = call.flags;
    const ofProofs = await areProofs(call.positionals);
    if (ofProofs) refuseLogFlags(call.flags);
    const { options, close } = await verifyRequest(call, io);
    if (ofProofs) {
      const report = await verifyProofs(options).finally(close);
      await print(io.stdout, proofsText(report, format, quiet));
      return exitOf[report.verdict];
    }
    const progress = progressOn(quiet || format === 'json' ? undefined : io.stderr);
    try {
      const report = await verifyWith({ ...options, onProgress: progress.show });
      progress.end();
      const level = quiet ? 'quiet' : verbose ? 'verbose' : 'normal';
      const text = format === 'json' ? `${jsonText(report, 2)}\n` : verdictText(report, level);
      await print(io.stdout, text);
      return exitOf[report.verdict];
    } finally {
      progress.end();
      await close();
    }
  },
);
