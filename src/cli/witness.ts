import { TamperError } from '../errors.ts';
import { loadWitnesses } from '../index.ts';
import { type WitnessLogResult, witnessLog } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { carrier, oneOf, text } from './flags.ts';
import { jsonText, print, printable } from './output.ts';

function needed(value: string | undefined, flag: string, what: string): string {
  if (value !== undefined && value !== '') return value;
  throw new TamperError('USAGE', `witness needs ${flag}: ${what}`);
}

function saying(result: WitnessLogResult, name: string, out: string): string {
  const { size } = result;
  switch (result.outcome) {
    case 'cosigned':
      return `${name} cosigned ${size} entries${result.added ? `; appended to ${out}` : ', as before'}`;
    case 'ahead':
      return `${name} has cosigned ${result.witnessed} entries, but these files have a checkpoint of ${size}: the log was cut back, or files are missing, or somebody else signs in its name`;
    case 'contradicted':
      return `${name} refuses: the first ${result.witnessed} entries that it has seen are not those of these files: the log was rewritten, or somebody else signs in its name`;
  }
}

/** `fapilog-tamper witness` */
export const witness: Command = command(
  {
    usage: 'PATH…|- --origin NAME --url URL --witness VKEY|FILE --out FILE',
    examples: [
      '% /var/log/app --origin audit.example.com/app --url http://127.0.0.1:7380 --witness witness.vkey --out audit.witnessed --format json',
      '% audit.jsonl --origin audit.example.com/app --url https://witness.example.org --witness witness.vkey --out audit.witnessed',
    ],
    about: [
      'Sends the newest signed checkpoint of a log to a witness (C2SP tlog-witness), with a proof that the log has only grown since the last one. Appends the checkpoint with its cosignature to FILE; pass FILE to "verify" together with the log. Needs no key. Run it from cron, once for each witness; the writer may keep running.',
      'Exit code 1: the witness has seen a different log under this name; investigate at once. 2: not cosigned, because the witness is unreachable or does not know the stream.',
    ],
    flags: {
      origin: text('NAME', 'the stream'),
      url: text('URL', 'address of the witness, without /add-checkpoint; https, or http on loopback'),
      witness: text('VKEY|FILE', 'verifier key of the witness, or a file that contains it'),
      out: text('FILE', 'append the cosigned checkpoints to this file, which must not be the log'),
      unwrap: carrier('what wrapped the lines, as for verify'),
      format: oneOf(['text', 'json'], 'output format'),
    },
    takesConfig: false,
  },
  async ({ flags, positionals: paths }, io) => {
    if (paths.length === 0) throw new TamperError('USAGE', 'name the files of the log, or - for standard input');
    if (paths.includes('-')) throw new TamperError('USAGE', 'witness reads the log more than once: name its files');
    const origin = needed(flags.origin, '--origin', 'the stream');
    const url = needed(flags.url, '--url', 'the address of the witness');
    const out = needed(flags.out, '--out', 'the file that takes the cosigned checkpoints');
    const named = await loadWitnesses(needed(flags.witness, '--witness', 'the verifier key of the witness'));
    const [vkey, ...more] = Array.isArray(named) ? named : [];
    if (vkey === undefined || more.length > 0) {
      throw new TamperError('USAGE', 'witness takes one witness at a time: run it once for each');
    }
    const { unwrap } = flags;
    const result = await witnessLog({
      paths,
      origin,
      url,
      witness: vkey,
      out,
      ...(unwrap !== undefined && { unwrap }),
    });
    const name = vkey.slice(0, vkey.indexOf('+'));
    if (flags.format === 'json') {
      const time = 'time' in result ? { time: new Date(Number(result.time) * 1000).toISOString() } : {};
      await print(io.stdout, `${jsonText({ witness: name, ...result, ...time }, 2)}\n`);
    } else await print(io.stdout, `${printable(saying(result, name, out))}\n`);
    return result.outcome === 'cosigned' ? exitCode.done : exitCode.finding;
  },
);
