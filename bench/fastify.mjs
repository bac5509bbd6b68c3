// A Fastify application under load, with pino's own file transport and with ours, in turns: requests a second, the delay of
// the event loop, and for ours whether every request is in the log.
//   node bench/fastify.mjs [SECONDS of each turn, default 10] [TURNS, default 3] [REQUESTS A SECOND, default as many as it takes]
// As many as it takes keeps three threads and the load generator busy at once: on two cores that measures the machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';
import { auditorKeys, verify } from '../dist/index.js';
import { median } from './lib/median.mjs';

const [seconds = '10', turns = '3', rate] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'fastify-'));
const keyFilePath = join(directory, 'audit.key');
const originOf = (file) => `audit.example.com/fastify/${basename(file)}`;
writeFileSync(keyFilePath, 'ab'.repeat(32), { mode: 0o600 });

const targets = {
  'pino/file': (file) => ({ target: 'pino/file', options: { destination: file } }),
  'fapilog-tamper/pino': (file) => ({
    target: new URL('../dist/transports/pino/index.js', import.meta.url).href,
    options: { file, origin: originOf(file), stateDir: join(directory, 'state'), keySource: 'file', keyFilePath },
  }),
};

const application = `
import { monitorEventLoopDelay } from 'node:perf_hooks';
import fastify from ${JSON.stringify(import.meta.resolve('fastify'))};
const app = fastify({ logger: { transport: JSON.parse(process.argv[1]) } });
app.get('/', async () => ({ hello: 'world' }));
await app.listen({ port: 0, host: '127.0.0.1' });
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
console.log(app.server.address().port);
process.once('SIGTERM', async () => {
  delay.disable();
  const used = process.cpuUsage();
  console.log(JSON.stringify({ p99: delay.percentile(99) / 1e6, cpu: (used.user + used.system) / 1e6 }));
  await app.close();
  process.exit(0);
});
`;

async function turn(name, number) {
  const file = join(directory, `${name.replace('/', '-')}-${number}.jsonl`);
  const argv = ['--input-type=module', '-e', application, JSON.stringify(targets[name](file))];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = (await lines.next()).value;
  const { requests } = await autocannon({
    url: `http://127.0.0.1:${port}/`,
    connections: 50,
    duration: Number(seconds),
    ...(rate && { overallRate: Number(rate) }),
  });
  child.kill('SIGTERM');
  const { p99, cpu } = JSON.parse((await lines.next()).value);
  await once(child, 'close');
  const sealed = name === 'pino/file' ? undefined : await sealedIn(file);
  return { rate: requests.average, p99, cpu: cpu / requests.total, sent: requests.sent, total: requests.total, sealed };
}

/** Each request is two lines. */
async function sealedIn(file) {
  const keys = auditorKeys({ dataKeyFiles: [keyFilePath] });
  const { verdict, streams } = await verify({ paths: [file], origin: originOf(file), keys });
  return { verdict, records: streams[0]?.records };
}

try {
  const results = new Map(Object.keys(targets).map((name) => [name, []]));
  for (let number = 0; number < Number(turns); number++) {
    for (const name of results.keys()) results.get(name).push(await turn(name, number));
  }
  const medians = new Map();
  for (const [name, runs] of results) {
    const row = {
      'requests/s': Math.round(median(runs.map(({ rate }) => rate))),
      'loop delay p99, ms': Number(median(runs.map(({ p99 }) => p99)).toFixed(2)),
      'CPU a request, us': Number((median(runs.map(({ cpu }) => cpu)) * 1e6).toFixed(1)),
    };
    medians.set(name, row);
  }
  console.table(Object.fromEntries(medians));
  const [plain, ours] = [...medians.values()];
  for (const name of Object.keys(ours)) console.log(`${name}: ${(ours[name] / plain[name]).toFixed(3)} of pino/file`);
  for (const { total, sent, sealed } of results.get('fapilog-tamper/pino')) {
    console.log(`${total} answers to ${sent} requests, ${sealed.records} lines sealed, verdict ${sealed.verdict}`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
