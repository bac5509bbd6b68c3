import { TamperError } from '../../errors.ts';
import { attestFilesWith, closing } from '../../internal.ts';
import { type Command, command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { text } from '../flags.ts';
import { print } from '../output.ts';
import { progressOn } from '../progress.ts';
import { verifyFlags, verifyRequest } from '../verify-request.ts';
import { verdictText } from '../verify-text.ts';
import { checkNewFile, writeNewFile } from './new-file.ts';

/** `fapilog-tamper attest` */
export const attest: Command = command(
  {
    usage: 'FILE… [--config FILE] [--out FILE] …',
    examples: [
      '% audit.jsonl --config fapilog.yaml --origin audit.example.com/app --out audit.intoto.json',
      '% audit.jsonl --origin audit.example.com/app --key-source file --key-file-path sign.key --algorithm Ed25519',
    ],
    about: [
      'Signs an in-toto statement about sealed files: verifies them as "verify" does and, if the verdict is ok, prints a DSSE envelope with the name and SHA-256 of each file, its stream, its range and its newest checkpoint. cosign verify-blob-attestation and other in-toto verifiers accept it.',
      'The signing key comes from the configuration or its flags, as for "seal". The log is verified with its public half, unless --public-key names other keys. All other flags are those of verify; --jobs has no effect. Nothing is written unless the verdict is ok (exit codes as with verify).',
    ],
    flags: {
      out: text('FILE', 'where to write the envelope; must not exist yet (default: standard output)'),
      ...verifyFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { out } = call.flags;
    if (call.positionals.length === 0) throw new TamperError('USAGE', 'name the files to attest');
    if (out !== undefined) await checkNewFile({ kind: { flag: '--out', what: 'envelope' }, path: out });
    const { options, resolution, close } = await verifyRequest(call, io);
    const progress = progressOn(io.stderr);
    const attested = attestFilesWith({ ...options, onProgress: progress.show }, resolution, io.env);
    const { report, envelope } = await closing(attested, async () => {
      progress.end();
      await close();
    });
    if (envelope === undefined) {
      await print(io.stderr, verdictText(report, 'normal'));
      return report.verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
    }
    if (out === undefined) await print(io.stdout, envelope);
    else await writeNewFile(out, envelope);
    return exitCode.done;
  },
);
