import { TamperError } from '../errors.ts';
import { draftPolicy } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { print } from './output.ts';

/** `fapilog-tamper policy init` */
export const policyInit: Command = command(
  {
    usage: 'PATH…|-',
    examples: ['% /var/log/app > policy.yaml', '% audit.jsonl service.jsonl > policy.yaml'],
    about: [
      'Drafts a policy file on standard output from what sealed files say about themselves: origins, key names, verifier keys. Nothing in it is verified: before you trust a key, compare it with what your key service says.',
    ],
    flags: {},
    takesConfig: false,
  },
  async ({ positionals }, io) => {
    if (positionals.length === 0) throw new TamperError('USAGE', 'name the sealed files: policy init PATH…');
    await print(io.stdout, await draftPolicy(positionals, io.stdin()));
    return exitCode.done;
  },
);
