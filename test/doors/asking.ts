import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Webhook, WebhookSecret } from '../../src/audit/watch/webhook.ts';
import { createKeyProvider, createSealer } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { createLoopbackCa } from '../servers/loopback-ca.mjs';
import { runCommand } from '../support/command-line.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { signedLog } from '../vectors/logs.ts';

/**
 * Asks a hostile party in every way that it has, through one door, in a process of its own:
 * `node --import ./test/child/typescript.mjs test/doors/asking.ts DOOR HOSTILE`, the second what `hostile-server.mjs` printed. It
 * prints what came of each way and what that took of the process.
 */

/** What stands in requests and must stand in no message. */
export const CANARY = 'c4n4ryS3cr3tOf7heAsk3r';

/** What the hostile server says of itself: its port, and for doors that do not speak HTTP/1 those of each way. */
export interface Hostile {
  readonly port: number;
  readonly ways: readonly string[];
  readonly ports: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

interface Context {
  /** Of the way alone, if the door has such ports. */
  readonly port: number;
  readonly httpPort: number;
  readonly directory: string;
}

/** Resolves to what was said, as a reader of the log or of the error's object sees it. */
type Door = (way: string, context: Context) => Promise<string>;

const said = (error: unknown): string => inspect(error, { depth: 10, showHidden: true, maxStringLength: 20_000 });

const isRefusal = (warning: unknown): boolean => /did not accept/.test(String(warning));

const place = (way: string, { port }: Context): string => `http://127.0.0.1:${port}/try-${way}-end`;

async function command(argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(argv, { env: { ...(process.env as Record<string, string>) } });
  return `exit ${code}\n${stdout}${stderr}`;
}

/** A sealer with one anchor: it asks it at its start, and gives it a checkpoint at its end. */
async function anchored(anchor: string, way: string, { directory }: Context): Promise<string> {
  const provider = new MemoryProvider();
  const sealer = createSealer({
    file: join(directory, `${way}.jsonl`),
    stateDir: join(directory, `${way}.state`),
    origin: `doors.example.com/${way}`,
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'audit',
    keyProvider: provider,
    anchors: [anchor],
  });
  const warnings: unknown[] = [];
  sealer.on('warning', (warning) => warnings.push(warning));
  sealer.write('{"n":1}');
  await sealer.ready;
  await sealer.close();
  await provider.close();
  // what an anchor does after the last checkpoint holds no close() up: it is given up after ten seconds
  for (let waited = 0; waited < 11_000 && !warnings.some(isRefusal); waited += 50) await delay(50);
  return `${warnings.map(said).join('\n')}\nsealed ${sealer.stats.records}`;
}

async function logFile(directory: string, way: string): Promise<string> {
  const path = join(directory, `${way}.log`);
  writeFileSync(
    path,
    Buffer.concat(
      signedLog()
        .toFiles()
        .map(({ bytes }) => bytes),
    ),
  );
  return path;
}

async function keysFrom(options: Parameters<typeof createKeyProvider>[0], keyId: string): Promise<string> {
  const provider = await createKeyProvider(options);
  try {
    await provider.getSigningKey(keyId);
    return 'a key';
  } catch (error) {
    return said(error);
  } finally {
    await provider.close();
  }
}

const googleKey = (name: string): string => `projects/p/locations/l/keyRings/r/cryptoKeys/${name}`;

/** Names a file of credentials whose tokens come from the hostile server, at `path`. */
function googleCredentials({ httpPort, directory }: Context, path: string): void {
  const subject = join(directory, 'subject');
  const file = join(directory, `${path.replaceAll('/', '-')}.json`);
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = file;
  if (existsSync(file)) return;
  writeFileSync(subject, CANARY);
  const credentials = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `http://127.0.0.1:${httpPort}/${path}`,
    credential_source: { file: subject },
  };
  writeFileSync(file, JSON.stringify(credentials));
}

async function googleKms(way: string, context: Context, port: number, path = 'good'): Promise<string> {
  googleCredentials(context, path);
  const keyId = googleKey(`try-${way}-end`);
  return keysFrom({ keySource: 'gcp-kms', keyId, gcpEndpoint: `http://127.0.0.1:${port}` }, keyId);
}

async function azureKeys(name: string, { port }: Context, azureClientId: string): Promise<string> {
  const keyId = `http://127.0.0.1:${port}/keys/${name}`;
  return keysFrom({ keySource: 'azure-keyvault', keyId, azureClientId }, keyId);
}

/** A topic of a broker that is hostile at one point. */
const kafka: Door = (_, { port }) =>
  command([
    'verify',
    '--from',
    `kafka://127.0.0.1:${port}/t-hostile`,
    '--origin',
    'doors.example.com/x',
    '--key-env',
    'KEY',
  ]);

