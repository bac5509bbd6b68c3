import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TimeStampAuthority } from '../../servers/time-stamp-authority.ts';
import { witnessKey } from '../../support/witness-keys.ts';
import { lines, looks, ORIGIN, signingKey, vkeyIn } from './sealing-scenes.ts';
import type { Making, Workshop } from './workshop.ts';

/** What auditors keep: memory, journal, cosignatures, erasures; and logs as carriers bring them. */

/** The parts of an audit. */
const PARTS = [0, 1];
const FLEET = ['fleet/a', 'fleet/b'];
const nameOf = (origin: string): string => origin.slice('fleet/'.length);
const audit = [
  'audit',
  'logs',
  '--memory',
  'memory',
  '--policy',
  'policy.yaml',
  '--journal',
  'journal.yaml',
  '--format',
  'json',
];

const configOf = (origin: string, file: string, key: string, more: object = {}): Record<string, unknown> => ({
  origin,
  file,
  ...signingKey,
  key_file_path: `${key}.key`,
  key_id: key,
  ...more,
});

/** The name and the key of each stream of a policy. */
async function signersOf(shop: Workshop, logs: readonly string[]): Promise<string[]> {
  const shown: string[] = [];
  for (const log of logs) shown.push(vkeyIn(await shop.run(['keys', 'show', log])));
  return shown;
}

const witness = witnessKey('witness.example/compat', 'compat');
const COSIGNED = Math.floor(Date.parse('2025-03-01T00:10:00Z') / 1_000);

const asWitnessed = ['--origin', ORIGIN, '--public-key', 'test-sign.key.pub', '--witness', 'witness.vkey'];

const asStamped = ['--origin', ORIGIN, '--public-key', 'test-sign.key.pub', '--tsa-certificate', 'tsa-root.pem'];

/** Has a log stamped, today: the authority's clock is that of the machine. */
async function stamp(shop: Workshop): Promise<void> {
  const authority = await TimeStampAuthority.start();
  try {
    shop.write('tsa-root.pem', readFileSync(authority.root));
    const named = ['--origin', ORIGIN, '--url', authority.url, '--tsa-certificate', 'tsa-root.pem'];
    await shop.runToday(['timestamp', 'log', ...named, '--out', 'stamps']);
  } finally {
    await authority.stop();
  }
  for (const name of readdirSync(shop.path('stamps'))) // its name has the key in it, which is another one each time
    renameSync(shop.path(`stamps/${name}`), shop.path(`stamps/log${/\.\w+$/.exec(name)}`));
}

/** Has a log cosigned by a witness that looks at nothing. */
async function cosign(shop: Workshop): Promise<void> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => response.end(witness.cosign(body.split('\n\n')[1]?.concat('\n') ?? '', COSIGNED)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await shop.run([
    'witness',
    'log',
    '--origin',
    ORIGIN,
    '--url',
    url,
    '--witness',
    'witness.vkey',
    '--out',
    'witnessed.jsonl',
  ]);
  server.closeAllConnections();
  server.close();
}

const TIME = '2025-03-01T00:00:00.123456789Z';
/** A log's lines as a carrier has them. */
const carried: Readonly<Record<string, (line: string) => string>> = {
  docker: (line) => JSON.stringify({ log: `${line}\n`, stream: 'stdout', time: TIME }),
  cri: (line) => `${TIME} stdout F ${line}`,
  loki: (line) => JSON.stringify({ labels: { app: 'pay' }, line, timestamp: TIME }),
  'field:log': (line) => JSON.stringify({ date: 1.5, log: line }),
};

const erase = ['erase', 'log', '--policy', 'policy.yaml', '--erasures', 'erasures.yaml', '--who', 'a test', '--yes'];
const erasedLooks = [
  { argv: ['verify', 'log', 'erasures.jsonl', '--policy', 'policy.yaml', '--format', 'json'] },
  { argv: ['cat', 'log'], exit: 2 },
];

