// What an audit costs as the fleet grows: time, memory and requests, for streams in a folder or in a bucket, the first night, a
// night on which nothing is new and one after every hundredth file was altered. Streams in a bucket are audited on disk too, and
// what is said of them must be the same. Run `npm run build` first.
// usage: node bench/fleet.mjs [streams, default 100,1000,10000] [s3://BUCKET | gs://BUCKET | az://ACCOUNT/CONTAINER]
// The bucket is created in an emulator on this machine, which AWS_ENDPOINT_URL_S3, STORAGE_EMULATOR_HOST or
// AZURE_STORAGE_CONNECTION_STRING leads to; requests are counted on their way to it.
import { deepStrictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createSealer } from '../dist/index.js';
import { bucketAt } from './lib/bucket.mjs';
import { comparable } from './lib/comparable.mjs';
import { countingProxy } from './lib/counting-proxy.mjs';
import { records } from './lib/records.mjs';

const sizes = (process.argv[2] ?? '100,1000,10000').split(',').map(Number);
const bucket = process.argv[3] === undefined ? undefined : bucketAt(process.argv[3]);
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-fleet-'));
const key = join(folder, 'audit.key');
writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 });

/** Calls `work` for 0 to `count` - 1, eight at once. */
async function forEach(count, work) {
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < count; at = next++) await work(at);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

async function makeStreams(count, into) {
  mkdirSync(into, { recursive: true });
  const lines = records(20, 0);
  await forEach(count, async (at) => {
    const origin = `fleet.example.com/host-${String(at).padStart(5, '0')}`;
    const own = join(into, `host-${at}`);
    const options = {
      keySource: 'file',
      keyFilePath: key,
      keyId: 'audit',
      stateDir: join(folder, 'state', `${count}-${at}`),
    };
    const sealer = createSealer({ ...options, file: join(own, 'audit.jsonl'), origin });
    await sealer.ready;
    sealer.write(lines);
    await sealer.close();
    rmSync(options.stateDir, { recursive: true });
  });
}

const logOf = (logs, at) => join(logs, `host-${at}`, 'audit.jsonl');

const upload = (logs, prefix, at) => bucket.put(`${prefix}/host-${at}/audit.jsonl`, readFileSync(logOf(logs, at)));

/** Changes one digit in the middle of every hundredth file, on disk and in the bucket. */
async function alter(count, logs, prefix) {
  await forEach(Math.ceil(count / 100), async (nth) => {
    const bytes = readFileSync(logOf(logs, nth * 100));
    const at = bytes.indexOf('"pid":4711', bytes.length / 2) + '"pid":'.length;
    bytes[at] ^= 1;
    writeFileSync(logOf(logs, nth * 100), bytes);
    if (prefix !== undefined) await upload(logs, prefix, nth * 100);
  });
}

/** One audit in a process of its own. */
async function audit(place, memory, expected, env) {
  const args = [
    'audit',
    place,
    '--origin',
    'fleet.example.com/*',
    '--keys',
    key,
    '--memory',
    memory,
    '--format',
    'json',
  ];
  const began = performance.now();
  const child = spawn(process.execPath, ['--no-warnings', '--import', measuring, program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const out = text(child.stdout);
  child.stderr.setEncoding('utf8').on('data', (chunk) => (said += chunk));
  const [code] = await once(child, 'close');
  const used = /^measured (\d+) (\d+)$/m.exec(said);
  const lines = (await out).trimEnd().split('\n');
  const summary = JSON.parse(lines.at(-1));
  if (code !== expected) throw new Error(`the audit ended with ${code}: ${said}${lines.at(-1)}`);
  const seconds = (performance.now() - began) / 1000;
  const [cpu, megabytes] = [Number(used[1]) / 1e6, Math.round(Number(used[2]) / 1024)];
  return { seconds, cpu, megabytes, summary, results: comparable(lines, place) };
}

const measuring = new URL('lib/measured.mjs', import.meta.url).href;

const head = ['streams', 'where', 'night', 'seconds', 'CPU seconds', 'MB', 'files read', 'LIST', 'GET', 'PUT'];

function row(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

async function night(name, count, places, expected) {
  const said = [];
  for (const { place, where, memory, proxy } of places) {
    if (proxy !== undefined) proxy.reset();
    const env = proxy === undefined ? {} : bucket.through(proxy.url);
    const { seconds, cpu, megabytes, summary, results } = await audit(place, memory, expected, env);
    const { list = '', get = '', put = '' } = proxy?.counts ?? {};
    row(count, where, name, seconds.toFixed(1), cpu.toFixed(1), megabytes, summary.read.files, list, get, put);
    said.push(results);
  }
  const [first, ...others] = said;
  for (const other of others) deepStrictEqual(other, first);
}

try {
  row(...head);
  row(...head.map(() => '---'));
  for (const count of sizes) {
    const logs = join(folder, 'logs', `${count}`);
    const began = performance.now();
    await makeStreams(count, logs);
    const made = performance.now();
    const places = [{ where: 'disk', place: logs, memory: join(folder, `memory-${count}-disk`) }];
    let prefix;
    if (bucket !== undefined) {
      prefix = `fleet-${count}-${randomBytes(3).toString('hex')}`;
      await bucket.create();
      await forEach(count, (at) => upload(logs, prefix, at));
      const [where] = bucket.name.split(':');
      const proxy = await countingProxy(bucket);
      places.push({
        where,
        place: `${bucket.name}/${prefix}`,
        memory: join(folder, `memory-${count}-${where}`),
        proxy,
      });
    }
    const seconds = [made - began, performance.now() - made].map((ms) => (ms / 1000).toFixed(1));
    console.error(
      `${count} streams made in ${seconds[0]} s${bucket === undefined ? '' : `, uploaded in ${seconds[1]} s`}`,
    );
    await night('first', count, places, 0);
    await night('nothing new', count, places, 0);
    await alter(count, logs, prefix);
    await night('one in a hundred altered', count, places, 1);
    for (const { proxy } of places) proxy?.close();
    rmSync(logs, { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true });
}
