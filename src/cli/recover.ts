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
    about: [
      'For a stream that cannot go on: its state contradicts its file or an anchor, or its keys changed in a way that a verifier must take for tampering. The old files stay untouched, as evidence. The next start begins a new stream that cites the old one, so that an auditor sees the break and the reason for it stands in the state.',
      'A lock ends by itself, 10 seconds after its holder has ended; --break-lock is for who cannot wait for that. The risk: where the holder runs still, it stops with LOCKED when it next writes. Until it looks, 7.5 seconds at most on a network file system, it may write between the lines of the next writer; both then stop with FOREIGN_WRITE, and verification shows it.',
    ],
    takes: { FILE: 'the sealed file, as the option file names it' },
    flags: {
      reason: text('TEXT', 'why, for whoever reads the state later'),
      'break-lock': yes('only take the lock away; the stream goes on'),
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
      throw new TamperError('USAGE', '--break-lock begins no new stream: give no reason');
    if (!breaks && (reason === undefined || reason === '')) throw new TamperError('USAGE', 'say why: --reason TEXT');
    const { config } = await resolveCall({ ...call, config: { ...call.config, file } }, io);
    if (breaks) {
      breakLock(config);
      await print(io.stdout, 'the lock is gone; the next start goes on with the stream\n');
      return exitCode.done;
    }
    const next = await abandonStream(config, reason ?? '', Date.now());
    await print(io.stdout, printable(`the next start begins the stream ${next.origin} in ${next.file}`).concat('\n'));
    return exitCode.done;
  },
);
