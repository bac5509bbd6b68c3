import { abandonStream, TamperError } from '../index.ts';
import type { Command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { print, printable } from './output.ts';
import { textFlag } from './own-flags.ts';
import { resolveFlags } from './resolve.ts';

/** `fapilog-tamper recover` */
export const recover: Command = {
  usage: 'FILE --reason TEXT [--config FILE]',
  help: `
For a stream that cannot go on: its state contradicts its file or an anchor, or its keys changed in a way that a verifier must
take for tampering. The old files stay untouched, as evidence. The next start begins a new stream that cites the old one, so
that an auditor sees the break and the reason for it stands in the state.

  FILE             the sealed file, as the option file names it
  --reason TEXT    why, for whoever reads the state later
  --config FILE    the writer's configuration; or the same options as flags`,
  flags: { config: { type: 'string' }, reason: { type: 'string' } },
  takesConfig: true,

  async run(flags, io) {
    const [file, ...others] = flags.positionals;
    const reason = textFlag(flags, 'reason')?.trim();
    if (file === undefined || others.length > 0) throw new TamperError('USAGE', 'recover takes one file');
    if (reason === undefined || reason === '') throw new TamperError('USAGE', 'say why: --reason TEXT');
    const { config } = await resolveFlags({ ...flags, config: { ...flags.config, file } }, io);
    const next = abandonStream(config, reason, Date.now());
    await print(io.stdout, printable(`the next start begins the stream ${next.origin} in ${next.file}`).concat('\n'));
    return exitCode.done;
  },
};