/** Enters jobs of an audit at a Redis. */
const redis: Door = async (way, { port, directory }) => {
  const own = join(directory, way);
  mkdirSync(join(own, 'logs'), { recursive: true });
  const log = join(own, 'logs', 'audit.log');
  copyFileSync(await logFile(directory, way), log);
  const hourAgo = Date.now() / 1_000 - 3_600;
  utimesSync(log, hourAgo, hourAgo);
  const flags = ['--memory', join(own, 'memory'), '--run', join(own, 'run'), '--origin', signedLog().origin];
  const key = join(directory, 'signer.pub');
  writeFileSync(key, `${vkeyOf('doors', edKey)}\n`);
  return command([
    'audit',
    'enqueue',
    join(own, 'logs'),
    ...flags,
    '--public-key',
    key,
    '--redis-url',
    `redis://127.0.0.1:${port}`,
  ]);
};

/** Every door whose address a person names. */
export const doors: Readonly<Record<string, Door>> = {
  'anchor-http': (way, context) => anchored(place(way, context), way, context),
  'anchor-s3': (way, context) => anchored(`s3://try-${way}-end/anchors`, way, context),
  witness: async (way, context) => {
    const log = await logFile(context.directory, way);
    const out = join(context.directory, `${way}.out`);
    const { vkey } = witnessKey('witness.example.com/w1');
    const flags = ['--url', place(way, context), '--witness', vkey, '--out', out];
    return command(['witness', log, '--origin', signedLog().origin, ...flags]);
  },
  timestamp: async (way, context) => {
    const log = await logFile(context.directory, way);
    const ca = join(context.directory, `${way}.pem`);
    writeFileSync(ca, createLoopbackCa().caPem);
    const flags = ['--url', place(way, context), '--tsa-certificate', ca, '--out', join(context.directory, way)];
    return command(['timestamp', log, '--origin', signedLog().origin, ...flags]);
  },
  webhook: async (way, context) => {
    const secret = new WebhookSecret(Buffer.from(CANARY.repeat(2)));
    try {
      const webhook = new Webhook({ url: `${place(way, context)}/${CANARY}`, secret });
      await webhook.send({ id: 'msg_1', body: '{}' }, new AbortController().signal);
      return 'taken';
    } catch (error) {
      return said(error);
    }
  },
  'logs-s3': (way) => command(['verify', `s3://try-${way}-end/logs`, '--origin', 'doors.example.com/x']),
  'logs-gs': (way) => command(['verify', `gs://try-${way}-end/logs`, '--origin', 'doors.example.com/x']),
  'logs-az': (way) => command(['verify', `az://doors/try-${way}-end/logs`, '--origin', 'doors.example.com/x']),
  vault: (way, { port }) =>
    keysFrom(
      {
        keySource: 'vault',
        vaultAddr: `http://127.0.0.1:${port}`,
        vaultPath: `transit/keys/${way}`,
        vaultNamespace: `try-${way}-end`,
      },
      way,
    ),
  'gcp-kms': (way, context) => googleKms(way, context, context.port),
  'gcp-kms-grpc': (way, context) => googleKms(way, context, context.port),
  'gcp-token': (way, context) => googleKms(way, context, context.port, `try-${way}-end`),
  'azure-keyvault': (way, context) => azureKeys(`try-${way}-end`, context, 'good'),
  'azure-keyvault-asked': (way, context) => azureKeys(`asked-try-${way}-end`, context, 'good'),
  'azure-token': (way, context) => azureKeys('asked-try-none-end', context, `try-${way}-end`),
  'kafka-versions': kafka,
  'kafka-metadata': kafka,
  'kafka-offsets': kafka,
  'kafka-records': kafka,
  'kafka-unpacked': kafka,
  'redis-login': redis,
  'redis-commands': redis,
  'aws-kms': (way) => keysFrom({ keySource: 'aws-kms', keyId: `alias/try-${way}-end` }, `alias/try-${way}-end`),
};

/**
 * So many ways are tried at once: most of them wait for a limit of time. The file of credentials is one for the process, and what one
 * answer becomes is bounded, not what all of them become.
 */
const atOnce = (name: string): number =>
  ['gcp-token', 'kafka-unpacked'].includes(name) ? 1 : name.startsWith('kafka') ? 24 : 6;

