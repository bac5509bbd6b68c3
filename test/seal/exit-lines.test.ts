import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateKeyFile } from '../../src/index.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { notesIn } from '../support/sealed-lines.ts';
import { someOf } from '../support/tier.ts';
import { workplace } from './workplace.ts';

/** Lines that come while the process ends, by `exit` listeners that were added before the sealer or after it. */

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built?.remove());

const env = { ...process.env, FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const library = (): string => JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')).href);
/** Runs a program. @returns its exit code and what it said */
const ran = (text: string): { status: number | null; stderr: string } => {
  const argv = ['--input-type=module', '-e', text];
  const { status, stderr } = spawnSync(process.execPath, argv, { env, encoding: 'utf8' });
  return { status, stderr };
};
/** A program whose sealer has its key, and then does something. */
const sealing = (options: object, act: string): string =>
  `import { createSealer } from ${library()}; const sealer = createSealer(${JSON.stringify(options)}); await sealer.flush(); ${act}`;
const recordsIn = (path: string): string[] => {
  const argv = [join(built.directory, 'dist/cli/main.js'), 'cat', path];
  const { status, stdout } = spawnSync(process.execPath, argv, { encoding: 'utf8', maxBuffer: 2 ** 24 });
  expect(status).toBe(0);
  return stdout.trim().split('\n');
};

const listener = "process.on('exit', () => { for (let n = 0; n < 3; n++) sealer.write('{\"late\":' + n + '}'); });";
const program = (options: object, { before, end }: { before: boolean; end: string }): string => `
  import { createSealer } from ${library()};
  let sealer;
  ${before ? listener : ''}
  sealer = createSealer(${JSON.stringify(options)});
  ${before ? '' : listener}
  sealer.write('{"n":0}');
  ${end}
`;

const ends = ['await sealer.close();', 'await sealer.flush();', 'process.exit(0);', ''];
it.each(
  someOf(
    [true, false].flatMap((before) => ends.map((end) => ({ before, end }))),
    3,
  ),
)('are sealed by this run or the next: $before, $end', (how) => {
  const { directory } = workplace();
  const options = {
    file: join(directory, 'a.jsonl'),
    stateDir: join(directory, 'state'),
    origin: 'audit.example.com/exit',
    keySource: 'env',
  };
  // each line that is kept is told of: nobody would see otherwise that it is not sealed
  expect(ran(program(options, how))).toEqual({
    status: 0,
    stderr: expect.stringMatching(
      /^(fapilog-tamper: lines of the log \S+ could not be sealed: \S+ keeps \d for the next start\n)*$/,
    ),
  });
  expect(ran(sealing(options, 'await sealer.close();'))).toEqual({ status: 0, stderr: '' });
  expect(recordsIn(options.file).sort()).toEqual(['{"late":0}', '{"late":1}', '{"late":2}', '{"n":0}']);
});

it('are all sealed or kept where a producer was held back until the end', () => {
  const { directory } = workplace();
  const options = {
    file: join(directory, 'a.jsonl'),
    stateDir: join(directory, 'state'),
    origin: 'audit.example.com/held',
    keySource: 'env',
    rotateChain: true,
    rotateMaxBytes: 100_000,
    maxLineBytes: 4_096,
    maxPendingBytes: 65_536,
  };
  const held = `
    let n = 0;
    const go = () => {
      while (n < 20000) if (!sealer.write('{"n":' + n++ + '}')) return sealer.once('drain', go);
    };
    go();
    process.exit(0);`;
  for (const act of [held, 'await sealer.close();']) {
    const { status, stderr } = ran(sealing(options, act));
    expect(status, stderr).toBe(0);
  }
  const sealed = recordsIn(directory).map((line) => (JSON.parse(line) as { n: number }).n);
  expect(sealed.sort((a, b) => a - b)).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
});

const modes = [
  { mode: 'MACs', more: {} },
  { mode: 'signatures', more: { algorithm: 'Ed25519' } },
  { mode: 'both', more: { signingKeyId: 'sign' } },
];
const sources = ['env', 'file'] as const;
interface Job {
  readonly mode: string;
  readonly more: object;
  readonly source: (typeof sources)[number];
  readonly way: string;
  readonly isNoted?: boolean;
}
/** What a job does after it has logged; the last ones end while the start is under way. */
const ways = [
  'process.exit(0);',
  '',
  'throw new Error();',
  'await null; process.exit(0);',
  'setImmediate(process.exit, 0);',
];
/** The note key lies in a file wherever the others are (M4.11). */
const noted = [
  { mode: 'signatures', more: { algorithm: 'Ed25519' }, source: 'file' as const },
  { mode: 'both', more: { signingKeyId: 'sign' }, source: 'env' as const },
].flatMap((one) => [ways[0], ways[3]].map((way = '') => ({ ...one, way, isNoted: true })));
const jobs: readonly Job[] = [
  ...modes.flatMap((one) => sources.map((source) => ({ ...one, source, way: 'process.exit(0);' }))),
  ...ways.slice(1).map((way) => ({ mode: 'both', more: { signingKeyId: 'sign' }, source: 'file' as const, way })),
];

it.each([
  ...someOf(jobs, 3),
  ...someOf(noted, 1),
])('short jobs seal their lines: $mode from $source, noted: $isNoted, $way', async (job) => {
  const { mode, more, source, way, isNoted = false } = job;
  const { directory } = workplace();
  const [data, sign] = [join(directory, 'data.key'), join(directory, 'sign.key')];
  await generateKeyFile(data, 'HMAC-SHA256');
  await generateKeyFile(sign, 'Ed25519');
  const note = join(directory, 'note.key');
  await generateKeyFile(note, 'Ed25519');
  const [file, stateDir, origin] = [join(directory, 'a.jsonl'), join(directory, 'state'), 'audit.example.com/jobs'];
  const first = mode === 'signatures' ? sign : data;
  const paths = { keyFilePath: first, ...(mode === 'both' && { signingKeyFilePath: sign }) };
  const ownOptions = { file, stateDir, origin, keySource: source, ...more, ...(source === 'file' && paths) };
  const options = { ...ownOptions, ...(isNoted && { noteKeyFilePath: note }) };
  const variables = {
    FAPILOG_TAMPER_KEY: readFileSync(first, 'utf8'),
    FAPILOG_TAMPER_SIGNING_KEY: readFileSync(sign, 'utf8'),
  };
  const env = { ...process.env, ...(source === 'env' && variables) };
  for (let n = 1; n <= 3; n++) {
    const text = `import { createSealer } from ${JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')).href)};
      const sealer = createSealer(${JSON.stringify(options)});
      sealer.write('{"n":${n}}');
      ${way}`;
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], { env, encoding: 'utf8' });
    expect(stderr).not.toMatch(/fapilog-tamper: |Warning/);
  }
  expect(readdirSync(stateDir).filter((name) => /unsealed-|keeping-/.test(name))).toEqual([]);
  if (isNoted) {
    const lines = mode === 'signatures' ? 2 : 3;
    for (const { keyIds } of notesIn(readFileSync(file, 'utf8'))) expect(keyIds).toHaveLength(lines);
  }
  const keys = mode === 'MACs' ? [] : ['--public-key', `${sign}.pub`];
  if (mode !== 'signatures') keys.push('--keys', data);
  const main = join(built.directory, 'dist/cli/main.js');
  const { status, stdout } = spawnSync(process.execPath, [main, 'verify', file, '--origin', origin, ...keys], {
    encoding: 'utf8',
  });
  expect(stdout).toMatch(/^OK .*\n(?:.*\n)*? {2}entries 1 to \d+, 3 records, .*; closed\n/);
  expect(status).toBe(0);
}); // biome-ignore format: short

