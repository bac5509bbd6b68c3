import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Producer } from '@platformatic/kafka';
import { FLEET, makeTopics, produce } from '../../support/topic-logs.ts';
import type { Bench, Run } from './bench.ts';
import { inputs, judgeInput } from './inputs.ts';

/** @returns what is wrong; undefined: nothing */
export type Case = (bench: Bench) => Promise<string | undefined>;

const ORIGIN = 'doors.example.com/table';
const SECRET = 'hunter2-Tr0ub4dor';
/** Above rest, in MB. */
const MOST_MB = 64;
/** In milliseconds. */
const LONGEST_BLOCK = 1_000;

const above = ({ peakMb, rest }: Run): boolean => peakMb - rest.peakMb > MOST_MB;
const isStopped = (error: string | undefined): boolean => error?.startsWith('STATE_CONFLICT') === true;
const hostile = (bench: Bench, way: string): string => `http://127.0.0.1:${bench.hostile.port}/try-${way}-end`;

/** An anchor that answers in a hostile way takes memory. */
const hostileAnchors: Case = async (bench) => {
  const wrong: string[] = [];
  for (const way of ['endless-body', 'gzip-bomb']) {
    const { run } = await bench.sealing([{ step: 'seal', anchors: [hostile(bench, way)] }]);
    if (above(run) || run.isEndless) wrong.push(way);
  }
  const env = { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${bench.hostile.port}` };
  const { run } = await bench.sealing([{ step: 'seal', anchors: ['s3://try-endless-refusal-end/a'] }], env);
  if (above(run) || run.isEndless) wrong.push('endless refusal of S3');
  return listed(wrong);
};

/** Records that become large only when they are unpacked or read, and an answer that is too long as it is. */
const hostileRecords: Case = async (bench) => {
  const wrong: string[] = [];
  const { zeros: atRest, ...unpacked } = bench.hostile.ports['kafka-unpacked'] ?? {};
  const ways = { ...unpacked, 'endless-frame': bench.hostile.ports['kafka-records']?.['endless-frame'] };
  const ask = async (port: number | undefined, rest?: Run): Promise<Run> => {
    const argv = ['verify', '--from', `kafka://127.0.0.1:${port}/t-hostile`, '--origin', 'doors.example.com/x'];
    return bench.command([...argv, ...bench.keys], { env: bench.keyEnv, ...(rest !== undefined && { rest }) });
  };
  const rest = await ask(atRest); // the client of Kafka is large by itself
  for (const [way, port] of Object.entries(ways)) {
    const run = await ask(port, rest);
    const isTold = /RESPONSE_MALFORMED[\s\S]*partition 0, offset 0/.test(run.text);
    if (above(run) || run.blockMs - rest.blockMs > LONGEST_BLOCK || !isTold) wrong.push(way);
  }
  return listed(wrong);
};

/** One record of Kafka that is as many lines as it has bytes. */
const recordOfLineEnds: Case = async (bench) => {
  const broker = await bench.kafka();
  const topic = `lines-${process.pid}-${bench.folder().split('/').at(-1)}`;
  await makeTopics(broker, [topic]);
  const key = `${FLEET}/lines`;
  const lines = bench.lines('lines').map((value) => ({ key, value }));
  await produce(broker, topic, lines);
  const argv = ['verify', '--from', `kafka://${broker}/${topic}`, '--origin', key, ...bench.keys];
  const rest = await bench.command(argv, { env: bench.keyEnv });
  await produce(broker, topic, [{ key, value: Buffer.alloc(15_000_000, '\n') }], 'gzip');
  const { code, blockMs } = await bench.command(argv, { env: bench.keyEnv, rest });
  const wrong = code === rest.code ? [] : [`exit ${code}`];
  return listed(blockMs - rest.blockMs > LONGEST_BLOCK ? [...wrong, `blocked for ${blockMs} ms`] : wrong);
};

