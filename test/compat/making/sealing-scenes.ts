import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Asked, Making, Workshop } from './workshop.ts';

/** Logs of every kind of key and file, each closed as it should be. */

export const ORIGIN = 'compat.example/app';

/** Lines of an application. */
export const lines = (from: number, to: number, more = ''): string[] =>
  Array.from(
    { length: to - from + 1 },
    (_, at) => `{"n":${from + at},"user":"${['ada', 'bob', 'eve'][(from + at) % 3]}"${more}}`,
  );

/** What an auditor does with any log; `keys` are the flags that name the keys. */
export const looks = (keys: readonly string[], origin: string = ORIGIN, place = 'log'): Asked[] => [
  { argv: ['verify', place, '--origin', origin, ...keys, '--format', 'json'] },
  { argv: ['cat', place] },
];

const shown: Asked[] = [
  { argv: ['inspect', 'log', '--format', 'json'] },
  { argv: ['keys', 'show', 'log', '--format', 'json'] },
];

/** The keys of a writer in files, as options. */
export const dataKey = { key_source: 'file', key_file_path: 'test-data.key', key_id: 'test-data' };
export const signingKey = {
  key_source: 'file',
  key_file_path: 'test-sign.key',
  key_id: 'test-sign',
  algorithm: 'Ed25519',
};

async function keygen(shop: Workshop, name: string, algorithm = 'Ed25519'): Promise<void> {
  mkdirSync(dirname(shop.path(name)), { recursive: true, mode: 0o700 });
  await shop.run(['keygen', '--out', name, '--algorithm', algorithm]);
}

const asData = ['--keys', 'test-data.key'];
const asSigned = ['--public-key', 'test-sign.key.pub'];

/** The keys of a service, each with its own algorithm: what it is called, and how openssl makes it. */
const SERVICE_KEYS = [
  ['p256', 'ecdsa-p256-sha256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']],
  ['p384', 'ecdsa-p384-sha384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ['pss', 'rsa-pss-sha256', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ['pkcs1', 'rsa-pkcs1-sha256', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
] as const;

const withService = (algorithm: string, more: object): Record<string, unknown> => ({
  key_source: 'custom',
  key_provider_module: './provider.mjs',
  key_provider_options: { algorithm, ...more },
});

/** A private key of a service. */
function serviceKey(shop: Workshop, name: string, how: readonly string[]): void {
  const made = execFileSync('openssl', ['genpkey', ...how], { stdio: ['ignore', 'pipe', 'ignore'] });
  shop.write(`test-${name}.pem`, made);
}

export const wrappingOptions = (): Record<string, unknown> =>
  withService('ecdsa-p256-sha256', { test_wrapping_key: randomBytes(32).toString('base64') });

