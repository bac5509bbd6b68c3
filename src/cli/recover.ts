import { TamperError } from '../errors.ts';
import { abandonStream, breakLock } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { text, yes } from './flags.ts';
import { print, printable } from './output.ts';
import { resolveWarning } from './resolve-warning.ts';

/** `fapilog-tamper recover` */
export const recover: Command = command(
  {
    usage: 'FILE --reason TEXT|--break-lock [--config FILE]',
    examples: ["% audit.jsonl --reason 'restored from backup'", '% audit.jsonl --break-lock'],
    about: [
      'For a stream that cannot continue, because its state contradicts its file or an anchor, or because its keys changed in a way that a verifier must treat as tampering. The old files stay untouched, as evidence. The next start begins a new stream that cites the old one, so that an auditor sees the break. The state records the reason.',
      'A lock expires 10 seconds after its holder has ended; use --break-lock if you cannot wait that long. The risk: a holder that is still running stops with LOCKED only at its next write. Until then (at most 7.5 seconds on a network file system) it may write between the lines of the next writer. Both then stop with FOREIGN_WRITE, and verification shows it.',
    ],
    takes: { FILE: 'the sealed file, as named by the option file' },
    flags: {
      reason: text('TEXT', 'the reason, for anyone who reads the state later'),
      'break-lock': yes('only remove the lock; the stream continues'),
      config: text('FILE', "the writer's configuration; or the same options as flags"),
    },
    takesConfig: true,
  },
  async (call, io) => {
    const [file, ...others] = call.positionals;
    const reason = call.flags.reason?.trim();
    if (file === undefined || others.length > 0) throw new TamperError('USAGE', 'recover takes one file');
    const breaks = call.flags['break-lock'];
    if (breaks && reason !== undefined)
      throw new TamperError('USAGE', '--break-lock does not begin a new stream: leave out --reason');
    if (!breaks && (reason === undefined || reason === '')) throw new TamperError('USAGE', 'say why: --reason TEXT');
    const { config } = await resolveWarning({ ...call, config: { ...call.config, file } }, io);
    if (breaks) {
      const what = breakLock(config) ? 'the lock was removed' : 'there is no lock';
      await print(io.stdout, `${what}; the next start continues the stream\n`);
      return exitCode.done;
    }
    const next = await abandonStream(config, reason ?? '', Date.now());
    await print(
      io.stdout,
      printable(`the next start of ${next.before} will begin the stream ${next.origin} in ${next.file}`).concat('\n'),
    );
    return exitCode.done;
  },
);