const oddAnchors: Case = async (bench) => {
  const wrong: string[] = [];
  const anchors = ['anchor'];
  const pipe = { what: 'pipe', path: 'anchor' };
  const before = await bench.sealing([
    { step: 'put', ...pipe },
    { step: 'seal', anchors },
  ]);
  if (before.run.isEndless) wrong.push('a pipe before the start');
  const during = await bench.sealing([{ step: 'seal', anchors, during: pipe }]);
  if (during.run.isEndless) wrong.push('a pipe during the run');
  const link = await bench.sealing([
    { step: 'put', what: 'file', path: 'victim', content: 'mine\n' },
    { step: 'put', what: 'link', path: 'anchor', target: 'victim' },
    { step: 'seal', anchors },
  ]);
  if (readFileSync(join(link.folder, 'victim'), 'utf8') !== 'mine\n') wrong.push("a link to somebody's file");
  return listed(wrong);
};

const credentialsInAddresses: Case = async (bench) => {
  const wrong: string[] = [];
  for (const scheme of ['https', 'HTTPS', 'ftp']) {
    const address = `${scheme}://user:${SECRET}@127.0.0.1:9/p`;
    const { run } = await bench.sealing([{ step: 'seal', anchors: [address] }]);
    const env = { FAPILOG_TAMPER_ANCHORS: address, FAPILOG_TAMPER_KEY: randomBytes(32).toString('hex') };
    const doctor = await bench.command(['doctor', '--file', 'log.jsonl', '--origin', ORIGIN], { env });
    if (run.text.includes(SECRET)) wrong.push(`the sealer with ${scheme}:`);
    if (doctor.text.includes(SECRET)) wrong.push(`doctor with ${scheme}:`);
  }
  return listed(wrong);
};

/** A stranger's transaction that is open hides what stands behind it. */
const openTransaction: Case = async (bench) => {
  const broker = await bench.kafka();
  const topic = `table-${process.pid}-${bench.folder().split('/').at(-1)}`;
  await makeTopics(broker, [topic]);
  const key = `${FLEET}/held`;
  const lines = bench.lines('held');
  const ship = (values: readonly Buffer[]): Promise<number> => produce(broker, topic, values.map((value) => ({ key, value }))); // biome-ignore format: a call
  await ship(lines);
  const stranger = new Producer({
    clientId: 'stranger',
    bootstrapBrokers: [broker],
    transactionalId: topic,
    timeout: 600_000,
    idempotent: true,
    retries: 10,
  });
  const transaction = await stranger.beginTransaction();
  await transaction.send({
    messages: [{ topic, key: Buffer.from('stranger'), value: Buffer.from('x'), partition: 0 }],
    acks: -1,
  });
  await ship([Buffer.from('{"msg":"nothing was ever sealed"}')]);
  const { code } = await bench.command(
    ['verify', '--from', `kafka://${broker}/${topic}`, '--origin', key, ...bench.keys],
    { env: bench.keyEnv },
  );
  await transaction.abort();
  await stranger.close();
  return code === 0 ? 'exit 0 on what was altered' : undefined;
};

const junkInABucket: Case = async (bench) => {
  const party = bench.anchors.bucketParty(`table-${bench.folder().split('/').at(-1)}`, ORIGIN);
  const anchors = [party.name];
  const plant = bench.anchors.onAsked(() => {
    for (let size = 1; size < 200; size++) party.plant('junk', size);
  });
  const { outcomes } = await bench.sealing([
    { step: 'seal', anchors },
    { step: 'copy' },
    { step: 'seal', anchors, lines: 20 },
    { step: 'roll back' },
    { step: 'ask', url: plant },
    { step: 'seal', anchors },
  ]);
  return isStopped(outcomes.at(-1)?.error) ? undefined : 'a log that was rolled back goes on';
};

const unsignedNote: Case = async (bench) => {
  const party = bench.anchors.httpParty(`table-${bench.folder().split('/').at(-1)}`);
  const anchors = [party.name];
  const plant = bench.anchors.onAsked(() => {
    const root = randomBytes(32).toString('base64');
    party.plant(`${ORIGIN}\n1000000\n${root}\n\n— ${ORIGIN} ${randomBytes(68).toString('base64')}\n`, 1_000_000);
  });
  const { outcomes } = await bench.sealing([
    { step: 'seal', anchors },
    { step: 'ask', url: plant },
    { step: 'seal', anchors },
  ]);
  const error = outcomes.at(-1)?.error;
  return error === undefined ? undefined : `an honest start is stopped`;
};