export const sealing: readonly Making[] = [
  {
    name: 'mac',
    about: 'MACs with a data key from a file; two runs; the file of known checkpoints of an auditor',
    async make(shop) {
      shop.config('writer.yaml', { origin: ORIGIN, file: 'log/app.jsonl', ...dataKey });
      await shop.seal('writer.yaml', lines(1, 3));
      await shop.run(['verify', 'log', '--origin', ORIGIN, ...asData, '--known', 'known.json']);
      await shop.seal('writer.yaml', lines(4, 6));
    },
    steps: [
      ...looks([...asData, '--known', 'known.json']),
      { argv: ['verify', 'log', '--origin', ORIGIN, '--format', 'json'], exit: 2 },
      ...shown,
    ],
    continued: { writes: [{ lines: lines(7, 9) }], steps: looks([...asData, '--known', 'known.json']) },
  },
  {
    name: 'signed',
    about: 'signed with Ed25519: rotated files with manifests, compressed; an anchor; a proof, a receipt, tiles',
    manifests: true,
    async make(shop) {
      shop.config('writer.yaml', {
        origin: ORIGIN,
        file: 'log/app.jsonl',
        ...signingKey,
        rotate_max_bytes: 5_500,
        compress_rotated: true,
        anchors: ['anchor.notes'],
      });
      await shop.seal('writer.yaml', lines(1, 20));
      await shop.seal('writer.yaml', lines(21, 30));
      const named = ['--origin', ORIGIN, ...asSigned];
      await shop.run(['prove', 'log', ...named, '--seq', '5', '--out', 'record.tlog-proof']);
      const receipt = ['--format', 'cose', '--config', 'writer.yaml', '--out', 'record.cose', '--leaf', 'record.leaf'];
      await shop.run(['prove', 'log', '--seq', '5', ...receipt]);
    },
    steps: [
      ...looks(asSigned),
      ...shown,
      { argv: ['verify', 'record.tlog-proof', '--origin', ORIGIN, ...asSigned, '--format', 'json'] },
      { argv: ['prove', 'log', '--origin', ORIGIN, ...asSigned, '--seq', '5'] },
      {
        argv: ['export', 'log', '--origin', ORIGIN, ...asSigned, '--tiles', 'tiles'],
        writes: ['tiles'],
      },
      {
        argv: [
          'prove',
          'log',
          '--seq',
          '5',
          '--format',
          'cose',
          '--config',
          'writer.yaml',
          '--out',
          'new.cose',
          '--leaf',
          'new.leaf',
        ],
        writes: ['new.leaf'],
      },
      { argv: ['cat', 'log', '--verified', '--origin', ORIGIN, ...asSigned] },
    ],
    continued: { writes: [{ lines: lines(31, 40) }], steps: looks(asSigned) },
  },
  {
    name: 'mac-and-signature',
    about: 'a data key and a signing key together, with salts; a policy that demands both; an attestation',
    manifests: true,
    async make(shop) {
      await keygen(shop, 'keys/test-data.key', 'HMAC-SHA256');
      shop.config('writer.yaml', {
        origin: ORIGIN,
        file: 'log/app.jsonl',
        key_source: 'file',
        key_file_path: 'keys',
        key_id: 'test-data',
        signing_key_id: 'test-sign',
        signing_key_file_path: 'test-sign.key',
      });
      shop.config('signer.yaml', { ...signingKey });
      await shop.seal('writer.yaml', lines(1, 5));
      const vkey = vkeyIn(await shop.run(['keys', 'show', 'log']));
      shop.write(
        'policy.yaml',
        `version: 1
streams:
  - origin: ${ORIGIN}
    records: mac
    require: [mac, signature]
    keys:
      - { wrap: test-data, from_seq: 1 }
      - { sign: "${vkey}", from_seq: 1 }
    start: whole
    end: closed
    manifest: required
    accept: { adopted: 0, abandoned: 0, dropped: 0, restarts: vouched }
`,
      );
      await shop.run([
        'attest',
        'log/app.jsonl',
        '--config',
        'signer.yaml',
        '--origin',
        ORIGIN,
        '--out',
        'attestation.json',
      ]);
    },
    steps: [
      { argv: ['verify', 'log', '--policy', 'policy.yaml', '--keys', 'keys', '--format', 'json'] },
      ...looks(asSigned),
      ...shown,
      { argv: ['keys', 'show', 'policy.yaml', '--format', 'json'] },
      {
        argv: ['attest', 'log/app.jsonl', '--config', 'signer.yaml', '--origin', ORIGIN, '--out', 'new.json'],
        makes: ['attestation.json', 'new.json'],
      },
    ],
    continued: {
      writes: [{ lines: lines(6, 9) }],
      steps: [
        { argv: ['verify', 'log', '--policy', 'policy.yaml', '--keys', 'keys', '--format', 'json'] },
        { argv: ['cat', 'log'] },
      ],
    },
  },
  {
    name: 'service-keys',
    about: 'keys that sign at a service of their own: ECDSA P-256 and P-384, RSA-PSS, RSA PKCS#1',
    async make(shop) {
      const vkeys: string[] = [];
      for (const [name, algorithm, how] of SERVICE_KEYS) {
        serviceKey(shop, name, how);
        const keys = { ...withService(algorithm, {}), key_id: name, use_kms_signing: true };
        shop.config(`${name}.yaml`, { origin: `${ORIGIN}/${name}`, file: `log/${name}.jsonl`, ...keys });
        await shop.seal(`${name}.yaml`, lines(1, 2));
        vkeys.push(vkeyIn(await shop.run(['keys', 'show', `log/${name}.jsonl`])));
      }
      shop.write('signers.vkeys', vkeys.map((vkey) => `${vkey}\n`).join(''));
    },
    steps: SERVICE_KEYS.flatMap(([name]) =>
      looks(['--public-key', 'signers.vkeys'], `${ORIGIN}/${name}`, `log/${name}.jsonl`),
    ),
    continued: {
      writes: SERVICE_KEYS.map(([name]) => ({
        argv: ['seal', '--config', `${name}.yaml`, '--quiet'],
        lines: lines(3, 4),
      })),
      steps: SERVICE_KEYS.flatMap(([name]) =>
        looks(['--public-key', 'signers.vkeys'], `${ORIGIN}/${name}`, `log/${name}.jsonl`),
      ),
    },
  },
  {
    name: 'service-mac',
    about: 'checkpoints with HMACs of a service, which alone can check them',
    async make(shop) {
      shop.write('test-mac.pem', randomBytes(32));
      const keys = { ...withService('kms-hmac-sha256', {}), key_id: 'mac', use_kms_signing: true };
      shop.config('writer.yaml', { origin: ORIGIN, file: 'log/app.jsonl', ...keys });
      await shop.seal('writer.yaml', lines(1, 3));
    },
    steps: [
      { argv: ['verify', 'log', '--config', 'writer.yaml', '--format', 'json'] },
      { argv: ['verify', 'log', '--origin', ORIGIN, '--format', 'json'], exit: 2 },
      ...shown,
    ],
    continued: {
      writes: [{ lines: lines(4, 6) }],
      steps: [{ argv: ['verify', 'log', '--config', 'writer.yaml', '--format', 'json'] }, { argv: ['cat', 'log'] }],
    },
  },
  {
    name: 'wrapped',
    about: 'data keys that a service wrapped, and the file of `keys recover`',
    async make(shop) {
      shop.config('writer.yaml', {
        origin: ORIGIN,
        file: 'log/app.jsonl',
        ...wrappingOptions(),
        key_id: 'test-wrapping',
      });
      await shop.seal('writer.yaml', lines(1, 3));
      await shop.run(['keys', 'recover', 'log', '--out', 'test-recovered.keys', '--config', 'writer.yaml']);
    },
    steps: [
      ...looks(['--keys', 'test-recovered.keys']),
      { argv: ['verify', 'log', '--config', 'writer.yaml', '--format', 'json'] },
      { argv: ['keys', 'show', 'test-recovered.keys', '--format', 'json'] },
      { argv: ['keys', 'recover', 'log', '--out', 'again.keys', '--config', 'writer.yaml'], writes: ['again.keys'] },
    ],
    continued: {
      writes: [{ lines: lines(4, 6) }],
      steps: [{ argv: ['verify', 'log', '--config', 'writer.yaml', '--format', 'json'] }, { argv: ['cat', 'log'] }],
    },
  },
  {
    name: 'ml-dsa',
    about: 'a post-quantum key, ML-DSA-44, beside Ed25519',
    async make(shop) {
      await keygen(shop, 'test-pq.key', 'ML-DSA-44');
      shop.config('writer.yaml', {
        origin: ORIGIN,
        file: 'log/app.jsonl',
        ...signingKey,
        post_quantum_key_id: 'test-pq',
        post_quantum_key_file_path: 'test-pq.key',
      });
      await shop.seal('writer.yaml', lines(1, 2));
    },
    steps: [...looks([...asSigned, '--public-key', 'test-pq.key.pub']), ...shown],
    continued: { writes: [{ lines: lines(3, 4) }], steps: looks(['--public-key', 'test-pq.key.pub']) },
  },
  {
    name: 'note-key',
    about: 'a note key for readers of C2SP notes, records without salts, and lines that stay as they came',
    async make(shop) {
      shop.config('writer.yaml', {
        origin: ORIGIN,
        file: 'log/app.jsonl',
        ...signingKey,
        salt_records: false,
        note_key_file_path: 'test-other.key',
        on_integrity: 'wrap',
        max_line_bytes: 1_024,
      });
      await shop.seal('writer.yaml', [
        'plain text',
        '{"integrity":"of the application","n":1}',
        '',
        '"x',
        `${'long '.repeat(300)}end`,
        ' {"z":0} ',
      ]);
    },
    steps: [
      ...looks(asSigned),
      {
        argv: [
          'export',
          'log',
          '--origin',
          ORIGIN,
          ...asSigned,
          '--note-key',
          'test-other.key.pub',
          '--tiles',
          'tiles',
        ],
        writes: ['tiles'],
      },
    ],
    continued: { writes: [{ lines: lines(2, 4) }], steps: looks(asSigned) },
  },
  {
    name: 'chained',
    about: 'rotate_chain: each file is a stream of its own that names the one before',
    manifests: true,
    async make(shop) {
      shop.config('writer.yaml', {
        origin: ORIGIN,
        file: 'log/app.jsonl',
        ...signingKey,
        rotate_chain: true,
        rotate_max_bytes: 2_500,
      });
      await shop.seal('writer.yaml', lines(1, 8));
    },
    steps: [...looks(asSigned, `${ORIGIN}*`), ...shown],
    continued: { writes: [{ lines: lines(9, 16) }], steps: looks(asSigned, `${ORIGIN}*`) },
  },
  {
    name: 'new-data-key',
    about: 'a data key that was replaced while the log was written, and a hand-over to the next key period',
    async make(shop) {
      for (const name of ['test-2024', 'test-2025']) await keygen(shop, `keys/${name}.key`, 'HMAC-SHA256');
      const common = { origin: ORIGIN, file: 'log/app.jsonl', key_source: 'file', key_file_path: 'keys' };
      shop.config('first.yaml', { ...common, key_id: 'test-2024', max_epoch_seconds: 1 });
      shop.config('writer.yaml', { ...common, key_id: 'test-2025' });
      const part = (from: number, to: number): string =>
        lines(from, to)
          .map((line) => `${line}\n`)
          .join('');
      await shop.sealInParts('first.yaml', [part(1, 2), () => wait(1_700), part(3, 4), () => wait(1_700), part(5, 6)]);
      await shop.seal('writer.yaml', lines(7, 8));
    },
    steps: [...looks(['--keys', 'keys']), ...shown],
    continued: { writes: [{ lines: lines(9, 10) }], steps: looks(['--keys', 'keys']) },
  },
  {
    name: 'piped',
    about: 'a log on standard output, of which the state knows the last checkpoint',
    async make(shop) {
      shop.config('writer.yaml', { origin: ORIGIN, ...signingKey });
      shop.write(
        'log.jsonl',
        (await shop.seal('writer.yaml', lines(1, 3))) + (await shop.seal('writer.yaml', lines(4, 5))),
      );
    },
    steps: looks(asSigned, ORIGIN, 'log.jsonl'),
    continued: {
      writes: [{ lines: lines(6, 7), appendTo: 'log.jsonl' }],
      steps: looks(asSigned, ORIGIN, 'log.jsonl'),
    },
  },
];

/** The first verifier key in a text. */
export function vkeyIn(text: string): string {
  const [vkey] = /[\w./]+\+[0-9a-f]{8}\+[\w+/=]+/.exec(text) ?? [];
  if (vkey === undefined) throw new Error(`no verifier key in ${text}`);
  return vkey;
}