export const auditing: readonly Making[] = [
  {
    name: 'fleet',
    about:
      'two streams, the memory of their auditor, its policy, its journal of two nights, the results of its parts, and what the journal proves of a stream',
    async make(shop) {
      for (const origin of FLEET) {
        const name = nameOf(origin);
        shop.config(`${name}.yaml`, configOf(origin, `logs/${name}/app.jsonl`, 'test-sign'));
        await shop.seal(`${name}.yaml`, lines(1, 3));
      }
      shop.config('journal.yaml', configOf('compat.example/journal', 'journal.jsonl', 'test-other'));
      await shop.seal('journal.yaml', []);
      const logs = [...FLEET.map((origin) => `logs/${nameOf(origin)}`), 'journal.jsonl'];
      const keys = await signersOf(shop, logs);
      const streams = [...FLEET, 'compat.example/journal'].map(
        (origin, at) =>
          `  - origin: ${origin}\n    ${at < 2 ? '' : 'min: 0\n    '}require: [signature]\n    keys: [{ sign: "${keys[at]}" }]\n`,
      );
      shop.write('policy.yaml', `version: 1\nstreams:\n${streams.join('')}`);
      await shop.run(audit);
      await shop.seal('a.yaml', lines(4, 5));
      await shop.run(audit);
      await shop.run(['prove', '--stream', 'fleet/a', '--journal', 'journal.yaml', '--out', 'a.stream-proof']);
      for (const part of PARTS) {
        const own = ['--memory', 'parts', '--policy', 'policy.yaml', '--format', 'json', '--run', 'in-parts'];
        shop.write(
          `part-${part}.ndjson`,
          await shop.run(['audit', 'logs', ...own, '--shard', `${part}/${PARTS.length}`]),
        );
      }
      rmSync(shop.path('parts'), { recursive: true });
    },
    logs: ['logs', 'journal'],
    steps: [
      {
        argv: [
          'verify',
          'a.stream-proof',
          '--origin',
          'compat.example/journal',
          '--public-key',
          'test-other.key.pub',
          '--format',
          'json',
        ],
      },
      { argv: ['prove', '--stream', 'fleet/a', '--journal', 'journal.yaml'] },
      { argv: ['audit', 'merge', ...PARTS.map((part) => `part-${part}.ndjson`), '--format', 'json'] },
      { argv: ['verify', 'logs', '--policy', 'policy.yaml', '--format', 'json'], exit: 0 },
      { argv: audit },
    ],
    continued: {
      writes: [
        { argv: ['seal', '--config', 'a.yaml', '--quiet'], lines: lines(6, 7) },
        { argv: ['seal', '--config', 'b.yaml', '--quiet'], lines: lines(4, 5) },
      ],
      steps: [{ argv: audit }, { argv: audit }],
    },
  },
  {
    name: 'witnessed',
    about: 'a log that a witness has cosigned, and the proof of a record with the cosignature',
    async make(shop) {
      shop.config('writer.yaml', { origin: ORIGIN, file: 'log/app.jsonl', ...signingKey });
      await shop.seal('writer.yaml', lines(1, 4));
      shop.write('witness.vkey', `${witness.vkey}\n`);
      await cosign(shop);
      await shop.run(['prove', 'log', 'witnessed.jsonl', ...asWitnessed, '--seq', '3', '--out', 'record.tlog-proof']);
    },
    steps: [
      { argv: ['verify', 'log', 'witnessed.jsonl', ...asWitnessed, '--format', 'json'] },
      { argv: ['verify', 'record.tlog-proof', ...asWitnessed, '--format', 'json'] },
    ],
    continued: { writes: [{ lines: lines(5, 6) }], steps: looks(['--public-key', 'test-sign.key.pub']) },
  },
  {
    name: 'time-stamped',
    about: 'a log of which a checkpoint has a time stamp (RFC 3161)',
    async make(shop) {
      shop.config('writer.yaml', { origin: ORIGIN, file: 'log/app.jsonl', ...signingKey });
      await shop.seal('writer.yaml', lines(1, 3));
      await stamp(shop);
    },
    steps: [{ argv: ['verify', 'log', ...asStamped, '--timestamp', 'stamps/log.tsr', '--format', 'json'] }],
    continued: {
      writes: [{ lines: lines(4, 6) }],
      steps: [{ argv: ['verify', 'log', ...asStamped, '--timestamp', 'stamps/log.tsr', '--format', 'json'] }],
    },
  },
  {
    name: 'erased',
    about: 'a log of which records were erased, and the erasure log that says so',
    manifests: true,
    async make(shop) {
      shop.config('writer.yaml', configOf(ORIGIN, 'log/app.jsonl', 'test-sign', { rotate_max_bytes: 4_096 }));
      shop.config('erasures.yaml', configOf('compat.example/erasures', 'erasures.jsonl', 'test-other'));
      await shop.seal('writer.yaml', lines(1, 24));
      await shop.seal('erasures.yaml', []);
      const [log, erasures] = await signersOf(shop, ['log', 'erasures.jsonl']);
      shop.write(
        'policy.yaml',
        `version: 1
erasures: [compat.example/erasures]
streams:
  - origin: ${ORIGIN}
    keys: [{ sign: "${log}" }]
    accept: { erased: 20 }
  - origin: compat.example/erasures
    require: [signature]
    keys: [{ sign: "${erasures}" }]
`,
      );
      await shop.run([...erase, '--seq', '4-5', '--reason', 'case 1']);
    },
    logs: ['log/app.jsonl', 'erasures'],
    steps: erasedLooks,
    continued: {
      writes: [{ argv: [...erase, '--seq', '9', '--reason', 'case 2'] }],
      steps: erasedLooks,
    },
  },
  {
    name: 'carried',
    about: 'a log as docker, a kubelet, Loki and a collector keep it, and the mixed lines of two streams',
    async make(shop) {
      const logs: string[][] = [];
      for (const name of ['one', 'two']) {
        shop.config(`${name}.yaml`, { ...configOf(`${ORIGIN}/${name}`, '-', 'test-sign'), state_dir: 'unused' });
        logs.push((await shop.seal(`${name}.yaml`, lines(1, 3))).split('\n').slice(0, -1));
        rmSync(shop.path(`${name}.yaml`));
      }
      rmSync(shop.path('unused'), { recursive: true });
      const [one = [], two = []] = logs;
      for (const [carrier, wrap] of Object.entries(carried))
        shop.write(`log.${carrier.replace(':', '-')}`, one.map((line) => `${wrap(line)}\n`).join(''));
      shop.write('mixed.log', one.flatMap((line, at) => [`${line}\n`, `${two[at] ?? ''}\n`]).join(''));
    },
    logs: [],
    steps: [
      ...Object.keys(carried).map((carrier) => ({
        argv: [
          'verify',
          `log.${carrier.replace(':', '-')}`,
          '--unwrap',
          carrier,
          '--origin',
          `${ORIGIN}/one`,
          '--public-key',
          'test-sign.key.pub',
          '--format',
          'json',
        ],
      })),
      { argv: ['cat', 'log.docker', '--unwrap', 'docker'] },
      { argv: ['inspect', 'log.cri', '--unwrap', 'cri', '--format', 'json'] },
      {
        argv: [
          'verify',
          'mixed.log',
          '--demux',
          '--origin',
          `${ORIGIN}/*`,
          '--public-key',
          'test-sign.key.pub',
          '--format',
          'json',
        ],
      },
    ],
  },
];
