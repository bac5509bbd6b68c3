// What a line costs that pino logs to a sealer: lines per second of CPU time of the whole process, all its threads, with each engine
// and with another build, if its `dist` is given; beside pino with a destination that does nothing. Medians; all take turns in every
// round. Every log is verified. Run `npm run build` and `npm run build -- engine` first.
// usage: node bench/pino.mjs [other dist, or - for none] [lines, default 300000] [rounds, default 5] [lines a turn of the event loop, default 100]
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { median } from './lib/median.mjs';

const [otherDist = '-', lines = '300000', rounds = '5', turn = '100'] = process.argv.slice(2);
const WARM = 20_000;
const LINE_BYTES = 280;
const ORIGIN = 'bench.example.com/pino';

if (process.env.PINO_CASE === undefined) await compare();
else await one(JSON.parse(process.env.PINO_CASE));

/** One log, in a process of its own; what it took goes to standard output. */
async function one({ root, way, folder, keyFilePath, count, warm, turn }) {
  const { default: pino } = await import('pino');
  const file = join(folder, 'pino.jsonl');
  const keepAlive = setInterval(() => undefined, 1_000); // pino's worker alone does not
  const options = { file, stateDir: join(folder, 'state'), origin: ORIGIN, keySource: 'file', keyFilePath };
  const { log, flush, close, mayGoOn } = await destination(pino, root, way, options);
  await logLines(log, 0, warm, turn, mayGoOn);
  await flush();
  const before = process.cpuUsage();
  await logLines(log, warm, count, turn, mayGoOn);
  await flush();
  const { user, system } = process.cpuUsage(before);
  await close();
  clearInterval(keepAlive);
  if (root !== undefined) await check(root, file, keyFilePath, warm + count);
  console.log(JSON.stringify({ seconds: (user + system) / 1e6 }));
}

async function destination(pino, root, way, options) {
  const nothing = { flush: async () => undefined, close: async () => undefined, mayGoOn: () => undefined };
  if (root === undefined) return { ...nothing, log: pino({}, { write: () => undefined }) };
  if (way === 'worker') {
    const { observe } = await import(new URL('./transports/pino/index.js', root));
    const transport = pino.transport({ target: new URL('./transports/pino/index.js', root).href, options });
    const log = pino(transport);
    const observed = observe(transport);
    await once(transport, 'ready');
    return {
      log,
      flush: async () => {
        await new Promise((done, failed) => log.flush((error) => (error ? failed(error) : done())));
        await observed.flush();
      },
      close: async () => {
        transport.end();
        await once(transport, 'close');
      },
      mayGoOn: () => (transport.writableNeedDrain ? once(transport, 'drain') : undefined),
    };
  }
  const { createSealer } = await import(new URL('./index.js', root));
  const sealer = createSealer(options);
  await sealer.ready;
  return {
    log: pino({}, way === 'multistream' ? pino.multistream([{ stream: sealer }]) : sealer),
    flush: () => sealer.flush(),
    close: () => sealer.close(),
    mayGoOn: () => undefined,
  };
}

async function logLines(log, from, count, turn, mayGoOn) {
  const message = 'request completed '.repeat(20);
  const rest = message.slice(0, LINE_BYTES - emptyLineBytes());
  for (let at = from; at < from + count; at++) {
    log.info(
      { reqId: `req-${at}`, method: 'POST', url: `/v1/payments/${at}`, statusCode: 201, responseTime: at % 997 },
      rest,
    );
    if (at % turn === turn - 1) {
      await new Promise((done) => setImmediate(done));
      await mayGoOn();
    }
  }
}

/** How long a line is whose message is empty. */
function emptyLineBytes() {
  const members =
    '"reqId":"req-100000","method":"POST","url":"/v1/payments/100000","statusCode":201,"responseTime":500,"msg":""';
  return `{"level":30,"time":${Date.now()},"pid":${process.pid},"hostname":"${hostname()}",${members}}`.length;
}

async function check(root, path, keyFilePath, count) {
  const { auditorKeys, verify } = await import(new URL('./index.js', root));
  const { verdict, streams } = await verify({
    paths: [path],
    origin: ORIGIN,
    keys: auditorKeys({ dataKeyFiles: [keyFilePath] }),
  });
  if (verdict !== 'ok' || streams[0]?.records !== count)
    throw new Error(`${verdict}: ${streams[0]?.records} of ${count} lines`);
}

async function compare() {
  const own = new URL('../dist/index.js', import.meta.url).href;
  const sealers = {
    typescript: { root: own, engine: 'typescript' },
    native: { root: own, engine: 'native' },
    ...(otherDist !== '-' && { other: { root: pathToFileURL(resolve(otherDist, 'index.js')).href } }),
  };
  const cases = new Map([['pino alone', {}]]);
  for (const way of ['in-process', 'multistream', 'worker']) {
    for (const [name, sealer] of Object.entries(sealers)) cases.set(`${way}, ${name}`, { way, ...sealer });
  }
  const taken = new Map([...cases.keys()].map((name) => [name, []]));
  for (let round = 0; round < Number(rounds); round++) {
    for (const [name, how] of cases) taken.get(name).push(run(how));
  }
  const micros = (name) => (median(taken.get(name)) / Number(lines)) * 1e6;
  const alone = micros('pino alone');
  console.log(
    `${lines} lines of ${LINE_BYTES} bytes, ${turn} a turn, medians of ${rounds}; "net": without what pino itself takes`,
  );
  for (const name of cases.keys()) {
    const net = micros(name) - alone;
    const before = `${name.split(', ')[0]}, other`;
    const ratio = cases.has(before)
      ? `  ${(micros(before) / micros(name)).toFixed(2)} times the other's, net ${((micros(before) - alone) / net).toFixed(2)}`
      : '';
    console.log(
      `${name.padEnd(24)} ${String(Math.round(1e3 / micros(name))).padStart(5)}k lines/s  ${micros(name).toFixed(2)} us a line  net ${net.toFixed(2)}${name === 'pino alone' ? '' : ratio}`,
    );
  }
}

/** CPU seconds. */
function run({ root, way, engine }) {
  const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'bench-pino-'));
  try {
    const keyFilePath = join(folder, 'key');
    writeFileSync(keyFilePath, randomBytes(32).toString('hex'), { mode: 0o600 });
    const task = { root, way, folder, keyFilePath, count: Number(lines), warm: WARM, turn: Number(turn) };
    const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], {
      env: {
        PATH: process.env.PATH,
        PINO_CASE: JSON.stringify(task),
        ...(engine && { FAPILOG_TAMPER_ENGINE: engine }),
      },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${way} ended with ${status}: ${stderr}`);
    return JSON.parse(stdout).seconds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
