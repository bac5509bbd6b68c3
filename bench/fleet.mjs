// What an audit costs as the fleet grows: time, memory and requests, for streams in a folder or in a bucket, the first night and
// a night on which nothing is new. Run `npm run build` first.
// usage: node bench/fleet.mjs [streams, default 100,1000,10000] [s3://BUCKET | gs://BUCKET | az://ACCOUNT/CONTAINER]
// The bucket is created in an emulator on this machine, which AWS_ENDPOINT_URL_S3, STORAGE_EMULATOR_HOST or
// AZURE_STORAGE_CONNECTION_STRING leads to; requests are counted on their way to it.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSealer } from '../dist/index.js';
import { bucketAt } from './lib/bucket.mjs';
import { records } from './lib/records.mjs';

const sizes = (process.argv[2] ?? '100,1000,10000').split(',').map(Number);
const bucket = process.argv[3] === undefined ? undefined : bucketAt(process.argv[3]);
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-fleet-'));
const key = join(folder, 'audit.key');
writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 });

/** Counts requests by what they are for, and passes them on. */
async function countingProxy(target) {
  const counts = { list: 0, get: 0, put: 0, bytes: 0 };
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    if (method !== 'GET') counts.put++;
    else if (bucket.isList(url)) counts.list++;
    else counts.get++;
    const onward = http.request(new URL(url, target), { method, headers, agent }, (reply) => {
      response.writeHead(reply.statusCode, reply.headers);
      reply.on('data', (chunk) => (counts.bytes += chunk.length));
      reply.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, counts, close: () => server.close() };
}

async function makeStreams(count, into) {
  mkdirSync(into, { recursive: true });
  const lines = records(20, 0);
  for (let at = 0; at < count; at++) {
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
    if (at % 1_000 === 999) rmSync(join(folder, 'state'), { recursive: true });
  }
}

async function upload(count, from, prefix) {
  await bucket.create();
  let next = 0;
  const work = async () => {
    for (let at = next++; at < count; at = next++) {
      await bucket.put(`${prefix}/host-${at}/audit.jsonl`, readFileSync(join(from, `host-${at}`, 'audit.jsonl')));
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

/** One audit in a process of its own. */
async function audit(place, memory, env) {
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
  let out = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (out = (out + text).slice(-20_000)));
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const [code] = await once(child, 'close');
  const used = /^measured (\d+) (\d+)$/m.exec(said);
  const summary = JSON.parse(out.trim().split('\n').at(-1));
  if (code !== 0) throw new Error(`the audit ended with ${code}: ${said}${JSON.stringify(summary)}`);
  const seconds = (performance.now() - began) / 1000;
  return { seconds, cpu: Number(used[1]) / 1e6, megabytes: Math.round(Number(used[2]) / 1024), summary };
}

const measuring = new URL('lib/measured.mjs', import.meta.url).href;

function row(night, count, { seconds, cpu, megabytes, summary }, requests) {
  const asked = requests === undefined ? '' : `| ${requests.list} | ${requests.get} | ${requests.put} `;
  console.log(
    `| ${count} | ${night} | ${seconds.toFixed(1)} | ${cpu.toFixed(1)} | ${megabytes} | ${summary.read.files} ${asked}|`,
  );
}

const head = [
  'streams',
  'night',
  'seconds',
  'CPU seconds',
  'MB',
  'files read',
  ...(bucket ? ['LIST', 'GET', 'PUT'] : []),
];
try {
  console.log(`| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|`);
  for (const count of sizes) {
    const logs = join(folder, 'logs', `${count}`);
    await makeStreams(count, logs);
    const proxy = bucket === undefined ? undefined : await countingProxy(bucket.endpoint);
    const prefix = `fleet-${count}-${randomBytes(3).toString('hex')}`;
    if (proxy !== undefined) await upload(count, logs, prefix);
    const place = proxy === undefined ? logs : `${bucket.name}/${prefix}`;
    const memory = join(folder, `memory-${count}`);
    for (const night of ['first', 'nothing new']) {
      if (proxy !== undefined) Object.assign(proxy.counts, { list: 0, get: 0, put: 0, bytes: 0 });
      const env = proxy === undefined ? {} : bucket.through(proxy.url);
      row(night, count, await audit(place, memory, env), proxy?.counts);
    }
    proxy?.close();
    rmSync(logs, { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true });
}
