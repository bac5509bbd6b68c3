import { execFile, execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatVkey } from '../../src/index.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { recordOf } from '../support/sealed-lines.ts';
import { verify } from '../support/verifying.ts';

/**
 * What becomes of every line, for every way to end, of key, of disk and of queue: lines taken = lines sealed + lines that
 * gaps count, once a next start has done its work, and no line twice. Where nobody asks the writer before the process
 * ends, what was acknowledged is there, and nothing twice.
 */
const ORIGIN = 'audit.example.com/accounting';
const LINES = 2_000;
const ENDS = ['close', 'exit', 'throw', 'handled-signal', 'signal', 'terminate', 'kill'] as const;
const KEYS = ['ok', 'away', 'later'] as const;
const DISKS = ['ok', 'full from the start', 'full later', 'full later, with the state'] as const;
/** `line at once`: with `flush_every: line` and an end in the turn that writes the last line. */
const FLUSHES = ['turn', 'line at once'] as const;
const QUEUES = ['fits', 'overflows'] as const;
/** These ask the writer: `exit` events and promises run. */
const ASKED: ReadonlySet<string> = new Set(['close', 'exit', 'throw', 'handled-signal']);

interface Case {
  readonly end: (typeof ENDS)[number];
  readonly key: (typeof KEYS)[number];
  readonly disk: (typeof DISKS)[number];
  readonly queue: (typeof QUEUES)[number];
  readonly flush: (typeof FLUSHES)[number];
}

interface Account extends Case {
  readonly given: number;
  readonly acknowledged: number;
  readonly sealed: number;
  readonly counted: number;
  readonly twice: number;
  readonly verdict: string;
}

const program = fileURLToPath(new URL('../support/application.mjs', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'accounting-'));
const pair = generateKeyPairSync('ed25519');
const table: Account[] = [];
let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
  const key = pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
  writeFileSync(join(root, 'key'), key, { mode: 0o600 });
});
afterAll(() => {
  built.remove();
  rmSync(root, { recursive: true, force: true });
  console.log(printed(table));
});

function printed(rows: readonly Account[]): string {
  const head = [
    'end',
    'key',
    'disk',
    'queue',
    'flush',
    'given',
    'acknowledged',
    'sealed',
    'counted',
    'twice',
    'verdict',
  ] as const;
  const cells = [head.map(String), ...rows.map((row) => head.map((name) => String(row[name])))];
  return cells.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function application(task: object): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, JSON.stringify(task)], { timeout: 60_000 }, (_error, stdout) => {
      const said = stdout.split('\n').filter((line) => line.endsWith('}'));
      resolve(Object.assign({}, ...said.map((line) => JSON.parse(line) as object)) as Record<string, unknown>);
    });
  });
}

/** The number of each line in the files of a directory. */
function sealedLines(directory: string): number[] {
  const numbers: number[] = [];
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.jsonl'))) {
    for (const text of readFileSync(join(directory, name), 'latin1').split('\n')) {
      const record = recordOf(Buffer.from(text, 'latin1'));
      if (record === undefined) continue;
      const own = JSON.parse(record.own.toString()) as { n: number };
      numbers.push(own.n);
    }
  }
  return numbers;
}

async function account(one: Case, directory: string): Promise<Account> {
  const { end, key, disk, queue, flush } = one;
  const log = join(directory, 'log');
  const withState = disk === 'full later, with the state';
  mkdirSync(log);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', log]);
  try {
    const filler = join(log, 'filler');
    if (disk === 'full from the start')
      execFileSync('sh', ['-c', `cat /dev/zero > '${filler}' || true`], { stdio: 'ignore' });
    const options = {
      file: join(log, 'audit.jsonl'),
      stateDir: withState ? join(log, 'state') : join(directory, 'state'),
      origin: ORIGIN,
      keySource: 'file',
      keyFilePath: join(root, 'key'),
      algorithm: 'Ed25519',
    };
    const small = queue === 'overflows' ? { maxLineBytes: 65_536, maxPendingBytes: 65_536 } : {};
    const library = join(built.directory, 'dist/index.js');
    const line = flush === 'turn' ? {} : { flushEvery: 'line' };
    const atOnce = flush === 'line at once';
    const task = { library, options: { ...options, ...small, ...line }, key, lines: LINES, pad: 100, end, atOnce };
    const said = await application({ ...task, ...(disk.startsWith('full later') && { filler }) });
    rmSync(filler, { force: true });
    await application({ library, options, key: 'ok', lines: 0, end: 'close' });
    const sealed = sealedLines(log);
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
    const report = await verify({
      paths: readdirSync(log)
        .filter((name) => name.endsWith('.jsonl'))
        .map((name) => join(log, name)),
      origin: ORIGIN,
      publicKeys: [formatVkey(ORIGIN, { algorithm: 'ed25519', bytes: spki })],
    });
    return {
      ...one,
      given: Number(said['given'] ?? 0),
      acknowledged: Number(said['acknowledged'] ?? 0),
      sealed: sealed.length,
      counted: report.streams[0]?.droppedLines ?? 0,
      twice: sealed.length - new Set(sealed).size,
      verdict: report.verdict,
    };
  } finally {
    execFileSync('umount', [log]);
  }
}

const cases = [
  ...ENDS.flatMap((end) =>
    KEYS.flatMap((key) =>
      DISKS.flatMap((disk) => QUEUES.map((queue): Case => ({ end, key, disk, queue, flush: 'turn' }))),
    ),
  ),
  // an overflow of the queue while the key is on its way: the first turn gives more than fits
  ...ENDS.flatMap((end) => KEYS.map((key): Case => ({ end, key, disk: 'ok', queue: 'fits', flush: 'line at once' }))),
  ...ENDS.map((end): Case => ({ end, key: 'away', disk: 'ok', queue: 'overflows', flush: 'line at once' })),
];

it.concurrent.each(cases)('$end, key $key, disk $disk, queue $queue, flush $flush', async (one) => {
  const directory = mkdtempSync(join(root, 'case-'));
  const row = await account(one, directory);
  table.push(row);
  expect(row.given).toBe(LINES);
  expect(row.twice).toBe(0);
  expect(row.verdict).not.toBe('tampered');
  expect(row.sealed).toBeGreaterThanOrEqual(row.acknowledged);
  if (ASKED.has(one.end) || one.flush !== 'turn') expect(row.sealed + row.counted).toBe(LINES);
  else expect(row.sealed + row.counted).toBeLessThanOrEqual(LINES);
});
