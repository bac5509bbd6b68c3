import { hostname, userInfo } from 'node:os';
import type { Readable } from 'node:stream';
import { TamperError } from '../errors.ts';
import { closing, type ErasePlan, eraseRecords, type MemberValue, readText, type SeqRange } from '../internal.ts';
import { type Command, type CommandIo, command, configurationOf } from './command.ts';
import { exitCode } from './exit-code.ts';
import { list, text, yes } from './flags.ts';
import { print, printable } from './output.ts';
import { verifyFlags, verifyRequest } from './verify-request.ts';
import { verdictText } from './verify-text.ts';

const SHOWN = 20;

/** `fapilog-tamper erase` */
export const erase: Command = command(
  {
    usage: 'PATH… --seq N[-M]|--where MEMBER=VALUE --reason TEXT --policy FILE --erasures FILE [--dry-run] [--yes]',
    examples: [
      "% logs/ --seq 4711 --reason 'case 17' --policy policy.yaml --erasures erasures.yaml",
      "% logs/ --where user.id=@id.txt --reason 'case 17' --policy policy.yaml --erasures erasures.yaml --dry-run",
      '% logs/ --policy policy.yaml --erasures erasures.yaml --yes',
    ],
    about: [
      'Erases records from the closed files of one log, compressed or not, so that the log still proves everything else. Only records that were sealed with salts can be erased (salt_records, the default where checkpoints are signed). The log is verified first, and nothing is erased unless the verdict is ok.',
      'Each erasure is recorded in the erasure log: a sealed log with its own name and keys, which the policy names under erasures. An auditor who has it sees which records were erased, by whom, when and why; an erasure that it does not record is tampering. Give no record content as the reason: nothing erases it from there.',
      'The old file is overwritten and removed. Without --seq and --where, only what is on record already and was not finished, for example after a power failure, is carried out. docs/erasure.md says what else must be erased: backups, copies, kept lines, and what flash storage keeps.',
    ],
    flags: {
      seq: list('N[-M]', 'the record, or the records from N to M'),
      where: list(
        'MEMBER=VALUE',
        'records whose JSON object has this member with this value; a dot goes into an object; =@FILE reads the value from a file, so that it is in no shell history. With several, all must be right',
      ),
      stream: text('ORIGIN', 'the log to erase from, where the files hold several'),
      reason: text('TEXT', 'why, for the erasure log: a case number'),
      who: text('NAME', 'who erases, for the erasure log (default: the user and host)'),
      erasures: text('FILE', "the configuration of the erasure log's writer: its origin, file, keys and state_dir"),
      ended: yes('also erase from the newest file: no writer will continue this log'),
      'dry-run': yes('only say what would be erased'),
      yes: yes('do not ask'),
      ...verifyFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { flags } = call;
    const seqs = flags.seq.map(rangeOf);
    const where = await Promise.all(flags.where.map(memberOf));
    const isAsked = seqs.length + where.length > 0;
    if (flags.policy === undefined)
      throw new TamperError('USAGE', 'name the policy that names the erasure log: --policy FILE');
    if (flags.erasures === undefined)
      throw new TamperError('USAGE', "name the configuration of the erasure log's writer: --erasures FILE");
    if (isAsked && flags.reason === undefined) throw new TamperError('USAGE', 'say why: --reason TEXT');
    const erasures = await configurationOf(flags.erasures);
    const { options, close } = await verifyRequest(call, io);
    const erased = eraseRecords({
      verify: options,
      wanted: { seqs, where },
      origin: flags.stream,
      reason: flags.reason ?? '',
      who: flags.who ?? `${userInfo().username}@${hostname()}`,
      erasures,
      ended: flags.ended,
      dryRun: flags['dry-run'],
      now: Date.now(),
      confirm: async (plan) => {
        for (const line of planText(plan)) await print(io.stdout, `${printable(line)}\n`);
        return flags['dry-run'] || flags.yes || isConfirmed(options.input as Readable & { isTTY?: boolean }, io, plan);
      },
    });
    const { report, erased: done, refused, plan } = await closing(erased, close);
    if (done !== undefined) await print(io.stdout, `erased ${recordsText(done.seqs.length)}\n`);
    else if (refused) await print(io.stdout, 'nothing was erased\n');
    else if (report.verdict === 'ok' && plan === undefined) await print(io.stdout, 'there is nothing to erase\n');
    if (report.verdict === 'ok' || (flags['dry-run'] && plan !== undefined)) return exitCode.done;
    await print(io.stderr, verdictText(report, 'normal'));
    return report.verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
  },
);

function rangeOf(value: string): SeqRange {
  const [, from = '', to = from] = /^([1-9][0-9]{0,15})(?:-([1-9][0-9]{0,15}))?$/.exec(value) ?? [];
  const range = { first: Number(from), last: Number(to === '' ? from : to) };
  if (from !== '' && Number.isSafeInteger(range.last) && range.first <= range.last) return range;
  throw new TamperError('USAGE', `--seq is the number of an entry, or two with a dash, not ${JSON.stringify(value)}`);
}

/** The value is never repeated in a message: it may be what has to be erased. */
async function memberOf(given: string): Promise<MemberValue> {
  const at = given.indexOf('=');
  if (at <= 0) throw new TamperError('USAGE', '--where takes MEMBER=VALUE, or MEMBER=@FILE');
  const [member, value] = [given.slice(0, at), given.slice(at + 1)];
  if (!value.startsWith('@')) return { member, value };
  return { member, value: (await readText(value.slice(1))).replace(/\r?\n$/, '') };
}

const recordsText = (count: number): string => (count === 1 ? '1 record' : `${count} records`);

function planText({ origin, seqs, files, storage }: ErasePlan): string[] {
  const some = seqs.slice(0, SHOWN).join(', ');
  const more = seqs.length > SHOWN ? ` and ${seqs.length - SHOWN} more` : '';
  const note =
    storage === 'in-place'
      ? []
      : ['This file system may keep the old blocks when a file is overwritten: see docs/erasure.md.'];
  return [`${recordsText(seqs.length)} of ${origin}: ${some}${more}`, `in ${files.join(', ')}`, ...note];
}

async function isConfirmed(
  input: Readable & { isTTY?: boolean },
  io: CommandIo,
  { seqs }: ErasePlan,
): Promise<boolean> {
  if (input.isTTY !== true) {
    throw new TamperError('USAGE', `${recordsText(seqs.length)} would be erased, and nobody can be asked`, {
      hint: 'Look at it with --dry-run, then give --yes.',
    });
  }
  const { createInterface } = await import('node:readline/promises');
  const asked = createInterface({ input, output: io.stdout });
  try {
    return (
      (await asked.question(`Erase ${recordsText(seqs.length)}? Nobody can bring them back. Type yes: `)) === 'yes'
    );
  } finally {
    asked.close();
  }
}
