import { TamperError } from '../errors.ts';
import { formatVkey, generateKeyFile } from '../index.ts';
import { checkOrigin, readsLikeKey } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { oneOf, text } from './flags.ts';
import { jsonText, print } from './output.ts';

/** `fapilog-tamper keygen` */
export const keygen: Command = command(
  {
    usage: '--out FILE [--algorithm HMAC-SHA256|Ed25519|ML-DSA-44|ML-DSA-65] [--origin NAME] [--format text|json]',
    examples: ['% --out audit.key --algorithm Ed25519 --origin audit.example.com/app', '% --out data.key'],
    about: ['Makes a key and writes it to FILE, which only you can read. An existing file is never overwritten.'],
    flags: {
      out: text('FILE', 'where to write the key; the public half of a signing key goes to FILE.pub'),
      algorithm: oneOf(
        ['HMAC-SHA256', 'Ed25519', 'ML-DSA-44', 'ML-DSA-65'],
        'HMAC-SHA256 makes a data key, the others a signing key; ML-DSA is post-quantum',
      ),
      origin: text('NAME', 'also print the verifier key for this stream, to put into a policy'),
      format: oneOf(['text', 'json'], 'output format'),
    },
    takesConfig: false,
  },
  async ({ flags, positionals }, io) => {
    const { out, origin, format, algorithm } = flags;
    if (out === undefined || out === '') throw usage('--out FILE is missing');
    if (out === '-') throw usage('--out takes a file: a private key never goes to standard output');
    if (readsLikeKey(out)) throw usage('--out was given what looks like a key, not the name of a file');
    if (positionals.length > 0) throw usage('keygen takes only flags, no other arguments');
    if (origin !== undefined && algorithm === 'HMAC-SHA256') {
      throw usage('--origin needs the algorithm of a signing key');
    }
    if (origin !== undefined) checkOrigin(origin);
    const key = await generateKeyFile(out, algorithm);
    const vkey =
      key.spki === undefined || key.signsWith === undefined || origin === undefined
        ? undefined
        : formatVkey(origin, { algorithm: key.signsWith, bytes: key.spki });
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
            ['use it with', useOf(algorithm, path)],
          ]),
    );
    return exitCode.done;
  },
);

function useOf(algorithm: string, path: string): string {
  if (algorithm.startsWith('ML-DSA')) {
    return `--post-quantum-key-id NAME --post-quantum-key-source file --post-quantum-key-file-path ${path}`;
  }
  return `--key-source file --key-file-path ${path}${algorithm === 'Ed25519' ? ' --algorithm Ed25519' : ''}`;
}

function lines(rows: [string, string | undefined][]): string {
  return rows.map(([name, value]) => (value === undefined ? '' : `${`${name}:`.padEnd(14)}${value}\n`)).join('');
}

function usage(message: string): TamperError {
  return new TamperError('USAGE', message, { hint: 'Run: fapilog-tamper keygen --help' });
}