it('short jobs seal their lines behind those that a killed process had begun to seal', () => {
  const { directory } = workplace();
  const stateDir = join(directory, 'state');
  const options = { file: join(directory, 'a.jsonl'), stateDir, origin: 'audit.example.com/exit', keySource: 'env' };
  const env = { ...process.env, FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
  const job = (n: number, end: string, more = ''): void => {
    const text = `import { createSealer } from ${JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')).href)};
      const never = () => new Promise(() => undefined);
      const sealer = createSealer({ ...${JSON.stringify(options)}, ${more} });
      sealer.write('{"n":${n}}');
      ${end}`;
    spawnSync(process.execPath, ['--input-type=module', '-e', text], { env });
  };
  const left = (): number => readdirSync(stateDir).filter((name) => /unsealed-|keeping-/.test(name)).length;
  job(1, 'process.exit(0);', "keyProvider: { source: 'env', getKey: never, rotateCheck: never, close: never }");
  job(2, "await sealer.ready; process.kill(process.pid, 'SIGKILL');");
  expect(left()).toBeGreaterThan(0);
  job(3, 'process.exit(0);');
  expect(left()).toBe(0);
  const main = join(built.directory, 'dist/cli/main.js');
  const { stdout } = spawnSync(process.execPath, [main, 'cat', options.file], { encoding: 'utf8' });
  expect(stdout).toMatch(/^\{"n":1}\n(?:\{"n":2}\n)?\{"n":3}\n$/); // a SIGKILL may take what was in memory
});

it('a short job that ends before its key has come says which lines wait where, and so do verify and doctor', () => {
  const { directory } = workplace();
  const options = { file: join(directory, 'a.jsonl'), stateDir: join(directory, 'state'), keySource: 'env' };
  const env = {
    ...process.env,
    FAPILOG_TAMPER_KEY: 'ab'.repeat(32),
    FAPILOG_TAMPER_FILE: options.file,
    FAPILOG_TAMPER_STATE_DIR: options.stateDir,
  };
  const library = JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')).href);
  const job = `import { createSealer } from ${library};
    const never = () => new Promise(() => undefined);
    const keyProvider = { source: 'env', getKey: never, rotateCheck: never, close: async () => undefined };
    const sealer = createSealer({ ...${JSON.stringify(options)}, keyProvider });
    for (let n = 0; n < 3; n++) sealer.write('{"n":1}');
    process.exit(0);`;
  const node = (...argv: string[]) => spawnSync(process.execPath, argv, { env, encoding: 'utf8' });
  const { status, stderr } = node('--input-type=module', '-e', job);
  expect(status).toBe(0);
  expect(stderr).toContain(`${options.stateDir}/`);
  expect(stderr).toContain('keeps 3 for the next start');
  const main = join(built.directory, 'dist/cli/main.js');
  expect(node(main, 'verify', options.file, '--origin', 'x').stderr).toContain('note: 3 lines');
  expect(node(main, 'doctor').stdout).toContain('kept lines: 3 lines that could not be sealed wait in');
});
