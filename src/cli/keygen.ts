import { formatVkey, generateKeyFile, TamperError } from '../index.ts';
import { checkOrigin } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { oneOf, text } from './flags.ts';
import { jsonText, print } from './output.ts';

/** `fapilog-tamper keygen` */
export const keygen: Command = command(
  {
    usage: '--out FILE [--algorithm HMAC-SHA256|Ed25519] [--origin NAME] [--format text|json]',
    about: ['Makes a key and writes it to FILE, which only you can read. An existing file is never overwritten.'],
    flags: {
      out: text('FILE', 'where the key goes; the public half of an Ed25519 key goes to FILE.pub'),
      algorithm: oneOf(['HMAC-SHA256', 'Ed25519'], 'HMAC-SHA256 is a data key, Ed25519 a signing key'),
      origin: text('NAME', 'also print the verifier key of a signing key for this stream, for use in a policy'),
      format: oneOf(['text', 'json'], 'output format'),
    },
    takesConfig: false,
  },
  async ({ flags, positionals }, io) => {
    const { out, origin, format, algorithm } = flags;
    if (out === undefined || out === '') throw usage('--out FILE is missing');
    if (positionals.length > 0) throw usage('keygen takes only flags, no other arguments');
    if (origin !== undefined && algorithm !== 'Ed25519') throw usage('--origin needs --algorithm Ed25519');
    if (origin !== undefined) checkOrigin(origin);
    const key = await generateKeyFile(out, algorithm);
    const vkey =
      key.spki === undefined || origin === undefined
        ? undefined
        : formatVkey(origin, { algorithm: 'ed25519', bytes: key.spki });
    const { path, publicPath, identity } = key;
    await print(
      io.stdout,
      format === 'json'
        ? `${jsonText({ algorithm, path, publicPath, identity, vkey })}\n`
        : lines([
            ['key file', path],
            ['public key', publicPath],
            ['identity', identity],
            ['verifier key', vkey],
            [
              'use it with',
              `--key-source file --key-file-path ${path}${algorithm === 'Ed25519' ? ' --algorithm Ed25519' : ''}`,
            ],
          ]),
    );
    return exitCode.done;
  },
);

function lines(rows: [string, string | undefined][]): string {
  return rows.map(([name, value]) => (value === undefined ? '' : `${`${name}:`.padEnd(14)}${value}\n`)).join('');
}

function usage(message: string): TamperError {
  return new TamperError('USAGE', message, { hint: 'Run: fapilog-tamper keygen --help' });
}