const grownPastTheAnchor: Case = async (bench) => {
  const party = bench.anchors.httpParty(`table-${bench.folder().split('/').at(-1)}`);
  const anchors = [party.name];
  const { outcomes } = await bench.sealing([
    { step: 'seal', anchors },
    { step: 'copy' },
    { step: 'seal', anchors, lines: 20 },
    { step: 'roll back' },
    { step: 'seal', lines: 100 },
    { step: 'seal', anchors },
  ]);
  const last = outcomes.at(-1);
  return last?.error === undefined && last?.warnings.length === 0 ? 'no word of a rollback' : undefined;
};

const folderOverAnObject: Case = async (bench) => {
  const bucket = `table-${bench.folder().split('/').at(-1)}`;
  const party = bench.anchors.bucketParty(bucket, ORIGIN);
  const clean = `${bench.lines('shadowed').join('\n')}\n`;
  party.put('logs/app.jsonl', clean.replace('answered', 'forgotten'));
  party.put('logs/app.jsonl/x', clean);
  const argv = ['verify', `s3://${bucket}/logs/app.jsonl`, '--origin', `${FLEET}/shadowed`, ...bench.keys];
  const env = {
    ...bench.keyEnv,
    AWS_ENDPOINT_URL_S3: bench.anchors.url,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AKIATESTTEST',
    AWS_SECRET_ACCESS_KEY: 'of-no-account',
  };
  const { code } = await bench.command(argv, { env });
  return code === 0 ? 'exit 0 on what was altered' : undefined;
};

const unreadableStray: Case = async (bench) => {
  const folder = bench.folder();
  const text = `${bench.lines('stray').join('\n')}\n`.replace('answered', 'forgotten');
  writeFileSync(join(folder, 'app.jsonl'), text);
  writeFileSync(join(folder, 'a-stray.jsonl'), 'x');
  chmodSync(join(folder, 'a-stray.jsonl'), 0o000);
  const through = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
  const argv = ['verify', folder, '--origin', `${FLEET}/stray`, ...bench.keys];
  const { code } = await bench.command(argv, { env: bench.keyEnv, through });
  return code === 1 ? undefined : `exit ${code} on what was altered`;
};

const redirects: Case = async (bench) => {
  const ways = ['redirect-301', 'redirect-302', 'redirect-303', 'redirect-307', 'redirect-308'];
  await bench.sealing([{ step: 'seal', anchors: ways.map((way) => hostile(bench, way)) }]);
  const answer = await fetch(`http://127.0.0.1:${bench.hostile.port}/followed`);
  return listed(((await answer.json()) as string[]).map((one) => one.slice(1)));
};

const engineFromAbove: Case = async (bench) => {
  const folder = bench.folder();
  const own = join(folder, 'app/node_modules/fapilog-tamper');
  cpSync(join(bench.tree, 'dist'), join(own, 'dist'), { recursive: true });
  cpSync(join(bench.tree, 'package.json'), join(own, 'package.json'));
  const manifest = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(manifest.dependencies)) {
    const place = join(folder, 'app/node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(bench.tree, 'node_modules', name), place);
  }
  for (const library of ['gnu', 'musl']) {
    const planted = join(folder, `node_modules/@fapilog-tamper/engine-${process.platform}-${process.arch}-${library}`);
    mkdirSync(planted, { recursive: true });
    writeFileSync(join(planted, 'package.json'), JSON.stringify({ version: manifest.version }));
    writeFileSync(join(planted, 'engine.node'), 'planted');
  }
  const env = { FAPILOG_TAMPER_ENGINE: 'native' };
  const { text } = await bench.command(['--version', '--verbose'], { env, program: join(own, 'dist/cli/main.js') });
  return /node_modules\/@fapilog-tamper\S*engine\.node|invalid ELF|too short/.test(text) ? 'it is loaded' : undefined;
};

/** Seals what comes through a pipe that stays open. */
async function piped(bench: Bench, flags: readonly string[], env: Readonly<Record<string, string>>): Promise<Run> {
  const argv = ['seal', '--out', 'log.jsonl', '--state-dir', 'state', '--origin', ORIGIN, ...flags];
  return bench.command(argv, {
    env,
    meanwhile: async ({ stdin }, said) => {
      stdin?.write('{"n":1}\n');
      for (let waited = 0; waited < 8_000 && !/warning|[A-Z]+_[A-Z]+/.test(said()); waited += 50) await delay(50);
    },
  });
}

