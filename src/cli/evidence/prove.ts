import { TamperError } from '../../index.ts';
import { closing, proveRecordWith } from '../../internal.ts';
import { type Command, command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { count, text } from '../flags.ts';
import { print, printable } from '../output.ts';
import { progressOn } from '../progress.ts';
import { verifyFlags, verifyRequest } from '../verify-request.ts';
import { verdictText } from '../verify-text.ts';
import { writeNewFile } from './new-file.ts';

/** `fapilog-tamper prove` */
export const prove: Command = command(
  {
    usage: 'PATH…|- --seq N --origin NAME|--policy FILE --public-key FILE [--out FILE] …',
    examples: [
      '% audit.jsonl --seq 4711 --policy policy.yaml > payment.tlog-proof',
      '% audit.jsonl --seq 4711 --origin audit.example.com/app --public-key audit.key.pub --out payment.tlog-proof',
    ],
    about: [
      'Proves that one record is in a log: verifies the log as "verify" does and, if the verdict is ok, prints a C2SP tlog-proof with the record, its inclusion proof, the signed checkpoint that covers it, and the seal that dates it. Anyone with the public key can check it alone: fapilog-tamper verify NAME.tlog-proof.',
      'A log sealed with a data key alone has no signature, so it cannot prove anything to others. All other flags are those of verify; --jobs has no effect. Nothing is written unless the verdict is ok (exit codes as with verify).',
    ],
    flags: {
      seq: count('the record: the value of "seq" in its line'),
      out: text(
        'FILE',
        'where to write the proof, such as NAME.tlog-proof; must not exist yet (default: standard output)',
      ),
      ...verifyFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { seq, out } = call.flags;
    if (seq === undefined) throw new TamperError('USAGE', 'which record? name it with --seq N');
    const { options, close } = await verifyRequest(call, io);
    const progress = progressOn(io.stderr);
    const proved = proveRecordWith({ ...options, seq, onProgress: progress.show });
    const { report, proof, refusal } = await closing(proved, async () => {
      progress.end();
      await close();
    });
    if (proof === undefined) {
      const why = refusal === undefined ? verdictText(report, 'normal') : `prove: ${printable(refusal.message)}\n`;
      await print(io.stderr, why);
      return report.verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
    }
    if (out === undefined) await print(io.stdout, proof);
    else await writeNewFile(out, proof);
    return exitCode.done;
  },
);
