import { TamperError } from '../../index.ts';
import { type Command, command } from '../command.ts';
import { list, oneOf, text } from '../flags.ts';
import { verifyFlags } from '../verify-request.ts';
import { recoverKeysInto } from './recover.ts';
import { showKeysOf } from './show.ts';

/** `fapilog-tamper keys` */
export const keys: Command = command(
  {
    usage: 'show PATH… | recover PATH… --out FILE --origin NAME|--policy FILE [--config FILE …]',
    examples: [
      '% show audit.key.pub policy.yaml',
      '% recover audit.jsonl --out recovered.keys --origin audit.example.com/app --config fapilog.yaml',
    ],
    about: [
      'keys show says what each file is: public keys (PEM or verifier keys), key files, policies, files of recovered keys, sealed logs. Public keys come with fingerprints in groups of four digits, to be compared by telephone. What a log says about its keys is what its writer, or whoever changed it, says: it proves nothing until it has been compared. No secret is printed.',
      'keys recover is for logs whose data keys were encrypted by a key service. It asks the services that you name, with your own credentials, to decrypt the data key of each key period once, checks it against its fingerprint, and writes the keys to FILE, which only you can read. From then on verify --keys FILE needs no service. Whoever has FILE could forge what it checks. Nothing is asked about a key that you do not name; no address is taken from the log. Exit code 0: a verification lacks no data key; 2: some are missing, and the output says which and why. The command recover is another one: it begins a new stream.',
    ],
    takes: { PATH: 'what to show; or the sealed files or directories, - for standard input' },
    flags: {
      out: text('FILE', 'recover: the file to make; an existing one is never overwritten'),
      origin: list(
        'NAME',
        'recover: the stream; NAME* for all that begin so. show: the stream for the verifier key of a PEM',
      ),
      policy: text('FILE', 'recover: names streams and keys, as for verify'),
      config: list('FILE', "recover: a writer's configuration: origin, key and key service"),
      'key-env': verifyFlags['key-env'],
      keys: verifyFlags.keys,
      unwrap: verifyFlags.unwrap,
      format: oneOf(['text', 'json'], 'output format'),
    },
    takesConfig: true,
  },
  async (call, io) => {
    const [verb, ...paths] = call.positionals;
    const { origin, unwrap, format } = call.flags;
    if (verb === 'show' || verb === 'recover') {
      if (paths.length === 0)
        throw usage(`name what to ${verb === 'show' ? 'show' : 'recover keys of'}: keys ${verb} PATH…`);
    } else throw usage('keys has two subcommands: keys show PATH… and keys recover PATH… --out FILE');
    if (verb === 'recover') return recoverKeysInto(call, paths, io);
    for (const name of ['out', 'policy', 'config', 'key-env', 'keys'] as const) {
      if ((call.flags[name] ?? '').length > 0) throw usage(`--${name} is for keys recover; keys show takes paths`);
    }
    const [option] = Object.keys(call.config);
    if (option !== undefined) throw usage(`keys show takes no configuration, and so no ${option}`);
    if (origin.length > 1) throw usage('keys show takes one --origin');
    return showKeysOf(paths, { origin: origin[0], unwrap, format }, io);
  },
);

function usage(message: string): TamperError {
  return new TamperError('USAGE', message, { hint: 'Run: fapilog-tamper keys --help' });
}
