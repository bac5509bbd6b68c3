import { TamperError } from '../../errors.ts';
import { loadPolicy } from '../../index.ts';
import {
  openRecoveryPlaces,
  type RecoveredPeriod,
  type RecoveryOutcome,
  type RecoveryReport,
  type Resolution,
  recoverKeys,
  variableOf,
} from '../../internal.ts';
import { type Command, command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { list, oneOf, text } from '../flags.ts';
import { jsonText, print, printable } from '../output.ts';
import { refuseLogs } from '../refuse-log.ts';
import { resolveWarning } from '../resolve-warning.ts';
import { originsOf, verifyFlags } from '../verify-request.ts';

/** `fapilog-tamper keys recover` */
export const keysRecover: Command = command(
  {
    usage: 'PATH…|- --out FILE --origin NAME|--policy FILE [--config FILE …]',
    examples: [
      '% audit.jsonl --out recovered.keys --origin audit.example.com/app --config fapilog.yaml',
      '% /var/log/app --out recovered.keys --policy policy.yaml --key-source aws-kms --key-id alias/audit',
    ],
    about: [
      'For logs whose data keys were encrypted by a key service. Asks the services that you name, with your own credentials, to decrypt the data key of each key period once, checks it against its fingerprint, and writes the keys to FILE, which only you can read. After that, verify --keys FILE needs no service. Anyone who has FILE can forge the entries that it checks. The command uses only keys that you name, and never an address from the log. Exit code 0: no data key is missing; 2: some are missing, and the output says which and why.',
      'Not to be confused with recover, which begins a new stream.',
    ],
    takes: { PATH: 'the sealed files or directories; - for standard input' },
    flags: {
      out: text('FILE', 'the file to make; an existing one is never overwritten'),
      origin: list('NAME', 'the stream; NAME* matches every stream whose name starts with NAME'),
      policy: text('FILE', 'names streams and keys, as for verify'),
      config: list('FILE', "a writer's configuration: origin, key and key service"),
      'key-env': verifyFlags['key-env'],
      keys: verifyFlags.keys,
      unwrap: verifyFlags.unwrap,
      format: oneOf(['text', 'json'], 'output format'),
    },
    takesConfig: true,
  },
  async ({ flags, config, positionals: paths }, io) => {
    const { out, unwrap, format, keys: keyPaths } = flags;
    if (paths.length === 0) throw new TamperError('USAGE', 'name the sealed files: keys recover PATH…');
    if (out === undefined || out === '') throw new TamperError('USAGE', 'name the file for the keys: --out FILE');
    await refuseLogs(flags);
    const keyVariables = flags['key-env'];
    const resolutions: Resolution[] = [];
    const files = flags.config.length > 0 ? flags.config : [undefined];
    for (const file of files) {
      resolutions.push(await resolveWarning({ flags: { config: file }, config }, io, keyVariables.map(variableOf)));
    }
    const policy = flags.policy === undefined ? undefined : await loadPolicy(flags.policy);
    const origin = [...new Set(resolutions.flatMap((resolution) => originsOf(flags.origin, resolution)))];
    const { places, close } = await openRecoveryPlaces({ resolutions, policy, keyPaths, keyVariables, env: io.env });
    try {
      const continued = flags.origin.length === 0; // as for verify
      const report = await recoverKeys({ paths, input: io.stdin(), unwrap, origin, continued, policy, places, out });
      const lines = format === 'json' ? jsonText(report, 2) : linesOf(report).map(printable).join('\n');
      await print(io.stdout, `${lines}\n`);
      return report.complete ? exitCode.done : exitCode.undecided;
    } finally {
      await close();
    }
  },
);

const WORDS: Readonly<Record<RecoveryOutcome, string>> = {
  recovered: 'recovered',
  'no-data-key': 'has none: signed, and checked with public keys',
  held: 'a local key, and you gave it: give it to verify as well',
  local: 'MISSING: a local key that no service has; ask for the key file, and give it with --keys',
  'not-named': 'MISSING: you did not name this key, so no service was asked',
  'not-counted': 'MISSING: this key does not count for these entries, so no service was asked',
  refused: 'MISSING: refused by the key service',
  'wrong-key': 'MISSING: the key from the service does not match the fingerprint in the log',
  'not-asked': 'MISSING: the service failed too often before; it was not asked again',
};

function linesOf({ out, periods, otherStreams, problems, complete }: RecoveryReport): string[] {
  const count = (outcome: RecoveryOutcome): number => periods.filter((one) => one.outcome === outcome).length;
  const missing = periods.length - count('recovered') - count('no-data-key') - count('held');
  const recovered = count('recovered');
  return [
    ...periods.flatMap(periodLines),
    ...(otherStreams > 0 ? [`${periodsText(otherStreams)} of streams that you did not name`] : []),
    ...problems,
    out === undefined
      ? `no data key was recovered, and no file was made${complete ? ': none is needed' : ''}`
      : `${out}: ${recovered === 1 ? 'the data key of one key period' : `the data keys of ${recovered} key periods`}; anyone who has this file could forge what it checks: keep it secret`,
    ...(missing > 0
      ? [`${periodsText(missing)} without a data key: what it sealed cannot be checked by its MACs`]
      : []),
    ...(periods.length === 0 ? ['no key period of a stream that you named was found'] : []),
    ...(!complete && missing === 0 && periods.length > 0
      ? ['the log names more key periods than a verifier reads; the rest was left out']
      : []),
  ];
}

function periodsText(count: number): string {
  return count === 1 ? 'one key period' : `${count} key periods`;
}

function periodLines(period: RecoveredPeriod): string[] {
  const { origin, keyId, firstSeq, lastSeq, source, identity, outcome, code, message, hint } = period;
  const range = lastSeq < firstSeq ? `from entry ${firstSeq}` : `entries ${firstSeq} to ${lastSeq}`;
  const key = source === undefined ? '' : `, ${source} ${identity ?? ''}`;
  const why = message === undefined ? '' : ` (${code === undefined ? '' : `${code}: `}${message})`;
  return [
    `${keyId} of ${origin}, ${range}${key}: ${WORDS[outcome]}${why}`,
    ...(hint === undefined ? [] : [`    hint: ${hint}`]),
  ];
}