const openPipe: Case = async (bench) => {
  const provider = join(bench.folder(), 'provider.mjs');
  const testing = JSON.stringify(join(bench.tree, 'dist/testing/index.js'));
  writeFileSync(
    provider,
    `import { stdin } from 'node:process';
import { MemoryProvider } from ${testing};
export async function createProvider() { stdin.readableLength; return new MemoryProvider(); }
`,
  );
  const { code, text } = await piped(
    bench,
    ['--key-source', 'custom', '--key-provider-module', provider, '--key-id', 'audit'],
    {},
  );
  return code === 0 ? undefined : `exit ${code}, ${codeIn(text)}`;
};

const tokenFile: Case = async (bench) => {
  const { code, text } = await piped(bench, ['--key-source', 'aws-kms', '--key-id', 'alias/audit'], {
    AWS_REGION: 'eu-west-1',
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/audit',
    AWS_WEB_IDENTITY_TOKEN_FILE: '/nobody/token',
  });
  return code === 70 || text.includes('INTERNAL') ? `exit ${code}, INTERNAL` : undefined;
};

const typedSecrets: Case = async (bench) => {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const body = pem.split('\n')[1] ?? '';
  const wrong: string[] = [];
  for (const argv of [['verify'], ['keys', 'show'], ['doctor'], ['cat']]) {
    const { text } = await bench.command([...argv, pem]);
    if (text.includes(body)) wrong.push(`${argv.join(' ')} with a private key`);
  }
  const key = randomBytes(32).toString('base64');
  for (const flag of ['--origin', '--unwrap', '--vault-token-file', '--aws-region', '--state-dir']) {
    const { text } = await bench.command([flag === '--unwrap' ? 'verify' : 'doctor', flag, key]);
    if (text.includes(key.slice(0, 40))) wrong.push(`${flag} with a data key`);
  }
  return listed(wrong);
};

/** A lock that cannot be renewed any more. */
const lostLock: Case = async (bench) => {
  const broker = await bench.kafka();
  const topic = `lock-${process.pid}-${bench.folder().split('/').at(-1)}`;
  await makeTopics(broker, [topic]);
  const key = `${FLEET}/lock`;
  await produce(broker, topic, bench.lines('lock').map((value) => ({ key, value }))); // biome-ignore format: a call
  const state = join(bench.folder(), 'state');
  const argv = ['verify', '--from', `kafka://${broker}/${topic}`, '--origin', key, '--follow', '--state', state];
  let isAlive = false;
  const { text } = await bench.command([...argv, ...bench.keys], {
    env: bench.keyEnv,
    meanwhile: async (child) => {
      while (!existsSync(join(state, 'state'))) await delay(50);
      renameSync(state, `${state}.away`);
      writeFileSync(state, '');
      await Promise.race([once(child, 'exit'), delay(12_000)]);
      isAlive = child.exitCode === null;
      child.kill('SIGTERM');
    },
  });
  return isAlive || /(?:error|tamper): (?!INTERNAL)[A-Z_]+/.test(text) ? undefined : 'the process ends, uncaught';
};

const listed = (wrong: readonly string[]): string | undefined => (wrong.length === 0 ? undefined : wrong.join('; '));
const codeIn = (text: string): string => /\b[A-Z]+_[A-Z_]+\b/.exec(text)?.[0] ?? 'no code';

/** By the names of the findings that they repeat, and what is read. */
export const cases: Readonly<Record<string, Case>> = {
  R1: hostileAnchors,
  R2: oddAnchors,
  R3: credentialsInAddresses,
  R4: openTransaction,
  R5: junkInABucket,
  R6: unsignedNote,
  R7: grownPastTheAnchor,
  R8: folderOverAnObject,
  R9: unreadableStray,
  R10: redirects,
  R11: engineFromAbove,
  K1: openPipe,
  K2: tokenFile,
  K7: typedSecrets,
  W9: lostLock,
  'records of Kafka that grow': hostileRecords,
  'a record of Kafka of line ends': recordOfLineEnds,
  ...Object.fromEntries(Object.keys(inputs).map((name) => [name, (bench: Bench) => judgeInput(bench, name)])),
};
