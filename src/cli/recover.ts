import { TamperError } from '../index.ts';
import { abandonStream, breakLock } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { text, yes } from './flags.ts';
import { print, printable } from './output.ts';
import { resolveCall } from './resolve.ts';

/** `fapilog-tamper recover` */
export const recover: Command = command(
  {
    usage: 'FILE --reason TEXT|--break-lock [--config FILE]',
    examples: ["% audit.jsonl --reason 'restored from backup'", '% audit.jsonl --break-lock'],
    about: [
      'For a stream that cannot continue: its state contradicts its file or an anchor, or its keys changed in a way that a verifier must take for tampering. The old files stay untouched, as evidence. The next start begins a new stream that cites the old one, so that an auditor sees the break; the reason is recorded in the state.',
      'A lock expires by itself, 10 seconds after its holder has ended; use --break-lock if you cannot wait that long. The risk: if the holder is still running, it stops with LOCKED when it next writes. Until it notices, 7.5 seconds at most on a network file system, it may write between the lines of the next writer; both then stop with FOREIGN_WRITE, and verification shows it.',
    ],
    takes: { FILE: 'the sealed file, as in the option file' },
    flags: {
      reason: text('TEXT', 'why, for anyone who reads the state later'),
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
    const { config } = await resolveCall({ ...call, config: { ...call.config, file } }, io);
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
