import { TamperError } from '../../errors.ts';
import { type ShownDataKey, type ShownKeys, type ShownPeriod, type ShownPublicKey, showKeys } from '../../internal.ts';
import { type Command, command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { oneOf, text } from '../flags.ts';
import { jsonText, print, printable } from '../output.ts';
import { verifyFlags } from '../verify-request.ts';

/** `fapilog-tamper keys show` */
export const keysShow: Command = command(
  {
    usage: 'PATH…|- [--origin NAME] [--unwrap CARRIER] [--format text|json]',
    examples: ['% audit.key.pub policy.yaml', '% audit.key.pub --origin audit.example.com/app', '% audit.jsonl'],
    about: [
      'Shows the keys in each file: public keys (PEM or verifier keys), key files, policies, files of recovered keys, sealed logs. Fingerprints of public keys are printed in groups of four digits, so that you can compare them over the telephone. A log says about its keys whatever its writer, or someone who changed it, wrote there: that proves nothing until you have compared the fingerprints. Secrets are never printed.',
    ],
    takes: { PATH: 'what to show; - for standard input' },
    flags: {
      origin: text('NAME', 'the stream, for the verifier key of a PEM'),
      unwrap: verifyFlags.unwrap,
      format: oneOf(['text', 'json'], 'output format'),
    },
    takesConfig: false,
  },
  async ({ flags: { origin, unwrap, format }, positionals }, io) => {
    if (positionals.length === 0) throw new TamperError('USAGE', 'name what to show: keys show PATH…');
    const shown = await showKeys(positionals, { origin, unwrap, input: io.stdin() });
    const lines = format === 'json' ? jsonText(shown, 2) : shown.flatMap(linesOf).map(printable).join('\n');
    await print(io.stdout, `${lines}\n`);
    return exitCode.done;
  },
);

function linesOf(shown: ShownKeys): string[] {
  switch (shown.kind) {
    case 'public keys':
      return [`${shown.path}: ${shown.keys.length === 1 ? 'a public key' : `${shown.keys.length} public keys`}`].concat(
        shown.keys.flatMap((key) => keyLines(key, key.algorithm)),
      );
    case 'signing key':
      return [
        `${shown.path}: a signing key, with its secret half; its public half:`,
        ...keyLines(shown.key, shown.key.algorithm),
      ];
    case 'secret key':
      return [
        `${shown.path}: 32 secret bytes, a data key or the seed of a signing key; called ${shown.name} in a policy`,
        '  none of it is shown; verify compares it with the fingerprint of each key period',
      ];
    case 'recovered data keys':
      return [
        `${shown.path}: data keys of ${shown.keys.length} key periods, recovered from their key services; keep it secret`,
        ...shown.keys.flatMap((key) => [
          `  ${key.keyId} of ${key.origin}: ${key.source} ${key.identity}, named ${key.named}`,
          ...dataKeyLines(key),
        ]),
      ];
    case 'policy':
      return [`${shown.path}: a policy`, ...shown.streams.flatMap(streamLines)];
    case 'log':
      return logLines(shown);
  }
}

/** A key by its fingerprint; the SPKI of an RSA key is the same for both of its algorithms. */
function keyLines({ spoken, vkey }: ShownPublicKey, title: string): string[] {
  return [
    `  ${title}`,
    ...(spoken === undefined
      ? ['    no public key: only its service can check what it signs']
      : [`    fingerprint   ${spoken}`]),
    ...(vkey === undefined ? [] : [`    verifier key  ${vkey}`]),
  ];
}

function dataKeyLines({ spoken }: ShownDataKey): string[] {
  return [`    fingerprint   ${spoken} (in this key period alone)`];
}

type ShownStream = Extract<ShownKeys, { kind: 'policy' }>['streams'][number];

function streamLines({ origin, dataKeys, publicKeys }: ShownStream): string[] {
  return [
    `  stream ${origin}${dataKeys.length + publicKeys.length === 0 ? ': no keys' : ''}`,
    ...dataKeys.map((key) => `  data key ${key.source} ${key.name}, ${rangeText(key)}`),
    ...publicKeys.flatMap((key) => keyLines(key, `${key.algorithm}, ${rangeText(key)}`)),
  ];
}

function rangeText({ fromSeq, untilSeq }: { readonly fromSeq: number; readonly untilSeq?: number }): string {
  if (untilSeq !== undefined) return `for entries ${fromSeq} to ${untilSeq}`;
  return fromSeq === 1 ? 'for all entries' : `for entry ${fromSeq} and later`;
}

/** Key periods, then each signer once: a year of daily restarts has one. */
function logLines({ paths, periods, problems, complete }: Extract<ShownKeys, { kind: 'log' }>): string[] {
  const signers = new Map<
    string,
    { readonly lines: string[]; readonly first: ShownPeriod; last: ShownPeriod; count: number }
  >();
  for (const period of periods) {
    for (const signer of period.signers) {
      const lines = keyLines(signer, `signer ${signer.source} ${signer.identity} (${signer.algorithm})`);
      const known = signers.get(lines.join());
      if (known === undefined) signers.set(lines.join(), { lines, first: period, last: period, count: 1 });
      else Object.assign(known, { last: period, count: known.count + 1 });
    }
  }
  return [
    `${paths.join(', ')}: ${periods.length === 1 ? 'one key period' : `${periods.length} key periods`}${complete ? '' : ' and more, beyond the limit'}`,
    ...periods.flatMap(periodLines),
    ...[...signers.values()].flatMap(({ lines, first, last, count }) => [
      ...lines,
      `    signs         ${count === 1 ? first.keyId : `${count} key periods, ${first.keyId} to ${last.keyId}`}`,
    ]),
    ...problems.map((problem) => `  ${problem}`),
    'All of this is what the log says about itself. It proves nothing until you have compared it: have somebody who can',
    'see the key at its source read out the fingerprint, over a telephone number that you looked up yourself.',
  ];
}

function periodLines({
  origin,
  keyId,
  firstSeq,
  lastSeq,
  introducedBy,
  mode,
  dataKey,
  signers,
}: ShownPeriod): string[] {
  const range = lastSeq < firstSeq ? `announced for entry ${firstSeq}` : `entries ${firstSeq} to ${lastSeq}`;
  const by = signers.map(({ identity }) => identity).join(', ');
  return [
    `  ${keyId} of ${origin ?? 'a stream that no open names'}: ${range}, ${mode}, ${introducedBy}${by === '' ? '' : `; signed by ${by}`}`,
    ...(dataKey === undefined
      ? []
      : [
          `    data key      ${dataKey.source} ${dataKey.identity}${dataKey.wrapped ? ', wrapped in the log' : ', local'}`,
          ...dataKeyLines(dataKey),
        ]),
  ];
}
