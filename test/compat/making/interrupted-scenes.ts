import { readFileSync, truncateSync } from 'node:fs';
import { dataKey, lines, looks, ORIGIN, signingKey, wrappingOptions } from './sealing-scenes.ts';
import type { Making } from './workshop.ts';

/** Logs whose writer did not come to its end, or lost something, or could not continue. */

const asSigned = ['--public-key', 'test-sign.key.pub'];
/** Whoever continues them elsewhere need not wait for the lock of a process that it cannot look at. */
const breakLock = { argv: ['recover', 'log/app.jsonl', '--break-lock', '--config', 'writer.yaml'] };

/** Options as code has them. */
const inCode = (options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );

const quiet = { state_dir: 'state', checkpoint_max_seconds: 3_600, heartbeat_seconds: 86_400, flush_every: 'line' };
const signed = { origin: ORIGIN, file: 'log/app.jsonl', ...signingKey };

const recover = (name: string): string[] => [
  'recover',
  `log/${name}.jsonl`,
  '--reason',
  'a test',
  '--config',
  `${name}.yaml`,
];

export const interrupted: readonly Making[] = [
  {
    name: 'killed',
    about: 'an application that was killed: three lines are covered by a checkpoint, two are not',
    async make(shop) {
      shop.config('writer.yaml', signed);
      shop.write('adopting.yaml', `version: 1\nstreams:\n  - { origin: ${ORIGIN}, accept: { adopted: 9 } }\n`);
      const options = inCode({ ...quiet, ...signed, checkpoint_max_records: 3 });
      await shop.stopped({ options, sealed: lines(1, 3), unsealed: lines(4, 5) });
    },
    steps: [
      { argv: ['verify', 'log', '--origin', ORIGIN, ...asSigned, '--format', 'json'], exit: 2 },
      {
        argv: [
          'verify',
          'log',
          '--origin',
          ORIGIN,
          ...asSigned,
          '--live',
          '--now',
          '2025-03-01T01:00:00Z',
          '--format',
          'json',
        ],
      },
      { argv: ['cat', 'log'] },
    ],
    continued: {
      writes: [breakLock, { lines: lines(6, 8) }],
      steps: [
        { argv: ['verify', 'log', '--origin', ORIGIN, ...asSigned, '--format', 'json'], exit: 2 },
        { argv: ['verify', 'log', '--policy', 'adopting.yaml', ...asSigned, '--format', 'json'] },
        { argv: ['cat', 'log'] },
      ],
    },
  },
  {
    name: 'torn',
    about: 'a kill, or a power failure, in the middle of a line: MACs, of which the last line is cut',
    async make(shop) {
      const options = { origin: ORIGIN, file: 'log/app.jsonl', ...dataKey };
      shop.config('writer.yaml', options);
      const stopped = inCode({ ...quiet, ...options, checkpoint_max_records: 3 });
      await shop.stopped({ options: stopped, sealed: lines(1, 3), unsealed: lines(4, 5) });
      const path = shop.path('log/app.jsonl');
      truncateSync(path, readFileSync(path).length - 40);
    },
    torn: (shop) => ({ 'log/app.jsonl': shop.read('log/app.jsonl').lastIndexOf('\n') + 1 }),
    steps: [
      { argv: ['verify', 'log', '--origin', ORIGIN, '--keys', 'test-data.key', '--format', 'json'], exit: 2 },
      { argv: ['cat', 'log'], exit: 2 },
    ],
    continued: {
      writes: [breakLock, { lines: lines(6, 8) }],
      steps: looks(['--keys', 'test-data.key'], ORIGIN, 'log/app.jsonl'),
    },
  },
  {
    name: 'kept',
    about:
      'lines that are kept for the next start: of a writer that closed in vain, and of one that was killed, as its key service was away',
    async make(shop) {
      const options = { origin: ORIGIN, file: 'log/app.jsonl', ...wrappingOptions(), key_id: 'test-wrapping' };
      shop.config('writer.yaml', options);
      await shop.seal('writer.yaml', lines(1, 2));
      const given = inCode({ ...quiet, ...options });
      const away = { COMPAT_SERVICE: 'away' };
      await shop.stopped({ options: given, sealed: [], unsealed: lines(3, 4), closes: true }, away);
      await shop.stopped({ options: given, sealed: [], unsealed: lines(5, 6), at: '.keeping-' }, away);
    },
    steps: [{ argv: ['verify', 'log', '--config', 'writer.yaml', '--format', 'json'] }, { argv: ['cat', 'log'] }],
    continued: {
      writes: [breakLock, { lines: lines(7, 8) }],
      steps: [{ argv: ['verify', 'log', '--config', 'writer.yaml', '--format', 'json'] }, { argv: ['cat', 'log'] }],
    },
  },
  {
    name: 'gap',
    about: 'lines that found no room: a gap entry counts them',
    async make(shop) {
      shop.config('writer.yaml', signed);
      const options = inCode({
        ...quiet,
        ...signed,
        flush_every: 'turn',
        max_line_bytes: 65_536,
        max_pending_bytes: 65_536,
      });
      const unsealed = lines(1, 40, `,"text":"${'long '.repeat(400)}"`);
      await shop.stopped({ options, sealed: [], unsealed, closes: true });
    },
    steps: looks(asSigned),
    continued: { writes: [{ lines: lines(41, 42) }], steps: looks(asSigned) },
  },
  {
    name: 'recovered',
    about:
      'a stream that could not continue, and the one that was begun in its place; another one that comes to that later',
    async make(shop) {
      for (const name of ['begun', 'due']) {
        shop.config(`${name}.yaml`, { ...signed, origin: `${ORIGIN}/${name}`, file: `log/${name}.jsonl` });
        await shop.seal(`${name}.yaml`, lines(1, 3));
      }
      await shop.run(recover('begun'));
      await shop.seal('begun.yaml', lines(4, 5));
    },
    steps: looks([...asSigned, '--accept-successors'], `${ORIGIN}/*`),
    continued: {
      writes: [
        { argv: recover('due') },
        ...['begun', 'due'].map((name) => ({
          argv: ['seal', '--config', `${name}.yaml`, '--quiet'],
          lines: lines(6, 7),
        })),
      ],
      steps: looks([...asSigned, '--accept-successors'], `${ORIGIN}/*`),
    },
  },
];
