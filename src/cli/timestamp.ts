import { TamperError } from '../errors.ts';
import { timestampLog } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { list, oneOf, text } from './flags.ts';
import { jsonText, print, printable } from './output.ts';

function needed(value: string | undefined, flag: string): string {
  if (value !== undefined && value !== '') return value;
  throw new TamperError('USAGE', `timestamp needs ${flag}`);
}

const STILL_ENDING =
  '; the authority was asked again, but has no later certificate: run this once more, or name another authority, before it ends';

/** `fapilog-tamper timestamp` */
export const timestamp: Command = command(
  {
    usage: 'PATH… --origin NAME --url URL --tsa-certificate FILE --out DIRECTORY',
    examples: [
      '% /var/log/app --origin audit.example.com/app --url http://127.0.0.1:3161 --tsa-certificate tsa-root.pem --out stamps --format json',
      '% audit.jsonl --origin audit.example.com/app --url https://tsa.example.org --tsa-certificate tsa-root.pem --out stamps',
    ],
    about: [
      'Gets a time stamp (RFC 3161) for the newest signed checkpoint of a log, verifies it, and writes both to DIRECTORY: the checkpoint as NAME.note, the time stamp as NAME.tsr. "verify --timestamp NAME.tsr" then checks that the log still contains that checkpoint, and says by when it existed. Needs the package pkijs. A time stamp whose certificate ends within 30 days is made again, beside the old one: run the same command from time to time.',
      'openssl can check the same file: openssl ts -verify -data <(head -n 3 NAME.note) -in NAME.tsr -CAfile FILE.',
    ],
    flags: {
      origin: text('NAME', 'the stream'),
      url: text('URL', 'address of the time-stamp authority; https, or http on loopback'),
      'tsa-certificate': list('FILE', 'root certificate (PEM) of a time-stamp authority that you trust'),
      out: text('DIRECTORY', 'where the checkpoint and its time stamp go'),
      format: oneOf(['text', 'json'], 'output format'),
    },
    takesConfig: false,
  },
  async ({ flags, positionals: paths }, io) => {
    if (paths.length === 0) throw new TamperError('USAGE', 'name the files of the log');
    if (paths.includes('-')) throw new TamperError('USAGE', 'timestamp reads the log more than once: name its files');
    const result = await timestampLog({
      paths,
      origin: needed(flags.origin, '--origin'),
      url: needed(flags.url, '--url'),
      authorities: flags['tsa-certificate'],
      out: needed(flags.out, '--out'),
    });
    const { size, time, authority, validUntil, file, added, ending } = result;
    const when = `${size} entries existed at ${time.toISOString()}, says ${authority}, whose certificate is valid until ${validUntil.toISOString()}`;
    const earlier = added ? `; the time stamp in ${ending}, whose certificate ends, is kept too` : STILL_ENDING;
    const words = `${when}: ${added ? 'kept in' : 'already in'} ${file}${ending === undefined ? '' : earlier}`;
    await print(io.stdout, flags.format === 'json' ? `${jsonText(result, 2)}\n` : `${printable(words)}\n`);
    return exitCode.done;
  },
);
