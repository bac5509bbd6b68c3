import { TamperError } from '../index.ts';
import { draftPolicy } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { print } from './output.ts';

/** `fapilog-tamper policy` */
export const policy: Command = command(
  {
    usage: 'init PATH…',
    examples: ['% init /var/log/app > policy.yaml'],
    about: [
      'policy init drafts a policy file on standard output from what sealed files say about themselves: origins, key names, verifier keys. Nothing in it is verified: compare each key with what your key service says before you trust it.',
    ],
    flags: {},
    takesConfig: false,
  },
  async ({ positionals }, io) => {
    const [verb, ...paths] = positionals;
    if (verb !== 'init' || paths.length === 0) {
      throw new TamperError('USAGE', 'policy has one subcommand: policy init PATH…', {
        hint: 'Run: fapilog-tamper policy --help',
      });
    }
    await print(io.stdout, await draftPolicy(paths, io.stdin()));
    return exitCode.done;
  },
);
