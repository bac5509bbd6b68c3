import { rm } from 'node:fs/promises';
import { TamperError } from '../../errors.ts';
import { loadPolicy, type VerifyReport } from '../../index.ts';
import { closing, proveRecordWith, proveStream } from '../../internal.ts';
import { type Call, type Command, type CommandIo, command, configurationOf } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { count, type Flag, oneOf, text } from '../flags.ts';
import { print, printable } from '../output.ts';
import { refuseSamePlace } from '../output-file.ts';
import { progressOn } from '../progress.ts';
import { noteKeyFlag, noteKeysOf, type VerifyFlags, verifyFlags, verifyRequest } from '../verify-request.ts';
import { verdictText } from '../verify-text.ts';
import { checkNewFile, writeNewFile } from './new-file.ts';

type ProveFlags = VerifyFlags & {
  readonly seq: Flag<number | undefined>;
  readonly format: Flag<'tlog-proof' | 'cose'>;
  readonly out: Flag<string | undefined>;
  readonly 'note-key': Flag<readonly string[]>;
  readonly leaf: Flag<string | undefined>;
  readonly stream: Flag<string | undefined>;
  readonly journal: Flag<string | undefined>;
  readonly night: Flag<string | undefined>;
};

const PROOF = { flag: '--out', what: 'proof' } as const;
const LEAF = { flag: '--leaf', what: 'leaf' } as const;