async function main([name = '', hostile = '']: string[]): Promise<void> {
  const door = doors[name];
  const { port, ways: overHttp, ports } = JSON.parse(hostile) as Hostile;
  const own = ports[name];
  const ways = own === undefined ? overHttp : Object.keys(own);
  if (door === undefined) throw new Error(`no door ${name}`);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST',
    AWS_SECRET_ACCESS_KEY: CANARY,
    AWS_SESSION_TOKEN: CANARY,
    AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=http://127.0.0.1:${port}/doors;AccountName=doors;AccountKey=${Buffer.from(CANARY).toString('base64')}`,
    STORAGE_EMULATOR_HOST: `http://127.0.0.1:${port}`,
    VAULT_TOKEN: CANARY,
    GOOGLE_CLOUD_PROJECT: 'p',
    IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/identity`,
    IDENTITY_HEADER: CANARY,
    AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential',
    REDIS_PASSWORD: CANARY,
    KEY: CANARY.padEnd(32, 'x'),
  });
  const directory = mkdtempSync(join(tmpdir(), 'asking-'));
  try {
    const contextOf = (way: string): Context => ({ port: own?.[way] ?? port, httpPort: port, directory });
    // what is loaded once is no part of an answer
    for (const first of own === undefined ? ['none'] : ['zeros', 'echo'].filter((way) => way in own))
      await door(first, contextOf(first));
    const memory = new Memory();
    const turns = new Turns(memory);
    const results: { way: string; text: string; ms: number }[] = [];
    const left = [...ways];
    const lane = async (): Promise<void> => {
      for (let way = left.shift(); way !== undefined; way = left.shift()) {
        if (atOnce(name) === 1) turns.without(() => memory.rest()); // what one way left behind is no part of the next one
        const began = performance.now();
        const text = await door(way, contextOf(way)).catch((error: unknown) => `thrown ${said(error)}`);
        results.push({ way, text, ms: Math.round(performance.now() - began) });
      }
    };
    await Promise.all(Array.from({ length: atOnce(name) }, lane));
    turns.end();
    const answer = await fetch(`http://127.0.0.1:${port}/followed`);
    const followed: unknown = await answer.json();
    const used = { peakMb: memory.peakMb, blockMs: turns.longest, controlMs: control() };
    process.stdout.write(`${JSON.stringify({ results, followed, ...used })}\n`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** So much garbage may wait, in bytes: how much it is at a time is the engine's mood, and the machine's. */
const GARBAGE = 8e6;

/** The most memory above rest. */
class Memory {
  #rest = 0;
  #peak = 0;
  #collected = 0;

  constructor() {
    this.rest();
  }

  /** From now on what is there is no part of it. */
  rest(): void {
    this.#peak = this.#peakNow();
    global.gc?.();
    this.#rest = process.memoryUsage.rss();
    writeFileSync('/proc/self/clear_refs', '5'); // from now on the kernel counts the peak anew
  }

  /** Collects garbage if there is some. */
  collect(): void {
    if (process.memoryUsage.rss() < this.#collected + GARBAGE) return;
    global.gc?.();
    this.#collected = process.memoryUsage.rss();
  }

  get peakMb(): number {
    return Math.round(this.#peakNow() / 1e6);
  }

  #peakNow(): number {
    return this.#rest === 0 ? 0 : Math.max(this.#peak, peakOf() - this.#rest);
  }
}

/**
 * How long the longest turn of the event loop was, in milliseconds of the processor: what else the machine does meanwhile is no part
 * of it.
 */
class Turns {
  longest = 0;
  #before = process.cpuUsage();
  readonly #memory: Memory;
  #timer = setTimeout(() => this.#again(), 5);

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  #again(): void {
    this.without(() => this.#memory.collect());
    this.#timer = setTimeout(() => this.#again(), 5);
  }

  #count(): void {
    const { user, system } = process.cpuUsage(this.#before);
    this.longest = Math.max(this.longest, Math.round((user + system) / 1_000));
    this.#before = process.cpuUsage();
  }

  /** Does something that is no part of it. */
  without(act: () => void): void {
    this.#count();
    act();
    this.#before = process.cpuUsage();
  }

  end(): void {
    this.#count();
    clearTimeout(this.#timer);
  }
}

/** What this machine takes for a known piece of work, in milliseconds of the processor: ten thousand small objects, read and written. */
function control(): number {
  const text = JSON.stringify(
    Array.from({ length: 10_000 }, (_, at) => ({ at, name: `number ${at}`, of: [at, at + 1] })),
  );
  const took = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    for (let times = 0; times < 5; times++) JSON.stringify(JSON.parse(text));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.round(took.sort((a, b) => a - b)[2] ?? 0);
}

/** The most that this process has held, in bytes. */
function peakOf(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1_024;
}

if (process.argv[1]?.endsWith('asking.ts') === true) await main(process.argv.slice(2));
