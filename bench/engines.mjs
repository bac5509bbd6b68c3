// How fast the commands `seal`, from standard input, and `verify` are with each engine: lines per second of CPU time of the whole
// process, and without its start (that of a run over a thousand lines). Medians; engines take turns in every round.
// Run `npm run build` and `npm run build:engine` first.
// usage: node bench/engines.mjs [lines, default 1000000] [rounds, default 5] [CPU to stay on, default none]
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ceiling, fourHashes } from './lib/ceiling.mjs';
import { record } from './lib/records.mjs';

const lines = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 5);
const cpu = process.argv[4];
const FEW = 1_000;
const LINE_BYTES = 280;
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const measured = fileURLToPath(new URL('./lib/measured.mjs', import.meta.url));
const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'fapilog-tamper-bench-'));
const key = randomBytes(32).toString('hex');
const modes = {
  mac: { env: { FAPILOG_TAMPER_KEY: key }, verify: ['--key-env', 'FAPILOG_TAMPER_KEY'] },
};

function input(count) {
  const file = join(folder, `input-${count}`);
  const out = openSync(file, 'w');
  for (let from = 0; from < count; from += 10_000) {
    const many = Array.from({ length: Math.min(10_000, count - from) }, (_, at) => record(from + at, LINE_BYTES));
    writeSync(out, `${many.join('\n')}\n`);
  }
  closeSync(out);
  return file;
}

/** CPU seconds and the peak in MB of a process. */
function cost(argv, engine, env, stdin) {
  const node = [process.execPath, '--import', measured, program, ...argv];
  const [command, ...args] = cpu === undefined ? node : ['taskset', '-c', cpu, ...node];
  const { status, stderr } = spawnSync(command, args, {
    env: { PATH: process.env.PATH, FAPILOG_TAMPER_ENGINE: engine, ...env },
    stdio: [stdin ?? 'ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  const [, microseconds, kilobytes] = /measured (\d+) (\d+)/.exec(stderr) ?? [];
  if (status !== 0 || microseconds === undefined) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
  return { seconds: microseconds / 1e6, peak: kilobytes / 1024 };
}

function round(engine, { env, verify }, count) {
  const name = `${engine}-${count}`;
  const file = join(folder, `${name}.jsonl`);
  const state = join(folder, `${name}-state`);
  const source = openSync(join(folder, `input-${count}`), 'r');
  try {
    const argv = ['seal', '--quiet', '--out', file, '--origin', 'bench.example.com/engines', '--state-dir', state];
    const sealing = cost(argv, engine, env, source);
    rmSync(`${file}.manifest.json`, { force: true }); // the hashes of the whole file are not what is measured
    const verifying = cost(
      ['verify', file, '--origin', 'bench.example.com/engines', '--quiet', ...verify],
      engine,
      env,
    );
    return { sealing, verifying };
  } finally {
    closeSync(source);
    for (const one of [file, state]) rmSync(one, { recursive: true, force: true });
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const thousands = (value) => `${Math.round(value / 1000)}k/s`.padStart(9);

try {
  for (const count of [FEW, lines]) input(count);
  for (const [mode, how] of Object.entries(modes)) {
    const results = { typescript: [], native: [] };
    const ceilings = [];
    for (let at = 0; at < rounds; at++) {
      ceilings.push(await ceiling(fourHashes, LINE_BYTES + 70));
      for (const engine of Object.keys(results)) {
        results[engine].push({ few: round(engine, how, FEW), all: round(engine, how, lines) });
      }
    }
    for (const [engine, runs] of Object.entries(results)) {
      for (const what of ['sealing', 'verifying']) {
        const whole = median(runs.map(({ all }) => lines / all[what].seconds));
        const net = median(runs.map(({ all, few }) => (lines - FEW) / (all[what].seconds - few[what].seconds)));
        const peak = Math.round(Math.max(...runs.map(({ all }) => all[what].peak)));
        console.log(
          `${what.padEnd(9)} ${mode}  ${engine.padEnd(10)} whole process ${thousands(whole)}   without its start ${thousands(net)}   peak ${peak} MB`,
        );
      }
    }
    console.log(`four hashes of node:crypto, nothing else: ${thousands(median(ceilings))}   medians of ${rounds}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
