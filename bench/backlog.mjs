// What a backlog costs: the longest block of the event loop, and the memory above `max_pending_bytes`, while the sink takes
// nothing, ends or is slow. `npm run build` first. argv: lines (1,000,000), bytes of a line (280). As root; a full disk is a small tmpfs.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const LIMIT = { block: 50, memory: 64 };
const PENDING = 134_217_728;
const lines = Number(process.argv[2] ?? 1_000_000);
const pad = 'x'.repeat(Math.max(0, Number(process.argv[3] ?? 280) - 30));

if (process.env.BACKLOG_CASE !== undefined) await measure(JSON.parse(process.env.BACKLOG_CASE));
else await all();

/** One case, in a process of its own; the result goes to standard error, as standard output may be the log. */
async function measure({ file, directory, chunk, obey }) {
  const { createSealer } = await import('../dist/index.js');
  const sealer = createSealer({
    file,
    stateDir: join(directory, 'state'),
    origin: 'bench.example.com/backlog',
    keySource: 'file',
    keyFilePath: join(directory, 'key'),
    maxPendingBytes: PENDING,
  });
  for (const event of ['warning', 'error']) sealer.on(event, () => undefined);
  await sealer.ready.catch(() => undefined); // the pipe may be closed already
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 20; n++) await turn();
  global.gc();
  const idle = await produce(chunk, () => true, turn);
  const before = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const block = await produce(
    chunk,
    async (text) => {
      if (!sealer.write(text) && obey) await new Promise((resolve) => sealer.once('drain', resolve));
    },
    turn,
  );
  clearInterval(watch);
  const { pendingBytes, dropped } = sealer.stats;
  const result = { block, idle, peak: peak - before, pendingBytes, dropped };
  process.stderr.write(`${JSON.stringify(result)}\n`);
  process.kill(process.pid, 'SIGKILL'); // what becomes of the lines is another measurement
}

/**
 * Makes the lines, gives them to somebody, and waits 3 seconds: a sink is tried again and again. Done first for nobody, because
 * text of 40,000 lines costs its producer time and memory too.
 *
 * @returns the longest block of the event loop, in milliseconds
 */
async function produce(chunk, give, turn) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  for (let n = 0; n < lines; ) {
    let text = '';
    for (const end = Math.min(lines, n + chunk); n < end; n++) text += `{"n":${n},"msg":"a line","pad":"${pad}"}\n`;
    await give(text);
    await turn();
  }
  for (const until = performance.now() + 3_000; performance.now() < until; ) await turn();
  histogram.disable();
  return histogram.max / 1e6;
}

async function all() {
  const directory = mkdtempSync(join(tmpdir(), 'bench-backlog-'));
  const disk = join(directory, 'disk');
  execFileSync('mkdir', [disk]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  writeFileSync(join(directory, 'key'), randomBytes(32), { mode: 0o600 });
  let failed = false;
  try {
    for (const [name, file, reader] of [
      ['full disk', join(disk, 'audit.jsonl'), undefined],
      ['closed pipe', '-', 'true'],
      [
        'slow pipe',
        '-',
        `'${process.execPath}' -e 'const b=Buffer.alloc(65536),fs=require("fs");setInterval(()=>fs.readSync(0,b)||process.exit(),20)'`,
      ],
      ['fast pipe', '-', 'cat >/dev/null'],
    ]) {
      for (const chunk of [1, 100, 40_000]) {
        const { block, idle, peak, pendingBytes, dropped } = await one({ file, directory, chunk, obey: false }, reader);
        const memory = (peak - Math.min(PENDING, pendingBytes)) / 1_048_576;
        const bad = block > LIMIT.block + idle || peak > PENDING + LIMIT.memory * 1_048_576;
        failed ||= bad;
        console.log(
          `${name.padEnd(12)} ${String(chunk).padStart(6)} lines a write: longest block ${block.toFixed(0).padStart(4)} ms (idle ${idle.toFixed(0).padStart(3)} ms), ` +
            `${(pendingBytes / 1_048_576).toFixed(0).padStart(4)} MB wait, ${memory.toFixed(0).padStart(4)} MB besides, ${dropped} dropped${bad ? '  TOO MUCH' : ''}`,
        );
      }
    }
  } finally {
    execFileSync('umount', [disk]);
    rmSync(directory, { recursive: true, force: true });
  }
  process.exitCode = failed ? 1 : 0;
}

function one(task, reader) {
  const self = `'${process.execPath}' --expose-gc '${fileURLToPath(import.meta.url)}' ${lines} ${process.argv[3] ?? 280}`;
  const child = spawn('sh', ['-c', reader === undefined ? self : `${self} | ${reader}`], {
    env: { ...process.env, BACKLOG_CASE: JSON.stringify(task) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('close', () => {
      const line = said.split('\n').find((text) => text.startsWith('{"block"'));
      if (line === undefined) reject(new Error(said));
      else resolve(JSON.parse(line));
    });
  });
}