/** `fapilog-tamper prove` */
export const prove: Command = command(
  {
    usage:
      'PATH…|- --seq N --origin NAME|--policy FILE --public-key FILE [--out FILE] … | PATH…|- --seq N --format cose --leaf FILE [--config FILE] … | --stream ORIGIN --journal FILE [--night TIME]',
    examples: [
      '% audit.jsonl --seq 4711 --origin audit.example.com/app --public-key audit.key.pub --out payment.tlog-proof',
      '% audit.jsonl --seq 4711 --format cose --config fapilog.yaml --out payment.cose --leaf payment.leaf',
      '% --stream fleet/host-7 --journal journal.yaml --night 2026-11-24 --out host-7.stream-proof',
    ],
    about: [
      'Proves that one record is in a log: verifies the log as "verify" does and, if the verdict is ok, prints a C2SP tlog-proof with the record, its inclusion proof, the signed checkpoint that covers it, and the seal that dates it. Anyone with the public key can check it alone: fapilog-tamper verify NAME.tlog-proof.',
      'A log sealed with a data key alone has no signature, so it cannot prove anything to others. All other flags are those of verify; --jobs has no effect. Nothing is written unless the verdict is ok (exit codes as with verify).',
      'With --format cose it prints a COSE receipt of inclusion (RFC 9942) instead, for tools that check those: the root of the same checkpoint, signed now with the signing key of the configuration or its flags, as for "seal". Without --public-key the log is verified with the public half of this key. A receipt does not contain the record: --leaf writes the bytes that it is checked with.',
      'With --stream it proves what an auditor found: that this stream had this size and root in that audit, or that there was no such stream. It verifies the journal that "audit --journal" wrote, with the keys that --policy names for it, or else with the public half of its own. Anyone with that public key can check it alone: fapilog-tamper verify NAME.stream-proof --origin JOURNAL.',
    ],
    flags: {
      seq: count('the record: the value of "seq" in its line'),
      format: oneOf(['tlog-proof', 'cose'], 'what to print: a C2SP tlog-proof, or a COSE receipt'),
      out: text(
        'FILE',
        'where to write the proof, such as NAME.tlog-proof or NAME.cose; must not exist yet (default: standard output)',
      ),
      'note-key': noteKeyFlag('proof'),
      leaf: text('FILE', 'with --format cose: where to write the leaf of the record; must not exist yet'),
      stream: text('ORIGIN', "prove what the auditor's journal says of this stream, instead of a record"),
      journal: text('FILE', "with --stream: the configuration of the journal's writer, as for audit"),
      night: text(
        'TIME',
        'with --stream: the time of the audit, or how it begins, such as 2026-11-24 (default: the last one)',
      ),
      ...verifyFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { seq, out } = call.flags;
    if (call.flags.stream !== undefined) return proveNight(call, call.flags.stream, io);
    for (const name of ['journal', 'night'] as const)
      if (call.flags[name] !== undefined) throw new TamperError('USAGE', `--${name} goes with --stream ORIGIN`);
    if (seq === undefined) throw new TamperError('USAGE', 'which record? name it with --seq N');
    const leaf = leafPlace(call, io);
    await checkPlaces(call);
    const noteKeys = await noteKeysOf(call.flags['note-key']);
    const { options, resolution, close } = await verifyRequest(call, io);
    const progress = progressOn(io.stderr);
    const signedBy = leaf === undefined ? undefined : { config: resolution.config, env: io.env };
    const proved = proveRecordWith({ ...options, seq, noteKeys, onProgress: progress.show }, signedBy);
    const { report, proof, receipt, refusal } = await closing(proved, async () => {
      progress.end();
      await close();
    });
    if (proof !== undefined) await give(proof, out, io);
    else if (receipt !== undefined && leaf !== undefined) {
      await writeNewFile(leaf, receipt.leaf);
      // a leaf without its receipt would stand in the way of the next attempt
      await give(receipt.bytes, out, io).catch(async (error: unknown) => {
        await rm(leaf, { force: true });
        throw error;
      });
    } else {
      const why = refusal === undefined ? verdictText(report, 'normal') : `prove: ${printable(refusal.message)}\n`;
      await print(io.stderr, why);
      if (refusal === undefined && isUnsigned(report)) await print(io.stderr, UNSIGNED);
      return report.verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
    }
    return exitCode.done;
  },
);

/** The report advises a verifier to name no signing key, which would not help here. */
const UNSIGNED =
  'prove: the log has no signatures, so there is no proof or receipt of its records: seal with a signing key to have them\n';

function isUnsigned({ streams }: VerifyReport): boolean {
  const keys = streams.flatMap((stream) => stream.keys);
  return keys.length > 0 && keys.every(({ signers }) => signers.length === 0);
}

/** Where the leaf of a receipt goes; undefined for a tlog-proof. @throws {@link TamperError} `USAGE`, before anything is signed */
function leafPlace({ flags }: Call<ProveFlags>, io: CommandIo): string | undefined {
  const { format, leaf, out } = flags;
  if (format === 'cose' && flags['note-key'].length > 0)
    throw new TamperError('USAGE', '--note-key goes with a tlog-proof: a receipt has one signature');
  if (format === 'tlog-proof' && leaf !== undefined) throw new TamperError('USAGE', '--leaf goes with --format cose');
  if (format === 'cose' && leaf === undefined) {
    throw new TamperError('USAGE', 'name the file for the leaf of the record: --leaf FILE', {
      hint: 'Nobody can check the receipt without it.',
    });
  }
  if (format === 'cose' && out === undefined && io.stdout.isTTY === true)
    throw new TamperError('USAGE', 'a receipt is not text: name a file with --out FILE');
  return leaf;
}

/** Nothing is verified or signed for a file that cannot be written. @throws {@link TamperError} `USAGE`, `READ_FAILED`, `WRITE_FAILED` */
async function checkPlaces({ flags: { out, leaf }, positionals }: Call<ProveFlags>): Promise<void> {
  const proof = out === undefined ? undefined : { kind: PROOF, path: out };
  if (proof !== undefined) await checkNewFile(proof);
  if (leaf === undefined) return;
  const ofRecord = { kind: LEAF, path: leaf };
  // it begins like a line of the log
  await checkNewFile(
    ofRecord,
    positionals.filter((path) => path !== '-'),
  );
  if (proof !== undefined) await refuseSamePlace(proof, ofRecord);
}

async function give(proof: string | Uint8Array, out: string | undefined, io: CommandIo): Promise<void> {
  if (out === undefined) await print(io.stdout, proof);
  else await writeNewFile(out, proof);
}

/** `fapilog-tamper prove --stream` */
async function proveNight({ flags, positionals }: Call<ProveFlags>, stream: string, io: CommandIo): Promise<number> {
  const { journal, night, policy, seq, out, format, leaf } = flags;
  if (journal === undefined)
    throw new TamperError('USAGE', "name the configuration of the journal's writer: --journal FILE");
  if (positionals.length > 0 || seq !== undefined)
    throw new TamperError('USAGE', 'with --stream, give no paths and no --seq: the journal says where it is');
  if (format === 'cose' || leaf !== undefined)
    throw new TamperError('USAGE', '--format cose and --leaf are about a record: name it with --seq N');
  if (out !== undefined) await checkNewFile({ kind: PROOF, path: out });
  const config = await configurationOf(journal);
  const named = policy === undefined ? undefined : await loadPolicy(policy);
  const { verdict, proof, refusal = '' } = await proveStream({ config, policy: named, stream, night });
  if (proof !== undefined) {
    await give(proof, out, io);
    return exitCode.done;
  }
  await print(io.stderr, `prove: ${printable(refusal)}\n`);
  return verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
}
