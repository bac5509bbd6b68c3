// What an audit costs as the fleet grows: time, memory and requests, for streams in a folder or in a bucket, the first night, a
// day later with nothing new and with a file more in every stream (with and without the share that is read again), and after every
// hundredth file was altered. Streams in a bucket are audited on disk too, and what is said of them must be the same. With
// `--other`: the first night alone, in turns with another build. Run `npm run build` first.
// usage: node bench/audit.mjs [streams, default 100,1000,10000] [s3://BUCKET | gs://BUCKET | az://ACCOUNT/CONTAINER]
//   --files N     files of a stream, default 1
//   --other DIST  the dist of another build, on disk alone; five rounds
// The bucket is created in an emulator on this machine, which AWS_ENDPOINT_URL_S3, STORAGE_EMULATOR_HOST or
// AZURE_STORAGE_CONNECTION_STRING leads to; requests are counted on their way to it.
import { deepStrictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createSealer } from '../dist/index.js';
import { bucketAt } from './lib/bucket.mjs';
import { comparable } from './lib/comparable.mjs';
import { countingProxy } from './lib/counting-proxy.mjs';
import { median } from './lib/median.mjs';
import { records } from './lib/records.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { files: { type: 'string', default: '1' }, other: { type: 'string' } },
});
const sizes = (positionals[0] ?? '100,1000,10000').split(',').map(Number);
const bucket = positionals[1] === undefined ? undefined : bucketAt(positionals[1]);
const ROUNDS = 5;
const DAY = 86_400_000;
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

/** Starts each stream, or continues it, with `files` files; the first one is the file that was open. */
async function writeStreams(count, into, files) {
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
    for (let file = 1; file <= files; file++) {
      if (file > 1) await sealer.rotate();
      sealer.write(lines);
    }
    await sealer.close();
  });
}

const logOf = (logs, at) => join(logs, `host-${at}`, 'audit.jsonl');

const uploaded = new Set();

/** Puts what is new or has changed of a stream into the bucket. */
async function upload(logs, prefix, at) {
  for (const name of readdirSync(join(logs, `host-${at}`))) {
    const path = join(logs, `host-${at}`, name);
    const state = `${path} ${statSync(path).mtimeMs}`;
    if (uploaded.has(state)) continue;
    uploaded.add(state);
    await bucket.put(`${prefix}/host-${at}/${name}`, readFileSync(path));
  }
}

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

/** One audit in a process of its own, at a time of ours. */
async function audit(place, memory, expected, { env, time = Date.now(), more = [], by = program } = {}) {
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
    ...more,
  ];
  const began = performance.now();
  const child = spawn(process.execPath, ['--no-warnings', '--import', measuring, by, ...args], {
    env: { ...process.env, ...env, CLOCK: `${time}` },
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

const head = ['streams', 'where', 'night', 'seconds', 'CPU seconds', 'MB', 'files read', 'KB read'];
head.push('LIST', 'GET', 'KB got', 'PUT');

function row(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

const kilobytes = (bytes) => (bytes / 1000).toFixed(0);

/** The same night in every place. `copied`: what it remembers is gone afterwards. */
async function night(name, count, places, expected, { copied = false, ...options } = {}) {
  const said = [];
  for (const { place, where, memory, proxy } of places) {
    proxy?.reset();
    const env = proxy && bucket.through(proxy.url);
    if (copied) cpSync(memory, `${memory}-copy`, { recursive: true });
    const used = copied ? `${memory}-copy` : memory;
    const { seconds, cpu, megabytes, summary, results } = await audit(place, used, expected, { env, ...options });
    if (copied) rmSync(used, { recursive: true });
    const { files, bytes } = summary.read;
    const cells = [seconds.toFixed(1), cpu.toFixed(1), megabytes, files, kilobytes(bytes)];
    const { list, get, got, put } = proxy?.counts ?? {};
    row(count, where, name, ...cells, ...(proxy ? [list, get, kilobytes(got), put] : ['', '', '', '']));
    said.push(results);
  }
  const [first, ...others] = said;
  for (const other of others) deepStrictEqual(other, first);
}

/** The first night of this build and of another, in turns. */
async function compare(count, place) {
  const builds = { 'this build': program, 'the other build': join(resolve(values.other), 'cli/main.js') };
  const taken = Object.fromEntries(Object.keys(builds).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const turns = Object.entries(builds);
    for (const [name, by] of round % 2 === 0 ? turns : turns.reverse()) {
      const memory = join(folder, 'memory-compared');
      const { seconds, cpu, megabytes, summary } = await audit(place, memory, 0, { by });
      rmSync(memory, { recursive: true });
      taken[name].push({ seconds, cpu });
      const { files, bytes } = summary.read;
      row(count, name, 'first', seconds.toFixed(1), cpu.toFixed(1), megabytes, files, kilobytes(bytes), '', '', '', '');
    }
  }
  for (const kind of ['cpu', 'seconds']) {
    const [one, other] = Object.values(taken).map((all) => median(all.map((each) => each[kind])));
    console.log(`\n${kind}: ${one.toFixed(1)} to ${other.toFixed(1)}, ${(one / other).toFixed(2)} times`);
  }
}

try {
  row(...head);
  row(...head.map(() => '---'));
  for (const count of sizes) {
    const logs = join(folder, 'logs', `${count}`);
    const began = performance.now();
    await writeStreams(count, logs, Number(values.files));
    const made = performance.now();
    if (values.other !== undefined) {
      await compare(count, logs);
      continue;
    }
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
    const time = Date.now();
    const later = { time: time + DAY, copied: true };
    const none = { ...later, more: ['--reread-within', 'never'] };
    await night('first', count, places, 0, { time });
    await night('nothing new', count, places, 0, none);
    await night('nothing new, a share again', count, places, 0, later);
    await writeStreams(count, logs, 2);
    if (prefix !== undefined) await forEach(count, (at) => upload(logs, prefix, at));
    await night('a file more', count, places, 0, none);
    await night('a file more, a share again', count, places, 0, { ...later, copied: false });
    await alter(count, logs, prefix);
    await night('one in a hundred altered', count, places, 1, { time: time + DAY });
    for (const { proxy } of places) proxy?.close();
    rmSync(logs, { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true });
}
